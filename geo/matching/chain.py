# ruff: noqa: C901, PLR0912, PLR0915, PLR0917 - numba kernels read like their formulas
"""The hidden Markov model along one unbroken chain of fixes: Viterbi path and posteriors.

A state is a block, a direction on it and the position nearest to the fix, or "off the network".
After Newson and Krumm (2009), doi 10.1145/1653771.1653818.
"""

from typing import NamedTuple

import numpy as np
from numba import njit

from geo.matching.kernels import Scratch, candidates, forget, search
from geo.matching.network import Floats, Ints, Streets


class Model(NamedTuple):
    """Parameters of the model; metres, seconds, natural logarithms.

    * Candidates: the nearest `max_candidates` within min(`radius_max`, `radius_sds` · s + `radius_m`).
    * Position: `wide` is the share of errors three times as large; `beside` tells that the patrol keeps to
      the kerbs, within `kerb_sd`; fixes closer in time than `memory_s` share their error and count for
      less.  `off` is the density of positions off the network, `leave` the cost of leaving or entering it.
    * Heading: `straying` is the share of headings that say nothing, `heading_k` the concentration of the
      others, `log_bessel` log I0 of it.
    * Routes are longer than the straight distance by slack + slack_share · straight on average, a share
      `wandering` of them by slack + wander · straight; `turn` is the cost of turning round.  They are tried
      up to `detour` · straight + `detour_m`, and no faster than `fastest`.
    """

    max_candidates: int
    radius_sds: float
    radius_m: float
    radius_max: float
    wide: float
    off: float
    leave: float
    turn: float
    slack: float
    slack_share: float
    detour: float
    detour_m: float
    fastest: float
    straying: float
    heading_k: float
    log_bessel: float
    beside: bool
    kerb_sd: float
    memory_s: float
    wander: float
    wandering: float


class Chain(NamedTuple):
    """The candidates of all fixes of a chain: those of fix t from ``first[t]`` to ``first[t + 1] - 1``."""

    first: Ints
    block: Ints
    at: Floats
    away: Floats
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
def _log_distance(away: float, kerb: float, spread: float, wide: float) -> float:
    """Return the log density of a distance from the line for someone on either kerb."""
    density = 0.0
    for side in (-1.0, 1.0):
        z = (away - side * kerb) / spread
        density += (1.0 - wide) * np.exp(-0.5 * z * z) + wide / 3.0 * np.exp(-z * z / 18.0)
    return float(np.log(0.5 * density / (spread * np.sqrt(2.0 * np.pi))))


@njit(cache=True, nogil=True)
def find(
    net: Streets, scratch: Scratch, model: Model, x: Floats, y: Floats, s: Floats, heading: Floats
) -> Chain:
    """Return the candidates of each fix and the logarithm of their emission in both directions."""
    n = len(x)
    most = model.max_candidates
    first = np.zeros(n + 1, dtype=np.int64)
    block = np.empty(n * most, dtype=np.int64)
    at, away = np.empty(n * most), np.empty(n * most)
    emission = np.empty((n * most, 2))
    piece = np.empty(most, dtype=np.int64)
    for t in range(n):
        a = first[t]
        radius = min(model.radius_sds * s[t] + model.radius_m, model.radius_max)
        count = candidates(
            net,
            scratch,
            x[t],
            y[t],
            radius,
            block[a : a + most],
            at[a : a + most],
            away[a : a + most],
            piece,
        )
        first[t + 1] = a + count
        for i in range(count):
            kerb = net.kerb[block[a + i]] if model.beside else 0.0
            spread = np.hypot(s[t], model.kerb_sd) if model.beside else s[t]
            log_distance = _log_distance(away[a + i], kerb, spread, model.wide)
            for d in range(2):
                emission[a + i, d] = log_distance
                one_way = net.one_way[block[a + i]]
                if (d == 0 and one_way < 0) or (d == 1 and one_way > 0):
                    emission[a + i, d] = -np.inf
                elif np.isfinite(heading[t]):
                    k = piece[i]
                    bearing = np.arctan2(net.y[k + 1] - net.y[k], net.x[k + 1] - net.x[k])
                    turn = np.cos(heading[t] - bearing) * (1 - 2 * d)
                    ratio = np.exp(model.heading_k * turn - model.log_bessel)
                    emission[a + i, d] += np.log((1.0 - model.straying) * ratio + model.straying)
    m = first[n]
    return Chain(first, block[:m].copy(), at[:m].copy(), away[:m].copy(), emission[:m].copy())


@njit(cache=True, nogil=True)
def reach_limit(model: Model, straight: float, seconds: float, s: float) -> float:
    """Return how long a route between two fixes may be."""
    return min(model.detour * straight + model.detour_m, model.fastest * max(seconds, 1.0) + 4.0 * s)


@njit(cache=True, nogil=True)
def routes(
    net: Streets,
    scratch: Scratch,
    chain: Chain,
    t: int,
    limit: float,
    back: float,
    wanted: Floats,
    route: Floats,
) -> None:
    """Write route lengths from the states of fix t - 1 to those of t, infinite where there is none.

    On one block a small step back (up to `back` metres) is noise and counts as a negative length.
    States where `wanted` is minus infinity are skipped.
    """
    a, b, c = chain.first[t - 1], chain.first[t], chain.first[t + 1]
    route[:] = np.inf
    for i in range(a, b):
        block = chain.block[i]
        for d in range(2):
            if wanted[2 * (i - a) + d] == -np.inf:
                continue
            state = 2 * (i - a) + d
            rest = chain.at[i] if d else net.length[block] - chain.at[i]
            node = net.start[block] if d else net.end[block]
            for j in range(b, c):
                if chain.block[j] == block:
                    ahead = (chain.at[j] - chain.at[i]) * (1 - 2 * d)
                    if -back <= ahead <= limit:
                        route[state, 2 * (j - b) + d] = ahead
            if rest > limit:
                continue
            n_touched = search(net, scratch, node, block, limit - rest, -1)
            for j in range(b, c):
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
                    total = rest + scratch.far[door] + into
                    if total <= limit and route[state, 2 * (j - b) + e] == np.inf:
                        route[state, 2 * (j - b) + e] = total
            forget(scratch, n_touched)


@njit(cache=True, nogil=True)
def log_detour(model: Model, length: float, straight: float) -> float:
    """Return the log density of a route of this length between fixes so far apart."""
    if length == np.inf:
        return -np.inf
    extra = abs(length - straight)
    narrow = model.slack + model.slack_share * straight
    wide = model.slack + model.wander * straight
    density = (1.0 - model.wandering) * np.exp(-extra / narrow) / narrow
    density += model.wandering * np.exp(-extra / wide) / wide
    return float(np.log(density + 1e-300))


@njit(cache=True, nogil=True)
def transition(
    model: Model, straight: float, n_from: int, n_to: int, route: Floats, log_step: Floats
) -> None:
    """Turn route lengths into logarithms of transition densities, the state off the network last."""
    scale = np.log(model.slack + model.slack_share * straight)
    for i in range(n_from):
        for j in range(n_to):
            log_step[i, j] = log_detour(model, route[i, j], straight)
    for i in range(0, n_from, 2):
        for j in range(n_to):
            along, against = log_step[i, j], log_step[i + 1, j]
            log_step[i, j] = max(along, against - model.turn)
            log_step[i + 1, j] = max(against, along - model.turn)
    for i in range(n_from):
        log_step[i, n_to] = -scale - model.leave
    for j in range(n_to):
        log_step[n_from, j] = -scale - model.leave
    log_step[n_from, n_to] = -scale


@njit(cache=True, nogil=True)
def _log_sum(values: Floats) -> float:
    """Return log(sum(exp(values)))."""
    top = values.max()
    return top + np.log(np.exp(values - top).sum()) if top > -np.inf else -np.inf


@njit(cache=True, nogil=True)
def solve(
    net: Streets, scratch: Scratch, model: Model, chain: Chain, x: Floats, y: Floats, t_s: Floats, s: Floats
) -> Path:
    """Run Viterbi and forward-backward over a chain."""
    n = len(x)
    offset = np.zeros(n + 1, dtype=np.int64)
    steps_at = np.zeros(n + 1, dtype=np.int64)
    for t in range(n):
        offset[t + 1] = offset[t] + 2 * (chain.first[t + 1] - chain.first[t]) + 1
        if t:
            steps_at[t + 1] = steps_at[t] + (offset[t] - offset[t - 1]) * (offset[t + 1] - offset[t])
    best, forward, backward = np.empty(offset[n]), np.empty(offset[n]), np.zeros(offset[n])
    came = np.full(offset[n], -1, dtype=np.int64)
    steps = np.empty(steps_at[n])
    weights = np.empty(steps_at[n])
    emission = np.empty(offset[n])
    for t in range(n):
        lasting = t_s[min(t + 1, n - 1)] - t_s[max(t - 1, 0)]
        weight = min(0.5 * lasting / model.memory_s, 1.0) if 0 < t < n - 1 else 1.0
        for i in range(chain.first[t + 1] - chain.first[t]):
            for d in range(2):
                emission[offset[t] + 2 * i + d] = weight * chain.emission[chain.first[t] + i, d]
        emission[offset[t + 1] - 1] = weight * np.log(model.off)
    for k in range(offset[1] if n else 0):
        best[k] = forward[k] = emission[k]
    wanted = np.empty(2 * model.max_candidates)
    known = np.empty(2 * model.max_candidates + 1)
    for t in range(1, n):
        p, q, r = offset[t - 1], offset[t], offset[t + 1]
        n_from, n_to = q - p - 1, r - q - 1
        straight = np.hypot(x[t] - x[t - 1], y[t] - y[t - 1])
        noise = max(s[t], s[t - 1])
        limit = reach_limit(model, straight, t_s[t] - t_s[t - 1], noise)
        route = np.empty((n_from, n_to))
        top = max(best[p:q].max(), forward[p:q].max())
        # what is e^-30 less likely than the best, in both directions, has no successors
        for i in range(0, n_from, 2):
            likely = max(forward[p + i], forward[p + i + 1]) > top - 30.0
            for d in range(2):
                allowed = emission[p + i + d] > -np.inf
                wanted[i + d] = 0.0 if likely and allowed else -np.inf
        routes(net, scratch, chain, t, limit, 4.0 * noise, wanted, route)
        step = steps[steps_at[t] : steps_at[t + 1]].reshape((n_from + 1, n_to + 1))
        transition(model, straight, n_from, n_to, route, step)
        weight = weights[steps_at[t] : steps_at[t + 1]].reshape((n_from + 1, n_to + 1))
        top = forward[p:q].max()
        known[: n_to + 1] = 0.0
        for i in range(n_from + 1):
            share = np.exp(forward[p + i] - top)
            for j in range(n_to + 1):
                weight[i, j] = np.exp(step[i, j])
                known[j] += share * weight[i, j]
        for j in range(n_to + 1):
            if emission[q + j] == -np.inf:
                best[q + j] = forward[q + j] = -np.inf
                continue
            winner, highest = -1, -np.inf
            for i in range(n_from + 1):
                if best[p + i] + step[i, j] > highest:
                    winner, highest = i, best[p + i] + step[i, j]
            came[q + j] = winner
            best[q + j] = highest + emission[q + j]
            forward[q + j] = np.log(known[j]) + top + emission[q + j] if known[j] > 0.0 else -np.inf
    for t in range(n - 2, -1, -1):
        p, q, r = offset[t], offset[t + 1], offset[t + 2]
        weight = weights[steps_at[t + 1] : steps_at[t + 2]].reshape((q - p, r - q))
        top = (emission[q:r] + backward[q:r]).max()
        for j in range(r - q):
            known[j] = np.exp(emission[q + j] + backward[q + j] - top)
        for i in range(q - p):
            total = 0.0
            for j in range(r - q):
                total += weight[i, j] * known[j]
            backward[p + i] = np.log(total) + top if total > 0.0 else -np.inf
    return _decode(chain, offset, steps_at, weights, emission, best, forward, backward, came)


@njit(cache=True, nogil=True)
def _decode(
    chain: Chain,
    offset: Ints,
    steps_at: Ints,
    weights: Floats,
    emission: Floats,
    best: Floats,
    forward: Floats,
    backward: Floats,
    came: Ints,
) -> Path:
    """Follow the best path back and turn logarithms into posteriors."""
    n = len(offset) - 1
    state = np.full(n, -1, dtype=np.int64)
    chance, chance_step = np.zeros(n), np.zeros(n)
    p_block = np.zeros(len(chain.block))
    parts = (offset, steps_at, weights, emission, forward, backward)
    if n == 0:
        return Path(state, chance, chance_step, p_block, *parts)
    total = _log_sum(forward[offset[n - 1] : offset[n]])
    local = np.argmax(best[offset[n - 1] : offset[n]])
    for t in range(n - 1, -1, -1):
        p, q = offset[t], offset[t + 1]
        here = np.exp(forward[p:q] + backward[p:q] - total)
        a = chain.first[t]
        for i in range(chain.first[t + 1] - a):
            for j in range(chain.first[t + 1] - a):
                if chain.block[a + i] == chain.block[a + j]:
                    p_block[a + i] += here[2 * j] + here[2 * j + 1]
        if local < q - p - 1:
            state[t] = local
            chance[t] = p_block[a + local // 2]
        else:
            chance[t] = here[local]
        if t == 0:
            break
        o = offset[t - 1]
        before = came[p + local]
        if before < p - o - 1 and local < q - p - 1:
            weight = weights[steps_at[t] : steps_at[t + 1]].reshape((p - o, q - p))
            from_block = chain.block[chain.first[t - 1] + before // 2]
            to_block = chain.block[a + local // 2]
            for i in range(p - o - 1):
                if chain.block[chain.first[t - 1] + i // 2] != from_block:
                    continue
                for j in range(q - p - 1):
                    if chain.block[a + j // 2] == to_block:
                        log_p = forward[o + i] + emission[p + j] + backward[p + j] - total
                        chance_step[t] += weight[i, j] * np.exp(log_p)
        local = before
    return Path(state, chance, chance_step, p_block, *parts)
