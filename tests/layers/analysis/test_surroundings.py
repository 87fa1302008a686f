"""The surroundings of a school: judged by the rules in use, and whether anybody has looked."""

from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely

from layers.analysis import surroundings, verdicts
from layers.analysis.questions import Analyst
from layers.city import clearance_rules, key_points, taxonomy
from layers.field import findings, tracks
from layers.field.asking import FindingFilter
from layers.field.tracks import Track
from layers.people import Account
from layers.site import Site
from tests.conftest import at, in_town, report

ALL = FindingFilter()


def patrol(site: Site, who: Account, now: datetime) -> None:
    """Walk every street that the school's zone reaches."""
    route = [(x, 0) for x in range(0, 401, 10)]
    for k, y in enumerate((200, 400), 1):
        xs = range(400, -1, -10) if k % 2 else range(0, 401, 10)
        route += [(x, y) for x in xs]
    for k, x in enumerate((0, 200, 400)):
        ys = range(0, 401, 10) if k % 2 else range(400, -1, -10)
        route += [(x, y) for y in ys]
    lonlat = np.array([at(*place) for place in route])
    begun = (now - timedelta(hours=3)).timestamp()
    walked = Track(
        uuid=str(UUID(int=99, version=4)),
        lon=lonlat[:, 0],
        lat=lonlat[:, 1],
        time=begun + 10.0 * np.arange(len(route)),
        accuracy_m=np.full(len(route), 4.0),
        frame="wgs84",
        accuracy_kind="r68",
        mode="foot",
    )
    tracks.put(site, who, walked, now=now)


def test_a_school_that_nobody_looked_at_is_unverified(town: Site, now: datetime) -> None:
    found = surroundings.status(Analyst(town), now, 14)
    school = found.schools.iloc[0]
    assert (school["status"], school["share_seen"]) == ("unverified", 0.0)
    assert len(found.stretches) and not found.stretches["seen"].any()


def test_a_stall_in_the_zone_breaches_and_the_verdict_says_by_what(
    town: Site, inspector: Account, now: datetime
) -> None:
    findings.put_many(town, inspector, [report(1, 70, 130, now), report(2, 500, 500, now)], now=now)
    found = surroundings.status(Analyst(town), now, 14)
    assert found.schools["status"].tolist() == ["breached"]
    verdict = found.verdicts.iloc[0]
    assert (verdict["rule_id"], verdict["rule_version"], verdict["rule_source"]) == (
        clearance_rules.SITE_RULE,
        1,
        "site setting",
    )
    assert verdict["distance_m"] == pytest.approx(10, abs=0.1)
    assert (verdict["measured_from"], verdict["p_inside"] > 0.99) == ("boundary", True)


def test_a_finding_that_is_no_stall_is_no_breach(town: Site, inspector: Account, now: datetime) -> None:
    findings.put_many(town, inspector, [report(1, 70, 130, now, code="0405")], now=now)
    assert len(verdicts.audit(Analyst(town), ALL, now)) == 0


def test_an_old_stall_no_longer_makes_a_school_breached(
    town: Site, inspector: Account, now: datetime
) -> None:
    old = report(1, 70, 130, now, observed_at=now - timedelta(days=40))
    findings.put_many(town, inspector, [old], now=now)
    assert surroundings.status(Analyst(town), now, 14).schools["status"].tolist() == ["unverified"]


def test_the_rule_of_the_findings_day_decides(town: Site, inspector: Account, now: datetime) -> None:
    own = clearance_rules.site_setting(200.0)
    clearance_rules.change(town, {**own, "distance_m": 5, "valid_from": "2026-08-01"}, now=now)
    before = report(1, 70, 150, now, observed_at=datetime.fromisoformat("2026-07-31T12:00+08:00"))
    after = report(2, 70, 150, now, observed_at=datetime.fromisoformat("2026-08-01T12:00+08:00"))
    findings.put_many(town, inspector, [before, after], now=now)
    found = verdicts.audit(Analyst(town), ALL, now).sort_values("rule_version")
    assert found[["rule_version", "verdict"]].to_numpy().tolist() == [[1, "breach"], [2, "clear"]]


def test_a_walked_rule_stays_open_until_crossings_are_verified(town: Site, now: datetime) -> None:
    shops = gpd.GeoDataFrame(
        {"source_id": ["a", "b"], "kind": ["internet_cafe"] * 2},
        geometry=in_town([shapely.Point(100, -20), shapely.Point(70, -200)]),
        crs=4326,
    )
    key_points.replace(town, "shops", shops, now=now)
    clearance_rules.use(town, clearance_rules.SITE_RULE, False, now=now)
    clearance_rules.use(town, "CN-NET-200-gate-walk", True, now=now)
    found = verdicts.audit(Analyst(town), ALL, now).sort_values("premises_id")
    assert found["verdict"].tolist() == ["indeterminate", "clear"]
    assert found["straight_m"].iloc[1] > 200
    assert found["walked_m"].iloc[0] > found["straight_m"].iloc[0]
    assert found["network_version"].iloc[0] == "1" and found["path"].iloc[0] is not None


def test_a_school_is_clear_only_while_somebody_has_been_all_round(
    town: Site, inspector: Account, now: datetime
) -> None:
    patrol(town, inspector, now)
    found = surroundings.status(Analyst(town), now, 14)
    assert found.schools["status"].tolist() == ["clear"]
    later = surroundings.status(Analyst(town), now + timedelta(days=20), 14)
    assert later.schools["status"].tolist() == ["unverified"]
    assert pd.notna(later.schools["last_at"].iloc[0])


def test_every_shipped_rule_can_be_used_and_judged(town: Site, inspector: Account, now: datetime) -> None:
    kinds = sorted({kind for rule in clearance_rules.shipped() for kind in rule["activity"]})
    known = [kind for kind in kinds if kind in taxonomy.KEY_POINT_KINDS]
    shops = gpd.GeoDataFrame(
        {"source_id": known, "kind": known},
        geometry=in_town([shapely.Point(100 + 5 * k, -20) for k in range(len(known))]),
        crs=4326,
    )
    key_points.replace(town, "shops", shops, now=now)
    findings.put_many(town, inspector, [report(1, 70, 130, now)], now=now)
    analyst = Analyst(town)
    clearance_rules.use(town, clearance_rules.SITE_RULE, False, now=now)
    judged = set()
    for rule in clearance_rules.shipped():
        clearance_rules.use(town, rule["id"], True, now=now)
        judged |= set(verdicts.audit(analyst, ALL, now)["rule_id"])
        clearance_rules.use(town, rule["id"], False, now=now)
    silent = {rule["id"] for rule in clearance_rules.shipped()} - judged
    assert not {one for one in silent if one.startswith(("CN-NET", "CN-GD-ENT-200", "CN-HUB", "CN-CQ"))}
    for rule in clearance_rules.shipped():
        clearance_rules.use(town, rule["id"], True, now=now)
    assert set(verdicts.audit(analyst, ALL, now)["rule_id"]) == judged
    assert surroundings.status(analyst, now, 14).schools["status"].tolist() == ["breached"]


def test_a_school_with_open_verdicts_that_somebody_looked_at_does_not_say_nobody_looked(
    town: Site, inspector: Account, now: datetime
) -> None:
    shop = gpd.GeoDataFrame(
        {"source_id": ["a"], "kind": ["internet_cafe"]},
        geometry=in_town([shapely.Point(100, -20)]),
        crs=4326,
    )
    key_points.replace(town, "shops", shop, now=now)
    clearance_rules.use(town, clearance_rules.SITE_RULE, False, now=now)
    clearance_rules.use(town, "CN-NET-200-gate-walk", True, now=now)
    analyst = Analyst(town)
    assert surroundings.status(analyst, now, 14).schools["status"].tolist() == ["unverified"]
    patrol(town, inspector, now)
    found = surroundings.status(analyst, now, 14)
    assert found.schools["status"].tolist() == ["undecided"]
    assert found.schools["n_open"].tolist() == [1]


def test_the_status_is_made_once_a_day_and_again_when_something_came(
    town: Site, inspector: Account, now: datetime
) -> None:
    analyst = Analyst(town)
    first = surroundings.status(analyst, now, 14)
    assert surroundings.status(analyst, now + timedelta(minutes=5), 14) is first
    findings.put_many(town, inspector, [report(1, 70, 130, now)], now=now)
    assert surroundings.status(analyst, now + timedelta(minutes=5), 14) is not first


def test_a_walk_decides_once_somebody_vouches_for_the_ways_of_this_version(town: Site, now: datetime) -> None:
    shop = gpd.GeoDataFrame(
        {"source_id": ["a"], "kind": ["internet_cafe"]},
        geometry=in_town([shapely.Point(100, -20)]),
        crs=4326,
    )
    key_points.replace(town, "shops", shop, now=now)
    clearance_rules.use(town, clearance_rules.SITE_RULE, False, now=now)
    clearance_rules.use(town, "CN-NET-200-gate-walk", True, now=now)
    doubtful = verdicts.audit(Analyst(town), ALL, now)
    assert doubtful["verdict"].tolist() == ["indeterminate"]
    town.settings = replace(town.settings, foot_checked_version=town.network.version)
    decided = verdicts.audit(Analyst(town), ALL, now)
    assert decided["verdict"].isin(["breach", "clear", "measure_on_site"]).all()
    assert decided["walked_m"].tolist() == doubtful["walked_m"].tolist()
    assert (decided["p_inside"] - decided["p_inside_low"]).abs().max() < 1e-9
