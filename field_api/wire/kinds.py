"""The kinds of values that travel: plain text, instants, degrees, boxes."""

from datetime import UTC, datetime
from math import isfinite
from typing import Annotated
from uuid import UUID

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictStr,
    StringConstraints,
    WithJsonSchema,
)
from pydantic_core import PydanticCustomError

# No control characters but tab and line ends: PostgreSQL cannot store NUL, paper cannot print the rest
PRINTABLE = r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]*$"


class Incoming(BaseModel):
    """What a client sends: unknown members are refused, numbers are numbers."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False, frozen=True)


class Outgoing(BaseModel):
    """What we answer, filled from the records of the layers by name."""

    model_config = ConfigDict(from_attributes=True, frozen=True)


class Nothing(Incoming):
    """No parameters: whatever is given is a mistake and named."""


class ById(Incoming):
    """The id that the device gave."""

    uuid: UUID

    @property
    def id(self) -> str:
        """Return the id as it is stored: lower case, with hyphens."""
        return str(self.uuid)


def _text_only(value: object) -> object:
    if not isinstance(value, str):
        raise PydanticCustomError("datetime_type", "an instant is text")
    return value


def _in_utc(value: datetime) -> datetime:
    # Years at the ends of the calendar overflow when they are brought to another offset
    if not 1970 <= value.year <= 9998:
        raise PydanticCustomError("datetime_year", "the year is out of range")
    return value.astimezone(UTC)


def _box(value: str) -> tuple[float, float, float, float]:
    try:
        west, south, east, north = (float(part) for part in value.split(","))
    except ValueError:
        raise PydanticCustomError("box_parsing", "four numbers are needed") from None
    inside = -180 <= west <= east <= 180 and -90 <= south <= north <= 90
    if not (inside and all(map(isfinite, (west, south, east, north)))):
        raise PydanticCustomError("box_range", "the box is not on Earth, or its sides are swapped")
    return west, south, east, north


Words = Annotated[StrictStr, StringConstraints(pattern=PRINTABLE)]
Name = Annotated[Words, StringConstraints(min_length=1, max_length=200)]
Prose = Annotated[Words, StringConstraints(max_length=4000)]
Instant = Annotated[AwareDatetime, BeforeValidator(_text_only), AfterValidator(_in_utc)]
# The limits are told here and held in the layers, which can say more: swapped, in metres, no fix at all
Longitude = Annotated[float, Field(strict=True, json_schema_extra={"minimum": -180, "maximum": 180})]
Latitude = Annotated[float, Field(strict=True, json_schema_extra={"minimum": -90, "maximum": 90})]
Metres = Annotated[float, Field(strict=True, ge=0, le=100_000)]
Box = Annotated[
    str,
    StringConstraints(max_length=200),
    AfterValidator(_box),
    WithJsonSchema(
        {
            "type": "string",
            "description": "west,south,east,north in degrees of WGS 84, as 117.10,39.20,117.20,39.30",
            "pattern": r"^-?\d{1,3}(\.\d+)?,-?\d{1,2}(\.\d+)?,-?\d{1,3}(\.\d+)?,-?\d{1,2}(\.\d+)?$",
        }
    ),
]
