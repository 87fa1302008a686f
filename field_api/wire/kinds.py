"""The kinds of values that travel: plain text, instants, degrees, boxes."""

from datetime import UTC, datetime
from math import isfinite
from typing import Annotated

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

# No control characters but tab and the two line ends: PostgreSQL cannot store NUL, paper cannot print the rest
PRINTABLE = r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]*$"
EXAMPLE_BOX = "24.93,60.16,24.96,60.18"


class Incoming(BaseModel):
    """What a client sends: unknown members are refused, numbers are numbers."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False, frozen=True)


class Outgoing(BaseModel):
    """What we answer, filled from the records of the layers by name."""

    model_config = ConfigDict(from_attributes=True, frozen=True)


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
    parts = value.split(",")
    try:
        west, south, east, north = (float(part) for part in parts)
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
Longitude = Annotated[float, Field(strict=True, ge=-180, le=180)]
Latitude = Annotated[float, Field(strict=True, ge=-90, le=90)]
Box = Annotated[
    str,
    StringConstraints(max_length=200),
    AfterValidator(_box),
    WithJsonSchema(
        {
            "type": "string",
            "description": "west,south,east,north in degrees of WGS 84",
            "pattern": r"^-?[0-9.]+,-?[0-9.]+,-?[0-9.]+,-?[0-9.]+$",
            "examples": [EXAMPLE_BOX],
        }
    ),
]
