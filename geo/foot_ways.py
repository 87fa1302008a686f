"""Streets and pavements as one network of ways on foot: cut where they share a vertex."""

import geopandas as gpd
import numpy as np
import shapely

from geo.errors import MissingColumnError

GRID_M = 0.1
"""Vertices closer than this are one."""


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
