"""The pages' questions, asked of a real site on both stores."""

import shutil
import time
from datetime import datetime, timedelta
from uuid import UUID

import numpy as np
import pytest
import rasterio

from layers import people, tokens
from layers.analysis import base_map
from layers.analysis.questions import Analyst
from layers.errors import NotFoundError
from layers.field import findings
from layers.field.asking import FindingFilter
from layers.field.tracks import Track
from layers.people import Account
from layers.site import Site
from tests.conftest import at, report

ALL = FindingFilter()


@pytest.fixture
def analyst(town: Site, inspector: Account, now: datetime) -> Analyst:
    """Give a town with six findings: four on one street, one in the school's zone, one outside."""
    places = [(300, 2), (320, 2), (340, 2), (360, 2), (70, 130), (5000, 5000)]
    reports = [report(n, east, north, now) for n, (east, north) in enumerate(places, 1)]
    findings.put_many(town, inspector, reports, now=now)
    return Analyst(town)


def walk(number: int, places: list[tuple[float, float]], begun: datetime) -> Track:
    lonlat = np.array([at(*place) for place in places])
    times = begun.timestamp() + 10.0 * np.arange(len(places))
    return Track(
        uuid=str(UUID(int=number, version=4)),
        lon=lonlat[:, 0],
        lat=lonlat[:, 1],
        time=times,
        accuracy_m=np.full(len(places), 4.0),
        frame="wgs84",
        accuracy_kind="r68",
        mode="foot",
    )


def test_findings_come_with_their_placement_and_the_day_of_the_site(analyst: Analyst, now: datetime) -> None:
    found = analyst.findings(ALL)
    assert found["outside"].tolist() == [False] * 5 + [True]
    assert found.loc[0, "street_name"] == "北仓道"
    local = (now - timedelta(hours=1)).astimezone(analyst.site.settings.zone)
    assert set(found["day"]) == {(local.date() - datetime(1970, 1, 1).date()).days}
    assert found.loc[0, ["lon", "lat"]].tolist() == pytest.approx(at(300, 2))


def test_the_filter_narrows_what_is_read(analyst: Analyst) -> None:
    nothing = FindingFilter(categories=(("gbt30428-2013-event", "0401"),))
    assert len(analyst.findings(nothing)) == 0
    west = analyst.site.districts.frame.query("name == '西社区'")["fid"].iloc[0]
    assert len(analyst.findings(FindingFilter(district_id=int(west)))) == 5


def test_an_answer_is_kept_until_something_changes(
    analyst: Analyst, inspector: Account, now: datetime
) -> None:
    first = analyst.findings(ALL)
    assert analyst.findings(ALL) is first
    findings.put(analyst.site, inspector, report(9, 100, 200, now), now=now)
    assert len(analyst.findings(ALL)) == 7


def test_who_comes_in_and_with_which_token_makes_no_answer_old(
    analyst: Analyst, inspector: Account, now: datetime
) -> None:
    first = analyst.findings(ALL)
    with analyst.site.store.write() as conn:
        people.note(conn, inspector.login, "sign_in", now)
        tokens.issue(conn, inspector.id, "phone", now=now)
    assert analyst.findings(ALL) is first
    with analyst.site.store.write() as conn:
        people.change(conn, inspector.id, name="Wang", role="inspector", by=None, now=now)
    assert analyst.findings(ALL) is not first


def test_density_is_of_the_block_where_the_findings_are(analyst: Analyst) -> None:
    blocks = analyst.site.network.blocks.set_index("block_id")
    top = analyst.density(ALL)["n"].idxmax()
    assert blocks.loc[top, "name"] == "北仓道"
    assert 3 < analyst.density(ALL).loc[top, "n"] <= 4.5


def test_the_heat_surface_is_a_file_in_the_cache_and_not_made_twice(analyst: Analyst) -> None:
    key, path = analyst.heat(ALL)
    assert path == analyst.heat_path(key)
    made = path.stat().st_mtime_ns
    again = Analyst(analyst.site).heat(ALL)
    assert (again, path.stat().st_mtime_ns) == ((key, path), made)
    with rasterio.open(path) as file:
        assert file.tags()["n"] == "5"


def test_another_selection_has_another_surface(analyst: Analyst, now: datetime) -> None:
    assert analyst.heat(ALL)[0] != analyst.heat(FindingFilter(observed_from=now))[0]


def test_archives_are_named_before_they_are_made(analyst: Analyst) -> None:
    named = analyst.archives()
    assert set(named) == {"blocks", "names", "grounds"}
    assert not any(path.exists() for path in named.values())
    assert analyst.write_archive("blocks") == named["blocks"]
    assert named["blocks"].stat().st_size > 0


def test_a_small_towns_streets_are_written_when_first_asked_for(analyst: Analyst) -> None:
    assert analyst.streets_are_ready()
    assert all(path.exists() for path in analyst.archives().values())


def test_a_large_citys_streets_are_written_beside_and_nobody_waits(
    analyst: Analyst, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(base_map, "WRITTEN_AT_ONCE", 0)
    assert not analyst.streets_are_ready()
    for _ in range(300):
        if analyst.streets_are_ready():
            break
        time.sleep(0.1)
    assert analyst.streets_are_ready()


def test_what_was_swept_out_of_the_cache_is_made_again(analyst: Analyst) -> None:
    _, surface = analyst.heat(ALL)
    archive = analyst.write_archive("names")
    shutil.rmtree(analyst.folder)
    assert analyst.heat(ALL)[1] == surface
    assert analyst.write_archive("names") == archive
    assert surface.exists()
    assert archive.exists()


def test_a_site_without_streets_has_no_archives_and_says_so_when_asked_for_more(site: Site) -> None:
    analyst = Analyst(site)
    assert analyst.archives() == {}
    assert analyst.span() == (None, None)
    assert len(analyst.findings(ALL)) == 0
    with pytest.raises(NotFoundError):
        analyst.density(ALL)


def test_a_number_that_is_no_block_or_finding_is_not_found(analyst: Analyst) -> None:
    for number in (-1, 10_000):
        with pytest.raises(NotFoundError):
            analyst.block(number)
        with pytest.raises(NotFoundError):
            analyst.uuid_of(number)
