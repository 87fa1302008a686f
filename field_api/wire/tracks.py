"""A track as a phone sends it: JSON with its frame said, or GPX."""

from typing import Annotated, Literal

from pydantic import Field

from field_api.wire.findings import AccuracyKind, Frame
from field_api.wire.kinds import Incoming, Instant, Latitude, Longitude, Name

MAX_FIXES = 100_000
Mode = Literal["foot", "bicycle", "vehicle"]


class Fix(Incoming):
    """Where the device was at one instant."""

    lon: Longitude
    lat: Latitude
    at: Instant
    accuracy_m: Annotated[float, Field(strict=True, ge=0, le=100_000)] | None = None


class TrackIn(Incoming):
    """One outing: its fixes in any order, and what holds for all of them."""

    frame: Frame
    accuracy_kind: AccuracyKind = "unknown"
    mode: Mode | None = None
    device: Name | None = None
    fixes: Annotated[list[Fix], Field(min_length=2, max_length=MAX_FIXES)]


class GPXQuery(Incoming):
    """What a GPX file cannot say of itself; the format's own frame is WGS 84."""

    frame: Frame = "wgs84"
    accuracy_kind: AccuracyKind = "unknown"
    mode: Mode | None = None
    device: Name | None = None
