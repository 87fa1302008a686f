from dataclasses import replace
from datetime import datetime

import geopandas as gpd
import numpy as np
import pytest
from sqlalchemy import select

from geo.datum import from_wgs84
from layers.city import districts, key_points, networks
from layers.field import findings, placements
from layers.field.findings import FindingFilter
from layers.people import Account
from layers.site import Site
from layers.store import frames, schema
from tests.conftest import report

N = 60


@pytest.fixture
def full(town: Site, inspector: Account, now: datetime) -> Site:
    """Give the town with findings all over it."""
    random = np.random.default_rng(8)
    reports = [report(number, *random.uniform(-20, 820, 2), now) for number in range(1, N + 1)]
    findings.put_many(town, inspector, reports, now=now)
    return town


def placed(site: Site, version: int) -> gpd.pd.DataFrame:
    chosen = select(schema.placement).where(schema.placement.c.network_version == version)
    with site.store.read() as conn:
        return frames.read(conn, chosen.order_by(schema.placement.c.finding_id))


def test_a_new_version_adds_results_and_leaves_the_old_ones(
    full: Site, streets: gpd.GeoDataFrame, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(placements, "CHUNK", 25)
    before = placed(full, 1)
    version, _ = networks.add(full, streets.iloc[:6], "town", now=now)
    told: list[tuple[int, int]] = []
    done = placements.add_for(full, version, now=now, progress=lambda *step: told.append(step))
    assert done == N
    assert told == [(25, N), (50, N), (60, N)]
    assert placed(full, 1).equals(before)
    after = placed(full, 2)
    assert len(after) == N
    assert set(after["block_id"].dropna()) <= set(full.network.blocks["block_id"])
    assert placements.add_for(full, version, now=now) == 0


def test_answers_follow_the_newest_streets(full: Site, streets: gpd.GeoDataFrame, now: datetime) -> None:
    version, _ = networks.add(full, streets.iloc[:6], "town", now=now)
    assert findings.frame(full, FindingFilter())["block_id"].isna().all()
    placements.add_for(full, version, now=now)
    page = findings.page(full, FindingFilter(), limit=N)
    assert {one.placement.network_version for one in page.findings if one.placement} == {2}
    assert findings.frame(full, FindingFilter())["block_id"].notna().any()


def test_adding_for_an_old_version_is_the_same_as_having_been_there(
    site: Site, inspector: Account, streets: gpd.GeoDataFrame, now: datetime
) -> None:
    first, _ = networks.add(site, streets.iloc[:6], "town", now=now)
    networks.add(site, streets, "town", now=now)
    findings.put(site, inspector, report(1, 90, 205, now), now=now)
    assert placements.add_for(site, first, now=now) == 1
    assert len(placed(site, 1)) == len(placed(site, 2)) == 1


def test_surroundings_follow_the_key_points_and_areas(
    full: Site, places: gpd.GeoDataFrame, areas: gpd.GeoDataFrame, now: datetime
) -> None:
    key_points.replace(full, "town", places.iloc[1:], now=now)
    districts.replace(full, "town", areas.iloc[1:2], now=now)
    assert placements.refresh_surroundings(full) == N
    page = findings.page(full, FindingFilter(), limit=N)
    assert {near.kind for one in page.findings for near in one.key_points} == {"market", "bus_stop"}
    assert {area.name for one in page.findings for area in one.districts} <= {
        "西社区",
        "果园新村街道",
        "东社区",
    }
    assert sum(area.name == "东社区" for one in page.findings for area in one.districts) == 0


def test_refreshing_when_nothing_changed_changes_nothing(full: Site) -> None:
    before = findings.page(full, FindingFilter(), limit=N).findings
    placements.refresh_surroundings(full)
    assert findings.page(full, FindingFilter(), limit=N).findings == before


def test_every_row_is_brought_home_from_its_own_frame() -> None:
    home = np.array([[117.135, 39.225], [117.136, 39.226], [117.137, 39.227]])
    names = ["bd09", "wgs84", "gcj02"]
    given = np.concatenate([from_wgs84(home[[row]], name) for row, name in enumerate(names)])
    back = placements.lonlat_of(given[:, 0].tolist(), given[:, 1].tolist(), names)
    assert np.abs(back - home).max() < 1e-9
    assert placements.lonlat_of([], [], []).shape == (0, 2)


def test_a_hint_and_a_heading_reach_the_placement(town: Site, inspector: Account, now: datetime) -> None:
    crossing = report(1, 200, 200, now)
    rough = replace(crossing, position=replace(crossing.position, accuracy_m=15.0))
    _, plain = findings.put(town, inspector, rough, now=now)
    hinted = replace(rough, uuid=report(2, 0, 0, now).uuid, street_hint="辰昌路")
    _, by_name = findings.put(town, inspector, hinted, now=now)
    north = replace(
        rough,
        uuid=report(3, 0, 0, now).uuid,
        position=replace(rough.position, heading_deg=0.0, speed_ms=3.0),
    )
    _, by_heading = findings.put(town, inspector, north, now=now)
    assert plain.placement is not None
    assert by_name.placement is not None
    assert by_heading.placement is not None
    assert plain.placement.p_street == pytest.approx(0.5, abs=0.05)
    assert by_name.placement.street_name == by_heading.placement.street_name == "辰昌路"
    assert by_name.placement.p_street > 0.9
    assert by_heading.placement.p_street > 0.7
