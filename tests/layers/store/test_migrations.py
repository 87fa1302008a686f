from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
import shapely
from sqlalchemy import Connection, insert, inspect, select, text
from sqlalchemy.exc import IntegrityError

from layers.errors import MigrationError
from layers.store import Store, frames, migrations, schema, views
from layers.store.migrations import MIGRATIONS, Migration
from layers.store.spatial import intersects_bbox
from tests.layers.store import rows


def rebuild_findings(conn: Connection) -> None:
    """Add a column to the findings the hard way: a new table in place of the old one."""
    if conn.dialect.name == "sqlite":
        made = conn.exec_driver_sql("SELECT sql FROM sqlite_master WHERE name = 'finding'").scalar_one()
        conn.exec_driver_sql(made.replace("TABLE finding (", "TABLE finding_new (weather TEXT, "))
        names = ", ".join(column.name for column in schema.finding.c)
        conn.exec_driver_sql(f"INSERT INTO finding_new ({names}) SELECT {names} FROM finding")
        conn.exec_driver_sql("DROP TABLE finding")
        conn.exec_driver_sql("ALTER TABLE finding_new RENAME TO finding")
    else:
        conn.execute(text("ALTER TABLE finding ADD COLUMN weather text"))
        conn.execute(text("DROP INDEX finding_geom"))
    migrations.rebuilt(conn, schema.finding)


NEXT = MIGRATIONS[-1].number + 1
STEPS = (*MIGRATIONS, Migration(NEXT, "weather", rebuild_findings))


def test_a_new_store_has_every_table_and_every_number(store: Store) -> None:
    tables = set(inspect(store.engine).get_table_names())
    assert {table.name for table in schema.metadata.sorted_tables} <= tables
    with store.read() as conn:
        numbers = conn.execute(select(schema.migration.c.number)).scalars().all()
    assert numbers == [step.number for step in MIGRATIONS]


def test_opening_again_does_nothing(store: Store, now: datetime) -> None:
    assert store.migrate(now=now) == []


def test_an_older_store_gets_what_it_lacks_and_keeps_what_it_has(store: Store, now: datetime) -> None:
    with store.write() as conn:
        frames.insert_many(conn, schema.finding, rows.findings([117.0, 117.5], [39.0, 39.5]))
        conn.execute(insert(schema.network).values(**rows.network(1)))
        placed = {"network_version": 1, "method_version": "m", "placed_at": now}
        first = conn.execute(select(schema.finding.c.fid)).scalars().first()
        values = {**placed, "finding_id": first, "ambiguous": False, "outside": True}
        conn.execute(insert(schema.placement).values(**values))
    assert store.migrate(now=now, steps=STEPS) == [STEPS[-1].number]
    with store.read() as conn:
        kept = conn.execute(text("SELECT uuid, weather FROM finding ORDER BY fid")).all()
        assert [tuple(row) for row in kept] == [("u1", None), ("u2", None)]
        assert conn.execute(select(schema.placement.c.finding_id)).scalars().all() == [first]


def test_streets_of_the_first_version_learn_to_be_footways(store: Store, now: datetime) -> None:
    with store.write() as conn:
        conn.execute(insert(schema.network).values(**rows.network(1)))
        conn.execute(text("ALTER TABLE street DROP COLUMN footway"))
        conn.execute(schema.migration.delete().where(schema.migration.c.number > 1))
    assert store.migrate(now=now, steps=MIGRATIONS[:2]) == [2]
    with store.read() as conn:
        assert conn.execute(select(schema.street.c.footway)).all() == []


def test_placements_of_an_older_version_learn_to_name_a_track(store: Store, now: datetime) -> None:
    with store.write() as conn:
        views.drop(conn)
        conn.execute(text("DROP TABLE placement"))
        conn.execute(text("CREATE TABLE placement (finding_id INTEGER)"))
        conn.execute(text("INSERT INTO placement (finding_id) VALUES (1)"))
        conn.execute(schema.migration.delete().where(schema.migration.c.number > 5))
    assert store.migrate(now=now, steps=MIGRATIONS[:6]) == [6]
    with store.read() as conn:
        kept = conn.execute(select(schema.placement.c.finding_id, schema.placement.c.track_id)).all()
        assert [tuple(row) for row in kept] == [(1, None)]


def test_a_store_without_links_learns_to_keep_them(store: Store, now: datetime) -> None:
    with store.write() as conn:
        views.drop(conn)
        conn.execute(text("DROP TABLE finding_link"))
        conn.execute(text("DROP TABLE photo_band"))
        conn.execute(text("ALTER TABLE photo DROP COLUMN phash"))
        conn.execute(schema.migration.delete().where(schema.migration.c.number > 6))
    assert store.migrate(now=now, steps=MIGRATIONS[:7]) == [7]
    with store.read() as conn:
        assert conn.execute(select(schema.photo.c.phash)).all() == []
        assert conn.execute(select(schema.finding_link.c.id)).all() == []


def test_accounts_of_an_older_version_may_be_of_the_new_roles(store: Store, now: datetime) -> None:
    with store.write() as conn:
        conn.execute(text("DROP TABLE account_scope"))
        if store.is_geopackage:
            made = conn.exec_driver_sql("SELECT sql FROM sqlite_master WHERE name = 'account'").scalar_one()
            roles = made[made.index("role IN ") + 8 : made.index(")", made.index("role IN ")) + 1]
            conn.exec_driver_sql("PRAGMA writable_schema = 1")
            older = made.replace(roles, "('inspector', 'supervisor', 'admin')")
            conn.exec_driver_sql("UPDATE sqlite_master SET sql = ? WHERE name = 'account'", (older,))
            conn.exec_driver_sql("PRAGMA writable_schema = 0")
        else:
            conn.execute(text("ALTER TABLE account DROP CONSTRAINT account_role_known"))
            older = "CHECK (role IN ('inspector', 'supervisor', 'admin'))"
            conn.execute(text(f"ALTER TABLE account ADD CONSTRAINT account_role_known {older}"))
        number = next(step.number for step in MIGRATIONS if step.name == "more roles")
        conn.execute(schema.migration.delete().where(schema.migration.c.number >= number))
    store.engine.dispose()
    unit = {"login": "u", "name": "u", "role": "unit", "created_at": now}
    with pytest.raises(IntegrityError), store.write() as conn:
        conn.execute(insert(schema.account).values(**unit))
    assert store.migrate(now=now, steps=MIGRATIONS[:number]) == [number]
    with store.write() as conn:
        conn.execute(insert(schema.account).values(**unit))
        conn.execute(insert(schema.account_scope).values(account_id=1, scheme="a", code="b"))
        assert conn.execute(select(schema.account.c.login)).scalars().all() == ["a", "u"]
    with pytest.raises(IntegrityError), store.write() as conn:
        conn.execute(insert(schema.account).values(**{**unit, "login": "k", "role": "king"}))


def test_imports_of_an_older_version_learn_to_keep_fitted_errors(store: Store, now: datetime) -> None:
    number = next(step.number for step in MIGRATIONS if step.name == "fitted errors")
    with store.write() as conn:
        conn.execute(text("ALTER TABLE import_run DROP COLUMN source_errors"))
        conn.execute(schema.migration.delete().where(schema.migration.c.number >= number))
    assert store.migrate(now=now, steps=MIGRATIONS[:number]) == [number]
    with store.read() as conn:
        assert conn.execute(select(schema.import_run.c.source_errors)).all() == []


def test_an_older_store_learns_to_count_corrections_of_devices(store: Store, now: datetime) -> None:
    number = next(step.number for step in MIGRATIONS if step.name == "datum corrections")
    with store.write() as conn:
        conn.execute(text("DROP TABLE datum_correction"))
        conn.execute(schema.site.delete().where(schema.site.c.key == "datum"))
        conn.execute(schema.migration.delete().where(schema.migration.c.number >= number))
    assert store.migrate(now=now, steps=MIGRATIONS[:number]) == [number]
    with store.read() as conn:
        assert conn.execute(select(schema.datum_correction)).all() == []
        assert conn.execute(select(schema.site.c.value).where(schema.site.c.key == "datum")).scalar() == 0


def test_a_step_may_not_leave_rows_that_refer_to_nothing(tmp_path: Path, now: datetime) -> None:
    def forget_accounts(conn: Connection) -> None:
        conn.execute(schema.account.delete())

    store = Store.create(tmp_path / "site.gpkg", now=now)
    with store.write() as conn:
        conn.execute(insert(schema.account).values(login="a", name="a", role="admin", created_at=now))
        conn.execute(insert(schema.finding).values(**rows.finding(1, 117, 39)))
    with pytest.raises(MigrationError):
        store.migrate(now=now, steps=(*MIGRATIONS, Migration(NEXT, "forget", forget_accounts)))
    orphan = rows.finding(2, 117, 39) | {"account_id": 99}
    with pytest.raises(Exception, match="FOREIGN KEY"), store.write() as conn:
        conn.execute(insert(schema.finding).values(**orphan))
    store.close()


def test_a_rebuilt_layer_keeps_its_spatial_index_up_to_date(store: Store, now: datetime) -> None:
    with store.write() as conn:
        frames.insert_many(conn, schema.finding, rows.findings([117.0], [39.0]))
    store.migrate(now=now, steps=STEPS)
    with store.write() as conn:
        conn.execute(insert(schema.finding).values(**rows.finding(2, 117.5, 39.5)))
        conn.execute(
            schema.finding.update().where(schema.finding.c.uuid == "u1").values(geom=shapely.Point(118, 40))
        )
    assert found(store, (117.4, 39.4, 117.6, 39.6)) == ["u2"]
    assert found(store, (117.9, 39.9, 118.1, 40.1)) == ["u1"]
    assert found(store, (116.9, 38.9, 117.1, 39.1)) == []
    with store.write() as conn:
        conn.execute(schema.finding.delete().where(schema.finding.c.uuid == "u2"))
    assert found(store, (117.4, 39.4, 117.6, 39.6)) == []


def found(store: Store, box: tuple[float, float, float, float]) -> list[str]:
    with store.read() as conn:
        return list(
            conn.execute(select(schema.finding.c.uuid).where(intersects_bbox(schema.finding, box))).scalars()
        )


def test_a_step_that_fails_leaves_the_store_as_it_was(store: Store, now: datetime) -> None:
    def fail(conn: Connection) -> None:
        conn.exec_driver_sql("CREATE TABLE half (a INTEGER)")
        raise RuntimeError("power cut")

    with pytest.raises(RuntimeError):
        store.migrate(now=now, steps=(*MIGRATIONS, Migration(NEXT, "half", fail)))
    assert "half" not in inspect(store.engine).get_table_names()
    assert store.migrate(now=now) == []


def test_the_index_of_a_geopackage_agrees_with_its_rows(tmp_path: Path, now: datetime) -> None:
    store = Store.create(tmp_path / "site.gpkg", now=now)
    random = np.random.default_rng(11)
    with store.write() as conn:
        conn.execute(insert(schema.account).values(login="a", name="a", role="admin", created_at=now))
        x, y = random.uniform(117, 118, 200), random.uniform(39, 40, 200)
        frames.insert_many(conn, schema.finding, rows.findings(x, y))
        conn.exec_driver_sql("UPDATE finding SET fid = fid + 1000 WHERE fid % 3 = 0")
        conn.exec_driver_sql("DELETE FROM finding WHERE fid % 5 = 0")
    with store.read() as conn:
        kept = set(conn.execute(select(schema.finding.c.fid)).scalars())
        indexed = set(conn.exec_driver_sql("SELECT id FROM rtree_finding_geom").scalars())
    assert kept == indexed
    store.close()


def test_imports_of_an_older_version_can_be_undone(store: Store, now: datetime) -> None:
    number = next(step.number for step in MIGRATIONS if step.name == "undone imports")
    with store.write() as conn:
        conn.execute(text("DROP TABLE import_profile"))
        if conn.dialect.name == "sqlite":
            # SQLite drops no column that refers to another table
            conn.execute(text("DROP TABLE import_run"))
            conn.execute(text("CREATE TABLE import_run (id INTEGER PRIMARY KEY, kind TEXT)"))
        else:
            conn.execute(text("ALTER TABLE import_run DROP COLUMN undone_at, DROP COLUMN undone_by"))
        conn.execute(schema.migration.delete().where(schema.migration.c.number >= number))
    assert store.migrate(now=now, steps=MIGRATIONS[:number]) == [number]
    with store.read() as conn:
        assert conn.execute(select(schema.import_run.c.undone_at, schema.import_run.c.undone_by)).all() == []
        assert conn.execute(select(schema.import_profile)).all() == []


def test_an_older_store_learns_to_end_sessions_and_to_know_turned_photos(store: Store, now: datetime) -> None:
    numbers = [step.number for step in MIGRATIONS if step.name in ("ended sessions", "turned photos")]
    with store.write() as conn:
        views.drop(conn)
        conn.execute(text("DROP TABLE ended_session"))
        conn.execute(text("DROP TABLE photo_turned"))
        conn.execute(text("ALTER TABLE photo DROP COLUMN turns"))
        conn.execute(schema.migration.delete().where(schema.migration.c.number >= numbers[0]))
    assert store.migrate(now=now, steps=MIGRATIONS[: numbers[-1]]) == numbers
    with store.read() as conn:
        assert conn.execute(select(schema.ended_session)).all() == []
        assert conn.execute(select(schema.photo.c.turns)).all() == []
        assert conn.execute(select(schema.photo_turned)).all() == []
