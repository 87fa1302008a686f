# ruff: noqa: C901, PLR0912, PLR0917 - numba kernels read like their formulas
"""The hidden Markov model along one unbroken chain of fixes: Viterbi path and posteriors.

A state is a block, a direction on it and the position nearest to the fix, or "off the network".
After Newson and Krumm (2009), doi 10.1145/1653771.1653818.
"""

import numpy as np
from numba import njit

from geo.matching.chain import Chain, Path, routes
from geo.matching.kernels import Scratch
from geo.matching.model import Model, reach_limit
from geo.matching.network import Floats, Ints, Streets
from geo.matching.steps import first, transition


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
    offset, steps_at = _room(chain, n)
    emission = _emissions(model, chain, t_s, offset)
    weights = np.empty(steps_at[n])
    best, forward = np.empty(offset[n]), np.empty(offset[n])
    came = np.full(offset[n], -1, dtype=np.int64)
    for k in range(offset[1] if n else 0):
        own = np.log(model.off) if k == offset[1] - 1 else np.log(first(model, chain, k // 2, s[0]))
        best[k] = forward[k] = emission[k] + own
    wanted = np.empty(4 * model.max_candidates)
    for t in range(1, n):
        p, q, r = offset[t - 1], offset[t], offset[t + 1]
        n_from, n_to = q - p - 1, r - q - 1
        straight = np.hypot(x[t] - x[t - 1], y[t] - y[t - 1])
        noise, seconds = max(s[t], s[t - 1]), t_s[t] - t_s[t - 1]
        limit = reach_limit(model, straight, seconds, pace * seconds, noise)
        route, minor = np.empty((n_from, n_to)), np.zeros((n_from, n_to))
        top = forward[p:q].max()
        # what is e^-15 less likely than the best, in both directions, has no successors
        for i in range(0, n_from, 2):
            likely = max(forward[p + i], forward[p + i + 1]) > top - 15.0
            for d in range(2):
                allowed = emission[p + i + d] > -np.inf
                wanted[i + d] = 0.0 if likely and allowed else -np.inf
        routes(net, scratch, model, chain, t, limit, 4.0 * noise, wanted, route, minor)
        weight = weights[steps_at[t] : steps_at[t + 1]].reshape((n_from + 1, n_to + 1))
        transition(model, chain, t, straight, seconds, pace * seconds, s[t - 1], s[t], route, minor, weight)
        _onward(weight, emission[q:r], forward[p:q], best[p:q], forward[q:r], best[q:r], came[q:r])
    backward = _backwards(offset, steps_at, weights, emission)
    return _decode(chain, offset, steps_at, weights, emission, best, forward, backward, came)


@njit(cache=True, nogil=True)
def _room(chain: Chain, n: int) -> tuple[Ints, Ints]:
    """Return where the states of each fix begin, and where the transitions to it."""
    offset = np.zeros(n + 1, dtype=np.int64)
    steps_at = np.zeros(n + 1, dtype=np.int64)
    for t in range(n):
        offset[t + 1] = offset[t] + 2 * (chain.first[t + 1] - chain.first[t]) + 1
        if t:
            steps_at[t + 1] = steps_at[t] + (offset[t] - offset[t - 1]) * (offset[t + 1] - offset[t])
    return offset, steps_at


@njit(cache=True, nogil=True)
def _emissions(model: Model, chain: Chain, t_s: Floats, offset: Ints) -> Floats:
    """Return what the headings say of each state; less where others come soon before and after."""
    n = len(offset) - 1
    emission = np.zeros(offset[n])
    for t in range(n):
        lasting = t_s[min(t + 1, n - 1)] - t_s[max(t - 1, 0)]
        weight = min(0.5 * lasting / model.renewal_s, 1.0) if 0 < t < n - 1 else 1.0
        for i in range(chain.first[t + 1] - chain.first[t]):
            for d in range(2):
                emission[offset[t] + 2 * i + d] = weight * chain.emission[chain.first[t] + i, d]
    return emission


@njit(cache=True, nogil=True)
def _onward(
    weight: Floats, emission: Floats, forward: Floats, best: Floats, total: Floats, top: Floats, came: Ints
) -> None:
    """Go on from the states of one fix (`forward`, `best`) to those of the next (`total`, `top`, `came`)."""
    shift, shift_best = forward.max(), best.max()
    known = np.zeros(len(emission))
    top[:] = -1.0
    for i in range(len(forward)):
        share, own = np.exp(forward[i] - shift), np.exp(best[i] - shift_best)
        if share == 0.0:
            continue
        for j in range(len(emission)):
            known[j] += share * weight[i, j]
            if own * weight[i, j] > top[j]:
                top[j] = own * weight[i, j]
                came[j] = i
    for j in range(len(emission)):
        possible = emission[j] > -np.inf
        top[j] = np.log(top[j]) + shift_best + emission[j] if possible and top[j] > 0.0 else -np.inf
        total[j] = np.log(known[j]) + shift + emission[j] if possible and known[j] > 0.0 else -np.inf


@njit(cache=True, nogil=True)
def _backwards(offset: Ints, steps_at: Ints, weights: Floats, emission: Floats) -> Floats:
    """Return how likely what follows is, from each state."""
    n = len(offset) - 1
    backward = np.zeros(offset[n])
    for t in range(n - 2, -1, -1):
        p, q, r = offset[t], offset[t + 1], offset[t + 2]
        weight = weights[steps_at[t + 1] : steps_at[t + 2]].reshape((q - p, r - q))
        later = emission[q:r] + backward[q:r]
        top = later.max()
        later = np.exp(later - top)
        for i in range(q - p):
            total = 0.0
            for j in range(r - q):
                total += weight[i, j] * later[j]
            backward[p + i] = np.log(total) + top if total > 0.0 else -np.inf
    return backward


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
