"""Coverage on pages: the map's data, the tables, the files."""

import csv
import io
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import geopandas as gpd
import pytest
from flask.testing import FlaskClient

from layers import people, teams
from layers.analysis.coverage_choice import Asked
from layers.analysis.questions import Analyst
from layers.exporting import coverage as exporting
from layers.exporting import coverage_orders
from layers.field import tracks
from layers.people import Account
from layers.site import Site
from layers.worker import Worker, ticking
from tests.layers.field.test_tracks import along, walk


@pytest.fixture
def client(
    enter: Callable[[Account], FlaskClient],
    supervisor: Account,
    inspector: Account,
    town: Site,
    now: datetime,
) -> FlaskClient:
    """Give a supervisor's client in a town that two patrols drove through, five days apart."""
    with town.store.write() as conn:
        teams.join(conn, inspector.id, "<b>一组</b>", since=now - timedelta(days=9), now=now, by=None)
    tracks.put(town, inspector, walk(along(200, 50, 350, 31), now), now=now)
    tracks.put(town, supervisor, walk(along(400, 50, 350, 31), now - timedelta(days=5), 2), now=now)
    return enter(supervisor)


def test_the_sentence_and_the_tables_are_there_in_both_languages(client: FlaskClient) -> None:
    text = client.get("/coverage").get_data(as_text=True)
    for expected in ("not seen for 14 days, worst in", "By shift", "Streets most overdue", "2 with 62 fixes"):
        assert expected in text
    assert "<b>一组</b>" not in text
    assert "&lt;b&gt;一组" in text
    token = text.split('csrf_token" value="')[1].split('"')[0]
    client.post("/language", data={"csrf_token": token, "language": "zh", "back": "/coverage"})
    assert "没有巡查到" in client.get("/coverage").get_data(as_text=True)


def test_the_sentence_says_as_of_when_it_is_where_a_period_has_ended(
    client: FlaskClient, now: datetime
) -> None:
    day = (now - timedelta(days=2)).date().isoformat()
    assert client.get(f"/data/maps/coverage?until={day}").json["headline"].endswith(f", as of {day}")
    assert "as of" not in client.get("/data/maps/coverage").json["headline"]


def test_the_map_has_its_stretches_its_steps_and_its_areas(client: FlaskClient) -> None:
    answer = client.get("/data/maps/coverage?view=state").json
    layer = answer["layer"]
    assert layer["classes"][0]["n"] == "0.6 km"
    assert len(layer["steps"]) == 6
    assert layer["areas"][0]["bounds"][0] < layer["areas"][0]["bounds"][1]
    first = client.get("/data/maps/coverage?view=state&at=0").json
    assert first["layer"]["classes"][0]["n"] == "0.3 km"
    assert "steps" not in first["layer"]
    assert client.get("/data/maps/coverage?at=6").status_code == 404
    assert client.get("/data/maps/coverage?team=-&view=state").json["layer"]["classes"][0]["n"] == "0.3 km"


def test_the_lines_of_the_streets_are_kept_by_the_browser(client: FlaskClient, town: Site) -> None:
    answer = client.get(f"/data/coverage/lines/{town.network.version}")
    assert "immutable" in answer.headers["Cache-Control"]
    assert len(answer.json["n"]) == len(town.network.blocks)
    assert client.get("/data/coverage/lines/99").status_code == 404


def test_a_block_tells_each_side(client: FlaskClient) -> None:
    number = client.get("/data/maps/coverage").json["layer"]["stretches"]["block"][0]
    card = client.get(f"/data/coverage/blocks/{number}").json
    said = dict(card["rows"])
    assert {"Length", "Class of street", "Passes", "Target"} <= set(said)
    assert any("Inspected" in value for value in said.values())
    assert client.get(card["url"]).status_code == 200


def test_intervals_are_taken_home_in_three_formats(client: FlaskClient, tmp_path: Path) -> None:
    rows = list(csv.DictReader(io.StringIO(client.get("/files/coverage.csv").get_data().decode("utf-8-sig"))))
    assert {row["State"] for row in rows} == {"inspected"}
    assert sum(float(row["To, m"]) - float(row["From, m"]) for row in rows) == pytest.approx(600, abs=25)
    features = client.get("/files/coverage.geojson").json["features"]
    assert len(features) == len(rows)
    assert features[0]["geometry"]["type"] == "LineString"
    path = tmp_path / "coverage.gpkg"
    path.write_bytes(client.get("/files/coverage.gpkg?team=-").get_data())
    drawn = gpd.read_file(path, layer="coverage").to_crs(4548)
    assert drawn.length.sum() == pytest.approx(300, abs=15)
    assert (drawn.length - (drawn["to_m"] - drawn["from_m"])).abs().max() < 0.5
    assert client.get("/files/coverage.exe").status_code == 400


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let one interval be many, and be written by itself."""
    monkeypatch.setattr(coverage_orders, "SHORT", 0)
    monkeypatch.setattr(exporting, "_WRITTEN_AT_ONCE", 1)


def test_many_intervals_are_made_beside_the_answers_with_the_filters_of_the_page(
    client: FlaskClient,
    enter: Callable[[Account], FlaskClient],
    tmp_path: Path,
    request: pytest.FixtureRequest,
) -> None:
    stranger = enter(request.getfixturevalue("colleague"))
    at_once = tmp_path / "at_once.gpkg"
    at_once.write_bytes(client.get("/files/coverage.gpkg?team=-").get_data())
    request.getfixturevalue("patient")
    answer = client.get("/files/coverage.gpkg?team=-")
    assert answer.status_code == 303
    there = answer.headers["Location"]
    assert 'data-busy="true"' in client.get(there).get_data(as_text=True)
    assert client.get(f"{there}/file").status_code == 409
    assert stranger.get(there).status_code == 404
    Worker(request.getfixturevalue("town"), ticking(request.getfixturevalue("now"))).run_all()
    page = client.get(there).get_data(as_text=True)
    assert "Fetch coverage-2026-08-23.gpkg" in page
    assert 'href="/coverage"' in page
    later = tmp_path / "later.gpkg"
    later.write_bytes(client.get(f"{there}/file").get_data())
    drawn = gpd.read_file(later, layer="coverage")
    assert len(drawn) > 1
    assert drawn.equals(gpd.read_file(at_once, layer="coverage"))
    # of the same passes it is made once; CSV streams however much there is
    assert client.get("/files/coverage.gpkg?team=-").headers["Location"] == there
    assert client.get("/files/coverage.gpkg").headers["Location"] != there
    assert client.get("/files/coverage.csv").status_code == 200
    assert "Export coverage" in client.get("/jobs").get_data(as_text=True)


def test_progress_of_a_long_export_is_told_in_intervals(
    client: FlaskClient, town: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exporting, "_WRITTEN_AT_ONCE", 1)
    told: list[tuple[str, int, int | None]] = []
    n = exporting.write(Analyst(town), Asked(), tmp_path / "c.gpkg", lambda *step: told.append(step))
    assert told == [("writing coverage", k, n) for k in range(1, n + 1)]
    assert exporting.write(Analyst(town), Asked(team="none"), tmp_path / "e.gpkg") == 0
    assert gpd.read_file(tmp_path / "e.gpkg", layer="coverage").empty


@pytest.mark.parametrize("query", ["shift=noon", "view=x", "days=3", "step=year", "at=-1", "class=none"])
def test_a_choice_that_makes_no_sense_is_named(client: FlaskClient, query: str) -> None:
    answer = client.get(f"/data/maps/coverage?{query}")
    assert answer.status_code == (200 if query == "class=none" else 400)


def test_an_inspector_sees_his_own_passes_only(
    client: FlaskClient, enter: Callable[[Account], FlaskClient], inspector: Account
) -> None:
    own = enter(inspector).get("/data/maps/coverage?view=state").json
    assert own["layer"]["classes"][0]["n"] == "0.3 km"
    assert ["Whose passes", "your own tracks"] in own["basis"]


def test_a_supervisor_decides_how_often_streets_are_inspected(client: FlaskClient) -> None:
    page = client.get("/coverage/targets").get_data(as_text=True)
    name = page.split('name="days-')[1].split('"')[0]
    token = page.split('csrf_token" value="')[1].split('"')[0]
    form = {"csrf_token": token, "version": "0", f"days-{name}": "2.5"}
    assert client.post("/coverage/targets", data=form).status_code == 303
    page = client.get("/coverage/targets").get_data(as_text=True)
    assert 'value="2.5"' in page
    assert "every 2.5 days" in page
    late = client.post("/coverage/targets", data={**form, f"days-{name}": "4"})
    assert late.status_code == 422
    assert "Somebody else has changed" in late.get_data(as_text=True)
    form |= {"version": page.split('name="version" value="')[1].split('"')[0]}
    assert client.post("/coverage/targets", data={**form, f"days-{name}": "often"}).status_code == 422


def test_an_inspector_reads_the_targets_and_changes_none(
    client: FlaskClient, enter: Callable[[Account], FlaskClient], inspector: Account
) -> None:
    page = enter(inspector).get("/coverage/targets").get_data(as_text=True)
    assert 'name="days-' not in page
    token = page.split('csrf_token" value="')[1].split('"')[0]
    answer = enter(inspector).post("/coverage/targets", data={"csrf_token": token, "version": "0"})
    assert answer.status_code in (400, 403)


def test_an_account_is_put_into_a_team(
    enter: Callable[[Account], FlaskClient], site: Site, inspector: Account, now: datetime
) -> None:
    with site.store.write() as conn:
        office = enter(people.create(conn, "office", "Office", "admin", password=None, now=now))
    page = office.get(f"/accounts/{inspector.id}").get_data(as_text=True)
    token = page.split('csrf_token" value="')[1].split('"')[0]
    office.post(f"/accounts/{inspector.id}/team", data={"csrf_token": token, "team": "二组"})
    assert 'value="二组"' in office.get(f"/accounts/{inspector.id}").get_data(as_text=True)
