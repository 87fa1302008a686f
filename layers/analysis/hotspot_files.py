"""Hotspots as a GeoPackage: every block with found, expected, ratio, interval and q, and the stretches."""

import tempfile
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import geopandas as gpd
import pyogrio

from layers.analysis import hotspots
from layers.analysis.hotspots import ALPHA, RADIUS_M, Asked, Hotspots
from layers.language import gettext
from layers.store import styles

if TYPE_CHECKING:
    from layers.analysis.questions import Analyst

Classes = Sequence[tuple[float, str, str]]
"""Upper bound of the ratio, what it is called, its colour as ``#rrggbb``; from the lowest."""
_OF_BLOCK = ["block_id", "name", "class", "length_m"]
_STRETCH = "#8f1f2f"


def geopackage(analyst: "Analyst", asked: Asked, now: datetime, classes: Classes) -> bytes:
    """Return a GeoPackage with the layers `blocks` and `stretches`, in the metres of the site.

    What was not observed has no numbers.  Where findings are set against residents, those of each block are
    there too, and those of each area in the layer `residents_of_areas`.  Each layer has a description (what
    it is, period, as of, counts, method), and the first two a style for QGIS.
    """
    found, network = hotspots.find(analyst, asked), analyst.site.network
    numbers = found.blocks.drop(columns=["geometry", "block_id"], errors="ignore")
    blocks = network.blocks[[*_OF_BLOCK, "geometry"]].join(numbers, on="block_id")
    stretches = gpd.GeoDataFrame(found.places, crs=network.blocks.crs).assign(
        block_ids=[" ".join(ids) for ids in found.places["block_ids"]]
    )
    people = found.residents
    if people is not None:
        blocks = blocks.assign(residents=people.blocks["exposure"].to_numpy())
    rests = _rests(analyst, asked, found, now)
    layers = {
        "blocks": (blocks, gettext("Blocks: what was found around each against what was to be expected.")),
        "stretches": (stretches, gettext("Flagged blocks joined to stretches, the largest excess first.")),
    }
    if people is not None:
        areas = people.areas.to_crs(network.blocks.crs)
        layers["residents_of_areas"] = (areas, gettext("Residents of each area."))
    drawn = {
        "blocks": styles.by_bounds("ratio", classes),
        "stretches": styles.by_bounds("excess", [(float("inf"), gettext("Hotspot"), _STRETCH)]),
    }
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "hotspots.gpkg"
        for name, (frame, told) in layers.items():
            described = {"IDENTIFIER": name, "DESCRIPTION": f"{told} {rests}"}
            frame.to_file(path, layer=name, driver="GPKG", engine="pyogrio", layer_options=described)
        pyogrio.write_dataframe(styles.rows(drawn), path, layer=styles.TABLE, driver="GPKG")
        return path.read_bytes()


def _rests(analyst: "Analyst", asked: Asked, found: Hotspots, now: datetime) -> str:
    """Return what the numbers rest on, in a sentence or two."""
    zone = analyst.site.settings.zone

    def day(instant: datetime | None) -> str:
        return instant.astimezone(zone).strftime("%Y-%m-%d %H:%M") if instant else "…"

    effort = (
        gettext("declared exposure")
        if found.declared
        else gettext("%(km)s inspected km", km=f"{found.effort_km:.1f}")
    )
    return gettext(
        "Period %(since)s to %(until)s, as of %(now)s; %(n)s findings (stream %(stream)s), %(effort)s, "
        "%(seen)s of %(all)s blocks observed, streets version %(version)s. Negative binomial with estimated "
        "elasticity of effort, neighbourhoods of %(radius)s m along the streets, hot where q <= %(alpha)s.",
        since=day(asked.since),
        until=day(asked.until),
        now=day(now),
        n=len(found.findings),
        stream=asked.stream,
        effort=effort,
        seen=found.n_observed,
        all=len(found.blocks),
        version=analyst.site.network.version,
        radius=f"{RADIUS_M:g}",
        alpha=f"{ALPHA:g}",
    )
