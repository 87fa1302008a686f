"""An import of a layer of the city taken back: every row is what it was before, on both stores."""

from datetime import date, datetime
from pathlib import Path
from typing import Any

import geopandas as gpd
import pytest
import shapely
from sqlalchemy import Table, select

from layers import checking, history
from layers.city import licences
from layers.errors import ConflictError
from layers.importing import city, undoing
from layers.importing.options import ImportOptions
from layers.people import Account
from layers.site import Site
from layers.store import schema
from layers.worker import Worker, ticking
from tests.conftest import in_town

FIRST = {"a": (10, "one"), "b": (20, "two"), "c": (30, "three")}
# b is called otherwise, c is gone, d is new
SECOND = {"a": (10, "one"), "b": (20, "other"), "d": (40, "four")}
KINDS = {"kerbs": "lot", "key_points": "tobacco", "districts": "grid"}
TABLES = {"kerbs": schema.kerb, "key_points": schema.key_point, "districts": schema.district}


def write(folder: Path, kind: str, rows: dict[str, tuple[int, str]], **more: Any) -> Path:
    """Write a file of squares; another one has other rows."""
    shapes = [shapely.box(x, 10, x + 5, 15) for x, _ in rows.values()]
    columns = {"id": list(rows), "name": [name for _, name in rows.values()]}
    of = {"level" if kind == "districts" else "kind": [KINDS[kind]] * len(rows)}
    path = folder / f"{len(list(folder.iterdir()))}.gpkg"
    gpd.GeoDataFrame({**columns, **of, **more}, geometry=in_town(shapes), crs=4326).to_file(path)
    return path


def bring(site: Site, kind: str, path: Path, now: datetime) -> int:
    """Import a file as of one source, and return the run."""
    city.import_layer(site, kind, path, ImportOptions(source_name="ours"), now=now)
    return undoing.every(site)[0].id


def rows(site: Site, table: Table) -> list[tuple[Any, ...]]:
    """Return all rows of the source, those that were removed too."""
    names = [one for one in table.c if one.name not in ("removed_at", "geom")]
    chosen = select(*names, table.c.removed_at.is_(None), table.c.geom)
    with site.store.read() as conn:
        found = conn.execute(chosen.where(table.c.source == "ours").order_by(table.c.fid)).all()
    return [(*row[:-1], row[-1].wkt) for row in found]


@pytest.mark.parametrize("kind", list(TABLES))
def test_a_layer_is_as_it_was_before_the_import_and_can_come_again(
    town: Site, supervisor: Account, now: datetime, tmp_path: Path, kind: str
) -> None:
    first = bring(town, kind, write(tmp_path, kind, FIRST), now)
    before = rows(town, TABLES[kind])
    second = write(tmp_path, kind, SECOND)
    run = bring(town, kind, second, now)
    after = rows(town, TABLES[kind])
    assert [row[-2] for row in after] == [True, True, False, True]
    with pytest.raises(ConflictError, match=f"import {run} changed"):
        undoing.undo(town, first, by=supervisor.id, now=now)
    assert undoing.undo(town, run, by=supervisor.id, now=now) == 3
    found = rows(town, TABLES[kind])
    assert found[:3] == before
    assert [row[-2] for row in found] == [True, True, True, False]
    with town.store.read() as conn:
        told = history.of(conn, kind, str(run))
    assert [(line["action"], line["account_id"]) for line in told] == [("undo_import", supervisor.id)]
    Worker(town, ticking(now)).run_all()
    assert checking.soundness(town).is_sound
    assert bring(town, kind, second, now) > run
    assert rows(town, TABLES[kind]) == after
    undoing.undo(town, undoing.every(town)[0].id, by=None, now=now)
    assert undoing.undo(town, first, by=None, now=now) == 3
    assert not any(row[-2] for row in rows(town, TABLES[kind]))


@pytest.mark.parametrize("kind", list(TABLES))
def test_what_an_import_would_do_is_told_before(town: Site, now: datetime, tmp_path: Path, kind: str) -> None:
    options = ImportOptions(source_name="ours")
    bring(town, kind, write(tmp_path, kind, FIRST), now)
    before = rows(town, TABLES[kind])
    layer, done = city.compare_layer(town, kind, write(tmp_path, kind, SECOND), options)
    assert (done.n_added, done.n_changed, done.n_removed, done.n_same) == (1, 1, 1, 1)
    assert len(layer.frame) == 3
    assert rows(town, TABLES[kind]) == before


def test_licences_that_an_import_named_are_forgotten_with_it(
    town: Site, now: datetime, tmp_path: Path
) -> None:
    first = write(tmp_path, "key_points", FIRST, licensed_on=["2010-05-01", None, None])
    bring(town, "key_points", first, now)
    again = write(tmp_path, "key_points", FIRST, licensed_on=["2020-05-01", None, None])
    _, done = city.compare_layer(town, "key_points", again, ImportOptions(source_name="ours"))
    assert (done.n_changed, done.n_same) == (1, 3)
    run = bring(town, "key_points", again, now)
    assert undoing.undo(town, run, by=None, now=now) == 1
    with town.store.read() as conn:
        assert [one.licensed_on for _, one in licences.in_force(conn).iterrows()] == [date(2010, 5, 1)]


def test_an_import_of_which_nothing_is_known_before_is_left_alone(
    town: Site, now: datetime, tmp_path: Path
) -> None:
    run = bring(town, "kerbs", write(tmp_path, "kerbs", FIRST), now)
    with town.store.write() as conn:
        conn.execute(schema.layer_before.delete())
    with pytest.raises(ConflictError, match="not known any more"):
        undoing.undo(town, run, by=None, now=now)
