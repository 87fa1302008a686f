"""A track as a phone sends it, in JSON with its frame said or as GPX, and as it is answered."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

import numpy as np
from pydantic import Field

from field_api.wire.features import Geometry, geometry_of
from field_api.wire.findings import AccuracyKind, Frame
from field_api.wire.kinds import Incoming, Instant, Latitude, Longitude, Metres, Name, Outgoing
from layers.field import gpx
from layers.field.tracks import Track

MAX_FIXES = 100_000
GPX = "application/gpx+xml"
Mode = Literal["foot", "bicycle", "vehicle"]

EXAMPLE = {
    "frame": "wgs84",
    "accuracy_kind": "r68",
    "mode": "foot",
    "fixes": [
        {"lon": 117.135, "lat": 39.225, "at": "2026-06-01T15:00:00+08:00", "accuracy_m": 6},
        {"lon": 117.1351, "lat": 39.225, "at": "2026-06-01T15:00:07+08:00", "accuracy_m": 6},
    ],
}
GPX_EXAMPLE = """\
<gpx version="1.1" creator="phone" xmlns="http://www.topografix.com/GPX/1/1"><trk><trkseg>
<trkpt lat="39.2250" lon="117.1350"><time>2026-06-01T07:00:00Z</time></trkpt>
<trkpt lat="39.2250" lon="117.1351"><time>2026-06-01T07:00:07Z</time></trkpt>
</trkseg></trk></gpx>
"""


class Fix(Incoming):
    """Where the device was at one instant."""

    lon: Longitude
    lat: Latitude
    at: Instant
    accuracy_m: Metres | None = None


class TrackIn(Incoming):
    """One outing: its fixes in any order, and what holds for all of them."""

    frame: Frame
    accuracy_kind: AccuracyKind = "unknown"
    mode: Mode | None = None
    device: Name | None = None
    fixes: Annotated[list[Fix], Field(min_length=2, max_length=MAX_FIXES)]

    def track(self, uuid: str) -> Track:
        """Return the track as the layers take it."""
        unknown = float("nan")
        return Track(
            uuid=uuid,
            lon=np.array([fix.lon for fix in self.fixes]),
            lat=np.array([fix.lat for fix in self.fixes]),
            time=np.array([fix.at.timestamp() for fix in self.fixes]),
            accuracy_m=np.array(
                [unknown if fix.accuracy_m is None else fix.accuracy_m for fix in self.fixes]
            ),
            **self.model_dump(exclude={"fixes"}),
        )


class GPXQuery(Incoming):
    """What a GPX file cannot say of itself; the format's own frame is WGS 84.  Only for GPX."""

    frame: Frame | None = None
    accuracy_kind: AccuracyKind | None = None
    mode: Mode | None = None
    device: Name | None = None

    def track(self, uuid: str, data: bytes) -> Track:
        """Return the track of a GPX file as the layers take it."""
        fixes = gpx.read(data)
        return Track(
            uuid=uuid,
            lon=fixes.lon,
            lat=fixes.lat,
            time=fixes.time,
            accuracy_m=fixes.accuracy_m,
            frame=self.frame or "wgs84",
            accuracy_kind=self.accuracy_kind or "unknown",
            mode=self.mode,
            device=self.device,
        )


class TrackAnswer(Outgoing):
    """A track as it is kept; its line is in WGS 84 and in the order of time."""

    uuid: UUID
    frame: Frame
    accuracy_kind: AccuracyKind
    mode: Mode | None
    device: str | None
    started_at: datetime
    ended_at: datetime
    received_at: datetime
    n_fixes: int
    geometry: Geometry

    @classmethod
    def of(cls, found: dict[str, Any]) -> "TrackAnswer":
        """Return the answer for a record."""
        return cls.model_validate({**found, "geometry": geometry_of(found["geom"])})
