"""The kinds of values that travel: plain text, instants, degrees, boxes."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from math import isfinite
from typing import Annotated, Any
from uuid import UUID

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    StrictStr,
    StringConstraints,
    WithJsonSchema,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

# No control characters but tab and line ends: PostgreSQL cannot store NUL, paper cannot print the rest
PRINTABLE = r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]*$"

_INSTANT = re.compile(r"\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}")


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


def _written_out(value: object) -> object:
    # pydantic would take numbers, also written as text, for seconds since 1970
    if not isinstance(value, str) or not _INSTANT.match(value):
        raise PydanticCustomError("datetime_type", "an instant is a date and a time")
    return value


def _whole(value: object) -> object:
    return int(value) if isinstance(value, float) and value.is_integer() else value


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


@dataclass(frozen=True, slots=True)
class OneOf:
    """Says of a text that it is one of `words`, which the layers define."""

    words: tuple[str, ...]

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self._checked, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return {**handler(schema), "enum": list(self.words)}

    def _checked(self, value: str) -> str:
        if value not in self.words:
            raise PydanticCustomError("literal_error", "unknown", {"expected": ", ".join(self.words)})
        return value


Words = Annotated[StrictStr, StringConstraints(pattern=PRINTABLE)]
Name = Annotated[Words, StringConstraints(min_length=1, max_length=200)]
Prose = Annotated[Words, StringConstraints(max_length=4000)]
Instant = Annotated[AwareDatetime, BeforeValidator(_written_out), AfterValidator(_in_utc)]
# The limits are told here and held in the layers, which can say more: swapped, in metres, no fix at all
Longitude = Annotated[float, Field(strict=True, json_schema_extra={"minimum": -180, "maximum": 180})]
Latitude = Annotated[float, Field(strict=True, json_schema_extra={"minimum": -90, "maximum": 90})]
# 2.0 is a whole number in JSON, whose writers differ in this
Whole = Annotated[int, BeforeValidator(_whole), Field(strict=True)]
Number = Annotated[str, StringConstraints(pattern=r"^[0-9]{1,18}$")]
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
