"""What looking at a block is worth, in findings: what one expects there, and what one owes."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from geo.errors import GeoError
from geo.patrols.ways import Ways

# What was found is back, or its like, after so many days
RENEWAL_DAYS = 7.0
# A metre overdue once over counts as so many metres of an average street; at most twice over
OVERDUE, MOST_OVERDUE = 1.5, 2.0
SCHOOL = 5.0
RECHECK, RECHECK_S = 1.0, 180.0
PARTS = ("likely", "overdue", "school", "recheck")


@dataclass(frozen=True, slots=True)
class Bell:
    """The blocks around a school that nobody vouches for, and when to be there, seconds into the shift."""

    block_ids: Sequence[str]
    opens_s: float
    closes_s: float


def renewed(age_days: ArrayLike) -> NDArray[np.float64]:
    """Return which share of what a first pass finds is there again so many days after a pass.

    >>> renewed([0.0, 7.0, np.inf]).round(2).tolist()
    [0.0, 0.63, 1.0]
    """
    share: NDArray[np.float64] = -np.expm1(-np.asarray(age_days, np.float64) / RENEWAL_DAYS)
    return share


def by_lot(blocks: pd.DataFrame, seed: int) -> list[str]:
    """Return blocks drawn by lot: one, each as likely as any other, then its neighbours, the nearest first.

    A walk to one corner costs a shift less than blocks scattered over the beat.  What is seen there is a
    cluster sample: every corner has its turn, whatever was found there before.

    Parameters
    ----------
    blocks : DataFrame
        `block_id, start_node, end_node, length_m`.
    seed : int
        Of the day and the shift, so that the lot can be drawn again.

    Returns
    -------
    list of str
        Every block that can be walked to from the first.

    Examples
    --------
    >>> street = pd.DataFrame({"block_id": ["a", "b", "c"], "start_node": [0, 1, 2], "end_node": [1, 2, 3],
    ...     "length_m": 100.0})
    >>> {tuple(by_lot(street, seed)) for seed in range(30)} == set(map(tuple, ("abc", "bac", "cba")))
    True
    """
    if not len(blocks):
        return []
    ways = Ways.of(blocks)
    first = int(np.random.default_rng(seed).integers(len(blocks)))
    far = np.minimum(
        ways.far_from(int(ways.start[first]), np.inf), ways.far_from(int(ways.end[first]), np.inf)
    )
    nearest = far[ways.start] + far[ways.end]
    nearest[first] = -1.0
    order = np.argsort(nearest, kind="stable")
    drawn: list[str] = blocks["block_id"].to_numpy()[order[np.isfinite(nearest[order])]].tolist()
    return drawn


def worth(
    blocks: pd.DataFrame,
    *,
    rate_per_m: ArrayLike,
    age_days: ArrayLike,
    target_days: ArrayLike,
    rechecks: ArrayLike = 0.0,
    bells: Sequence[Bell] = (),
) -> pd.DataFrame:
    """Return what a visit to each block is worth, and what it is worth it for.

    *likely*: findings expected on one pass, as many as have come back since the last one (after a week
    63 %).  *overdue*: each metre past its target as much as one and a half of an average street, up to
    twice that.  *school*: each metre around a school without a verdict as much as five.  *recheck*: one
    each, and three minutes.

    Parameters
    ----------
    blocks : DataFrame
        `block_id, length_m`.
    rate_per_m : array, an item per block
        Findings per metre and pass where nobody was for long; not negative.
    age_days : array
        Days since the last inspection; inf where there was none.
    target_days : array
        Longest time between two inspections, days, above 0; inf where there is none.
    rechecks : array or number
        Findings on the block whose time is up.
    bells : sequence of Bell
        Blocks named by several keep the first window.

    Returns
    -------
    DataFrame
        A row per block in their order: `block_id, value, likely, overdue, school, recheck, dwell_s, opens_s,
        closes_s`; a window is nan and nan where any time will do.

    Raises
    ------
    GeoError
        A rate, an age or a target that is no such thing.

    Examples
    --------
    >>> two = pd.DataFrame({"block_id": ["a", "b"], "length_m": [100.0, 100.0]})
    >>> found = worth(two, rate_per_m=[0.02, 0.0], age_days=[np.inf, 6], target_days=[7, 3], rechecks=[0, 2])
    >>> found[["value", "likely", "overdue", "recheck", "dwell_s"]].round(2).to_numpy().tolist()
    [[5.0, 2.0, 3.0, 0.0, 0.0], [5.0, 0.0, 3.0, 2.0, 360.0]]
    """
    n = len(blocks)
    length = blocks["length_m"].to_numpy(np.float64)
    rate, age, target, due = (
        np.broadcast_to(np.asarray(one, np.float64), n)
        for one in (rate_per_m, age_days, target_days, rechecks)
    )
    for name, bad in (
        ("rate_per_m", ~(rate >= 0) | np.isinf(rate)),
        ("age_days", ~(age >= 0)),
        ("target_days", ~(target > 0)),
        ("rechecks", ~(due >= 0)),
    ):
        if bad.any():
            raise GeoError("%(name)s of row %(row)d cannot be so", name=name, row=int(np.argmax(bad)))
    average = float(rate @ length / length.sum()) if length.sum() > 0 else 0.0
    late = age > target
    times = np.zeros(n)
    times[late] = np.minimum(age[late] / target[late], MOST_OVERDUE)
    school, opens, closes = np.zeros(n), np.full(n, np.nan), np.full(n, np.nan)
    place = pd.Index(blocks["block_id"])
    for bell in bells:
        which = place.get_indexer(pd.Index(bell.block_ids))
        which = which[which >= 0]
        fresh = which[np.isnan(opens[which])]
        opens[fresh], closes[fresh] = bell.opens_s, bell.closes_s
        school[which] = SCHOOL * average * length[which]
    parts = {
        "likely": rate * length * renewed(age),
        "overdue": OVERDUE * average * length * times,
        "school": school,
        "recheck": RECHECK * due,
    }
    return pd.DataFrame(
        {
            "block_id": blocks["block_id"].to_numpy(),
            "value": sum(parts.values()),
            **parts,
            "dwell_s": RECHECK_S * due,
            "opens_s": opens,
            "closes_s": closes,
        }
    )
