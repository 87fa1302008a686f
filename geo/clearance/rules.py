"""A rule as data: its fields, the day and hour on which it holds, the places and trades it speaks of."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import combinations
from numbers import Real
from typing import Any

import pandas as pd

from geo.errors import GeoError

MEASURED_FROM = ("boundary", "gate", "gate_student", "door", "building", "parcel", "centroid", "unspecified")
MEASURED_TO = ("entrance", "premises", "building", "parcel", "point", "stall", "unspecified")
MEASURE = ("euclidean", "network_walk", "along_street", "unspecified")
STATUS = ("published", "practice", "draft", "proposal", "expired", "revoked")
ENDED = ("expired", "revoked")
"""Of these a rule holds until its last day; if that is not known, never."""
SURE = 0.95
"""P(inside) from which somebody is inside; at 1 minus this outside; between, measure on site."""

LONGEST_M = 10_000.0
"""No rule about surroundings reaches as far: what is longer is a slip, or in other units."""

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

_DAY_MIN = 24 * 60

# A kind in a rule also means the kinds listed here, and those that they mean
KINDS: Mapping[str, frozenset[str]] = {
    "school": frozenset(("primary", "secondary", "special", "vocational", "specialised", "public_school")),
    "secondary": frozenset(("junior", "senior")),
    "school_ground": frozenset(("school",)),
    "educational_institution": frozenset(("school", "kindergarten", "university", "college")),
    "youth_populated_area": frozenset(
        ("school", "kindergarten", "playground", "library", "youth_centre", "park", "recreation")
    ),
    "worship": frozenset(("church", "mosque", "temple", "synagogue")),
    "childcare": frozenset(("kindergarten", "nursery")),
}
# A trade in a rule also means the trades listed here, and those that they mean
ACTIVITIES: Mapping[str, frozenset[str]] = {
    "street_vendor": frozenset(("food_vendor", "mobile_vendor")),
    "entertainment": frozenset(("game_hall", "dance_hall", "karaoke", "bar")),
    "listed_harmful_uses": frozenset(("entertainment", "internet_cafe", "tobacco", "lottery")),
}


@dataclass(frozen=True)
class Rule:
    """One distance rule, field for field as in the table that a site keeps.

    `assumed` holds `measured_from` and `measure` to use where the text leaves them open; `time_window` has
    `days` (mon … sun or 1 … 7, on which the hours begin) and `hours` (pairs of "HH:MM", the start included,
    over midnight if the end is not later); `distance_m_by_variant` overrides `distance_m` for some premises.
    """

    id: str
    distance_m: float
    inclusive: bool
    measured_from: str
    measured_to: str
    measure: str
    activity: tuple[str, ...]
    protected_kinds: tuple[str, ...]
    status: str = "published"
    measured_from_by_kind: Mapping[str, str] | None = None
    assumed: Mapping[str, str] | None = None
    multi_gate: str | None = None
    exclude_gates: tuple[str, ...] = ()
    same_street_only: bool = False
    vertical_adds: str | None = None
    minus_rule: str | None = None
    spacing_between_retailers_m: float | None = None
    distance_m_by_variant: Mapping[str, float] | None = None
    time_window: Mapping[str, Any] | None = None
    valid_from: pd.Timestamp | None = None
    valid_to: pd.Timestamp | None = None
    date_precision: str = "day"
    grandfathered_before: pd.Timestamp | None = None
    grandfathering: str | None = None
    on_breach: str = "notice"

    def origin(self, kind: str) -> str:
        """Return where the rule measures from for this kind of place."""
        return (self.measured_from_by_kind or {}).get(kind, self.measured_from)

    def limit_m(self, variant: str | None) -> float:
        """Return the distance for a variant of the trade."""
        return float((self.distance_m_by_variant or {}).get(variant or "", self.distance_m))

    @property
    def rise_from_storey(self) -> int | None:
        """From which storey up the way upstairs is added, None if it never is."""
        number = re.search(r"\d+", self.vertical_adds or "")
        return int(number.group()) if number else (1 if self.vertical_adds else None)


def read_rules(rows: Iterable[Mapping[str, Any]]) -> tuple[Rule, ...]:
    """Return rules from their table, or say which field of which rule is wrong.

    Parameters
    ----------
    rows : iterable of mappings
        Fields as in `Rule`; others (source, jurisdiction, …) are for people and are not read.

    Raises
    ------
    GeoError
        Missing field, unknown value, distance that is not positive or longer than 10 km, two versions of
        a rule whose days overlap, or a `minus_rule` that is not there.

    Examples
    --------
    >>> read_rules([{"id": "x", "distance_m": -5, "measured_from": "gate", "measured_to": "stall",
    ...     "measure": "euclidean"}])
    Traceback (most recent call last):
    ...
    geo.errors.GeoError: rule x: distance_m is -5, not a length of at most 10 km
    """
    rules = tuple(_read(row) for row in rows)
    known = {rule.id for rule in rules}
    for (row, rule), (later, version) in combinations(enumerate(rules), 2):
        if rule.id == version.id and _share_a_day(rule, version):
            raise GeoError(
                "row %(row)d: rule %(rule)s holds on days on which row %(other)d holds too",
                row=later,
                rule=rule.id,
                other=row,
            )
    for rule in rules:
        if rule.minus_rule is not None and rule.minus_rule not in known:
            raise GeoError(
                "rule %(rule)s: minus_rule %(other)s does not exist", rule=rule.id, other=rule.minus_rule
            )
    return rules


def _share_a_day(one: Rule, other: Rule) -> bool:
    """Tell whether there is a day on which both may hold."""
    if any(rule.status in ENDED and rule.valid_to is None for rule in (one, other)):
        return False
    first = max(rule.valid_from or pd.Timestamp.min for rule in (one, other))
    return first <= min(rule.valid_to or pd.Timestamp.max for rule in (one, other))


def _read(row: Mapping[str, Any]) -> Rule:
    """Read one rule."""
    name = str(row.get("id") or "?")
    for field, allowed in (
        ("measured_from", MEASURED_FROM),
        ("measured_to", MEASURED_TO),
        ("measure", MEASURE),
        ("status", STATUS),
        ("multi_gate", ("nearest", "each", None)),
        ("on_breach", ("case", "notice", "watch")),
    ):
        given = row.get(
            field, "published" if field == "status" else "notice" if field == "on_breach" else None
        )
        if given not in allowed:
            options = ", ".join(str(option) for option in allowed)
            raise GeoError(
                "rule %(rule)s: %(field)s is %(given)r, not one of %(options)s",
                rule=name,
                field=field,
                given=given,
                options=options,
            )
    _check_lengths(row, name)
    fields = {key: row[key] for key in Rule.__dataclass_fields__ if row.get(key) is not None}
    for key in ("activity", "protected_kinds", "exclude_gates"):
        fields[key] = tuple(fields.get(key, ()))
        if key != "exclude_gates" and not fields[key]:
            raise GeoError("rule %(rule)s: %(field)s names nothing", rule=name, field=key)
    for key in ("valid_from", "valid_to", "grandfathered_before"):
        if key in fields:
            fields[key] = _date(fields[key], name, key)
    rule = Rule(**{"inclusive": True} | fields)
    _days(rule)
    _hours(rule)
    return rule


def _check_lengths(row: Mapping[str, Any], rule: str) -> None:
    """Refuse a distance that is none."""
    lengths = {"distance_m": row.get("distance_m")}
    for variant, length in (row.get("distance_m_by_variant") or {}).items():
        lengths[f"distance_m_by_variant {variant}"] = length
    if row.get("spacing_between_retailers_m") is not None:
        lengths["spacing_between_retailers_m"] = row["spacing_between_retailers_m"]
    for field, given in lengths.items():
        if isinstance(given, bool) or not isinstance(given, Real) or not 0 < float(given) <= LONGEST_M:
            raise GeoError(
                "rule %(rule)s: %(field)s is %(given)r, not a length of at most 10 km",
                rule=rule,
                field=field,
                given=given,
            )


def _date(given: Any, rule: str, field: str) -> pd.Timestamp:
    """Read a calendar date."""
    try:
        return pd.Timestamp(given).normalize().tz_localize(None)
    except (ValueError, TypeError) as error:
        raise GeoError(
            "rule %(rule)s: %(field)s %(given)r is no date", rule=rule, field=field, given=given
        ) from error


def in_force(rule: Rule, on: pd.Timestamp, *, proposed: bool = False) -> bool:
    """Tell whether a rule holds on a day and hour, local time of the place.

    First and last day count.  An expired rule holds within its dates; if the end is not known, never.  A
    revoked one holds only if the day of revocation is known and later.  Drafts and proposals hold only if
    asked for.

    Parameters
    ----------
    rule : Rule
    on : Timestamp
        Local time; the zone, if any, is dropped.
    proposed : bool
        Count drafts and proposals as if they held.

    Examples
    --------
    >>> exam = read_rules([{"id": "x", "status": "expired", "distance_m": 200, "measured_from": "gate",
    ...     "measured_to": "stall", "measure": "euclidean", "activity": ["street_vendor"],
    ...     "protected_kinds": ["school"], "valid_from": "2011-05-13", "valid_to": "2011-06-08"}])[0]
    >>> [in_force(exam, pd.Timestamp(day)) for day in ("2011-06-08 17:00", "2011-06-09")]
    [True, False]
    """
    local = on.tz_localize(None) if on.tzinfo is not None else on
    day = local.normalize()
    if rule.status in ("draft", "proposal") and not proposed:
        return False
    if rule.status in ENDED and rule.valid_to is None:
        return False
    if rule.valid_from is not None and day < rule.valid_from:
        return False
    if rule.valid_to is not None and day > rule.valid_to:
        return False
    return _within_hours(rule, local)


def _within_hours(rule: Rule, local: pd.Timestamp) -> bool:
    """Tell whether an instant is within the days and hours of a rule.

    Hours over midnight are those of the day on which they begin.
    """
    if not rule.time_window:
        return True
    days, hours = _days(rule), _hours(rule)
    minute, today = local.hour * 60 + local.minute, local.weekday()
    return any(
        (DAYS[today] in days and begin <= minute < end)
        or (DAYS[today - 1] in days and begin <= minute + _DAY_MIN < end)
        for begin, end in hours
    )


def _days(rule: Rule) -> set[str]:
    """Return the days on which the hours of a rule begin."""
    numbered = {str(number): day for number, day in enumerate(DAYS, 1)}
    days = set()
    for given in (rule.time_window or {}).get("days") or DAYS:
        day = numbered.get(str(given), str(given).lower()[:3])
        if day not in DAYS:
            raise GeoError(
                "rule %(rule)s: time_window: %(given)r is no day, mon to sun or 1 to 7",
                rule=rule.id,
                given=given,
            )
        days.add(day)
    return days


def _hours(rule: Rule) -> list[tuple[int, int]]:
    """Return the hours of a rule in minutes; what does not end later than it begins ends the next day."""
    hours = []
    for pair in (rule.time_window or {}).get("hours") or [("00:00", "24:00")]:
        if not isinstance(pair, list | tuple) or len(pair) != 2:
            raise _no_hours(rule, pair)
        begin, end = (_minutes(rule, clock) for clock in pair)
        hours.append((begin, end if end > begin else end + _DAY_MIN))
    return hours


def _minutes(rule: Rule, clock: Any) -> int:
    """Return a time of day in minutes."""
    found = re.fullmatch(r"(\d{1,2}):([0-5]\d)", str(clock))
    minutes = int(found[1]) * 60 + int(found[2]) if found else -1
    if not 0 <= minutes <= _DAY_MIN:
        raise _no_hours(rule, clock)
    return minutes


def _no_hours(rule: Rule, given: Any) -> GeoError:
    return GeoError(
        "rule %(rule)s: time_window: %(given)r is no time, expected pairs like 07:30, 08:30",
        rule=rule.id,
        given=given,
    )


def protects(rule: Rule, kind: str) -> bool:
    """Tell whether a rule protects this kind of place, by its own name or that of a group.

    Examples
    --------
    >>> stalls = read_rules([{"id": "x", "distance_m": 50, "measured_from": "gate", "measured_to": "stall",
    ...     "measure": "euclidean", "activity": ["street_vendor"], "protected_kinds": ["school"]}])[0]
    >>> protects(stalls, "primary"), protects(stalls, "kindergarten"), concerns(stalls, "food_vendor")
    (True, False, True)
    """
    return _means(rule.protected_kinds, kind, KINDS)


def concerns(rule: Rule, activity: str) -> bool:
    """Tell whether a rule speaks of this trade, by its own name or that of a group."""
    return _means(rule.activity, activity, ACTIVITIES)


def _means(named: Iterable[str], given: str, groups: Mapping[str, frozenset[str]]) -> bool:
    """Tell whether one of the names is the one given, or a group that holds it, directly or in a group."""
    return any(name == given or _means(groups.get(name, ()), given, groups) for name in named)
