"""Findings as files over the interface: streamed, at once, or ordered and fetched later."""

import csv
import io
import json
from datetime import datetime
from pathlib import Path
from tempfile import NamedTemporaryFile

import pyogrio
import pytest

from layers.exporting import orders
from layers.site import Site
from layers.worker import Worker, ticking
from tests.field_api.conftest import Person, finding, track, uuid


@pytest.fixture
def reported(me: Person, other: Person) -> None:
    """Have two inspectors report one finding each."""
    me.put(f"/findings/{uuid(1)}", json=finding(note="=1+1"))
    other.put(f"/findings/{uuid(2)}", json=finding(300, 2, code="0201"))


def ids(person: Person, query: str = "") -> list[str]:
    answer = person.get(f"/findings.csv{query}")
    assert answer.status_code == 200
    assert answer.headers["Content-Disposition"] == "attachment; filename=findings.csv"
    text = answer.get_data().decode("utf-8-sig")
    return [row["id"] for row in csv.DictReader(io.StringIO(text))]


@pytest.mark.usefixtures("reported")
def test_everybody_exports_what_they_may_see_with_the_filters_of_the_list(
    me: Person, other: Person, boss: Person
) -> None:
    assert (ids(me), ids(other)) == ([uuid(1)], [uuid(2)])
    assert ids(boss) == [uuid(1), uuid(2)]
    assert ids(boss, "?category=gbt30428-2013-event.0201") == [uuid(2)]
    assert "'=1+1" in me.get("/findings.csv").get_data(as_text=True)
    collection = json.loads(boss.get("/findings.geojson").get_data())
    assert [each["id"] for each in collection["features"]] == [uuid(1), uuid(2)]


@pytest.mark.usefixtures("reported")
def test_short_files_come_at_once(boss: Person, tmp_path: Path) -> None:
    for kind in ("xlsx", "gpkg", "kml", "gpx"):
        answer = boss.get(f"/findings.{kind}")
        assert answer.status_code == 200
        (tmp_path / f"f.{kind}").write_bytes(answer.get_data())
    assert len(pyogrio.read_dataframe(tmp_path / "f.gpkg")) == 2


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let two findings be many."""
    monkeypatch.setattr(orders, "SHORT", 1)


@pytest.mark.usefixtures("reported", "patient")
def test_a_long_file_is_ordered_and_fetched_when_it_is_made(
    boss: Person, me: Person, town: Site, now: datetime, tmp_path: Path
) -> None:
    answer = boss.get("/findings.gpkg")
    assert (answer.status_code, answer.json["state"]) == (202, "waiting")
    here = answer.headers["Location"].removeprefix("/api/v1")
    assert boss.get(f"{here}/file").status_code == 409
    Worker(town, ticking(now)).run_all()
    told = boss.get(here).json
    assert (told["state"], told["done"], told["total"]) == ("done", 2, 2)
    (tmp_path / "f.gpkg").write_bytes(boss.get(told["file"].removeprefix("/api/v1")).get_data())
    assert len(pyogrio.read_dataframe(tmp_path / "f.gpkg")) == 2
    assert me.get(here).status_code == 404
    assert me.get(f"{here}/file").status_code == 404
    assert boss.get("/findings.gpkg").json["state"] == "done"


def test_a_kind_that_is_not_known_is_refused(me: Person) -> None:
    assert me.get("/findings.exe").status_code == 422
    assert me.get("/exports/0").status_code == 422
    assert me.get("/exports/99").status_code == 404
    assert me.get("/findings.csv?limit=3").status_code == 422


def test_coverage_is_ordered_in_each_kind_with_its_filters(
    me: Person, other: Person, boss: Person, town: Site, now: datetime
) -> None:
    me.put(f"/tracks/{uuid(1)}", json=track())
    asked = {"since": "2026-08-23T00:00:00+08:00", "shift": "day", "team": ""}
    there = {}
    for kind in ("csv", "geojson", "gpkg"):
        answer = boss.get(f"/coverage.{kind}", query_string=asked)
        assert (answer.status_code, answer.json["state"]) == (202, "waiting")
        there[kind] = answer.headers["Location"].removeprefix("/api/v1")
        assert boss.get(f"{there[kind]}/file").status_code == 409
    nothing = other.get("/coverage.csv").headers["Location"].removeprefix("/api/v1")
    Worker(town, ticking(now)).run_all()
    done = boss.get(there["csv"]).json
    assert done["state"] == "done"
    assert done["done"] > 0
    text = boss.get(f"{there['csv']}/file").get_data().decode("utf-8-sig")
    assert len(list(csv.DictReader(io.StringIO(text)))) == done["done"]
    assert len(json.loads(boss.get(f"{there['geojson']}/file").get_data())["features"]) == done["done"]
    with NamedTemporaryFile(suffix=".gpkg") as file:
        Path(file.name).write_bytes(boss.get(f"{there['gpkg']}/file").get_data())
        assert len(pyogrio.read_dataframe(file.name)) == done["done"]
    # a colleague sees neither the order nor what others walked
    assert other.get(there["csv"]).status_code == 404
    assert len(other.get(f"{nothing}/file").get_data().splitlines()) == 1
    wrong = boss.get("/coverage.csv", query_string={**asked, "shift": "noon"})
    assert wrong.status_code == 422
    assert wrong.json["error"]["field"] == "shift"
