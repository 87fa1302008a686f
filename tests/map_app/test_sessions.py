"""How a session ends: for every copy of its cookie, before every process of the server."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import event, func, select

import xuncha
from layers import history, people, tokens
from layers.people import Account
from layers.site import Site
from layers.store.schema import ended_session
from tests.conftest import add_account
from tests.map_app.conftest import PASSWORD
from tests.map_app.test_gate import csrf_of

OTHER = "another four words"


@dataclass
class Servers:
    """Two processes of one server, and their clock."""

    apps: list[Flask]
    site: Site
    now: datetime

    def passes(self, **time: float) -> None:
        self.now += timedelta(**time)

    def come_in(self, login: str = "chen", password: str = PASSWORD) -> FlaskClient:
        client = self.apps[0].test_client()
        text = client.get("/login").get_data(as_text=True)
        data = {"csrf_token": text.split('csrf_token" value="')[1].split('"')[0], "login": login}
        assert client.post("/login", data={**data, "password": password}).status_code == 302
        return client

    def scan(self, secret: str) -> FlaskClient:
        client = self.apps[0].test_client()
        text = client.get("/enter").get_data(as_text=True)
        data = {"csrf_token": text.split('csrf_token" value="')[1].split('"')[0], "token": secret}
        assert client.post("/enter", data=data).status_code == 200
        return client

    def copied(self, client: FlaskClient) -> str:
        return str(client.get_cookie("session").value)

    def lets_in(self, cookie: str | FlaskClient) -> bool:
        """Tell whether every process lets in whoever has this cookie; all have to agree."""
        cookie = cookie if isinstance(cookie, str) else self.copied(cookie)
        answers = set()
        for app in self.apps:
            client = app.test_client()
            client.set_cookie("session", cookie)
            answers |= {client.get("/findings").status_code, client.get("/data/maps/findings").status_code}
        assert answers in ({200}, {302, 401})
        return answers == {200}


@pytest.fixture
def servers(town: Site, now: datetime) -> Iterator[Servers]:
    second = Site.open(town.settings.home, now=now)
    both = Servers([], town, now)
    both.apps = [xuncha.create_app(site, clock=lambda: both.now) for site in (town, second)]
    yield both
    second.close()


@pytest.fixture
def chen(town: Site, now: datetime) -> Account:
    with town.store.write() as conn:
        return people.create(conn, "chen", "陈", "supervisor", password=PASSWORD, now=now)


def n_ended(site: Site) -> int:
    with site.store.read() as conn:
        return conn.execute(select(func.count()).select_from(ended_session)).scalar_one()


def test_logging_out_ends_every_copy_of_the_cookie_and_no_other_session(
    servers: Servers, chen: Account
) -> None:
    client, elsewhere = servers.come_in(), servers.come_in()
    form = {"csrf_token": csrf_of(client)}
    copied = servers.copied(client)
    assert servers.lets_in(copied)
    assert client.post("/logout", data=form).status_code == 302
    assert not servers.lets_in(copied)
    assert servers.lets_in(elsewhere)
    thief = servers.apps[1].test_client()
    thief.set_cookie("session", copied)
    assert thief.post("/logout", data=form).headers["Location"].startswith("/login")
    with servers.site.store.read() as conn:
        deeds = [line["action"] for line in history.of(conn, "account", str(chen.id))]
    assert deeds == ["create", "sign_in", "sign_in", "sign_out"]


def test_what_is_kept_of_an_ended_session_goes_when_it_would_have_ended(
    servers: Servers, chen: Account
) -> None:
    for hours in (0, 24 * 8):
        servers.passes(hours=hours)
        client = servers.come_in()
        client.post("/logout", data={"csrf_token": csrf_of(client)})
        assert n_ended(servers.site) == 1


def test_a_session_ends_when_it_is_not_used(servers: Servers, chen: Account) -> None:
    client = servers.come_in()
    for _ in range(3):
        servers.passes(hours=11)
        assert client.get("/findings").status_code == 200
    left = servers.copied(client)
    servers.passes(hours=12, minutes=1)
    assert not servers.lets_in(left)


def test_a_session_ends_when_it_is_old_however_it_is_used(servers: Servers, chen: Account) -> None:
    client = servers.come_in()
    for _ in range(16):
        servers.passes(hours=10)
        assert client.get("/findings").status_code == 200
    client.post("/account/sessions", data={"csrf_token": csrf_of(client)})
    assert client.get("/findings").status_code == 200
    servers.passes(hours=10)
    assert client.get("/findings").status_code == 302


def test_a_phone_that_scanned_a_code_has_times_of_its_own(
    servers: Servers, chen: Account, now: datetime
) -> None:
    with servers.site.store.write() as conn:
        lost, kept = (tokens.issue(conn, chen.id, label, now) for label in ("one", "other"))
    left, phone = servers.scan(lost), servers.scan(kept)
    for _ in range(4):
        servers.passes(days=20)
        assert phone.get("/findings").status_code == 200
    assert not servers.lets_in(left)
    servers.passes(days=11)
    assert phone.get("/findings").status_code == 302


@pytest.mark.parametrize("how", ["own password", "reset", "shut out", "all", "let in again"])
def test_all_sessions_of_an_account_end_together(
    servers: Servers, chen: Account, now: datetime, how: str
) -> None:
    chief = add_account(servers.site, "chief", "admin", now)
    with servers.site.store.write() as conn:
        secret = tokens.issue(conn, chen.id, "phone", now)
    first, second, phone = servers.come_in(), servers.come_in(), servers.scan(secret)
    copies = [servers.copied(one) for one in (first, second, phone)]
    assert all(servers.lets_in(one) for one in copies)
    servers.passes(minutes=1)
    if how == "own password":
        form = {"csrf_token": csrf_of(first), "old": PASSWORD, "new": OTHER, "again": OTHER}
        assert first.post("/account/password", data=form).status_code == 303
        assert servers.lets_in(first)
    else:
        with servers.site.store.write() as conn:
            if how == "reset":
                people.give_password(conn, chen.id, "kept", by=chief.id, now=servers.now)
            if how in ("shut out", "let in again"):
                people.disable(conn, chen.id, by=chief.id, now=servers.now)
            if how == "let in again":
                people.readmit(conn, chen.id, by=chief.id, now=servers.now)
            if how == "all":
                people.end_sessions(conn, chen.id, by=chief.id, now=servers.now)
    assert not any(servers.lets_in(one) for one in copies)


def test_logging_out_everywhere_else_spares_this_session(servers: Servers, chen: Account) -> None:
    here, there = servers.come_in(), servers.come_in()
    copied = servers.copied(here)
    servers.passes(minutes=1)
    assert here.post("/account/sessions", data={"csrf_token": csrf_of(here)}).status_code == 303
    assert servers.lets_in(here)
    assert not servers.lets_in(there)
    assert not servers.lets_in(copied)


def test_a_cookie_that_names_an_account_alone_lets_nobody_in(servers: Servers, chen: Account) -> None:
    client = servers.apps[0].test_client()
    for kept in (None, {}, {"account": chen.id}, "nonsense", [1]):
        with client.session_transaction() as session:
            session.update({"_user_id": str(chen.id), "held": kept})
        assert client.get("/findings").status_code == 302


def test_who_comes_in_is_asked_of_the_store_once(servers: Servers, chen: Account) -> None:
    client = servers.come_in()
    asked: list[str] = []
    engine = servers.site.store.engine
    event.listen(engine, "before_cursor_execute", lambda *given: asked.append(given[2]))
    client.get("/account")
    assert len([one for one in asked if "ended_session" in one]) == 1
    assert not [one for one in asked if one.startswith(("INSERT", "UPDATE", "DELETE"))]


def test_the_site_says_how_long(town: Site, now: datetime, chen: Account) -> None:
    settings = replace(town.settings, session_idle_hours=1, session_days=1)
    site = Site.open(town.settings.home, now=now)
    site.settings = settings
    servers = Servers([], site, now)
    servers.apps = [xuncha.create_app(site, clock=lambda: servers.now)]
    client = servers.come_in()
    servers.passes(minutes=61)
    assert not servers.lets_in(client)
    site.close()
