"""One stretch in full: its findings, its weeks, its hours, when it was inspected, what it does over time."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from geo import hotspots as statistics
from geo import neighbours, stretches
from geo.hotspots.family import false_discovery
from layers.analysis import coverage, hotspots
from layers.analysis.hotspots import ALPHA, RADIUS_M, Asked, Hotspots
from layers.errors import NotFoundError

if TYPE_CHECKING:
    from layers.analysis.questions import Analyst

# A label needs periods to compare
MOST_PERIODS, FEWEST_PERIODS, SHORTEST_PERIOD_DAYS = 6, 2, 7
_EPOCH = datetime(1970, 1, 1).date()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Place:
    """A stretch, or one block where it belongs to none (`is_hotspot` tells).

    `row` is as in `Hotspots.places`; `findings` those on its blocks; `weeks` and `hours` set findings beside
    effort in the same bins; `last_at` is when each block was last inspected, whenever that was; `label` is
    as from `geo.hotspots.label`, None where the period is too short to compare.
    """

    row: dict[str, Any]
    is_hotspot: bool
    found: Hotspots
    findings: pd.DataFrame
    weeks: pd.DataFrame
    hours: pd.DataFrame
    last_at: "pd.Series[Any]"
    label: str | None


def place(analyst: "Analyst", asked: Asked, block_id: str, now: datetime) -> Place:
    """Return the stretch that a block belongs to, in full.

    Raises
    ------
    NotFoundError
        No such block on the newest streets.
    """
    found = hotspots.find(analyst, asked)
    row, is_hotspot = _row(analyst, found, block_id)
    ids = list(row["block_ids"])
    mine = found.findings[found.findings["block_id"].isin(ids)]
    passes = coverage.passes(analyst, asked.since, asked.until, asked.account_id)
    passes = hotspots.begun(passes[passes["block_id"].isin(ids) & (passes["state"] == "inspected")], asked)
    named = None if found.declared else labels(analyst, asked)
    return Place(
        row=row,
        is_hotspot=is_hotspot,
        found=found,
        findings=mine.sort_values(["observed_at", "fid"], ascending=False),
        weeks=weeks(mine, passes, analyst.site.settings.zone),
        hours=hours(mine, passes, analyst.site.settings.zone),
        last_at=last_inspected(analyst, ids, now, asked.account_id),
        label=None if named is None else _label(named, found, ids),
    )


def _row(analyst: "Analyst", found: Hotspots, block_id: str) -> tuple[dict[str, Any], bool]:
    """Return the stretch of a block; of a block in none, the block alone."""
    for row in found.places.to_dict("records"):
        if block_id in row["block_ids"]:
            return row, True
    if block_id not in found.blocks.index:
        raise NotFoundError("There is no such block")
    # one flagged block alone, whatever was found there: its name and crossings come from the same rules
    alone = found.blocks.assign(hot=found.blocks["block_id"].eq(block_id))
    own = alone.loc[block_id, ["block_observed", "block_expected", "q"]].astype(float)
    alone.loc[block_id, ["block_observed", "block_expected"]] = [1.0, 0.0]
    joined = stretches.join(alone.reset_index(drop=True), analyst.site.network.blocks)
    row = hotspots.named(joined, analyst.site.network.blocks).to_dict("records")[0]
    counted = {"found": own["block_observed"], "expected": own["block_expected"], "q": own["q"]}
    return {**row, **counted, "excess": own["block_observed"] - own["block_expected"]}, False


def weeks(findings: pd.DataFrame, passes: pd.DataFrame, zone: Any) -> pd.DataFrame:
    """Return findings and inspected metres by week, Monday to Sunday at the site.

    Returns
    -------
    DataFrame
        `first_day` (date), `found`, `effort_km`; every week from the first to the last that has any.
    """
    found = pd.Series(1.0, index=_week(findings["observed_at"], zone)).groupby(level=0).sum()
    metres = (passes["to_m"] - passes["from_m"]).to_numpy(float)
    inspected = pd.Series(metres / 1000, index=_week(passes["started_at"], zone)).groupby(level=0).sum()
    both = pd.concat([found.rename("found"), inspected.rename("effort_km")], axis=1)
    if both.empty:
        return pd.DataFrame({"first_day": [], "found": [], "effort_km": []})
    every = both.reindex(range(int(both.index.min()), int(both.index.max()) + 1)).fillna(0.0)
    # days since 1970 began on a Thursday
    days = [_EPOCH + timedelta(days=7 * int(week) - 3) for week in every.index]
    return every.reset_index(drop=True).assign(first_day=days)[["first_day", "found", "effort_km"]]


def _week(instants: "pd.Series[Any]", zone: Any) -> "np.ndarray[Any, np.dtype[np.int64]]":
    local = instants.dt.tz_convert(zone).dt.tz_localize(None)
    days = local.to_numpy().astype("datetime64[D]").astype(np.int64)
    return np.asarray((days + 3) // 7, np.int64)


def hours(findings: pd.DataFrame, passes: pd.DataFrame, zone: Any) -> pd.DataFrame:
    """Return findings per inspected kilometre by hour of the week; see `geo.hotspots.hour_of_week`."""
    found = pd.DataFrame({"hour": _hour(findings["observed_at"], zone)})
    metres = (passes["to_m"] - passes["from_m"]).to_numpy(float)
    return statistics.hour_of_week(
        found, pd.DataFrame({"hour": _hour(passes["started_at"], zone), "effort_m": metres})
    )


def _hour(instants: "pd.Series[Any]", zone: Any) -> "np.ndarray[Any, np.dtype[np.int64]]":
    local = instants.dt.tz_convert(zone)
    return np.asarray(local.dt.day_of_week * 24 + local.dt.hour, np.int64)


def last_inspected(
    analyst: "Analyst", block_ids: Sequence[str], now: datetime, account_id: int | None = None
) -> "pd.Series[Any]":
    """Return when each block was last inspected up to now, in part or whole; missing if never."""
    passes = coverage.passes(analyst, None, None, account_id)
    seen = passes[(passes["state"] == "inspected") & (passes["ended_at"] <= now)]
    last: pd.Series[Any] = seen[seen["block_id"].isin(block_ids)].groupby("block_id")["ended_at"].max()
    return last.reindex(list(block_ids))


def labels(analyst: "Analyst", asked: Asked) -> pd.DataFrame | None:
    """Return what each block did over equal periods; see `geo.hotspots.label`.

    The whole of what was asked, or else of what tracks are known for, is cut into up to six periods of at
    least a week; None if there are not two.  All periods are one family of tests.
    """
    return analyst.kept("hotspot_labels", asked.parameters, lambda: _labels(analyst, asked))


def _labels(analyst: "Analyst", asked: Asked) -> pd.DataFrame | None:
    cuts = periods(analyst, asked)
    if len(cuts) <= FEWEST_PERIODS:
        return None
    blocks = analyst.site.network.blocks
    near = neighbours.find(blocks, RADIUS_M)
    tables = []
    findings = hotspots.find(analyst, asked).findings
    for since, until in pairwise(cuts):
        during = findings[(findings["observed_at"] >= since) & (findings["observed_at"] < until)]
        effort = coverage.effort(analyst, since, until, asked.account_id)["metres"].rename("effort_m")
        counted = hotspots.weights(during, blocks)
        tables.append(statistics.find(counted, blocks, effort.reset_index(), radius_m=RADIUS_M, near=near))
    q = false_discovery(np.concatenate([table["p"].to_numpy() for table in tables]))
    together = np.split(q, len(tables))
    return statistics.label(
        [table.assign(hot=values <= ALPHA) for table, values in zip(tables, together, strict=True)]
    )


def periods(analyst: "Analyst", asked: Asked) -> list[datetime]:
    """Return the bounds of the periods to compare; one more than there are periods."""
    watched = hotspots.watched_from_until(analyst, asked)
    if watched is None:
        return []
    since = max(asked.since or watched[0], watched[0])
    until = min(asked.until or watched[1], watched[1] + timedelta(seconds=1))
    days = (until - since).total_seconds() / 86400
    # a month of thirty days less a few hours is four weeks of seven days and a bit
    n = min(MOST_PERIODS, int(days // SHORTEST_PERIOD_DAYS))
    return [since + (until - since) * k / n for k in range(n + 1)] if n >= FEWEST_PERIODS else []


def _label(named: pd.DataFrame, found: Hotspots, ids: Sequence[str]) -> str:
    """Return the label of the block that is most in excess."""
    own = found.blocks.loc[list(ids)]
    worst = (own["block_observed"] - own["block_expected"]).fillna(-np.inf).idxmax()
    return str(named.set_index("block_id").at[worst, "label"])
