"""Column types that mean the same on both stores."""

from datetime import UTC, datetime
from typing import Any

import shapely
from shapely.geometry.base import BaseGeometry
from sqlalchemy import BigInteger, DateTime, Integer
from sqlalchemy.engine import Dialect
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.types import TypeDecorator, TypeEngine, UserDefinedType

from layers.store import blobs

WGS84 = 4326

# A surrogate key: 64 bits on both; SQLite wants the plain word to make it the row's own number
Key = BigInteger().with_variant(Integer(), "sqlite")


class DateTimeText(UserDefinedType[str]):
    """GeoPackage's DATETIME: ISO 8601 text in UTC."""

    cache_ok = True

    def get_col_spec(self, **_: object) -> str:
        """Return the declaration of the column."""
        return "DATETIME"


def to_text(instant: datetime) -> str:
    """Return an aware instant as GeoPackage writes it, to the millisecond.

    >>> to_text(datetime(2020, 9, 25, 8, 30, 0, 123456, tzinfo=UTC))
    '2020-09-25T08:30:00.123Z'
    """
    utc = instant.astimezone(UTC).replace(tzinfo=None)
    return utc.isoformat(timespec="milliseconds") + "Z"


def to_millisecond(instant: datetime) -> datetime:
    """Return an aware instant in UTC, cut to the millisecond: what both stores keep."""
    utc = instant.astimezone(UTC)
    return utc.replace(microsecond=utc.microsecond // 1000 * 1000)


class Instant(TypeDecorator[datetime]):
    """An aware moment, kept in UTC to the millisecond; a naive one is refused."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Return the column type of the dialect."""
        if dialect.name == "sqlite":
            return dialect.type_descriptor(DateTimeText())
        return dialect.type_descriptor(DateTime(timezone=True))

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        """Return what is sent to the database."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("an instant without a time zone")
        return to_text(value) if dialect.name == "sqlite" else to_millisecond(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        """Return the aware instant that came."""
        if value is None:
            return None
        return datetime.fromisoformat(value) if isinstance(value, str) else value.astimezone(UTC)


class GeometryColumn(UserDefinedType[Any]):
    """The column itself, as each store declares it."""

    cache_ok = True

    def __init__(self, kind: str) -> None:
        self.kind = kind


@compiles(GeometryColumn)  # type: ignore[no-untyped-call, untyped-decorator, unused-ignore]
def _compile_geometry_column(element: GeometryColumn, compiler: Any, **_: object) -> str:
    if compiler.dialect.name == "sqlite":
        return element.kind
    return f"geometry({element.kind}, {WGS84})"


class Geometry(TypeDecorator[BaseGeometry]):
    """A shapely geometry in longitude and latitude; a GeoPackage blob or EWKB underneath."""

    impl = GeometryColumn
    cache_ok = True

    def __init__(self, kind: str) -> None:
        self.kind = kind
        super().__init__(kind)

    def process_bind_param(self, value: BaseGeometry | None, dialect: Dialect) -> Any:
        """Return what is sent to the database."""
        if value is None:
            return None
        return blobs.encode([value])[0] if dialect.name == "sqlite" else blobs.to_ewkb([value])[0]

    def process_result_value(self, value: Any, dialect: Dialect) -> BaseGeometry | None:
        """Return the geometry that came."""
        if value is None:
            return None
        geometry: BaseGeometry = (
            blobs.decode([value])[0] if dialect.name == "sqlite" else shapely.from_wkb(value)
        )
        return geometry
