"""Blocks as things with names: direction, ids, streets and corridors that no row order changes."""

from collections.abc import Sequence
from hashlib import blake2b

import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from shapely import STRtree

from geo.blocks.chains import Pieces
from geo.blocks.lines import Floats, Ints
from geo.names import NameTable, normalise

# A vertex that strays less than this from the straight line carries no shape, only rows of numbers
_STRAIGHT_M = 0.05
# Vertices closer than this inside a line are one
_VERTEX_M = 0.5
# Roughly parallel: chords within 30 degrees
_PARALLEL = float(np.cos(np.radians(30)))
# Unnamed blocks belong to one stroke while they bend less than this (Tripathy et al. 2021)
_STROKE = float(np.cos(np.radians(45)))


def canonical(pieces: Pieces) -> Pieces:
    """Draw every block from the end with the smaller (x, y), without vertices that carry no shape."""
    pieces = _rings_turned(pieces)
    back = _drawn_backwards(pieces.shape)
    shape = np.where(back, shapely.reverse(pieces.shape), pieces.shape)
    shape = _without_idle_vertices(shape)
    one_way = np.where(back, -1, 1) * pieces.attributes["one_way"].to_numpy(dtype=np.int64)
    return Pieces(
        shape,
        np.where(back, pieces.end, pieces.start),
        np.where(back, pieces.start, pieces.end),
        pieces.attributes.assign(one_way=one_way.astype(np.int8)),
    )


def _without_idle_vertices(shape: NDArray[np.object_]) -> NDArray[np.object_]:
    """Drop vertices on the straight line and vertices that repeat their neighbour, never the ends."""
    straight = np.asarray(shapely.simplify(shape, _STRAIGHT_M, preserve_topology=True), dtype=object)
    spaced = np.asarray(shapely.remove_repeated_points(straight, _VERTEX_M), dtype=object)
    lost = shapely.is_empty(spaced) | (shapely.length(spaced) == 0) | ~shapely.is_valid(spaced)
    return np.where(lost, straight, spaced).reshape(-1)


def _rings_turned(pieces: Pieces) -> Pieces:
    """Let rings that hang on no junction begin at their smallest vertex."""
    shape = pieces.shape.copy()
    for at in _loose_rings(pieces):
        ring = shapely.get_coordinates(shape[at])[:-1]
        first = np.lexsort((ring[:, 1].round(1), ring[:, 0].round(1)))[0]
        ring = np.roll(ring, -first, axis=0)
        shape[at] = shapely.linestrings(np.concatenate([ring, ring[:1]]))
    return Pieces(shape, pieces.start, pieces.end, pieces.attributes)


def _loose_rings(pieces: Pieces) -> Ints:
    """Return which pieces are rings that hang on no junction."""
    degree = np.bincount(np.concatenate([pieces.start, pieces.end]), minlength=1)
    return np.flatnonzero((pieces.start == pieces.end) & (degree[pieces.start] == 2))


def _drawn_backwards(shape: NDArray[np.object_]) -> NDArray[np.bool_]:
    """Tell which lines must be turned round; for loops the second vertex from each end decides."""
    first, last = _vertex(shape, 0), _vertex(shape, -1)
    loop = (first == last).all(axis=1)
    first, last = (
        np.where(loop[:, None], _vertex(shape, 1), first),
        np.where(loop[:, None], _vertex(shape, -2), last),
    )
    level = last[:, 0] == first[:, 0]
    return np.asarray((last[:, 0] < first[:, 0]) | (level & (last[:, 1] < first[:, 1])))


def _vertex(shape: NDArray[np.object_], at: int) -> Floats:
    """Return one vertex of each line, rounded to 0.1 m."""
    return shapely.get_coordinates(shapely.get_point(shape, at)).reshape(-1, 2).round(1)


def digest(text: str) -> str:
    """Return 16 hexadecimal digits that stand for a text."""
    return blake2b(text.encode(), digest_size=8).hexdigest()


def node_ids(blocks: Pieces, position: Floats, names: NDArray[np.object_] | None) -> dict[int, str]:
    """Return an id per node: of its name in the source, else of its place.

    Nodes one above the other (a bridge and the street below) are told apart by their order.  A ring that
    hangs on no junction has its node at its first vertex, wherever the source began to draw it.
    """
    loose = _loose_rings(blocks)
    place = position.copy()
    place[blocks.start[loose]] = shapely.get_coordinates(shapely.get_point(blocks.shape[loose], 0))
    drawn_from = set(blocks.start[loose].tolist())
    out: dict[int, str] = {}
    times: dict[str, int] = {}
    for at in np.unique(np.concatenate([blocks.start, blocks.end])).tolist():
        if names is not None and at not in drawn_from:
            out[at] = digest(f"node {names[at]}")
            continue
        text = _decimetres(place[at])
        times[text] = times.get(text, 0) + 1
        out[at] = digest(f"{text} {times[text]}")
    return out


def _decimetres(xy: Floats) -> str:
    """Write coordinates as whole decimetres."""
    return " ".join(map(str, np.rint(xy * 10).astype(np.int64).reshape(-1).tolist()))


def block_ids(blocks: Pieces, nodes: dict[int, str], source: str) -> list[str]:
    """Return the id of each block: a hash of source, end nodes and the line rounded to 0.1 m."""
    coordinates, at = shapely.get_coordinates(blocks.shape, return_index=True)
    rows = np.split(np.rint(coordinates * 10).astype(np.int64), np.flatnonzero(np.diff(at)) + 1)
    ends = zip(blocks.start.tolist(), blocks.end.tolist(), strict=True)
    texts = [
        "|".join([source, *sorted((nodes[a], nodes[b])), row.tobytes().hex()])
        for (a, b), row in zip(ends, rows, strict=False)
    ]
    return [digest(text) for text in _told_apart(texts, blocks)]


def _told_apart(texts: list[str], blocks: Pieces) -> list[str]:
    """Tell equal texts (stacked carriageways) apart by a number in the order of their attributes."""
    own = blocks.attributes
    frame = pd.DataFrame({"text": texts, "level": own["layer"], "name": own["name"], "class": own["class"]})
    order = frame.sort_values(list(frame.columns), kind="stable")
    number = order.groupby("text").cumcount().reindex(frame.index)
    return [text if not n else f"{text}|{n}" for text, n in zip(texts, number, strict=True)]


def groups(pairs: Ints, ids: Sequence[str]) -> list[str]:
    """Return for each block the smallest id among the blocks that it is connected with by pairs."""
    n = len(ids)
    graph = coo_matrix((np.ones(len(pairs), dtype=bool), (pairs[:, 0], pairs[:, 1])), shape=(n, n))
    member = connected_components(graph, directed=False)[1]
    order = sorted(range(n), key=ids.__getitem__)
    smallest = dict(zip(member[order[::-1]].tolist(), reversed(order), strict=True))
    return [ids[smallest[own]] for own in member.tolist()]


def street_ids(blocks: Pieces, ids: Sequence[str], table: NameTable | None) -> list[str]:
    """Return the street of each block: its name in its area, unnamed ones by strokes."""
    own = blocks.attributes
    keys = own["name"].map({name: normalise(name, table) for name in own["name"].unique()})
    unnamed = np.flatnonzero((keys == "").to_numpy())
    stroke = dict(
        zip(
            unnamed.tolist(),
            groups(_stroke_pairs(blocks, unnamed), [ids[i] for i in unnamed.tolist()]),
            strict=True,
        )
    )
    return [
        digest(f"stroke {stroke[i]}") if i in stroke else digest(f"street {key} | {area}")
        for i, (key, area) in enumerate(zip(keys, own["area"], strict=True))
    ]


def _stroke_pairs(blocks: Pieces, which: Ints) -> Ints:
    """Return pairs (positions in `which`) of unnamed blocks that continue each other across a node.

    At each node the straightest pair is taken first (COINS, Tripathy et al. 2021).
    """
    node, block, bearing = _ends(blocks, which)
    order = np.argsort(node, kind="stable")
    pairs = []
    for at in np.split(order, np.flatnonzero(np.diff(node[order])) + 1):
        bends = [
            (float(bearing[i] @ bearing[j]), int(i), int(j))
            for i in at
            for j in at
            if i < j and block[i] != block[j]
        ]
        taken = set[int]()
        for cosine, i, j in sorted(bends):
            if cosine <= -_STROKE and not {i, j} & taken:
                taken |= {i, j}
                pairs.append((block[i], block[j]))
    return np.array(pairs, dtype=np.int64).reshape(-1, 2)


def _ends(blocks: Pieces, which: Ints) -> tuple[Ints, Ints, Floats]:
    """Return node, position in `which` and outward unit direction of both ends of the blocks."""
    shape = blocks.shape[which]
    node = np.concatenate([blocks.start[which], blocks.end[which]])
    out = np.concatenate([_step(shape, 0, 1), _step(shape, -1, -2)])
    return node, np.tile(np.arange(len(which)), 2), out


def _step(shape: NDArray[np.object_], tail: int, tip: int) -> Floats:
    """Return the unit vector from one vertex of each line to another."""
    a = shapely.get_coordinates(shapely.get_point(shape, tail)).reshape(-1, 2)
    b = shapely.get_coordinates(shapely.get_point(shape, tip)).reshape(-1, 2)
    step = b - a
    return np.asarray(step / np.maximum(np.hypot(*step.T), 1e-9)[:, None])


def corridor_ids(blocks: Pieces, ids: Sequence[str], table: NameTable | None, within_m: float) -> list[str]:
    """Return the corridor of each block: itself, or itself with the opposite carriageway.

    Two blocks are carriageways of one corridor if they have the same name, are one-way against each
    other, roughly parallel, at most `within_m` apart halfway, and side by side for at least half of the
    shorter one.
    """
    own = blocks.attributes
    one_way = own["one_way"].to_numpy(dtype=np.int64)
    keys = (
        own["name"]
        .map({name: normalise(name, table) for name in own["name"].unique()})
        .to_numpy(dtype=object)
    )
    which = np.flatnonzero((one_way != 0) & (keys != ""))
    one, other = STRtree(blocks.shape[which]).query(
        blocks.shape[which], predicate="dwithin", distance=within_m
    )
    one, other = which[one[one < other]], which[other[one < other]]
    travel = _step(blocks.shape, 0, -1) * one_way[:, None]
    fits = (keys[one] == keys[other]) & ((travel[one] * travel[other]).sum(axis=1) <= -_PARALLEL)
    one, other = one[fits], other[fits]
    beside = _beside(blocks.shape[one], blocks.shape[other], within_m)
    return groups(np.column_stack([one[beside], other[beside]]), ids)


def _beside(one: NDArray[np.object_], other: NDArray[np.object_], within_m: float) -> NDArray[np.bool_]:
    """Tell which pairs of lines run side by side for at least half of the shorter one."""
    swap = shapely.length(one) > shapely.length(other)
    short, long = np.where(swap, other, one), np.where(swap, one, other)
    middle = shapely.line_interpolate_point(short, 0.5, normalized=True)
    ends = [shapely.line_locate_point(long, shapely.get_point(short, at)) for at in (0, -1)]
    shared = np.abs(ends[0] - ends[1]) >= 0.5 * shapely.length(short)
    return np.asarray(shared & (shapely.distance(middle, long) <= within_m))
