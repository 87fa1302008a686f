"""How the surroundings of each school stood week by week: computed from facts and the day asked, not kept.

Findings, inspections and rules count as they were on each day; premises, licences and verified ways as they
are known now, for nobody keeps since when a shop is there.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
from sqlalchemy import func, select

from layers.analysis import coverage, surroundings, verdicts, zone_streets
from layers.analysis.questions import Analyst
from layers.city import clearance_rules
from layers.city.clearance_rules import Kept
from layers.field.asking import FindingFilter
from layers.store.schema import street_check, track

WEEKS = 12
NO_DATA = "no_data"
"""What a day is called before anything was found or inspected: shops of today say nothing about it."""


def weeks(analyst: Analyst, now: datetime, within_days: int, only: int | None = None) -> pd.DataFrame:
    """Return the status of every school on each of the last weeks' days and now, the oldest first.

    Or `only` of the one of this fid.

    Returns
    -------
    DataFrame indexed by the fid of the school
        A column per instant (midnight there, a week apart; the last is `now`) with the status as text, or
        `NO_DATA`.
    """
    begin = now.astimezone(analyst.site.settings.zone).replace(hour=0, minute=0, second=0, microsecond=0)
    current = surroundings.status(analyst, now, within_days, only)
    held = clearance_rules.versions_key(verdicts.rules(analyst))
    asked: dict[str, object] = {"begin": begin, "days": within_days, "rules": held, "only": only}
    past = analyst.kept("weeks of schools", asked, lambda: _past(analyst, begin, within_days, only))
    today = current.schools.set_index("fid")["status"]
    return past.reindex(today.index).assign(**{_name(now): today})


def since(by_week: pd.DataFrame) -> "pd.Series[str]":
    """Return since which of the instants each school has had the status that it has now.

    >>> since(pd.DataFrame({"a": ["clear"] * 2, "b": ["partly", "clear"], "c": ["clear"] * 2})).tolist()
    ['c', 'a']
    """
    columns = np.array(by_week.columns, dtype=object)
    same = by_week.eq(by_week.iloc[:, -1], axis=0).to_numpy(dtype=bool)
    # how far back, counted from the last
    back = np.logical_and.accumulate(same[:, ::-1], axis=1).sum(axis=1)
    return pd.Series(columns[len(columns) - back], index=by_week.index)


def _name(at: datetime) -> str:
    return at.isoformat()


def _past(analyst: Analyst, begin: datetime, within_days: int, only: int | None) -> pd.DataFrame:
    days = [begin - timedelta(weeks=k) for k in range(WEEKS, 0, -1)]
    window = timedelta(days=within_days)
    schools = surroundings.chosen(analyst, only)
    kept = verdicts.rules(analyst)
    held = [clearance_rules.holding(kept, verdicts.local(analyst, day)) for day in days]
    reaches = [_reach(rules, schools["kind"]) for rules in held]
    asked: dict[str, object] = {"days": days, "within": within_days, "reaches": reaches, "only": only}
    seen = analyst.kept(
        "weeks of streets in zones",
        asked,
        lambda: _seen(analyst, schools, days, window, reaches),
        besides=zone_streets.BESIDES,
    )
    judged = verdicts.audit(
        analyst, FindingFilter(observed_from=days[0] - window, observed_until=begin), begin, only
    )
    of_findings = judged[judged["what"].eq("finding")]
    columns: dict[str, Any] = {}
    begun = _begun(analyst)
    for day, share, rules in zip(days, seen, held, strict=True):
        if begun is None or day <= begun:
            columns[_name(day)] = NO_DATA
            continue
        recent = of_findings["observed_at"].between(pd.Timestamp(day - window), pd.Timestamp(day), "left")
        both = pd.concat([of_findings[recent], verdicts.of_premises(analyst, day, only)], ignore_index=True)
        best = surroundings.at_best(analyst, rules, schools["kind"])
        columns[_name(day)] = surroundings.named(schools["fid"], both, share, best).to_numpy()
    return pd.DataFrame(columns, index=pd.Index(schools["fid"], name="fid"))


def _begun(analyst: Analyst) -> datetime | None:
    """Return when something was first found or inspected at this site."""
    looked = (func.min(track.c.started_at), func.min(street_check.c.observed_at))
    with analyst.site.store.read() as conn:
        first = [analyst.span()[0], *(conn.execute(select(at)).scalar() for at in looked)]
    return min((at for at in first if at is not None), default=None)


def _reach(held: list[Kept], kinds: "pd.Series[str]") -> tuple[float, ...]:
    """Return how far the rules of a day reach around each school."""
    by_kind = {kind: surroundings.reach_m(held, kind) for kind in kinds.unique()}
    return tuple(by_kind[kind] for kind in kinds)


def _seen(
    analyst: Analyst,
    schools: gpd.GeoDataFrame,
    days: Sequence[datetime],
    window: timedelta,
    reaches: Sequence[tuple[float, ...]],
) -> list["pd.Series[float]"]:
    """Return for each day the share of each school's streets that was inspected in the days before it."""
    if analyst.site.network_or_none() is None:
        return [pd.Series(0.0, index=schools["fid"]) for _ in days]
    zones = {reach: zone_streets.zones(analyst, schools, np.array(reach)) for reach in dict.fromkeys(reaches)}
    inside = pd.concat(list(zones.values()))["block_id"].unique().tolist()
    every = coverage.intervals(analyst, days[0] - window, days[-1], inside)
    every = every[every["state"].eq("inspected")]
    if every.empty:
        return [pd.Series(0.0, index=schools["fid"]) for _ in days]
    found = every[["block_id", "from_m", "to_m", "started_at", "ended_at"]].rename(
        columns={"from_m": "a", "to_m": "b"}
    )
    shares = []
    for day, reach in zip(days, reaches, strict=True):
        zone = zones[reach]
        recent = found["ended_at"].ge(pd.Timestamp(day - window)) & found["started_at"].lt(pd.Timestamp(day))
        length = (zone["to_m"] - zone["from_m"]).groupby(zone["fid"]).sum()
        shares.append(
            (_union(zone.merge(found[recent], on="block_id")) / length).reindex(schools["fid"]).fillna(0.0)
        )
    return shares


def _union(pairs: pd.DataFrame) -> "pd.Series[float]":
    """Return how much of the zone of each school the intervals cover together, metres."""
    cut = pairs.assign(
        low=np.maximum(pairs["from_m"], pairs["a"]), high=np.minimum(pairs["to_m"], pairs["b"])
    )
    cut = cut[cut["high"] > cut["low"]].sort_values(["fid", "block_id", "from_m", "low"], kind="stable")
    keys = [cut["fid"], cut["block_id"], cut["from_m"]]
    # what reached farthest before, in the same part of the same block
    before = cut["high"].groupby(keys).cummax().groupby(keys).shift().fillna(-np.inf)
    fresh = (cut["high"] - np.maximum(cut["low"], before)).clip(lower=0.0)
    covered_m: pd.Series[float] = fresh.groupby(cut["fid"]).sum()
    return covered_m
