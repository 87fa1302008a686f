"""A whole import taken back, and files read by a profile, on both stores."""

from datetime import datetime
from pathlib import Path

import pytest
from sqlalchemy import func, select

from layers import checking, history
from layers.errors import ConflictError, InvalidError, NotFoundError
from layers.field import decisions, edits
from layers.field import findings as store
from layers.field.asking import FindingFilter
from layers.importing import city, field, profiles, undoing
from layers.importing.options import ImportOptions
from layers.people import Account
from layers.site import Site
from layers.store import schema
from layers.worker import Worker, ticking
from tests.conftest import report
from tests.field_api.conftest import track
from tests.field_api.test_tracks import gpx
from tests.layers.importing.extracts import crossroads
from tests.layers.importing.test_findings import CODE, row, write
from tests.layers.importing.test_tracks_and_photos import photo, take_photos

OPTIONS = ImportOptions(**CODE, key=("number",))


def rows(n: int = 3) -> list[dict[str, object]]:
    return [row(90 + 10 * k, number=str(k), note=f"note {k}") for k in range(n)]


@pytest.fixture
def run(town: Site, supervisor: Account, now: datetime, tmp_path: Path) -> int:
    """Import three findings and return the run."""
    field.import_findings(town, supervisor, write(tmp_path, rows()), OPTIONS, now=now)
    return undoing.every(town)[0].id


def found(site: Site) -> list[store.Finding]:
    return store.page(site, FindingFilter()).findings


def test_the_findings_of_an_import_are_withdrawn_and_their_history_stays(
    town: Site, supervisor: Account, inspector: Account, run: int, now: datetime
) -> None:
    store.put(town, inspector, report(1, 90, 205, now), now=now)
    uuid = found(town)[0].uuid
    assert undoing.undo(town, run, by=supervisor.id, now=now) == 3
    assert [one.uuid for one in found(town)] == [report(1, 0, 0, now).uuid]
    assert store.count(town, FindingFilter(with_withdrawn=True)) == 4
    with town.store.read() as conn:
        assert [line["action"] for line in history.of(conn, "finding", uuid)] == ["create", "undo_import"]
        assert [line["action"] for line in history.of(conn, "import_run", str(run))] == ["undo"]
    assert undoing.get(town, run).undone_at == now
    with pytest.raises(ConflictError, match="already"):
        undoing.undo(town, run, by=None, now=now)
    assert checking.soundness(town).is_sound


def test_a_file_that_was_read_wrongly_can_come_again(
    town: Site, supervisor: Account, run: int, now: datetime, tmp_path: Path
) -> None:
    path = write(tmp_path, rows())
    other = profiles.joined(OPTIONS, ImportOptions(constants={"code": "gbt30428-2013-event.0201"}))
    assert len(field.import_findings(town, supervisor, path, other, now=now).refused) == 3
    undoing.undo(town, run, by=None, now=now)
    done = field.import_findings(town, supervisor, path, other, now=now)
    assert (done.n_added, done.refused) == (3, [])
    assert {one.code for one in found(town)} == {"0201"}


def test_what_people_worked_on_is_kept_unless_forced(
    town: Site, supervisor: Account, run: int, now: datetime
) -> None:
    edits.edit(town, supervisor, found(town)[0].uuid, {"note": "checked"}, version=1, now=now)
    block = town.network.blocks.iloc[0]["block_id"]
    decisions.decide(town, supervisor, found(town)[1].uuid, block, now=now)
    with pytest.raises(ConflictError, match="2 findings"):
        undoing.undo(town, run, by=None, now=now)
    assert len(found(town)) == 3
    assert undoing.undo(town, run, by=None, force=True, now=now) == 3
    assert found(town) == []


def test_tracks_go_with_all_that_was_read_from_them(
    town: Site, supervisor: Account, now: datetime, tmp_path: Path
) -> None:
    path = tmp_path / "walk.gpx"
    path.write_text(gpx(track(40)["fixes"]), encoding="utf-8")
    field.import_tracks(town, supervisor, path, ImportOptions(constants={"mode": "foot"}), now=now)
    run = undoing.every(town)[0]
    assert (run.kind, run.n_added) == ("tracks", 1)
    assert undoing.undo(town, run.id, by=None, now=now) == 1
    with town.store.read() as conn:
        for table in (schema.track, schema.coverage, schema.coverage_run):
            assert conn.execute(select(func.count()).select_from(table)).scalar_one() == 0, table.name
    Worker(town, ticking(now)).run_all()
    done = field.import_tracks(town, supervisor, path, ImportOptions(constants={"mode": "foot"}), now=now)
    assert done.n_added == 1


def test_photos_are_a_run_too(town: Site, supervisor: Account, now: datetime, tmp_path: Path) -> None:
    path = photo(tmp_path, "a.jpg")
    done = take_photos(town, supervisor, [path], now)
    assert done.n_added == 1
    run = undoing.every(town)[0]
    assert (run.kind, run.file_name) == ("photos", path.name)
    assert undoing.undo(town, run.id, by=None, now=now) == 1
    assert found(town) == []


def test_streets_are_not_undone(town: Site, now: datetime, tmp_path: Path) -> None:
    city.import_osm(town, crossroads().write(tmp_path / "town.osm"), now=now)
    with pytest.raises(InvalidError, match="is not undone"):
        undoing.undo(town, undoing.every(town)[0].id, by=None, now=now)
    with pytest.raises(NotFoundError):
        undoing.undo(town, 999, by=None, now=now)


def test_a_worker_undoes_an_import_that_was_ordered(
    town: Site, supervisor: Account, run: int, now: datetime
) -> None:
    job = undoing.order(town, supervisor, run, force=False, now=now)
    assert undoing.order(town, supervisor, run, force=False, now=now) == job
    Worker(town, ticking(now)).run_all()
    assert found(town) == []


def test_a_profile_is_how_a_file_was_read(town: Site, supervisor: Account, now: datetime) -> None:
    kept = ImportOptions(columns={"note": "备注"}, frame="gcj02", key=("编号",), values={"code": {"a": "b"}})
    profiles.keep(town, "findings", "12345 热线", kept, by=supervisor.id, now=now)
    assert profiles.get(town, "findings", "12345 热线") == kept
    with pytest.raises(NotFoundError):
        profiles.get(town, "tracks", "12345 热线")
    profiles.keep(town, "findings", "12345 热线", ImportOptions(frame="bd09"), by=None, now=now)
    assert [one.options.frame for one in profiles.every(town)] == ["bd09"]
    with pytest.raises(InvalidError):
        profiles.keep(town, "findings", "<b>", kept, by=None, now=now)
