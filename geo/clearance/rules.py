"""A rule as data: its fields, the day and hour on which it holds, the places and trades it speaks of."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from geo.errors import GeoError

MEASURED_FROM = ("boundary", "gate", "gate_student", "door", "building", "parcel", "centroid", "unspecified")
MEASURED_TO = ("entrance", "premises", "building", "parcel", "point", "stall", "unspecified")
MEASURE = ("euclidean", "network_walk", "along_street", "unspecified")
STATUS = ("published", "practice", "draft", "proposal", "expired", "revoked")
SURE = 0.95
"""P(inside) from which somebody is inside; at 1 minus this outside; between, measure on site."""

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

# A kind in a rule also means the kinds listed here
KINDS: Mapping[str, frozenset[str]] = {
    "school": frozenset(
        ("primary", "secondary", "junior", "senior", "special", "vocational", "specialised", "public_school")
    ),
    "secondary": frozenset(("junior", "senior")),
    "school_ground": frozenset(
        ("school", "primary", "secondary", "junior", "senior", "special", "vocational")
    ),
    "educational_institution": frozenset(
        (
            "school",
            "primary",
            "secondary",
            "junior",
            "senior",
            "special",
            "vocational",
            "specialised",
            "kindergarten",
            "university",
            "college",
        )
    ),
    "youth_populated_area": frozenset(
        (
            "school",
            "primary",
            "secondary",
            "kindergarten",
            "playground",
            "library",
            "youth_centre",
            "park",
            "recreation",
        )
    ),
    "worship": frozenset(("church", "mosque", "temple", "synagogue")),
    "childcare": frozenset(("kindergarten", "nursery")),
}
# A trade in a rule also means the trades listed here
ACTIVITIES: Mapping[str, frozenset[str]] = {
    "street_vendor": frozenset(("food_vendor", "mobile_vendor")),
    "entertainment": frozenset(("game_hall", "dance_hall", "karaoke", "bar")),
    "listed_harmful_uses": frozenset(
        ("entertainment", "game_hall", "dance_hall", "karaoke", "bar", "internet_cafe", "tobacco", "lottery")
    ),
}


@dataclass(frozen=True)
class Rule:
    """One distance rule, field for field as in the table that a site keeps.

    `assumed` holds `measured_from` and `measure` to use where the text leaves them open; `time_window` has
    `days` (mon … sun or 1 … 7) and `hours` (pairs of "HH:MM", the start included, over midnight if the
    end is earlier); `distance_m_by_variant` overrides `distance_m` for some premises.
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
        Missing field, unknown value, distance that is not positive, two rules of one id, or a
        `minus_rule` that is not there.

    Examples
    --------
    >>> read_rules([{"id": "x", "distance_m": -5, "measured_from": "gate", "measured_to": "stall",
    ...     "measure": "euclidean"}])
    Traceback (most recent call last):
    ...
    geo.errors.GeoError: rule x: distance_m is -5, not a length
    """
    rules = tuple(_read(row) for row in rows)
    known = [rule.id for rule in rules]
    for rule in rules:
        if known.count(rule.id) > 1:
            raise GeoError("there are two rules %(rule)s", rule=rule.id)
        if rule.minus_rule is not None and rule.minus_rule not in known:
            raise GeoError(
                "rule %(rule)s: minus_rule %(other)s does not exist", rule=rule.id, other=rule.minus_rule
            )
    return rules


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
    distance = row.get("distance_m")
    if not isinstance(distance, int | float) or not distance > 0:
        raise GeoError("rule %(rule)s: distance_m is %(given)r, not a length", rule=name, given=distance)
    fields = {key: row[key] for key in Rule.__dataclass_fields__ if row.get(key) is not None}
    for key in ("activity", "protected_kinds", "exclude_gates"):
        fields[key] = tuple(fields.get(key, ()))
        if key != "exclude_gates" and not fields[key]:
            raise GeoError("rule %(rule)s: %(field)s names nothing", rule=name, field=key)
    for key in ("valid_from", "valid_to", "grandfathered_before"):
        if key in fields:
            fields[key] = _date(fields[key], name, key)
    return Rule(**{"inclusive": True} | fields)


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
    if rule.status in ("expired", "revoked") and rule.valid_to is None:
        return False
    if rule.valid_from is not None and day < rule.valid_from:
        return False
    if rule.valid_to is not None and day > rule.valid_to:
        return False
    return _within_hours(rule.time_window, local)


def _within_hours(window: Mapping[str, Any] | None, local: pd.Timestamp) -> bool:
    """Tell whether an instant is within the days and hours of a rule."""
    if not window:
        return True
    days = {str(day).lower()[:3] for day in window.get("days") or DAYS}
    if DAYS[local.weekday()] not in days and str(local.isoweekday()) not in days:
        return False
    clock = local.strftime("%H:%M")
    hours = window.get("hours") or [("00:00", "24:00")]
    return any(a <= clock < b if a <= b else clock >= a or clock < b for a, b in hours)


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
    """Tell whether one of the names is the one given, or a group that holds it."""
    return any(name == given or given in groups.get(name, frozenset()) for name in named)
