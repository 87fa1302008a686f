"""What a hotspot does over time: new, rising, falling, persistent; and when in the week things are found."""

from collections.abc import Iterable

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import gammaincinv, ndtr, ndtri

from geo.errors import GeoError, MissingColumnError

Floats = NDArray[np.float64]

HOURS_OF_WEEK = 168
# A place is said to last if it was hot in nine of ten periods that were observed there
_LASTING = 0.9
# Two-sided level of the trend test
_TREND_LEVEL = 0.05


def label(periods: Iterable[pd.DataFrame]) -> pd.DataFrame:
    """Name what each block did over the periods, oldest first.

    The first that fits: `new` (hot in the last period only), `rising`, `falling` or `persistent` (hot in at
    least nine of ten observed periods and the last; by the trend), `consecutive` (hot in one run of at
    least two periods that lasts), `recurring` (hot in the last period and some before),
    `past` (hot in nine of ten before, not now), `none`; `not observed` where the last period has
    no effort.  The trend is Mann and Kendall's [1]_ on the standard deviates of p; it takes periods to be
    independent, and says nothing of fewer than four.  Ask for q over all periods in one family.

    Parameters
    ----------
    periods : iterable of DataFrame
        One result of `geo.hotspots.find` per period, on the same blocks in the same order.

    Returns
    -------
    DataFrame
        `block_id`, `label`, `n_hot`, `n_observed`, `trend` (Kendall's S over its largest value,
        -1 to 1) and `trend_p`, two-sided.

    Raises
    ------
    GeoError
        No period, or periods of different blocks.

    References
    ----------
    .. [1] Mann, H. B. (1945), "Nonparametric tests against trend", doi 10.2307/1907187.

    Examples
    --------
    >>> quiet = pd.DataFrame({"block_id": ["a", "b"], "hot": False, "observed_at_all": True, "p": 0.5})
    >>> now = quiet.assign(hot=[True, False], p=[0.001, 0.4])
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
    p = np.array([frame["p"].to_numpy(np.float64) for frame in frames])
    trend, trend_p = mann_kendall(ndtri(np.clip(1.0 - p, 1e-12, 1.0 - 1e-12)))
    return pd.DataFrame(
        {
            "block_id": ids,
            "label": _labels(hot, seen, np.where(trend_p < _TREND_LEVEL, np.sign(trend), 0.0)),
            "n_hot": hot.sum(axis=0),
            "n_observed": seen.sum(axis=0),
            "trend": trend,
            "trend_p": trend_p,
        }
    )


def mann_kendall(values: Floats) -> tuple[Floats, Floats]:
    """Return the trend of each column, S over its largest value, and its two-sided p; NaN is skipped.

    Normal approximation with continuity correction and ties; p is 1 for fewer than four values.

    Parameters
    ----------
    values : float array, shape (periods, places)

    Examples
    --------
    >>> trend, p = mann_kendall(np.array([[1.0, 4], [2, 4], [3, 4], [4, 4], [5, 4]]))
    >>> trend.tolist(), p.round(4).tolist()
    ([1.0, 0.0], [0.0275, 1.0])
    """
    later, earlier = np.tril_indices(len(values), -1)
    step = np.sign(values[later] - values[earlier])
    s = np.nansum(step, axis=0)
    n = np.sum(~np.isnan(values), axis=0)
    variance = (n * (n - 1) * (2 * n + 5) - _ties(values)) / 18.0
    with np.errstate(divide="ignore", invalid="ignore"):
        z = np.where(variance > 0, (np.abs(s) - 1.0) / np.sqrt(variance), 0.0)
        trend = np.where(n > 1, s / (n * (n - 1) / 2.0), 0.0)
    p = np.where((n >= 4) & (s != 0), np.minimum(1.0, 2.0 * ndtr(-z)), 1.0)
    return trend, p


def _ties(values: Floats) -> Floats:
    """Return the sum of t (t - 1) (2 t + 5) over the groups of equal values in each column."""
    lost = np.zeros(values.shape[1])
    for column, place in enumerate(values.T):
        _, times = np.unique(place[~np.isnan(place)], return_counts=True)
        lost[column] = (times * (times - 1) * (2 * times + 5)).sum()
    return lost


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
