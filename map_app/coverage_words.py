"""What is said of coverage: the sentence to read aloud, the map's data, cards, and what it all rests on."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd

from geo.coverage import STATES
from layers.analysis import coverage_choice, coverage_sides, coverage_tables
from layers.analysis.coverage_choice import Asked
from layers.analysis.coverage_sides import Step
from layers.analysis.questions import Analyst
from layers.city import taxonomy
from layers.errors import NotFoundError
from layers.field.witness import AROUND_S, Witness
from layers.language import gettext, ngettext
from map_app import basis, cards
from map_app.maps import coverage
from map_app.words import CoverageChoice, local_time, number, probability

Rows = list[tuple[str, str]]


def sentence(analyst: Analyst, choice: CoverageChoice, now: datetime) -> str:
    """Return what a supervisor can read aloud."""
    told = coverage_tables.not_seen(analyst, choice.asked, choice.days, now)
    if told.worst:
        said = gettext(
            "%(km)s km of %(total)s km not seen for %(days)s days, worst in %(area)s "
            "(%(worst)s km of %(of)s km)",
            km=number(told.km, 1),
            total=number(told.total_km),
            days=told.days,
            area=told.worst,
            worst=number(told.worst_km, 1),
            of=number(told.worst_total_km, 1),
        )
    else:
        said = gettext(
            "%(km)s km of %(total)s km not seen for %(days)s days",
            km=number(told.km, 1),
            total=number(told.total_km),
            days=told.days,
        )
    if (until := choice.asked.until) is not None and until <= now:
        last = (until.astimezone(analyst.site.settings.zone) - timedelta(seconds=1)).date()
        said = gettext("%(said)s, as of %(day)s", said=said, day=last.isoformat())
    who = whose(choice.asked)
    return gettext("%(who)s: %(said)s", who=who, said=said) if who else said


def whose(asked: Asked) -> str:
    """Return whose passes are counted; empty if everybody's."""
    parts = [asked.team or (gettext("no team") if asked.team == "" else "")]
    parts += [shift(asked.shift)] if asked.shift else []
    parts += [gettext("your own tracks")] if asked.account_id is not None else []
    return gettext(", ").join(part for part in parts if part)


def shift(name: str) -> str:
    """Return what a shift is called, with its hours."""
    names = {
        "early": gettext("Early shift"),
        "day": gettext("Day shift"),
        "late": gettext("Late shift"),
        "night": gettext("Night shift"),
    }
    hours = list(coverage_choice.SHIFTS.items())
    begin = coverage_choice.SHIFTS[name]
    end = hours[([one for one, _ in hours].index(name) + 1) % len(hours)][1]
    return f"{names[name]} {begin:02d}:00–{end:02d}:00"


def state(name: str) -> str:
    """Return what a state of coverage is called."""
    return {
        "inspected": gettext("Inspected"),
        "passed": gettext("Passed too fast to look"),
        "unknown": gettext("Unknown: the track is not clear"),
        "not visited": gettext("Not visited"),
    }[name]


def street_class(name: str) -> str:
    """Return what a class of streets is called."""
    names = {
        "motorway": gettext("motorway"),
        "trunk": gettext("trunk road"),
        "primary": gettext("primary road"),
        "secondary": gettext("secondary road"),
        "tertiary": gettext("tertiary road"),
        "residential": gettext("residential street"),
        "living_street": gettext("living street"),
        "service": gettext("service road"),
        "unclassified": gettext("unclassified road"),
        "pedestrian": gettext("pedestrian street"),
        "footway": gettext("footway"),
        "path": gettext("path"),
        "cycleway": gettext("cycleway"),
        "track": gettext("track"),
        "steps": gettext("steps"),
    }
    if name.endswith("_link") and name.removesuffix("_link") in names:
        return gettext("ramp of a %(road)s", road=names[name.removesuffix("_link")])
    return names.get(name, name)


def witness_rows(analyst: Analyst, told: Witness | None) -> Rows:
    """Return what the track tells of the moment of a finding."""
    if told is None:
        return [(gettext("Track"), gettext("none: nothing tells whether anybody was looking there then"))]
    modes = {"foot": gettext("on foot"), "bicycle": gettext("by bicycle"), "vehicle": gettext("by car")}
    moved = modes.get(told.mode or "", gettext("not said how"))
    fixes = gettext(
        "%(n)s fixes within %(s)s s, the nearest %(nearest)s s away",
        n=told.n_fixes,
        s=f"{AROUND_S:g}",
        nearest=number(told.nearest_s),
    )
    rows = [(gettext("Track"), f"{moved} · {fixes}"), (gettext("At that moment"), _then(analyst, told))]
    if told.speed_ms is not None:
        fast = told.speed_ms > told.fastest_ms
        judged = gettext("too fast to look") if fast else gettext("slow enough to look")
        rows.append((gettext("Speed"), f"{told.speed_ms:.1f} m/s · {judged}"))
    if told.sd_m is not None:
        rows.append((gettext("Error of its fixes"), f"σ {told.sd_m:.1f} m"))
    return rows


def _then(analyst: Analyst, told: Witness) -> str:
    """Return what the track covered at the moment, with its street."""
    if told.state is None or told.p is None:
        return gettext("its course is not known")
    blocks = analyst.site.network.blocks.set_index("block_id")
    name = blocks["name"].get(told.block_id) if told.block_id in blocks.index else None
    street = name if isinstance(name, str) and name else gettext("(no name)")
    return f"{state(told.state)} · {street} · {probability(told.p)}"


def answer(
    analyst: Analyst, choice: CoverageChoice, now: datetime, *, inside: bool = False
) -> dict[str, Any]:
    """Return what the map draws and says; of one step only what it draws."""
    steps = coverage_sides.steps(analyst, choice.asked, "week" if inside else choice.unit)
    if choice.at is not None:
        if not 0 <= choice.at < len(steps):
            raise NotFoundError("There is no such day or week")
        return {"layer": _frame(analyst, choice, steps[choice.at], now)}
    layer = _layer(analyst, choice, choice.asked, coverage_tables.moment(choice.asked, now))
    zone = analyst.site.settings.zone
    layer["steps"] = [step_name(step, zone, choice.view) for step in steps]
    layer["areas"] = _areas(analyst, choice)
    if inside:
        layer["frames"] = [_frame(analyst, choice, step, now) for step in steps]
    return {
        "headline": sentence(analyst, choice, now),
        "layer": layer,
        "basis": basis_of(analyst, choice.asked, now),
    }


def _frame(analyst: Analyst, choice: CoverageChoice, step: Step, now: datetime) -> dict[str, Any]:
    """Return one step: by state that day or week alone, by age all that was known at its end."""
    narrowed = coverage_sides.within if choice.view == "state" else coverage_sides.up_to
    return _layer(analyst, choice, narrowed(choice.asked, step), min(step.until, now))


def _layer(analyst: Analyst, choice: CoverageChoice, asked: Asked, at: datetime) -> dict[str, Any]:
    cut = coverage.Cut(
        coverage_choice.streets(analyst, asked),
        coverage_sides.each(analyst, asked),
        coverage_sides.whole(analyst, asked),
    )
    return coverage.layer(cut, analyst.block_numbers(), choice.view, pd.Timestamp(at), gettext)


def step_name(step: Step, zone: ZoneInfo, view: str = "state") -> str:
    """Return the day or days of a step; by age it is what was known at their end."""
    first = step.since.astimezone(zone).date()
    last = (step.until.astimezone(zone) - timedelta(seconds=1)).date()
    if view == "age":
        return gettext("as of %(day)s", day=last.isoformat())
    return first.isoformat() if first == last else f"{first.isoformat()} – {last.isoformat()}"


def level(analyst: Analyst, choice: CoverageChoice) -> str | None:
    """Return the level whose areas are compared: the one chosen if it divides the streets."""
    known = coverage_tables.levels(analyst, choice.asked)
    return choice.level if choice.level in known else next(iter(known), None)


def _areas(analyst: Analyst, choice: CoverageChoice) -> list[dict[str, Any]]:
    """Return the areas compared, the least inspected first."""
    chosen = level(analyst, choice)
    if chosen is None:
        return []
    table = coverage_tables.by_area(analyst, choice.asked, chosen)
    blocks = coverage_choice.streets(analyst, choice.asked)
    inside = coverage_choice.areas(analyst)
    of = inside[inside["level"] == chosen].set_index("block_id")["fid"].reindex(blocks["block_id"])
    boxes = coverage.bounds(blocks, of.to_numpy(), analyst.site.network.projection)
    return [
        {
            "text": str(row["name"]),
            "note": gettext(
                "%(share)s %% of %(km)s km inspected",
                share=number(100 * row["share"], 1),
                km=number(row["length_m"] / 1000, 1),
            ),
            "n": round((row["length_m"] - row["inspected"]) / 1000, 1),
            "bounds": boxes[fid],
        }
        for fid, row in table.iterrows()
    ]


def level_name(analyst: Analyst, choice: CoverageChoice) -> str:
    """Return what the areas compared are called."""
    chosen = level(analyst, choice)
    return taxonomy.level_name(chosen) if chosen else ""


def basis_of(analyst: Analyst, asked: Asked, now: datetime) -> Rows:
    """Return what coverage rests on, and what is missing in it."""
    told = coverage_tables.rests(analyst, asked)
    zone = analyst.site.settings.zone
    ends = f"{local_time(told.first, zone)} – {local_time(told.last, zone)}"
    rows = [
        (gettext("Tracks"), _tracks(told)),
        (gettext("First and last"), ends if told.first else gettext("none")),
        (gettext("Inspected, each pass counted"), _effort(told)),
        (gettext("Checked, nothing found"), number(told.n_checks) if told.n_checks else ""),
        (gettext("Whose passes"), whose(asked) or gettext("everybody's")),
        *basis.of_streets(analyst, now),
    ]
    rows = [row for row in rows if row[1]]
    return [*rows, *((gettext("Missing or assumed"), text) for text in _missing(told))]


def _tracks(told: coverage_tables.Rests) -> str:
    return gettext(
        "%(n)s with %(fixes)s fixes, of %(people)s people",
        n=number(told.n_tracks),
        fixes=number(told.n_fixes),
        people=number(told.n_people),
    )


def _effort(told: coverage_tables.Rests) -> str:
    return gettext("%(km)s km in %(hours)s hours", km=number(told.effort_km), hours=number(told.minutes / 60))


def _missing(told: coverage_tables.Rests) -> list[str]:
    said = [
        gettext(
            "Only uploaded tracks are known: a street walked without a track counts as not visited. A gap in "
            "a track is never coloured in."
        ),
        gettext("A stretch counts once its track lies on it with probability 0.8 or more."),
        gettext("What was inspected on a side that cannot be told is drawn in the middle."),
    ]
    if told.n_unmatched:
        said.append(
            ngettext(
                "%(count)s track lies on no street for certain and counts for nothing.",
                "%(count)s tracks lie on no street for certain and count for nothing.",
                told.n_unmatched,
                count=number(told.n_unmatched),
            )
        )
    if told.n_without_mode:
        said.append(
            ngettext(
                "Of %(count)s track nobody said whether it was walked: its sides are not known.",
                "Of %(count)s tracks nobody said whether they were walked: their sides are not known.",
                told.n_without_mode,
                count=number(told.n_without_mode),
            )
        )
    return said


def block_card(
    analyst: Analyst,
    block_number: int,
    choice: CoverageChoice,
    now: datetime,
    *,
    address: Callable[[str], str],
    checks_address: Callable[[str], str] | None = None,
) -> dict[str, Any]:
    """Return what the map says about a block: each side, its last inspection, its target."""
    one = analyst.block(block_number)
    block_id = str(one["block_id"])
    zone = analyst.site.settings.zone
    everywhere = replace(choice.asked, district_id=None, within=None, street_class=None)
    kind = str(coverage_choice.classes(analyst)[block_id])
    rows = [
        (gettext("Length"), f"{one['length_m']:.0f} m"),
        (gettext("Class of street"), street_class(kind)),
    ]
    cut = coverage_sides.each(analyst, everywhere)
    own = cut[cut["block_id"] == block_id]
    middle = float(one["length_m"]) / 2
    for side in coverage_sides.SIDES:
        some = own[own["side"] == side]
        if side != "middle":
            name = cards.side_name(analyst.site.network, block_id, middle, side)
            rows.append((name, _side(some, zone)))
        elif len(some):
            rows.append((gettext("Side not known"), _side(some, zone)))
    passes = coverage_choice.chosen(analyst, everywhere)
    seen = passes[(passes["block_id"] == block_id) & (passes["state"] == "inspected")]
    said = seen[seen["is_check"]]
    if len(said):
        when = local_time(said["ended_at"].max().to_pydatetime(), zone)
        rows.append(
            (
                gettext("Checked, nothing found"),
                f"{number(len(said))} · {gettext('last %(when)s', when=when)}",
            )
        )
    rows.append(
        (
            gettext("Passes"),
            number(len(seen.loc[~seen["is_check"], ["recording", "pass_no"]].drop_duplicates())),
        )
    )
    rows.append(
        (
            gettext("Target"),
            _target(
                coverage_tables.target_days(analyst).of(kind), seen, coverage_tables.moment(choice.asked, now)
            ),
        )
    )
    title = one["name"] if isinstance(one["name"], str) and one["name"] else gettext("(no name)")
    links = [(gettext("Checks made"), checks_address(block_id))] if checks_address and len(said) else []
    return {"title": title, "rows": rows, "url": address(block_id), "links": links}


def _side(some: pd.DataFrame, zone: ZoneInfo) -> str:
    """Return the states of one side with their metres, and when it was last inspected."""
    metres = (some["to_m"] - some["from_m"]).groupby(some["state"]).sum()
    parts = [
        f"{state(name)} {metres[name]:.0f} m"
        for name in STATES
        if name in metres.index and metres[name] >= 0.5
    ]
    last = some["inspected_at"].max()
    if pd.notna(last):
        parts.append(gettext("last %(when)s", when=local_time(last.to_pydatetime(), zone)))
    return " · ".join(parts)


def _target(days: float | None, seen: pd.DataFrame, at: datetime) -> str:
    if days is None:
        return gettext("no target")
    text = gettext("every %(days)s days", days=f"{days:g}")
    if seen.empty:
        return text + gettext(", never inspected")
    over = (pd.Timestamp(at) - seen["ended_at"].max()).total_seconds() / 86400 - days
    return text + (gettext(", overdue by %(days)s days", days=number(over, 1)) if over > 0 else "")
