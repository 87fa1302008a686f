"""What holds for each of the 31 shipped rules: the limit, its dates, hours, and who was there before."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import geopandas as gpd
import pandas as pd
import pytest
import shapely

from geo.clearance import Rule, audit, in_force, read_rules
from geo.clearance.distance import GEOD

PATH = Path(__file__).parents[2] / "data" / "clearance_rules.json"
RULES = read_rules(json.loads(PATH.read_text(encoding="utf-8"))["rules"])
NOW = pd.Timestamp("2026-08-24 10:00")
LON, LAT = 117.135, 39.225
IDS = [rule.id for rule in RULES]


def straight(rule: Rule, **changes: Any) -> Rule:
    """Return a rule that holds on every day, measured straight from a point, all else as it is."""
    plain = {"measure": "euclidean", "measured_from": "gate", "measured_from_by_kind": None, "assumed": None}
    always = {"status": "published", "valid_from": None, "valid_to": None, "time_window": None}
    alone = {"minus_rule": None, "same_street_only": False, "exclude_gates": ()}
    return replace(rule, **{**plain, **always, **alone, **changes})


def judged(rule: Rule, metres: float, on: pd.Timestamp = NOW, **premises: Any) -> list[str]:
    """Return the verdicts on premises at a distance from the gate, positions without error."""
    lon, lat, _ = GEOD.fwd(LON, LAT, 60.0, metres)
    kind, trade = rule.protected_kinds[0], rule.activity[0]
    place = gpd.GeoDataFrame({"place_id": [1], "kind": [kind]}, geometry=[shapely.Point(LON, LAT)], crs=4326)
    gate = gpd.GeoDataFrame(
        {"place_id": [1], "gate_id": [1], "role": ["student"]}, geometry=[shapely.Point(LON, LAT)], crs=4326
    )
    columns = {"premises_id": [7], "activity": [trade], **{key: [value] for key, value in premises.items()}}
    shop = gpd.GeoDataFrame(columns, geometry=[shapely.Point(lon, lat)], crs=4326)
    exact = {"place_sd_m": 0.0, "gate_sd_m": 0.0, "premises_sd_m": 1e-6}
    found = audit(place, shop, [rule], on, gates=gate, **exact)
    return [
        "tolerated" if tolerated else str(verdict)
        for verdict, tolerated in zip(found["verdict"], found["tolerated"], strict=True)
    ]


@pytest.mark.parametrize("rule", RULES, ids=IDS)
def test_a_hand_inside_the_limit_is_a_breach_and_a_hand_outside_is_clear(rule: Rule) -> None:
    plain, limit = straight(rule), rule.limit_m(None)
    assert judged(plain, limit - 0.1) == ["breach"]
    assert judged(plain, limit + 0.1) == ["clear"]


@pytest.mark.parametrize("rule", RULES, ids=IDS)
def test_a_rule_is_silent_before_its_first_day_and_after_its_last(rule: Rule) -> None:
    bounded = straight(rule, valid_from=pd.Timestamp("2026-08-24"), valid_to=pd.Timestamp("2026-08-24"))
    days = ["2026-08-23 23:59", "2026-08-24 00:00", "2026-08-24 23:59", "2026-08-25 00:00"]
    assert [len(judged(bounded, 10.0, pd.Timestamp(day))) for day in days] == [0, 1, 1, 0]


@pytest.mark.parametrize("rule", RULES, ids=IDS)
def test_a_rule_with_hours_is_silent_outside_them(rule: Rule) -> None:
    morning = straight(rule, time_window={"days": ["mon"], "hours": [["07:00", "08:30"]]})
    instants = ["2026-08-24 06:59", "2026-08-24 07:00", "2026-08-24 08:30", "2026-08-25 07:30"]
    assert [len(judged(morning, 10.0, pd.Timestamp(at))) for at in instants] == [0, 1, 0, 0]


@pytest.mark.parametrize("rule", RULES, ids=IDS)
def test_who_was_licensed_before_the_rule_stays_while_the_licence_runs_where_the_rule_says_so(
    rule: Rule,
) -> None:
    began = pd.Timestamp("2020-01-01")
    dated = straight(rule, valid_from=began)
    before = {"licensed_on": pd.Timestamp("2019-06-01"), "licence_until": pd.Timestamp("2027-01-01")}
    after = {**before, "licensed_on": pd.Timestamp("2020-06-01")}
    lapsed = {**before, "licence_until": pd.Timestamp("2026-08-23")}
    stays = "tolerated" if rule.grandfathering or rule.grandfathered_before else "breach"
    assert judged(dated, 10.0, **before) == [stays]
    assert judged(dated, 10.0, **after) == ["breach"]
    assert judged(dated, 10.0, **lapsed) == ["breach"]


@pytest.mark.parametrize("rule", RULES, ids=IDS)
def test_a_shipped_rule_holds_today_only_if_it_was_published_and_has_not_ended(rule: Rule) -> None:
    ended = rule.valid_to is not None and rule.valid_to < NOW.normalize()
    begun = rule.valid_from is None or rule.valid_from <= NOW
    holds = rule.status in ("published", "practice") and begun and not ended
    window = replace(rule, time_window=None)
    assert in_force(window, NOW) == holds
