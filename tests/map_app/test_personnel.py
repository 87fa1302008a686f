"""What an administrator does to accounts, and a person to his own: roles, passwords, sessions."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient

from layers import history, people
from layers.errors import ConflictError, UnauthorisedError
from layers.people import Account
from layers.site import Site
from tests.conftest import add_account
from tests.map_app.conftest import PASSWORD, City, Watched
from tests.map_app.test_gate import csrf_of

Enter = Callable[[Account], FlaskClient]
NEW = "another four words"


@pytest.fixture
def admin(town: Site, now: datetime) -> Account:
    return add_account(town, "chief", "admin", now)


@pytest.fixture
def post(enter: Enter, admin: Account) -> Callable[..., tuple[int, str]]:
    """Send a form as the administrator; return the status and the page."""
    client = enter(admin)
    token = csrf_of(client)

    def sent(path: str, **form: str) -> tuple[int, str]:
        answer = client.post(path, data={"csrf_token": token, **form})
        return answer.status_code, answer.get_data(as_text=True)

    return sent


@pytest.fixture
def chen(town: Site, now: datetime) -> Account:
    with town.store.write() as conn:
        return people.create(conn, "chen", "陈", "supervisor", password=PASSWORD, now=now)


def come_in(app: Flask, password: str, login: str = "chen") -> tuple[FlaskClient, int]:
    client = app.test_client()
    text = client.get("/login").get_data(as_text=True)
    data = {"csrf_token": text.split('csrf_token" value="')[1].split('"')[0], "login": login}
    answer = client.post("/login", data={**data, "password": password})
    return client, answer.status_code


def deeds(site: Site, account: Account) -> list[str]:
    with site.store.read() as conn:
        return [line["action"] for line in history.of(conn, "account", str(account.id))]


def test_name_and_role_are_changed_and_told(
    town: Site, post: Callable[..., tuple[int, str]], chen: Account, admin: Account, enter: Enter
) -> None:
    assert post(f"/accounts/{chen.id}/person", name="陈一", role="desk")[0] == 303
    with town.store.read() as conn:
        changed = people.by_id(conn, chen.id)
        line = history.of(conn, "account", str(chen.id))[-1]
    assert (changed.name, changed.role) == ("陈一", "desk")
    assert line["account_id"] == admin.id
    text = enter(admin).get(f"/accounts/{chen.id}").get_data(as_text=True)
    assert "陈 → 陈一" in text
    assert "supervisor → desk" in text
    assert post(f"/accounts/{chen.id}/person", name="x", role="king")[0] == 400
    assert post(f"/accounts/{admin.id}/person", name="x", role="viewer")[0] == 400
    assert deeds(town, chen) == ["create", "change"]


def test_the_last_administrator_stays_one(town: Site, admin: Account, now: datetime) -> None:
    with town.store.write() as conn:
        with pytest.raises(ConflictError):
            people.change(conn, admin.id, name="x", role="viewer", by=None, now=now)
        people.create(conn, "second", "", "admin", password=None, now=now)
        people.change(conn, admin.id, name="x", role="viewer", by=None, now=now)


def test_a_one_time_password_opens_nothing_but_the_choice_of_another(
    app: Flask, town: Site, post: Callable[..., tuple[int, str]], chen: Account, now: datetime
) -> None:
    status, text = post(f"/accounts/{chen.id}/password")
    given = text.split('<code class="secret">')[1].split("<")[0]
    assert (status, come_in(app, PASSWORD)[1]) == (200, 401)
    client, status = come_in(app, given)
    assert status == 302
    for path in ("/", "/findings", "/accounts"):
        assert client.get(path).headers["Location"] == "/account"
    assert client.get("/data/maps/findings").status_code == 403
    page = client.get("/account").get_data(as_text=True)
    assert "由他人设定" in page
    assert "/account/token" not in page
    data = {"csrf_token": page.split('csrf_token" value="')[1].split('"')[0], "old": given}
    assert client.post("/account/token", data=data).status_code == 302
    for new, again in ((given, given), ("short", "short"), (NEW, "different"), ("12345678", "12345678")):
        assert client.post("/account/password", data={**data, "new": new, "again": again}).status_code == 422
    assert client.post("/account/password", data={**data, "new": NEW, "again": NEW}).status_code == 303
    assert client.get("/findings").status_code == 200
    assert come_in(app, given)[1] == 401
    assert come_in(app, NEW)[1] == 302
    assert deeds(town, chen) == ["create", "reset_password", "sign_in", "set_password", "sign_in"]
    with town.store.read() as conn:
        assert given not in str(history.of(conn, "account", str(chen.id)))


def test_a_one_time_password_is_of_no_use_after_three_days(
    town: Site, post: Callable[..., tuple[int, str]], chen: Account, now: datetime
) -> None:
    given = post(f"/accounts/{chen.id}/password")[1].split('<code class="secret">')[1].split("<")[0]
    with town.store.read() as conn:
        assert people.authenticate(conn, "chen", given, now + timedelta(days=2)).must_change
        with pytest.raises(UnauthorisedError):
            people.authenticate(conn, "chen", given, now + timedelta(days=4))


def test_who_was_shut_out_is_let_in_again(
    app: Flask, town: Site, post: Callable[..., tuple[int, str]], chen: Account
) -> None:
    assert post(f"/accounts/{chen.id}/disable")[0] == 303
    assert come_in(app, PASSWORD)[1] == 401
    assert post(f"/accounts/{chen.id}/readmit")[0] == 303
    assert come_in(app, PASSWORD)[1] == 302
    assert post(f"/accounts/{chen.id}/readmit")[0] == 404
    assert deeds(town, chen) == ["create", "disable", "readmit", "sign_in"]


def test_guessing_is_held_off_with_a_time_to_come_again_and_is_told_once(
    app: Flask, town: Site, chen: Account
) -> None:
    assert [come_in(app, "guess")[1] for _ in range(10)] == [401] * 10
    client = app.test_client()
    token = client.get("/login").get_data(as_text=True).split('csrf_token" value="')[1].split('"')[0]
    for login in ("chen", "CHEN"):
        held = client.post("/login", data={"csrf_token": token, "login": login, "password": PASSWORD})
        assert held.status_code == 429
        assert 0 < int(held.headers["Retry-After"]) <= 900
    assert deeds(town, chen) == ["create", "throttle"]


def test_whoever_may_not_changes_nobody(town: Site, enter: Enter, supervisor: Account, chen: Account) -> None:
    client = enter(supervisor)
    data = {"csrf_token": csrf_of(client), "name": "x", "role": "admin"}
    for what in ("person", "password", "sessions", "readmit"):
        assert client.post(f"/accounts/{chen.id}/{what}", data=data).status_code == 403
    assert deeds(town, chen) == ["create"]


@pytest.mark.parametrize("language", ["zh", "en"])
def test_the_page_of_an_account_in_a_browser(
    visit: Callable[..., Watched], city: City, language: str
) -> None:
    watched = visit("admin", language, viewport={"width": 1280, "height": 2600})
    watched.open(f"/accounts/{city.accounts['supervisor'].id}")
    watched.shot(f"one-account-{language}")
    watched.open("/account")
    watched.shot(f"own-account-{language}")
    watched.check()
