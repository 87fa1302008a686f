"""Where on an outline the shortest walk can begin: points among which its true beginning is.

A walk begins straight to the nearest way.  While a point moves along a straight stretch of the outline and
the nearest segment of a way stays the same, the length of the walk changes linearly or bends downwards, so it
is shortest at an end of the stretch: where the outline turns, where it crosses a way, square to an end of a
segment or to where the walk is to leave it, nearest to a bend or end of a way, and where another way becomes
the nearest.
"""

from typing import Any

import numpy as np
import shapely
from numpy.typing import ArrayLike, NDArray

from geo.footways import SNAP_M, FootNetwork

Floats = NDArray[np.float64]

# How far apart points are at most between which another way is looked for, and how closely the place where it
# becomes the nearest is found, metres
_STEP_M, _CHANGE_M = 10.0, 1e-3


def starts(edge: Any, foot: FootNetwork, across: NDArray[Any] | None = None) -> Floats:
    """Return points on an outline, shape (n, 2), from which a shortest walk begins.

    Parameters
    ----------
    edge : geometry of lines and points in the metres of the network
    foot : FootNetwork
    across : array of LineString, optional
        Lines square to ways through places where walks leave them, see `squares`.

    Examples
    --------
    >>> import geopandas as gpd
    >>> from geo.footways import foot_network
    >>> way = gpd.GeoDataFrame({"path_id": ["a"], "start_node": [1], "end_node": [2]},
    ...     geometry=shapely.from_wkt(["LINESTRING (0 0, 200 0)"]), crs=32650)
    >>> edge, foot = shapely.from_wkt("LINESTRING (96 9, 104 9)"), foot_network(way)
    >>> starts(edge, foot, squares([[97, -4]], foot)).tolist()
    [[96.0, 9.0], [97.0, 9.0], [104.0, 9.0]]
    """
    parts = shapely.get_parts(edge)
    lines = parts[shapely.get_dimensions(parts) == 1]
    found = [_on_line(line, foot, across) for line in lines]
    return np.vstack([shapely.get_coordinates(parts[shapely.get_dimensions(parts) == 0]), *found])


def squares(points: ArrayLike, foot: FootNetwork) -> NDArray[Any]:
    """Return lines through points, shape (n, 2), square to the segment of a way nearest to each."""
    there = np.asarray(shapely.points(np.asarray(points, dtype=float).reshape(-1, 2)))
    point, segment = foot.segments.query_nearest(there, max_distance=SNAP_M, all_matches=False)
    nearest = foot.segments.geometries[segment]
    at = shapely.line_locate_point(nearest, there[point])
    return _square(nearest, shapely.get_coordinates(shapely.line_interpolate_point(nearest, at)))


def _square(segments: NDArray[Any], xy: Floats) -> NDArray[Any]:
    """Return lines square to segments through points on them, as long as one may stand off a way."""
    ends = shapely.get_coordinates(segments).reshape(-1, 2, 2)
    along = (ends[:, 1] - ends[:, 0]) / shapely.length(segments)[:, None]
    aside = SNAP_M * np.column_stack([-along[:, 1], along[:, 0]])
    return np.asarray(shapely.linestrings(np.stack([xy - aside, xy + aside], axis=1)))


def _on_line(line: shapely.LineString, foot: FootNetwork, across: NDArray[Any] | None) -> Floats:
    """Return the points of one line."""
    near = foot.segments.query(line, predicate="dwithin", distance=SNAP_M)
    segments = foot.segments.geometries[near]
    ends = shapely.get_coordinates(segments).reshape(-1, 2, 2)
    cut = [segments, _square(segments, ends[:, 0]), _square(segments, ends[:, 1])]
    cut += [] if across is None else [across]
    met = shapely.get_coordinates(shapely.intersection(line, np.concatenate(cut)))
    xy = np.vstack([met, _nearest(line, np.unique(ends.reshape(-1, 2), axis=0))])
    steps = shapely.get_coordinates(shapely.segmentize(line, _STEP_M))
    at = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(steps, axis=0).T))])
    at = np.unique(np.concatenate([at, shapely.line_locate_point(line, shapely.points(xy))]))
    return np.asarray(shapely.get_coordinates(shapely.line_interpolate_point(line, _changes(line, at, foot))))


def _nearest(line: shapely.LineString, ends: Floats) -> Floats:
    """Return the nearest points of each edge of a line to the ends of segments near it."""
    xy, there = shapely.get_coordinates(line), np.asarray(shapely.points(ends))
    edges = shapely.STRtree(np.asarray(shapely.linestrings(np.stack([xy[:-1], xy[1:]], axis=1))))
    end, edge = edges.query(there, predicate="dwithin", distance=SNAP_M)
    lines = shapely.shortest_line(edges.geometries[edge], there[end])
    return np.asarray(shapely.get_coordinates(lines).reshape(-1, 2, 2)[:, 0])


def _changes(line: shapely.LineString, at: Floats, foot: FootNetwork) -> Floats:
    """Return positions along a line and those between them where the nearest segment changes."""
    while True:
        points = shapely.line_interpolate_point(line, at)
        nearest = np.full(len(at), -1)
        point, segment = foot.segments.query_nearest(points, max_distance=SNAP_M, all_matches=False)
        nearest[point] = segment
        open_ = (nearest[1:] != nearest[:-1]) & (np.diff(at) > _CHANGE_M)
        if not open_.any():
            return at
        at = np.sort(np.concatenate([at, ((at[1:] + at[:-1]) / 2)[open_]]))
