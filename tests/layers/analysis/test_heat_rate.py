"""Heat corrected for effort: a raster that says nothing where nobody looked."""

import sqlite3
from datetime import datetime, timedelta
from pathlib import Path
from xml.etree import ElementTree

import geopandas as gpd
import numpy as np
import pytest
import rasterio

from geo import surfaces
from layers import language
from layers.analysis import heat, heat_rate, hotspot_files, hotspots
from layers.analysis.hotspots import Asked
from layers.analysis.questions import Analyst
from layers.field import tracks
from layers.people import Account
from layers.site import Site
from tests.layers.analysis.test_hotspots import report_much_on_one_block, walk_everywhere
from tests.layers.field.test_tracks import along, walk

CLASSES = [(1.0, "less", "#86b3d1"), (float("inf"), "more", "#8f1f2f")]


def test_the_rate_is_count_over_effort_and_the_file_is_a_cog_with_units_and_tags(
    town: Site, inspector: Account, now: datetime
) -> None:
    walk_everywhere(town, inspector, now)
    report_much_on_one_block(town, inspector, now)
    analyst = Analyst(town)
    key, path = heat_rate.file(analyst, Asked(), now)
    assert heat_rate.file(analyst, Asked(), now + timedelta(days=1)) == (key, path)
    with rasterio.open(path) as file:
        assert file.descriptions == ("rate", "effort", "count")
        assert file.units == ("findings per inspected metre", "inspected metres", "findings")
        assert file.nodata == -9999.0
        assert file.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
        tags = file.tags()
    assert {"bandwidth_m", "network", "data", "as_of", "top", "stream"} <= set(tags)
    drawn, _ = surfaces.read(path.read_bytes())
    assert np.nansum(drawn.effort) <= 8000
    assert np.nanmax(drawn.rate) * 1000 == pytest.approx(float(tags["top"]), rel=0.2)


def test_where_nobody_looked_there_is_no_value_and_the_grid_stays_the_same(
    town: Site, inspector: Account, now: datetime
) -> None:
    report_much_on_one_block(town, inspector, now)
    tracks.put(town, inspector, walk(along(800, 0, 800, 80), now), now=now)
    analyst = Analyst(town)
    drawn = heat_rate.surface(analyst, hotspots.find(analyst, Asked()))
    assert drawn.over == heat_rate.grid(town.network.blocks.geometry.to_numpy())
    looked = ~np.isnan(drawn.effort)
    assert 0 < looked.mean() < 0.4
    assert (np.isnan(drawn.rate) == ~looked).all()
    # a street that was walked once with nothing found: zero, not missing
    assert np.nanmin(drawn.rate) == 0
    assert drawn.over.west % heat.CELL_M == drawn.over.north % heat.CELL_M == 0


def test_blocks_and_stretches_go_out_as_a_geopackage_and_what_was_not_observed_has_no_numbers(
    town: Site, inspector: Account, now: datetime, tmp_path: Path
) -> None:
    walk_everywhere(town, inspector, now)
    report_much_on_one_block(town, inspector, now)
    path = tmp_path / "hotspots.gpkg"
    with language.using("en"):
        path.write_bytes(hotspot_files.geopackage(Analyst(town), Asked(), now, CLASSES))
    blocks, stretches = (gpd.read_file(path, layer=name) for name in ("blocks", "stretches"))
    assert len(blocks) == 40
    assert {"ratio", "ratio_low", "ratio_high", "q", "hot", "observed_at_all", "effort_m"} <= set(blocks)
    assert stretches["name"].tolist() == ["光荣道"]
    with sqlite3.connect(path) as file:
        told = dict(file.execute("SELECT table_name, description FROM gpkg_contents").fetchall())
        drawn = dict(file.execute("SELECT f_table_name, styleQML FROM layer_styles").fetchall())
    for name in ("blocks", "stretches"):
        for said in ("as of 2026-08-23", "40 findings", "40 of 40 blocks", "Negative binomial", "q <= 0.05"):
            assert said in told[name]
        assert ElementTree.fromstring(drawn[name]).find("renderer-v2").get("type") == "graduatedSymbol"
    assert len(ElementTree.fromstring(drawn["blocks"]).findall(".//range")) == len(CLASSES)
    long_ago = Asked(until=now - timedelta(days=90))
    path.write_bytes(hotspot_files.geopackage(Analyst(town), long_ago, now, CLASSES))
    unseen = gpd.read_file(path, layer="blocks")
    assert unseen[["ratio", "q"]].isna().all(axis=None)
    assert len(gpd.read_file(path, layer="stretches")) == 0
