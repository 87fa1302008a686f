from pathlib import Path

import geopandas as gpd
import numpy as np
import pyogrio
import pytest
import shapely

from geo.blocks import build
from layers.analysis import base_map


@pytest.fixture
def blocks(streets: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    return build(streets, crs="EPSG:4548", source="town")


def read(path: Path, zoom: int = base_map.MAX_ZOOM) -> gpd.GeoDataFrame:
    return pyogrio.read_dataframe(path, ZOOM_LEVEL=zoom)


def test_every_block_is_in_the_tiles_by_its_number(tmp_path: Path, blocks: gpd.GeoDataFrame) -> None:
    path = tmp_path / "blocks.pmtiles"
    base_map.write_blocks(blocks, path)
    for zoom in (base_map.lowest_zoom(blocks), base_map.MAX_ZOOM):
        assert set(read(path, zoom)["n"]) == set(range(len(blocks)))


def test_a_block_lies_where_it_should_within_a_metre(tmp_path: Path, blocks: gpd.GeoDataFrame) -> None:
    path = tmp_path / "blocks.pmtiles"
    base_map.write_blocks(blocks, path)
    number = base_map.numbers(blocks)
    drawn = read(path).to_crs(blocks.crs)
    for block in blocks.itertuples():
        parts = drawn[drawn["n"] == number[block.block_id]].geometry
        assert shapely.hausdorff_distance(shapely.union_all(parts.to_numpy()), block.geometry) < 1.0


def test_numbers_do_not_depend_on_the_order_of_rows(blocks: gpd.GeoDataFrame) -> None:
    shuffled = blocks.sample(frac=1, random_state=1)
    assert base_map.numbers(blocks).to_dict() == base_map.numbers(shuffled).to_dict()


def test_a_street_is_named_once(tmp_path: Path, blocks: gpd.GeoDataFrame) -> None:
    path = tmp_path / "names.pmtiles"
    base_map.write_names(blocks, path)
    assert sorted(set(read(path)["name"])) == sorted(set(blocks["name"].dropna()))


def test_large_archives_cut_in_another_process_are_the_same(
    tmp_path: Path, blocks: gpd.GeoDataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    base_map.write_blocks(blocks, tmp_path / "here.pmtiles")
    monkeypatch.setattr(base_map, "WRITTEN_AT_ONCE", 0)
    base_map.write_blocks(blocks, tmp_path / "apart.pmtiles")
    here, apart = (read(tmp_path / f"{name}.pmtiles") for name in ("here", "apart"))
    assert here.drop(columns="geometry").equals(apart.drop(columns="geometry"))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["apart.pmtiles", "here.pmtiles"]


def test_where_there_is_nothing_to_draw_there_is_no_file(tmp_path: Path) -> None:
    nothing = gpd.GeoDataFrame({"kind": [], "name": []}, geometry=gpd.GeoSeries([], crs=4326))
    base_map.write_grounds(nothing, tmp_path / "grounds.pmtiles")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("side_km", "zoom"), [(0.1, 11), (10, 11), (42, 8), (20_000, 5)])
def test_the_coarsest_zoom_fits_the_city(side_km: float, zoom: int) -> None:
    half = min(side_km * 500, 4_000_000)
    line = shapely.LineString([(500_000 - half, 4_600_000 - half), (500_000 + half, 4_600_000 + half)])
    city = gpd.GeoDataFrame(geometry=np.array([line]), crs="EPSG:32616")
    assert abs(base_map.lowest_zoom(city) - zoom) <= 1
