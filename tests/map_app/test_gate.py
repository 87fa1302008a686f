"""Who may come in: strangers nowhere, inspectors to their own, and no form from elsewhere."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.routing import Rule

from layers import people, tokens
from layers.field import findings
from layers.people import Account
from layers.site import Site
from layers.store.schema import district
from map_app.pages.gate import OPEN
from tests.conftest import report

Enter = Callable[[Account], FlaskClient]
VALUES = {"uuid": "00000000-0000-4000-8000-000000000001", "sha256": "0" * 64, "filename": "app.css"}


def address(app: Flask, rule: Rule) -> str:
    values = {
        name: VALUES.get(name, "x" if name in ("name", "key") else "1") for name in rule.arguments
    } | dict(rule.defaults or {})
    with app.test_request_context():
        return app.url_map.bind("localhost").build(rule.endpoint, values, force_external=False)


@pytest.fixture
def csrf(enter: Enter) -> Callable[[FlaskClient], str]:
    def found(client: FlaskClient) -> str:
        text = client.get("/findings").get_data(as_text=True)
        return text.split('name="csrf_token" value="')[1].split('"')[0]

    return found


def test_a_stranger_gets_in_nowhere_but_at_the_door(app: Flask, town: Site) -> None:
    open_ones, shut = set(), 0
    for rule in app.url_map.iter_rules():
        for method in (rule.methods or set()) & {"GET", "POST", "PUT", "DELETE"}:
            answer = app.test_client().open(address(app, rule), method=method)
            if rule.endpoint in OPEN:
                open_ones.add(rule.endpoint)
                continue
            shut += 1
            refused = answer.status_code in (400, 401)
            sent_to_door = answer.status_code == 302 and answer.headers["Location"].startswith("/login")
            assert refused or sent_to_door, f"{method} {rule.rule}: {answer.status}"
    assert open_ones == set(OPEN)
    assert shut > 15


def test_every_answer_tells_the_browser_what_it_may_do(app: Flask, enter: Enter, supervisor: Account) -> None:
    for client, path in ((app.test_client(), "/login"), (enter(supervisor), "/"), (enter(supervisor), "/x")):
        headers = client.get(path).headers
        policy = headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["X-Frame-Options"] == "DENY"


def test_the_nonce_is_new_for_each_answer_and_on_each_inline_script(
    enter: Enter, supervisor: Account
) -> None:
    client = enter(supervisor)
    nonces = set()
    for _ in range(2):
        answer = client.get("/maps/findings")
        nonce = answer.headers["Content-Security-Policy"].split("'nonce-")[1].split("'")[0]
        text = answer.get_data(as_text=True)
        for part in text.split("<script")[1:]:
            tag = part.split(">")[0]
            assert "src=" in tag or f'nonce="{nonce}"' in tag
        assert " style=" not in text
        assert " onclick" not in text
        nonces.add(nonce)
    assert len(nonces) == 2


def test_login_takes_the_right_password_only(app: Flask, town: Site, now: datetime) -> None:
    with town.store.write() as conn:
        people.create(conn, "chen", "陈", "supervisor", password="four words make one", now=now)
    client = app.test_client()
    token = client.get("/login").get_data(as_text=True).split('csrf_token" value="')[1].split('"')[0]
    wrong = client.post("/login", data={"csrf_token": token, "login": "chen", "password": "guess"})
    assert wrong.status_code == 401
    assert "guess" not in wrong.get_data(as_text=True)
    right = {"csrf_token": token, "login": "chen", "password": "four words make one"}
    entered = client.post("/login?next=/maps/heat", data=right)
    assert (entered.status_code, entered.headers["Location"]) == (302, "/maps/heat")
    assert client.get("/").status_code == 200
    out = client.post("/logout", data={"csrf_token": csrf_of(client)})
    assert out.status_code == 302
    assert client.get("/").status_code == 302


def csrf_of(client: FlaskClient) -> str:
    return client.get("/").get_data(as_text=True).split('csrf_token" value="')[1].split('"')[0]


@pytest.mark.parametrize(
    "elsewhere",
    [
        "https://evil.example/",
        "//evil.example/",
        "/\\evil.example",
        "javascript:alert(1)",
        "\\\\evil.example",
    ],
)
def test_login_never_leads_to_another_server(app: Flask, town: Site, now: datetime, elsewhere: str) -> None:
    with town.store.write() as conn:
        people.create(conn, "chen", "陈", "supervisor", password="four words make one", now=now)
    client = app.test_client()
    token = client.get("/login").get_data(as_text=True).split('csrf_token" value="')[1].split('"')[0]
    data = {"csrf_token": token, "login": "chen", "password": "four words make one"}
    answer = client.post("/login", query_string={"next": elsewhere}, data=data)
    assert answer.headers["Location"] == "/"


def test_guessing_is_slowed_down_for_one_login_and_others_may_still_come_in(
    app: Flask, town: Site, now: datetime
) -> None:
    with town.store.write() as conn:
        people.create(conn, "chen", "陈", "supervisor", password="four words make one", now=now)
    client = app.test_client()
    token = client.get("/login").get_data(as_text=True).split('csrf_token" value="')[1].split('"')[0]

    def attempt(login: str, password: str) -> int:
        data = {"csrf_token": token, "login": login, "password": password}
        return client.post("/login", data=data).status_code

    assert [attempt("nobody", "guess") for _ in range(11)] == [401] * 10 + [429]
    assert attempt("NOBODY", "guess") == 429
    assert attempt("chen", "four words make one") == 302


def test_a_form_without_its_token_changes_nothing(enter: Enter, supervisor: Account) -> None:
    client = enter(supervisor)
    for path in ("/logout", "/language", "/field/token"):
        assert client.post(path, data={"language": "zh"}).status_code == 400
    assert client.get("/").status_code == 200


def test_a_disabled_account_is_out_at_once(
    enter: Enter, supervisor: Account, town: Site, now: datetime
) -> None:
    client = enter(supervisor)
    assert client.get("/").status_code == 200
    with town.store.write() as conn:
        people.disable(conn, supervisor.id, by=None, now=now)
    assert client.get("/").status_code == 302


def test_an_inspector_sees_only_what_they_reported(
    enter: Enter, town: Site, inspector: Account, colleague: Account, supervisor: Account
) -> None:
    now = datetime(2026, 8, 23, 8, tzinfo=UTC)
    mine, theirs = report(1, 100, 200, now, note="my own"), report(2, 300, 200, now, note="not yours")
    findings.put(town, inspector, mine, now=now)
    findings.put(town, colleague, theirs, now=now)
    client = enter(inspector)
    assert client.get(f"/findings/{mine.uuid}").status_code == 200
    assert client.get(f"/findings/{theirs.uuid}").status_code == 404
    listed = client.get("/findings").get_data(as_text=True)
    assert "my own" in listed
    assert "not yours" not in listed
    assert len(client.get("/data/maps/findings").json["layer"]["number"]) == 1
    assert len(enter(supervisor).get("/data/maps/findings").json["layer"]["number"]) == 2
    number = findings.get(town, theirs.uuid).fid
    assert client.get(f"/data/findings/{number}").status_code == 404
    assert enter(supervisor).get(f"/data/findings/{number}").status_code == 200


def test_the_token_for_the_phone_page_is_the_visitors_own(
    enter: Enter, inspector: Account, town: Site, now: datetime
) -> None:
    client = enter(inspector)
    answer = client.post("/field/token", headers={"X-CSRFToken": csrf_of(client)})
    with town.store.read() as conn:
        assert tokens.bearer(conn, answer.json["token"], now=now).account == inspector
    assert answer.headers["Cache-Control"] == "no-store"


def test_a_unit_is_shown_what_lies_in_its_areas_and_no_hotspots_of_the_whole_city(
    town: Site, enter: Enter, inspector: Account, now: datetime
) -> None:
    findings.put_many(town, inspector, [report(1, 90, 205, now), report(2, 590, 205, now)], now=now)
    with town.store.write() as conn:
        unit = people.create(conn, "unit", "园林", "unit", password=None, now=now)
        west = conn.execute(select(district.c.fid).where(district.c.name == "西社区")).scalar_one()
    client = enter(unit)
    own, other = (report(number, 0, 0, now).uuid for number in (1, 2))
    assert own not in client.get("/findings").get_data(as_text=True)
    with town.store.write() as conn:
        people.limit(conn, unit.id, people.Scope((west,)), by=None, now=now)
    listed = client.get("/findings").get_data(as_text=True)
    assert own in listed
    assert other not in listed
    assert client.get(f"/findings/{own}").status_code == 200
    assert client.get(f"/findings/{other}").status_code == 404
    assert "/maps/hotspots" not in client.get("/").get_data(as_text=True)
    assert client.get("/data/maps/hotspots").status_code == 403
    for path in ("/arbitration", "/duplicates", "/school-surroundings", "/field", "/accounts"):
        assert client.get(path).status_code == 403
