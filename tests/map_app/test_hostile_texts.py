"""Script, quotes and template syntax in every text that people can fill, on every page, in a real browser."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from io import BytesIO

import geopandas as gpd
import numpy as np
import pytest
from playwright.sync_api import Browser, Dialog

from layers import people, teams, tokens
from layers.city import clearance_rules, districts, key_points, networks, taxonomy
from layers.city.taxonomy import Category
from layers.field import checks, decisions, findings, photos, tracks
from layers.field.checks import Check
from layers.field.tracks import Track
from layers.importing import uploads
from layers.importing.options import ImportOptions
from layers.site import Site
from layers.webhooks import hooks
from layers.worker import Worker
from tests.conftest import at, report
from tests.field_api.test_photos import jpeg
from tests.map_app.conftest import PASSWORD, City, Watched, serving

# Out of an attribute, out of a script, out of a template; and a picture that cannot be there
EVIL = '\'"></script></title><img src=x onerror="window.taken=1"><script>alert(1)</script>{{7*7}}${7*7}%(n)s'
SHORT = "<img src=x onerror=alert(1)>'\"{{7*7}}"
RULE = "evil"
GROUND = ("0406", "0401", "0110", "0201")


def _own(frame: gpd.GeoDataFrame, **changes: object) -> gpd.GeoDataFrame:
    return frame.assign(**changes)


@pytest.fixture(scope="module")
def evil(
    tmp_path_factory: pytest.TempPathFactory,
    streets: gpd.GeoDataFrame,
    places: gpd.GeoDataFrame,
    gates: gpd.GeoDataFrame,
    areas: gpd.GeoDataFrame,
) -> Iterator[City]:
    """Give a town in which every name and every remark is an attack."""
    now = datetime.now(UTC)
    site = Site.create(tmp_path_factory.mktemp("evil") / "home", now=now)
    networks.add(site, _own(streets, name=[f"{EVIL} {n}" for n in range(len(streets))]), EVIL, EVIL, now=now)
    own_places = _own(places, name=EVIL)
    key_points.replace(site, "town", own_places, _own(gates, name=EVIL), now=now)
    districts.replace(site, "town", _own(areas, name=EVIL, code=SHORT), now=now)
    with site.store.write() as conn:
        accounts = {
            role: people.create(conn, role, f"{EVIL} {role}", role, password=PASSWORD, now=now)
            for role in ("inspector", "supervisor", "admin")
        }
        teams.join(conn, accounts["inspector"].id, SHORT, since=now, now=now, by=None)
        tokens.issue(conn, accounts["inspector"].id, EVIL[:80], now)
        named = [Category("gbt30428-2013-event", code, EVIL, EVIL, "behaviour") for code in GROUND[:2]]
        taxonomy.name_for_site(conn, named)
    _fill(site, accounts, now)
    with serving(site) as url:
        yield City(site, url, accounts)
    site.close()


def _days(ago: float, now: datetime) -> dict[str, datetime]:
    return {"observed_at": now - timedelta(days=ago)}


def _fill(site: Site, accounts: dict[str, people.Account], now: datetime) -> None:
    inspector, supervisor = accounts["inspector"], accounts["supervisor"]
    rng = np.random.default_rng(5)
    said = {"note": EVIL, "street_hint": EVIL[:200], "device": EVIL[:200]}
    reports = [
        report(n, float(x), float(y), now, code=GROUND[n % 4], **_days(n / 8, now), **said)
        for n, (x, y) in enumerate(rng.uniform(0, 800, (60, 2)), 10)
    ]
    doubtful, twin = report(1, 205, 205, now, **said), report(2, 300, 206, now, **said)
    again = report(3, 301, 206, now, **{**said, "observed_at": now - timedelta(minutes=5)})
    findings.put_many(site, inspector, [*reports, doubtful, twin, again], now=now)
    photos.attach(site, inspector, twin.uuid, jpeg("teal"), now=now)
    block = decisions.candidates(site, doubtful.uuid)["block_id"][1]
    decisions.decide(site, supervisor, doubtful.uuid, block, reason=EVIL, now=now)
    position = replace(reports[0].position)
    looked = Check(uuid=report(99, 0, 0, now).uuid, observed_at=now, position=position, note=EVIL)
    checks.put(site, inspector, looked, now=now)
    along = np.array([at(x, 400) for x in range(10, 800, 10)])
    time = (now - timedelta(days=2)).timestamp() + 8.0 * np.arange(len(along))
    walk = Track(
        uuid=report(98, 0, 0, now).uuid,
        lon=along[:, 0],
        lat=along[:, 1],
        time=time,
        accuracy_m=np.full(len(along), 4.0),
        frame="wgs84",
        accuracy_kind="r68",
        device=EVIL[:200],
    )
    tracks.put(site, inspector, walk, now=now)
    source = {"title": EVIL, "article": EVIL, "url": "javascript:alert(1)", "note": EVIL}
    own = {"id": RULE, "jurisdiction": EVIL, "distance_text": EVIL, "source": source}
    clearance_rules.change(site, {**clearance_rules.site_setting(200.0), **own}, now=now)
    hooks.add(site, "https://example.org/" + SHORT.replace(" ", "%20"), ["*"], by=None, now=now)
    _import(site, accounts["admin"], now)


def _import(site: Site, whose: people.Account, now: datetime) -> None:
    """Let a file be looked at whose name, columns and cells are attacks."""
    columns = f'"{EVIL.replace(chr(34), chr(34) * 2)}",lon,lat'
    text = (
        f"{columns}\n{SHORT.replace(chr(34), '')},117.1,39.2\n{SHORT.replace(chr(34), '')},999,{SHORT[:8]}\n"
    )
    key = uploads.take(site, [("a.csv", BytesIO(text.encode()))])
    upload = {"key": key, "name": f"{EVIL}.csv"}
    uploads.order(site, whose, uploads.LOOK, upload, ImportOptions(frame="wgs84"), now=now)
    Worker(site, lambda: datetime.now(UTC)).run_all()


def _pages(site: Site) -> list[str]:
    with site.store.read() as conn:
        fids = conn.exec_driver_sql("SELECT fid FROM key_point ORDER BY fid").scalars().all()
        job = conn.exec_driver_sql("SELECT max(id) FROM job WHERE kind = 'look at import'").scalar_one()
        block = conn.exec_driver_sql("SELECT block_id FROM placement ORDER BY p_block DESC").scalars().first()
    one, two = (report(n, 0, 0, datetime.now(UTC)).uuid for n in (1, 2))
    own = [f"/findings/{one}", f"/findings/{two}", f"/rules/{RULE}", f"/hotspots/{block}"]
    own += [f"/imports/uploads/{job}", "/accounts/1", f"/arbitration?finding={one}"]
    own += [f"/surroundings/{fid}" for fid in fids] + [f"/school-surroundings/{fids[0]}"]
    return [
        *("/", "/findings", "/arbitration", "/duplicates", "/datum-doctor", "/imports", "/jobs", "/accounts"),
        *("/account", "/coverage", "/coverage/targets", "/patrol-plan", "/rules", "/surroundings"),
        *("/school-surroundings", "/webhooks", "/phone", "/field", "/first-visit"),
        *(f"/maps/{name}" for name in ("findings", "hotspots", "density", "heat", "coverage", "parking")),
        "/maps/density?show=streets",
        *own,
    ]


def test_every_text_stays_text_on_every_page(chromium: Browser, evil: City) -> None:
    context = chromium.new_context(viewport={"width": 1280, "height": 800}, locale="zh-CN")
    watched = Watched(context.new_page(), context, evil.url)
    dialogs: list[str] = []

    def note(dialog: Dialog) -> None:
        dialogs.append(f"{watched.page.url}: {dialog.message}")
        dialog.dismiss()

    watched.page.on("dialog", note)
    context.add_init_script(
        "addEventListener('securitypolicyviolation', e => console.error('CSP', e.blockedURI))"
    )
    watched.open("/login")
    watched.page.fill("input[name=login]", "admin")
    watched.page.fill("input[name=password]", PASSWORD)
    watched.page.click("form .button")
    watched.page.wait_for_url(watched.url + "/")
    bad: dict[str, object] = {}
    for where in _pages(evil.site):
        watched.complaints.clear()
        answer = watched.page.goto(watched.url + where)
        if where.startswith("/maps/"):
            watched.drawn()
            _point_everywhere(watched)
        watched.page.wait_for_timeout(150)
        taken = watched.page.evaluate("[window.taken, document.querySelector('img[src=x]')]")
        if taken != [None, None] or watched.complaints or answer is None or answer.status != 200:
            bad[where] = (answer and answer.status, taken, list(watched.complaints))
    context.close()
    assert bad == {}
    assert dialogs == []


def _point_everywhere(watched: Watched) -> None:
    """Let the map tell of what lies under many of its places."""
    for x in range(420, 1240, 160):
        for y in range(120, 760, 160):
            watched.page.mouse.move(x, y)
            watched.page.mouse.click(x, y)
    watched.page.wait_for_timeout(200)
