"""What can be chosen of coverage: period, area, class of street, team, shift, and how it is shown."""

from collections.abc import Mapping
from dataclasses import replace

from flask import url_for

from layers.analysis import coverage_choice, coverage_tables
from layers.analysis.coverage_choice import SHIFTS, Asked
from layers.city import taxonomy
from layers.errors import InvalidError
from layers.language import gettext
from map_app import coverage_words
from map_app.pages import filters
from map_app.pages.filters import Form, Select
from map_app.pages.service import analyst, site
from map_app.words import Choice, CoverageChoice

VIEWS = ("age", "state")
UNITS = ("", "day", "week")
# Stands for those who are in no team, in an address
NO_TEAM = "-"
FIELDS = ("from", "until", "district", "class", "team", "shift", "view", "days", "step", "level")


def parse(arguments: Mapping[str, str], choice: Choice) -> CoverageChoice:
    """Return what the address of a page asks for; `choice` has its period and area, and who may see what."""
    wanted = choice.wanted
    team = arguments.get("team") or None
    return CoverageChoice(
        asked=Asked(
            since=wanted.observed_from,
            until=wanted.observed_until,
            district_id=wanted.district_id,
            within=wanted.within,
            street_class=arguments.get("class") or None,
            team="" if team == NO_TEAM else team,
            shift=_one_of(arguments, "shift", ("", *SHIFTS)) or None,
            account_id=wanted.account_id,
        ),
        view=_one_of(arguments, "view", VIEWS),
        days=int(_one_of(arguments, "days", tuple(str(days) for days in _days()))),
        unit=_one_of(arguments, "step", UNITS) or None,
        level=arguments.get("level") or None,
        at=filters.whole_number(arguments, "at"),
    )


def _days() -> list[int]:
    """Return for how many days a street may not have been seen, the usual first."""
    usual = coverage_tables.DEFAULT_DAYS
    return [usual, *(days for days in coverage_tables.DAYS if days != usual)]


def _one_of(arguments: Mapping[str, str], name: str, known: tuple[str, ...]) -> str:
    given = arguments.get(name) or known[0]
    if given not in known:
        raise InvalidError(
            "%(field)s: %(given)s is not known; known: %(known)s",
            field=name,
            given=given[:40],
            known=", ".join(one for one in known if one),
        )
    return given


def form(arguments: Mapping[str, str]) -> Form:
    """Return the form of the map, filled with what its address asks for."""
    common = replace(filters.form(arguments), categories=[])
    if site().network_or_none() is None:
        return common
    selects = [*_of_display(), *_of_streets(), *_of_people(), *_of_numbers()]
    return replace(common, last_day=last_day() or common.last_day, selects=selects)


def last_day() -> str:
    """Return the day of the last pass, from which periods count back; empty if there is none."""
    found = coverage_choice.passes(analyst())
    if found.empty:
        return ""
    last = found["started_at"].max().tz_convert(site().settings.zone)
    return str(last.date().isoformat())


def _of_display() -> list[Select]:
    shown = [("age", gettext("Time since the last inspection")), ("state", gettext("The four states"))]
    return [Select("view", gettext("Colours"), shown)]


def _of_streets() -> list[Select]:
    n = coverage_choice.classes(analyst()).value_counts()
    classes = [(str(name), coverage_words.street_class(str(name))) for name in n.index]
    return [Select("class", gettext("Class of street"), [("", gettext("All classes")), *classes], more=True)]


def _of_people() -> list[Select]:
    shifts = [(name, coverage_words.shift(name)) for name in SHIFTS]
    return [
        Select("team", gettext("Team"), [("", gettext("All teams")), *_teams()], more=True),
        Select("shift", gettext("Shift"), [("", gettext("All shifts")), *shifts], more=True),
    ]


def _teams() -> list[tuple[str, str]]:
    known = coverage_choice.teams_of(analyst())
    return [*((name, name) for name in known), (NO_TEAM, gettext("no team"))] if known else []


def _of_numbers() -> list[Select]:
    days = [(str(one), gettext("%(n)s days", n=one)) for one in _days()]
    stepped = [("", gettext("by itself")), ("day", gettext("day by day")), ("week", gettext("week by week"))]
    levels = [(one, taxonomy.level_name(one)) for one in coverage_tables.levels(analyst(), Asked())]
    return [
        Select("step", gettext("Steps of time"), stepped, more=True),
        Select("level", gettext("Areas compared"), levels or [("", gettext("none"))], more=True),
        Select("days", gettext("Not seen for"), days, more=True),
    ]


def lines_address() -> str:
    """Return where the lines of the newest streets are; empty without streets."""
    network = site().network_or_none()
    return url_for("pages.coverage.lines", version=network.version) if network else ""


def more() -> tuple[str, str]:
    """Return where all numbers are: an address and a name."""
    return url_for("pages.coverage.tables"), gettext("All numbers in tables")


def files() -> list[tuple[str, str]]:
    """Return what can be taken home: addresses and names."""
    return [
        (url_for("pages.coverage.file", kind=kind), gettext("Intervals as %(kind)s", kind=name))
        for kind, name in (("csv", "CSV"), ("geojson", "GeoJSON"), ("gpkg", "GeoPackage"))
    ]
