"""Kernels of the matcher: candidates near a fix, bounded shortest paths, positions on a route."""

# ruff: noqa: C901, PLR0912, PLR0915, PLR0917 - numba kernels read like their formulas

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from geo.matching.network import Floats, Ints, Streets

ROUND = 0.3
"""So much further one goes to stay off a metre of a minor block, metres."""


class Scratch(NamedTuple):
    """Work space of one thread, so that a step costs what it touches and not what the city has.

    `far` and `via` hold the cost and last block of nodes reached (infinite and -1 outside a search), `minor`
    how many metres of the way there were minor, `from_node` the node before; `touched` lists them.
    `heap_key` and `heap_node` are the queue.  `best`, `best_at` and `best_block` hold distance, chainage and
    block of pieces near a fix, by their first vertex; `near` lists these pieces.
    """

    far: Floats
    via: Ints
    minor: Floats
    from_node: Ints
    touched: Ints
    heap_key: Floats
    heap_node: Ints
    best: Floats
    best_at: Floats
    best_block: Ints
    near: Ints


def scratch_for(streets: Streets) -> Scratch:
    """Return the work space for a network."""
    n_nodes, n_vertices, n_arcs = len(streets.exits), len(streets.x), len(streets.to)
    return Scratch(
        far=np.full(n_nodes, np.inf),
        via=np.full(n_nodes, -1, dtype=np.int64),
        minor=np.zeros(n_nodes),
        from_node=np.full(n_nodes, -1, dtype=np.int64),
        touched=np.empty(n_nodes, dtype=np.int64),
        heap_key=np.empty(n_arcs + 2),
        heap_node=np.empty(n_arcs + 2, dtype=np.int64),
        best=np.full(n_vertices, np.inf),
        best_at=np.empty(n_vertices),
        best_block=np.empty(n_vertices, dtype=np.int64),
        near=np.empty(n_vertices, dtype=np.int64),
    )


@njit(cache=True, nogil=True)
def candidates(
    net: Streets,
    scratch: Scratch,
    x: float,
    y: float,
    radius: float,
    block: NDArray[np.int64],
    at: NDArray[np.float64],
    away: NDArray[np.float64],
    piece: NDArray[np.int64],
) -> int:
    """Write the nearest points of each block within `radius`, nearest first; return how many.

    `away` is positive on the left of the block's direction.
    """
    west = max(int((x - radius - net.origin[0]) // net.cell_m), 0)
    east = min(int((x + radius - net.origin[0]) // net.cell_m), net.shape[0] - 1)
    south = max(int((y - radius - net.origin[1]) // net.cell_m), 0)
    north = min(int((y + radius - net.origin[1]) // net.cell_m), net.shape[1] - 1)
    n_near = 0
    for row in range(south, north + 1):
        for column in range(west, east + 1):
            cell = row * net.shape[0] + column
            for entry in range(net.cell[cell], net.cell[cell + 1]):
                k = net.piece[entry]
                if scratch.best[k] < np.inf:
                    continue
                dx, dy = net.x[k + 1] - net.x[k], net.y[k + 1] - net.y[k]
                squared = dx * dx + dy * dy
                along = 0.0
                if squared > 0.0:
                    along = ((x - net.x[k]) * dx + (y - net.y[k]) * dy) / squared
                    along = min(max(along, 0.0), 1.0)
                across_x, across_y = x - net.x[k] - along * dx, y - net.y[k] - along * dy
                distance = np.sqrt(across_x * across_x + across_y * across_y)
                if distance <= radius:
                    scratch.best[k] = distance
                    scratch.best_at[k] = net.chainage[k] + along * np.sqrt(squared)
                    scratch.best_block[k] = net.piece_block[entry]
                    scratch.near[n_near] = k
                    n_near += 1
    count = 0
    for i in range(n_near):
        k = scratch.near[i]
        b, distance = scratch.best_block[k], scratch.best[k]
        # only where the block is nearer than just before and just after: a block that folds back on itself
        # passes a place more than once
        before = scratch.best[k - 1] if k > net.first[b] else np.inf
        after = scratch.best[k + 1] if k + 2 < net.first[b + 1] else np.inf
        if before <= distance or after < distance:
            continue
        j = min(count, len(block) - 1)
        if count == len(block) and not _sooner(scratch, k, piece[j]):
            continue
        while j > 0 and _sooner(scratch, k, piece[j - 1]):
            piece[j] = piece[j - 1]
            j -= 1
        piece[j] = k
        count = min(count + 1, len(block))
    n_kept = 0
    for i in range(count):
        k = piece[i]
        b, chainage = scratch.best_block[k], scratch.best_at[k]
        twin = False
        for j in range(n_kept):
            twin = twin or (block[j] == b and abs(at[j] - chainage) < 20.0)
        if twin:
            continue
        dx, dy = net.x[k + 1] - net.x[k], net.y[k + 1] - net.y[k]
        left = dx * (y - net.y[k]) - dy * (x - net.x[k]) >= 0.0
        block[n_kept] = b
        at[n_kept] = chainage
        away[n_kept] = scratch.best[k] if left else -scratch.best[k]
        piece[n_kept] = k
        n_kept += 1
    for i in range(n_near):
        scratch.best[scratch.near[i]] = np.inf
    return n_kept


@njit(cache=True, nogil=True)
def _sooner(scratch: Scratch, k: int, other: int) -> bool:
    """Tell whether piece k is nearer, or as near and of a smaller number: the same on every machine."""
    return scratch.best[k] < scratch.best[other] or (scratch.best[k] == scratch.best[other] and k < other)


@njit(cache=True, nogil=True)
def search(net: Streets, scratch: Scratch, source: int, forbidden: int, limit: float, target: int) -> int:
    """Run Dijkstra's algorithm from a node up to `limit` metres; return how many nodes were touched.

    A metre of a minor block costs 1 + `ROUND`.

    The first step does not take the block `forbidden` unless the node is a dead end: that would be turning
    round.  Stops early once `target` is settled (-1: never).  `forget` must follow.
    """
    far, via = scratch.far, scratch.via
    keys, nodes = scratch.heap_key, scratch.heap_node
    far[source] = 0.0
    scratch.minor[source] = 0.0
    scratch.touched[0] = source
    n_touched = 1
    keys[0], nodes[0] = 0.0, source
    size = 1
    while size > 0:
        key, node = keys[0], nodes[0]
        size -= 1
        last_key, last_node = keys[size], nodes[size]
        hole = 0
        while True:
            child = 2 * hole + 1
            if child >= size:
                break
            if child + 1 < size and keys[child + 1] < keys[child]:
                child += 1
            if keys[child] >= last_key:
                break
            keys[hole], nodes[hole] = keys[child], nodes[child]
            hole = child
        keys[hole], nodes[hole] = last_key, last_node
        if key > far[node]:
            continue
        if node == target:
            break
        for arc in range(net.arc[node], net.arc[node + 1]):
            if node == source and net.by[arc] == forbidden and net.exits[node] > 1:
                continue
            minor = net.cost[arc] * net.minor[net.by[arc]]
            onward = key + net.cost[arc] + ROUND * minor
            there = net.to[arc]
            if onward > limit or onward >= far[there]:
                continue
            if far[there] == np.inf:
                scratch.touched[n_touched] = there
                n_touched += 1
            far[there] = onward
            scratch.minor[there] = scratch.minor[node] + minor
            via[there] = net.by[arc]
            scratch.from_node[there] = node
            hole = size
            size += 1
            while hole > 0:
                parent = (hole - 1) // 2
                if keys[parent] <= onward:
                    break
                keys[hole], nodes[hole] = keys[parent], nodes[parent]
                hole = parent
            keys[hole], nodes[hole] = onward, there
    return n_touched


@njit(cache=True, nogil=True)
def forget(scratch: Scratch, n_touched: int) -> None:
    """Make the work space as it was before a search."""
    for i in range(n_touched):
        node = scratch.touched[i]
        scratch.far[node] = np.inf
        scratch.via[node] = -1
        scratch.from_node[node] = -1


@njit(cache=True, nogil=True)
def nearest_between(
    net: Streets, block: int, low: float, high: float, x: float, y: float
) -> tuple[float, float]:
    """Return distance (positive on the left) and chainage of the nearest point of a stretch of a block."""
    best, best_at = np.inf, low
    for k in range(net.first[block], net.first[block + 1] - 1):
        if net.chainage[k + 1] < low or net.chainage[k] > high:
            continue
        dx, dy = net.x[k + 1] - net.x[k], net.y[k + 1] - net.y[k]
        size = np.hypot(dx, dy)
        if size == 0.0:
            continue
        along = ((x - net.x[k]) * dx + (y - net.y[k]) * dy) / size
        along = max(along, low - net.chainage[k], 0.0)
        along = min(along, high - net.chainage[k], size)
        across_x, across_y = x - net.x[k] - along * dx / size, y - net.y[k] - along * dy / size
        distance = np.hypot(across_x, across_y)
        if distance < abs(best):
            left = dx * (y - net.y[k]) - dy * (x - net.x[k]) >= 0.0
            best = distance if left else -distance
            best_at = net.chainage[k] + along
    return best, best_at
