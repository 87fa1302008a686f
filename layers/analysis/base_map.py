"""The site's own streets as vector tiles, so that maps need no tile provider.

Three small PMTiles archives per network version: every block with its number (which data is joined to in
the browser), one line per street for its name, and the places that give a map its bearings.
"""

import math
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio
import shapely

# The coarsest and the finest zoom of an archive
Zooms = tuple[int, int]

# Rank of a street class for drawing, the widest first; a class that is not listed is an ordinary street
RANKS = {
    "motorway": 0,
    "trunk": 0,
    "primary": 1,
    "secondary": 2,
    "tertiary": 3,
    "service": 5,
    "track": 6,
    "pedestrian": 6,
    "footway": 6,
    "path": 6,
    "cycleway": 6,
    "steps": 6,
    "bridleway": 6,
    "corridor": 6,
}
ORDINARY_RANK = 4
GROUND_KINDS = ("school", "kindergarten", "primary", "secondary", "college", "park", "hospital", "market")

# At 8,192 steps to a tile of zoom 13 a step is half a metre, of zoom 12 one; closer zooms draw from these
MAX_ZOOM, SIMPLE_MAX_ZOOM = 13, 12
_LOWEST_ZOOM = 5
_NAMES_FROM_ZOOM = 11
_NAME_SIMPLIFIED_M = 5.0
# GDAL drops detail from tiles past 500 kB; a dense city needs more at the low zooms
TILE_LIMITS = {"MAX_SIZE": "6000000", "MAX_FEATURES": "1500000", "EXTENT": "8192", "BUFFER": "320"}
# As many rows take less time to write than another process takes to begin
WRITTEN_AT_ONCE = 4_000
_EQUATOR_M = 40_075_017.0
_WINDOW_PX = 900


def rank(street_class: object) -> int:
    """Return how wide a street of this class is drawn, 0 the widest.

    >>> rank("motorway_link"), rank("residential"), rank("footway"), rank(None)
    (0, 4, 6, 4)
    """
    if not isinstance(street_class, str):
        return ORDINARY_RANK
    return RANKS.get(street_class.removesuffix("_link"), ORDINARY_RANK)


def lowest_zoom(blocks: gpd.GeoDataFrame) -> int:
    """Return the zoom of the coarsest tiles that a map of all blocks in one window needs.

    Each zoom costs as much again to write, and a district is never looked at from afar.
    """
    west, south, east, north = blocks.to_crs(4326).total_bounds
    parallel_m = _EQUATOR_M * math.cos(math.radians((south + north) / 2))
    widest_m = max((east - west) / 360 * parallel_m, (north - south) / 360 * _EQUATOR_M, 1.0)
    fits = math.floor(math.log2(_WINDOW_PX / 256 * parallel_m / widest_m))
    # tiles are drawn at twice their size, and one step back must be possible
    return min(max(fits - 2, _LOWEST_ZOOM), SIMPLE_MAX_ZOOM - 1)


def numbers(blocks: pd.DataFrame) -> pd.Series:
    """Return the number of each block in the tiles, by block id: its place in the order of the ids."""
    ids = np.sort(blocks["block_id"].to_numpy(dtype=str))
    return pd.Series(np.arange(len(ids)), index=ids)


def write_blocks(blocks: gpd.GeoDataFrame, path: Path, max_zoom: int = MAX_ZOOM) -> None:
    """Write every block with its number `n` and rank `c` as PMTiles."""
    tiles = gpd.GeoDataFrame(
        {
            "n": numbers(blocks).loc[blocks["block_id"].to_numpy(dtype=str)].to_numpy(),
            "c": blocks["class"].map(rank).to_numpy(dtype=np.int32),
        },
        geometry=blocks.geometry.to_numpy(),
        crs=blocks.crs,
    )
    _write(tiles.sort_values("c", ascending=False), path, "blocks", (lowest_zoom(blocks), max_zoom))


def write_names(blocks: gpd.GeoDataFrame, path: Path, max_zoom: int = MAX_ZOOM) -> None:
    """Write one line per street with its name: blocks are too short to write along."""
    named = blocks[blocks["name"].notna() & (blocks["name"] != "")]
    which, streets = pd.factorize(pd.MultiIndex.from_frame(named[["street_id", "name"]]))
    order = np.argsort(which, kind="stable")
    parts = shapely.multilinestrings(named.geometry.to_numpy()[order], indices=which[order])
    # straighter than the street, so that a name finds a stretch to stand on
    lines = shapely.simplify(shapely.line_merge(parts), _NAME_SIMPLIFIED_M)
    ranks = named["class"].map(rank).groupby(which).min()
    tiles = gpd.GeoDataFrame(
        {"name": [name for _, name in streets], "c": ranks.to_numpy(dtype=np.int32)},
        geometry=lines,
        crs=blocks.crs,
    )
    _write(tiles.sort_values("c"), path, "names", (_NAMES_FROM_ZOOM, max_zoom))


def write_grounds(grounds: gpd.GeoDataFrame, path: Path, max_zoom: int = MAX_ZOOM) -> None:
    """Write the grounds of key points (campus, park, hospital, market) with `kind` and `name`."""
    columns: dict[str, Any] = {"kind": grounds["kind"].to_numpy(), "name": grounds["name"].to_numpy()}
    tiles = gpd.GeoDataFrame(columns, geometry=grounds.geometry.to_numpy(), crs=grounds.crs)
    _write(tiles, path, "grounds", (_NAMES_FROM_ZOOM, max_zoom))


def _write(tiles: gpd.GeoDataFrame, path: Path, layer: str, zooms: Zooms) -> None:
    """Write the archive beside `path` and move it there whole; nothing where there is nothing to draw."""
    if len(tiles) == 0:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        part = Path(folder) / path.name
        if len(tiles) <= WRITTEN_AT_ONCE:
            write_tiles(tiles.to_crs(4326), part, layer, zooms)
        else:
            _write_apart(tiles.to_crs(4326), part, layer, zooms)
        os.replace(part, path)


def _write_apart(tiles: gpd.GeoDataFrame, path: Path, layer: str, zooms: Zooms) -> None:
    """Write in a process of its own: GDAL keeps the interpreter to itself while it cuts tiles."""
    source = path.with_suffix(".parquet")
    tiles.to_parquet(source)
    command = [sys.executable, "-m", __name__, str(source), str(path), layer, *map(str, zooms)]
    subprocess.run(command, check=True, cwd=Path(__file__).parents[2])  # noqa: S603  our own words


def write_tiles(tiles: gpd.GeoDataFrame, path: Path, layer: str, zooms: Zooms) -> None:
    """Write tiles in degrees as PMTiles."""
    pyogrio.write_dataframe(
        tiles,
        path,
        driver="PMTiles",
        layer=layer,
        geometry_type="Unknown",
        dataset_options={
            "NAME": layer,
            "MINZOOM": str(zooms[0]),
            "MAXZOOM": str(zooms[1]),
            **TILE_LIMITS,
        },
    )


if __name__ == "__main__":
    write_tiles(
        gpd.read_parquet(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], (int(sys.argv[4]), int(sys.argv[5]))
    )
