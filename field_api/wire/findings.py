"""A finding as a phone sends it, and which findings it may ask for."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field, SkipValidation, StrictBool, StringConstraints

from field_api.wire.kinds import (
    Box,
    Incoming,
    Instant,
    Latitude,
    Longitude,
    Metres,
    Name,
    Number,
    Prose,
    Whole,
)
from layers.city.taxonomy import Taxonomy
from layers.errors import InvalidError, XunchaError
from layers.field.asking import FindingFilter
from layers.field.reports import Position as RawPosition
from layers.field.reports import Report

MAX_BATCH = 500
MAX_PAGE = 1000

Frame = Literal["wgs84", "gcj02", "bd09"]
AccuracyKind = Literal["r68", "r95", "rms2d", "cep50", "sd", "unknown"]
Source = Literal["phone", "geocoded", "parcel", "map", "exif"]
Channel = Literal["inspection", "third_party", "volunteer", "higher_level", "public"]


Items = Annotated[Whole, Field(ge=1, le=1_000_000)]
CategoryId = Annotated[Name, StringConstraints(pattern=r"^[^.]+\..+$")]
EXAMPLE = {
    "scheme": "gbt30428-2013-event",
    "code": "0406",
    "observed_at": "2026-06-01T15:00:00+08:00",
    "position": {
        "lon": 117.135,
        "lat": 39.225,
        "frame": "wgs84",
        "accuracy_m": 8,
        "accuracy_kind": "r68",
        "fixed_at": "2026-06-01T14:59:58+08:00",
        "source": "phone",
    },
    "note": "占道经营",
}


class Position(Incoming):
    """Where the finding is, as the device said it; kept for ever as it came."""

    lon: Longitude
    lat: Latitude
    frame: Frame = Field(description="What the degrees mean; no default, for a wrong guess moves it by 500 m")
    accuracy_m: Metres | None = None
    accuracy_kind: AccuracyKind = Field(
        "unknown", description="r68: Android; r95: browsers; rms2d: iOS; cep50; sd: already per axis"
    )
    source: Source = "phone"
    fixed_at: Instant | None = Field(None, description="When the device took the fix")
    heading_deg: Annotated[float, Field(strict=True, ge=0, le=360)] | None = None
    speed_ms: Annotated[float, Field(strict=True, ge=0, le=1000)] | None = None
    is_mock: StrictBool = Field(False, description="The device says that the position is made up")

    def record(self) -> RawPosition:
        """Return the position as the layers know it."""
        return RawPosition(x=self.lon, y=self.lat, **self.model_dump(exclude={"lon", "lat"}))


class FindingIn(Incoming):
    """One finding: what, where, when."""

    scheme: Name = Field(examples=["gbt30428-2013-event"])
    code: Name = Field(examples=["0406"])
    observed_at: Instant
    position: Position
    note: Prose | None = None
    street_hint: Name | None = Field(None, description="The street as the inspector or an address names it")
    n_items: Items | None = None
    channel: Channel = "inspection"
    device: Name | None = None

    def report(self, uuid: UUID) -> Report:
        """Return the finding as the layers take it."""
        known = self.model_dump(exclude={"position", "uuid"})
        return Report(uuid=str(uuid), position=self.position.record(), **known)


class BatchItem(FindingIn):
    """One finding of a batch, which names its own id."""

    uuid: UUID


class Batch(Incoming):
    """Findings that are taken one by one: a bad one does not keep the good ones out."""

    findings: Annotated[list[SkipValidation[BatchItem]], Field(min_length=1, max_length=MAX_BATCH)]


class Changes(Incoming):
    """What is corrected of a finding; what is left out stays, null empties."""

    version: Annotated[Whole, Field(ge=1, le=2**31 - 1)] | None = Field(
        None, description="The version that was looked at, unless If-Match names it"
    )
    note: Prose | None = None
    category: CategoryId | None = Field(None, description="scheme.code, as gbt30428-2013-event.0406")
    n_items: Items | None = None
    street_hint: Name | None = None
    channel: Channel | None = None

    def values(self, known: Taxonomy) -> dict[str, Any]:
        """Return the new values as the layers take them."""
        given = {name: getattr(self, name) for name in self.model_fields_set - {"version"}}
        for name in ("category", "channel"):
            if name in given and given[name] is None:
                raise InvalidError("%(field)s cannot be empty", field=name)
        if "category" in given:
            category = known.parse(given.pop("category"))
            given |= {"scheme": category.scheme, "code": category.code}
        return given


class FindingChoice(Incoming):
    """Which findings; all conditions hold together."""

    bbox: Box | None = None
    observed_from: Instant | None = Field(None, description="Observed at this instant or later")
    observed_until: Instant | None = Field(None, description="Observed before this instant")
    category: list[CategoryId] | None = Field(
        None, description="scheme.code, as gbt30428-2013-event.0406, as often as needed"
    )
    street: Name | None = Field(None, description="A street's id or its name")
    block: Name | None = Field(None, description="A block's id")
    district: Annotated[int, Field(ge=1, le=2**53)] | None = Field(None, description="An area's id")
    channel: Channel | None = None
    with_duplicates: bool = Field(False, description="Also those that were merged with an earlier finding")

    def filter(self, known: Taxonomy) -> FindingFilter:
        """Return the conditions as the layers take them; categories that are not known are refused."""
        categories = [known.parse(text) for text in self.category or ()]
        return FindingFilter(
            bbox=self._box(),
            observed_from=self.observed_from,
            observed_until=self.observed_until,
            categories=tuple((one.scheme, one.code) for one in categories) if categories else None,
            street=self.street,
            block_id=self.block,
            district_id=self.district,
            channel=self.channel,
            with_duplicates=self.with_duplicates,
        )

    def _box(self) -> Any:
        # a text on the wire, four numbers once validated
        return self.bbox


class FindingQuery(FindingChoice):
    """Which findings, and which page of them."""

    after: Number | None = Field(None, description="From the link to the next page")
    limit: Annotated[int, Field(ge=1, le=MAX_PAGE)] = 100


_OF_POSITION = {one.name for one in fields(RawPosition)}


def on_the_wire(error: XunchaError) -> XunchaError:
    """Return an error of the layers with its field named as the client knows it."""
    if error.field in _OF_POSITION:
        error.field = f"position.{error.field}"
    return error


@contextmanager
def named_on_the_wire() -> Iterator[None]:
    """Name fields as the client knows them in the errors of the layers."""
    try:
        yield
    except XunchaError as error:
        raise on_the_wire(error) from None
