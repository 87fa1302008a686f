"""Would yesterday's map have led tomorrow's patrols: forecasts tested on periods they have not seen."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from geo.errors import GeoError
from geo.hotspots.model import Exposure, fit

Floats = NDArray[np.float64]
Forecast = Callable[[Floats, Floats], Floats]
"""From counts and effort so far, shape (periods, blocks), to a score per block, the more the worse."""


def prediction_accuracy(found_in: float, found: float, length_in_m: float, length_m: float) -> float:
    """Return the PAI: the share of findings that the chosen streets held, over their share of the length.

    1 is no better than chance; NaN if nothing was found or nothing chosen.

    References
    ----------
    Chainey, S., Tompson, L. and Uhlig, S. (2008), "The utility of hotspot mapping for predicting spatial
    patterns of crime", doi 10.1057/palgrave.sj.8350066.

    Examples
    --------
    >>> prediction_accuracy(found_in=30, found=100, length_in_m=5_000, length_m=100_000)
    6.0
    """
    if not found or not length_in_m:
        return float("nan")
    return float(found_in * length_m / (found * length_in_m))


def prediction_efficiency(chosen: NDArray[np.bool_], count: Floats, length_m: Floats) -> float:
    """Return the PEI: what the chosen streets held, over the most that streets of no more length could hold.

    The best choice takes the blocks with the most findings per metre until the length is used up (the
    last one in part), which is at least as good as any choice of whole blocks.

    References
    ----------
    Hunt, J. M. (2016), "Do crime hot spots move? Exploring the effects of the modifiable areal unit
    problem and modifiable temporal unit problem on crime hot spot stability", American University.

    Examples
    --------
    >>> chosen = np.array([True, False, False])
    >>> prediction_efficiency(chosen, np.array([2.0, 4.0, 0.0]), np.array([100.0, 100.0, 50.0]))
    0.5
    """
    order = np.argsort(-count / length_m, kind="stable")
    used = np.concatenate([[0.0], np.cumsum(length_m[order])])
    held = np.concatenate([[0.0], np.cumsum(count[order])])
    best = float(np.interp(length_m[chosen].sum(), used, held))
    return float(count[chosen].sum() / best) if best else float("nan")


def found_per_km(
    chosen: NDArray[np.bool_], count: Floats, effort_m: Floats, chance: Floats | None = None
) -> float:
    """Return findings per inspected kilometre on the chosen blocks.

    With `chance`, the probability that a block was sent a patrol, each block counts the inverse of it, so
    that streets that are always visited do not stand for all [1]_.  NaN if none of them was inspected.

    References
    ----------
    .. [1] Hájek, J. (1971), comment in "Foundations of Statistical Inference", on the weighted ratio.

    Examples
    --------
    >>> chosen, inspected = np.array([True, True]), np.array([1000.0, 1000.0])
    >>> found_per_km(chosen, np.array([9.0, 1.0]), inspected)
    5.0
    >>> found_per_km(chosen, np.array([9.0, 1.0]), inspected, chance=np.array([0.9, 0.1]))
    1.8
    """
    weight = chosen & (effort_m > 0)
    share = weight / (np.ones(len(count)) if chance is None else np.where(weight, chance, 1.0))
    inspected = float(share @ effort_m)
    return round(float(share @ count) / inspected * 1000.0, 12) if inspected else float("nan")


def last_period(counts: Floats, effort_m: Floats) -> Floats:
    """Forecast what was counted last: the usual map, which repeats where the patrols went."""
    return np.asarray(counts[-1], np.float64)


def moving_average(memory: float = 0.5) -> Forecast:
    """Return the forecast by a mean of counts that keeps the share `memory` of a weight per period."""

    def forecast(counts: Floats, effort_m: Floats) -> Floats:
        weight = memory ** np.arange(len(counts) - 1, -1, -1)
        return np.asarray(weight @ counts / weight.sum())

    return forecast


def patrol_corrected(length_m: Floats, block_class: NDArray[np.int64] | None = None) -> Forecast:
    """Return the forecast by the model of `geo.hotspots`: what one more pass should find, shrunk per block.

    The posterior mean of each block's rate given its own counts, times the expected count of an equal
    pass everywhere.  Blocks never inspected get what their length and class suggest.
    """
    classes = np.zeros(len(length_m), np.int64) if block_class is None else block_class

    def forecast(counts: Floats, effort_m: Floats) -> Floats:
        count, passes = counts.sum(axis=0), effort_m.sum(axis=0) / length_m
        seen = passes > 0
        if not seen.any() or not count[seen].sum():
            return np.zeros(len(length_m))
        # an average pass stands in for blocks nobody saw; they teach the model nothing
        typical = float(np.median(passes[seen]))
        fitted = fit(count, Exposure(length_m, np.where(seen, passes, typical), classes), seen)
        even = _same_passes(fitted.design, fitted.coefficient, length_m, typical)
        prior = 1.0 / max(fitted.noise.mean_phi, 1e-3)
        own = (prior + np.where(seen, count, fitted.expected)) / (prior + fitted.expected)
        return np.asarray(even * own)

    return forecast


def _same_passes(design: Floats, coefficient: Floats, length_m: Floats, passes: float) -> Floats:
    """Return the expected counts if every block had the same number of passes."""
    same = design.copy()
    same[:, 1] = same[:, 2] = 0.0
    return np.asarray(np.exp(np.clip(same @ coefficient, -80.0, 80.0)) * length_m * passes)


@dataclass(frozen=True, slots=True)
class History:
    """What was found and inspected, period by period, oldest first.

    `counts` and `effort_m` have shape (periods, blocks); `length_m` and, if known, `chance` (the
    probability of a patrol) have one value per block.
    """

    counts: Floats
    effort_m: Floats
    length_m: Floats
    chance: Floats | None = None


def rolling_origin(
    history: History, forecasts: Mapping[str, Forecast], *, share: float = 0.05, first: int = 3
) -> pd.DataFrame:
    """Test forecasts period by period, each from what was known before it.

    Each forecast chooses the blocks with the highest score per metre until `share` of the length is
    reached (the block that would pass it is left out; ties by position).

    Parameters
    ----------
    history : History
    forecasts : mapping of name to Forecast
    share : float
        Share of the street length that can be patrolled, above 0 and at most 1.
    first : int
        How many periods are known before the first test, at least 1.

    Returns
    -------
    DataFrame, one row per period and forecast
        `period` (from 0), `forecast`, `n_blocks`, `length_m`, `found`, `pai`, `pei`, `found_per_km`.

    Raises
    ------
    GeoError
        Shapes that do not fit, no period left to test, a share that is none.

    Examples
    --------
    >>> counts = np.array([[9.0, 1, 0, 0], [8, 2, 0, 0], [7, 3, 0, 0]])
    >>> past = History(counts, np.full((3, 4), 100.0), np.full(4, 100.0))
    >>> tested = rolling_origin(past, {"last": last_period}, share=0.25, first=1)
    >>> tested[["period", "found", "pai", "pei", "found_per_km"]].values.tolist()
    [[1.0, 8.0, 3.2, 1.0, 80.0], [2.0, 7.0, 2.8, 1.0, 70.0]]
    """
    _check(history, share, first)
    rows = []
    for period in range(first, len(history.counts)):
        for name, forecast in forecasts.items():
            score = forecast(history.counts[:period], history.effort_m[:period])
            chosen = choose(score, history.length_m, share)
            rows.append({"period": period, "forecast": name, **_scores(history, period, chosen)})
    return pd.DataFrame(rows)


def choose(score: Floats, length_m: Floats, share: float) -> NDArray[np.bool_]:
    """Return the blocks with the highest score per metre whose lengths add up to at most `share` of all.

    Examples
    --------
    >>> choose(np.array([1.0, 5.0, 3.0]), np.array([10.0, 10.0, 10.0]), 0.7).tolist()
    [False, True, True]
    """
    order = np.argsort(-score / length_m, kind="stable")
    fits = np.cumsum(length_m[order]) <= share * length_m.sum() * (1.0 + 1e-12)
    chosen = np.zeros(len(score), np.bool_)
    chosen[order[fits]] = True
    return chosen


def _scores(history: History, period: int, chosen: NDArray[np.bool_]) -> dict[str, float]:
    """Compare the chosen blocks with what the period then brought."""
    count, length_m = history.counts[period], history.length_m
    found_in, length_in = float(count[chosen].sum()), float(length_m[chosen].sum())
    return {
        "n_blocks": int(chosen.sum()),
        "length_m": length_in,
        "found": found_in,
        "pai": prediction_accuracy(found_in, float(count.sum()), length_in, float(length_m.sum())),
        "pei": prediction_efficiency(chosen, count, length_m),
        "found_per_km": found_per_km(chosen, count, history.effort_m[period], history.chance),
    }


def _check(history: History, share: float, first: int) -> None:
    """Refuse what cannot be tested."""
    n_periods, n_blocks = history.counts.shape
    if history.effort_m.shape != (n_periods, n_blocks) or history.length_m.shape != (n_blocks,):
        raise GeoError("counts, effort and lengths are of different blocks or periods")
    if not 0 < share <= 1:
        raise GeoError("%(share)s is no share of the streets", share=share)
    if not 1 <= first < n_periods:
        raise GeoError("%(n)s periods leave none to test after the first %(first)s", n=n_periods, first=first)
