# ruff: noqa: PLR0917 - numba kernels read like their formulas
"""Parameters of the hidden Markov model, and how likely a route of some length is between two fixes."""

from typing import NamedTuple

import numpy as np
from numba import njit

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
    * A metre of a minor way costs `shortcut`; of one that is entered a patrol pays for `entering` metres
      once, however long it stays: else the longest walk on a frontage road would be the least believed.
      0 charges every metre.
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
    shortcut: float
    entering: float
    steady: float
    spread: float
    pace: float


# What is longer than this is no short cut any more: else being nowhere became likelier than being there
_MINOR_M = 150.0


@njit(cache=True, nogil=True)
def charged(model: Model, before: float, rest: float, between: float, after: float, into: float) -> float:
    """Return how many metres of minor way a route is charged for.

    `before` and `after` tell whether its first and last block are minor, `rest` and `into` are how long it
    is on them, `between` is what is minor of the others.
    """
    if model.entering == 0.0:
        return rest * before + between + into * after
    if before > 0.0:
        return 0.0
    return between + model.entering * after


@njit(cache=True, nogil=True)
def reach_limit(model: Model, straight: float, seconds: float, usual: float, s: float) -> float:
    """Return how long a route between two fixes may be."""
    fast = min(model.fastest * max(seconds, 1.0), 2.5 * max(usual, straight))
    return min(model.detour * straight + model.detour_m, fast + 4.0 * s)


@njit(cache=True, nogil=True)
def step_shape(model: Model, straight: float, usual: float, noise: float) -> Shape:
    """Return what `detour` needs to know of two fixes.

    `usual` is how far the patrol gets in the time, `noise` the standard deviation of a fix.
    """
    return (
        straight,
        1.0 / (model.slack + model.slack_share * straight),
        1.0 / (model.slack + model.wander * max(straight, 0.7 * usual)),
        max(usual, straight),
        1.0 / np.hypot(model.spread * usual, noise),
    )


@njit(cache=True, nogil=True)
def detour(model: Model, shape: Shape, length: float, minor: float) -> float:
    """Return the density of a route of this length, some of it on minor ways, between two fixes."""
    straight, narrow, wide, usual, steady = shape
    extra = abs(length - straight)
    if extra * wide > 20.0:
        return 0.0
    direct = (1.0 - model.wandering) * np.exp(-extra * narrow) * narrow
    direct += model.wandering * np.exp(-extra * wide) * wide
    z = (length - usual) * steady
    other = np.exp(-z) if z > 0.0 else 1.0
    if minor > 0.0:
        direct *= np.exp(-model.shortcut * min(minor, _MINOR_M))
    return float(direct * (model.steady * np.exp(-0.5 * z * z) + (1.0 - model.steady) * other))


@njit(cache=True, nogil=True)
def log_detour(model: Model, shape: Shape, length: float, minor: float) -> float:
    """Return the log density of a route of this length between two fixes."""
    return float(np.log(detour(model, shape, length, minor) + 1e-300)) if length < np.inf else -np.inf
