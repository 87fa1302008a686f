"""Streets and pavements as one network of ways on foot: cut where they share a vertex."""

from collections.abc import Iterable
from typing import Any

import geopandas as gpd
import numpy as np
import shapely
from shapely.ops import substring

from geo.errors import MissingColumnError

GRID_M = 0.1
"""Vertices closer than this are one."""


GAP_M = 0.4
"""A way with a barrier on it ends this far from its other part."""


def barred(line: shapely.LineString, at_m: Iterable[float]) -> list[shapely.LineString]:
    """Return what is left of a way with barriers on it, a part on each side of each.

    Parameters
    ----------
    line : LineString
        In metres.
    at_m : iterable of float
        Where on the line barriers stand, metres from its start.

    Examples
    --------
    >>> [part.wkt for part in barred(shapely.from_wkt("LINESTRING (0 0, 10 0)"), [4.0])]
    ['LINESTRING (0 0, 3.8 0)', 'LINESTRING (4.2 0, 10 0)']
    """
    ends = [0.0]
    for at in sorted(at_m):
        ends += [max(at - GAP_M / 2, 0.0), min(at + GAP_M / 2, line.length)]
    ends.append(line.length)
    pairs = zip(ends[::2], ends[1::2], strict=True)
    left: list[Any] = [substring(line, begin, end) for begin, end in pairs if end - begin > GRID_M]
    return left


def joined(ways: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Return ways cut at every vertex that two of them share, with the nodes at their ends.

    Ways that cross without a shared vertex, such as a footbridge over a road, do not meet.

    Parameters
    ----------
    ways : GeoDataFrame of LineStrings in metres
        `path_id`; other columns are kept.

    Returns
    -------
    GeoDataFrame
        The pieces in the order of the ways, with `start_node` and `end_node`: what `foot_network` takes.

    Raises
    ------
    MissingColumnError

    Examples
    --------
    >>> ways = gpd.GeoDataFrame({"path_id": ["road", "crossing"]}, geometry=shapely.from_wkt(
    ...     ["LINESTRING (0 0, 50 0, 100 0)", "LINESTRING (50 0, 50 9)"]), crs=32650)
    >>> found = joined(ways)
    >>> found["path_id"].tolist(), found.length.tolist()
    (['road', 'road', 'crossing'], [50.0, 50.0, 9.0])
    >>> bool(found["end_node"].iloc[0] == found["start_node"].iloc[2])
    True
    """
    if "path_id" not in ways:
        raise MissingColumnError("ways have no column %(column)s", column="path_id")
    lines = ways.geometry.to_numpy()
    xy, line = shapely.get_coordinates(lines, return_index=True)
    vertex = np.unique(np.round(xy / GRID_M).astype(np.int64), axis=0, return_inverse=True)[1].reshape(-1)
    begins = np.flatnonzero(np.diff(line, prepend=-1))
    ends = np.append(begins[1:], len(line)) - 1
    is_node = np.bincount(vertex, minlength=int(vertex.max(initial=-1)) + 1)[vertex] > 1
    is_node[begins], is_node[ends] = True, True
    at = np.flatnonzero(is_node)
    same = line[at[1:]] == line[at[:-1]]
    first, last = at[:-1][same], at[1:][same]
    pieces = [shapely.LineString(xy[a : b + 1]) for a, b in zip(first.tolist(), last.tolist(), strict=True)]
    out = ways.iloc[line[first]].reset_index(drop=True)
    out["start_node"], out["end_node"] = vertex[first], vertex[last]
    return out.set_geometry(gpd.GeoSeries(pieces, crs=ways.crs))
