"""From noded lines to blocks: cut at shared nodes, drop directed twins, merge where nothing changes."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from geo.blocks.lines import Floats, Ints, Lines

# Twins are the two directions of one street: as long as each other, in the same place halfway
_TWIN_LENGTH_M = 0.1
_TWIN_APART_M = 0.5
_SAME_STREET = ["name", "class", "area"]


@dataclass(frozen=True)
class Pieces:
    """Stretches between two cut nodes: vertices, end nodes, attributes, and which way traffic may go."""

    shape: NDArray[np.object_]
    start: Ints
    end: Ints
    attributes: pd.DataFrame

    def take(self, which: Ints | NDArray[np.bool_]) -> "Pieces":
        """Return some of the pieces."""
        own = self.attributes.iloc[which].reset_index(drop=True)
        return Pieces(self.shape[which], self.start[which], self.end[which], own)


def cut(lines: Lines, node: Ints) -> tuple[Pieces, Floats]:
    """Return the stretches between line ends and shared nodes, and the position of every node.

    A node lies at the smallest (x, y) of its vertices, so that no order of rows matters.  Stretches
    that begin and end at one node without leaving it are dropped.
    """
    position = _positions(lines.xy, node)
    xy, at_cut = lines.xy.copy(), _is_cut(lines, node)
    xy[at_cut] = position[node[at_cut]]
    cuts, line = np.flatnonzero(at_cut), lines.line
    inside = line[cuts[:-1]] == line[cuts[1:]] if len(cuts) else np.empty(0, dtype=bool)
    a, b = cuts[:-1][inside], cuts[1:][inside]
    counts = b - a + 1
    vertex = np.repeat(a - np.concatenate([[0], np.cumsum(counts)[:-1]]), counts) + np.arange(counts.sum())
    shape = shapely.linestrings(xy[vertex], indices=np.repeat(np.arange(len(a)), counts))
    pieces = Pieces(
        np.asarray(shape, dtype=object).reshape(-1),
        node[a],
        node[b],
        lines.attributes.iloc[line[a]].reset_index(drop=True),
    )
    return pieces.take(
        (pieces.start != pieces.end) | (shapely.length(pieces.shape) > _TWIN_APART_M)
    ), position


def _positions(xy: Floats, node: Ints) -> Floats:
    """Return the smallest (x, y) of each node's vertices."""
    order = np.lexsort((xy[:, 1], xy[:, 0], node))
    which, first = np.unique(node[order], return_index=True)
    out = np.full((int(node.max(initial=-1)) + 1, 2), np.nan)
    out[which] = xy[order[first]]
    return out


def _is_cut(lines: Lines, node: Ints) -> NDArray[np.bool_]:
    """Tell which vertices are line ends or shared."""
    shared: NDArray[np.bool_] = np.bincount(node, minlength=1)[node] > 1
    shared[lines.first[:-1]] = shared[lines.first[1:] - 1] = True
    return shared


def without_twins(pieces: Pieces) -> Pieces:
    """Keep one of the pieces that join the same nodes by the same way, with both directions' traffic.

    Parallel streets between the same nodes stay: halfway they are apart.
    """
    low, high = np.minimum(pieces.start, pieces.end), np.maximum(pieces.start, pieces.end)
    group = pd.Series(np.arange(len(low))).groupby([low, high]).transform("size").to_numpy()
    candidates = np.flatnonzero(group > 1)
    if len(candidates) == 0:
        return pieces
    order = candidates[_order(pieces, low, high, candidates)]
    twin_of = _twins(pieces, order, low, high)
    return _merged_twins(pieces, twin_of)


def _order(pieces: Pieces, low: Ints, high: Ints, which: Ints) -> Ints:
    """Order candidates by nodes, named before unnamed, then by their attributes and length."""
    own = pieces.attributes.iloc[which]
    keys = pd.DataFrame(
        {
            "low": low[which],
            "high": high[which],
            "unnamed": (own["name"] == "").to_numpy(),
            "name": own["name"].to_numpy(),
            "class": own["class"].to_numpy(),
            "area": own["area"].to_numpy(),
            "length": shapely.length(pieces.shape[which]).round(1),
            "source": own["source_id"].to_numpy(),
        }
    )
    return keys.sort_values(list(keys.columns), kind="stable").index.to_numpy()


def _twins(pieces: Pieces, order: Ints, low: Ints, high: Ints) -> dict[int, int]:
    """Map each superfluous piece to the one that is kept."""
    length = shapely.length(pieces.shape[order])
    middle = shapely.get_coordinates(
        shapely.line_interpolate_point(pieces.shape[order], 0.5, normalized=True)
    )
    twin_of: dict[int, int] = {}
    kept: list[int] = []
    for i in range(len(order)):
        if i and (low[order[i]] != low[order[i - 1]] or high[order[i]] != high[order[i - 1]]):
            kept = []
        for k in kept:
            near = np.hypot(*(middle[i] - middle[k])) <= _TWIN_APART_M
            if near and abs(length[i] - length[k]) <= _TWIN_LENGTH_M + 1e-9:
                twin_of[int(order[i])] = int(order[k])
                break
        else:
            kept.append(i)
    return twin_of


def _merged_twins(pieces: Pieces, twin_of: dict[int, int]) -> Pieces:
    """Drop the twins; a kept piece is one-way only if all of its twins say the same way."""
    one_way = pieces.attributes["one_way"].to_numpy(copy=True)
    for twin, kept in twin_of.items():
        same = _runs_along(pieces, twin, kept)
        if one_way[kept] != (one_way[twin] if same else -one_way[twin]):
            one_way[kept] = 0
    stay = np.ones(len(one_way), dtype=bool)
    stay[list(twin_of)] = False
    out = Pieces(pieces.shape, pieces.start, pieces.end, pieces.attributes.assign(one_way=one_way))
    return out.take(stay)


def _runs_along(pieces: Pieces, one: int, other: int) -> bool:
    """Tell whether two twins are drawn in the same direction, loops by their first quarter."""
    quarter = [shapely.line_interpolate_point(pieces.shape[at], 0.25, normalized=True) for at in (one, other)]
    return bool(shapely.distance(*quarter) <= _TWIN_APART_M)


def merged(pieces: Pieces) -> Pieces:
    """Join pieces through nodes where only two of them meet and name, class, area and traffic agree."""
    partner = _partners(pieces)
    chains = _walk(partner)
    shape = _joined(pieces, chains)
    first, last = [chain[0] for chain in chains], [chain[-1] for chain in chains]
    start = np.array([pieces.end[p] if back else pieces.start[p] for p, back in first], dtype=np.int64)
    end = np.array([pieces.start[p] if back else pieces.end[p] for p, back in last], dtype=np.int64)
    return Pieces(shape, start, end, _chain_attributes(pieces, chains))


def _partners(pieces: Pieces) -> Ints:
    """Return for each piece end (2 p for its start, 2 p + 1 for its end) the end it continues in, or -1."""
    n = len(pieces.start)
    node = np.column_stack([pieces.start, pieces.end]).reshape(-1)
    order = np.argsort(node, kind="stable")
    two = np.flatnonzero(np.bincount(node, minlength=1) == 2)
    at = np.searchsorted(node[order], two)
    one, other = order[at], order[at + 1]
    own = pieces.attributes
    street = own.groupby(_SAME_STREET, sort=False).ngroup().to_numpy() if n else np.empty(0, dtype=np.int64)
    # traffic into the node: along the line at its end, against it at its start
    inflow = np.where(np.arange(2 * n) % 2 == 1, 1, -1) * np.repeat(
        own["one_way"].to_numpy(dtype=np.int64), 2
    )
    fits = (
        (one // 2 != other // 2) & (street[one // 2] == street[other // 2]) & (inflow[one] == -inflow[other])
    )
    partner = np.full(2 * n, -1, dtype=np.int64)
    partner[one[fits]], partner[other[fits]] = other[fits], one[fits]
    return partner


def _walk(partner: Ints) -> list[list[tuple[int, bool]]]:
    """Return the chains of pieces as (piece, drawn backwards), rings last."""
    follow, n = partner.tolist(), len(partner) // 2
    seen, chains = [False] * n, []
    open_ends = [end for end in range(2 * n) if follow[end] < 0]
    for entry in [*open_ends, *range(0, 2 * n, 2)]:
        if seen[entry // 2]:
            continue
        chain, end = [], entry
        while end >= 0 and not seen[end // 2]:
            seen[end // 2] = True
            chain.append((end // 2, end % 2 == 1))
            end = follow[end ^ 1]
        chains.append(chain)
    return chains


def _joined(pieces: Pieces, chains: list[list[tuple[int, bool]]]) -> NDArray[np.object_]:
    """Return one line per chain."""
    shape = np.array([pieces.shape[chain[0][0]] for chain in chains], dtype=object)
    for at, chain in enumerate(chains):
        if len(chain) > 1:
            parts = [shapely.get_coordinates(pieces.shape[p])[:: -1 if back else 1] for p, back in chain]
            shape[at] = shapely.linestrings(np.concatenate([parts[0], *[part[1:] for part in parts[1:]]]))
        elif chain[0][1]:
            shape[at] = shapely.reverse(shape[at])
    return shape


def _chain_attributes(pieces: Pieces, chains: list[list[tuple[int, bool]]]) -> pd.DataFrame:
    """Return a row per chain: what its longest piece says, `one_way` as the chain runs."""
    length = shapely.length(pieces.shape).round(1)
    own = pieces.attributes
    lanes, width = own["lanes"].fillna(-1).to_numpy(), own["width_m"].fillna(-1).to_numpy()
    layer, source = own["layer"].to_numpy(), own["source_id"].to_numpy(dtype=object)

    def rank(p: int) -> tuple[float, float, float, int]:
        return length[p], width[p], lanes[p], layer[p]

    longest = [chain[0][0] if len(chain) == 1 else max((p for p, _ in chain), key=rank) for chain in chains]
    out = own.iloc[longest].reset_index(drop=True)
    one_way = own["one_way"].to_numpy()
    out["one_way"] = [-one_way[c[0][0]] if c[0][1] else one_way[c[0][0]] for c in chains]
    out["source_id"] = [";".join(sorted({source[p] for p, _ in c} - {""})) for c in chains]
    return out
