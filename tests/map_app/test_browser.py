"""The pages in a real Chromium."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from io import BytesIO

import pytest
from PIL import Image
from playwright.sync_api import expect

from layers.field import findings, tracks
from layers.field.asking import FindingFilter
from tests.conftest import at, report
from tests.layers.field.test_tracks import along, walk
from tests.map_app.conftest import HOSTILE, City, Watched, until

pytestmark = pytest.mark.browser
# What rings and points on the screen add up to
COUNT = """() => {
    const rings = [...document.querySelectorAll('.cluster-n')];
    let n = rings.reduce((sum, one) => sum + Number(one.textContent), 0);
    xuncha.theMap.eachLayer((layer) => { if (layer instanceof L.CircleMarker) n += 1; });
    return n;
}"""
Visit = Callable[..., Watched]
PHONE = {"width": 390, "height": 844}
LONE = report(1, 0, 0, datetime.now(UTC)).uuid


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("size", ["desktop", "phone"])
def test_pages_load_without_complaint_and_ask_no_foreign_host(visit: Visit, language: str, size: str) -> None:
    options = {"viewport": PHONE, "has_touch": True, "device_scale_factor": 2} if size == "phone" else {}
    watched = visit("supervisor", language, **options)
    watched.shot(f"start-{size}-{language}")
    for name in ("findings", "hotspots", "density", "heat", "coverage", "parking"):
        watched.open(f"/maps/{name}")
        expect(watched.page.locator("[data-part=status]")).not_to_be_empty()
        expect(watched.page.locator("[data-part=basis] dd").first).not_to_be_empty()
        watched.shot(f"map-{name}-{size}-{language}")
    for path in ("/findings", f"/findings/{LONE}"):
        watched.open(path)
        watched.shot(f"{path.strip('/').replace(LONE, 'one').replace('/', '-')}-{size}-{language}")
    watched.check()


def pixels(watched: Watched, lon: float, lat: float) -> tuple[float, float]:
    """Return where a place is on the screen."""
    point = watched.page.evaluate(
        """([lon, lat]) => {
            const point = xuncha.theMap.latLngToContainerPoint([lat, lon]);
            const box = xuncha.theMap.getContainer().getBoundingClientRect();
            return [point.x + box.x, point.y + box.y];
        }""",
        [lon, lat],
    )
    return point[0], point[1]


def open_at(watched: Watched, name: str, east: float, north: float, zoom: int = 18) -> tuple[float, float]:
    lon, lat = at(east, north)
    watched.open(f"/maps/{name}#{zoom}/{lat:.6f}/{lon:.6f}")
    watched.page.wait_for_timeout(700)
    return pixels(watched, lon, lat)


def test_a_click_opens_the_right_finding_and_its_hostile_note_stays_text(visit: Visit) -> None:
    watched = visit("supervisor", "en")
    place = open_at(watched, "findings", 405, 603)
    watched.page.mouse.click(*place)
    popup = watched.page.locator(".leaflet-popup-content")
    expect(popup).to_contain_text(HOSTILE)
    expect(popup).to_contain_text("improper piling of goods or materials")
    expect(popup.locator("img.photo")).to_have_count(1)
    assert popup.locator("img:not(.photo), script").count() == 0
    watched.shot("popup")
    popup.locator("a").click()
    watched.page.wait_for_url(re.compile(f"/findings/{LONE}$"))
    expect(watched.page.locator("main")).to_contain_text(HOSTILE)
    assert watched.page.title() != "taken"
    watched.check()


def shows(watched: Watched, n: int) -> None:
    """Wait until the map shows n findings; it draws a moment after it was told."""
    until(watched.page, f"({COUNT})() === {n}")


def test_a_category_can_be_hidden_and_shown_again(visit: Visit) -> None:
    watched = visit("supervisor", "en")
    watched.open("/maps/findings")
    everything = 81
    shows(watched, everything)
    entry = watched.page.locator("[data-part=legend] .entry").first
    hidden = int(entry.locator("b").inner_text())
    assert 0 < hidden < everything
    entry.locator("input").uncheck()
    shows(watched, everything - hidden)
    entry.locator("input").check()
    shows(watched, everything)
    watched.check()


def test_the_filter_asks_again_and_is_kept_in_the_address(visit: Visit) -> None:
    watched = visit("supervisor", "en")
    watched.open("/maps/findings")
    status = watched.page.locator("[data-part=status]")
    expect(status).to_have_text("81 findings")
    watched.page.select_option("select[name=category]", "gbt30428-2013-event.0136")
    expect(status).to_have_text("1 finding")
    assert "category=gbt30428-2013-event.0136" in watched.page.url
    watched.page.reload()
    watched.drawn()
    expect(status).to_have_text("1 finding")
    watched.page.select_option("select[name=category]", "")
    watched.page.click("[data-days='7']")
    expect(status).not_to_have_text("81 findings")
    watched.check()


def test_a_block_tells_its_numbers_and_lists_its_findings(visit: Visit, city: City) -> None:
    watched = visit("supervisor", "en")
    place = open_at(watched, "density", 300, 400, zoom=17)
    watched.page.mouse.click(*place)
    popup = watched.page.locator(".leaflet-popup-content")
    expect(popup).to_contain_text("淮东路")
    expect(popup).to_contain_text("Last inspected")
    watched.shot("block")
    popup.locator("a").click()
    watched.page.wait_for_url(re.compile(r"/findings\?block="))
    expect(watched.page.locator("main")).to_contain_text("Only findings on one street block.")
    watched.check()


def test_both_sides_of_a_street_are_drawn_by_what_is_known_of_them(visit: Visit) -> None:
    watched = visit("supervisor", "en")
    # driven through two days ago, slowly: nobody said in what, so that the side is not known
    x, y = open_at(watched, "coverage", 300, 400, zoom=17)
    shot = watched.page.screenshot(clip={"x": x - 2, "y": y - 2, "width": 4, "height": 4})
    colour = Image.open(BytesIO(shot)).convert("RGB").getpixel((2, 2))
    assert colour == (0x3A, 0x83, 0xC3)
    watched.page.mouse.click(x, y)
    popup = watched.page.locator(".leaflet-popup-content")
    expect(popup).to_contain_text("Side not known")
    expect(watched.page.locator("[data-part=status]")).to_contain_text("not seen for 14 days, worst in")
    watched.check()


def test_the_slider_goes_through_the_days_of_the_period(visit: Visit, city: City) -> None:
    noon = datetime.now(city.site.settings.zone).replace(hour=12)
    earlier = noon - timedelta(days=4)
    drive = walk(along(600, 10, 790, 79), earlier, 77)
    tracks.put(city.site, city.accounts["inspector"], drive, now=datetime.now(UTC))
    watched = visit("supervisor", "en")
    watched.open("/maps/coverage?view=state&step=day")
    inspected = watched.page.locator("[data-part=legend] b").first
    expect(inspected).to_have_text("1.6 km")
    bar = watched.page.locator(".time-bar")
    expect(bar.locator("output")).to_have_text("Whole period")
    bar.locator("input").press("Home")
    expect(bar.locator("output")).to_have_text(earlier.date().isoformat())
    expect(inspected).to_have_text("0.8 km")
    watched.check()


def test_the_list_of_schools_leads_to_the_school_and_its_findings(visit: Visit, city: City) -> None:
    watched = visit("supervisor", "zh")
    watched.open("/school-surroundings")
    watched.page.get_by_role("link", name="普育小学").click()
    marks = watched.page.locator(".number-mark")
    expect(marks.first).to_be_visible()
    watched.page.locator("[data-mark='1']").first.click()
    expect(watched.page.locator(".leaflet-popup-content")).to_contain_text("占道经营")
    n = marks.count()
    watched.page.locator("[data-bells]").check()
    assert marks.count() <= n
    watched.shot("school")
    watched.open("/surroundings")
    watched.shot("places")
    watched.check()


def test_attribution_is_shown_as_text(visit: Visit) -> None:
    watched = visit("supervisor", "en")
    watched.open("/maps/findings")
    attribution = watched.page.locator(".leaflet-control-attribution")
    expect(attribution).to_contain_text("© <b>by hand</b>")
    assert attribution.locator("b").count() == 0


def test_the_panel_opens_and_closes_on_a_phone(visit: Visit) -> None:
    watched = visit("supervisor", "zh", viewport=PHONE, has_touch=True)
    watched.open("/maps/findings")
    basis = watched.page.locator("[data-part=basis]")
    expect(basis).not_to_be_in_viewport()
    watched.page.tap("[data-part=handle]")
    watched.page.wait_for_timeout(400)
    basis.scroll_into_view_if_needed()
    expect(basis).to_be_in_viewport()
    watched.shot("sheet-phone-zh")
    watched.check()


def test_the_site_of_the_test_is_what_the_test_believes(city: City) -> None:
    assert len(findings.frame(city.site, FindingFilter())) >= 81


def test_a_printed_patrol_plan_shows_the_whole_walk(visit: Visit) -> None:
    watched = visit("supervisor", "en")
    watched.open("/patrol-plan?hours=1")
    watched.page.evaluate("xuncha.theMap.setZoom(19, { animate: false })")
    watched.page.set_viewport_size({"width": 700, "height": 1000})
    watched.page.emulate_media(media="print")
    outside = watched.page.evaluate(
        """() => {
            window.dispatchEvent(new Event('beforeprint'));
            const map = document.querySelector('.finding-map');
            const [box, page] = [map.getBoundingClientRect(), document.documentElement.clientWidth];
            const marks = [...map.querySelectorAll('.walk-mark')].map((one) => one.getBoundingClientRect());
            const out = marks.filter((one) => one.left < box.left || one.right > box.right
                || one.top < box.top || one.bottom > box.bottom);
            return [marks.length > 1, out.length, box.right <= page];
        }"""
    )
    assert outside == [True, 0, True]
    watched.shot("patrol-plan-printed")
    watched.check()
