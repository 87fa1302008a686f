"""Numbers, instants and choices as they are printed."""

from dataclasses import dataclass, field
from datetime import date, datetime
from zoneinfo import ZoneInfo

from layers.analysis.coverage_choice import Asked as CoverageAsked
from layers.analysis.coverage_tables import DEFAULT_DAYS
from layers.field.asking import FindingFilter
from layers.field.records import Finding
from layers.language import gettext


@dataclass(frozen=True, slots=True)
class CoverageChoice:
    """What was chosen of coverage: which passes and streets, and how they are shown."""

    asked: CoverageAsked = field(default_factory=CoverageAsked)
    # the colours of the map: "age" since the last inspection, or "state"
    view: str = "age"
    # for how many days a street may not have been seen to be counted in the sentence
    days: int = DEFAULT_DAYS
    # what the slider steps through: "day", "week", or None: by the length of the period
    unit: str | None = None
    # the level of areas compared; None: the widest that divides the streets chosen
    level: str | None = None
    # which step of the slider is asked for; None: the whole period
    at: int | None = None


@dataclass(frozen=True, slots=True)
class Choice:
    """What was chosen: as a filter of findings, and as days to print."""

    wanted: FindingFilter = field(default_factory=FindingFilter)
    first: date | None = None
    last: date | None = None
    # whose findings a map of hotspots is of; see `layers.analysis.hotspots.STREAMS`
    stream: str = "patrol"
    # what is declared in place of effort; see `layers.analysis.hotspots.EXPOSURES`
    against: str = "streets"
    # what a heat map shows: "rate" per inspected kilometre, or "counts"
    show: str = "rate"
    # what a map of parking is of: "car" or "bicycle"
    vehicle: str = "car"
    coverage: CoverageChoice = field(default_factory=CoverageChoice)


# What two findings of one thing are to each other
RELATIONS = {"duplicate": "Duplicate", "relapse": "Relapse"}


_SAME_S = 60
# "1 days" and "1 hours" are never said
_DAYS_FROM_S, _HOURS_FROM_S = 36 * 3600, 90 * 60
_APART = {
    ("days", True): "taken %(n)s days earlier",
    ("days", False): "taken %(n)s days later",
    ("hours", True): "taken %(n)s hours earlier",
    ("hours", False): "taken %(n)s hours later",
    ("minutes", True): "taken %(n)s min earlier",
    ("minutes", False): "taken %(n)s min later",
}


def number(value: float, digits: int = 0) -> str:
    """Return a number with its thousands apart.

    >>> number(55343), number(12.345, 1)
    ('55,343', '12.3')
    """
    return f"{value:,.{digits}f}"


def distance(metres: float) -> str:
    """Return a distance in metres, a long one in kilometres.

    >>> distance(0.4), distance(76.2), distance(4812.0)
    ('0 m', '76 m', '4.8 km')
    """
    return f"{metres:.0f} m" if metres < 1000 else f"{metres / 1000:.1f} km"


def probability(p: float) -> str:
    """Return a probability in two digits; what is neither sure nor excluded is never printed as if it were.

    >>> probability(0.874), probability(0.9991), probability(0.0004)
    ('p = 0.87', 'p > 0.99', 'p < 0.01')
    """
    if p > 0.99:
        return "p > 0.99"
    return "p < 0.01" if p < 0.01 else f"p = {p:.2f}"


def apart(seconds: float) -> str:
    """Return how long before or after a report a photo was taken.

    >>> from layers import language
    >>> with language.using("en"):
    ...     apart(-2 * 86400), apart(100 * 60), apart(-61)
    ('taken 2 days earlier', 'taken 2 hours later', 'taken 1 min earlier')
    """
    length = abs(seconds)
    if length < _SAME_S:
        return gettext("taken at the same time")
    n, unit = (
        (round(length / 86400), "days")
        if length >= _DAYS_FROM_S
        else (round(length / 3600), "hours")
        if length >= _HOURS_FROM_S
        else (round(length / 60), "minutes")
    )
    return gettext(_APART[unit, seconds < 0], n=n)


def late(found: Finding) -> str:
    """Return how long after it was observed a finding was received."""
    days = (found.received_at - found.observed_at).days
    return gettext("received %(n)s days after it was observed", n=number(days))


def local_time(instant: datetime | None, zone: ZoneInfo, *, with_time: bool = True) -> str:
    """Return an instant as the people of a zone write it.

    >>> from datetime import UTC
    >>> local_time(datetime(2020, 9, 25, 18, 30, tzinfo=UTC), ZoneInfo("Asia/Shanghai"))
    '2020-09-26 02:30'
    """
    if instant is None:
        return ""
    return instant.astimezone(zone).strftime("%Y-%m-%d %H:%M" if with_time else "%Y-%m-%d")
