"""What a report says of its time, held against when it came; what a photo says, held against its report.

Positions and clocks of cameras err, so what is told is how far apart the two are; a doubt is raised only
beyond the limits that the site has set.  A photo that says nothing raises none: browsers take the position
out of what they send.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from geo.clearance.distance import geodesic_m
from layers.settings import Settings

FAR, EARLY, LATE, REUSED = "far", "early", "late", "reused"
LONG_AGO = "long_ago"
# Taken after the fact by its nature
_AFTERWARDS = "after"


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """What a report says: where and when."""

    lon: float
    lat: float
    accuracy_m: float | None
    observed_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """How far from the report a photo was taken, and how long after it (before: negative); None unsaid."""

    away_m: float | None
    apart_s: float | None
    doubts: tuple[str, ...]


def compare(
    claim: Claim,
    settings: Settings,
    *,
    place: tuple[float, float] | None,
    taken_at: datetime | None,
    role: str,
    reused: bool,
) -> Evidence:
    """Hold a photo against the report; `place` is longitude and latitude."""
    away = None
    if place is not None:
        away = round(float(geodesic_m([place], [(claim.lon, claim.lat)])[0]), 1)
    apart = None if taken_at is None else (taken_at - claim.observed_at).total_seconds()
    most_s = settings.photo_apart_h * 3600
    earlier_s = 0.0 if role == _AFTERWARDS else most_s
    raised = {
        FAR: away is not None and away > settings.photo_far_m + (claim.accuracy_m or 0.0),
        EARLY: apart is not None and apart < -earlier_s,
        LATE: apart is not None and apart > most_s and role != _AFTERWARDS,
        REUSED: reused,
    }
    return Evidence(away_m=away, apart_s=apart, doubts=tuple(name for name, is_so in raised.items() if is_so))


def of_report(
    observed_at: datetime, received_at: datetime, settings: Settings, *, is_imported: bool
) -> tuple[str, ...]:
    """Return the doubts about a report: whether it was observed long before it was received.

    No phone is without a network for longer than `late_days`; what is imported is of the past by its nature.

    >>> from pathlib import Path
    >>> site, came = Settings(home=Path(".")), datetime.fromisoformat("2026-08-23T08:00:00+00:00")
    >>> of_report(datetime.fromisoformat("1971-01-01T00:00:00+00:00"), came, site, is_imported=False)
    ('long_ago',)
    >>> of_report(came - timedelta(days=14), came, site, is_imported=False)
    ()
    """
    is_long = received_at - observed_at > timedelta(days=settings.late_days)
    return (LONG_AGO,) if is_long and not is_imported else ()
