"""What other programs can change of a store that they have before them: nothing that the history tells of."""

import shutil
import subprocess
from datetime import datetime
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import insert, inspect, text

from layers.store import Store, guarding, schema, views
from layers.store.guarding import PASS
from layers.store.migrations import MIGRATIONS, Migration
from tests.layers.store import rows

REFUSED = PASS.replace("_", " ")
CHANGES = {
    "edit": "UPDATE finding SET note = 'nothing there'",
    "move": "UPDATE finding SET fid = fid + 100",
    "delete": "DELETE FROM finding",
    "decide": "UPDATE account SET role = 'admin'",
    "shorten": "UPDATE history_head SET n = 0",
    "add": "INSERT INTO word VALUES ('a', 'b', 'c', 'd')",
}


@pytest.fixture
def kept(store: Store) -> Store:
    with store.write() as conn:
        conn.execute(insert(schema.finding).values(**rows.finding(1, 117, 39)))
    return store


def place(store: Store) -> str:
    if store.is_geopackage:
        return str(store.engine.url.database).removeprefix("file:")
    return store.engine.url.set(drivername="postgresql").render_as_string(hide_password=False)


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_console_is_refused(kept: Store, change: str) -> None:
    if not kept.is_geopackage:
        with psycopg.connect(place(kept)) as connection, pytest.raises(psycopg.Error, match=REFUSED):
            connection.execute(change)  # type: ignore[arg-type, unused-ignore]
        return
    console = shutil.which("sqlite3")
    if console is None:
        pytest.skip("no sqlite3 on this machine")
    done = subprocess.run([console, place(kept), change], capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert PASS in done.stderr


def test_gdal_is_refused_and_nothing_changed(geopackage: Store, tmp_path: Path) -> None:
    with geopackage.write() as conn:
        conn.execute(insert(schema.finding).values(**rows.finding(1, 117, 39)))
    ogrinfo, ogr2ogr = shutil.which("ogrinfo"), shutil.which("ogr2ogr")
    if ogrinfo is None or ogr2ogr is None:
        pytest.skip("no GDAL on this machine")
    file = str(tmp_path / "site.gpkg")
    copied = str(tmp_path / "copy.gpkg")
    commands = [
        [ogrinfo, file, "-q", "-sql", "UPDATE finding SET note = 'x'"],
        [ogrinfo, file, "-q", "-sql", "DELETE FROM finding"],
        [ogr2ogr, copied, file, "finding"],
        [ogr2ogr, "-update", "-append", file, copied, "finding"],
        [ogr2ogr, "-update", "-overwrite", file, copied, "finding"],
    ]
    told = [subprocess.run(one, capture_output=True, text=True, check=False) for one in commands]
    assert [PASS in one.stderr for one in told] == [True, True, False, True, False], [t.stderr for t in told]
    with geopackage.read() as conn:
        assert conn.execute(text("SELECT uuid, note FROM finding")).all() == [("u1", None)]


def test_the_program_itself_may(kept: Store) -> None:
    with kept.write() as conn:
        conn.execute(text("UPDATE finding SET note = 'x'"))
        assert conn.execute(text("SELECT note FROM finding")).scalars().all() == ["x"]


def test_every_table_is_guarded_and_a_guard_that_is_gone_is_missed(store: Store) -> None:
    with store.write() as conn:
        assert guarding.missing(conn) == []
        on = "" if store.is_geopackage else " ON finding"
        conn.execute(text(f"DROP TRIGGER {guarding.names(schema.finding, store.engine.dialect.name)[0]}{on}"))
        assert guarding.missing(conn) == ["finding"]
        guarding.unguard(conn)
        assert set(guarding.missing(conn)) == {one.name for one in guarding.guarded()}
        guarding.guard(conn)
        assert guarding.missing(conn) == []


def test_a_store_that_is_brought_up_to_date_gets_views_and_guards(store: Store, now: datetime) -> None:
    with store.write() as conn:
        guarding.unguard(conn)
        views.drop(conn)
    further = Migration(MIGRATIONS[-1].number + 1, "nothing", lambda conn: None)
    assert store.migrate(now=now, steps=(*MIGRATIONS, further)) == [further.number]
    with store.read() as conn:
        assert guarding.missing(conn) == []
        assert set(views.VIEWS) <= set(inspect(conn).get_view_names())
