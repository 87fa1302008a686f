"""Hotspots as a GeoPackage: every block with found, expected, ratio, interval and q, and the stretches."""

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import geopandas as gpd

from layers.analysis import hotspots
from layers.analysis.hotspots import Asked

if TYPE_CHECKING:
    from layers.analysis.questions import Analyst

_OF_BLOCK = ["block_id", "name", "class", "length_m"]


def geopackage(analyst: "Analyst", asked: Asked) -> bytes:
    """Return a GeoPackage with the layers `blocks` and `stretches`, in the metres of the site.

    What was not observed has no numbers.  Where findings are set against residents, those of each block are
    there too, and those of each area in the layer `residents_of_areas`.
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
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "hotspots.gpkg"
        blocks.to_file(path, layer="blocks", driver="GPKG")
        stretches.to_file(path, layer="stretches", driver="GPKG")
        if people is not None:
            people.areas.to_crs(network.blocks.crs).to_file(path, layer="residents_of_areas", driver="GPKG")
        return path.read_bytes()
