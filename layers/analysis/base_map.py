"""The site's own streets as vector tiles, so that maps need no tile provider.

Three small PMTiles archives per network version: every block with its number (which data is joined to in
the browser), one line per street for its name, and the places that give a map its bearings.
"""

import os
import tempfile
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio
import shapely

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

# A tile of 16 kilometres holds a whole district at zoom 11; below that a planner reads nothing
MIN_ZOOM, MAX_ZOOM = 8, 14
_NAME_SIMPLIFIED_M = 5.0
# GDAL drops detail from tiles past 500 kB; a dense city needs more at the low zooms
TILE_LIMITS = {"MAX_SIZE": "6000000", "MAX_FEATURES": "1500000", "BUFFER": "160"}


def rank(street_class: object) -> int:
    """Return how wide a street of this class is drawn, 0 the widest.

    >>> rank("motorway_link"), rank("residential"), rank("footway"), rank(None)
    (0, 4, 6, 4)
    """
    if not isinstance(street_class, str):
        return ORDINARY_RANK
    return RANKS.get(street_class.removesuffix("_link"), ORDINARY_RANK)


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
    _write(tiles.sort_values("c", ascending=False), path, "blocks", (MIN_ZOOM, max_zoom))


def write_names(blocks: gpd.GeoDataFrame, path: Path, max_zoom: int = MAX_ZOOM) -> None:
    """Write one line per street with its name: blocks are too short to write along."""
    named = blocks[blocks["name"].notna() & (blocks["name"] != "")]
    ranks = named["class"].map(rank)
    keys = [named["street_id"].to_numpy(), named["name"].to_numpy()]
    lines = named.geometry.groupby(keys).agg(lambda parts: shapely.line_merge(shapely.union_all(list(parts))))
    # straighter than the street, so that a name finds a stretch to stand on
    straight = shapely.simplify(np.array(list(lines), dtype=object), _NAME_SIMPLIFIED_M)
    tiles = gpd.GeoDataFrame(
        {"name": lines.index.get_level_values(1), "c": ranks.groupby(keys).min().to_numpy(dtype=np.int32)},
        geometry=straight,
        crs=blocks.crs,
    )
    _write(tiles.sort_values("c"), path, "names", (11, max_zoom))


def write_grounds(grounds: gpd.GeoDataFrame, path: Path, max_zoom: int = MAX_ZOOM) -> None:
    """Write the grounds of key points (campus, park, hospital, market) with `kind` and `name`."""
    areas = grounds[shapely.get_dimensions(grounds.geometry.to_numpy()) == 2]
    columns: dict[str, Any] = {"kind": areas["kind"].to_numpy(), "name": areas["name"].to_numpy()}
    tiles = gpd.GeoDataFrame(columns, geometry=areas.geometry.to_numpy(), crs=areas.crs)
    _write(tiles, path, "grounds", (11, max_zoom))


def _write(tiles: gpd.GeoDataFrame, path: Path, layer: str, zooms: tuple[int, int]) -> None:
    """Write the archive beside `path` and move it there whole; nothing where there is nothing to draw."""
    if len(tiles) == 0:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        part = Path(folder) / path.name
        pyogrio.write_dataframe(
            tiles.to_crs(4326),
            part,
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
        os.replace(part, path)
