"""Coverage in tables: shares of length by area, class, period, team, shift; what is overdue or not seen."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from geo import coverage
from geo.coverage import STATES
from layers import targets
from layers.analysis import coverage_choice, coverage_sides
from layers.analysis.coverage_choice import Asked
from layers.analysis.coverage_sides import Step
from layers.city import taxonomy
from layers.targets import Targets

if TYPE_CHECKING:
    from layers.analysis.questions import Analyst

DAYS = (7, 14, 30)
DEFAULT_DAYS = 14
# The level whose areas are compared: the first with at least so many
_FEWEST_AREAS = 2
# Parts team and shift where both are one key; no name holds it
_BETWEEN = "\x1f"


@dataclass(frozen=True, slots=True, kw_only=True)
class NotSeen:
    """What was not inspected for so many days: km of all, and the area with the most of it."""

    days: int
    km: float
    total_km: float
    worst: str | None = None
    worst_km: float = 0.0
    worst_total_km: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Rests:
    """What coverage rests on."""

    n_tracks: int
    n_people: int
    n_fixes: int
    effort_km: float
    minutes: float
    n_checks: int
    # tracks that nothing could be said about, and such that nobody said how they moved
    n_unmatched: int
    n_without_mode: int
    first: datetime | None
    last: datetime | None


def by_groups(analyst: "Analyst", asked: Asked, groups: "pd.Series[Any]") -> pd.DataFrame:
    """Return metres by state and the share inspected for groups of blocks (by block id).

    Also `sides`, the share of the length of both sides that was inspected as far as a side is known, and the
    effort: `effort_m` and `minutes` of inspecting, each pass counted.
    """
    table = coverage.shares(coverage_sides.whole(analyst, asked), groups)
    cut = coverage_sides.each(analyst, asked)
    kerbs = coverage.shares(cut[cut["side"] != "middle"], groups)
    table["sides"] = kerbs["share"].reindex(table.index)
    walked = coverage_choice.chosen(analyst, asked)
    walked = walked[~walked["is_check"]]
    spent = coverage.effort(walked, coverage_choice.streets(analyst, asked))
    sums = (
        spent[["metres", "minutes"]].groupby(pd.Index(groups.reindex(spent.index))).sum().reindex(table.index)
    )
    table["effort_m"], table["minutes"] = sums["metres"], sums["minutes"]
    return table


def by_area(analyst: "Analyst", asked: Asked, level: str) -> pd.DataFrame:
    """Return the areas of a level (by fid, with `name`) as `by_groups`, the least inspected first."""

    def make() -> pd.DataFrame:
        inside = coverage_choice.areas(analyst)
        groups = inside[inside["level"] == level].set_index("block_id")["fid"]
        table = by_groups(analyst, asked, groups)
        rows = analyst.site.districts.frame.set_index("fid")
        table.insert(0, "name", [rows.at[fid, "name"] or rows.at[fid, "code"] for fid in table.index])
        return table.sort_values(["share", "length_m"], ascending=[True, False])

    return _kept(analyst, f"coverage by {level}", asked, make)


def by_class(analyst: "Analyst", asked: Asked, now: datetime) -> pd.DataFrame:
    """Return the classes of streets as `by_groups`, with their target and the metres that are overdue.

    Overdue counts everybody's passes up to the end of the period.
    """
    classes = coverage_choice.classes(analyst)
    table = _kept(analyst, "coverage by class", asked, lambda: by_groups(analyst, asked, classes))
    table = table.sort_values("length_m", ascending=False)
    late = overdue(analyst, asked, now)
    metres = (late["to_m"] - late["from_m"]).groupby(late["class"]).sum()
    never = late[late["age_days"].isna()]
    known = target_days(analyst)
    table["target_days"] = [known.of(str(name)) for name in table.index]
    table["overdue_m"] = metres.reindex(table.index).fillna(0.0)
    never_m = (never["to_m"] - never["from_m"]).groupby(never["class"]).sum()
    table["never_m"] = never_m.reindex(table.index).fillna(0.0)
    return table


def target_days(analyst: "Analyst") -> Targets:
    """Return the longest times between two inspections that hold now."""
    with analyst.site.store.read() as conn:
        return targets.in_force(conn)


def overdue(analyst: "Analyst", asked: Asked, now: datetime) -> pd.DataFrame:
    """Return the stretches not inspected by anybody for longer than their class allows, as of `moment`."""
    everybody = Asked(
        until=asked.until,
        district_id=asked.district_id,
        within=asked.within,
        street_class=asked.street_class,
        account_id=asked.account_id,
    )
    classes = coverage_choice.classes(analyst)
    known = target_days(analyst)
    days = {name: known.of(str(name)) for name in classes.unique()}
    wanted = {name: value for name, value in days.items() if value is not None}
    cut = coverage_sides.whole(analyst, everybody)
    return coverage.overdue(cut, wanted, classes, pd.Timestamp(moment(asked, now)))


def overdue_streets(analyst: "Analyst", asked: Asked, now: datetime, most: int = 30) -> pd.DataFrame:
    """Return the streets with most overdue metres: `name, class, metres, never_m, age_days` (the oldest)."""
    late = overdue(analyst, asked, now)
    blocks = analyst.site.network.blocks.set_index("block_id")
    late["name"] = blocks["name"].reindex(late["block_id"]).to_numpy()
    late["metres"] = late["to_m"] - late["from_m"]
    late["never_m"] = late["metres"].where(late["age_days"].isna(), 0.0)
    named = late[late["name"].notna() & (late["name"] != "")]
    table = named.groupby(["name", "class"], as_index=False).agg(
        metres=("metres", "sum"),
        never_m=("never_m", "sum"),
        age_days=("age_days", "max"),
        target_days=("target_days", "first"),
    )
    worst = table.sort_values(["metres", "name"], ascending=[False, True])
    return worst.head(most).reset_index(drop=True)


def moment(asked: Asked, now: datetime) -> datetime:
    """Return the instant as of which ages count: the end of the period, or now if that is earlier."""
    return min(asked.until, now) if asked.until is not None else now


def by_step(analyst: "Analyst", asked: Asked, steps: list[Step]) -> pd.DataFrame:
    """Return for each day or week the metres inspected (once each), their share, the effort and who went."""

    def make() -> pd.DataFrame:
        found = coverage_choice.chosen(analyst, asked)
        bounds = pd.DatetimeIndex([pd.Timestamp(step.since) for step in steps]).as_unit("ms").asi8
        began = pd.DatetimeIndex(found["started_at"]).as_unit("ms").asi8
        which = pd.Series(np.searchsorted(bounds, began, side="right") - 1, index=found.index)
        table = _by_passes(analyst, asked, found, which.where(which >= 0))
        return table.reindex(range(len(steps)), fill_value=0.0)

    return _kept(analyst, f"coverage by {len(steps)} steps", asked, make)


def by_team(analyst: "Analyst", asked: Asked) -> pd.DataFrame:
    """Return the same for each team; what was done by people in no team stands under ""."""
    return _by(analyst, asked, "team")


def by_shift(analyst: "Analyst", asked: Asked) -> pd.DataFrame:
    """Return the same for each shift, in the order of the day."""
    table = _by(analyst, asked, "shift")
    return table.reindex([name for name in coverage_choice.SHIFTS if name in table.index])


def by_team_and_shift(analyst: "Analyst", asked: Asked) -> dict[tuple[str, str], tuple[float, float]]:
    """Return the effort, metres and minutes, by pairs of team ("": none) and shift."""

    def make() -> pd.DataFrame:
        found = coverage_choice.chosen(analyst, asked)
        return _by_passes(analyst, asked, found, found["team"] + _BETWEEN + found["shift"])

    table = _kept(analyst, "coverage by team and shift", asked, make)
    pairs = [str(key).split(_BETWEEN) for key in table.index]
    spent = zip(table["effort_m"].fillna(0.0), table["minutes"].fillna(0.0), strict=True)
    return {(team, shift): one for (team, shift), one in zip(pairs, spent, strict=True)}


def _kept(analyst: "Analyst", name: str, asked: Asked, make: Callable[[], pd.DataFrame]) -> pd.DataFrame:
    found: pd.DataFrame = coverage_choice.kept(analyst, name, coverage_choice.words(asked), make)
    return found


def _by(analyst: "Analyst", asked: Asked, column: str) -> pd.DataFrame:
    def make() -> pd.DataFrame:
        found = coverage_choice.chosen(analyst, asked)
        return _by_passes(analyst, asked, found, found[column])

    return _kept(analyst, f"coverage by {column}", asked, make)


def _by_passes(
    analyst: "Analyst", asked: Asked, found: pd.DataFrame, groups: "pd.Series[Any]"
) -> pd.DataFrame:
    """Return `inspected, share, effort_m, minutes, n_tracks, n_checks, n_people` of groups of intervals."""
    seen = found["state"] == "inspected"
    some, group = found[seen], groups[seen]
    total = float(coverage_choice.streets(analyst, asked).geometry.length.sum())
    lasting = (some["ended_at"] - some["started_at"]).dt.total_seconds() / 60
    # a check says that somebody looked, not how long the way was
    metres = (some["to_m"] - some["from_m"]).where(~some["is_check"], 0.0)
    table = pd.DataFrame({"inspected": coverage.union_m(some, group)})
    table["share"] = table["inspected"] / total if total > 0 else np.nan
    table["effort_m"] = metres.groupby(group).sum()
    table["minutes"] = lasting.groupby(group).sum()
    table["n_tracks"] = some["run_id"].where(~some["is_check"]).groupby(group).nunique()
    table["n_checks"] = some["is_check"].groupby(group).sum()
    table["n_people"] = some["account_id"].groupby(group).nunique()
    return table


def not_seen(analyst: "Analyst", asked: Asked, days: int, now: datetime) -> NotSeen:
    """Return what was not inspected in so many days up to the end of the period, to the second.

    From the same stretches and the same moment as the ages of the map, whose legend stands beside it.
    """
    cut = coverage_sides.whole(analyst, replace(asked, since=None))
    seen = cut["inspected_at"] >= pd.Timestamp(moment(asked, now) - timedelta(days=days))
    return _not_seen(analyst, asked, cut.assign(state=np.where(seen, STATES[0], STATES[-1])), days)


def _not_seen(analyst: "Analyst", asked: Asked, cut: pd.DataFrame, days: int) -> NotSeen:
    every = coverage.shares(cut)
    if every.empty:
        return NotSeen(days=days, km=0.0, total_km=0.0)
    told = NotSeen(days=days, km=_unseen_km(every.iloc[0]), total_km=float(every["length_m"].iloc[0]) / 1000)
    level = level_of(analyst, asked)
    if level is None:
        return told
    inside = coverage_choice.areas(analyst)
    table = coverage.shares(cut, inside[inside["level"] == level].set_index("block_id")["fid"])
    unseen = table["length_m"] - table["inspected"]
    if table.empty or not unseen.max() > 0:
        return told
    k = int(unseen.to_numpy().argmax())
    worst = table.iloc[k]
    name = analyst.site.districts.frame.set_index("fid").at[table.index[k], "name"]
    return replace(
        told, worst=name, worst_km=_unseen_km(worst), worst_total_km=float(worst["length_m"]) / 1000
    )


def _unseen_km(row: "pd.Series[float]") -> float:
    return float(row["length_m"] - row["inspected"]) / 1000


def levels(analyst: "Analyst", asked: Asked) -> list[str]:
    """Return the levels of areas that divide the streets asked about, the widest first."""
    where = Asked(district_id=asked.district_id, within=asked.within, street_class=asked.street_class)

    def make() -> list[str]:
        inside = coverage_choice.areas(analyst)
        some = inside[inside["block_id"].isin(coverage_choice.streets(analyst, where)["block_id"])]
        n = some.groupby("level")["fid"].nunique()
        return [level for level in taxonomy.DISTRICT_LEVELS if n.get(level, 0) >= _FEWEST_AREAS]

    found: list[str] = coverage_choice.kept(analyst, "levels", coverage_choice.words(where), make)
    return found


def level_of(analyst: "Analyst", asked: Asked) -> str | None:
    """Return the level whose areas are compared unless another is chosen."""
    return next(iter(levels(analyst, asked)), None)


def rests(analyst: "Analyst", asked: Asked) -> Rests:
    """Return what the coverage asked about rests on."""

    def make() -> Rests:
        return _rests(analyst, asked)

    told: Rests = coverage_choice.kept(analyst, "coverage rests", coverage_choice.words(asked), make)
    return told


def _rests(analyst: "Analyst", asked: Asked) -> Rests:
    found = coverage_choice.chosen(analyst, asked)
    seen = found[(found["state"] == "inspected") & ~found["is_check"]]
    tracks = coverage_choice.tracks(analyst, asked)
    lasting = (seen["ended_at"] - seen["started_at"]).dt.total_seconds() / 60
    return Rests(
        n_tracks=len(tracks),
        n_people=int(tracks["account_id"].nunique()),
        n_fixes=int(tracks["n_fixes"].sum()),
        effort_km=float((seen["to_m"] - seen["from_m"]).sum()) / 1000,
        minutes=float(lasting.sum()),
        n_checks=int(found["is_check"].sum()),
        n_unmatched=int((~tracks["matched"]).sum()),
        n_without_mode=int(tracks["mode"].isna().sum()),
        first=tracks["started_at"].min().to_pydatetime() if len(tracks) else None,
        last=tracks["ended_at"].max().to_pydatetime() if len(tracks) else None,
    )
