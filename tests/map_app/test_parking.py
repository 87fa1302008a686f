"""Parking in numbers: both lists, one street over its weeks, what a measure changed, the files."""

import csv
import io
import sqlite3
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import geopandas as gpd
import pandas as pd
import pyogrio
import pytest
import shapely
from flask.testing import FlaskClient

from layers.city import key_points
from layers.field import findings
from layers.people import Account
from layers.site import Site
from tests.conftest import EAST_WEST, in_town, report
from tests.layers.analysis.test_hotspots import walk_everywhere
from tests.map_app.conftest import HOSTILE


@pytest.fixture(autouse=True)
def car_park(town: Site, places: gpd.GeoDataFrame, gates: gpd.GeoDataFrame, now: datetime) -> None:
    """Put a car park beside the school's gate."""
    lot = gpd.GeoDataFrame(
        {"source_id": ["lot"], "kind": ["parking"], "name": ["停车场"]},
        geometry=in_town([shapely.box(110, 10, 160, 60)]),
        crs="EPSG:4326",
    )
    everything = gpd.GeoDataFrame(pd.concat([places, lot], ignore_index=True), crs="EPSG:4326")
    key_points.replace(town, "town", everything, gates, now=now)


@pytest.fixture
def client(
    enter: Callable[[Account], FlaskClient],
    supervisor: Account,
    inspector: Account,
    town: Site,
    now: datetime,
) -> FlaskClient:
    """Give a supervisor's client where cars stand on two streets, week after week, most before the school."""
    for week in range(4):
        walk_everywhere(town, inspector, now - timedelta(days=7 * week), first=1000 + 100 * week)
    cars = [
        report(
            10 * week + n,
            x,
            y,
            now,
            code="0409",
            n_items=n_items,
            note=HOSTILE,
            observed_at=now - timedelta(days=7 * week),
        )
        for week in range(4)
        for n, (x, y, n_items) in enumerate(((70, 3, 5), (71, 3, 5), (500, 803, 1), (502, 803, 1)), 1)
    ]
    findings.put_many(town, inspector, cars, now=now)
    return enter(supervisor)


def street_of(town: Site, name: str) -> str:
    blocks = town.network.blocks
    return str(blocks.loc[blocks["name"] == name, "street_id"].iloc[0])


def test_the_page_ranks_where_to_paint_and_where_to_tow_and_says_what_it_rests_on(
    client: FlaskClient,
) -> None:
    text = client.get("/parking").get_data(as_text=True)
    paint, tow = text.index("Where to paint bays · 1"), text.index("Where to tow · 1")
    assert paint < text.index(EAST_WEST[4], paint) < tow < text.index(EAST_WEST[0], tow)
    for said in (
        "Tow only where",
        "per km and",
        "Period",
        "Effort",
        "As of",
        "Missing or assumed",
        "4 of 4",
        "persistent",
        "/hotspots/",
    ):
        assert said in text
    assert "nan" not in text
    assert 'class="strip small"' in text


def test_other_vehicles_and_other_times_have_pages_without_places(client: FlaskClient, now: datetime) -> None:
    for query in ("vehicle=bicycle", f"until={(now - timedelta(days=200)).date()}"):
        text = client.get(f"/parking?{query}").get_data(as_text=True)
        assert "Where to tow · 0" in text
        assert "nan" not in text


def test_a_street_tells_its_weeks_its_sides_and_leads_to_its_stretch(client: FlaskClient, town: Site) -> None:
    text = client.get(f"/parking/streets/{street_of(town, EAST_WEST[4])}").get_data(as_text=True)
    assert EAST_WEST[4] in text
    assert "Weeks with vehicles" in text
    assert text.count("<g><title>") >= 4
    assert "category=gbt30428-2013-event.0409" in text
    assert client.get("/parking/streets/none").status_code == 404


def test_before_and_after_is_told_for_street_and_ring_or_nothing_is_claimed(
    client: FlaskClient, town: Site, now: datetime
) -> None:
    address = f"/parking/streets/{street_of(town, EAST_WEST[4])}"
    thin = client.get(f"{address}?acted_on={(now - timedelta(days=10)).date()}").get_data(as_text=True)
    assert "Nothing can be said: this street was passed fewer than 3 times" in thin
    early = client.get(f"{address}?acted_on={(now - timedelta(days=100)).date()}").get_data(as_text=True)
    assert "Nothing can be said: no tracks are known" in early
    assert client.get(f"{address}?acted_on=soon").status_code == 400


def test_the_table_of_streets_is_a_sheet_and_layers_for_a_map(client: FlaskClient, tmp_path: Path) -> None:
    answer = client.get("/files/parking.csv")
    rows = list(csv.reader(io.StringIO(answer.get_data().decode("utf-8-sig"))))
    assert rows[0][:2] == ["Id", "Street"]
    assert {row[1] for row in rows[1:]} >= {EAST_WEST[0], EAST_WEST[4]}
    path = tmp_path / "parking.gpkg"
    path.write_bytes(client.get("/files/parking.gpkg").get_data())
    assert {name for name, _ in pyogrio.list_layers(path)} == {"streets", "blocks", "paint", "tow"}
    assert gpd.read_file(path, layer="tow")["advice"].tolist() == ["tow"]
    with sqlite3.connect(path) as store:
        said = dict(store.execute("SELECT table_name, description FROM gpkg_contents"))
    assert "Places where to tow" in said["tow"]
    for words in said.values():
        assert "Period: " in words
        assert "As of: " in words
    assert client.get("/files/parking.exe").status_code == 404


def test_inspectors_have_no_overview(enter: Callable[[Account], FlaskClient], inspector: Account) -> None:
    for path in ("/parking", "/files/parking.csv", "/parking/streets/x"):
        assert enter(inspector).get(path).status_code == 403
