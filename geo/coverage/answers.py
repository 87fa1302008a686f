"""What a supervisor asks of coverage: shares, ages, what is overdue, how evenly the effort was spread."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from geo.coverage.passes import STATES
from geo.recordings import seconds

# More than any block has millimetres, so that group, block and place are one number
_PLACES_OF_A_BLOCK = 1 << 34


def shares(stretches: pd.DataFrame, groups: "pd.Series[Any] | None" = None) -> pd.DataFrame:
    """Return metres and shares per state, for all blocks or for groups of them.

    Parameters
    ----------
    stretches : DataFrame
        As from `geo.coverage.stretches`.
    groups : Series, optional
        The group of each block (district, class, unit), by `block_id`; blocks without one are left out.

    Returns
    -------
    DataFrame
        A row per group: `length_m`, then metres in each state (they add up to it), then `share`, the part
        inspected (NaN for a group without length).

    Examples
    --------
    >>> cut = pd.DataFrame({"block_id": ["a", "a", "b"], "from_m": [0.0, 50.0, 0.0],
    ...     "to_m": [50.0, 80.0, 20.0], "state": ["inspected", "not visited", "passed"]})
    >>> shares(cut)[["length_m", "inspected", "share"]].to_numpy().tolist()
    [[100.0, 50.0, 0.5]]
    """
    whole = _millimetres(stretches)
    group = pd.Series("all", index=stretches.index)
    if groups is not None:
        group = stretches["block_id"].map(groups)
    metres = whole.groupby([group, stretches["state"]], sort=True).sum().unstack(fill_value=0)
    metres = metres.reindex(columns=list(STATES), fill_value=0)
    total = metres.sum(axis=1)
    table = metres / 1000
    table.insert(0, "length_m", total / 1000)
    table["share"] = metres["inspected"] / total.where(total > 0)
    table.columns.name = None
    return table


def _millimetres(stretches: pd.DataFrame) -> "pd.Series[Any]":
    """Return the length of each stretch in whole millimetres."""
    ends = (stretches[["from_m", "to_m"]] * 1000).round().astype(np.int64)
    return ends["to_m"] - ends["from_m"]


def age(stretches: pd.DataFrame, now: pd.Timestamp) -> pd.DataFrame:
    """Return how long ago each stretch was inspected, in days; NaN if never.

    Parameters
    ----------
    stretches : DataFrame
        As from `geo.coverage.stretches` over all time up to `now`.
    now : aware Timestamp

    Examples
    --------
    >>> cut = pd.DataFrame({"block_id": ["a"], "from_m": 0.0, "to_m": 50.0, "state": "inspected",
    ...     "inspected_at": pd.to_datetime(["2020-09-25T00:00:00Z"])})
    >>> age(cut, pd.Timestamp("2020-09-27T12:00:00Z"))["age_days"].tolist()
    [2.5]
    """
    since = seconds(pd.Series(stretches["inspected_at"]))
    now_s = (now - pd.Timestamp(0, tz="UTC")).total_seconds()
    return stretches.assign(age_days=(now_s - since) / 86_400)


def overdue(
    stretches: pd.DataFrame, target_days: Mapping[Any, float], classes: "pd.Series[Any]", now: pd.Timestamp
) -> pd.DataFrame:
    """Return the stretches whose last inspection is longer ago than their class allows, or that have none.

    Parameters
    ----------
    stretches : DataFrame
        As from `geo.coverage.stretches` over all time up to `now`.
    target_days : mapping
        Longest time between inspections by class; a class that is not in it has no target.
    classes : Series
        Class of each block, by `block_id`.
    now : aware Timestamp

    Returns
    -------
    DataFrame
        The overdue stretches with `class, target_days, age_days, over_days` (NaN if never inspected).

    Examples
    --------
    >>> cut = pd.DataFrame({"block_id": ["a"], "from_m": 0.0, "to_m": 50.0, "state": "inspected",
    ...     "inspected_at": pd.to_datetime(["2020-09-01T00:00:00Z"])})
    >>> overdue(cut, {"primary": 7}, pd.Series({"a": "primary"}), pd.Timestamp("2020-09-25T00:00:00Z"))[
    ...     "over_days"].tolist()
    [17.0]
    """
    table = age(stretches, now)
    table["class"] = table["block_id"].map(classes)
    table["target_days"] = table["class"].map(target_days)
    table["over_days"] = table["age_days"] - table["target_days"]
    late = table["target_days"].notna() & ~(table["over_days"] <= 0)
    return table[late].reset_index(drop=True)


def union_m(intervals: pd.DataFrame, groups: "pd.Series[Any]") -> "pd.Series[float]":
    """Return the metres that the intervals of each group cover, what is covered twice counted once.

    Parameters
    ----------
    intervals : DataFrame
        `block_id, from_m, to_m`; what else they say does not matter.
    groups : Series
        The group of each interval (its week, its team), by the same index; None or NaN: in no group.

    Returns
    -------
    Series
        Metres by group, in the order of the groups.

    Examples
    --------
    >>> seen = pd.DataFrame({"block_id": ["a", "a", "a"], "from_m": [0.0, 20.0, 0.0],
    ...                      "to_m": [30.0, 50.0, 10.0]})
    >>> union_m(seen, pd.Series(["mon", "mon", "tue"])).to_dict()
    {'mon': 50.0, 'tue': 10.0}
    """
    group, names = pd.factorize(groups, sort=True)
    kept = group >= 0
    group, some = group[kept].astype(np.int64), intervals[kept]
    block, blocks = pd.factorize(some["block_id"])
    # one number for group, block and place: the union is then a running maximum
    base = (group * len(blocks) + block.astype(np.int64)) * _PLACES_OF_A_BLOCK
    low = base + np.round(some["from_m"].to_numpy(np.float64) * 1000).astype(np.int64)
    high = base + np.round(some["to_m"].to_numpy(np.float64) * 1000).astype(np.int64)
    order = np.argsort(low, kind="stable")
    low, high = low[order], high[order]
    reached = np.concatenate([[np.iinfo(np.int64).min], np.maximum.accumulate(high)[:-1]])
    new = np.maximum(0, high - np.maximum(low, reached))
    metres = np.bincount(group[order], new / 1000, minlength=len(names))
    return pd.Series(metres.round(3), index=pd.Index(names), dtype=float)


def effort(
    intervals: pd.DataFrame,
    blocks: pd.DataFrame,
    *,
    since: pd.Timestamp | None = None,
    until: pd.Timestamp | None = None,
) -> pd.DataFrame:
    """Return how much looking each block received: the denominator of every rate of findings.

    Parameters
    ----------
    intervals : DataFrame
        A union by `merge`: sums are taken after it, so that a recording sent twice counts once.
    blocks : GeoDataFrame
    since, until : aware Timestamp, optional
        Count passes that started in [since, until).

    Returns
    -------
    DataFrame, by `block_id`, every block
        `n_passes` (of recordings that inspected some of the block), `n_recordings`, `minutes` and `metres`
        (of inspected intervals, each pass counted).

    Examples
    --------
    >>> blocks = pd.DataFrame({"block_id": ["a", "b"]})
    >>> seen = pd.DataFrame({"block_id": ["a"], "state": ["inspected"], "recording": ["r"], "pass_no": [0],
    ...     "from_m": [0.0], "to_m": [30.0], "started_at": [pd.Timestamp(0, tz="UTC")],
    ...     "ended_at": [pd.Timestamp(30, unit="s", tz="UTC")]})
    >>> effort(seen, blocks).to_numpy().tolist()
    [[1.0, 1.0, 0.5, 30.0], [0.0, 0.0, 0.0, 0.0]]
    """
    chosen = intervals["state"] == "inspected"
    if since is not None:
        chosen &= intervals["started_at"] >= since
    if until is not None:
        chosen &= intervals["started_at"] < until
    seen = intervals[chosen]
    lasting = seconds(seen["ended_at"]) - seconds(seen["started_at"])
    table = pd.DataFrame(
        {
            "pass": seen["recording"].astype(str) + "/" + seen["pass_no"].astype(str),
            "recording": seen["recording"],
            "block_id": seen["block_id"],
            "minutes": lasting / 60,
            "metres": _millimetres(seen) / 1000,
        }
    )
    sums = table.groupby("block_id").agg(
        n_passes=("pass", "nunique"),
        n_recordings=("recording", "nunique"),
        minutes=("minutes", "sum"),
        metres=("metres", "sum"),
    )
    return sums.reindex(pd.Index(blocks["block_id"], name="block_id")).fillna(0)


def gini(values: ArrayLike) -> float:
    """Return the Gini coefficient of non-negative values: 0 all equal, near 1 all in one place.

    NaN without values or if all are zero.

    Examples
    --------
    >>> gini([1, 1, 1, 1]), gini([0, 0, 0, 8])
    (0.0, 0.75)
    """
    ordered = np.sort(np.asarray(values, dtype=np.float64))
    total = ordered.sum()
    if not total > 0:
        return float("nan")
    rank = np.arange(1, len(ordered) + 1)
    return float((2 * rank - len(ordered) - 1) @ ordered / (len(ordered) * total))
