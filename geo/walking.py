"""Walked distance: what can be reached on foot, how far it is, and by which path."""

from dataclasses import dataclass
from typing import Any

import geopandas as gpd
import numpy as np
import shapely
from numba import njit
from numpy.typing import ArrayLike, NDArray
from shapely.ops import substring

from geo.crs import as_pairs
from geo.footways import SNAP_M, FootNetwork, Snapped, foot_network, snap
from geo.matching.kernels import Scratch, scratch_for
from geo.matching.network import Floats, Ints, Streets

__all__ = ["SNAP_M", "FootNetwork", "Reached", "Snapped", "Walks", "foot_network", "reach", "snap", "walk"]


@njit(cache=True, nogil=True)
def _spread(  # noqa: PLR0917
    net: Streets, scratch: Scratch, open_way: NDArray[np.bool_], sources: Ints, costs: Floats, limit: float
) -> int:
    """Run Dijkstra's algorithm from several nodes with a head start each; return how many were touched."""
    far, via, touched = scratch.far, scratch.via, scratch.touched
    keys, nodes = (
        np.empty(len(net.to) + len(sources) + 2),
        np.empty(len(net.to) + len(sources) + 2, dtype=np.int64),
    )
    size, n_touched = 0, 0
    for i in range(len(sources)):
        if costs[i] > limit or costs[i] >= far[sources[i]]:
            continue
        if far[sources[i]] == np.inf:
            touched[n_touched] = sources[i]
            n_touched += 1
        far[sources[i]] = costs[i]
        size = _push(keys, nodes, size, costs[i], sources[i])
    while size > 0:
        key, node = keys[0], nodes[0]
        size = _pop(keys, nodes, size)
        if key > far[node]:
            continue
        for arc in range(net.arc[node], net.arc[node + 1]):
            onward, there = key + net.cost[arc], net.to[arc]
            if not open_way[net.by[arc]] or onward > limit or onward >= far[there]:
                continue
            if far[there] == np.inf:
                touched[n_touched] = there
                n_touched += 1
            far[there] = onward
            via[there] = net.by[arc]
            scratch.from_node[there] = node
            size = _push(keys, nodes, size, onward, there)
    return n_touched


@njit(cache=True, nogil=True)
def _push(keys: Floats, nodes: Ints, size: int, key: float, node: int) -> int:
    """Put a node into the heap; return its new size."""
    hole = size
    while hole > 0 and keys[(hole - 1) // 2] > key:
        keys[hole], nodes[hole] = keys[(hole - 1) // 2], nodes[(hole - 1) // 2]
        hole = (hole - 1) // 2
    keys[hole], nodes[hole] = key, node
    return size + 1


@njit(cache=True, nogil=True)
def _pop(keys: Floats, nodes: Ints, size: int) -> int:
    """Take the first node out of the heap; return its new size."""
    size -= 1
    key, node, hole = keys[size], nodes[size], 0
    while 2 * hole + 1 < size:
        child = 2 * hole + 1
        if child + 1 < size and keys[child + 1] < keys[child]:
            child += 1
        if keys[child] >= key:
            break
        keys[hole], nodes[hole] = keys[child], nodes[child]
        hole = child
    keys[hole], nodes[hole] = key, node
    return size


@dataclass(frozen=True, eq=False)
class Reached:
    """Distances from some points: per node, with the way they came."""

    far: Floats
    via: Ints
    from_node: Ints


def _distances(foot: FootNetwork, origin: Snapped, limit_m: float, open_way: NDArray[np.bool_]) -> Reached:
    """Return the walked distance of every node from the nearest of the points."""
    net, scratch = foot.network.streets, scratch_for(foot.network.streets)
    on = _is_open(origin, open_way)
    piece, at, stub = origin.piece[on], origin.at[on], origin.stub[on]
    sources = np.concatenate([net.start[piece], net.end[piece]])
    costs = np.concatenate([stub + at, stub + net.length[piece] - at])
    _spread(net, scratch, open_way, sources, costs, limit_m)
    return Reached(scratch.far, scratch.via, scratch.from_node)


def _is_open(points: Snapped, open_way: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Tell which points are on a way that is open; there may be no way at all."""
    on = points.piece >= 0
    on[on] = open_way[points.piece[on]]
    return on


def reach(
    gates: ArrayLike, foot: FootNetwork, limit_m: float, *, sure_only: bool = False, snap_m: float = SNAP_M
) -> gpd.GeoDataFrame:
    """Return the stretches of way within a walk of the nearest gate, the last ones cut.

    Parameters
    ----------
    gates : array, shape (n, 2)
        Metres in the CRS of the network.  The straight way from gate to network counts.
    foot : FootNetwork
    limit_m : float
        Longest walk, metres, included.
    sure_only : bool
        Do without crossings that nobody has verified.
    snap_m : float
        Gates farther from every way reach nothing.

    Returns
    -------
    GeoDataFrame
        `path_id, from_m, to_m, geometry`, without overlaps; no rows if no gate is near a way.

    Examples
    --------
    >>> cross = gpd.GeoDataFrame({"path_id": list("ab"), "start_node": [1, 2], "end_node": [2, 3]},
    ...     geometry=shapely.from_wkt(["LINESTRING (0 0, 60 0)", "LINESTRING (60 0, 60 80)"]), crs=32650)
    >>> reach([[50, 0]], foot_network(cross), 30)[["path_id", "from_m", "to_m"]].to_numpy().tolist()
    [['a', 20.0, 60.0], ['b', 0.0, 20.0]]
    """
    origin = snap(gates, foot, snap_m=snap_m)
    open_way = foot.sure if sure_only else np.ones_like(foot.sure)
    far = _distances(foot, origin, limit_m, open_way).far
    net = foot.network.streets
    from_start = np.clip(limit_m - far[net.start], 0.0, net.length)
    from_end = np.clip(limit_m - far[net.end], 0.0, net.length)
    from_start[~open_way], from_end[~open_way] = 0.0, 0.0
    piece = np.concatenate([np.arange(len(net.length))] * 2)
    low = np.concatenate([np.zeros(len(net.length)), net.length - from_end])
    high = np.concatenate([from_start, net.length])
    rest = limit_m - origin.stub
    own = (rest > 0) & _is_open(origin, open_way)
    piece = np.concatenate([piece, origin.piece[own]])
    low = np.concatenate([low, np.maximum(origin.at[own] - rest[own], 0.0)])
    high = np.concatenate([high, np.minimum(origin.at[own] + rest[own], net.length[origin.piece[own]])])
    return _stretches(foot, piece, low, high)


def _stretches(foot: FootNetwork, piece: Ints, low: Floats, high: Floats) -> gpd.GeoDataFrame:
    """Join overlapping stretches of each piece and draw them."""
    some = high > low
    piece, low, high = piece[some], low[some], high[some]
    order = np.lexsort((low, piece))
    joined: list[list[Any]] = []
    for p, a, b in zip(piece[order].tolist(), low[order].tolist(), high[order].tolist(), strict=True):
        if joined and joined[-1][0] == p and a <= joined[-1][2]:
            joined[-1][2] = max(joined[-1][2], b)
        else:
            joined.append([p, a, b])
    rows = foot.pieces.iloc[[p for p, _, _ in joined]]
    offset = rows["offset_m"].to_numpy()
    lines = [substring(line, a, b) for line, (_, a, b) in zip(rows.geometry, joined, strict=True)]
    ends = np.array([[a, b] for _, a, b in joined]).reshape(-1, 2)
    columns = {
        "path_id": rows["path_id"].to_numpy(),
        "from_m": offset + ends[:, 0],
        "to_m": offset + ends[:, 1],
    }
    return gpd.GeoDataFrame(columns, geometry=lines, crs=foot.pieces.crs)


@dataclass(frozen=True, eq=False)
class Walks:
    """Walked distances from the nearest of some origins to each target, infinite beyond the limit.

    `lower_m` uses every way, `upper_m` only verified crossings; `path` is that of `lower_m` (a LineString in
    metres, or None), `sure` tells that it needs no unverified crossing, `needs` names the ways of `path` that
    nobody has verified (a tuple of `path_id`).
    """

    lower_m: Floats
    upper_m: Floats
    path: NDArray[Any]
    sure: NDArray[np.bool_]
    needs: NDArray[Any]


def walk(
    origins: ArrayLike,
    targets: ArrayLike,
    foot: FootNetwork,
    limit_m: float,
    *,
    snap_m: float = SNAP_M,
    goal: ArrayLike | None = None,
) -> Walks:
    """Return how far it is to walk from the nearest origin to each target, and the path.

    The straight ways from the points to the network count, so that a walk is never shorter than the
    straight line.

    Parameters
    ----------
    origins, targets : array, shape (n, 2), (m, 2)
        Metres in the CRS of the network.
    foot : FootNetwork
    limit_m : float
        Longer walks are not looked for.
    snap_m : float
        Points farther from every way are out of reach.
    goal : array of int, shape (m,), optional
        Of what each target is a point: then only the nearest point of each gets a path.

    Examples
    --------
    >>> cross = gpd.GeoDataFrame({"path_id": list("ab"), "start_node": [1, 2], "end_node": [2, 3],
    ...     "crossing": [False, True]},
    ...     geometry=shapely.from_wkt(["LINESTRING (0 0, 60 0)", "LINESTRING (60 0, 60 80)"]), crs=32650)
    >>> found = walk([[50, 2]], [[63, 40]], foot_network(cross), 100)
    >>> found.lower_m.tolist(), found.upper_m.tolist(), found.path[0].length, found.needs[0]
    ([55.0], [inf], 55.0, ('b',))
    """
    start, end = snap(origins, foot, snap_m=snap_m), snap(targets, foot, snap_m=snap_m)
    everything = np.ones_like(foot.sure)
    reached = _distances(foot, start, limit_m, everything)
    lower = _arrivals(foot, start, end, reached, everything)
    upper = _arrivals(foot, start, end, _distances(foot, start, limit_m, foot.sure), foot.sure)
    path = np.full(len(end.piece), None, dtype=object)
    needs = np.full(len(end.piece), None, dtype=object)
    ids, lines = foot.pieces["path_id"].to_numpy(), foot.pieces.geometry.to_numpy()
    direct, nearest = _along(start, end, everything)
    for i in _drawn(lower, limit_m, goal).tolist():
        on_way = (float(direct[i]), int(nearest[i]))
        ends = (as_pairs(origins), as_pairs(targets)[i])
        path[i], over = _path(foot.network.streets, lines, start, end, reached, i, on_way, *ends)
        needs[i] = tuple(dict.fromkeys(ids[piece] for piece in over if not foot.sure[piece]))
    lower[lower > limit_m] = np.inf
    upper[upper > limit_m] = np.inf
    sure = np.isfinite(lower) & (upper <= lower + 1e-6)
    return Walks(lower, upper, path, sure, needs)


def _drawn(lower: Floats, limit_m: float, goal: ArrayLike | None) -> Ints:
    """Return the targets that get a path."""
    near = np.flatnonzero(lower <= limit_m)
    if goal is None:
        return near
    of = np.asarray(goal)
    order = near[np.lexsort((lower[near], of[near]))]
    return order[np.unique(of[order], return_index=True)[1]]


def _arrivals(
    foot: FootNetwork, start: Snapped, goal: Snapped, reached: Reached, open_way: NDArray[np.bool_]
) -> Floats:
    """Return the distance of each target over either end of its way, or along the way of an origin."""
    net = foot.network.streets
    on = _is_open(goal, open_way)
    best = np.full(len(goal.piece), np.inf)
    piece, at, stub = goal.piece[on], goal.at[on], goal.stub[on]
    over_start = reached.far[net.start[piece]] + at
    over_end = reached.far[net.end[piece]] + net.length[piece] - at
    best[on] = np.minimum(over_start, over_end) + stub
    return np.asarray(np.minimum(best, _along(start, goal, open_way)[0]))


def _along(start: Snapped, goal: Snapped, open_way: NDArray[np.bool_]) -> tuple[Floats, Ints]:
    """Return the distance to each target that shares a way with an origin, and that origin."""
    same = (start.piece[:, None] == goal.piece[None, :]) & _is_open(start, open_way)[:, None]
    gap = np.abs(start.at[:, None] - goal.at[None, :]) + start.stub[:, None] + goal.stub[None, :]
    direct = np.where(same, gap, np.inf)
    if not len(start.piece):
        return np.full(len(goal.piece), np.inf), np.full(len(goal.piece), -1, dtype=np.int64)
    nearest = direct.argmin(axis=0)
    return direct[nearest, np.arange(len(goal.piece))], nearest


def _path(  # noqa: PLR0917
    net: Streets,
    lines: NDArray[Any],
    start: Snapped,
    goal: Snapped,
    reached: Reached,
    i: int,
    on_way: tuple[float, int],
    origins: Floats,
    target: Floats,
) -> tuple[shapely.LineString, list[int]]:
    """Return the line walked to target i from its origin, and the pieces it goes over.

    `on_way`: the walk without leaving the target's own way, and from which origin.
    """
    piece, at = int(goal.piece[i]), float(goal.at[i])
    direct, origin = on_way
    over_start = reached.far[net.start[piece]] + at
    over_end = reached.far[net.end[piece]] + net.length[piece] - at
    if direct <= min(over_start, over_end) + goal.stub[i]:
        middle = [substring(lines[piece], float(start.at[origin]), at)]
        return _joined(origins[origin], middle, target), [piece]
    node = int(net.start[piece] if over_start <= over_end else net.end[piece])
    parts = [substring(lines[piece], 0.0 if over_start <= over_end else net.length[piece], at)]
    pieces = [piece]
    while reached.via[node] >= 0:
        by, before = int(reached.via[node]), int(reached.from_node[node])
        parts.append(lines[by] if net.end[by] == node and net.start[by] == before else lines[by].reverse())
        pieces.append(by)
        node = before
    over = np.flatnonzero(start.piece >= 0)
    cost_start = np.where(net.start[start.piece[over]] == node, start.stub[over] + start.at[over], np.inf)
    rest = net.length[start.piece[over]] - start.at[over]
    cost_end = np.where(net.end[start.piece[over]] == node, start.stub[over] + rest, np.inf)
    first = int(np.minimum(cost_start, cost_end).argmin())
    origin, to_start = int(over[first]), bool(cost_start[first] <= cost_end[first])
    own = int(start.piece[origin])
    parts.append(substring(lines[own], float(start.at[origin]), 0.0 if to_start else net.length[own]))
    return _joined(origins[origin], parts[::-1], target), [own, *pieces[::-1]]


def _joined(origin: Floats, parts: list[Any], target: Floats) -> shapely.LineString:
    """Return one line through the parts, from point to point."""
    xy = np.vstack([origin, *(shapely.get_coordinates(part) for part in parts), target])
    fresh = np.ones(len(xy), dtype=bool)
    fresh[1:] = np.hypot(*np.diff(xy, axis=0).T) > 1e-9
    kept = xy[fresh]
    return shapely.LineString(kept if len(kept) > 1 else np.vstack([kept, kept]))
