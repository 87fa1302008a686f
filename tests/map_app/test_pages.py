"""Pages and their data as HTTP answers, on both stores."""

import gzip
import json
from collections.abc import Callable
from datetime import datetime, timedelta
from html import unescape
from io import BytesIO

import morecantile
import numpy as np
import pytest
from flask.testing import FlaskClient
from PIL import Image

from layers import language, people
from layers.field import findings, photos
from layers.people import Account
from layers.site import Site
from map_app import subjects
from map_app.words import probability
from tests.conftest import add_account, at, report
from tests.field_api.test_photos import jpeg
from tests.map_app.conftest import HOSTILE

PAGES = ("/", "/findings", "/field", *(f"/maps/{name.replace('_', '-')}" for name in subjects.NAMES))


@pytest.fixture
def client(
    enter: Callable[[Account], FlaskClient],
    supervisor: Account,
    inspector: Account,
    town: Site,
    now: datetime,
) -> FlaskClient:
    """Give a supervisor's client in a town with three findings."""
    reports = [
        report(1, 300, 2, now),
        report(2, 70, 130, now, code="0201", observed_at=now - timedelta(days=40), note=HOSTILE),
        report(3, 5000, 5000, now, code="0110"),
    ]
    findings.put_many(town, inspector, reports, now=now)
    return enter(supervisor)


def test_every_page_names_no_foreign_host(client: FlaskClient) -> None:
    for path in (*PAGES, f"/findings/{report(1, 0, 0, datetime.now()).uuid}"):
        answer = client.get(path)
        assert answer.status_code == 200, path
        text = answer.get_data(as_text=True)
        assert "http://" not in text, path
        assert "https://" not in text, path


def test_a_site_without_streets_still_has_its_pages(
    enter: Callable[[Account], FlaskClient], inspector: Account
) -> None:
    client = enter(inspector)
    for path in PAGES:
        assert client.get(path).status_code == 200, path
    assert client.get("/data/maps/findings").status_code == 200
    assert client.get("/data/maps/density").status_code == 404
    assert client.get("/data/maps/density").json["message"]


@pytest.mark.parametrize("name", subjects.NAMES)
def test_each_map_says_what_it_is_based_on(client: FlaskClient, name: str) -> None:
    answer = client.get(f"/data/maps/{name}").json
    basis = [label for label, _ in answer["basis"]]
    assert {"Streets", "As of", "Missing or assumed"} <= set(basis)
    if name != "coverage":
        assert {"Period", "Findings", "On a street", "Outside the streets", "Position error assumed"} <= set(
            basis
        )
    assert answer["headline"]


def test_counts_are_never_called_hotspots_and_say_that_effort_is_not_in_them(client: FlaskClient) -> None:
    for path in ("/maps/density", "/maps/heat?show=counts"):
        # the head of every page leads to the hotspots
        text = client.get(path).get_data(as_text=True).split("<main", 1)[1].split("<script", 1)[0]
        assert "not corrected for patrol effort" in text
        assert "hotspot" not in text.lower()


def test_filters_narrow_every_map(client: FlaskClient, town: Site, now: datetime) -> None:
    def n(query: str) -> int:
        return len(client.get(f"/data/maps/findings?{query}").json["layer"]["number"])

    today = now.astimezone(town.settings.zone).date()
    west = town.districts.frame.query("name == '西社区'")["fid"].iloc[0]
    assert n("") == 3
    assert n("category=gbt30428-2013-event.0201") == 1
    assert n("category=gbt30428-2013-event.01.*") == 1
    assert n(f"from={today}") == 2
    assert n(f"until={today - timedelta(days=1)}") == 1
    assert n(f"district={west}") == 2
    assert n(f"from={today}&district={west}&category=gbt30428-2013-event.0406") == 1


@pytest.mark.parametrize(
    "query",
    ["from=yesterday", "district=west", "category=x", "category=a.b.*", "from=2026-02-01&until=2026-01-01"],
)
def test_a_filter_that_makes_no_sense_is_named(client: FlaskClient, query: str) -> None:
    answer = client.get(f"/data/maps/findings?{query}")
    assert answer.status_code == 400
    assert answer.json["message"]
    assert client.get(f"/findings?{query}").status_code == 400


def test_a_hostile_note_is_text_on_every_page(client: FlaskClient) -> None:
    uuid = report(2, 0, 0, datetime.now()).uuid
    for path in ("/", "/findings", f"/findings/{uuid}"):
        text = client.get(path).get_data(as_text=True)
        assert "<img src=x" not in text
        assert HOSTILE in unescape(text)


def test_the_page_of_a_finding_tells_where_how_sure_and_what_happened(
    client: FlaskClient, town: Site, inspector: Account, now: datetime
) -> None:
    uuid = report(1, 0, 0, now).uuid
    _, photo = photos.attach(town, inspector, uuid, jpeg(), now=now)
    text = unescape(client.get(f"/findings/{uuid}").get_data(as_text=True))
    placed = findings.get(town, uuid).placement
    assert placed is not None
    assert placed.p_block is not None
    for expected in ("北仓道", probability(placed.p_block), "普育小学", "西社区", "Zhang", photo.sha256):
        assert expected in text
    picture = client.get(f"/findings/{uuid}/photos/{photo.sha256}")
    assert (picture.status_code, picture.mimetype) == (200, "image/jpeg")
    assert b"SecretPhone" not in picture.get_data()
    other = report(2, 0, 0, now).uuid
    assert client.get(f"/findings/{other}/photos/{photo.sha256}").status_code == 404


def test_tiles_come_in_pieces(client: FlaskClient, town: Site) -> None:
    page = client.get("/maps/findings").get_data(as_text=True)
    address = page.split('"blocks": {"key": null, "url": "')[1].split('"')[0]
    whole = client.get(address).get_data()
    assert whole[:7] == b"PMTiles"
    piece = client.get(address, headers={"Range": "bytes=0-126"})
    assert (piece.status_code, piece.get_data()) == (206, whole[:127])
    assert piece.headers["Content-Range"] == f"bytes 0-126/{len(whole)}"
    assert client.get("/tiles/base/..%2Fsite.gpkg").status_code == 404
    assert client.get("/tiles/base/site.gpkg").status_code == 404


def test_heat_tiles_are_pictures_where_there_are_findings_and_nothing_elsewhere(client: FlaskClient) -> None:
    tiles = client.get("/data/maps/heat").json["layer"]["tiles"]
    here = morecantile.tms.get("WebMercatorQuad").tile(*at(300, 2), 15)
    picture = client.get(tiles.format(z=15, x=here.x, y=here.y))
    assert (picture.status_code, picture.mimetype) == (200, "image/png")
    pixels = np.asarray(Image.open(BytesIO(picture.get_data())))
    assert pixels.shape == (256, 256, 4)
    assert 0 < (pixels[..., 3] > 0).mean() < 1
    assert client.get(tiles.format(z=12, x=0, y=0)).status_code == 204
    for bad in (tiles.format(z=2, x=4, y=0), tiles.format(z=25, x=0, y=0), tiles.replace("heat-", "heat-0")):
        assert client.get(bad.format(z=12, x=0, y=0)).status_code == 404


def test_large_answers_are_packed_for_browsers_that_can_unpack(
    client: FlaskClient, town: Site, inspector: Account, now: datetime
) -> None:
    many = [report(n, 7 * n % 800, 11 * n % 800, now) for n in range(10, 210)]
    findings.put_many(town, inspector, many, now=now)
    packed = client.get("/data/maps/findings", headers={"Accept-Encoding": "gzip"})
    plain = client.get("/data/maps/findings")
    assert packed.headers["Content-Encoding"] == "gzip"
    assert json.loads(gzip.decompress(packed.get_data()))["layer"] == plain.json["layer"]


def test_the_other_language_stays_chosen(client: FlaskClient) -> None:
    text = client.get("/findings").get_data(as_text=True)
    assert "List of findings" in text
    token = text.split('csrf_token" value="')[1].split('"')[0]
    data = {"csrf_token": token, "language": "zh", "back": "/findings?category="}
    answer = client.post("/language", data=data)
    assert answer.headers["Location"] == "/findings?category="
    assert "问题列表" in client.get("/findings").get_data(as_text=True)
    language.choose("zh")


def test_unknown_addresses_and_records_are_told_in_the_readers_language(client: FlaskClient) -> None:
    for path in ("/nothing", "/findings/not-a-uuid"):
        answer = client.get(path)
        assert answer.status_code == 404
        assert "<h1>" in answer.get_data(as_text=True)
    assert client.get("/data/maps/nothing").json["message"] == "There is nothing at this address"
    assert client.get("/data/blocks/99999").status_code == 404


def test_a_block_tells_its_findings_and_its_patrols(client: FlaskClient, town: Site) -> None:
    layer = client.get("/data/maps/density").json["layer"]
    card = client.get(f"/data/blocks/{layer['number'][0]}?category=").json
    assert card["title"]
    assert [label for label, _ in card["rows"]][-1] == "Last inspected"
    assert client.get(card["url"]).status_code == 200


def test_the_start_page_shows_what_is_late_to_who_has_to_act(
    town: Site, enter: Callable[[Account], FlaskClient], inspector: Account, now: datetime
) -> None:
    old = report(1, 300, 204, now, code="0107", observed_at=now - timedelta(days=12))
    findings.put(town, inspector, old, now=now)
    for code, sees in (("0107", True), ("0406", False)):
        unit = add_account(town, f"unit-{code}", "unit", now)
        only = people.Scope(categories=(("gbt30428-2013-event", code),))
        with town.store.write() as conn:
            people.limit(conn, unit.id, only, by=None, now=now)
        text = enter(unit).get("/").get_data(as_text=True)
        assert ("past its limit" in text, f"/findings/{old.uuid}" in text) == (sees, sees)
        assert ("subdistrict enforcement team" in text) == sees
