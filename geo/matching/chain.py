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

Shape = tuple[float, float, float, float, float]


class Model(NamedTuple):
    """Parameters of the model; metres, seconds, natural logarithms.

    * Candidates: the nearest `max_candidates` within min(`radius_max`, `radius_sds` · s + `radius_m`).
    * Position: errors are correlated over `memory_s`, so that what tells is how they change from fix to fix;
      `wide` is the share of changes three times as large, `wobble` how far a patrol strays sideways at once.
      `beside` tells that the patrol keeps to the kerbs, within `kerb_sd`; at a junction it stays on its hand
      with probability `same_hand`, and crosses a street between two fixes with `crossing`.
      `off` is the density of positions off the network, `leave` the cost of leaving or entering it; what
      fixes closer in time than `renewal_s` say of that, and of headings, counts for less.
    * Heading: `straying` is the share of headings that say nothing, `heading_k` the concentration of the
      others, `log_bessel` log I0 of it.
    * Routes are longer than the straight distance by slack + slack_share · straight on average, a share
      `wandering` of them by slack + wander · straight; `turn` is the cost of turning round.  They are tried
      up to `detour` · straight + `detour_m`, and no faster than `fastest`.
    * Speed: a share `steady` of routes are as long as the patrol's own pace says, give or take `spread` of
      it; the others are shorter, or, ever less likely, longer.  `pace` is that of a patrol of which few fixes
      are known, m/s.
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
    wobble: float
    same_hand: float
    crossing: float
    renewal_s: float
    wander: float
    wandering: float
    steady: float
    spread: float
    pace: float


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
def reach_limit(model: Model, straight: float, seconds: float, usual: float, s: float) -> float:
    """Return how long a route between two fixes may be."""
    fast = min(model.fastest * max(seconds, 1.0), 2.5 * max(usual, straight))
    return min(model.detour * straight + model.detour_m, fast + 4.0 * s)


@njit(cache=True, nogil=True)
def _twin(chain: Chain, i: int) -> bool:
    """Tell whether a candidate is the one before on the other side of the street."""
    return i > 0 and chain.side[i] == -1 and chain.side[i - 1] == 1 and chain.block[i] == chain.block[i - 1]


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
    States where `wanted` is minus infinity are skipped; of two that differ in side only the first is done.
    """
    a, b, c = chain.first[t - 1], chain.first[t], chain.first[t + 1]
    route[:] = np.inf
    for i in range(a, b):
        if i > a and _twin(chain, i):
            continue
        block = chain.block[i]
        for d in range(2):
            state = 2 * (i - a) + d
            asked = wanted[state] > -np.inf
            if i + 1 < b and _twin(chain, i + 1):
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
            if rest > limit:
                continue
            n_touched = search(net, scratch, node, block, limit - rest, -1)
            for j in range(b, c):
                if j > b and _twin(chain, j):
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
                    total = rest + scratch.far[door] + into
                    if total <= limit and route[state, 2 * (j - b) + e] == np.inf:
                        route[state, 2 * (j - b) + e] = total
            forget(scratch, n_touched)


@njit(cache=True, nogil=True)
def step_shape(model: Model, straight: float, usual: float, noise: float) -> Shape:
    """Return what `detour` needs to know of two fixes.

    `usual` is how far the patrol gets in the time, `noise` the standard deviation of a fix.
    """
    return (
        straight,
        1.0 / (model.slack + model.slack_share * straight),
        1.0 / (model.slack + model.wander * straight),
        max(usual, straight),
        1.0 / np.hypot(model.spread * usual, noise),
    )


@njit(cache=True, nogil=True)
def detour(model: Model, shape: Shape, length: float) -> float:
    """Return the density of a route of this length between two fixes."""
    straight, narrow, wide, usual, steady = shape
    extra = abs(length - straight)
    if extra * wide > 20.0:
        return 0.0
    direct = (1.0 - model.wandering) * np.exp(-extra * narrow) * narrow
    direct += model.wandering * np.exp(-extra * wide) * wide
    z = (length - usual) * steady
    other = np.exp(-z) if z > 0.0 else 1.0
    return float(direct * (model.steady * np.exp(-0.5 * z * z) + (1.0 - model.steady) * other))


@njit(cache=True, nogil=True)
def log_detour(model: Model, shape: Shape, length: float) -> float:
    """Return the log density of a route of this length between two fixes."""
    return float(np.log(detour(model, shape, length) + 1e-300)) if length < np.inf else -np.inf


@njit(cache=True, nogil=True)
def _normal(squared: float, precision: float, wide: float) -> float:
    """Return the density of an error by its squared distance over the standard deviation.

    A share `wide` is three times as large; `precision` is one over the standard deviation.
    """
    root = np.exp(-squared / 18.0)
    power = root * root * root
    return float(((1.0 - wide) * power * power * power + wide / 3.0 * root) * precision * 0.3989422804014327)


@njit(cache=True, nogil=True)
def _change(
    model: Model, chain: Chain, i: int, j: int, rho: float, s_i: float, s_j: float, kept: float, stays: bool
) -> tuple[float, float, float, float]:
    """Return how the error of candidate j follows from that of i, the fix before.

    Of both errors only what is across the street is seen, and beyond an end what is along it: each is
    expected to be a share of the error before, within one over a precision.  On one side of one block
    (`stays`) the distance from the kerb, of variance `kept`, is the same.
    """
    aligned = chain.across_x[i] * chain.across_x[j] + chain.across_y[i] * chain.across_y[j]
    shared = rho * s_i * s_j + (kept if stays else 0.0)
    before, here = s_i * s_i + kept, s_j * s_j + kept
    share = shared * aligned / before
    precision = 1.0 / np.sqrt(here - share * share * before + model.wobble**2)
    if chain.beyond[j] == 0.0:
        return share, precision, 0.0, 0.0
    crossed = chain.across_x[i] * chain.across_y[j] - chain.across_y[i] * chain.across_x[j]
    along = rho * s_i * s_j * crossed / before
    return share, precision, along, 1.0 / np.sqrt(s_j * s_j - along * along * before + model.wobble**2)


@njit(cache=True, nogil=True)
def _hand(model: Model, chain: Chain, i: int, d: int, j: int, e: int) -> float:
    """Return the probability of the side of candidate j after that of i."""
    if chain.side[j] == 0:
        return 1.0
    if chain.side[i] == 0:
        return 0.5
    if chain.block[i] == chain.block[j]:
        return 1.0 - model.crossing if chain.side[i] == chain.side[j] else model.crossing
    if chain.side[i] * (1 - 2 * d) == chain.side[j] * (1 - 2 * e):
        return model.same_hand
    return 1.0 - model.same_hand


@njit(cache=True, nogil=True)
def transition(
    model: Model,
    chain: Chain,
    t: int,
    straight: float,
    seconds: float,
    usual: float,
    s_before: float,
    s_here: float,
    route: Floats,
    weight: Floats,
) -> None:
    """Turn route lengths into densities of transitions, the state off the network last."""
    a, b, c = chain.first[t - 1], chain.first[t], chain.first[t + 1]
    n_from, n_to = 2 * (b - a), 2 * (c - b)
    rho = np.exp(-seconds / model.memory_s)
    about = np.exp(-model.turn)
    weight[:] = 0.0
    way = np.empty((2, 2))
    shape = step_shape(model, straight, usual, s_here)
    i = a
    while i < b:
        i_end = i + 2 if i + 1 < b and _twin(chain, i + 1) else i + 1
        j = b
        while j < c:
            j_end = j + 2 if j + 1 < c and _twin(chain, j + 1) else j + 1
            for e in range(2):
                along = detour(model, shape, route[2 * (i - a), 2 * (j - b) + e])
                against = detour(model, shape, route[2 * (i - a) + 1, 2 * (j - b) + e])
                way[0, e] = max(along, against * about)
                way[1, e] = max(against, along * about)
            if way.max() > 1e-12:
                kept = model.kerb_sd**2 if chain.side[i] != 0 else 0.0
                apart = _change(model, chain, i, j, rho, s_before, s_here, kept, False)
                near = apart
                if chain.block[i] == chain.block[j]:
                    near = _change(model, chain, i, j, rho, s_before, s_here, kept, True)
                for k in range(i, i_end):
                    for m in range(j, j_end):
                        use = near if chain.side[k] == chain.side[m] else apart
                        across = (chain.miss[m] - use[0] * chain.miss[k]) * use[1]
                        along = (chain.beyond[m] - use[2] * chain.miss[k]) * use[3]
                        fits = _normal(across * across + along * along, use[1], model.wide)
                        for d in range(2):
                            for e in range(2):
                                if way[d, e] > 0.0:
                                    hand = _hand(model, chain, k, d, m, e)
                                    weight[2 * (k - a) + d, 2 * (m - b) + e] = way[d, e] * fits * hand
            j = j_end
        i = i_end
    # off the network nothing is expected of an error: as likely as one that fits, less what `off` says
    common = shape[1]
    sd = np.sqrt(s_here * s_here * (1.0 - rho * rho) + model.wobble**2)
    renewed = min(seconds / model.renewal_s, 1.0)
    fits = 0.2419707 / sd * (model.off * s_here * 2.5066282746310002) ** renewed
    leave = np.exp(-model.leave)
    for k in range(n_from):
        weight[k, n_to] = common * leave * fits
    for m in range(n_to):
        weight[n_from, m] = common * leave * _first(model, chain, b + m // 2, s_here)
    weight[n_from, n_to] = common * fits


@njit(cache=True, nogil=True)
def _first(model: Model, chain: Chain, i: int, s: float) -> float:
    """Return the density of the error of a candidate of which nothing was known before."""
    sd = np.hypot(s, model.kerb_sd) if chain.side[i] != 0 else s
    share = 0.5 if chain.side[i] != 0 else 1.0
    squared = (chain.miss[i] / sd) ** 2 + (chain.beyond[i] / s) ** 2
    return share * _normal(squared, 1.0 / sd, model.wide)


@njit(cache=True, nogil=True)
def _log_sum(values: Floats) -> float:
    """Return log(sum(exp(values)))."""
    top = values.max()
    return top + np.log(np.exp(values - top).sum()) if top > -np.inf else -np.inf


@njit(cache=True, nogil=True)
def solve(
    net: Streets,
    scratch: Scratch,
    model: Model,
    chain: Chain,
    x: Floats,
    y: Floats,
    t_s: Floats,
    s: Floats,
    pace: float,
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
    weights = np.empty(steps_at[n])
    emission = np.empty(offset[n])
    for t in range(n):
        lasting = t_s[min(t + 1, n - 1)] - t_s[max(t - 1, 0)]
        weight = min(0.5 * lasting / model.renewal_s, 1.0) if 0 < t < n - 1 else 1.0
        for i in range(chain.first[t + 1] - chain.first[t]):
            for d in range(2):
                emission[offset[t] + 2 * i + d] = weight * chain.emission[chain.first[t] + i, d]
        emission[offset[t + 1] - 1] = 0.0
    for k in range(offset[1] if n else 0):
        own = np.log(model.off) if k == offset[1] - 1 else np.log(_first(model, chain, k // 2, s[0]))
        best[k] = forward[k] = emission[k] + own
    wanted = np.empty(4 * model.max_candidates)
    known = np.empty(4 * model.max_candidates + 1)
    for t in range(1, n):
        p, q, r = offset[t - 1], offset[t], offset[t + 1]
        n_from, n_to = q - p - 1, r - q - 1
        straight = np.hypot(x[t] - x[t - 1], y[t] - y[t - 1])
        noise, seconds = max(s[t], s[t - 1]), t_s[t] - t_s[t - 1]
        limit = reach_limit(model, straight, seconds, pace * seconds, noise)
        route = np.empty((n_from, n_to))
        top, top_best = forward[p:q].max(), best[p:q].max()
        # what is e^-15 less likely than the best, in both directions, has no successors
        for i in range(0, n_from, 2):
            likely = max(forward[p + i], forward[p + i + 1]) > top - 15.0
            for d in range(2):
                allowed = emission[p + i + d] > -np.inf
                wanted[i + d] = 0.0 if likely and allowed else -np.inf
        routes(net, scratch, chain, t, limit, 4.0 * noise, wanted, route)
        weight = weights[steps_at[t] : steps_at[t + 1]].reshape((n_from + 1, n_to + 1))
        transition(model, chain, t, straight, seconds, pace * seconds, s[t - 1], s[t], route, weight)
        known[: n_to + 1] = 0.0
        for j in range(n_to + 1):
            best[q + j] = -1.0
        for i in range(n_from + 1):
            share, own = np.exp(forward[p + i] - top), np.exp(best[p + i] - top_best)
            if share == 0.0:
                continue
            for j in range(n_to + 1):
                known[j] += share * weight[i, j]
                if own * weight[i, j] > best[q + j]:
                    best[q + j] = own * weight[i, j]
                    came[q + j] = i
        for j in range(n_to + 1):
            possible = emission[q + j] > -np.inf
            best[q + j] = (
                np.log(best[q + j]) + top_best + emission[q + j]
                if possible and best[q + j] > 0.0
                else -np.inf
            )
            forward[q + j] = (
                np.log(known[j]) + top + emission[q + j] if possible and known[j] > 0.0 else -np.inf
            )
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
