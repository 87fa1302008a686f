"""What looking at a block is worth, in findings: what one expects there, and what one owes."""

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from geo.errors import GeoError

# What was found is back, or its like, after so many days
RENEWAL_DAYS = 7.0
# A metre overdue once over counts as so many metres of an average street; at most twice over
OVERDUE, MOST_OVERDUE = 1.5, 2.0
SCHOOL = 5.0
# A re-check is worth one finding more for so many days that it has waited, at most two more
RECHECK, RECHECK_S, WAITED_DAYS, MOST_WAITED = 1.0, 180.0, 7.0, 2.0


def renewed(age_days: ArrayLike) -> NDArray[np.float64]:
    """Return which share of what a first pass finds is there again so many days after a pass.

    >>> renewed([0.0, 7.0, np.inf]).round(2).tolist()
    [0.0, 0.63, 1.0]
    """
    share: NDArray[np.float64] = -np.expm1(-np.asarray(age_days, np.float64) / RENEWAL_DAYS)
    return share


def worth(
    blocks: pd.DataFrame,
    *,
    rate_per_m: ArrayLike,
    age_days: ArrayLike,
    target_days: ArrayLike,
    rechecks: ArrayLike = 0.0,
    waited_days: ArrayLike = 0.0,
) -> pd.DataFrame:
    """Return what a visit to each block is worth, and what it is worth it for.

    *likely*: findings expected on one pass, as many as have come back since the last one (after a week
    63 %).  *overdue*: each metre past its target as much as one and a half of an average street, up to
    twice that.  *recheck*: one each, one more for each week that it has waited, up to three, and three
    minutes.  *school*, no part of the value: what a look before the bell is worth where a school asks for
    it, each metre as much as five of an average street.

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
    waited_days : array or number
        Days since their time was up, of all of them together.

    Returns
    -------
    DataFrame
        A row per block in their order: `block_id, value, likely, overdue, recheck, school, dwell_s`.

    Raises
    ------
    GeoError
        A rate, an age or a target that is no such thing.

    Examples
    --------
    >>> two = pd.DataFrame({"block_id": ["a", "b"], "length_m": [100.0, 100.0]})
    >>> found = worth(two, rate_per_m=[0.02, 0.0], age_days=[np.inf, 6], target_days=[7, 3], rechecks=[0, 2],
    ...     waited_days=[0, 7])
    >>> found[["value", "likely", "overdue", "recheck", "dwell_s"]].round(2).to_numpy().tolist()
    [[5.0, 2.0, 3.0, 0.0, 0.0], [6.0, 0.0, 3.0, 3.0, 360.0]]
    """
    n = len(blocks)
    length = blocks["length_m"].to_numpy(np.float64)
    rate, age, target, due, waited = (
        np.broadcast_to(np.asarray(one, np.float64), n)
        for one in (rate_per_m, age_days, target_days, rechecks, waited_days)
    )
    for name, bad in (
        ("rate_per_m", ~(rate >= 0) | np.isinf(rate)),
        ("age_days", ~(age >= 0)),
        ("target_days", ~(target > 0)),
        ("rechecks", ~(due >= 0)),
        ("waited_days", ~(waited >= 0)),
    ):
        if bad.any():
            raise GeoError("%(name)s of row %(row)d cannot be so", name=name, row=int(np.argmax(bad)))
    average = float(rate @ length / length.sum()) if length.sum() > 0 else 0.0
    late = age > target
    times = np.zeros(n)
    times[late] = np.minimum(age[late] / target[late], MOST_OVERDUE)
    parts = {
        "likely": rate * length * renewed(age),
        "overdue": OVERDUE * average * length * times,
        "recheck": RECHECK * (due + np.minimum(waited / WAITED_DAYS, MOST_WAITED * due)),
    }
    return pd.DataFrame(
        {
            "block_id": blocks["block_id"].to_numpy(),
            "value": sum(parts.values()),
            **parts,
            "school": SCHOOL * average * length,
            "dwell_s": RECHECK_S * due,
        }
    )
