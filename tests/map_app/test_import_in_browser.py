"""A file from a person's disk to findings and back, in a real browser: guided, mapped, refused, undone."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import geopandas as gpd
import pandas as pd
import pyogrio
import pytest
import shapely
from playwright.sync_api import expect

from layers.field.asking import FindingFilter
from layers.field.findings import page
from layers.site import Site
from layers.worker import Worker
from tests.conftest import at
from tests.map_app.conftest import ARTEFACTS, City, Watched

PLACES = [at(90, 205), at(300, 402), at(500, 203)]
WHEN = "2026-08-22T02:00:00Z"
NOTES = ["摊贩占道", "杂物堆放", "广告乱贴"]


def table() -> pd.DataFrame:
    """Return three good rows and one that lies nowhere, under headings of their own."""
    rows = [(lon, lat, WHEN, note) for (lon, lat), note in zip(PLACES, NOTES, strict=True)]
    return pd.DataFrame([*rows, (999.0, 39.0, WHEN, "nowhere")], columns=["东经", "北纬", "何时", "问题"])


def write(folder: Path, suffix: str) -> Path:
    path = folder / f"热线{suffix}"
    if suffix == ".csv":
        table().to_csv(path, index=False)
    elif suffix == ".xlsx":
        pyogrio.write_dataframe(table(), path, driver="XLSX")
    elif suffix == ".kml":
        good = gpd.GeoDataFrame({"Name": NOTES, "何时": WHEN}, geometry=shapely.points(PLACES), crs=4326)
        good.to_file(path, driver="LIBKML")
    else:
        points = "".join(
            f'<wpt lat="{lat}" lon="{lon}"><time>{WHEN}</time><name>{note}</name></wpt>'
            for (lon, lat), note in zip(PLACES, NOTES, strict=True)
        )
        head = '<gpx version="1.1" creator="t" xmlns="http://www.topografix.com/GPX/1/1">'
        path.write_text(f"{head}{points}</gpx>", encoding="utf-8")
    return path


# For each format what must be chosen: the column of the note, of the time, and of the place
CHOICES = {
    ".csv": {"note": "问题", "observed_at": "何时", "lon": "东经", "lat": "北纬"},
    ".xlsx": {"note": "问题", "observed_at": "何时", "lon": "东经", "lat": "北纬"},
    ".kml": {"note": "Name", "observed_at": "何时"},
    ".gpx": {"note": "name", "observed_at": "time"},
}


def work(site: Site) -> None:
    Worker(site, lambda: datetime.now(UTC)).run_all()


def found(site: Site) -> list[str | None]:
    return [one.note for one in page(site, FindingFilter(), limit=1000).findings if one.note in NOTES]


@pytest.mark.parametrize("suffix", CHOICES)
def test_a_file_is_guided_in_and_taken_back(
    visit: Callable[..., Watched], city: City, tmp_path: Path, suffix: str
) -> None:
    watched = visit("supervisor", "en")
    browser, site = watched.page, city.site
    watched.open("/imports")
    browser.set_input_files("input[name=file]", write(tmp_path, suffix))
    browser.click("text=Look at it first")
    work(site)
    browser.reload()
    for field, column in CHOICES[suffix].items():
        browser.select_option(f"select[name=column_{field}]", column)
    browser.select_option("select[name=frame]", "wgs84")
    browser.fill("input[name=all_code]", "gbt30428-2013-event.0406")
    profile = f"hotline {suffix[1:]}"
    browser.fill("input[name=save_as]", profile)
    browser.click("text=Look again")
    work(site)
    browser.reload()
    refused = 1 if suffix in {".csv", ".xlsx"} else 0
    expect(browser.locator("#jobs")).to_contain_text(f"3 new, 0 there already, {refused} refused")
    expect(browser.locator("#jobs")).to_contain_text("Nothing has been written yet")
    expect(browser.locator(".leaflet-container")).to_be_visible()
    if refused:
        expect(browser.locator("tbody tr").last).to_contain_text("999")
    assert found(site) == []
    browser.click("button[value=import]")
    work(site)
    browser.reload()
    assert sorted(filter(None, found(site))) == sorted(NOTES)
    watched.open("/imports")
    expect(browser.locator("select[name=profile]")).to_contain_text(profile)
    browser.locator("tr[data-run]").first.locator("button").click()
    work(site)
    assert found(site) == []
    watched.check()


def test_what_can_be_read_in_two_ways_is_asked_and_shown(
    visit: Callable[..., Watched], city: City, tmp_path: Path
) -> None:
    watched = visit("supervisor", "zh")
    browser, site = watched.page, city.site
    (lon, lat), path = PLACES[0], tmp_path / "台账.csv"
    lines = [
        "八月巡查台账",
        "时间,坐标,代码,备注",
        f'05/03/2026 8:30,"{lat}, {lon}",406,日月之间',
        "明天,无,406,不成",
    ]
    path.write_text("\n".join(lines), encoding="utf-8")
    watched.open("/imports")
    browser.set_input_files("input[name=file]", path)
    browser.locator("form[enctype] button").click()
    work(site)
    browser.reload()
    browser.select_option("select[name=frame]", "wgs84")
    browser.select_option("select[name=column_code]", "代码")
    browser.select_option("select[name=all_scheme]", "gbt30428-2013-event")
    browser.click("button[value=look]")
    work(site)
    browser.reload()
    expect(browser.locator("#jobs")).to_contain_text("可能是日在前，也可能是月在前")
    browser.select_option("select[name=date_format]", "dmy")
    browser.click("button[value=look]")
    work(site)
    browser.reload()
    expect(browser.locator("#jobs")).to_contain_text("日期写法：日/月/年")
    expect(browser.locator("#first")).to_contain_text("2026-03-05 08:30")
    expect(browser.locator("input[name=time_zone]")).to_have_value("Asia/Shanghai")
    expect(browser.locator("input[name=header_row]")).to_have_value("2")
    ARTEFACTS.mkdir(exist_ok=True)
    browser.screenshot(path=ARTEFACTS / "import-ways.png", full_page=True)
    browser.click("button[value=import]")
    work(site)
    browser.reload()
    (taken,) = [one for one in page(site, FindingFilter(), limit=1000).findings if one.note == "日月之间"]
    assert (taken.code, taken.observed_at.isoformat()) == ("0406", "2026-03-05T00:30:00+00:00")
    watched.check()
