"""A phone scans its token in a real Chromium, reports with it, and is out when the token is revoked."""

from collections.abc import Callable
from datetime import datetime

from flask.testing import FlaskClient
from playwright.sync_api import Page, expect

from layers import history, tokens
from layers.people import Account
from layers.site import Site
from map_app import qr
from tests.conftest import add_account, at
from tests.map_app.conftest import City, Watched
from tests.map_app.test_field import n_unsent, report
from tests.map_app.test_gate import csrf_of

Visit = Callable[..., Watched]
Enter = Callable[[Account], FlaskClient]


def issued(desk: Watched, label: str) -> str:
    desk.open("/account")
    desk.page.fill("input[name=label]", label)
    desk.page.click("form:has(input[name=label]) .button")
    return desk.page.locator("code.secret").inner_text()


def scan(visit: Visit, secret: str) -> Watched:
    """Open on a phone, where nobody has logged in, what the code leads to."""
    lon, lat = at(90, 205)
    phone = visit(
        None,
        viewport={"width": 390, "height": 844},
        has_touch=True,
        geolocation={"longitude": lon, "latitude": lat, "accuracy": 7},
        permissions=["geolocation"],
    )
    phone.open(f"/enter#{secret}")
    return phone


def come_in(page: Page) -> None:
    page.tap("[data-part=enter]")


def of_inspector(city: City, label: str) -> tokens.Token:
    with city.site.store.read() as conn:
        (found,) = [
            one for one in tokens.of_account(conn, city.accounts["inspector"].id) if one.label == label
        ]
    return found


def test_a_phone_scans_a_code_once_reports_and_is_out_when_it_is_lost(visit: Visit, city: City) -> None:
    desk = visit("inspector")
    secret = issued(desk, "Pixel 扫码")
    assert str(qr.picture(f"{city.url}/enter#{secret}"))[:200] in desk.page.content().replace(
        "></path>", "/>"
    )
    desk.shot("own-token-desktop-zh")
    phone = scan(visit, secret)
    assert secret not in phone.page.url
    phone.shot("enter-phone-zh")
    come_in(phone.page)
    phone.page.wait_for_url("**/field")
    with city.site.store.read() as conn:
        n_before = len(tokens.of_account(conn, city.accounts["inspector"].id))
    report(phone.page, "扫码上报")
    n_unsent(phone.page, 0)
    with city.site.store.read() as conn:
        assert len(tokens.of_account(conn, city.accounts["inspector"].id)) == n_before
    phone.check()
    assert of_inspector(city, "Pixel 扫码").last_used_at is not None

    other = scan(visit, secret)
    come_in(other.page)
    expect(other.page.locator("[data-part=problem]")).to_contain_text("此码已用过或已过期")

    desk.open("/account")
    desk.page.locator("tr", has_text="Pixel 扫码").get_by_role("button").click()
    expect(desk.page.locator("tr", has_text="Pixel 扫码")).to_contain_text("已吊销")
    phone.page.goto(city.url + "/findings")
    assert "/login?next=" in phone.page.url


def test_the_code_survives_a_change_of_language_and_an_address_without_one_says_so(
    visit: Visit, city: City
) -> None:
    phone = scan(visit, issued(visit("inspector"), "langs"))
    phone.page.click("button[value=en]")
    expect(phone.page.locator("[data-part=enter]")).to_have_text("Come in with this phone")
    phone.shot("enter-phone-en")
    come_in(phone.page)
    phone.page.wait_for_url("**/field")
    lost = scan(visit, "")
    expect(lost.page.locator("[data-part=problem]")).to_contain_text("网址中没有登录码")


def test_a_colleague_s_token_is_not_mine_to_revoke(
    town: Site, enter: Enter, inspector: Account, now: datetime
) -> None:
    li = add_account(town, "li", "inspector", now)
    with town.store.write() as conn:
        number = tokens.bearer(conn, tokens.issue(conn, li.id, "phone", now), now).token_id
    client = enter(inspector)
    data = {"csrf_token": csrf_of(client)}
    assert client.post(f"/account/tokens/{number}/revoke", data=data).status_code == 404
    assert enter(li).post(f"/account/tokens/{number}/revoke", data={}).status_code == 400
    with town.store.read() as conn:
        assert tokens.of_account(conn, li.id)[0].revoked_at is None
        assert [line["action"] for line in history.of(conn, "token", str(number))] == ["issue"]


def test_an_administrator_sees_when_a_token_was_used_limits_and_revokes_it(
    town: Site, enter: Enter, inspector: Account, now: datetime
) -> None:
    admin = add_account(town, "chief", "admin", now)
    client = enter(admin)
    where, data = f"/accounts/{inspector.id}", {"csrf_token": csrf_of(client)}
    assert client.post(f"{where}/token", data={**data, "label": "dash", "per_minute": "0"}).status_code == 400
    assert (
        client.post(f"{where}/token", data={**data, "label": "dash", "per_minute": "30"}).status_code == 200
    )
    with town.store.write() as conn:
        (only,) = tokens.of_account(conn, inspector.id)
        tokens.note_use(conn, only.id, now)
    text = client.get(where).get_data(as_text=True)
    assert "dash" in text
    assert ">30<" in text
    assert text.count("2026-08-23 16:00") >= 2
    assert client.post(f"{where}/tokens/{only.id}/revoke", data=data).status_code == 303
    with town.store.read() as conn:
        assert tokens.of_account(conn, inspector.id)[0].revoked_at == now
