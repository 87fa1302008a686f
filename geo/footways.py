"""The foot network: ways that can be walked, cut at barriers, and where points meet them."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import ArrayLike, NDArray
from shapely.ops import substring

from geo.crs import as_pairs
from geo.errors import GeoError, MissingColumnError
from geo.matching.kernels import candidates, scratch_for
from geo.matching.network import Floats, Ints, Network, network

SNAP_M = 50.0
"""A gate or door farther from every way is not on the network."""
# A barrier stands on the ways within a centimetre of it: nobody draws either of them more exactly, and on a
# slanting line no point lies but by chance
_MEETS_M = 0.01


@dataclass(frozen=True, eq=False)
class FootNetwork:
    """Ways for people on foot, cut where a barrier stands.

    Attributes
    ----------
    network : Network
        The pieces that are left; its block ids are row numbers of `pieces`.
    pieces : GeoDataFrame
        `path_id` (the way it belongs to), `offset_m` (where on it the piece begins), `geometry`.
    sure : array of bool
        False for crossings that nobody has verified.
    checked : bool
        Whether somebody vouches that no crossing, passage or barrier is missing.  Only then does a long
        walk prove that there is no shorter one.
    version : str
        Of the network, for the record.
    """

    network: Network
    pieces: gpd.GeoDataFrame
    sure: NDArray[np.bool_]
    checked: bool
    version: str

    @cached_property
    def segments(self) -> shapely.STRtree:
        """The straight segments of all pieces, to be found by place."""
        xy, piece = shapely.get_coordinates(self.pieces.geometry.to_numpy(), return_index=True)
        inside = (piece[1:] == piece[:-1]) & (xy[1:] != xy[:-1]).any(axis=1)
        return shapely.STRtree(shapely.linestrings(np.stack([xy[:-1], xy[1:]], axis=1)[inside]))


def foot_network(
    paths: gpd.GeoDataFrame,
    barriers: gpd.GeoDataFrame | None = None,
    *,
    checked: bool = False,
    version: str = "",
) -> FootNetwork:
    """Return the ways that can be walked, cut at barriers.

    Parameters
    ----------
    paths : GeoDataFrame of LineStrings in metres
        `block_id` (or `path_id`), `start_node, end_node`; optional `crossing` and `verified` (bool): a
        crossing counts as sure once it is verified.  Directions of traffic do not matter.
    barriers : GeoDataFrame in the same CRS, optional
        Fences, medians, closed gates; lines, points or areas.  A way ends where it meets one, a centimetre
        before it; at a junction all its ways do.
    checked : bool
        Whether crossings and barriers were checked on site, all of them.
    version : str

    Raises
    ------
    MissingColumnError, GeometryKindError, NoCRSError

    Examples
    --------
    >>> road = gpd.GeoDataFrame({"path_id": ["p"], "start_node": [1], "end_node": [2]},
    ...     geometry=[shapely.LineString([(0, 0), (100, 0)])], crs=32650)
    >>> fence = gpd.GeoDataFrame(geometry=[shapely.LineString([(40, -5), (40, 5)])], crs=32650)
    >>> foot_network(road, fence).pieces.length.tolist()
    [39.99, 59.99]
    """
    name = "path_id" if "path_id" in paths else "block_id"
    for column in (name, "start_node", "end_node"):
        if column not in paths:
            raise MissingColumnError("paths have no column %(column)s", column=column)
    if barriers is not None and len(barriers) and barriers.crs != paths.crs:
        raise GeoError("paths and barriers are in different reference systems")
    pieces = _cut(paths.rename(columns={name: "path_id"}), barriers)
    ready = network(pieces.assign(block_id=np.arange(len(pieces))), on_foot=True)
    yes = pd.Series(True, index=pieces.index)
    sure = ~pieces.get("crossing", ~yes).fillna(False).astype(bool)
    sure |= pieces.get("verified", ~yes).fillna(False).astype(bool)
    return FootNetwork(ready, pieces, sure.to_numpy(), checked, version)


def _cut(paths: gpd.GeoDataFrame, barriers: gpd.GeoDataFrame | None) -> gpd.GeoDataFrame:
    """Cut ways where they meet a barrier; the new ends are dead ends."""
    whole = (
        paths.reset_index(drop=True).assign(offset_m=0.0).astype({"start_node": object, "end_node": object})
    )
    if barriers is None or not len(barriers):
        return whole
    fence = shapely.union_all(shapely.buffer(barriers.geometry.to_numpy(), _MEETS_M))
    shapely.prepare(fence)
    touched = np.flatnonzero(shapely.intersects(fence, whole.geometry.to_numpy()))
    parts = [whole.drop(index=touched)]
    parts += [_pieces(whole, row, fence) for row in touched.tolist()]
    return pd.concat(parts, ignore_index=True)


def _pieces(whole: gpd.GeoDataFrame, row: int, fence: Any) -> gpd.GeoDataFrame:
    """Return rows for what is left of a way, each end a node of its own unless it is the way's end."""
    line = whole.geometry[row]
    left = _left_over(line, fence)
    out = whole.iloc[[row] * len(left)].copy()
    first, last = whole["start_node"][row], whole["end_node"][row]
    out["start_node"] = [first if a == 0.0 else f"{row}/{i}a" for i, (a, _) in enumerate(left)]
    out["end_node"] = [last if b == line.length else f"{row}/{i}b" for i, (_, b) in enumerate(left)]
    out["offset_m"] = [a for a, _ in left]
    return out.set_geometry([substring(line, a, b) for a, b in left], crs=whole.crs)


def _left_over(line: shapely.LineString, fence: Any) -> list[tuple[float, float]]:
    """Return from where to where a line is clear of the barriers, metres along it.

    Segment by segment, because a way may cross itself or end where it began.
    """
    xy = shapely.get_coordinates(line)
    begin = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(xy, axis=0).T))])
    met = shapely.intersection(shapely.linestrings(np.stack([xy[:-1], xy[1:]], axis=1)), fence)
    parts, segment = shapely.get_parts(met, return_index=True)
    low = begin[segment] + shapely.distance(shapely.points(xy[segment]), parts)
    left, at = [], 0.0
    for a, b in sorted(zip(low.tolist(), (low + shapely.length(parts)).tolist(), strict=True)):
        if a - at > _MEETS_M:
            left.append((at, a))
        at = max(at, b)
    return [*left, (at, line.length)] if line.length - at > _MEETS_M else left


@dataclass(frozen=True, eq=False)
class Snapped:
    """Points on the network: piece (-1: none near), chainage on it and distance from it."""

    piece: Ints
    at: Floats
    stub: Floats


def snap(points: ArrayLike, foot: FootNetwork, *, snap_m: float = SNAP_M) -> Snapped:
    """Return where points, shape (n, 2) in metres, meet the network."""
    xy = as_pairs(points)
    net, scratch = foot.network.streets, scratch_for(foot.network.streets)
    piece = np.full(len(xy), -1, dtype=np.int64)
    at, stub = np.full(len(xy), np.nan), np.full(len(xy), np.inf)
    block, vertex = np.empty(1, dtype=np.int64), np.empty(1, dtype=np.int64)
    where, away = np.empty(1), np.empty(1)
    for i, (x, y) in enumerate(xy.tolist()):
        if candidates(net, scratch, x, y, snap_m, block, where, away, vertex):
            piece[i], at[i], stub[i] = block[0], where[0], abs(away[0])
    return Snapped(piece, at, stub)
