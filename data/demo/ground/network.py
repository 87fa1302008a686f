"""From crossing lines to a street network whose pieces share their end points exactly."""

from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import shapely
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from data.demo.ground.skeleton import Line
from data.demo.names import pinyin
from data.demo.plane import PLANE, Floats

Ints = NDArray[np.int64]

GRID_M = 0.01
STUB_M = 21.0
CRUMB_M = 2.5

LANES = {"trunk": 3, "trunk_link": 1, "primary": 3, "secondary": 4, "tertiary": 2, "unclassified": 2}
"""Lanes of one street line; the two carriageways of a dual road are two lines."""

WIDTH_M = {
    "trunk": 12.0,
    "trunk_link": 6.0,
    "primary": 11.5,
    "secondary": 15.0,
    "tertiary": 9.0,
    "unclassified": 6.5,
    "residential": 7.0,
    "living_street": 4.5,
    "service": 4.0,
    "track": 3.0,
    "footway": 2.5,
}
RANK = {kind: n for n, kind in enumerate(WIDTH_M)}


@dataclass(frozen=True)
class Network:
    """Streets as pieces between nodes; `edges` has one row a piece, `nodes` one (x, y) a row."""

    edges: gpd.GeoDataFrame
    nodes: Floats

    @property
    def lengths(self) -> Floats:
        """Length of each piece in metres."""
        return np.asarray(shapely.length(self.edges.geometry.to_numpy()))


def join(lines: list[Line], names: dict[int, str]) -> Network:
    """Cut street lines at their intersections; bridges and underpasses meet others at their ends only."""
    lines = [line for line in lines if not line.foot and line.shape.length > 0.5]
    shapes, origin = _noded(lines)
    shapes, origin = _without_stubs(shapes, origin)
    shapes, origin = _without_crumbs(shapes, origin)
    shapes, origin = _largest_part(shapes, origin)
    order = np.lexsort(
        np.round(shapely.get_coordinates(shapely.line_interpolate_point(shapes, 0.5, normalized=True)), 2).T
    )
    return _network(shapes[order], origin[order], lines, names)


def _noded(lines: list[Line]) -> tuple[NDArray[np.object_], Ints]:
    """Return the pieces of all lines and, for each, the number of the line that it is a piece of."""
    layers = np.array([line.layer for line in lines])
    shapes, origins = [], []
    for layer in np.unique(layers):
        numbers = np.flatnonzero(layers == layer)
        raw = np.array([lines[n].shape for n in numbers], dtype=object)
        pieces = shapely.get_parts(shapely.union_all(raw, grid_size=GRID_M))
        found = _origin(pieces, raw, np.array([RANK[lines[n].kind] for n in numbers]))
        shapes.append(_along(pieces, raw[found]))
        origins.append(numbers[found])
    pieces = _simple(np.concatenate(shapes))
    return _with_common_ends(pieces), np.concatenate(origins)


def _origin(pieces: NDArray[np.object_], raw: NDArray[np.object_], rank: Ints) -> Ints:
    """Return for each piece the line it lies on; the widest street where two lie on each other."""
    middles = shapely.line_interpolate_point(pieces, 0.5, normalized=True)
    piece, line = shapely.STRtree(raw).query(middles, predicate="dwithin", distance=0.05)
    order = np.lexsort((line, rank[line], piece))
    piece, first = np.unique(piece[order], return_index=True)
    if len(piece) != len(pieces):
        raise ValueError("a street piece lies on none of the drawn lines")
    return np.asarray(line[order][first])


def _along(pieces: NDArray[np.object_], raw: NDArray[np.object_]) -> NDArray[np.object_]:
    """Turn each piece so that it runs the way of the line it was cut from."""
    first = shapely.line_locate_point(raw, shapely.get_point(pieces, 0))
    second = shapely.line_locate_point(raw, shapely.get_point(pieces, 1))
    return np.where(second < first, shapely.reverse(pieces), pieces)


def _simple(pieces: NDArray[np.object_]) -> NDArray[np.object_]:
    return np.asarray(shapely.simplify(pieces, 0.25))


def ends(pieces: NDArray[np.object_]) -> tuple[Floats, Floats]:
    """Return first and last points of lines."""
    return (
        shapely.get_coordinates(shapely.get_point(pieces, 0)),
        shapely.get_coordinates(shapely.get_point(pieces, -1)),
    )


def _with_common_ends(pieces: NDArray[np.object_]) -> NDArray[np.object_]:
    """Move ends that differ by rounding only onto one another."""
    points = np.unique(np.vstack(ends(pieces)), axis=0)
    pairs = cKDTree(points).query_pairs(0.1, output_type="ndarray")
    return _moved(pieces, points, pairs)


def _without_crumbs(pieces: NDArray[np.object_], origin: Ints) -> tuple[NDArray[np.object_], Ints]:
    """Shrink pieces shorter than `CRUMB_M` to a point where their neighbours meet."""
    first, last, points = nodes_of(pieces)
    short = shapely.length(pieces) < CRUMB_M
    moved = _moved(pieces[~short], points, np.column_stack([first[short], last[short]]))
    keep = shapely.length(moved) > CRUMB_M / 2
    return moved[keep], origin[~short][keep]


def _moved(pieces: NDArray[np.object_], points: Floats, pairs: Ints) -> NDArray[np.object_]:
    """Return the pieces with the ends in each group of paired points moved to the group's first point."""
    graph = coo_matrix((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(len(points), len(points)))
    _, group = connected_components(graph, directed=False)
    _, head = np.unique(group, return_index=True)
    to = {tuple(points[n]): points[head[group[n]]] for n in np.unique(pairs)}
    fixed = []
    for piece in pieces:
        xy = shapely.get_coordinates(piece)
        for n in (0, -1):
            xy[n] = to.get(tuple(xy[n]), xy[n])
        fixed.append(shapely.LineString(xy))
    return np.array(fixed, dtype=object)


def nodes_of(pieces: NDArray[np.object_]) -> tuple[Ints, Ints, Floats]:
    """Return node numbers of both ends and the nodes' places, numbered west to east."""
    start, end = ends(pieces)
    points, number = np.unique(np.vstack([start, end]), axis=0, return_inverse=True)
    number = number.ravel()
    return number[: len(pieces)], number[len(pieces) :], points


def _without_stubs(shapes: NDArray[np.object_], origin: Ints) -> tuple[NDArray[np.object_], Ints]:
    """Remove what overran its crossing: dead ends shorter than `STUB_M`; join nothing else."""
    for _ in range(3):
        first, last, points = nodes_of(shapes)
        degree = np.bincount(np.concatenate([first, last]), minlength=len(points))
        dead = (degree[first] == 1) | (degree[last] == 1)
        keep = ~(dead & (shapely.length(shapes) < STUB_M)) & (
            (first != last) | (shapely.length(shapes) > 40.0)
        )
        if keep.all():
            break
        shapes, origin = shapes[keep], origin[keep]
    return shapes, origin


def _largest_part(shapes: NDArray[np.object_], origin: Ints) -> tuple[NDArray[np.object_], Ints]:
    """Keep the streets that hang together."""
    first, last, points = nodes_of(shapes)
    graph = coo_matrix((np.ones(len(first)), (first, last)), shape=(len(points), len(points)))
    _, label = connected_components(graph, directed=False)
    keep = label[first] == np.bincount(label).argmax()
    return shapes[keep], origin[keep]


def _network(shapes: NDArray[np.object_], origin: Ints, lines: list[Line], names: dict[int, str]) -> Network:
    first, last, points = nodes_of(shapes)
    shapes, origin, first, last = _merged(shapes, origin, first, last, lines)
    like = [lines[n] for n in origin]
    kinds = [line.kind for line in like]
    title = [names.get(line.street, "") for line in like]
    edges = gpd.GeoDataFrame(
        {
            "street": [line.street for line in like],
            "name": title,
            "name_pinyin": [pinyin(name) for name in title],
            "class": kinds,
            "one_way": [line.one_way for line in like],
            "layer": [line.layer for line in like],
            "bridge": [line.bridge for line in like],
            "tunnel": [line.tunnel for line in like],
            "width_m": [WIDTH_M[kind] for kind in kinds],
            "lanes": [LANES.get(kind, 1) for kind in kinds],
            "u": first,
            "v": last,
        },
        geometry=list(shapes),
        crs=PLANE,
    )
    return Network(edges, points)


def _merged(
    shapes: NDArray[np.object_], origin: Ints, first: Ints, last: Ints, lines: list[Line]
) -> tuple[NDArray[np.object_], Ints, Ints, Ints]:
    """Join pieces through nodes where only two pieces of one line meet, head to tail."""
    number = len(shapes)
    degree = np.bincount(np.concatenate([first, last]))
    into = {int(v): n for n, v in enumerate(last)}
    follower = np.full(number, -1)
    for n, u in enumerate(first):
        before = into.get(int(u), -1)
        if degree[u] == 2 and before >= 0 and before != n and lines[origin[before]] == lines[origin[n]]:
            follower[before] = n
    heads = np.setdiff1d(np.arange(number), follower)
    joined, keep, tail = [], [], []
    for head in heads:
        chain = [int(head)]
        while follower[chain[-1]] >= 0:
            chain.append(int(follower[chain[-1]]))
        points = [shapely.get_coordinates(shapes[n])[(0 if k == 0 else 1) :] for k, n in enumerate(chain)]
        joined.append(shapely.LineString(np.vstack(points)))
        keep.append(head)
        tail.append(chain[-1])
    chosen = np.array(keep)
    return np.array(joined, dtype=object), origin[chosen], first[chosen], last[np.array(tail)]
