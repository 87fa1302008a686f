"""What a hotspot does over time: new, rising, falling, persistent; and when in the week things are found."""

from collections.abc import Iterable

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import gammaincinv, ndtr

from geo.errors import GeoError, MissingColumnError

Floats = NDArray[np.float64]

HOURS_OF_WEEK = 168
# A place is said to last if it was hot in nine of ten periods that were observed there
_LASTING = 0.9
# Two-sided level of the trend test; two periods make no trend; fewer findings tell nothing of scatter
_TREND_LEVEL = 0.05
FEWEST_FOR_TREND = 3
_FEWEST_FOUND = 5.0


def label(periods: Iterable[pd.DataFrame]) -> pd.DataFrame:
    """Name what each block did over the periods, oldest first.

    The first that fits: `new` (hot in the last period only), `rising`, `falling` or `persistent` (hot in at
    least nine of ten observed periods and the last; by the trend), `consecutive` (hot in one run of at
    least two periods that lasts), `recurring` (hot in the last period and some before),
    `past` (hot in nine of ten before, not now), `none`; `not observed` where the last period has
    no effort.  For the trend see `trend`.  Ask for q over all periods in one family.

    Parameters
    ----------
    periods : iterable of DataFrame
        One result of `geo.hotspots.find` per period, on the same blocks in the same order.

    Returns
    -------
    DataFrame
        `block_id`, `label`, `n_hot`, `n_observed`, `trend` (log of found to expected, a period) and
        `trend_p`, two-sided.

    Raises
    ------
    GeoError
        No period, or periods of different blocks.

    Examples
    --------
    >>> quiet = pd.DataFrame({"block_id": ["a", "b"], "hot": False, "observed_at_all": True})
    >>> quiet = quiet.assign(observed=2.0, expected=2.0)
    >>> now = quiet.assign(hot=[True, False], observed=[20.0, 3.0])
    >>> label([quiet, quiet, now])["label"].tolist()
    ['new', 'none']
    """
    frames = list(periods)
    if not frames:
        raise GeoError("no period to compare")
    ids = frames[0]["block_id"].to_numpy()
    if any(not np.array_equal(frame["block_id"].to_numpy(), ids) for frame in frames):
        raise GeoError("the periods are of different blocks")
    hot = np.array([frame["hot"].to_numpy(np.bool_) for frame in frames])
    seen = np.array([frame["observed_at_all"].to_numpy(np.bool_) for frame in frames])
    observed, expected = (
        np.array([frame[column].to_numpy(np.float64) for frame in frames])
        for column in ("observed", "expected")
    )
    slope, slope_p = trend(observed, expected)
    return pd.DataFrame(
        {
            "block_id": ids,
            "label": _labels(hot, seen, np.where(slope_p < _TREND_LEVEL, np.sign(slope), 0.0)),
            "n_hot": hot.sum(axis=0),
            "n_observed": seen.sum(axis=0),
            "trend": slope,
            "trend_p": slope_p,
        }
    )


def trend(observed: Floats, expected: Floats) -> tuple[Floats, Floats]:
    """Return how found to expected changes in each column, on the log scale a period, and its two-sided p.

    Score test of ``b`` in a Poisson mean of ``expected_t exp(a + b t)``, given how many were found in all
    [1]_ [2]_: what patrols explain is in `expected`, and a few periods of many findings tell a trend, which
    no test on ranks does.  Counts scatter more than chance: by how much is read off all places together, from
    what no trend explains, and the variance is that much larger.  The slope is one step of scoring; p is 1
    for fewer than three periods.

    Parameters
    ----------
    observed, expected : float array, shape (periods, places)
        Periods of equal length, oldest first; NaN, or nothing expected, where nobody looked.

    References
    ----------
    .. [1] Armitage, P. (1955), "Tests for linear trends in proportions and frequencies",
       doi 10.2307/3001775.
    .. [2] McCullagh, P. and Nelder, J. A. (1989), Generalized Linear Models, section 4.5.

    Examples
    --------
    Three periods of the same effort; 1, 5, 14 found: the score is 5 + 2 * 14 - 20 = 13, its variance 40 / 3.

    >>> slope, p = trend(np.array([[1.0, 7.0], [5.0, 6.0], [14.0, 7.0]]), np.ones((3, 2)))
    >>> slope.round(3).tolist(), p.round(4).tolist()
    ([0.975, 0.0], [0.0006, 1.0])
    """
    seen = np.nan_to_num(expected) > 0
    due, found = np.where(seen, expected, 0.0), np.where(seen, observed, 0.0)
    n, at = found.sum(axis=0), np.arange(len(found))[:, None]
    share = due / np.maximum(due.sum(axis=0), 1e-300)
    middle = (at * share).sum(axis=0)
    variance = n * (((at - middle) ** 2) * share).sum(axis=0)
    score = (at * found).sum(axis=0) - n * middle
    known = (seen.sum(axis=0) >= FEWEST_FOR_TREND) & (variance > 0)
    variance = np.where(known, variance, 1.0)
    scatter = _scatter(found, n * share, score**2 / variance, known)
    z = np.maximum(np.abs(score) - 0.5, 0.0) / np.sqrt(scatter * variance)
    return np.where(known, score / variance, 0.0), np.where(known, np.minimum(1.0, 2.0 * ndtr(-z)), 1.0)


def _scatter(found: Floats, due: Floats, explained: Floats, known: NDArray[np.bool_]) -> float:
    """Return by how much counts scatter more than chance, at least 1: Pearson's, less what trends explain."""
    told = known & (found.sum(axis=0) >= _FEWEST_FOUND)
    free = (due > 0).sum(axis=0) - 2
    if not told.any():
        return 1.0
    squares = (found - due) ** 2 / np.where(due > 0, due, 1.0)
    left = squares.sum(axis=0) - explained
    return max(1.0, float(left[told].sum() / free[told].sum()))


def _labels(hot: NDArray[np.bool_], seen: NDArray[np.bool_], trend: Floats) -> NDArray[np.object_]:
    """Take the first label that fits."""
    n_before, n_seen_before = hot[:-1].sum(axis=0), seen[:-1].sum(axis=0)
    last, n_hot, n_seen = hot[-1], hot.sum(axis=0), seen.sum(axis=0)
    lasting = last & (n_hot >= _LASTING * n_seen) & (n_seen > 1)
    runs = (np.diff(np.vstack([np.zeros_like(hot[:1]), hot]).astype(int), axis=0) == 1).sum(axis=0)
    return np.select(
        [
            ~seen[-1],
            last & (n_before == 0),
            lasting & (trend > 0),
            lasting & (trend < 0),
            lasting,
            last & (runs == 1),
            last,
            (n_seen_before > 0) & (n_before >= _LASTING * n_seen_before),
        ],
        ["not observed", "new", "rising", "falling", "persistent", "consecutive", "recurring", "past"],
        "none",
    ).astype(object)


def hour_of_week(findings: pd.DataFrame, effort: pd.DataFrame) -> pd.DataFrame:
    """Return findings per inspected kilometre in each hour of the week, with 90 % intervals.

    Findings and effort are counted in the same hours, local time of the city: a school bell and a
    patrol that comes at the school bell look the same in counts alone.

    Parameters
    ----------
    findings : DataFrame
        `hour`, 0 (Monday 0:00) to 167 (Sunday 23:00); each row counts one.
    effort : DataFrame
        `hour` and `effort_m`; several rows of an hour are added up.

    Returns
    -------
    DataFrame, 168 rows
        `hour`, `found`, `effort_km`, `per_km` and its exact Poisson interval `low`, `high`; NaN where
        nobody was out.

    Raises
    ------
    MissingColumnError, GeoError
        A column that is missing, an hour that is none, effort below 0.

    Examples
    --------
    >>> found = pd.DataFrame({"hour": [7, 7, 7, 16]})
    >>> out = pd.DataFrame({"hour": [7, 8], "effort_m": [2000.0, 500.0]})
    >>> hour_of_week(found, out).per_km[[7, 8, 16]].tolist()
    [1.5, 0.0, nan]
    """
    if "hour" not in findings:
        raise MissingColumnError("findings need a column %(column)s", column="hour")
    for column in ("hour", "effort_m"):
        if column not in effort:
            raise MissingColumnError("effort needs a column %(column)s", column=column)
    for frame in (findings, effort):
        hours = frame["hour"].to_numpy()
        if len(hours) and not (np.isin(hours, np.arange(HOURS_OF_WEEK)).all()):
            raise GeoError("an hour of the week is 0 to 167")
    if (effort["effort_m"] < 0).any():
        raise GeoError("effort is at least 0")
    found = np.bincount(findings["hour"].to_numpy(np.int64), minlength=HOURS_OF_WEEK)
    metres = effort["effort_m"].to_numpy(np.float64)
    km = np.bincount(effort["hour"].to_numpy(np.int64), metres, minlength=HOURS_OF_WEEK) / 1000.0
    return _with_rates(pd.DataFrame({"hour": np.arange(HOURS_OF_WEEK), "found": found, "effort_km": km}))


def _with_rates(table: pd.DataFrame) -> pd.DataFrame:
    """Add the rate per kilometre and its exact interval."""
    found, km = table["found"].to_numpy(np.float64), table["effort_km"].to_numpy(np.float64)
    out = np.where(km > 0, km, np.nan)
    low = np.where(found > 0, gammaincinv(np.maximum(found, 1e-9), 0.05), 0.0)
    return table.assign(per_km=found / out, low=low / out, high=gammaincinv(found + 1.0, 0.95) / out)
