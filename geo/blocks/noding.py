"""Which vertices of street lines are one place on the network, and where lines must get a vertex."""

from dataclasses import replace

import numpy as np
import shapely
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree
from shapely import STRtree

from geo.blocks.lines import Floats, Ints, Lines

# Equal coordinates after a change of CRS or a rounding in the source
_SAME_M = 0.05
# Sources whose lines mostly meet at shared vertices mean it when two lines only cross
_MEANT = 0.2


def nodes(lines: Lines, snap_m: float, split_crossings: bool | None) -> tuple[Lines, Ints]:
    """Return the lines, with a vertex wherever they meet, and the node of every vertex.

    Shared ids decide where the source has ids.  Else vertices at the same place are one node; an end
    within `snap_m` of another line joins it; lines of one level (layer, bridge, tunnel) that cross
    without a shared vertex are joined if `split_crossings`, or, if that is None, when crossings without a
    vertex are common in the source, which shows that its vertices carry no topology.  Lines of different
    levels stay apart where they only pass over each other.
    """
    if lines.node is not None:
        return lines, _numbered(lines.node)
    lines = _crossings_inserted(lines, split_crossings)
    lines = _touches_inserted(lines, snap_m)
    return lines, _apart_by_level(lines, _joined_ends(lines, _places(lines.xy), snap_m))


def level(lines: Lines) -> Ints:
    """Return one number per line for layer, bridge and tunnel together."""
    own = lines.attributes
    raised = own["bridge"].to_numpy(dtype=np.int64) - own["tunnel"].to_numpy(dtype=np.int64)
    return np.asarray(own["layer"].to_numpy(dtype=np.int64) * 4 + raised)


def _numbered(node: Ints) -> Ints:
    """Give every vertex without an id a number of its own."""
    missing = node < 0
    out = node.copy()
    out[missing] = node.max(initial=-1) + 1 + np.arange(int(missing.sum()))
    return out


def _components(pairs: Ints, n: int) -> Ints:
    """Return the connected component of each of n things."""
    graph = coo_matrix((np.ones(len(pairs), dtype=bool), (pairs[:, 0], pairs[:, 1])), shape=(n, n))
    return np.asarray(connected_components(graph, directed=False)[1], dtype=np.int64)


def _places(xy: Floats) -> Ints:
    """Return the place of each vertex: vertices within a few centimetres are one place."""
    distinct, inverse = np.unique(xy[:, 0] + 1j * xy[:, 1], return_inverse=True)
    tree = cKDTree(np.column_stack([distinct.real, distinct.imag])) if len(distinct) else None
    pairs = tree.query_pairs(_SAME_M, output_type="ndarray") if tree is not None else np.empty((0, 2), int)
    return _components(pairs.reshape(-1, 2), len(distinct))[inverse.reshape(-1)]


def _segments(lines: Lines) -> Ints:
    """Return the first vertex of every two-point segment."""
    last = np.zeros(len(lines.xy), dtype=bool)
    last[lines.first[1:] - 1] = True
    return np.flatnonzero(~last)


def _crossings_inserted(lines: Lines, split_crossings: bool | None) -> Lines:
    """Give both lines a vertex where they cross on one level without one."""
    if split_crossings is False or len(lines.xy) == 0:
        return lines
    place = _places(lines.xy)
    one, two, point = _crossings(lines, place)
    if split_crossings is None and len(one) <= _MEANT * _n_shared(lines, place):
        return lines
    return _inserted(lines, np.concatenate([one, two]), np.concatenate([point, point]))


def _n_shared(lines: Lines, place: Ints) -> int:
    """Count the places where vertices of different lines meet, an interior one among them."""
    pairs = np.unique(np.column_stack([place, lines.line]), axis=0)
    meeting = np.bincount(pairs[:, 0]) > 1
    interior = np.ones(len(place), dtype=bool)
    interior[lines.first[:-1]] = interior[lines.first[1:] - 1] = False
    return int(np.count_nonzero(meeting[np.unique(place[interior])]))


def _crossings(lines: Lines, place: Ints) -> tuple[Ints, Ints, Floats]:
    """Return pairs of segments of one level that meet without a common vertex, and where."""
    start, height, line = _segments(lines), level(lines), lines.line
    ends = np.stack([lines.xy[start], lines.xy[start + 1]], axis=1)
    shapes = np.asarray(shapely.linestrings(ends))
    one, two = STRtree(shapes).query(shapes, predicate="intersects")
    one, two = one[one < two], two[one < two]
    a, b = start[one], start[two]
    apart = (place[a] != place[b]) & (place[a] != place[b + 1])
    apart &= (place[a + 1] != place[b]) & (place[a + 1] != place[b + 1])
    apart &= height[line[a]] == height[line[b]]
    a, b = a[apart], b[apart]
    point, crosses = _intersection(lines.xy, a, b)
    return a[crosses], b[crosses], point[crosses]


def _intersection(xy: Floats, a: Ints, b: Ints) -> tuple[Floats, NDArray[np.bool_]]:
    """Return where segments a and b meet and whether they do so at one point."""
    along, across, gap = xy[a + 1] - xy[a], xy[b + 1] - xy[b], xy[b] - xy[a]
    turn = along[:, 0] * across[:, 1] - along[:, 1] * across[:, 0]
    crosses = np.abs(turn) > 1e-9 * np.hypot(*along.T) * np.hypot(*across.T)
    share = (gap[:, 0] * across[:, 1] - gap[:, 1] * across[:, 0]) / np.where(crosses, turn, 1.0)
    return xy[a] + share[:, None] * along, crosses


def _inserted(lines: Lines, segment: Ints, point: Floats) -> Lines:
    """Return the lines with points put into the segments that begin at the given vertices."""
    if len(segment) == 0:
        return lines
    along = np.hypot(*(point - lines.xy[segment]).T)
    order = np.lexsort((along, segment))
    segment, point = segment[order], point[order]
    line = np.insert(lines.line, segment + 1, lines.line[segment])
    xy = np.insert(lines.xy, segment + 1, point, axis=0)
    counts = np.bincount(line, minlength=len(lines.first) - 1)
    return replace(lines, xy=xy, first=np.concatenate([[0], np.cumsum(counts)]).astype(np.int64))


def _lone_ends(lines: Lines, place: Ints) -> Ints:
    """Return the end vertices at whose place no other vertex lies."""
    ends = np.unique(np.concatenate([lines.first[:-1], lines.first[1:] - 1]))
    return ends[np.bincount(place)[place[ends]] == 1] if len(ends) else ends


def _touches_inserted(lines: Lines, snap_m: float) -> Lines:
    """Give a line a vertex where another line of its level ends on it."""
    if snap_m <= 0 or len(lines.xy) == 0:
        return lines
    ends = _lone_ends(lines, _places(lines.xy))
    start, line, height = _segments(lines), lines.line, level(lines)
    shapes = np.asarray(shapely.linestrings(np.stack([lines.xy[start], lines.xy[start + 1]], axis=1)))
    points = shapely.points(lines.xy[ends])
    which, on = STRtree(shapes).query(points, predicate="dwithin", distance=snap_m)
    end, segment = ends[which], start[on]
    other = (line[end] != line[segment]) & (height[line[end]] == height[line[segment]])
    end, segment = end[other], segment[other]
    gap = np.minimum(_apart(lines.xy, end, segment), _apart(lines.xy, end, segment + 1))
    inner = gap > snap_m
    return _inserted(lines, segment[inner], lines.xy[end[inner]])


def _apart(xy: Floats, one: Ints, other: Ints) -> Floats:
    """Return the distances between vertices."""
    return np.asarray(np.hypot(*(xy[one] - xy[other]).T))


def _joined_ends(lines: Lines, place: Ints, snap_m: float) -> Ints:
    """Return the places with each lone end joined to the nearest vertex of another line within reach."""
    ends = _lone_ends(lines, place)
    if snap_m <= _SAME_M or len(ends) == 0:
        return place
    line, tree = lines.line, cKDTree(lines.xy)
    pairs = []
    for end, near in zip(ends, tree.query_ball_point(lines.xy[ends], snap_m), strict=True):
        others = [at for at in near if line[at] != line[end]]
        if others:
            gaps = _apart(lines.xy, np.full(len(others), end), np.array(others))
            pairs.append((place[end], place[others[int(np.argmin(gaps))]]))
    joined = np.array(pairs, dtype=np.int64).reshape(-1, 2)
    return _components(joined, int(place.max(initial=-1)) + 1)[place]


def _apart_by_level(lines: Lines, place: Ints) -> Ints:
    """Split places where lines of different levels only pass over each other.

    A level stands on its own at a place if a line passes through it there, or at least two lines of the
    level end there.  If a level has one single end, that is a ramp or bridge landing, and all join.
    """
    height, line = level(lines), lines.line
    ends = np.zeros(len(place), dtype=np.int64)
    ends[lines.first[:-1]] = ends[lines.first[1:] - 1] = 1
    key = np.column_stack([place, height[line]])
    stacks, stack = np.unique(key, axis=0, return_inverse=True)
    stack = stack.reshape(-1)
    n_ends = np.bincount(stack, weights=ends)
    lands = (n_ends == 1) & (np.bincount(stack) == 1)
    landing = np.zeros(int(place.max(initial=-1)) + 1, dtype=bool)
    landing[stacks[lands, 0]] = True
    return np.unique(np.where(landing[place], -1 - place, stack), return_inverse=True)[1].reshape(-1)
