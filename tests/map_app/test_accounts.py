"""The page on which an administrator looks after accounts."""

import re
from collections.abc import Callable
from datetime import datetime

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.test import TestResponse

from layers import people, tokens
from layers.errors import UnauthorisedError
from layers.field import findings
from layers.people import Account
from layers.site import Site
from layers.store.schema import account, district, history
from tests.conftest import add_account, report

Enter = Callable[[Account], FlaskClient]
Post = Callable[..., TestResponse]


@pytest.fixture
def admin(site: Site, now: datetime) -> Account:
    return add_account(site, "chief", "admin", now)


@pytest.fixture
def post(enter: Enter, admin: Account) -> Post:
    """Give a way to send the administrator's forms."""
    client = enter(admin)

    def sent(path: str, **data: object) -> TestResponse:
        text = client.get("/accounts").get_data(as_text=True)
        token = text.split('name="csrf_token" value="')[1].split('"')[0]
        return client.post(path, data={"csrf_token": token, **data})

    return sent


def test_nobody_else_comes_to_the_page(
    town: Site, enter: Enter, inspector: Account, supervisor: Account, now: datetime
) -> None:
    for who in (inspector, supervisor, add_account(town, "v", "viewer", now)):
        client = enter(who)
        assert client.get("/accounts").status_code == 403
        assert client.get(f"/accounts/{who.id}").status_code == 403
        assert "/accounts" not in client.get("/").get_data(as_text=True)


def test_an_account_is_made_limited_and_shut_out(
    town: Site,
    enter: Enter,
    admin: Account,
    post: Post,
    *,
    inspector: Account,
    now: datetime,
) -> None:
    findings.put(town, inspector, report(1, 90, 205, now), now=now)
    made = post("/accounts", login="yuanlin", name="园林", role="unit", password="")
    assert made.status_code == 303
    page = made.headers["Location"]
    with town.store.read() as conn:
        west = conn.execute(select(district.c.fid).where(district.c.name == "西社区")).scalar_one()
        unit = people.by_login(conn, "yuanlin")
    kept = post(f"{page}/limits", district=[str(west)], category=["gbt30428-2013-event.0406"])
    assert kept.status_code == 303
    text = enter(admin).get("/accounts").get_data(as_text=True)
    assert "西社区" in text
    assert "responsible unit" in text
    chosen = enter(admin).get(page).get_data(as_text=True)
    assert f'<option value="{west}" selected>' in chosen
    assert '<option value="gbt30428-2013-event.0406" selected>' in chosen
    assert len(findings_of(enter(unit))) == 1
    assert post(f"{page}/limits", district=[], category=["gbt30428-2013-event.0101"]).status_code == 303
    assert findings_of(enter(unit)) == []
    assert post(f"{page}/disable").status_code == 303
    assert enter(unit).get("/").status_code == 302
    assert "shut out" in enter(admin).get("/accounts").get_data(as_text=True)
    with town.store.read() as conn:
        by = history.c.account_id == admin.id
        actions = conn.execute(select(history.c.action).where(by).order_by(history.c.id)).scalars().all()
    assert actions == ["create", "create", "limit", "limit", "disable"]


def findings_of(client: FlaskClient) -> list[str]:
    text = client.get("/findings").get_data(as_text=True)
    return sorted(set(re.findall(r"/findings/([0-9a-f-]{36})", text)))


def test_a_token_is_shown_this_once_and_opens(
    town: Site,
    enter: Enter,
    admin: Account,
    post: Post,
    *,
    inspector: Account,
    now: datetime,
) -> None:
    answer = post(f"/accounts/{inspector.id}/token", label="Pixel")
    assert answer.headers["Cache-Control"] == "no-store"
    secret = answer.get_data(as_text=True).split('<code class="secret">')[1].split("<")[0]
    with town.store.read() as conn:
        assert tokens.bearer(conn, secret, now).account.id == inspector.id
    assert secret not in enter(admin).get(f"/accounts/{inspector.id}").get_data(as_text=True)


def test_what_cannot_be_is_told_on_the_page_and_nothing_is_made(
    town: Site, post: Post, admin: Account
) -> None:
    refused = post("/accounts", login="chief", name="<b>x</b>", role="viewer", password="")
    assert refused.status_code == 422
    assert "There is an account chief already" in refused.get_data(as_text=True)
    assert "<b>x</b>" not in refused.get_data(as_text=True)
    assert post("/accounts", login="short", name="", role="viewer", password="x").status_code == 422
    assert post("/accounts", login="king", name="", role="king", password="").status_code == 422
    assert post(f"/accounts/{admin.id}/limits", district=["x"]).status_code == 400
    assert post(f"/accounts/{admin.id}/limits", district=["99999"]).status_code == 404
    assert post("/accounts/99999/token").status_code == 404
    with town.store.read() as conn:
        assert conn.execute(select(account.c.login)).scalars().all() == ["chief"]


def test_nobody_shuts_himself_out(post: Post, town: Site, admin: Account) -> None:
    assert post(f"/accounts/{admin.id}/disable").status_code == 400
    with town.store.read() as conn:
        assert people.by_id(conn, admin.id) == admin


def test_a_shut_out_token_opens_nothing(town: Site, post: Post, inspector: Account, now: datetime) -> None:
    answer = post(f"/accounts/{inspector.id}/token", label="")
    secret = answer.get_data(as_text=True).split('<code class="secret">')[1].split("<")[0]
    post(f"/accounts/{inspector.id}/disable")
    with town.store.read() as conn, pytest.raises(UnauthorisedError):
        tokens.bearer(conn, secret, now)
