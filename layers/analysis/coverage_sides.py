"""Coverage as it is drawn: each side of each block cut where its state changes; and the steps of time."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from geo import coverage
from layers.analysis import coverage_choice
from layers.analysis.coverage_choice import Asked

if TYPE_CHECKING:
    from layers.analysis.questions import Analyst

# In the middle is drawn what was covered, nobody can say on which side
SIDES = ("left", "right", "middle")
# A period longer than this is cut into weeks unless days are asked for
MOST_DAYS = 45
# What is shorter cannot be seen on a map
_SHORTEST_M = 1.0
_MOST_STEPS = 400


@dataclass(frozen=True, slots=True)
class Step:
    """A day or a week of a period, as [since, until)."""

    since: datetime
    until: datetime


def whole(analyst: "Analyst", asked: Asked) -> pd.DataFrame:
    """Return the blocks asked about, cut where the strongest state of either side changes."""

    def make() -> pd.DataFrame:
        blocks = coverage_choice.streets(analyst, asked)
        return coverage.stretches(coverage_choice.chosen(analyst, asked), blocks)

    found: pd.DataFrame = coverage_choice.kept(analyst, "coverage whole", coverage_choice.words(asked), make)
    return found


def each(analyst: "Analyst", asked: Asked) -> pd.DataFrame:
    """Return the stretches of every side asked about, and of the middle, with their `side`.

    The middle has only where more was done than is known of either side, or more lately; `stronger` tells of
    the first.
    """

    def make() -> pd.DataFrame:
        blocks = coverage_choice.streets(analyst, asked)
        found = coverage_choice.chosen(analyst, asked)
        parts = [coverage.stretches(found, blocks, side=side).assign(side=side) for side in SIDES[:2]]
        told = coverage.stretches(found[found["side"] != "unknown"], blocks)
        parts.append(middle(whole(analyst, asked), told).assign(side="middle"))
        table = pd.concat(parts, ignore_index=True)
        return table.assign(stronger=table["stronger"].fillna(True).astype(bool))

    found: pd.DataFrame = coverage_choice.kept(analyst, "coverage sides", coverage_choice.words(asked), make)
    return found


def middle(whole: pd.DataFrame, told: pd.DataFrame) -> pd.DataFrame:
    """Return the stretches of `whole` of which more is known than `told`, the sides that are known, say.

    >>> day = pd.to_datetime(["2020-09-25T08:00Z", None])
    >>> cut = {"block_id": ["a", "a"], "from_m": [0.0, 5.0], "to_m": [5.0, 9.0]}
    >>> everything = pd.DataFrame({**cut, "state": ["inspected", "not visited"], "inspected_at": day})
    >>> nothing = pd.DataFrame({"block_id": ["a"], "from_m": [0.0], "to_m": [9.0], "state": ["not visited"],
    ...                         "inspected_at": day[1:]})
    >>> middle(everything, nothing)[["from_m", "to_m", "stronger"]].values.tolist()
    [[0.0, 5.0, True]]
    """
    rank = {name: k for k, name in enumerate(coverage.STATES)}
    # both are cut at the ends of what is told, so that each stretch lies in one of those
    block, names = pd.factorize(pd.concat([told["block_id"], whole["block_id"]], ignore_index=True))
    key = block * float(1 << 24)
    there, here = key[: len(told)] + told["from_m"].to_numpy(), key[len(told) :] + whole["from_m"].to_numpy()
    order = np.argsort(there, kind="stable")
    own = told.iloc[order[np.searchsorted(there[order], here, side="right") - 1]] if len(names) else told
    stronger = whole["state"].map(rank).to_numpy() < own["state"].map(rank).to_numpy()
    later = (whole["inspected_at"].to_numpy() > own["inspected_at"].to_numpy()) & ~stronger
    table = whole.assign(stronger=stronger)
    return table[stronger | later].reset_index(drop=True)


def joined(stretches: pd.DataFrame, which: NDArray[np.int64]) -> pd.DataFrame:
    """Join the stretches of a side that follow each other and are of one class; leave out specks.

    Parameters
    ----------
    stretches : DataFrame
        `block_id, side, from_m, to_m`, by block and place.
    which : array of int
        The class of each; below 0: not drawn.

    >>> cut = pd.DataFrame({"block_id": ["a"] * 3, "side": ["left"] * 3, "from_m": [0.0, 5.0, 9.0],
    ...                     "to_m": [5.0, 9.0, 20.0]})
    >>> joined(cut, np.array([1, 1, -1]))[["from_m", "to_m", "which"]].to_numpy().tolist()
    [[0.0, 9.0, 1.0]]
    """
    if stretches.empty:
        return stretches.assign(which=which)
    block, side = stretches["block_id"].to_numpy(), stretches["side"].to_numpy()
    low, high = stretches["from_m"].to_numpy(), stretches["to_m"].to_numpy()
    new = np.ones(len(stretches), dtype=bool)
    same = (block[1:] == block[:-1]) & (side[1:] == side[:-1]) & (which[1:] == which[:-1])
    new[1:] = ~(same & (low[1:] == high[:-1]))
    first = np.flatnonzero(new)
    last = np.append(first[1:], len(new)) - 1
    table = pd.DataFrame(
        {
            "block_id": block[first],
            "side": side[first],
            "from_m": low[first],
            "to_m": high[last],
            "which": which[first],
        }
    )
    drawn = (table["which"] >= 0) & (table["to_m"] - table["from_m"] >= _SHORTEST_M)
    return table[drawn].reset_index(drop=True)


def span(analyst: "Analyst", asked: Asked) -> tuple[datetime, datetime] | None:
    """Return when the first pass of all began and the last one ended, within what is asked; None: no pass."""
    found = coverage_choice.passes(analyst)
    if found.empty:
        return None
    first, last = found["started_at"].min().to_pydatetime(), found["ended_at"].max().to_pydatetime()
    since = max(first, asked.since) if asked.since else first
    until = min(last, asked.until) if asked.until else last
    return (since, until) if since < until else None


def steps(analyst: "Analyst", asked: Asked, unit: str | None = None) -> list[Step]:
    """Return the days or weeks of the period, in the time of the site; weeks end with the period.

    `unit` is "day", "week", or None: by the length of the period.
    """
    known = span(analyst, asked)
    if known is None:
        return []
    zone: ZoneInfo = analyst.site.settings.zone
    since, until = known
    first = since.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0)
    last = _midnight_after(until, zone)
    n_days = round((last.replace(tzinfo=None) - first.replace(tzinfo=None)) / timedelta(days=1))
    days = 7 if (unit or ("day" if n_days <= MOST_DAYS else "week")) == "week" else 1
    n = min(-(-n_days // days), _MOST_STEPS)
    ends = [last - timedelta(days=days * k) for k in reversed(range(n))]
    return [Step(max(end - timedelta(days=days), first), end) for end in ends]


def _midnight_after(instant: datetime, zone: ZoneInfo) -> datetime:
    local = instant.astimezone(zone)
    day = local.replace(hour=0, minute=0, second=0, microsecond=0)
    return day if day == local else day + timedelta(days=1)


def within(asked: Asked, step: Step) -> Asked:
    """Return the same question for one step alone."""
    since = max(step.since, asked.since) if asked.since else step.since
    return replace(asked, since=since, until=step.until)


def up_to(asked: Asked, step: Step) -> Asked:
    """Return the same question for the period up to the end of a step."""
    return replace(asked, until=step.until)
