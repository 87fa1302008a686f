"""Numbers, instants and choices as they are printed."""

from dataclasses import dataclass, field
from datetime import date, datetime
from zoneinfo import ZoneInfo

from layers.field.asking import FindingFilter


@dataclass(frozen=True, slots=True)
class Choice:
    """What was chosen: as a filter of findings, and as days to print."""

    wanted: FindingFilter = field(default_factory=FindingFilter)
    first: date | None = None
    last: date | None = None
    # whose findings a map of hotspots is of; see `layers.analysis.hotspots.STREAMS`
    stream: str = "patrol"
    # what a heat map shows: "rate" per inspected kilometre, or "counts"
    show: str = "rate"
    # what a map of parking is of: "car" or "bicycle"
    vehicle: str = "car"


# What two findings of one thing are to each other
RELATIONS = {"duplicate": "Duplicate", "relapse": "Relapse"}


def number(value: float, digits: int = 0) -> str:
    """Return a number with its thousands apart.

    >>> number(55343), number(12.345, 1)
    ('55,343', '12.3')
    """
    return f"{value:,.{digits}f}"


def probability(p: float) -> str:
    """Return a probability in two digits; what is neither sure nor excluded is never printed as if it were.

    >>> probability(0.874), probability(0.9991), probability(0.0004)
    ('p = 0.87', 'p > 0.99', 'p < 0.01')
    """
    if p > 0.99:
        return "p > 0.99"
    return "p < 0.01" if p < 0.01 else f"p = {p:.2f}"


def local_time(instant: datetime | None, zone: ZoneInfo, *, with_time: bool = True) -> str:
    """Return an instant as the people of a zone write it.

    >>> from datetime import UTC
    >>> local_time(datetime(2020, 9, 25, 18, 30, tzinfo=UTC), ZoneInfo("Asia/Shanghai"))
    '2020-09-26 02:30'
    """
    if instant is None:
        return ""
    return instant.astimezone(zone).strftime("%Y-%m-%d %H:%M" if with_time else "%Y-%m-%d")
