"""What patrols covered, put in numbers: effort, shares of the streets, and what is overdue."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from geo import coverage
from layers.field import coverage as covered

if TYPE_CHECKING:
    from layers.analysis.questions import Analyst

# Longest time between two inspections, days, by class of street
TARGET_DAYS = {"primary": 3.0, "secondary": 7.0, "tertiary": 7.0, "residential": 14.0}
OTHER_TARGET_DAYS = 30.0


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


def shares_by_class(analyst: "Analyst", since: datetime | None, until: datetime) -> pd.DataFrame:
    """Return metres in each state and the share inspected, by class of street; see `geo.coverage.shares`."""
    return coverage.shares(stretches(analyst, since, until), _classes(analyst))


def shares_by_area(analyst: "Analyst", level: str, since: datetime | None, until: datetime) -> pd.DataFrame:
    """Return metres in each state and the share inspected, by area of a level (fid), with its `name`.

    A block belongs to the area that its middle is in; what is in none is left out.
    """
    site = analyst.site
    network, areas = site.network, site.districts
    of_level = areas.frame.loc[areas.frame["level"] == level].set_index("fid")["name"]
    middles = shapely.line_interpolate_point(network.blocks.geometry.to_numpy(), 0.5, normalized=True)
    row, fid = areas.containing(network.projection.to_lonlat(shapely.get_coordinates(middles)))
    within = pd.DataFrame({"block_id": network.blocks["block_id"].to_numpy()[row], "fid": fid})
    within = within[within["fid"].isin(of_level.index)].drop_duplicates("block_id")
    found = coverage.shares(stretches(analyst, since, until), within.set_index("block_id")["fid"])
    found.insert(0, "name", found.index.map(of_level))
    return found


def overdue(analyst: "Analyst", now: datetime) -> pd.DataFrame:
    """Return the stretches not inspected for longer than their class allows, the never inspected first."""
    classes = _classes(analyst)
    targets = {name: TARGET_DAYS.get(name, OTHER_TARGET_DAYS) for name in classes.unique()}
    late = coverage.overdue(stretches(analyst, None, now), targets, classes, pd.Timestamp(now))
    worst_first = ["over_days", "block_id", "from_m"]
    return late.sort_values(
        worst_first, ascending=[False, True, True], na_position="first", ignore_index=True
    )


def not_seen_km(analyst: "Analyst", days: float, now: datetime) -> tuple[float, float]:
    """Return how many km of streets were not inspected in so many days up to now, and how many there are."""
    seen = shares_by_class(analyst, now - timedelta(days=days), now)
    total = float(seen["length_m"].sum()) / 1000
    return total - float(seen["inspected"].sum()) / 1000, total


def _classes(analyst: "Analyst") -> "pd.Series[str]":
    blocks = analyst.site.network.blocks
    classes: pd.Series[str] = blocks.set_index("block_id")["class"].fillna("unclassified")
    return classes


def _stamp(instant: datetime | None) -> pd.Timestamp | None:
    return None if instant is None else pd.Timestamp(instant)
