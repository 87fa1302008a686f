"""The page of the patrol plan: its sheet, its file, and who may see it."""

from collections.abc import Callable
from datetime import datetime, timedelta
from xml.etree import ElementTree

import pytest
from flask.testing import FlaskClient

from layers.field import findings
from layers.people import Account
from layers.site import Site
from map_app import reason_words
from tests.conftest import report
from tests.map_app.conftest import HOSTILE

GPX = "{http://www.topografix.com/GPX/1/1}"


@pytest.fixture
def client(
    enter: Callable[[Account], FlaskClient],
    supervisor: Account,
    inspector: Account,
    town: Site,
    now: datetime,
) -> FlaskClient:
    """Give a supervisor's client in a town with a finding whose time is up."""
    old = report(7, 300, 400, now, code="0110", note=HOSTILE, observed_at=now - timedelta(days=30))
    findings.put_many(town, inspector, [old], now=now)
    return enter(supervisor)


def day(now: datetime) -> str:
    return (now + timedelta(days=1)).date().isoformat()


def test_the_sheet_says_where_when_and_why(client: FlaskClient, now: datetime) -> None:
    text = client.get(f"/patrol-plan?day={day(now)}&begins=14:00&hours=1").get_data(as_text=True)
    due = f"/findings/{report(7, 0, 0, now).uuid}"
    for expected in (f"{day(now)} 14:00", "Street by street", "淮东路", "Re-checks due", "As of", due):
        assert expected in text
    assert "nan" not in text


def test_the_file_is_a_walk_with_times_and_the_places_to_check(client: FlaskClient, now: datetime) -> None:
    answer = client.get(f"/files/patrol-plan.gpx?day={day(now)}&hours=1")
    assert answer.content_type == "application/gpx+xml"
    root = ElementTree.fromstring(answer.get_data())
    points = root.findall(f"{GPX}trk/{GPX}trkseg/{GPX}trkpt")
    times = [one.text for point in points for one in point.findall(f"{GPX}time")]
    assert len(points) > 2
    assert times == sorted(times)
    assert times[0] == f"{day(now)}T06:00:00Z"
    assert len(root.findall(f"{GPX}wpt")) == 1


def test_the_sheet_and_the_file_say_from_what_was_drawn_by_lot(client: FlaskClient, now: datetime) -> None:
    query = f"day={day(now)}&begins=14:00&hours=1"
    text = client.get(f"/patrol-plan?{query}").get_data(as_text=True)
    assert "each as likely as any other" in text
    assert "No honest sample" not in text
    root = ElementTree.fromstring(client.get(f"/files/patrol-plan.gpx?{query}").get_data())
    assert "each as likely as any other" in (root.findtext(f"{GPX}trk/{GPX}desc") or "")


def test_a_shift_without_a_sample_says_so_and_why() -> None:
    kept = {"n_blocks": 0, "length_m": 0.0, "share": 0.0, "school": False}
    assert reason_words.lot(kept) == (
        True,
        "none: no street is so near that there is time to go there, look and be back",
    )
    assert "the school before the bell" in reason_words.lot({**kept, "school": True})[1]
    few = {"n_blocks": 3, "length_m": 90.0, "share": 0.025, "school": False}
    assert reason_words.lot(few) == (True, "2.5 % of the shift only: too few streets are in reach")
    assert reason_words.lot({**few, "share": 0.08})[0] is False


def test_a_recheck_on_no_street_is_listed_with_its_reason(
    client: FlaskClient, town: Site, inspector: Account, now: datetime
) -> None:
    far = report(8, 9000, 9000, now, code="0110", observed_at=now - timedelta(days=30))
    findings.put_many(town, inspector, [far], now=now)
    text = client.get(f"/patrol-plan?day={day(now)}&hours=1").get_data(as_text=True)
    listed = text.split("Due, but no walk leads there")[1]
    assert f"/findings/{far.uuid}" in listed
    assert "lies on no known street" in listed


def test_what_cannot_be_is_named(client: FlaskClient) -> None:
    for query in (
        "day=soon",
        "begins=noon",
        "hours=much",
        "hours=99",
        "teams=0",
        "teams=x",
        "district=999999",
    ):
        answer = client.get(f"/patrol-plan?{query}")
        assert answer.status_code == 400, query
    assert client.get("/files/patrol-plan.gpx?teams=1&team=2").status_code == 400


def test_an_inspector_plans_nothing(enter: Callable[[Account], FlaskClient], inspector: Account) -> None:
    assert enter(inspector).get("/patrol-plan").status_code == 403
    assert enter(inspector).get("/files/patrol-plan.gpx").status_code == 403
