# ruff: noqa: C901, PLR0917 - numba kernels read like their formulas
"""Densities of the steps of the model: from a candidate of one fix to a candidate of the next."""

import numpy as np
from numba import njit

from geo.matching.chain import Chain, twin
from geo.matching.model import Model, detour, step_shape
from geo.matching.network import Floats


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
def first(model: Model, chain: Chain, i: int, s: float) -> float:
    """Return the density of the error of a candidate of which nothing was known before."""
    sd = np.hypot(s, model.kerb_sd) if chain.side[i] != 0 else s
    share = 0.5 if chain.side[i] != 0 else 1.0
    squared = (chain.miss[i] / sd) ** 2 + (chain.beyond[i] / s) ** 2
    return share * _normal(squared, 1.0 / sd, model.wide)


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
    minor: Floats,
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
        i_end = i + 2 if i + 1 < b and twin(chain, i + 1) else i + 1
        j = b
        while j < c:
            j_end = j + 2 if j + 1 < c and twin(chain, j + 1) else j + 1
            for e in range(2):
                k, m = 2 * (i - a), 2 * (j - b) + e
                along = detour(model, shape, route[k, m], minor[k, m])
                against = detour(model, shape, route[k + 1, m], minor[k + 1, m])
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
    common = 0.45 * shape[1]
    sd = np.sqrt(s_here * s_here * (1.0 - rho * rho) + model.wobble**2)
    renewed = min(seconds / model.renewal_s, 1.0)
    fits = 0.2419707 / sd * (model.off * s_here * 2.5066282746310002) ** renewed
    leave = np.exp(-model.leave)
    for k in range(n_from):
        weight[k, n_to] = common * leave * fits
    for m in range(n_to):
        weight[n_from, m] = common * leave * first(model, chain, b + m // 2, s_here)
    weight[n_from, n_to] = common * fits
