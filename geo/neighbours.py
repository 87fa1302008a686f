"""Which blocks lie near which, measured along the streets."""

from dataclasses import dataclass

import numba
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from scipy.sparse import csr_array

from geo.crs import as_metric
from geo.errors import GeoError, MissingColumnError

# Ends closer than this are the same crossing when a frame does not name its nodes (metres)
_SAME_NODE_M = 0.1


@dataclass(frozen=True, slots=True)
class Neighbourhoods:
    """For each block the blocks near it, itself included, in compressed rows.

    The members of block `b` are ``members[offsets[b]:offsets[b + 1]]``, in ascending order;
    `distance_m` runs beside `members`.
    """

    offsets: NDArray[np.int64]
    members: NDArray[np.int32]
    distance_m: NDArray[np.float64]

    @property
    def n_blocks(self) -> int:
        """How many blocks there are."""
        return len(self.offsets) - 1

    def sums(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Add up values, one per block or one row per block, over each neighbourhood."""
        return np.asarray(self.matrix() @ values)

    def matrix(self) -> csr_array:
        """Return the membership as a matrix of ones, one row per block."""
        ones = np.ones(len(self.members))
        return csr_array((ones, self.members, self.offsets), shape=(self.n_blocks, self.n_blocks))

    def within(self, radius_m: float) -> "Neighbourhoods":
        """Keep the members at most `radius_m` away."""
        return self._keep(self.distance_m <= radius_m)

    def among(self, chosen: NDArray[np.bool_]) -> "Neighbourhoods":
        """Keep chosen blocks only, as rows and as members; they are numbered anew from 0."""
        rows = np.repeat(np.arange(self.n_blocks), np.diff(self.offsets))
        kept = self._keep(chosen[rows] & chosen[self.members])
        number = np.cumsum(chosen) - 1
        sizes = np.diff(kept.offsets)[chosen]
        return Neighbourhoods(_offsets(sizes), number[kept.members].astype(np.int32), kept.distance_m)

    def _keep(self, keep: NDArray[np.bool_]) -> "Neighbourhoods":
        rows = np.repeat(np.arange(self.n_blocks), np.diff(self.offsets))
        sizes = np.bincount(rows[keep], minlength=self.n_blocks)
        return Neighbourhoods(_offsets(sizes), self.members[keep], self.distance_m[keep])


def find(blocks: pd.DataFrame, radius_m: float = 250.0) -> Neighbourhoods:
    """Return, for each block, the blocks at most `radius_m` away along the streets.

    The distance of two blocks is the shortest way from the middle of one to the middle of the other,
    in any direction of travel; the limit itself counts as near.  A block is its own neighbour at 0 m.
    Blocks without a way between them are never neighbours, however close they lie.

    Parameters
    ----------
    blocks : DataFrame
        `length_m` and the nodes `start_node`, `end_node`.  Where one is missing it is read from
        `geometry` (lines in metres; ends within 0.1 m of each other are one node).
    radius_m : float
        At least 0, metres.

    Returns
    -------
    Neighbourhoods
        In the order of `blocks`.

    Raises
    ------
    MissingColumnError
        Neither nodes nor geometry.
    GeoError
        A length or radius that is not a number of metres.

    Examples
    --------
    A street of three blocks, 100 m each: the middles are 100 m and 200 m apart.

    >>> street = pd.DataFrame({"start_node": [0, 1, 2], "end_node": [1, 2, 3], "length_m": 100.0})
    >>> near = find(street, radius_m=100)
    >>> near.sums(np.array([1.0, 10.0, 100.0])).tolist()
    [11.0, 111.0, 110.0]
    """
    if not 0 <= radius_m < np.inf:
        raise GeoError("the radius must be a number of metres, not %(given)s", given=radius_m)
    length_m = lengths(blocks)
    start, end, n_nodes = nodes(blocks)
    order = np.argsort(np.concatenate([start, end]), kind="stable")
    incident = (order % max(1, len(start))).astype(np.int64)
    degree = np.bincount(np.concatenate([start, end]), minlength=n_nodes)
    sizes, members, distance_m = _walk(start, end, length_m, _offsets(degree), incident, float(radius_m))
    return Neighbourhoods(_offsets(sizes), members, distance_m)


def lengths(blocks: pd.DataFrame) -> NDArray[np.float64]:
    """Return the length of each block in metres, from `length_m` or else its geometry."""
    if "length_m" in blocks:
        length_m = blocks["length_m"].to_numpy(np.float64)
    elif "geometry" in blocks:
        _in_metres(blocks)
        length_m = shapely.length(blocks["geometry"].to_numpy())
    else:
        raise MissingColumnError("blocks need a column %(column)s", column="length_m")
    if not np.all(np.isfinite(length_m) & (length_m > 0)):
        row = int(np.flatnonzero(~(np.isfinite(length_m) & (length_m > 0)))[0])
        raise GeoError("row %(row)d: a block of length %(length)s", row=row, length=length_m[row])
    return length_m


def nodes(blocks: pd.DataFrame) -> tuple[NDArray[np.int64], NDArray[np.int64], int]:
    """Return each block's two ends as numbers from 0, and how many crossings there are."""
    if "start_node" in blocks and "end_node" in blocks:
        ends = np.concatenate([blocks["start_node"].to_numpy(), blocks["end_node"].to_numpy()])
        code, names = pd.factorize(ends)
    elif "geometry" in blocks:
        _in_metres(blocks)
        code, names = pd.factorize(_end_keys(blocks["geometry"].to_numpy()))
    else:
        raise MissingColumnError("blocks need a column %(column)s", column="start_node")
    half = len(blocks)
    if (code < 0).any():
        raise GeoError("row %(row)d: a block without its two nodes", row=int(np.argmax(code < 0)) % half)
    return code[:half].astype(np.int64), code[half:].astype(np.int64), len(names)


def _in_metres(blocks: pd.DataFrame) -> None:
    """Refuse lines whose CRS is known and not in metres: degrees would make every crossing one."""
    crs = getattr(blocks, "crs", None)
    if crs is not None:
        as_metric(crs)


def _end_keys(lines: NDArray[np.object_]) -> NDArray[np.object_]:
    """Name the first and last position of each line by its decimetre."""
    ends = np.concatenate([shapely.get_point(lines, 0), shapely.get_point(lines, -1)])
    if shapely.is_missing(ends).any():
        raise GeoError(
            "row %(row)d: not a line", row=int(np.flatnonzero(shapely.is_missing(ends))[0]) % len(lines)
        )
    cell = np.round(shapely.get_coordinates(ends) / _SAME_NODE_M).astype(np.int64)
    keys = np.empty(len(cell), dtype=object)
    keys[:] = list(map(tuple, cell.tolist()))
    return keys


def _offsets(sizes: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return where each row starts, given the row sizes."""
    return np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)


@numba.njit(cache=True, nogil=True)
def _walk(start, end, length_m, node_offsets, incident, radius_m):  # type: ignore[no-untyped-def]  # noqa: C901, PLR0912, PLR0915, PLR0917
    """Dijkstra from the middle of every block, given up at the radius; binary heap with lazy deletion."""
    n_blocks, n_nodes = len(start), len(node_offsets) - 1
    sizes = np.zeros(n_blocks, np.int64)
    members = np.empty(max(16, 16 * n_blocks), np.int32)
    reach = np.empty(len(members), np.float64)
    n_out = 0
    node_m = np.full(n_nodes, np.inf)
    block_m = np.full(n_blocks, np.inf)
    touched_nodes = np.empty(n_nodes, np.int64)
    touched_blocks = np.empty(n_blocks, np.int64)
    heap_m = np.empty(4 * n_blocks + 4, np.float64)
    heap_node = np.empty(4 * n_blocks + 4, np.int64)
    for b in range(n_blocks):
        n_heap = n_tn = 0
        touched_blocks[0], n_tb = b, 1
        block_m[b] = 0.0
        for first in (start[b], end[b]):
            if 0.5 * length_m[b] <= radius_m and node_m[first] == np.inf:
                node_m[first] = 0.5 * length_m[b]
                touched_nodes[n_tn] = first
                n_tn += 1
                heap_m[n_heap], heap_node[n_heap] = node_m[first], first
                n_heap += 1
        while n_heap:
            here_m, node = heap_m[0], heap_node[0]
            n_heap -= 1
            last_m, last = heap_m[n_heap], heap_node[n_heap]
            i = 0
            while True:
                child = 2 * i + 1
                if child >= n_heap:
                    break
                if child + 1 < n_heap and heap_m[child + 1] < heap_m[child]:
                    child += 1
                if heap_m[child] >= last_m:
                    break
                heap_m[i], heap_node[i] = heap_m[child], heap_node[child]
                i = child
            heap_m[i], heap_node[i] = last_m, last
            if here_m > node_m[node]:
                continue
            for k in range(node_offsets[node], node_offsets[node + 1]):
                c = incident[k]
                middle_m = here_m + 0.5 * length_m[c]
                if middle_m <= radius_m and middle_m < block_m[c]:
                    if block_m[c] == np.inf:
                        touched_blocks[n_tb] = c
                        n_tb += 1
                    block_m[c] = middle_m
                other = end[c] if start[c] == node else start[c]
                there_m = here_m + length_m[c]
                if there_m <= radius_m and there_m < node_m[other]:
                    if node_m[other] == np.inf:
                        touched_nodes[n_tn] = other
                        n_tn += 1
                    node_m[other] = there_m
                    i = n_heap
                    n_heap += 1
                    while i and heap_m[(i - 1) // 2] > there_m:
                        heap_m[i], heap_node[i] = heap_m[(i - 1) // 2], heap_node[(i - 1) // 2]
                        i = (i - 1) // 2
                    heap_m[i], heap_node[i] = there_m, other
        if n_out + n_tb > len(members):
            more = max(2 * len(members), n_out + n_tb)
            members = np.concatenate((members, np.empty(more - len(members), np.int32)))
            reach = np.concatenate((reach, np.empty(more - len(reach), np.float64)))
        found = np.sort(touched_blocks[:n_tb])
        for c in found:
            members[n_out], reach[n_out] = c, block_m[c]
            n_out += 1
            block_m[c] = np.inf
        for k in range(n_tn):
            node_m[touched_nodes[k]] = np.inf
        sizes[b] = n_tb
    return sizes, members[:n_out].copy(), reach[:n_out].copy()
