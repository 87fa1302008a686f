"""What patrols covered of the whole city: the effort that rates are divided by, and the stretches seen."""

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from geo import coverage
from layers.field import coverage as covered

if TYPE_CHECKING:
    from layers.analysis.questions import Analyst


def passes(
    analyst: "Analyst", since: datetime | None, until: datetime | None, account_id: int | None = None
) -> pd.DataFrame:
    """Return what tracks covered, pass by pass, by one account or anybody; see `layers.field.coverage`.

    Passes that ended at or after `since` and began before `until`.
    """
    whose = None if account_id is None else [account_id]
    asked: dict[str, object] = {"since": since, "until": until, "account_id": account_id}
    return analyst.kept(
        "covered", asked, lambda: covered.intervals(analyst.site, since, until, whose, with_checks=False)
    )


def effort(
    analyst: "Analyst", since: datetime | None, until: datetime | None, account_id: int | None = None
) -> pd.DataFrame:
    """Return how much looking each block received from passes that began in [since, until).

    Of one account or anybody.

    Returns
    -------
    DataFrame indexed by block id, every block
        `n_passes, n_recordings, minutes, metres`; see `geo.coverage.effort`.
    """

    def make() -> pd.DataFrame:
        found = passes(analyst, since, until, account_id)
        blocks = analyst.site.network.blocks
        return coverage.effort(found, blocks, since=_stamp(since), until=_stamp(until))

    asked: dict[str, object] = {"since": since, "until": until, "account_id": account_id}
    return analyst.kept("effort", asked, make)


def effort_by_period(
    analyst: "Analyst", cuts: Sequence[datetime], account_id: int | None = None
) -> NDArray[np.float64]:
    """Return the inspected metres by the period in which a pass began, shape (periods, blocks).

    `cuts` are the bounds of the periods, one more than there are; see `effort`.
    """
    found = passes(analyst, cuts[0], cuts[-1], account_id)
    seen = found[found["state"] == "inspected"]
    ids = pd.Index(analyst.site.network.blocks["block_id"])
    bounds = pd.DatetimeIndex([pd.Timestamp(cut) for cut in cuts]).as_unit("ms").asi8
    period = (
        np.searchsorted(bounds, pd.DatetimeIndex(seen["started_at"]).as_unit("ms").asi8, side="right") - 1
    )
    kept = (period >= 0) & (period < len(cuts) - 1)
    place = period[kept] * len(ids) + ids.get_indexer(seen["block_id"])[kept]
    metres = (seen["to_m"] - seen["from_m"]).to_numpy(np.float64)[kept]
    total = np.bincount(place, metres, minlength=(len(cuts) - 1) * len(ids))
    return np.asarray(total, np.float64).reshape(len(cuts) - 1, len(ids))


def stretches(analyst: "Analyst", since: datetime | None, until: datetime) -> pd.DataFrame:
    """Return every block cut where its state changes; see `geo.coverage.stretches`."""

    def make() -> pd.DataFrame:
        site = analyst.site
        found = covered.intervals(site, since, until)
        return coverage.stretches(found, site.network.blocks, since=_stamp(since), until=_stamp(until))

    return analyst.kept("stretches", {"since": since, "until": until}, make)


def _stamp(instant: datetime | None) -> pd.Timestamp | None:
    return None if instant is None else pd.Timestamp(instant)
