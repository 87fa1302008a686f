"""Whole tables at a time: selects into frames, frames into tables, without an object per cell."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache, partial
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
from pandas.api.extensions import ExtensionArray, ExtensionDtype
from sqlalchemy import JSON, Boolean, Column, Connection, Double, Integer, Select, Table, text
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeEngine

from layers.store import blobs
from layers.store.types import Geometry, Instant, to_millisecond, to_text

CRS = "EPSG:4326"
Columns = Mapping[str, Any]
# Up to so many rows PostgreSQL takes faster by INSERT than by COPY
_FEW = 100
_LAST = "SELECT (SELECT max({key}) FROM {table}), (SELECT seq FROM sqlite_sequence WHERE name = ?)"


def read(conn: Connection, statement: Select[Any]) -> gpd.GeoDataFrame | pd.DataFrame:
    """Return the rows of a select: a GeoDataFrame (EPSG:4326) if it has a geometry, else a DataFrame.

    Instants come as UTC timestamps; texts as objects, None where there is none; numbers with NaN, which
    makes whole numbers floats where one is missing.
    """
    result = conn.execute(statement)
    # the raw cursor: one conversion per column instead of one per cell
    rows = result.cursor.fetchall() if result.cursor is not None else []
    result.close()
    chosen = list(statement.selected_columns)
    cells: Iterable[Sequence[Any]] = zip(*rows, strict=True) if rows else ([] for _ in chosen)
    data = {
        str(column.key): _decoder(column.type, conn.dialect)(values)
        for column, values in zip(chosen, cells, strict=True)
    }
    shapes = [str(column.key) for column in chosen if isinstance(column.type, Geometry)]
    frame = pd.DataFrame(data)
    return gpd.GeoDataFrame(frame, geometry=shapes[0], crs=CRS) if shapes else frame


def _decoder(kind: TypeEngine[Any], dialect: Dialect) -> Callable[[Sequence[Any]], Any]:
    sqlite = dialect.name == "sqlite"
    choices: list[tuple[type[TypeEngine[Any]], Callable[[Sequence[Any]], Any]]] = [
        (Geometry, blobs.decode if sqlite else blobs.from_wkb),
        (Instant, _instants),
        (Double, _numbers),
        (Boolean, _booleans),
        (Integer, _integers),
        (JSON, _parsed if sqlite else _plain),
    ]
    return next((decode for one, decode in choices if isinstance(kind, one)), _plain)


def _numbers(values: Sequence[Any]) -> Any:
    return np.array(values, dtype=float)


def _parsed(values: Sequence[Any]) -> Any:
    return _plain([None if value is None else json.loads(value) for value in values])


def _instants(values: Sequence[Any]) -> "pd.Series[Any]":
    return pd.Series(
        pd.to_datetime(pd.Series(values, dtype=object), utc=True, format="ISO8601"),
        dtype="datetime64[ms, UTC]",
    )


def _booleans(values: Sequence[Any]) -> Any:
    if any(value is None for value in values):
        return pd.array([None if value is None else bool(value) for value in values], dtype="boolean")
    return np.array(values, dtype=bool)


def _plain(values: Sequence[Any]) -> Any:
    # said outright, or pandas makes another kind of text of it
    return pd.Series(values, dtype=object)


def _integers(values: Sequence[Any]) -> Any:
    return np.array(values, dtype=float if any(value is None for value in values) else np.int64)


def reserve(conn: Connection, table: Table, n: int) -> list[int]:
    """Return `n` fresh values of the table's integer key, ascending; nobody else will get them."""
    key = next(iter(table.primary_key))
    if n == 0:
        return []
    if conn.dialect.name == "sqlite":
        # the writer is alone here
        last, used = conn.exec_driver_sql(_LAST.format(key=key.name, table=table.name), (table.name,)).one()
        first = max(last or 0, used or 0) + 1
        return list(range(first, first + n))
    sequence = text("SELECT nextval(pg_get_serial_sequence(:table, :key)) FROM generate_series(1, :n)")
    return sorted(conn.execute(sequence, {"table": table.name, "key": key.name, "n": n}).scalars())


def insert_many(conn: Connection, table: Table, columns: Columns | pd.DataFrame) -> int:
    """Insert rows given as columns (a mapping or a frame); return how many.

    Missing values may be None, NaN or NaT; columns of the table that are not given stay null.
    """
    names = tuple(str(name) for name in columns)
    into = _prepared(table, names, conn.dialect)
    cells = [encode(columns[name]) for name, encode in zip(names, into.encoders, strict=True)]
    n = len(cells[0]) if cells else 0
    if n == 0:
        return 0
    rows = list(zip(*cells, strict=True))
    if conn.dialect.name == "sqlite" or n <= _FEW:
        conn.exec_driver_sql(into.insert, rows)
    else:
        _copy(conn, into.copy, rows)
    return n


@dataclass(frozen=True, slots=True)
class _Prepared:
    """How some columns of a table are written: what makes each ready, and the two statements."""

    encoders: tuple[Callable[[Any], list[Any]], ...]
    insert: str
    copy: str


@lru_cache(maxsize=256)
def _prepared(table: Table, names: tuple[str, ...], dialect: Dialect) -> _Prepared:
    listed = ", ".join(dialect.identifier_preparer.quote(name) for name in names)
    marks = ", ".join(["?" if dialect.name == "sqlite" else "%s"] * len(names))
    return _Prepared(
        encoders=tuple(_encoder(table.c[name], dialect) for name in names),
        insert=f"INSERT INTO {table.name} ({listed}) VALUES ({marks})",
        copy=f"COPY {table.name} ({listed}) FROM STDIN",
    )


def _copy(conn: Connection, statement: str, rows: Iterable[tuple[Any, ...]]) -> None:
    driver: Any = conn.connection.driver_connection
    with driver.cursor() as cursor, cursor.copy(statement) as copy:
        for row in rows:
            copy.write_row(row)


def _encoder(column: Column[Any], dialect: Dialect) -> Callable[[Any], list[Any]]:
    sqlite = dialect.name == "sqlite"
    if isinstance(column.type, Geometry):
        return blobs.encode if sqlite else blobs.to_ewkb
    if isinstance(column.type, Instant):
        return partial(_instants_out, to_text if sqlite else to_millisecond)
    if isinstance(column.type, JSON):
        return lambda values: [
            None if value is None else json.dumps(value, ensure_ascii=False) for value in values
        ]
    return _objects


def _instants_out(write: Callable[[datetime], Any], values: Any) -> list[Any]:
    """Write instants; a batch has few different ones of receipt: each is written once."""
    written: dict[datetime, Any] = {}
    out = []
    for value in _objects(values):
        if value is not None and value not in written:
            written[value] = write(value)
        out.append(None if value is None else written[value])
    return out


def _objects(values: Any) -> list[Any]:
    """Return plain Python values, None where there is none; a list is taken as it is, but for NaN."""
    if isinstance(values, pd.Series):
        values = values.array if isinstance(values.dtype, ExtensionDtype) else values.to_numpy()
    if isinstance(values, ExtensionArray):
        values = values.astype(object)
        return [None if missing else value for value, missing in zip(values, pd.isna(values), strict=True)]
    if isinstance(values, np.ndarray):
        if values.dtype.kind in "mM":
            return _objects(pd.Series(values).astype(object))
        plain: list[Any] = values.tolist()
        if values.dtype.kind in "biuUS":
            return plain
        values = plain
    # only NaN and NaT differ from themselves
    return [None if value is None or value != value else value for value in values]  # noqa: PLR0124
