"""One opened store: readers side by side, writers one after the other, errors in our own words."""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from threading import Lock
from typing import Any
from urllib.parse import quote

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url

from layers.errors import BusyError, MigrationError, NotFoundError, SettingError, UnreadableFileError
from layers.store import geopackage, guarding, migrations, views
from layers.store.faults import translated
from layers.store.migrations import MIGRATIONS, Migration

_WRITING = "xuncha_writing"


class Store:
    """The database of one site, a GeoPackage file or a PostGIS database."""

    def __init__(self, engine: Engine, *, busy_timeout_s: float) -> None:
        self.engine = engine
        self.busy_timeout_s = busy_timeout_s
        self._writer = Lock()
        self._reader = engine
        if engine.dialect.name == "postgresql":
            self._reader = engine.execution_options(
                isolation_level="REPEATABLE READ", postgresql_readonly=True
            )

    @classmethod
    def open(cls, place: Path | str, *, busy_timeout_s: float = 10.0) -> "Store":
        """Open the store at a path (GeoPackage) or URL (PostGIS); it must have been created."""
        if isinstance(place, Path):
            if not place.exists():
                raise NotFoundError("There is no store at %(path)s", path=place)
            if not geopackage.is_geopackage(place):
                raise UnreadableFileError("%(path)s is not a GeoPackage", path=place)
            return cls(_sqlite_engine(place, busy_timeout_s), busy_timeout_s=busy_timeout_s)
        return cls(_postgres_engine(place, busy_timeout_s), busy_timeout_s=busy_timeout_s)

    @classmethod
    def create(cls, place: Path | str, *, now: datetime, busy_timeout_s: float = 10.0) -> "Store":
        """Create the store, or open it and bring it up to date if it is there."""
        if isinstance(place, Path) and not place.exists():
            geopackage.create(place)
        store = cls.open(place, busy_timeout_s=busy_timeout_s)
        store.migrate(now=now)
        return store

    @property
    def is_geopackage(self) -> bool:
        """Tell whether the store is the embedded one."""
        return self.engine.dialect.name == "sqlite"

    def migrate(self, *, now: datetime, steps: Sequence[Migration] = MIGRATIONS) -> list[int]:
        """Bring the schema up to date; return the numbers of the steps that were applied."""
        with self.write() as conn:
            if migrations.applied(conn) is None:
                migrations.create(conn)
                migrations.finish(conn)
                for step in steps:
                    migrations.stamp(conn, step, now)
                return [step.number for step in steps]
        done = []
        with self.read() as conn:
            missing = migrations.pending(conn, steps)
        for step in missing:
            self._apply(step, now, last=step is missing[-1])
            done.append(step.number)
        return done

    def _apply(self, step: Migration, now: datetime, *, last: bool) -> None:
        with self._without_foreign_keys(), self.write() as conn:
            views.drop(conn)
            step.run(conn)
            if last and step.number >= MIGRATIONS[-1].number:
                migrations.finish(conn)
            if self.is_geopackage and conn.exec_driver_sql("PRAGMA foreign_key_check").first():
                raise MigrationError("Step %(step)s would leave rows that refer to nothing", step=step.name)
            migrations.stamp(conn, step, now)

    @contextmanager
    def _without_foreign_keys(self) -> Iterator[None]:
        """Let a step drop a table that others refer to; SQLite heeds this outside transactions only."""

        def let(connection: sqlite3.Connection, *_: Any) -> None:
            connection.execute("PRAGMA foreign_keys = OFF")

        if not self.is_geopackage:
            yield
            return
        self.engine.dispose()
        event.listen(self.engine, "checkout", let)
        try:
            yield
        finally:
            event.remove(self.engine, "checkout", let)
            self.engine.dispose()

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Give a connection inside one transaction: everything read is of one moment."""
        with translated(), self._reader.connect() as conn, conn.begin():
            yield conn

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """Give a connection inside one transaction that is kept if the block ends well, else undone."""
        with self._turn(), translated(), self.engine.connect() as idle:
            conn = idle.execution_options(**{_WRITING: True})
            with conn.begin():
                yield conn

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """Let the writers of this process into the GeoPackage one by one.

        SQLite would let them sleep ever longer and wake whoever comes by chance; other processes still
        wait that way.
        """
        if not self.is_geopackage:
            yield
            return
        if not self._writer.acquire(timeout=self.busy_timeout_s):
            raise BusyError("The store is busy; try again later")
        try:
            yield
        finally:
            self._writer.release()

    def close(self) -> None:
        """Let go of every connection."""
        self.engine.dispose()


def _sqlite_engine(path: Path, busy_timeout_s: float) -> Engine:
    # never made anew: where the file is gone, its disk may be missing
    place = URL.create("sqlite", database=f"file:{quote(str(path))}", query={"mode": "rw", "uri": "true"})
    engine = create_engine(
        place,
        connect_args={"timeout": busy_timeout_s, "check_same_thread": False},
        pool_size=8,
        max_overflow=24,
        pool_timeout=busy_timeout_s,
    )

    @event.listens_for(engine, "connect")
    def _prepare(connection: sqlite3.Connection, _: Any) -> None:
        geopackage.prepare(connection)

    @event.listens_for(engine, "begin")
    def _begin(conn: Connection) -> None:
        # a writer that begins as a reader may be refused half-way, whatever the timeout
        writing = conn.get_execution_options().get(_WRITING)
        conn.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")

    return engine


def _postgres_engine(url: str, busy_timeout_s: float) -> Engine:
    parsed = make_url(url)
    if parsed.drivername != "postgresql+psycopg":
        raise SettingError(
            "The store's address must begin with postgresql+psycopg://; it begins with %(given)s",
            field="store_url",
            given=parsed.drivername,
        )
    # a connection that the server has dropped costs one answer "busy"; asking before each use costs them all
    engine = create_engine(parsed, pool_size=8, max_overflow=24, pool_timeout=busy_timeout_s)

    @event.listens_for(engine, "connect")
    def _prepare(connection: Any, _: Any) -> None:
        with connection.cursor() as cursor:
            cursor.execute(f"SET lock_timeout = {int(busy_timeout_s * 1000)}")
            cursor.execute("SET timezone = 'UTC'")
            cursor.execute(f"SET {guarding.SETTING} = 'on'")
        connection.commit()

    return engine
