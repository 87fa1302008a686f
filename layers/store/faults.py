"""The database's errors, translated once into ours."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any, TypeVar

import psycopg
from psycopg import errors as postgres
from sqlalchemy import exc

from layers import interrupts
from layers.errors import BusyError, ConflictError, InvalidError, NoSpaceError, XunchaError

_POSTGRES: tuple[tuple[type[psycopg.Error] | tuple[type[psycopg.Error], ...], type[XunchaError]], ...] = (
    (postgres.UniqueViolation, ConflictError),
    (
        (
            postgres.LockNotAvailable,
            postgres.DeadlockDetected,
            postgres.SerializationFailure,
            postgres.QueryCanceled,
            postgres.TooManyConnections,
            postgres.CannotConnectNow,
            postgres.AdminShutdown,
            postgres.CrashShutdown,
            postgres.ConnectionTimeout,
        ),
        BusyError,
    ),
    ((postgres.DiskFull, postgres.OutOfMemory), NoSpaceError),
)
_SQLITE = {
    sqlite3.SQLITE_BUSY: BusyError,
    sqlite3.SQLITE_LOCKED: BusyError,
    # what the disk did not give: it may be back, or have to be mounted again
    sqlite3.SQLITE_CANTOPEN: BusyError,
    sqlite3.SQLITE_IOERR: BusyError,
    sqlite3.SQLITE_READONLY: BusyError,
    sqlite3.SQLITE_FULL: NoSpaceError,
}
_SQLITE_UNIQUE = {sqlite3.SQLITE_CONSTRAINT_UNIQUE, sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY}
_MESSAGES = {
    BusyError: "The store is busy; try again later",
    NoSpaceError: "The store has no space left; nothing was written",
    ConflictError: "The same record is there already",
    InvalidError: "A text holds a zero byte",
}
Function = TypeVar("Function", bound=Callable[..., Any])


def _of_sqlite(error: sqlite3.Error) -> type[XunchaError] | None:
    code = getattr(error, "sqlite_errorcode", 0)
    if code in _SQLITE_UNIQUE:
        return ConflictError
    return _SQLITE.get(code & 0xFF)


def _of_postgres(error: psycopg.Error) -> type[XunchaError] | None:
    for kinds, ours in _POSTGRES:
        if isinstance(error, kinds):
            return ours
    # no SQLSTATE: the driver refused to send it, and that only for a zero byte
    if isinstance(error, psycopg.DataError) and error.sqlstate is None:
        return InvalidError
    # no SQLSTATE: the connection itself failed
    lost = isinstance(error, psycopg.OperationalError) and error.sqlstate is None
    return BusyError if lost else None


def explain(error: BaseException | None) -> XunchaError | None:
    """Return our error for the driver's, or None for one that is a fault of the program."""
    kind: type[XunchaError] | None = None
    if isinstance(error, sqlite3.Error):
        kind = _of_sqlite(error)
    elif isinstance(error, psycopg.Error):
        kind = _of_postgres(error)
    elif isinstance(error, exc.TimeoutError):
        kind = BusyError
    return kind(_MESSAGES[kind]) if kind else None


def noticing(function: Function) -> Function:
    """Return a function for SQLite to call that notes Ctrl-C, of which SQLite makes an error of its own."""

    @wraps(function)
    def called(*given: Any) -> Any:
        try:
            return function(*given)
        except KeyboardInterrupt:
            interrupts.noticed.set()
            raise

    return called  # type: ignore[return-value]


@contextmanager
def translated() -> Iterator[None]:
    """Raise our errors in place of the database's."""
    try:
        yield
    except exc.DBAPIError as error:
        if interrupts.noticed.is_set():
            interrupts.noticed.clear()
            raise KeyboardInterrupt from error
        ours = explain(error.orig)
        if ours is None:
            raise
        raise ours from error
    except (sqlite3.Error, psycopg.Error, exc.TimeoutError) as error:
        ours = explain(error)
        if ours is None:
            raise
        raise ours from error
