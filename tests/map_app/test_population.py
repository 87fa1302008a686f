"""The page of the population: a raster is handed in, read by a worker, covers what it says, is taken back."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from layers import people
from layers.city import population
from layers.people import Account
from layers.site import Site
from layers.worker import Worker
from tests.layers.importing.test_population import raster


@pytest.fixture
def client(enter: Callable[[Account], FlaskClient], town: Site, now: datetime) -> FlaskClient:
    with town.store.write() as conn:
        return enter(people.create(conn, "chief", "Chief", "admin", password=None, now=now))


def sent(client: FlaskClient, path: str, **fields: object) -> TestResponse:
    text = client.get("/population").get_data(as_text=True)
    token = text.split('csrf_token" value="')[1].split('"')[0]
    return client.post(path, data={"csrf_token": token, **fields})


def handed_in(client: FlaskClient, town: Site, path: Path, now: datetime) -> str:
    with path.open("rb") as stream:
        answer = sent(
            client,
            "/population",
            file=(stream, path.name),
            source="Count",
            attribution="WorldPop, <i>CC BY 4.0</i>",
        )
    assert answer.status_code == 303
    Worker(town, lambda: now).run_all()
    return client.get("/population").get_data(as_text=True)


def test_a_raster_is_read_by_a_worker_and_the_page_says_what_it_covers(
    client: FlaskClient, town: Site, now: datetime, tmp_path: Path
) -> None:
    text = handed_in(client, town, raster(tmp_path / "people.tif"), now)
    for said in ("people.tif: done", "Count", "WGS 84", "Streets inside", "100.0 %", "As of", "西社区"):
        assert said in text
    assert "<i>CC" not in text
    assert "nan" not in text


def test_what_is_no_raster_is_refused_at_once_and_a_useless_one_with_its_reason(
    client: FlaskClient, town: Site, now: datetime, tmp_path: Path
) -> None:
    bad = tmp_path / "people.tif"
    bad.write_text("<VRTDataset/>")
    with bad.open("rb") as stream:
        assert sent(client, "/population", file=(stream, "people.tif")).status_code == 400
    text = handed_in(client, town, raster(tmp_path / "empty.tif", people=0.0), now)
    assert "failed" in text
    assert "holds nobody near the site" in text
    with town.store.read() as conn:
        assert not population.is_known(conn)


def test_the_one_before_is_in_force_again_when_one_is_taken_back(
    client: FlaskClient, town: Site, now: datetime, tmp_path: Path
) -> None:
    handed_in(client, town, raster(tmp_path / "first.tif"), now)
    handed_in(client, town, raster(tmp_path / "second.tif", people=200.0), now)
    with town.store.read() as conn:
        first, second = sorted(one.id for one in population.every(conn))
    assert sent(client, f"/population/{second}/take-back").status_code == 303
    with town.store.read() as conn:
        known = population.newest(conn)
    assert known is not None
    assert known.id == first
    assert sent(client, f"/population/{second}/take-back").status_code == 409
    assert "Undone" in client.get("/population").get_data(as_text=True)


def test_only_an_administrator_changes_the_population(
    enter: Callable[[Account], FlaskClient], supervisor: Account
) -> None:
    assert enter(supervisor).get("/population").status_code == 403
