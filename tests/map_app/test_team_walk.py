"""A walk given to a team: its people open it on their phones, nobody else's."""

from collections.abc import Callable
from datetime import datetime, timedelta
from xml.etree import ElementTree

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from layers import people, teams
from layers.field import findings, team_walks
from layers.people import Account
from layers.site import Site
from tests.conftest import report
from tests.map_app.conftest import HOSTILE

GPX = "{http://www.topografix.com/GPX/1/1}"


@pytest.fixture
def other(town: Site, now: datetime) -> Account:
    """Give an inspector of another team."""
    with town.store.write() as conn:
        made = people.create(conn, "li", "Li", "inspector", password=None, now=now)
        teams.join(conn, made.id, "二组", since=now, now=now, by=None)
    return made


@pytest.fixture
def given(
    enter: Callable[[Account], FlaskClient],
    supervisor: Account,
    inspector: Account,
    town: Site,
    now: datetime,
) -> TestResponse:
    """Give tomorrow's walk to the inspector's team."""
    with town.store.write() as conn:
        teams.join(conn, inspector.id, "一组", since=now, now=now, by=None)
    old = report(7, 300, 400, now, code="0110", note=HOSTILE, observed_at=now - timedelta(days=30))
    findings.put_many(town, inspector, [old], now=now)
    answer = give(enter(supervisor), now)
    assert answer.status_code == 303
    return answer


def give(client: FlaskClient, now: datetime, name: str = "一组") -> TestResponse:
    day = (now + timedelta(days=1)).date().isoformat()
    query = f"day={day}&begins=14:00&hours=1"
    text = client.get(f"/patrol-plan?{query}").get_data(as_text=True)
    token = text.split('csrf_token" value="')[1].split('"')[0]
    return client.post(f"/patrol-plan/give?{query}", data={"csrf_token": token, "name": name})


def number_of(town: Site, now: datetime) -> int:
    return team_walks.of_team(town, "一组", ending_after=now)[0].id


def test_a_team_opens_its_own_walk_street_by_street(
    given: TestResponse,
    enter: Callable[[Account], FlaskClient],
    inspector: Account,
    town: Site,
    now: datetime,
) -> None:
    text = enter(inspector).get("/walk").get_data(as_text=True)
    for said in ("一组", "14:00", "re-check", "淮东路", "As of", f"/files/walks/{number_of(town, now)}.gpx"):
        assert said in text
    assert HOSTILE not in text
    assert "nan" not in text


def test_the_file_has_the_way_with_times_and_the_re_check(
    given: TestResponse,
    enter: Callable[[Account], FlaskClient],
    inspector: Account,
    town: Site,
    now: datetime,
) -> None:
    answer = enter(inspector).get(f"/files/walks/{number_of(town, now)}.gpx")
    root = ElementTree.fromstring(answer.get_data())
    assert answer.content_type == "application/gpx+xml"
    assert len(root.findall(f"{GPX}trk/{GPX}trkseg/{GPX}trkpt")) > 2
    assert len(root.findall(f"{GPX}wpt")) == 1


@pytest.mark.usefixtures("given")
def test_another_team_sees_nothing_of_it_and_who_oversees_sees_all(
    enter: Callable[[Account], FlaskClient],
    other: Account,
    supervisor: Account,
    town: Site,
    now: datetime,
) -> None:
    number = number_of(town, now)
    stranger = enter(other)
    assert "No walk has been given to this team yet." in stranger.get("/walk").get_data(as_text=True)
    assert stranger.get(f"/walk?walk={number}").status_code == 404
    assert stranger.get(f"/files/walks/{number}.gpx").status_code == 404
    assert enter(supervisor).get(f"/walk?walk={number}").status_code == 200
    assert "You are in no team" in enter(supervisor).get("/walk").get_data(as_text=True)


def test_who_left_the_team_sees_it_no_more(
    given: TestResponse,
    enter: Callable[[Account], FlaskClient],
    inspector: Account,
    town: Site,
    now: datetime,
) -> None:
    with town.store.write() as conn:
        teams.join(conn, inspector.id, "二组", since=now, now=now, by=None)
    assert enter(inspector).get(f"/files/walks/{number_of(town, now)}.gpx").status_code == 404


def test_a_walk_given_again_replaces_the_first_and_an_unknown_team_is_refused(
    given: TestResponse,
    enter: Callable[[Account], FlaskClient],
    supervisor: Account,
    town: Site,
    now: datetime,
) -> None:
    first = number_of(town, now)
    give(enter(supervisor), now)
    assert [one.id > first for one in team_walks.of_team(town, "一组", ending_after=now)] == [True]
    assert give(enter(supervisor), now, name="nobody").status_code == 400


@pytest.mark.usefixtures("given")
def test_an_inspector_gives_no_walks(enter: Callable[[Account], FlaskClient], inspector: Account) -> None:
    client = enter(inspector)
    token = client.get("/walk").get_data(as_text=True).split('csrf_token" value="')[1].split('"')[0]
    assert client.post("/patrol-plan/give", data={"csrf_token": token, "name": "一组"}).status_code == 403
