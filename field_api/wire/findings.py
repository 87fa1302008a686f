"""A finding as a phone sends it, and as it is answered."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import AfterValidator, BeforeValidator, Field, SkipValidation, StrictBool, WithJsonSchema
from pydantic_core import PydanticCustomError

from field_api.wire.kinds import Box, Incoming, Instant, Latitude, Longitude, Name, Prose
from layers.field import findings

MAX_BATCH = 500
MAX_PAGE = 1000

Frame = Literal["wgs84", "gcj02", "bd09"]
AccuracyKind = Literal["r68", "r95", "rms2d", "cep50", "sd", "unknown"]
Source = Literal["phone", "geocoded", "parcel", "map", "exif"]


class Position(Incoming):
    """Where the finding is, as the device said it; kept for ever as it came."""

    lon: Longitude
    lat: Latitude
    frame: Frame = Field(description="What the degrees mean; there is no default, a wrong guess is 500 m")
    accuracy_m: Annotated[float, Field(strict=True, ge=0, le=100_000)] | None = None
    accuracy_kind: AccuracyKind = Field(
        "unknown", description="68 % radius (Android), 95 % radius (browsers), root mean square (iOS), …"
    )
    source: Source = "phone"
    fixed_at: Instant | None = None
    heading_deg: Annotated[float, Field(strict=True, ge=0, le=360)] | None = None
    speed_ms: Annotated[float, Field(strict=True, ge=0, le=200)] | None = None
    is_mock: StrictBool = False

    def record(self) -> findings.Position:
        """Return the position as the layers know it."""
        known = self.model_dump(exclude={"lon", "lat"})
        return findings.Position(x=self.lon, y=self.lat, **known)


class FindingIn(Incoming):
    """One finding: what, where, when."""

    scheme: Name = Field(examples=["gbt30428-2013-event"])
    code: Name = Field(examples=["0406"])
    observed_at: Instant
    position: Position
    note: Prose | None = None
    street_hint: Name | None = Field(None, description="The street as the inspector or an address names it")
    n_items: Annotated[int, Field(strict=True, ge=1, le=1_000_000)] | None = None
    device: Name | None = None

    def report(self, uuid: UUID) -> findings.Report:
        """Return the finding as the layers take it."""
        known = self.model_dump(exclude={"position", "uuid"})
        return findings.Report(uuid=str(uuid), position=self.position.record(), **known)


class BatchItem(FindingIn):
    """One finding of a batch, which names its own id."""

    uuid: UUID


class Batch(Incoming):
    """Findings that are taken one by one: a bad one does not keep the good ones out."""

    findings: Annotated[
        list[SkipValidation[BatchItem]], Field(min_length=1, max_length=MAX_BATCH)
    ]
