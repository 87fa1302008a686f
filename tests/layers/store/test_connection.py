import sqlite3
import threading
from datetime import datetime
from pathlib import Path

import pytest
from sqlalchemy import func, insert, select, text

from layers.errors import (
    BusyError,
    ConflictError,
    MigrationError,
    NoSpaceError,
    NotFoundError,
    SettingError,
    UnreadableFileError,
)
from layers.store import Store, blobs, schema
from tests.layers.store import rows

only_postgis = pytest.mark.parametrize(
    "store_kind", [pytest.param("postgis", marks=pytest.mark.postgis)], indirect=True
)
COUNT = select(func.count()).select_from(schema.finding)


def test_a_block_that_ends_badly_leaves_nothing(store: Store) -> None:
    with pytest.raises(ZeroDivisionError), store.write() as conn:
        conn.execute(insert(schema.finding).values(**rows.finding(1, 117, 39)))
        _ = 1 / 0
    with store.read() as conn:
        assert conn.execute(COUNT).scalar_one() == 0


def test_a_reader_sees_one_moment(store: Store) -> None:
    with store.read() as reader:
        assert reader.execute(COUNT).scalar_one() == 0
        with store.write() as conn:
            conn.execute(insert(schema.finding).values(**rows.finding(1, 117, 39)))
        assert reader.execute(COUNT).scalar_one() == 0
    with store.read() as reader:
        assert reader.execute(COUNT).scalar_one() == 1


@only_postgis
def test_a_reader_cannot_write_on_postgis(store: Store) -> None:
    with pytest.raises(Exception, match="read-only"), store.read() as conn:
        conn.execute(insert(schema.finding).values(**rows.finding(1, 117, 39)))


def test_writers_come_one_after_the_other(store: Store) -> None:
    failures = []

    def write(number: int) -> None:
        try:
            with store.write() as conn:
                conn.execute(insert(schema.finding).values(**rows.finding(number, 117, 39)))
        except BusyError as error:
            failures.append(error)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    with store.read() as conn:
        assert conn.execute(COUNT).scalar_one() == 20


def test_the_same_id_twice_is_a_conflict(store: Store) -> None:
    with store.write() as conn:
        conn.execute(insert(schema.finding).values(**rows.finding(1, 117, 39)))
    with pytest.raises(ConflictError), store.write() as conn:
        conn.execute(insert(schema.finding).values(**rows.finding(1, 117, 39)))


def test_a_fault_of_the_program_is_not_disguised(store: Store) -> None:
    with pytest.raises(Exception, match="nonsense") as caught, store.write() as conn:
        conn.execute(text("SELECT nonsense"))
    assert type(caught.value).__module__.startswith("sqlalchemy")


def test_a_locked_file_is_busy_after_the_set_time(geopackage: Store, tmp_path: Path) -> None:
    holder = sqlite3.connect(tmp_path / "site.gpkg", isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    with pytest.raises(BusyError), geopackage.write():
        pytest.fail("the store was locked")
    with geopackage.read() as conn:
        assert conn.execute(COUNT).scalar_one() == 0
    holder.execute("ROLLBACK")
    holder.close()
    with geopackage.write() as conn:
        conn.execute(insert(schema.finding).values(**rows.finding(1, 117, 39)))


def test_a_writer_inside_a_writer_is_told_and_does_not_wait_for_ever(geopackage: Store) -> None:
    with geopackage.write(), pytest.raises(BusyError), geopackage.write():
        pytest.fail("two writers at once")
    with geopackage.write() as conn:
        conn.execute(insert(schema.finding).values(**rows.finding(1, 117, 39)))


def test_a_full_store_says_so_and_keeps_nothing_of_the_attempt(geopackage: Store) -> None:
    with geopackage.write() as conn:
        conn.execute(insert(schema.finding).values(**rows.finding(1, 117, 39)))
    with geopackage.engine.connect() as conn:
        pages = conn.exec_driver_sql("PRAGMA page_count").scalar_one()
    note = {"note": "长" * 100_000}
    with pytest.raises(NoSpaceError), geopackage.write() as conn:
        conn.exec_driver_sql(f"PRAGMA max_page_count = {pages + 2}")
        for number in range(2, 40):
            conn.execute(insert(schema.finding).values(**rows.finding(number, 117, 39) | note))
    with geopackage.write() as conn:
        conn.exec_driver_sql("PRAGMA max_page_count = 1000000")
        assert conn.execute(COUNT).scalar_one() == 1
        conn.execute(insert(schema.finding).values(**rows.finding(2, 117, 39) | note))


@only_postgis
def test_a_locked_table_of_postgres_is_busy(store: Store) -> None:
    with store.write() as holder:
        holder.execute(text("LOCK TABLE finding IN ACCESS EXCLUSIVE MODE"))
        with pytest.raises(BusyError), store.write() as conn:
            conn.execute(insert(schema.finding).values(**rows.finding(1, 117, 39)))


@pytest.mark.postgis
def test_a_server_that_is_not_there_is_busy(now: datetime) -> None:
    nowhere = "postgresql+psycopg://xuncha:xuncha@127.0.0.1:1/xuncha"
    with pytest.raises(BusyError):
        Store.create(nowhere, now=now, busy_timeout_s=1.0)


def test_another_database_is_refused(now: datetime) -> None:
    with pytest.raises(SettingError, match="mysql"):
        Store.create("mysql://root@localhost/xuncha", now=now)


def test_a_file_that_is_no_geopackage_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "site.gpkg"
    with pytest.raises(NotFoundError):
        Store.open(path)
    path.write_bytes(b"not a database")
    with pytest.raises(UnreadableFileError):
        Store.open(path)


def test_commits_are_durable_and_keys_are_checked(geopackage: Store) -> None:
    with geopackage.write() as conn:
        assert conn.exec_driver_sql("PRAGMA synchronous").scalar_one() == 2
        assert conn.exec_driver_sql("PRAGMA journal_mode").scalar_one() == "wal"
    orphan = rows.finding(1, 117, 39) | {"account_id": 99}
    with pytest.raises(Exception, match="FOREIGN KEY"), geopackage.write() as conn:
        conn.execute(insert(schema.finding).values(**orphan))


def test_history_can_only_grow(store: Store, now: datetime) -> None:
    line = {"at": now, "action": "create", "noun": "finding", "noun_id": "1", "details": {}}
    with store.write() as conn:
        conn.execute(insert(schema.history).values(**line))
    for forbidden in (schema.history.update().values(action="x"), schema.history.delete()):
        with pytest.raises(Exception, match="append-only"), store.write() as conn:
            conn.execute(forbidden)
    if not store.is_geopackage:
        with pytest.raises(Exception, match="append-only"), store.write() as conn:
            conn.execute(text("TRUNCATE history"))
    with store.read() as conn:
        assert conn.execute(select(schema.history.c.action)).scalars().all() == ["create"]


def test_a_store_of_a_later_program_is_refused(store: Store, now: datetime) -> None:
    with store.write() as conn:
        conn.execute(insert(schema.migration).values(number=99, name="later", applied_at=now))
    with pytest.raises(MigrationError, match="99"):
        store.migrate(now=now)


def test_ctrl_c_inside_a_trigger_is_ctrl_c_and_writes_nothing(
    tmp_path: Path, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQLite makes an error of its own of whatever a function that it calls raises."""

    def interrupted(_: bytes) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(blobs, "envelope", interrupted)
    store = Store.create(tmp_path / "site.gpkg", now=now)
    with pytest.raises(KeyboardInterrupt), store.write() as conn:
        conn.execute(insert(schema.account).values(login="a", name="a", role="admin", created_at=now))
        conn.execute(insert(schema.finding).values(**rows.finding(1, 117, 39)))
    monkeypatch.undo()
    with store.read() as conn:
        assert conn.execute(select(schema.account.c.id)).all() == []
    store.close()
