"""What a planner can choose on every map: period, category, district."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from layers.analysis import residents
from layers.analysis.hotspots import EXPOSURES, RESIDENTS, STREAMS
from layers.analysis.parking import VEHICLES
from layers.city import taxonomy
from layers.city.taxonomy import Taxonomy
from layers.errors import InvalidError
from layers.field.asking import FindingFilter
from layers.field.scope import seen_by
from layers.language import gettext
from map_app import legend
from map_app.pages.gate import visitor
from map_app.pages.service import analyst, site
from map_app.words import Choice

VEHICLE_KINDS = tuple(VEHICLES)
SHOWS = ("rate", "counts", "streets")
FIELDS = ("from", "until", "category", "district")
# Beyond this a list to choose from is no help; narrower levels are then left out
_MOST_DISTRICTS = 400
_FIRST_YEAR, _LAST_YEAR = 1900, 2200


@dataclass(frozen=True, slots=True)
class Option:
    """One line of a list to choose from."""

    value: str
    name: str


@dataclass(frozen=True, slots=True)
class Group:
    """Lines of one kind."""

    name: str
    options: list[Option]


@dataclass(frozen=True, slots=True)
class Select:
    """One more field to choose in: values with their names, the first being chosen unless another is."""

    name: str
    label: str
    options: list[tuple[str, str]]
    # folded away until something is chosen there
    more: bool = False


@dataclass(frozen=True, slots=True)
class Form:
    """What the form offers, and what was chosen."""

    chosen: Mapping[str, str]
    categories: list[Group]
    districts: list[Group]
    last_day: str
    periods: list[tuple[int, str]]
    streams: list[tuple[str, str]] = field(default_factory=list)
    exposures: list[tuple[str, str]] = field(default_factory=list)
    shows: list[tuple[str, str]] = field(default_factory=list)
    vehicles: list[tuple[str, str]] = field(default_factory=list)
    selects: list[Select] = field(default_factory=list)

    @property
    def has_more_chosen(self) -> bool:
        """Tell whether anything is chosen in the fields that are folded away."""
        return any(one.more and self.chosen.get(one.name) for one in self.selects)


def parse(arguments: Mapping[str, str]) -> Choice:
    """Return what the address of a page asks for; an empty field asks for nothing."""
    first, last = (day(arguments.get(name, ""), name) for name in ("from", "until"))
    if first and last and first > last:
        raise InvalidError("The period ends before it begins", field="until")
    zone = site().settings.zone
    wanted = FindingFilter(
        observed_from=_start_of(first, zone) if first else None,
        observed_until=_start_of(last + timedelta(days=1), zone) if last else None,
        categories=categories(arguments.get("category", "")),
        district_id=whole_number(arguments, "district"),
        block_id=arguments.get("block") or None,
        late_days=site().settings.late_days if arguments.get("late") else None,
    )
    stream = arguments.get("stream") or STREAMS[0]
    if stream not in STREAMS:
        raise InvalidError("%(given)s is no stream of findings", field="stream", given=stream[:40])
    against = arguments.get("against") or EXPOSURES[0]
    if against not in EXPOSURES:
        raise InvalidError(
            "%(given)s is nothing to set findings against", field="against", given=against[:40]
        )
    show = arguments.get("show") or SHOWS[0]
    if show not in SHOWS:
        raise InvalidError("%(given)s is nothing that a heat map shows", field="show", given=show[:40])
    vehicle = arguments.get("vehicle") or VEHICLE_KINDS[0]
    if vehicle not in VEHICLE_KINDS:
        raise InvalidError("%(given)s is no kind of vehicle", field="vehicle", given=vehicle[:40])
    return Choice(seen_by(visitor(), wanted), first, last, stream, against, show, vehicle)


def form(arguments: Mapping[str, str]) -> Form:
    """Return the form of a page, filled with what its address asks for."""
    last = analyst().span()[1]
    last_day = last.astimezone(site().settings.zone).date().isoformat() if last else ""
    periods = [
        (7, gettext("7 days")),
        (30, gettext("30 days")),
        (90, gettext("90 days")),
        (365, gettext("1 year")),
        (0, gettext("All")),
    ]
    return Form(arguments, category_groups(), district_groups(), last_day, periods)


def form_of_hotspots(arguments: Mapping[str, str]) -> Form:
    """Return the form of hotspots: whose findings in place of where, for effort knows no districts."""
    streams = [("patrol", gettext("Found on patrol")), ("public", gettext("Reported by the public"))]
    exposures = [("streets", gettext("The length of streets")), (RESIDENTS, gettext("Who lives there"))]
    offered = exposures if residents.are_known(analyst()) else []
    return replace(form(arguments), districts=[], streams=streams, exposures=offered)


def form_of_heat(arguments: Mapping[str, str]) -> Form:
    """Return the form of the heat map: rates or counts."""
    shows = [("rate", gettext("Found per inspected km")), ("counts", gettext("Counts, not corrected"))]
    return replace(form(arguments), shows=shows)


def form_of_density(arguments: Mapping[str, str]) -> Form:
    """Return the form of the map by street: counts, or rates spread along the streets."""
    shows = [
        ("counts", gettext("Counts per 100 m")),
        ("streets", gettext("Found per inspected km, spread along the streets")),
    ]
    return replace(form(arguments), shows=shows)


def form_of_parking(arguments: Mapping[str, str]) -> Form:
    """Return the form of the map of parked vehicles: cars or bicycles, of any period."""
    vehicles = [("car", gettext("Cars")), ("bicycle", gettext("Bicycles"))]
    return replace(form(arguments), categories=[], districts=[], vehicles=vehicles)


def day(text: str, name: str) -> date | None:
    """Return the day that the text of a field names, None for an empty one."""
    try:
        found = date.fromisoformat(text) if text else None
        if found and not _FIRST_YEAR <= found.year <= _LAST_YEAR:
            raise ValueError(text)  # of the first and the last years there is no day before or after
    except ValueError as error:
        raise InvalidError(
            "%(given)s is not a date such as 2020-09-25", field=name, given=text[:40]
        ) from error
    return found


def _start_of(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(), zone)


def whole_number(arguments: Mapping[str, str], name: str) -> int | None:
    """Return a whole number of the address; None where there is none."""
    text = arguments.get(name, "")
    if text and not (text.isascii() and text.isdigit() and len(text) < 18):
        raise InvalidError("%(given)s is not a number", field=name, given=text[:40])
    return int(text) if text else None


def categories(text: str) -> tuple[tuple[str, str], ...] | None:
    """Return the categories of ``scheme.code``, or of ``scheme.class.*`` for a whole class."""
    if not text:
        return None
    if not text.endswith(".*"):
        category = site().taxonomy.parse(text)
        return ((category.scheme, category.code),)
    found = tuple(
        (scheme, code)
        for scheme, code, _ in analyst().used_categories()
        if legend.class_key(site().taxonomy, scheme, code) == text
    )
    if not found:
        raise InvalidError("%(given)s is not a category in use", field="category", given=text[:60])
    return found


def category_groups(also: Iterable[tuple[str, str]] = ()) -> list[Group]:
    """Return the categories in use, and those named, by their classes."""
    known = site().taxonomy
    groups: dict[str, list[Option]] = {}
    used = [(scheme, code) for scheme, code, _ in analyst().used_categories()]
    for scheme, code in dict.fromkeys([*used, *also]):
        key = legend.class_key(known, scheme, code)
        groups.setdefault(key, []).append(Option(f"{scheme}.{code}", legend.name(known, scheme, code)))
    return [_group(known, key, options) for key, options in sorted(groups.items())]


def _group(known: Taxonomy, key: str, options: list[Option]) -> Group:
    name = legend.class_name(known, key)
    whole = [Option(key, gettext("All of %(name)s", name=name))] if len(options) > 1 else []
    return Group(name, [*whole, *options])


def district_groups() -> list[Group]:
    """Return the named areas by level, from the widest, as far as a list stays readable."""
    rows = site().districts.frame
    groups = []
    for level in taxonomy.DISTRICT_LEVELS:
        named = rows[(rows["level"] == level) & rows["name"].notna()].sort_values("name")
        if 0 < len(named) <= _MOST_DISTRICTS:
            groups.append(Group(taxonomy.level_name(level), list(_options(named.itertuples()))))
    return groups


def _options(rows: Iterable[Any]) -> Iterable[Option]:
    return (Option(str(row.fid), str(row.name)) for row in rows)
