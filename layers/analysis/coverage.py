"""What patrols covered of the whole city: the effort that rates are divided by, and the stretches seen."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from geo import coverage
from layers.analysis import coverage_choice
from layers.field import coverage as covered

if TYPE_CHECKING:
    from layers.analysis.questions import Analyst


def passes(
    analyst: "Analyst", since: datetime | None, until: datetime | None, account_id: int | None = None
) -> pd.DataFrame:
    """Return what tracks covered, pass by pass, by one account or anybody; see `layers.field.coverage`.

    Passes that ended at or after `since` and began before `until`.
    """
    every = coverage_choice.readings(analyst)
    return analyst.kept_of(
        "covered",
        _of_tracks(analyst, since, until, account_id),
        lambda: coverage.merge(_within(every, since, until, account_id)),
    )


def _of_tracks(
    analyst: "Analyst", since: datetime | None, until: datetime | None, account_id: int | None
) -> dict[str, object]:
    """Return what an answer about the passes of tracks depends on."""
    asked: dict[str, object] = {"since": since, "until": until, "account_id": account_id}
    return {**asked, "tracks": covered.version(analyst.site)}


def intervals(
    analyst: "Analyst", since: datetime | None, until: datetime, block_ids: Collection[str]
) -> pd.DataFrame:
    """Return what tracks and checks covered of some blocks, as `layers.field.coverage.intervals` does of all.

    Intervals that ended at or after `since` and began before `until`.
    """
    wanted = set(block_ids)
    parts = (coverage_choice.readings(analyst), coverage_choice.checked(analyst))
    here = [part[part["block_id"].isin(wanted)] for part in parts]
    return coverage.merge(*(_within(part, since, until) for part in here))


def _within(
    found: pd.DataFrame, since: datetime | None, until: datetime | None, account_id: int | None = None
) -> pd.DataFrame:
    wanted = np.ones(len(found), dtype=bool)
    if since is not None:
        wanted &= (found["ended_at"] >= pd.Timestamp(since)).to_numpy()
    if until is not None:
        wanted &= (found["started_at"] < pd.Timestamp(until)).to_numpy()
    if account_id is not None:
        wanted &= (found["account_id"] == account_id).to_numpy()
    return found[wanted]


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
        blocks = analyst.site.network.blocks
        return coverage.effort(found, blocks, since=_stamp(since), until=_stamp(until))

    found = passes(analyst, since, until, account_id)
    return analyst.kept_of("effort", _of_tracks(analyst, since, until, account_id), make)


def effort_by_period(
    analyst: "Analyst",
    cuts: Sequence[datetime],
    account_id: int | None = None,
    block_ids: Sequence[str] | None = None,
) -> NDArray[np.float64]:
    """Return the inspected metres by the period in which a pass began, shape (periods, blocks).

    `cuts` are the bounds of the periods, one more than there are; see `effort`.  Of some blocks or all.
    """
    if block_ids is None:
        found = passes(analyst, cuts[0], cuts[-1], account_id)
    else:
        every = coverage_choice.readings(analyst)
        here = every[every["block_id"].isin(block_ids)]
        found = coverage.merge(_within(here, cuts[0], cuts[-1], account_id))
    seen = found[found["state"] == "inspected"]
    wanted: Any = analyst.site.network.blocks["block_id"] if block_ids is None else block_ids
    ids = pd.Index(wanted)
    bounds = pd.DatetimeIndex([pd.Timestamp(cut) for cut in cuts]).as_unit("ms").asi8
    period = (
        np.searchsorted(bounds, pd.DatetimeIndex(seen["started_at"]).as_unit("ms").asi8, side="right") - 1
    )
    kept = (period >= 0) & (period < len(cuts) - 1)
    place = period[kept] * len(ids) + ids.get_indexer(seen["block_id"])[kept]
    metres = (seen["to_m"] - seen["from_m"]).to_numpy(np.float64)[kept]
    total = np.bincount(place, metres, minlength=(len(cuts) - 1) * len(ids))
    return np.asarray(total, np.float64).reshape(len(cuts) - 1, len(ids))


def stretches(
    analyst: "Analyst",
    since: datetime | None,
    until: datetime,
    block_ids: Collection[str] | None = None,
) -> pd.DataFrame:
    """Return some blocks or all, cut where their state changes; see `geo.coverage.stretches`."""
    blocks = analyst.site.network.blocks
    if block_ids is not None:
        blocks = blocks[blocks["block_id"].isin(set(block_ids))]

    def make() -> pd.DataFrame:
        found = intervals(analyst, since, until, blocks["block_id"].tolist())
        return coverage.stretches(found, blocks, since=_stamp(since), until=_stamp(until))

    if block_ids is not None:
        return make()
    return analyst.kept("stretches", {"since": since, "until": until}, make)


def _stamp(instant: datetime | None) -> pd.Timestamp | None:
    return None if instant is None else pd.Timestamp(instant)
