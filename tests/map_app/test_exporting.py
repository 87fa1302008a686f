"""Maps as files: complete, small, and without a server or a network."""

import re
import shutil
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

import map_app
from layers import language
from layers.field import findings
from layers.field.asking import FindingFilter
from layers.people import Account
from layers.site import Site
from map_app import subjects
from tests.conftest import at, report
from tests.map_app.conftest import ARTEFACTS, HOSTILE


@pytest.fixture
def exported(town: Site, inspector: Account, now: datetime, tmp_path: Path) -> Path:
    """Give the folder of a town's maps, moved away from where they were made."""
    reports = [report(n, 20 * n, 203, now, observed_at=now - timedelta(days=n)) for n in range(2, 40)]
    findings.put_many(town, inspector, [*reports, report(1, 405, 603, now, note=HOSTILE)], now=now)
    with language.using("en"):
        pages = map_app.export(town, tmp_path / "maps", now=now)
    assert pages[0] == tmp_path / "maps" / "index.html"
    assert [page.stem for page in pages[1:]] == [*subjects.NAMES, "schools"]
    return Path(shutil.move(tmp_path / "maps", tmp_path / "elsewhere"))


def test_the_files_name_no_host_and_nothing_outside_their_folder(exported: Path) -> None:
    for page in exported.glob("*.html"):
        text = page.read_text(encoding="utf-8")
        assert "://" not in text
        for address in re.findall(r'(?:src|href)="([^"]+)"', text):
            assert (exported / address).is_file(), address


def test_the_schools_are_a_page_of_their_own_that_names_nobody(exported: Path) -> None:
    text = (exported / "schools.html").read_text(encoding="utf-8")
    assert "普育小学" in text and "xuncha.places(" in text and "/school-surroundings" not in text
    assert 'href="schools.html"' in (exported / "findings.html").read_text(encoding="utf-8")
    assert "Zhang" not in text and "zhang" not in text


def test_a_period_is_what_the_pages_say(
    town: Site, inspector: Account, now: datetime, tmp_path: Path
) -> None:
    reports = [report(n, 20 * n, 203, now, observed_at=now - timedelta(days=n)) for n in range(1, 5)]
    findings.put_many(town, inspector, reports, now=now)
    begin = (now - timedelta(days=2)).astimezone(town.settings.zone).replace(hour=0, minute=0)
    with language.using("en"):
        map_app.export(town, tmp_path, FindingFilter(observed_from=begin), now=now)
    data = (tmp_path / "data" / "findings.js").read_text(encoding="utf-8")
    assert f'["Period","{begin.date()} – ' in data
    assert '"headline":"2 findings"' in data


def test_a_site_without_streets_exports_what_it_can(site: Site, now: datetime, tmp_path: Path) -> None:
    pages = map_app.export(site, tmp_path, now=now)
    assert [page.stem for page in pages] == ["index", "findings"]


@pytest.mark.browser
@pytest.mark.parametrize("store_kind", ["gpkg"], indirect=True)
def test_the_files_open_from_disk_without_a_network(exported: Path, chromium: Browser) -> None:
    context = chromium.new_context(viewport={"width": 1280, "height": 800}, offline=True)
    page = context.new_page()
    complaints: list[str] = []
    asked: set[str] = set()
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", lambda request: asked.add(request.url.split(":")[0]))
    for name in ("index", *subjects.NAMES):
        page.goto(f"file://{exported}/{name}.html")
        page.wait_for_selector("body[data-loading='false']", state="attached")
        expect(page.locator("[data-part=basis] dd").first).not_to_be_empty()
    lon, lat = at(405, 603)
    page.goto(f"file://{exported}/findings.html#18/{lat}/{lon}")
    page.wait_for_timeout(500)
    box = page.locator(".folium-map").bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    expect(page.locator(".leaflet-popup-content")).to_contain_text(HOSTILE)
    ARTEFACTS.mkdir(exist_ok=True)
    page.screenshot(path=ARTEFACTS / "exported.png")
    context.close()
    assert complaints == []
    assert asked <= {"file", "data", "blob"}
