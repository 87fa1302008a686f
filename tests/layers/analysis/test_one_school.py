"""One school asked alone: the same as in the list of all, out of a part of what is there."""

from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely

from layers.analysis import coverage, school_history, surroundings, verdicts
from layers.analysis.questions import Analyst
from layers.city import clearance_rules, key_points
from layers.errors import NotFoundError
from layers.field import checks, findings
from layers.field import coverage as covered
from layers.field.asking import FindingFilter
from layers.field.checks import Check
from layers.field.reports import Position
from layers.people import Account
from layers.site import Site
from tests.conftest import at, in_town, report
from tests.layers.analysis.test_surroundings import patrol

RULES = ("CN-NET-200-gate-walk", clearance_rules.SITE_RULE)


@pytest.fixture
def crowded(town: Site, inspector: Account, now: datetime) -> Site:
    """Give the town three more schools, one with gates off its ground, shops, stalls and a patrol."""
    grounds = [shapely.box(560, 560, 620, 620), shapely.Point(330, 230), shapely.box(20, 720, 60, 760)]
    names = ["far", "point", "north"]
    schools = gpd.GeoDataFrame(
        {"source_id": names, "kind": ["secondary", "primary", "kindergarten"], "name": names},
        geometry=in_town(grounds),
        crs=4326,
    )
    gates = gpd.GeoDataFrame(
        {"key_point_source_id": ["far", "far"], "source_id": ["a", "b"], "kind": ["main", "side"]},
        geometry=in_town([shapely.Point(690, 600), shapely.Point(590, 500)]),
        crs=4326,
    )
    key_points.replace(town, "schools", schools, gates, now=now)
    rng = np.random.default_rng(5)
    places = rng.uniform(-100, 900, (60, 2))
    shops = gpd.GeoDataFrame(
        {"source_id": [str(k) for k in range(60)], "kind": ["internet_cafe", "tobacco"] * 30},
        geometry=in_town([shapely.Point(*place) for place in places]),
        crs=4326,
    )
    key_points.replace(town, "shops", shops, now=now)
    for rule in RULES:
        clearance_rules.use(town, rule, True, now=now)
    drawn = rng.uniform((-100, -100, 0), (900, 900, 60), (40, 3)).tolist()
    stalls = [
        report(k, east, north, now, observed_at=now - timedelta(days=days))
        for k, (east, north, days) in enumerate(drawn, 1)
    ]
    # one whose position is good for nothing lies near every school
    poor = report(99, 300, 300, now)
    stalls.append(replace(poor, position=replace(poor.position, accuracy_m=900.0)))
    findings.put_many(town, inspector, stalls, now=now)
    patrol(town, inspector, now - timedelta(days=2))
    lon, lat = at(600, 500)
    position = Position(x=lon, y=lat, frame="wgs84", accuracy_m=5, accuracy_kind="r68")
    said = Check(uuid=str(UUID(int=7, version=4)), observed_at=now, position=position, extent="block")
    checks.put(town, inspector, said, now=now)
    return town


def told(verdicts: pd.DataFrame) -> list[dict[str, object]]:
    """Return verdicts in an order of their own, as plain values."""
    rows = pd.DataFrame(verdicts).sort_values(
        ["what", "premises_id", "rule_id", "rule_version"], kind="stable", ignore_index=True
    )
    rows["path"] = [None if path is None else path.wkt for path in rows["path"]]
    return rows.astype(object).where(rows.notna(), None).to_dict("records")


def test_a_school_alone_has_the_verdicts_and_the_status_that_it_has_among_all(
    crowded: Site, now: datetime
) -> None:
    every = surroundings.status(Analyst(crowded), now, 14)
    assert len(every.schools) == 4
    assert set(every.verdicts["verdict"]) >= {"breach", "clear", "indeterminate"}
    for fid in every.schools["fid"]:
        alone = surroundings.status(Analyst(crowded), now, 14, int(fid))
        mine = every.schools[every.schools["fid"].eq(fid)].reset_index(drop=True)
        pd.testing.assert_frame_equal(pd.DataFrame(alone.schools), pd.DataFrame(mine))
        assert told(alone.verdicts) == told(every.verdicts[every.verdicts["place_id"].eq(fid)])
        mine = every.stretches[every.stretches["fid"].eq(fid)].reset_index(drop=True)
        pd.testing.assert_frame_equal(alone.stretches, mine)


def test_schools_asked_one_after_the_other_keep_their_own_streets(crowded: Site, now: datetime) -> None:
    analyst = Analyst(crowded)
    alone = {
        fid: surroundings.status(analyst, now, 14, fid).stretches for fid in analyst.schools()["fid"].tolist()
    }
    every = surroundings.status(analyst, now, 14).stretches
    for fid, own in alone.items():
        mine = every[every["fid"].eq(fid)].reset_index(drop=True)
        assert len(mine)
        pd.testing.assert_frame_equal(own, mine)


def test_a_school_alone_has_the_history_that_it_has_among_all(crowded: Site, now: datetime) -> None:
    # shops are taken to have been there always: without them it is stalls and patrols that change
    alone = gpd.GeoDataFrame(
        {"source_id": ["0"], "kind": ["tobacco"]}, geometry=in_town([shapely.Point(900, -100)]), crs=4326
    )
    key_points.replace(crowded, "shops", alone, now=now)
    every = school_history.weeks(Analyst(crowded), now, 14)
    assert every.nunique(axis=1).max() > 1
    for fid in every.index:
        one = school_history.weeks(Analyst(crowded), now, 14, int(fid))
        assert one.loc[fid].tolist() == every.loc[fid].tolist()


def test_there_is_no_school_of_a_number_that_none_has(crowded: Site, now: datetime) -> None:
    with pytest.raises(NotFoundError):
        surroundings.status(Analyst(crowded), now, 14, 12345)


def test_what_is_far_off_with_a_poor_position_is_weighed_by_its_own_error(
    crowded: Site, now: datetime
) -> None:
    analyst = Analyst(crowded)
    found = verdicts.audit(analyst, FindingFilter(), now)
    poor = found[found["what"].eq("finding") & found["sd_m"].gt(300)]
    assert len(poor) >= 3
    assert set(poor["verdict"]) <= {"measure_on_site", "indeterminate", "clear"}


def test_coverage_out_of_memory_is_that_of_the_store(crowded: Site, now: datetime) -> None:
    analyst = Analyst(crowded)
    blocks = crowded.network.blocks["block_id"].tolist()
    later = now + timedelta(minutes=1)
    for since, until in ((None, now), (now - timedelta(days=3), now), (now - timedelta(days=1), later)):
        stored = covered.intervals(crowded, since, until)
        assert len(stored)
        pd.testing.assert_frame_equal(coverage.intervals(analyst, since, until, blocks), stored)
    some = blocks[::3]
    cut = coverage.stretches(analyst, None, now)
    pd.testing.assert_frame_equal(
        coverage.stretches(analyst, None, now, some),
        cut[cut["block_id"].isin(some)].reset_index(drop=True),
    )
    cuts = [now - timedelta(days=days) for days in (7, 3, 1, 0)]
    whole = coverage.effort_by_period(analyst, cuts)
    assert whole.sum() > 0
    part = coverage.effort_by_period(analyst, cuts, block_ids=some)
    np.testing.assert_allclose(part, whole[:, ::3])
