"""What a photo says of place and time, held against the report that it belongs to.

Positions and clocks of cameras err, so what is told is how far apart the two are; a doubt is raised only
beyond the limits that the site has set.  A photo that says nothing raises none: browsers take the position
out of what they send.
"""

from dataclasses import dataclass
from datetime import datetime

from geo.clearance.distance import geodesic_m
from layers.settings import Settings

FAR, EARLY, LATE, REUSED = "far", "early", "late", "reused"
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
