"""What a person with QGIS sees: layers with words, in both stores."""

import shutil
import subprocess
from datetime import datetime, timedelta
from xml.etree import ElementTree

import pytest
from sqlalchemy import make_url, text

from layers import forgetting
from layers.city.taxonomy import Category, name_for_site
from layers.field import check_withdrawals, checks, decisions, edits, findings
from layers.field.checks import Check
from layers.field.reports import Position
from layers.people import Account
from layers.site import Site
from layers.store import styles, views
from tests.conftest import at, report

PLACED, DOUBTFUL, OUTSIDE, WITHDRAWN = (report(n, 0, 0, datetime.now()).uuid for n in (1, 2, 3, 4))


@pytest.fixture
def lived_in(town: Site, inspector: Account, now: datetime) -> Site:
    """Give the town a finding along a street, one at a crossing, one far from all, one withdrawn."""
    places = [(1, 300, 204), (2, 205, 205), (3, 5000, 5000), (4, 500, 204)]
    reports = [report(n, x, y, now) for n, x, y in places]
    findings.put_many(town, inspector, reports, now=now)
    edits.withdraw(town, inspector, WITHDRAWN, now=now)
    return town


def seen(site: Site, view: str, key: str) -> dict[str, dict[str, object]]:
    with site.store.read() as conn:
        return {row[key]: dict(row) for row in conn.execute(text(f"SELECT * FROM {view}")).mappings()}


def test_findings_show_words_and_what_became_of_them(
    lived_in: Site, inspector: Account, supervisor: Account, now: datetime
) -> None:
    found = seen(lived_in, "findings_view", "uuid")
    assert {uuid: row["status"] for uuid, row in found.items()} == {
        PLACED: "placed",
        DOUBTFUL: "in_doubt",
        OUTSIDE: "outside",
        WITHDRAWN: "withdrawn",
    }
    one = found[PLACED]
    assert (one["category_zh"], one["category_en"]) == ("占道经营", "trading on the road")
    assert (one["class_zh"], one["status_zh"]) == ("街面秩序", "已定位")
    assert (one["street"], one["street_class"], one["subdistrict"]) == (
        "光荣道",
        "residential",
        "果园新村街道",
    )
    assert one["block_length_m"] == pytest.approx(200, abs=0.1)
    assert one["units_zh"]
    assert (one["reported_by"], one["n_photos"]) == (inspector.name, 0)


def test_a_decision_of_a_person_counts_before_the_placement(
    lived_in: Site, supervisor: Account, now: datetime
) -> None:
    second = decisions.candidates(lived_in, DOUBTFUL)["block_id"][1]
    key = decisions.decide(lived_in, supervisor, DOUBTFUL, second, reason="见照片", now=now)
    one = seen(lived_in, "findings_view", "uuid")[DOUBTFUL]
    assert (one["status"], one["block_id"], one["decision_reason"]) == ("decided", second, "见照片")
    assert one["decided_by"] == supervisor.name
    decisions.take_back(lived_in, supervisor, DOUBTFUL, key, now=now + timedelta(minutes=1))
    assert seen(lived_in, "findings_view", "uuid")[DOUBTFUL]["status"] == "in_doubt"


def test_names_that_the_site_gave_are_shown(lived_in: Site) -> None:
    with lived_in.store.write() as conn:
        own = Category("gbt30428-2013-event", "0406", "乱摆摊", "stalls", "behaviour")
        name_for_site(conn, [own])
    assert seen(lived_in, "findings_view", "uuid")[PLACED]["category_zh"] == "乱摆摊"


def test_streets_places_and_areas_are_there_once(lived_in: Site) -> None:
    blocks = seen(lived_in, "blocks_view", "block_id")
    assert len(blocks) == len(lived_in.network.index.block_id)
    assert sum(int(str(row["n_findings"])) for row in blocks.values()) == 2
    places = seen(lived_in, "key_points_view", "source_id")
    assert places["w100"]["kind_zh"] == "小学"
    areas = seen(lived_in, "districts_view", "name")
    assert areas["果园新村街道"]["level_zh"] == "街道、镇"


def for_gdal(site: Site) -> str:
    """Return how GDAL names the store."""
    if site.store.is_geopackage:
        return str(site.settings.store_place)
    url = make_url(str(site.settings.store_url))
    schema = str(url.query["options"]).split("=")[1].split(",")[0]
    said = {"dbname": url.database, "host": url.host, "port": url.port, "user": url.username}
    said |= {"password": url.password, "active_schema": schema}
    return "PG:" + " ".join(f"{name}={value}" for name, value in said.items())


@pytest.mark.parametrize("view", views.VIEWS)
def test_each_view_is_a_layer_that_gdal_draws(lived_in: Site, view: str) -> None:
    ogrinfo = shutil.which("ogrinfo")
    if ogrinfo is None:
        pytest.skip("no ogrinfo on this machine")
    with lived_in.store.read() as conn:
        n = conn.execute(text(f"SELECT count(*) FROM {view}")).scalar_one()
    command = [ogrinfo, "-ro", "-al", "-so", for_gdal(lived_in), view]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert f"Feature Count: {n}" in done.stdout
    assert 'ID["EPSG",4326]' in done.stdout


@pytest.mark.parametrize("view", views.VIEWS)
def test_postgis_knows_kind_and_frame_of_each_view(lived_in: Site, view: str) -> None:
    if lived_in.store.is_geopackage:
        pytest.skip("only PostGIS keeps this list by itself")
    asked = "SELECT type, srid FROM geometry_columns WHERE f_table_name = :view"
    with lived_in.store.read() as conn:
        kinds = conn.execute(text(asked), {"view": view}).all()
    assert set(map(tuple, kinds)) == {(views.VIEWS[view][0], 4326)}


def test_findings_have_a_style_and_a_style_of_the_people_s_own_stays(lived_in: Site, now: datetime) -> None:
    asked = "SELECT styleQML, useAsDefault FROM layer_styles WHERE f_table_name = 'findings_view'"
    with lived_in.store.write() as conn:
        ((qml, default),) = conn.execute(text(asked)).all()
        styles.keep(conn, "findings_view", "status", views.STATUSES)
        assert len(conn.execute(text(asked)).all()) == 1
    labels = [one.attrib["label"] for one in ElementTree.fromstring(qml).iter("category")]
    assert default
    assert labels == [name for name, _ in views.STATUSES.values()]


def test_who_is_forgotten_is_not_named_in_a_view(lived_in: Site, inspector: Account, now: datetime) -> None:
    forgetting.erase(lived_in, inspector.id, by=None, now=now)
    names = {row["reported_by"] for row in seen(lived_in, "findings_view", "uuid").values()}
    assert inspector.name not in names


def test_checks_show_whether_they_count(
    lived_in: Site, inspector: Account, supervisor: Account, now: datetime
) -> None:
    for uuid, east, north in ((PLACED, 300, 204), (DOUBTFUL, 200, 200), (WITHDRAWN, 500, 204)):
        lon, lat = at(east, north)
        position = Position(x=lon, y=lat, frame="wgs84", accuracy_m=9, accuracy_kind="r68")
        checks.put(lived_in, inspector, Check(uuid=uuid, observed_at=now, position=position), now=now)
    check_withdrawals.withdraw(lived_in, supervisor, WITHDRAWN, reason="点错路段", now=now)
    found = seen(lived_in, "checks_view", "uuid")
    assert {uuid: row["status"] for uuid, row in found.items()} == {
        PLACED: "counts",
        DOUBTFUL: "in_doubt",
        WITHDRAWN: "withdrawn",
    }
    assert (found[PLACED]["street"], found[PLACED]["status_zh"]) == ("光荣道", "计入巡查")
    one = found[WITHDRAWN]
    assert (one["withdrawn_by"], one["withdrawn_reason"]) == (supervisor.name, "点错路段")
