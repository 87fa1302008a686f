# ruff: noqa: C901, PLR0912, PLR0917 - numba kernels read like their formulas
"""Candidates for each fix of an unbroken chain, and the routes from those of one to those of the next."""

from typing import NamedTuple

import numpy as np
from numba import njit

from geo.matching.kernels import ROUND, Scratch, candidates, forget, search
from geo.matching.model import Model, charged
from geo.matching.network import Floats, Ints, Streets


class Chain(NamedTuple):
    """The candidates of all fixes of a chain: those of fix t from ``first[t]`` to ``first[t + 1] - 1``.

    Where people walk on both sides of a block it is a candidate twice in a row, with `side` 1 (left) and -1.
    From there to the fix it is `miss` to the left of the block, along (`across_x`, `across_y`), and `beyond`
    onward, where the block ends or bends; `emission` holds the logarithm of what the heading says in both
    directions.
    """

    first: Ints
    block: Ints
    at: Floats
    away: Floats
    side: Ints
    miss: Floats
    beyond: Floats
    across_x: Floats
    across_y: Floats
    emission: Floats


class Path(NamedTuple):
    """The most probable path.

    `state` is 2 · candidate + direction (1: against the block), or -1 off the network; `p` is the posterior
    of the state's block, `p_step` that of the two blocks of this fix and the one before, `p_block` belongs
    to candidates.  The rest is what it was made of, logarithms of states of fix t from ``offset[t]``, and
    densities (`weights`) of transitions to it from ``steps_at[t]``.
    """

    state: Ints
    p: Floats
    p_step: Floats
    p_block: Floats
    offset: Ints
    steps_at: Ints
    weights: Floats
    emission: Floats
    forward: Floats
    backward: Floats


@njit(cache=True, nogil=True)
def find(
    net: Streets, scratch: Scratch, model: Model, x: Floats, y: Floats, s: Floats, heading: Floats
) -> Chain:
    """Return the candidates of each fix, how far from each it is, and what its heading says of both ways."""
    n = len(x)
    most = model.max_candidates
    first = np.zeros(n + 1, dtype=np.int64)
    block, side = np.empty(2 * n * most, dtype=np.int64), np.zeros(2 * n * most, dtype=np.int64)
    at, away = np.empty(2 * n * most), np.empty(2 * n * most)
    miss, beyond = np.empty(2 * n * most), np.empty(2 * n * most)
    across_x, across_y = np.empty(2 * n * most), np.empty(2 * n * most)
    emission = np.zeros((2 * n * most, 2))
    near, piece = np.empty(most, dtype=np.int64), np.empty(most, dtype=np.int64)
    near_at, near_away = np.empty(most), np.empty(most)
    m = 0
    for t in range(n):
        radius = min(model.radius_sds * s[t] + model.radius_m, model.radius_max)
        count = candidates(net, scratch, x[t], y[t], radius, near, near_at, near_away, piece)
        for i in range(count):
            b, k = near[i], piece[i]
            kerb = net.kerb[b] if model.beside else 0.0
            size = net.chainage[k + 1] - net.chainage[k]
            ahead_x, ahead_y = (net.x[k + 1] - net.x[k]) / size, (net.y[k + 1] - net.y[k]) / size
            off_x = x[t] - net.x[k] - (near_at[i] - net.chainage[k]) * ahead_x
            off_y = y[t] - net.y[k] - (near_at[i] - net.chainage[k]) * ahead_y
            onward = off_x * ahead_x + off_y * ahead_y
            for hand in range(1, -2, -1):
                if (hand == 0) != (kerb == 0.0) or (kerb > 0.0 and net.only[b] == -hand):
                    continue
                block[m], at[m], away[m], side[m] = b, near_at[i], near_away[i], hand
                miss[m] = ahead_x * off_y - ahead_y * off_x - hand * kerb
                beyond[m] = onward if abs(onward) > 1e-6 else 0.0
                across_x[m], across_y[m] = -ahead_y, ahead_x
                for d in range(2):
                    if (d == 0 and net.one_way[b] < 0) or (d == 1 and net.one_way[b] > 0):
                        emission[m, d] = -np.inf
                    elif np.isfinite(heading[t]):
                        turn = np.cos(heading[t] - np.arctan2(ahead_y, ahead_x)) * (1 - 2 * d)
                        ratio = np.exp(model.heading_k * turn - model.log_bessel)
                        emission[m, d] = np.log((1.0 - model.straying) * ratio + model.straying)
                m += 1
        first[t + 1] = m
    return Chain(
        first,
        block[:m].copy(),
        at[:m].copy(),
        away[:m].copy(),
        side[:m].copy(),
        miss[:m].copy(),
        beyond[:m].copy(),
        across_x[:m].copy(),
        across_y[:m].copy(),
        emission[:m].copy(),
    )


@njit(cache=True, nogil=True)
def twin(chain: Chain, i: int) -> bool:
    """Tell whether a candidate is the one before on the other side of the street."""
    return i > 0 and chain.side[i] == -1 and chain.side[i - 1] == 1 and chain.block[i] == chain.block[i - 1]


@njit(cache=True, nogil=True)
def routes(
    net: Streets,
    scratch: Scratch,
    model: Model,
    chain: Chain,
    t: int,
    limit: float,
    back: float,
    wanted: Floats,
    route: Floats,
    minor: Floats,
) -> None:
    """Write route lengths from the states of fix t - 1 to those of t, infinite where there is none.

    `minor` is how many metres of minor way each is charged for.

    On one block a small step back (up to `back` metres) is noise and counts as a negative length.
    States where `wanted` is minus infinity are skipped; of two that differ in side only the first is done.
    """
    a, b, c = chain.first[t - 1], chain.first[t], chain.first[t + 1]
    route[:] = np.inf
    for i in range(a, b):
        if i > a and twin(chain, i):
            continue
        block = chain.block[i]
        for d in range(2):
            state = 2 * (i - a) + d
            asked = wanted[state] > -np.inf
            if i + 1 < b and twin(chain, i + 1):
                asked = asked or wanted[state + 2] > -np.inf
            if not asked:
                continue
            rest = chain.at[i] if d else net.length[block] - chain.at[i]
            node = net.start[block] if d else net.end[block]
            for j in range(b, c):
                if chain.block[j] == block:
                    ahead = (chain.at[j] - chain.at[i]) * (1 - 2 * d)
                    if -back <= ahead <= limit:
                        route[state, 2 * (j - b) + d] = ahead
                        own = net.minor[block]
                        minor[state, 2 * (j - b) + d] = charged(model, own, abs(ahead), 0.0, own, 0.0)
            if rest > limit:
                continue
            n_touched = search(net, scratch, node, block, limit - rest, -1)
            for j in range(b, c):
                if j > b and twin(chain, j):
                    continue
                other = chain.block[j]
                for e in range(2):
                    door = net.end[other] if e else net.start[other]
                    if chain.emission[j, e] == -np.inf or scratch.far[door] == np.inf:
                        continue
                    # coming out of the block that is entered next means turning round, except at a dead end
                    came_from = block if door == node else scratch.via[door]
                    if came_from == other and net.exits[door] > 1:
                        continue
                    into = net.length[other] - chain.at[j] if e else chain.at[j]
                    between = scratch.minor[door]
                    total = rest + scratch.far[door] - ROUND * between + into
                    if total <= limit and route[state, 2 * (j - b) + e] == np.inf:
                        route[state, 2 * (j - b) + e] = total
                        minor[state, 2 * (j - b) + e] = charged(
                            model, net.minor[block], rest, between, net.minor[other], into
                        )
            forget(scratch, n_touched)
