"""The surroundings of a school: judged by the rules in use, and whether anybody has looked."""

from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from sqlalchemy import insert

from layers.analysis import surroundings, verdicts
from layers.analysis.questions import Analyst
from layers.city import clearance_rules, key_points, taxonomy
from layers.field import findings, tracks
from layers.field.asking import FindingFilter
from layers.field.tracks import Track
from layers.people import Account
from layers.site import Site
from layers.store.schema import clearance_rule
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
    on_foot(site, who, route, now)


def on_foot(site: Site, who: Account, route: list[tuple[int, int]], now: datetime) -> None:
    """Hand in the track of a walk that began three hours ago, a fix every ten seconds."""
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


def test_an_absurd_distance_that_was_kept_once_breaks_no_school(
    town: Site, inspector: Account, now: datetime
) -> None:
    findings.put_many(town, inspector, [report(1, 70, 130, now)], now=now)
    content = {**clearance_rules.site_setting(200.0), "distance_m": 1e9}
    values = {"rule_id": clearance_rules.SITE_RULE, "version": 2, "content": content, "in_use": True}
    with town.store.write() as conn:
        conn.execute(insert(clearance_rule).values(**values, created_at=now - timedelta(days=3)))
    analyst = Analyst(town)
    fid = int(analyst.schools()["fid"].iloc[0])
    for only in (None, fid):
        found = surroundings.status(analyst, now, 14, only)
        assert found.schools[["status", "reach_m"]].to_numpy().tolist() == [["breached", 200.0]]
        assert found.verdicts["rule_version"].tolist() == [1]
    assert len(verdicts.zones(analyst, fid, now)) == 1


def test_a_place_in_two_zones_is_judged_by_the_inner_rule_if_that_is_in_use(
    town: Site, now: datetime
) -> None:
    shop(town, "tobacco", 70, 0, now)
    use_only(town, "KR-EDU-REL-200", now)
    assert verdicts.audit(Analyst(town), ALL, now)["verdict"].tolist() == ["breach"]
    clearance_rules.use(town, "KR-EDU-ABS-50", True, now=now)
    found = verdicts.audit(Analyst(town), ALL, now).set_index("rule_id")
    assert found["verdict"].to_dict() == {"KR-EDU-ABS-50": "breach", "KR-EDU-REL-200": "clear"}
    assert found["notes"]["KR-EDU-REL-200"] == ("taken_by:KR-EDU-ABS-50",)


def test_a_rule_with_hours_judges_stalls_by_theirs_and_shops_all_week(
    town: Site, inspector: Account, now: datetime
) -> None:
    window = {"days": ["sun"], "hours": [["15:00", "15:30"]]}
    rule = {**clearance_rules.site_setting(200.0), "valid_from": "2026-08-01", "time_window": window}
    clearance_rules.change(town, rule, now=now)
    shop(town, "tobacco", 100, -20, now)
    # `now` is Sunday 16:00 there
    stalls = [
        report(k, 70, 130, now, observed_at=now - timedelta(minutes=minutes))
        for k, minutes in enumerate((60, 20), 1)
    ]
    findings.put_many(town, inspector, stalls, now=now)
    told = set()
    for later in (0, 17, 24):
        analyst = Analyst(town)
        found = surroundings.status(analyst, now + timedelta(hours=later), 14)
        judged = found.verdicts
        assert judged.loc[judged["what"].eq("finding"), "uuid"].tolist() == [stalls[0].uuid]
        assert len(judged[judged["what"].eq("premises")]) == 1
        assert len(verdicts.zones(analyst, int(found.schools["fid"].iloc[0]), now)) == 1
        told.add((*found.schools["status"], *found.schools["reach_m"]))
    assert told == {("breached", 200.0)}


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


def test_the_oldest_inspection_of_a_school_with_streets_never_seen_is_none(
    town: Site, inspector: Account, now: datetime
) -> None:
    on_foot(town, inspector, [(x, 0) for x in range(0, 401, 10)], now)
    school = surroundings.status(Analyst(town), now, 14).schools.iloc[0]
    assert 0 < school["share_seen"] < 0.5 and pd.isna(school["last_at"])


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
    silent = {
        rule["id"] for rule in clearance_rules.shipped() if rule.get("status") in ("published", "practice")
    } - judged
    # for kindergartens, a church, and a trade that no register knows
    assert silent == {
        *("CN-GD-ENT-100-KG", "CN-JS-SQ-TOB-100-KG"),
        *("US-TX-ALC-300-church", "US-NY-DRUG-1000FT"),
    }
    for rule in clearance_rules.shipped():
        clearance_rules.use(town, rule["id"], True, now=now)
    assert set(verdicts.audit(analyst, ALL, now)["rule_id"]) == judged
    assert surroundings.status(analyst, now, 14).schools["status"].tolist() == ["breached"]


def use_only(site: Site, rule: str, now: datetime) -> None:
    clearance_rules.use(site, clearance_rules.SITE_RULE, False, now=now)
    clearance_rules.use(site, rule, True, now=now)


def shop(site: Site, kind: str, east_m: float, north_m: float, now: datetime) -> None:
    """Make one of this kind the only premises of the site."""
    alone = gpd.GeoDataFrame(
        {"source_id": ["a"], "kind": [kind]}, geometry=in_town([shapely.Point(east_m, north_m)]), crs=4326
    )
    key_points.replace(site, "shops", alone, now=now)


def test_a_rule_on_food_stalls_leaves_open_what_a_stall_sells_and_judges_a_breakfast_cart(
    town: Site, inspector: Account, now: datetime
) -> None:
    food = {**clearance_rules.site_setting(200.0), "id": "FOOD", "activity": ["food_vendor"]}
    clearance_rules.change(town, food, now=now)
    use_only(town, "FOOD", now)
    stall = report(1, 70, 10, now)
    cart = report(2, 70, 10, now, scheme="xuncha-ext", code="X312")
    findings.put_many(town, inspector, [stall, cart], now=now)
    found = verdicts.audit(Analyst(town), ALL, now).set_index("uuid")
    assert found["verdict"][cart.uuid] == "breach"
    assert found["verdict"][stall.uuid] == "indeterminate"
    assert found["on_breach"][stall.uuid] is None and "trade_unknown" in found["notes"][stall.uuid]
    clearance_rules.use(town, clearance_rules.SITE_RULE, True, now=now)
    found = verdicts.audit(Analyst(town), ALL, now)
    assert "breach" in found.loc[found["uuid"].eq(stall.uuid), "verdict"].tolist()


def test_an_entertainment_venue_of_no_nearer_kind_is_no_bar_for_certain(town: Site, now: datetime) -> None:
    bars = {**clearance_rules.site_setting(200.0), "id": "BARS", "activity": ["bar"]}
    clearance_rules.change(town, bars, now=now)
    use_only(town, "BARS", now)
    for kind, expected in (("entertainment", ["indeterminate"]), ("game_hall", []), ("bar", ["breach"])):
        shop(town, kind, 100, -20, now)
        assert verdicts.audit(Analyst(town), ALL, now)["verdict"].tolist() == expected


def test_a_rule_of_whose_trade_nothing_is_recorded_makes_no_school_clear(
    town: Site, inspector: Account, now: datetime
) -> None:
    use_only(town, "CN-TJ-ECIG-200", now)
    patrol(town, inspector, now)
    analyst = Analyst(town)
    found = surroundings.status(analyst, now, 14)
    assert found.schools["status"].tolist() == ["undecided"]
    assert found.unrecorded == {"CN-TJ-ECIG-200": ("e_cigarette",)}
    shop(town, "e_cigarette", 700, 700, now)
    assert surroundings.status(analyst, now, 14).schools["status"].tolist() == ["clear"]
    shop(town, "e_cigarette", 100, -20, now)
    found = surroundings.status(analyst, now, 14)
    assert found.verdicts["rule_id"].tolist() == ["CN-TJ-ECIG-200"]


def test_a_school_that_no_rule_protects_says_so_and_one_of_unknown_level_stays_open(
    town: Site, inspector: Account, now: datetime
) -> None:
    kinds = ["kindergarten", "school", "secondary"]
    schools = gpd.GeoDataFrame(
        {"source_id": kinds, "kind": kinds},
        geometry=in_town([shapely.box(20 + 200 * k, 220, 120 + 200 * k, 320) for k in range(3)]),
        crs=4326,
    )
    key_points.replace(town, "schools", schools, now=now)
    rule = {**clearance_rules.site_setting(50.0), "id": "OLDER", "protected_kinds": ["secondary"]}
    clearance_rules.change(town, rule, now=now)
    use_only(town, "OLDER", now)
    stalls = [report(k, 70 + 200 * k, 330, now) for k in range(3)]
    findings.put_many(town, inspector, stalls, now=now)
    patrol(town, inspector, now)
    found = surroundings.status(Analyst(town), now, 14)
    by_kind = found.schools.set_index("kind")
    assert by_kind["status"].to_dict() == {
        "secondary": "breached",
        "school": "undecided",
        "kindergarten": "no_rule",
        "primary": "no_rule",
    }
    assert set(by_kind.index[by_kind["share_seen"].isna()]) == {"kindergarten", "primary"}
    open_ = found.verdicts[found.verdicts["place_id"].eq(by_kind["fid"]["school"])]
    assert open_["verdict"].tolist() == ["indeterminate"] and "kind_unknown" in open_["notes"].iloc[0]
    assert len(verdicts.zones(Analyst(town), int(by_kind["fid"]["school"]), now)) == 1
    assert not verdicts.zones(Analyst(town), int(by_kind["fid"]["kindergarten"]), now)


def test_a_school_with_open_verdicts_that_somebody_looked_at_does_not_say_nobody_looked(
    town: Site, inspector: Account, now: datetime
) -> None:
    shop(town, "internet_cafe", 100, -20, now)
    use_only(town, "CN-NET-200-gate-walk", now)
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
    shop(town, "internet_cafe", 100, -20, now)
    use_only(town, "CN-NET-200-gate-walk", now)
    doubtful = verdicts.audit(Analyst(town), ALL, now)
    assert doubtful["verdict"].tolist() == ["indeterminate"]
    town.settings = replace(town.settings, foot_checked_version=town.network.version)
    decided = verdicts.audit(Analyst(town), ALL, now)
    assert decided["verdict"].isin(["breach", "clear", "measure_on_site"]).all()
    assert decided["walked_m"].tolist() == doubtful["walked_m"].tolist()
    assert (decided["p_inside"] - decided["p_inside_low"]).abs().max() < 1e-9
