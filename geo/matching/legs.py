"""From the most probable states to the stretches of block that were travelled, and a place for every fix."""

# ruff: noqa: PLR0917 - numba kernels read like their formulas

from typing import NamedTuple

import numpy as np
from numba import njit

from geo.matching.chain import Chain, Path
from geo.matching.kernels import ROUND, Scratch, forget, nearest_between, search
from geo.matching.model import Model, charged, log_detour, reach_limit, step_shape
from geo.matching.network import Floats, Ints, Streets


class Legs(NamedTuple):
    """Stretches in the order travelled; `low` is where each begins and `high` where it ends, metres.

    `step` is the number of the fix at which the stretch's leg ends.
    """

    block: Ints
    low: Floats
    high: Floats
    step: Ints


@njit(cache=True, nogil=True)
def _grown(legs: Legs) -> Legs:
    """Return the same stretches with room for as many again."""
    n = len(legs.block)
    block, low = np.empty(2 * n, dtype=np.int64), np.empty(2 * n)
    high, step = np.empty(2 * n), np.empty(2 * n, dtype=np.int64)
    block[:n], low[:n], high[:n], step[:n] = legs.block, legs.low, legs.high, legs.step
    return Legs(block, low, high, step)


@njit(cache=True, nogil=True)
def _added(legs: Legs, n: int, block: int, low: float, high: float, step: int) -> Legs:
    """Write a stretch as number n."""
    if n == len(legs.block):
        legs = _grown(legs)
    legs.block[n], legs.low[n], legs.high[n], legs.step[n] = block, low, high, step
    return legs


@njit(cache=True, nogil=True)
def _way(
    net: Streets,
    scratch: Scratch,
    model: Model,
    limit: float,
    back: float,
    block: int,
    at: float,
    d: int,
    other: int,
    other_at: float,
    e: int,
) -> tuple[float, float]:
    """Return the length of the route between two states, and for how much minor way it is charged."""
    if block == other and d == e:
        ahead: float = (other_at - at) * (1 - 2 * d)
        if -back <= ahead <= limit:
            return ahead, charged(model, net.minor[block], abs(ahead), 0.0, net.minor[block], 0.0)
    rest = at if d else net.length[block] - at
    node = net.start[block] if d else net.end[block]
    door = net.end[other] if e else net.start[other]
    if rest > limit:
        return np.inf, 0.0
    n_touched = search(net, scratch, node, block, limit - rest, door)
    came_from = block if door == node else scratch.via[door]
    into = net.length[other] - other_at if e else other_at
    between = scratch.minor[door]
    length: float = rest + scratch.far[door] - ROUND * between + into
    if (came_from == other and net.exits[door] > 1) or length > limit:
        length = np.inf
    forget(scratch, n_touched)
    return length, charged(model, net.minor[block], rest, between, net.minor[other], into)


@njit(cache=True, nogil=True)
def _write_way(
    net: Streets,
    scratch: Scratch,
    length: float,
    block: int,
    at: float,
    d: int,
    other: int,
    other_at: float,
    e: int,
    legs: Legs,
    n: int,
    step: int,
) -> tuple[Legs, int]:
    """Write the stretches of a route that `_way` found to have this length."""
    if block == other and d == e and abs((other_at - at) * (1 - 2 * d) - length) < 1e-9:
        return _added(legs, n, block, at, other_at, step), n + 1
    node = net.start[block] if d else net.end[block]
    door = net.end[other] if e else net.start[other]
    legs = _added(legs, n, block, at, 0.0 if d else net.length[block], step)
    n += 1
    n_touched = search(net, scratch, node, block, (1.0 + ROUND) * length + 1e-6, door)
    middle = n
    here = door
    while here != node:
        by = scratch.via[here]
        before = scratch.from_node[here]
        forward = net.end[by] == here and net.start[by] == before
        low, high = (0.0, net.length[by]) if forward else (net.length[by], 0.0)
        legs = _added(legs, n, by, low, high, step)
        n += 1
        here = before
    forget(scratch, n_touched)
    for i in range((n - middle) // 2):
        a, b = middle + i, n - 1 - i
        legs.block[a], legs.block[b] = legs.block[b], legs.block[a]
        legs.low[a], legs.low[b] = legs.low[b], legs.low[a]
        legs.high[a], legs.high[b] = legs.high[b], legs.high[a]
    legs = _added(legs, n, other, net.length[other] if e else 0.0, other_at, step)
    return legs, n + 1


@njit(cache=True, nogil=True)
def connect(
    net: Streets,
    scratch: Scratch,
    model: Model,
    straight: float,
    usual: float,
    limit: float,
    noise: float,
    block: int,
    at: float,
    d: int,
    other: int,
    other_at: float,
    e: int,
    legs: Legs,
    n: int,
    step: int,
) -> tuple[Legs, int]:
    """Write the likeliest way between two states: onward, or after turning round."""
    back = 4.0 * noise
    onward, minor = _way(net, scratch, model, limit, back, block, at, d, other, other_at, e)
    turned, turned_minor = np.inf, 0.0
    shape = step_shape(model, straight, usual, noise)
    log_onward = log_detour(model, shape, onward, minor)
    # nothing that turns round can be likelier than this
    if net.one_way[block] == 0 and np.log(shape[1]) - model.turn > log_onward:
        turned, turned_minor = _way(net, scratch, model, limit, back, block, at, 1 - d, other, other_at, e)
    if onward == np.inf and turned == np.inf:
        return legs, n
    if log_detour(model, shape, turned, turned_minor) - model.turn > log_onward:
        return _write_way(net, scratch, turned, block, at, 1 - d, other, other_at, e, legs, n, step)
    return _write_way(net, scratch, onward, block, at, d, other, other_at, e, legs, n, step)


@njit(cache=True, nogil=True)
def travelled(
    net: Streets,
    scratch: Scratch,
    model: Model,
    chain: Chain,
    path: Path,
    x: Floats,
    y: Floats,
    t_s: Floats,
    s: Floats,
    pace: float,
) -> Legs:
    """Return the stretches between the fixes of a chain.

    Around fixes off the network the way is a guess, from the last fix on it to the next.
    """
    n_fixes = len(x)
    size = 4 * n_fixes + 16
    legs = Legs(
        np.empty(size, dtype=np.int64), np.empty(size), np.empty(size), np.empty(size, dtype=np.int64)
    )
    n = 0
    u = -1
    for t in range(n_fixes):
        if path.state[t] < 0:
            continue
        if u < 0:
            u = t
            continue
        i, d = chain.first[u] + path.state[u] // 2, path.state[u] % 2
        j, e = chain.first[t] + path.state[t] // 2, path.state[t] % 2
        straight = np.hypot(x[t] - x[u], y[t] - y[u])
        noise = max(s[t], s[u])
        seconds = t_s[t] - t_s[u]
        limit = reach_limit(model, straight, seconds, pace * seconds, noise)
        u = t
        legs, n = connect(
            net,
            scratch,
            model,
            straight,
            pace * seconds,
            limit,
            noise,
            chain.block[i],
            chain.at[i],
            d,
            chain.block[j],
            chain.at[j],
            e,
            legs,
            n,
            t,
        )
    return Legs(legs.block[:n].copy(), legs.low[:n].copy(), legs.high[:n].copy(), legs.step[:n].copy())


@njit(cache=True, nogil=True)
def _passes(
    net: Streets,
    scratch: Scratch,
    model: Model,
    chain: Chain,
    t: int,
    i: int,
    j: int,
    straight: float,
    usual: float,
    limit: float,
    noise: float,
    block: int,
    at: float,
    room: Legs,
) -> bool:
    """Tell whether the way from state i of fix t - 1 to state j of fix t passes a place of a block."""
    a, b = chain.first[t - 1] + i // 2, chain.first[t] + j // 2
    legs, n = connect(
        net,
        scratch,
        model,
        straight,
        usual,
        limit,
        noise,
        chain.block[a],
        chain.at[a],
        i % 2,
        chain.block[b],
        chain.at[b],
        j % 2,
        room,
        0,
        t,
    )
    for k in range(n):
        low, high = min(legs.low[k], legs.high[k]), max(legs.low[k], legs.high[k])
        if legs.block[k] == block and low <= at <= high:
            return True
    return False


@njit(cache=True, nogil=True)
def p_passed(
    net: Streets,
    scratch: Scratch,
    model: Model,
    chain: Chain,
    path: Path,
    x: Floats,
    y: Floats,
    t_s: Floats,
    s: Floats,
    pace: float,
    block: Ints,
    at: Floats,
    begin: Ints,
    end: Ints,
) -> Floats:
    """Return the posterior probability that the patrol passed each of some places between two fixes.

    The forward recursion is run again over the ways that do not pass the place; what is missing at the end
    is the probability of those that do.
    """
    out = np.zeros(len(block))
    room = Legs(np.empty(64, dtype=np.int64), np.empty(64), np.empty(64), np.empty(64, dtype=np.int64))
    last = path.offset[len(x)]
    top = path.forward[path.offset[len(x) - 1] : last].max()
    total = top + np.log(np.exp(path.forward[path.offset[len(x) - 1] : last] - top).sum())
    for k in range(len(block)):
        o, p = path.offset[begin[k]], path.offset[begin[k] + 1]
        scale = path.forward[o:p].max()
        without = np.exp(path.forward[o:p] - scale)
        for t in range(begin[k] + 1, end[k] + 1):
            o, p, q = path.offset[t - 1], path.offset[t], path.offset[t + 1]
            weight = path.weights[path.steps_at[t] : path.steps_at[t + 1]].reshape((p - o, q - p))
            ahead = np.exp(path.emission[p:q])
            top = path.forward[o:p].max()
            later = np.exp(path.emission[p:q] + path.backward[p:q] + top - total)
            straight = np.hypot(x[t] - x[t - 1], y[t] - y[t - 1])
            noise = max(s[t], s[t - 1])
            usual = pace * (t_s[t] - t_s[t - 1])
            limit = reach_limit(model, straight, t_s[t] - t_s[t - 1], usual, noise)
            onward = np.zeros(q - p)
            for i in range(p - o):
                if without[i] == 0.0:
                    continue
                here = np.exp(path.forward[o + i] - top)
                for j in range(q - p):
                    likely = here * weight[i, j] * later[j]
                    # what is less than one in a hundred counts as passing by: to look would cost more
                    if (
                        likely < 0.01
                        or i == p - o - 1
                        or j == q - p - 1
                        or not _passes(
                            net,
                            scratch,
                            model,
                            chain,
                            t,
                            i,
                            j,
                            straight,
                            usual,
                            limit,
                            noise,
                            block[k],
                            at[k],
                            room,
                        )
                    ):
                        onward[j] += without[i] * weight[i, j] * ahead[j]
            without = onward
        o, p = path.offset[end[k]], path.offset[end[k] + 1]
        missed = (without * np.exp(path.backward[o:p] + scale - total)).sum()
        out[k] = min(max(1.0 - missed, 0.0), 1.0)
    return out


@njit(cache=True, nogil=True)
def bridged(
    net: Streets,
    scratch: Scratch,
    model: Model,
    straight: float,
    seconds: float,
    s: float,
    block: int,
    at: float,
    d: int,
    other: int,
    other_at: float,
    e: int,
) -> Legs:
    """Return the likeliest way across a gap, empty if there is none that is plausible."""
    legs = Legs(np.empty(8, dtype=np.int64), np.empty(8), np.empty(8), np.empty(8, dtype=np.int64))
    usual = max(straight, model.pace * seconds)
    limit = reach_limit(model, straight, seconds, usual, s)
    legs, n = connect(
        net, scratch, model, straight, usual, limit, s, block, at, d, other, other_at, e, legs, 0, 0
    )
    return Legs(legs.block[:n].copy(), legs.low[:n].copy(), legs.high[:n].copy(), legs.step[:n].copy())


@njit(cache=True, nogil=True)
def placed(net: Streets, legs: Legs, step: Ints, x: Floats, y: Floats) -> tuple[Ints, Floats, Floats, Ints]:
    """Return for each fix between two others the nearest stretch of its leg: block, chainage, distance, leg.

    `step` is the number of the fix that ends its leg, in order; a fix without a leg gets block -1.
    """
    n = len(x)
    block = np.full(n, -1, dtype=np.int64)
    at, away = np.full(n, np.nan), np.full(n, np.nan)
    which = np.full(n, -1, dtype=np.int64)
    for k in range(n):
        first = np.searchsorted(legs.step, step[k], side="left")
        last = np.searchsorted(legs.step, step[k], side="right")
        best = np.inf
        for leg in range(first, last):
            low, high = min(legs.low[leg], legs.high[leg]), max(legs.low[leg], legs.high[leg])
            distance, where = nearest_between(net, legs.block[leg], low, high, x[k], y[k])
            if abs(distance) < best:
                best = abs(distance)
                block[k], at[k], away[k], which[k] = legs.block[leg], where, distance, leg
    return block, at, away, which
