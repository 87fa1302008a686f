"""The page for the phone: reports, photos and tracks, with and without a network."""

import hashlib
import os
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Response, blueprints, request, send_from_directory
from PIL import Image
from playwright.sync_api import Page, Route, expect
from sqlalchemy import func, select

from layers import people
from layers.field import coverage, findings
from layers.field.asking import FindingFilter
from layers.field.findings import Finding, Outcome
from layers.importing import outbox
from layers.site import Site
from layers.store.schema import check_withdrawal, street_check, track
from tests.conftest import at
from tests.field_api.test_photos import jpeg
from tests.map_app.conftest import HOSTILE, PASSWORD, City, Watched, until

pytestmark = pytest.mark.browser
Visit = Callable[..., Watched]
HERE = at(300, 203)


@pytest.fixture(scope="module")
def city(new_city: Callable[[], City]) -> City:
    """Give a town of their own to phones that hand in what maps would count."""
    return new_city()


@pytest.fixture
def phone(visit: Visit) -> Watched:
    """Give an inspector's phone on a street of the town."""
    return on_a_street(visit)


def on_a_street(visit: Visit, **options: object) -> Watched:
    watched = visit(
        "inspector",
        "zh",
        viewport={"width": 390, "height": 844},
        has_touch=True,
        geolocation={"longitude": HERE[0], "latitude": HERE[1], "accuracy": 7},
        permissions=["geolocation"],
        **options,
    )
    watched.open("/field")
    expect(watched.page.locator("[data-part=position]")).to_have_text("位置 ±7 m")
    return watched


def with_note(site: Site, note: str) -> list[Finding]:
    everything = findings.frame(site, FindingFilter(), ["uuid", "note"])
    return [findings.get(site, uuid) for uuid in everything.loc[everything["note"] == note, "uuid"]]


def report(page: Page, note: str, photo: Path | None = None) -> None:
    category = page.locator("[data-code='0406']")
    while category.get_attribute("aria-pressed") != "true":  # what moves under a finger is tapped again
        category.tap()
    page.fill("[data-part=note]", note)
    if photo:
        page.set_input_files("[data-part=photo]", photo)
        expect(page.locator(".shot img")).to_have_count(1)
    page.tap("[data-part=report]")
    expect(category).to_have_attribute("aria-pressed", "false")  # taken, and the page ready for the next


def n_unsent(page: Page, n: int) -> None:
    expect(page.locator("[data-part=unsent]")).to_have_attribute("data-n", str(n))


def test_a_report_with_photo_arrives_and_the_answer_says_what_was_understood(
    phone: Watched, city: City, tmp_path: Path
) -> None:
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(jpeg("navy"))
    phone.shot("field-phone-zh")
    report(phone.page, "在线上报", photo)
    answer = phone.page.locator(".understood")
    expect(answer).to_contain_text("占道经营")
    expect(answer).to_contain_text("光荣道")
    n_unsent(phone.page, 0)
    phone.shot("field-answer-phone-zh")
    (found,) = with_note(city.site, "在线上报")
    assert found.account_id == city.accounts["inspector"].id
    assert (found.position.frame, found.position.accuracy_m, found.position.accuracy_kind) == (
        "wgs84",
        7,
        "r95",
    )
    assert (found.lon, found.lat) == pytest.approx(HERE)
    assert len(found.photos) == 1
    phone.check()


def test_what_is_reported_without_a_network_is_kept_and_sent_later_once(
    phone: Watched, city: City, tmp_path: Path
) -> None:
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(jpeg("maroon"))
    page = phone.page
    wait_until_kept(page)
    phone.context.set_offline(True)
    report(page, "没有网络", photo)
    report(page, HOSTILE + " offline")
    n_unsent(page, 2)
    expect(page.locator("[data-part=offline]")).to_be_visible()
    phone.shot("field-offline-phone-zh")
    page.reload()  # the service worker shows the page, the outbox is still full
    n_unsent(page, 2)
    expect(page.locator("[data-part=outbox] li")).to_have_count(2)
    assert with_note(city.site, "没有网络") == []
    phone.context.set_offline(False)
    n_unsent(page, 0)
    for _ in range(2):
        page.evaluate("window.dispatchEvent(new Event('online'))")
    n_unsent(page, 0)
    (found,) = with_note(city.site, "没有网络")
    assert len(found.photos) == 1
    assert len(with_note(city.site, HOSTILE + " offline")) == 1
    assert page.title() != "taken"


def test_a_check_without_a_network_is_sent_later_and_counts_once(phone: Watched, city: City) -> None:
    page = phone.page
    wait_until_kept(page)
    phone.context.set_offline(True)
    page.tap("[data-check=block]")
    n_unsent(page, 1)
    expect(page.locator("[data-part=outbox] li")).to_contain_text("未发现问题")
    phone.context.set_offline(False)
    n_unsent(page, 0)
    expect(page.locator(".understood")).to_contain_text("光荣道 · 200 m")
    with city.site.store.read() as conn:
        assert conn.execute(select(func.count()).select_from(street_check)).scalar_one() == 1
    phone.shot("field-check-phone-zh")


def test_a_check_on_the_wrong_street_is_withdrawn_from_its_answer(phone: Watched, city: City) -> None:
    page = phone.page
    page.tap("[data-check=block]")
    answer = page.locator(".understood")
    answer.locator("[data-withdraw]").tap()
    expect(answer.get_by_text("不撤回")).to_be_visible()
    phone.shot("field-withdraw-phone-zh")
    answer.get_by_role("button", name="点错路段").tap()
    expect(answer).to_contain_text("已撤回，不计入巡查")
    expect(answer.locator("[data-withdraw]")).to_have_count(0)
    n_unsent(page, 0)
    assert withdrawn(city.site)[-1] == "点错路段"
    uuid = answer.get_attribute("data-check")
    assert f"check:{uuid}" not in set(coverage.intervals(city.site)["recording"])
    phone.check()


def test_a_check_is_withdrawn_before_there_is_a_network(phone: Watched, city: City) -> None:
    page = phone.page
    wait_until_kept(page)
    phone.context.set_offline(True)
    page.tap("[data-check=block]")
    n_unsent(page, 1)
    page.locator("[data-part=outbox] [data-withdraw]").tap()
    page.locator("[data-part=outbox]").get_by_role("button", name="没有全部看到").tap()
    n_unsent(page, 2)
    expect(page.locator("[data-part=outbox] li").nth(1)).to_contain_text("撤回查看记录")
    page.reload()
    n_unsent(page, 2)
    phone.context.set_offline(False)
    n_unsent(page, 0)
    expect(page.locator(".understood")).to_contain_text("已撤回，不计入巡查")
    assert withdrawn(city.site)[-1] == "没有全部看到"


def test_of_a_check_that_the_server_refuses_nothing_is_left(phone: Watched, city: City) -> None:
    page, before = phone.page, withdrawn(city.site)
    wait_until_kept(page)
    phone.context.set_offline(True)
    page.tap("[data-check=place]")
    page.locator("[data-part=outbox] [data-withdraw]").tap()
    page.locator("[data-part=outbox]").get_by_role("button", name="点错路段").tap()
    n_unsent(page, 2)
    page.evaluate(
        """async () => {
            const [check] = await xuncha.kept.items();
            check.body.extent = "city";
            await xuncha.kept.put(check);
        }"""
    )
    phone.context.set_offline(False)
    n_unsent(page, 0)
    assert withdrawn(city.site) == before


def withdrawn(site: Site) -> list[str | None]:
    with site.store.read() as conn:
        return list(conn.execute(select(check_withdrawal.c.reason).order_by(check_withdrawal.c.id)).scalars())


def wait_until_kept(page: Page) -> None:
    """Wait until the service worker has put away the page and the streets."""
    page.evaluate(
        """async () => {
            await navigator.serviceWorker.ready;
            for (let i = 0; i < 100; i++) {
                const kept = await caches.has("xuncha-field-streets-1")
                    && (await (await caches.open("xuncha-field-streets-1")).keys()).length === 3
                    && (await (await caches.open("xuncha-field-pages-1")).match("/field"));
                if (kept) return;
                await new Promise((resolve) => setTimeout(resolve, 100));
            }
            throw new Error("nothing was kept");
        }"""
    )


def test_a_page_that_is_kept_has_all_it_is_made_of(visit: Visit, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever leaves the network a moment too early has no page, and not one that does nothing."""

    def slow(*of: str, **how: Any) -> Response:
        # what the worker asks for, not what the page itself does
        if request.headers.get("Sec-Fetch-Dest") == "empty" and of[1] == "field.js":
            time.sleep(2)
        return send_from_directory(*of, **how)

    monkeypatch.setattr(blueprints, "send_from_directory", slow)
    phone = visit("inspector", "zh")
    phone.page.add_init_script(
        """window.keptFirst = (async () => {
            const cache = await caches.open("xuncha-field-pages-1");
            while (!(await cache.match("/field"))) await new Promise((resolve) => setTimeout(resolve, 1));
            return (await cache.keys()).map((one) => one.url);
        })()"""
    )
    phone.open("/field")
    kept = set(phone.page.evaluate("keptFirst"))
    parts = phone.page.evaluate(
        """[...document.querySelectorAll("script[src], link[rel='stylesheet']")]
            .map((part) => part.src || part.href)"""
    )
    assert len(parts) > 10
    assert set(parts) - kept == set()


def test_a_large_photo_goes_in_parts_and_goes_on_where_the_network_broke(
    visit: Visit, city: City, tmp_path: Path
) -> None:
    # what goes through a service worker can slip past the hand that cuts the network here
    phone = on_a_street(visit, service_workers="block")
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(jpeg("olive") + os.urandom(900_000))
    page, asked = phone.page, []
    broken = True

    def part(route: Route) -> None:
        offset = int(route.request.url.partition("offset=")[2])
        asked.append(offset)
        if broken and offset >= 500_000:
            route.abort()
        else:
            route.continue_()

    page.route("**/uploads/*offset=*", part)
    page.evaluate(
        """() => {
            const box = document.querySelector("[data-part=outbox]");
            window.told = [];
            new MutationObserver(() => window.told.push(box.textContent)).observe(
                box, { childList: true, subtree: true, characterData: true },
            );
        }"""
    )
    report(page, "分片", photo)
    until(page, "() => told.some((text) => text.includes('正在发送照片 1/1'))")
    expect(page.locator("[data-part=outbox] li")).to_contain_text("等待上报")
    assert asked == [0, 262_144, 524_288]
    (found,) = with_note(city.site, "分片")
    assert found.photos == ()
    broken = False
    page.reload()
    n_unsent(page, 0)
    assert asked[3:] == [524_288, 786_432]
    (found,) = with_note(city.site, "分片")
    assert [one.n_bytes for one in found.photos] == [photo.stat().st_size]


def test_a_report_that_the_server_refuses_stays_with_its_reason(phone: Watched, city: City) -> None:
    page = phone.page
    page.evaluate("document.querySelector('[data-part=note]').removeAttribute('maxlength')")
    report(page, "长" * 4001)
    refused = page.locator("[data-part=outbox] li.refused")
    expect(refused).to_have_count(1)
    expect(refused).to_contain_text("被退回")
    n_unsent(page, 1)
    with page.expect_download() as download:
        page.tap("[data-part=save]")
    saved = Path(download.value.path()).read_text(encoding="utf-8")
    assert "xuncha-outbox-1" in saved
    assert "长" * 4001 in saved
    page.get_by_role("button", name="从本机删除").tap()
    page.get_by_role("button", name="暂不删除").tap()
    n_unsent(page, 1)
    page.get_by_role("button", name="从本机删除").tap()
    page.get_by_role("button", name="确认删除").tap()
    n_unsent(page, 0)


def test_what_a_phone_saved_as_a_file_is_what_the_import_takes(
    visit: Visit, city: City, tmp_path: Path
) -> None:
    page = on_a_street(visit, service_workers="block").page
    page.context.set_offline(True)
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(jpeg("khaki"))
    report(page, "再无网络", photo)
    n_unsent(page, 1)
    page.tap("[data-check=block]")
    n_unsent(page, 2)
    with page.expect_download() as download:
        page.tap("[data-part=save]")
    items = outbox.read(Path(download.value.path()))
    told = list(outbox.bring(city.site, items, now=datetime.now(UTC)))
    assert [one.became for one in told] == [Outcome.CREATED] * 3
    (found,) = with_note(city.site, "再无网络")
    assert len(found.photos) == 1
    page.context.set_offline(False)  # a network after all: the same again
    n_unsent(page, 0)
    expect(page.locator("[data-part=outbox] li.refused")).to_have_count(0)
    assert len(with_note(city.site, "再无网络")[0].photos) == 1


def test_a_photo_that_is_refused_keeps_no_other_back_and_can_be_dropped(phone: Watched, city: City) -> None:
    page = phone.page
    put_in_the_outbox(page, "一张不行", [b"\x00\x00\x00\x18ftypheic" + bytes(64), jpeg("salmon")])
    page.tap("[data-part=send]")
    refused = page.locator("[data-refused-photo]")
    expect(refused).to_contain_text("被退回的照片 1")
    expect(page.locator("[data-part=outbox] li")).to_contain_text("上报内容已送达")
    n_unsent(page, 1)
    phone.shot("field-refused-photo-phone-zh")
    (found,) = with_note(city.site, "一张不行")
    assert [one.media_type for one in found.photos] == ["image/jpeg"]
    page.get_by_role("button", name="重试").tap()
    expect(refused).to_have_count(1)
    page.get_by_role("button", name="从本机删除").tap()
    n_unsent(page, 1)
    page.get_by_role("button", name="确认删除").tap()
    n_unsent(page, 0)
    assert len(with_note(city.site, "一张不行")[0].photos) == 1


def test_a_photo_that_the_server_would_refuse_is_made_anew_or_left_out_at_once(
    phone: Watched, city: City, tmp_path: Path
) -> None:
    page = phone.page
    files = {name: tmp_path / name for name in ("heic.heic", "kept.jpg", "drawn.gif", "large.jpg")}
    files["heic.heic"].write_bytes(b"\x00\x00\x00\x18ftypheic" + bytes(64))
    files["kept.jpg"].write_bytes(jpeg("tan"))
    Image.new("RGB", (640, 480), "purple").save(files["drawn.gif"])
    Image.new("L", (9000, 7000), 90).save(files["large.jpg"])
    page.tap("[data-code='0406']")
    page.fill("[data-part=note]", "换成能收的")
    page.set_input_files("[data-part=photo]", list(files.values()))
    notice = page.locator("[data-part=photo-notice]")
    expect(notice).to_contain_text("heic.heic: 本机打不开这张图片", timeout=60_000)
    expect(notice).to_contain_text("drawn.gif: 已转为较小的 JPEG")
    expect(notice).not_to_contain_text("kept.jpg")
    expect(page.locator(".shot img")).to_have_count(3)
    phone.shot("field-photos-remade-phone-zh")
    page.tap("[data-part=report]")
    expect(page.locator(".understood")).to_have_count(1)
    n_unsent(page, 0)
    (found,) = with_note(city.site, "换成能收的")
    sizes = {(one.media_type, one.width_px, one.height_px) for one in found.photos}
    assert sizes == {("image/jpeg", 640, 480), ("image/jpeg", 4096, 3185)}
    assert hashlib.sha256(files["kept.jpg"].read_bytes()).hexdigest() in {one.sha256 for one in found.photos}


@pytest.mark.parametrize(("status", "shown"), [(500, "等待上报: 出错了"), (403, "被退回: 出错了")])
def test_what_the_server_fails_at_keeps_nothing_behind_it(
    visit: Visit, city: City, status: int, shown: str
) -> None:
    # what goes through a service worker can slip past the hand that answers here
    phone = on_a_street(visit, service_workers="block")
    page, note = phone.page, f"后面的 {status}"
    for number in range(2):
        put_in_the_outbox(page, note, [], number=number)
    error = {"error": {"code": "other", "message": "出错了"}}
    page.route("**/findings/00000000-*", lambda route: route.fulfill(status=status, json=error))
    page.tap("[data-part=send]")
    expect(page.locator(".understood")).to_have_count(1)
    expect(page.locator("[data-part=outbox] li")).to_contain_text([shown])
    n_unsent(page, 1)
    assert len(with_note(city.site, note)) == 1


def test_where_the_server_is_busy_all_wait(visit: Visit, city: City) -> None:
    phone = on_a_street(visit, service_workers="block")
    page, asked = phone.page, []

    def busy(route: Route) -> None:
        asked.append(route.request.url)
        route.fulfill(status=503, json={"error": {"code": "busy", "message": "忙"}})

    page.route("**/api/v1/findings/**", busy)
    for number in range(2):
        put_in_the_outbox(page, "忙", [], number=number)
    page.tap("[data-part=send]")
    until(page, "() => document.querySelectorAll('[data-part=outbox] li').length === 2")
    assert len(asked) == 1


@pytest.mark.parametrize(("hours", "told"), [(24, "快1天"), (-3, "慢3小时")])
def test_a_phone_whose_clock_is_wrong_reports_with_the_right_time(
    phone: Watched, city: City, hours: int, told: str
) -> None:
    page, note = phone.page, f"时钟 {hours}"
    phone.context.add_init_script(
        f"const by = {hours * 3_600_000};"
        """(() => {
            const Real = Date;
            window.Date = class extends Real {
                constructor(...given) { super(...(given.length ? given : [Real.now() + by])); }
                static now() { return Real.now() + by; }
            };
        })()"""
    )
    page.reload()
    expect(page.locator("[data-part=clock]")).to_contain_text(f"本机时钟{told}")
    phone.shot("field-clock-phone-zh")
    report(page, note)
    expect(page.locator(".understood")).to_have_count(1)
    n_unsent(page, 0)
    (found,) = with_note(city.site, f"{note}\n（手机时钟{told}，时间已校正）")
    now = datetime.now(UTC)
    assert found.position.fixed_at is not None
    assert abs(found.observed_at - now) < timedelta(minutes=1)
    assert abs(found.position.fixed_at - now) < timedelta(minutes=2)


def test_a_report_of_the_future_is_put_right_once_the_server_has_refused_it(
    phone: Watched, city: City
) -> None:
    page = phone.page
    put_in_the_outbox(page, "还没到", [], ahead_min=11)
    page.tap("[data-part=send]")
    expect(page.locator(".understood")).to_have_count(1)
    n_unsent(page, 0)
    (found,) = with_note(city.site, "还没到\n（手机时钟快11分钟，时间已校正）")
    assert abs(found.observed_at - datetime.now(UTC)) < timedelta(minutes=1)


def put_in_the_outbox(
    page: Page, note: str, photos: list[bytes], number: int = 1, ahead_min: int = 0
) -> None:
    """Put a report there as an earlier page may have left it; number 0 is the first to be sent."""
    page.evaluate(
        """async ([note, number, ahead, photos, lon, lat]) => {
            const settings = JSON.parse(document.getElementById("field-settings").textContent);
            const id = xuncha.newId();
            const position = { lon, lat, frame: "wgs84", source: "phone" };
            const at = { observed_at: new Date(Date.now() + ahead * 60000).toISOString(), position };
            await xuncha.kept.put({
                id: number ? id : `00000000${id.slice(8)}`, kind: "finding",
                account: settings.sending.account, created: Date.now(),
                body: { scheme: settings.scheme, code: "0406", note, ...at },
                photos: photos.map((data) => ({ type: "", name: "1", data: new Uint8Array(data).buffer })),
            });
            document.querySelector("[data-part=outbox-tools]").hidden = false;
        }""",
        [note, number, ahead_min, [list(data) for data in photos], *HERE],
    )


def test_a_place_tapped_on_the_map_is_said_to_be_one(phone: Watched, city: City) -> None:
    page = phone.page
    page.locator(".folium-map").tap(position={"x": 120, "y": 90})
    expect(page.locator("[data-part=position]")).to_have_text("地图点选的位置")
    report(page, "地图点选")
    n_unsent(page, 0)
    expect(page.locator(".understood")).to_have_count(1)
    (found,) = with_note(city.site, "地图点选")
    assert found.position.source == "map"
    assert found.position.accuracy_m is None


def test_a_track_survives_a_reload_and_is_sent_when_ended(phone: Watched, city: City) -> None:
    page = phone.page
    toggle, state = page.locator("[data-part=track-toggle]"), page.locator("[data-part=track-state]")
    toggle.tap()
    expect(toggle).to_have_text("结束记录")
    for step in (1, 2, 3, 4, 5):
        lon, lat = at(300 + 12 * step, 203)
        phone.context.set_geolocation({"longitude": lon, "latitude": lat, "accuracy": 5})
        expect(state).not_to_contain_text(f"{step - 1} 个点")
        if step == 2:
            page.reload()
            expect(toggle).to_have_text("结束记录")
    before = _n_tracks(city.site)
    toggle.tap()
    expect(toggle).to_have_text("开始记录")
    n_unsent(page, 0)
    for _ in range(50):
        if _n_tracks(city.site) > before:
            break
        page.wait_for_timeout(100)
    assert _n_tracks(city.site) == before + 1


def _n_tracks(site: Site) -> int:
    with site.store.read() as conn:
        return int(conn.execute(select(func.count()).select_from(track)).scalar_one())


def test_reports_of_a_colleague_wait_for_their_own_account(visit: Visit, city: City) -> None:
    watched = visit("supervisor", "en", viewport={"width": 390, "height": 844}, has_touch=True)
    watched.open("/field")
    watched.page.evaluate(
        """() => xuncha.kept.put({ id: xuncha.newId(), kind: "finding", account: 999999, created: Date.now(),
                                   body: { code: "0406" }, photos: [] })"""
    )
    watched.page.reload()
    expect(watched.page.locator("[data-part=outbox] li")).to_contain_text("of another account on this phone")
    watched.page.wait_for_timeout(500)
    n_unsent(watched.page, 1)
    watched.check()


def end_sessions(city: City) -> None:
    with city.site.store.write() as conn:
        people.end_sessions(conn, city.accounts["inspector"].id, by=None, now=datetime.now(UTC))


def log_in_again(page: Page) -> None:
    page.fill("input[name=login]", "inspector")
    page.fill("input[name=password]", PASSWORD)
    page.tap("form .button")
    page.wait_for_url("**/field")


def test_a_phone_whose_session_ended_keeps_its_outbox_asks_to_log_in_and_sends(
    phone: Watched, city: City, tmp_path: Path
) -> None:
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(jpeg("olive"))
    page = phone.page
    wait_until_kept(page)
    phone.context.set_offline(True)
    report(page, "登录已结束", photo)
    end_sessions(city)
    phone.context.set_offline(False)
    expect(page.locator("[data-part=login-again]")).to_be_visible()
    expect(page.locator("[data-part=toast]")).to_have_text("请重新登录，以上报本机保存的记录。")
    n_unsent(page, 1)
    assert with_note(city.site, "登录已结束") == []
    phone.shot("field-login-again-phone-zh")
    page.tap("[data-part=login-again] a")
    log_in_again(page)
    n_unsent(page, 0)
    (found,) = with_note(city.site, "登录已结束")
    assert len(found.photos) == 1
    # the token that the phone has by now sends without a session
    end_sessions(city)
    report(page, "没有会话")
    n_unsent(page, 0)
    assert len(with_note(city.site, "没有会话")) == 1
    # opened anew it leads to the door, and back
    phone.context.set_offline(True)
    report(page, "重新打开")
    n_unsent(page, 1)
    phone.context.set_offline(False)
    page.goto(city.url + "/field")
    assert "/login?next=" in page.url
    log_in_again(page)
    n_unsent(page, 0)
    assert len(with_note(city.site, "重新打开")) == 1


def test_a_phone_that_falls_silent_is_asked_anew(phone: Watched) -> None:
    """As some do once they slept, or while they stand still: the report would wait for a fix for ever."""
    page = phone.page
    page.clock.install()
    page.add_init_script(
        """const asked = navigator.geolocation.watchPosition.bind(navigator.geolocation);
           let n = 0;
           navigator.geolocation.watchPosition = (...how) => (n++ ? asked(...how) : 0);"""
    )
    page.reload()
    expect(page.locator("[data-part=outbox-tools]")).to_be_attached()
    page.clock.run_for(15_000)
    expect(page.locator("[data-part=position]")).not_to_contain_text("±")
    page.clock.run_for(10_000)
    expect(page.locator("[data-part=position]")).to_contain_text("±7")
