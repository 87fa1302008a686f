"""Distance rules: the published table, the golden cases, bounds and verdicts."""

import json
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pyproj
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from geo.clearance import audit, concerns, in_force, p_inside, pairs_within, protects, read_rules, spacing
from geo.clearance.distance import GEOD, around, flattened, geodesic_m
from geo.clearance.rules import Rule
from geo.errors import GeoError, MissingColumnError, NoCRSError
from geo.walking import FootNetwork, foot_network

TABLE = json.loads((Path(__file__).parents[2] / "data" / "clearance_rules.json").read_text(encoding="utf-8"))
RULES = {rule.id: rule for rule in read_rules(TABLE["rules"])}
DAY = pd.Timestamp("2024-05-10 10:00")
CENTRE = (117.13, 39.22)
CRS = 32650
FEET = 0.3048
EXACT = {"place_sd_m": 0.0, "gate_sd_m": 0.0, "premises_sd_m": 0.0}


def at(east: float, north: float) -> shapely.Point:
    """Return the point that lies so many metres east and north of the centre, exactly by geodesics."""
    lon, lat, _ = GEOD.fwd(*CENTRE, np.degrees(np.arctan2(east, north)), np.hypot(east, north))
    return shapely.Point(lon, lat)


def area(*corners: tuple[float, float]) -> shapely.Polygon:
    """Return a polygon with these corners in metres around the centre."""
    return shapely.Polygon([at(*corner) for corner in corners])


def frame(shapes: list[Any], **columns: object) -> gpd.GeoDataFrame:
    """Build a frame in degrees."""
    return gpd.GeoDataFrame(columns, geometry=shapes, crs=4326)


def rule(**fields: object) -> Rule:
    """Build a rule, by default 100 m straight from any gate of a school, inclusive, for tobacco."""
    standard = {
        "id": "r",
        "activity": ["tobacco"],
        "protected_kinds": ["school"],
        "distance_m": 100,
        "inclusive": True,
        "measured_from": "gate",
        "measured_to": "entrance",
        "measure": "euclidean",
        "multi_gate": "nearest",
    }
    return read_rules([standard | fields])[0]


def judged(used: Rule | list[Rule], shop: Any, **how: Any) -> gpd.GeoDataFrame:
    """Judge one shop beside one school with one gate at the centre."""
    places = how.pop("places", frame([at(0, 0)], place_id=["s"], kind=["primary"]))
    gates = how.pop("gates", frame([at(0, 0)], place_id=["s"], gate_id=["west"], role=["main"]))
    premises = (
        shop if isinstance(shop, gpd.GeoDataFrame) else frame([shop], premises_id=["p"], activity=["tobacco"])
    )
    listed = used if isinstance(used, list) else [used]
    return audit(places, premises, listed, how.pop("on", DAY), gates=gates, **(EXACT | how))


def ways(*lines: list[tuple[float, float]], checked: bool = True, **columns: object) -> FootNetwork:
    """Build a foot network from lines in metres around the centre, joined where they share ends."""
    named = [[f"{x:.3f} {y:.3f}" for x, y in (line[0], line[-1])] for line in lines]
    shapes = gpd.GeoSeries([shapely.LineString([at(*p) for p in line]) for line in lines], crs=4326).to_crs(
        CRS
    )
    paths = gpd.GeoDataFrame(
        {"path_id": range(len(lines)), "start_node": [a for a, _ in named], "end_node": [b for _, b in named]}
        | columns,
        geometry=shapes,
    )
    return foot_network(paths, checked=checked, version="2024-05")


# --- the table ---------------------------------------------------------------------------------


def test_all_rules_are_read_and_counted_as_published() -> None:
    assert len(RULES) == 31
    for field in ("measure", "measured_from", "status"):
        counted = pd.Series([getattr(each, field) for each in RULES.values()]).value_counts().to_dict()
        assert counted == TABLE["counts"][field]


@pytest.mark.parametrize("each", RULES.values(), ids=list(RULES))
def test_every_rule_gives_a_verdict_at_its_door_and_none_far_away(each: Rule) -> None:
    on = each.valid_from if each.valid_to is not None and each.valid_from is not None else DAY
    kind, trade = each.protected_kinds[0], each.activity[0]
    campus = frame(
        [area((-75, -75), (75, -75), (75, 75), (-75, 75))], place_id=[1], kind=[kind], street_id=["x"]
    )
    doors = frame([at(0, 75), at(0, 75), at(0, 75)], place_id=[1] * 3, role=["main", "student", "door"])
    shops = frame([at(0, 80), at(0, 5000)], premises_id=["near", "far"], activity=trade, street_id="x")
    foot = ways([(0, 75), (0, 80)])
    networks = {"foot": foot, "streets": foot}
    found = audit(campus, shops, [each], pd.Timestamp(on), gates=doors, proposed=True, **networks, **EXACT)
    assert set(found["premises_id"]) <= {"near"}
    if each.status == "revoked":
        assert found.empty
        return
    open_reading = "unspecified" in (each.measure, each.measured_from) and not each.assumed
    assert set(found["verdict"]) == {"indeterminate" if open_reading else "breach"}
    assert found["assumed"].tolist() == [bool(each.assumed)] * len(found)
    assert found["limit_m"].tolist() == [each.distance_m] * len(found)
    assert (found["on_breach"].dropna() == each.on_breach).all()


def test_drafts_count_only_on_request_and_a_revoked_rule_never() -> None:
    assert not in_force(RULES["CN-HN-WN-TOB-80"], DAY)
    assert in_force(RULES["CN-HN-WN-TOB-80"], DAY, proposed=True)
    assert not in_force(RULES["CN-LOT-2006-REVOKED"], pd.Timestamp("2007-01-01"))
    assert in_force(RULES["CN-AH-HF-TOB-50"], pd.Timestamp("2023-12-31 23:59"))
    assert not in_force(RULES["CN-AH-HF-TOB-50"], pd.Timestamp("2024-01-01"))
    assert not in_force(RULES["CN-TJ-ECIG-200"], pd.Timestamp("2022-05-19 23:59"))
    assert in_force(RULES["CN-TJ-ECIG-200"], pd.Timestamp("2022-05-20"))


def test_hours_and_days_bound_a_rule() -> None:
    bell = rule(time_window={"days": ["mon", "fri"], "hours": [["06:30", "09:00"]]})
    friday = pd.Timestamp("2024-05-10")
    held = [in_force(bell, friday + pd.Timedelta(t)) for t in ("6h29min", "6h30min", "8h59min", "9h", "31h")]
    assert held == [False, True, True, False, False]
    night = rule(time_window={"hours": [["22:00", "05:00"]]})
    assert [in_force(night, friday + pd.Timedelta(h, unit="h")) for h in (4, 5, 21, 22)] == [
        True,
        False,
        False,
        True,
    ]
    abroad = pd.Timestamp("2024-05-10 07:00", tz="Asia/Shanghai")
    assert in_force(bell, abroad)


def hours_held(window: dict[str, Any], *instants: str) -> list[bool]:
    """Tell for instants of the week of Friday, 10 May 2024 whether a rule with this window holds."""
    day = {"thu": "09", "fri": "10", "sat": "11", "sun": "12", "mon": "13"}
    bound = rule(time_window=window)
    return [in_force(bound, pd.Timestamp(f"2024-05-{day[at[:3]]} {at[4:]}")) for at in instants]


def test_hours_over_midnight_are_of_the_day_on_which_they_begin() -> None:
    friday = {"days": ["fri"], "hours": [["22:00", "02:00"]]}
    inside = hours_held(friday, "fri 22:00", "fri 23:59", "sat 00:00", "sat 01:59")
    outside = hours_held(friday, "fri 00:00", "fri 01:00", "fri 21:59", "sat 02:00", "sat 22:00")
    assert inside == [True] * 4
    assert outside == [False] * 5
    # from Sunday into the next week
    sunday = {"days": ["7"], "hours": [["22:00", "02:00"]]}
    assert hours_held(sunday, "mon 01:00", "sun 01:00") == [True, False]


def test_hours_are_times_and_not_words() -> None:
    morning = {"hours": [["7:00", "8:30"], ["11:30", "13:00"]]}
    assert hours_held(morning, "fri 06:59", "fri 07:00", "fri 08:29", "fri 08:30", "fri 12:00") == [
        False, True, True, False, True
    ]  # fmt: skip
    for whole in ([["00:00", "24:00"]], [["00:00", "00:00"]], [["0:00", "24:00"]], []):
        day = {"days": ["fri"], "hours": whole}
        assert hours_held(day, "thu 23:59", "fri 00:00", "fri 23:59", "sat 00:00") == [
            False, True, True, False
        ]  # fmt: skip


@pytest.mark.parametrize(
    ("window", "given"),
    [
        ({"hours": [["07:00", "24:30"]]}, "24:30"),
        ({"hours": [["07:60", "08:00"]]}, "07:60"),
        ({"hours": [["early", "08:00"]]}, "early"),
        ({"hours": ["07:00"]}, "07:00"),
        ({"hours": [["07:00"]]}, "07:00"),
        ({"days": ["周一"]}, "周一"),
        ({"days": [0]}, "0"),
    ],
)
def test_hours_and_days_that_are_none_are_refused(window: dict[str, Any], given: str) -> None:
    with pytest.raises(GeoError, match=f"rule r: time_window: .*{given}"):
        rule(time_window=window)


def test_groups_of_kinds_and_trades() -> None:
    assert protects(RULES["CN-CQ-VEND-50"], "vocational")
    assert not protects(RULES["CN-CQ-VEND-50"], "kindergarten")
    assert concerns(RULES["CN-CQ-VEND-50"], "food_vendor")
    assert not concerns(RULES["CN-SN-VEND-100"], "street_vendor")
    assert protects(RULES["IN-COTPA-100YD"], "kindergarten")


SECONDARY = {"secondary", "junior", "senior"}
SCHOOLS = SECONDARY | {"school", "primary", "special", "vocational", "specialised", "public_school"}
YOUNG = {"kindergarten", "playground", "library", "youth_centre", "park", "recreation"}
EDUCATION = {"kindergarten", "university", "college"}
FAITHS = {"church", "mosque", "temple", "synagogue"}
ALL_KINDS = SCHOOLS | YOUNG | EDUCATION | FAITHS | {"nursery", "hospital"}


@pytest.mark.parametrize(
    ("named", "meant"),
    [
        ("school", SCHOOLS),
        ("secondary", SECONDARY),
        ("school_ground", SCHOOLS),
        ("youth_populated_area", SCHOOLS | YOUNG),
        ("educational_institution", SCHOOLS | EDUCATION),
        ("childcare", {"kindergarten", "nursery"}),
        ("worship", FAITHS),
        ("public_school", {"public_school"}),
        ("hospital", {"hospital"}),
    ],
)
def test_a_group_means_every_kind_in_the_groups_it_holds(named: str, meant: set[str]) -> None:
    shields = rule(protected_kinds=[named])
    assert {kind for kind in ALL_KINDS if protects(shields, kind)} == meant


def test_every_kind_that_the_table_names_is_known_to_the_groups() -> None:
    named = {kind for each in TABLE["rules"] for kind in each["protected_kinds"]}
    groups = {"youth_populated_area", "educational_institution", "school_ground", "childcare", "worship"}
    assert named - groups <= ALL_KINDS
    for name in ("US-CA-SANMATEO-TOB", "US-AK-ALC-200", "IN-COTPA-100YD"):
        assert all(protects(RULES[name], kind) for kind in SCHOOLS), name


def test_harmful_uses_mean_the_places_of_entertainment() -> None:
    harmful = rule(activity=["listed_harmful_uses"])
    halls = ["game_hall", "dance_hall", "karaoke", "bar", "internet_cafe", "tobacco", "lottery"]
    assert all(concerns(harmful, hall) for hall in halls)
    assert not concerns(harmful, "food_vendor")


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"distance_m": 0}, "distance_m"),
        ({"measure": "by eye"}, "measure"),
        ({"valid_from": "yesterday-ish"}, "valid_from"),
        ({"minus_rule": "gone"}, "gone"),
        ({"activity": []}, "activity"),
    ],
)
def test_a_rule_that_makes_no_sense_is_refused_by_its_field(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(GeoError, match=message):
        rule(**fields)


@pytest.mark.parametrize("length", [0, -5, 10_000.5, float("inf"), float("nan"), True, "100", None])
def test_a_distance_that_is_none_is_refused_by_rule_and_field(length: object) -> None:
    for field, value in (
        ("distance_m", length),
        ("spacing_between_retailers_m", length),
        ("distance_m_by_variant", {"hall": length}),
    ):
        if value is None and field != "distance_m":
            assert rule(**{field: value}).spacing_between_retailers_m is None
        else:
            with pytest.raises(GeoError, match=f"rule r: {field}.* is .*, not a length"):
                rule(**{field: value})
    assert rule(distance_m=np.int64(10_000)).limit_m(None) == 10_000.0


def versions(*days: tuple[str | None, str | None], **fields: object) -> list[dict[str, object]]:
    """Return rows of one rule, each with its first and last day."""
    row = {
        "id": "r", "activity": ["tobacco"], "protected_kinds": ["school"], "distance_m": 100,
        "measured_from": "gate", "measured_to": "entrance", "measure": "euclidean",
    } | fields  # fmt: skip
    return [row | {"valid_from": first, "valid_to": last} for first, last in days]


def test_versions_of_a_rule_follow_each_other_and_never_share_a_day() -> None:
    apart = versions(("2020-01-01", "2023-12-31"), ("2024-01-01", None))
    assert len(read_rules(apart)) == 2
    shared = versions(("2020-01-01", "2023-12-31"), ("2024-01-01", None), ("2023-12-31", "2023-12-31"))
    with pytest.raises(GeoError, match="row 2: rule r holds on days on which row 0 "):
        read_rules(shared)
    with pytest.raises(GeoError, match="row 1: rule r "):
        read_rules(versions((None, None), (None, None)))
    # one that was revoked nobody knows when holds on no day
    gone = versions((None, None), status="revoked")
    assert len(read_rules(gone + versions((None, None)))) == 2


# --- golden cases -------------------------------------------------------------------------------


def test_changping_fails_straight_and_passes_walked() -> None:
    # 43 m straight; 110 m walked to the west gate, 166 m to the south gate; rule 100 m
    gates = frame(
        [at(0, 0), at(-40, -50)], place_id=["s", "s"], gate_id=["west", "south"], role=["main", "main"]
    )
    north = (110 - 43) / 2
    foot = ways(
        [(0, 0), (0, north)], [(0, north), (43, north)], [(43, north), (43, 0)], [(-40, -50), (-40, -72)],
        [(-40, -72), (43, -72)], [(43, -72), (43, 0)]
    )  # fmt: skip
    south = 22 + 83 + 72
    walked = judged(RULES["CN-BJ-CP-TOB-100"], at(43, 0), gates=gates, foot=foot)
    assert walked[["verdict", "gate_id", "network_version"]].to_numpy().tolist() == [
        ["clear", "west", "2024-05"]
    ]
    assert walked["walked_m"].iloc[0] == pytest.approx(110, abs=0.1)
    assert walked["straight_m"].iloc[0] == pytest.approx(43, abs=0.01)
    straight = judged(rule(), at(43, 0), gates=gates)
    assert straight["verdict"].tolist() == ["breach"]
    each = judged(rule(measure="network_walk", multi_gate="each"), at(43, 0), gates=gates, foot=foot)
    assert each.set_index("gate_id")["walked_m"].round().to_dict() == {"west": 110, "south": south}


def test_robbins_is_inside_by_the_straight_line_and_outside_by_walking() -> None:
    # 764 ft and 490 ft along the streets; straight 907.63 ft, walked 1,254 ft; rule 1,000 ft
    school = frame([area((0, 0), (-50, 0), (-50, -50), (0, -50))], place_id=["s"], kind=["school"])
    act = frame([at(764 * FEET, 490 * FEET)], premises_id=["p"], activity=["drug_sale"])
    found = judged(RULES["US-NY-DRUG-1000FT"], act, places=school, gates=None)
    assert found["verdict"].tolist() == ["breach"]
    assert found["distance_m"].iloc[0] / FEET == pytest.approx(907.63, abs=0.05)
    foot = ways([(0, 0), (764 * FEET, 0)], [(764 * FEET, 0), (764 * FEET, 490 * FEET)])
    walking = rule(
        activity=["drug_sale"], distance_m=1000 * FEET, measured_from="boundary", measure="network_walk"
    )
    walked = judged(walking, act, places=school, gates=None, foot=foot)
    assert walked["verdict"].tolist() == ["clear"]
    assert walked["walked_m"].iloc[0] / FEET == pytest.approx(1254, abs=0.5)


def test_the_origin_alone_doubles_the_zone_of_a_campus() -> None:
    campus = flattened(CENTRE, area((-75, -75), (75, -75), (75, 75), (-75, 75)))
    assert campus.buffer(200, quad_segs=64).area == pytest.approx(268_164, rel=1e-4)
    gate = flattened(CENTRE, at(0, 0)).buffer(200, quad_segs=64)
    assert gate.area == pytest.approx(125_664, rel=2e-4)


# --- verdicts ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("inclusive", "expected"), [(True, "breach"), (False, "clear")])
def test_exactly_at_the_limit_the_rule_says_which(inclusive: bool, expected: str) -> None:
    door = at(60, 80)
    exact = float(geodesic_m([CENTRE], [[door.x, door.y]])[0])
    assert judged(rule(distance_m=exact, inclusive=inclusive), door)["verdict"].tolist() == [expected]


def test_a_position_error_asks_for_measuring_on_site() -> None:
    shops = frame(
        [at(80, 0), at(98, 0), at(103, 0), at(120, 0)], premises_id=range(4), activity="tobacco", sd_m=5.0
    )
    found = judged(rule(), shops)
    assert found["verdict"].tolist() == ["breach", "measure_on_site", "measure_on_site", "clear"]
    assert ((found["p_inside"] > 0.05) & (found["p_inside"] < 0.95)).tolist() == [False, True, True, False]
    assert found["on_breach"].tolist() == ["notice", None, None, None]


def test_straight_beyond_the_limit_proves_a_walk_clear_without_a_network() -> None:
    found = judged(rule(measure="network_walk"), at(100.5, 0))
    assert found["verdict"].tolist() == ["clear"]
    near = judged(rule(measure="network_walk"), at(60, 0))
    assert near[["verdict", "notes"]].to_numpy().tolist() == [["indeterminate", ("no_network",)]]


def test_an_unchecked_network_proves_a_breach_by_verified_ways_and_nothing_else() -> None:
    path = [(0, 0), (60, 0)]
    surely = judged(rule(measure="network_walk"), at(60, 0), foot=ways(path, checked=False))
    assert surely["verdict"].tolist() == ["breach"]
    crossing = ways(path, checked=False, crossing=[True], verified=[False])
    unsure = judged(rule(measure="network_walk"), at(60, 0), foot=crossing)
    assert unsure["verdict"].tolist() == ["indeterminate"]
    assert unsure["notes"].tolist() == [("network_unchecked", "unverified_crossing")]
    detour = ways([(0, 0), (0, 60)], [(0, 60), (60, 60)], [(60, 60), (60, 0)], checked=False)
    assert judged(rule(measure="network_walk"), at(60, 0), foot=detour)["verdict"].tolist() == [
        "indeterminate"
    ]


def test_a_shop_off_the_network_is_not_clear_by_default() -> None:
    found = judged(rule(measure="network_walk"), at(60, 70), foot=ways([(0, 0), (60, 0)]))
    assert found[["verdict", "notes"]].to_numpy().tolist() == [["indeterminate", ("off_network",)]]


def test_along_the_street_front_the_pavement_is_what_counts() -> None:
    streets = ways([(0, 5), (150, 5)])
    line = rule(measure="along_street", measured_to="stall")
    shops = frame([at(98, 12), at(103, 12)], premises_id=[1, 2], activity="tobacco")
    found = judged(line, shops, streets=streets)
    assert found["verdict"].tolist() == ["breach", "clear"]
    assert found["walked_m"].to_numpy() == pytest.approx([98, 103], abs=0.05)
    assert judged(line, shops)["verdict"].tolist() == ["indeterminate", "indeterminate"]


@pytest.mark.parametrize(("east", "west"), [(190, 145), (188, 144), (190, 141.3)])
def test_a_walk_from_a_boundary_begins_where_it_is_shortest(east: float, west: float) -> None:
    # a ground 45 m north of a straight way, the shop 14 m south of it, opposite a place amid the fence: 59 m
    ground = frame([area((100, 45), (east, 45), (east, 150), (100, 150))], place_id=["s"], kind=["school"])
    bar = frame([at(west, -14)], premises_id=["p"], activity=["alcohol"])
    found = judged(RULES["US-AK-ALC-200"], bar, places=ground, gates=None, foot=ways([(0, 0), (400, 0)]))
    assert found["verdict"].tolist() == ["breach"]
    # what is straight on the ellipsoid bends by a few millimetres on the map
    assert found["walked_m"].iloc[0] == pytest.approx(59.0, abs=0.05)
    shop = frame([at(west, -14)], premises_id=["p"], activity=["tobacco"])
    shop["parcel"] = gpd.GeoSeries([area((0, -14), (400, -14), (400, -30), (0, -30))], crs=4326)
    walked = rule(measured_from="boundary", measured_to="parcel", measure="network_walk")
    parcel = judged(walked, shop, places=ground, gates=None, foot=ways([(0, 0), (400, 0)]))
    assert parcel["walked_m"].iloc[0] == pytest.approx(59.0, abs=0.05)


def test_without_a_gate_the_boundary_only_proves_clear() -> None:
    campus = frame([area((-75, -75), (75, -75), (75, 75), (-75, 75))], place_id=["s"], kind=["primary"])
    shops = frame([at(100, 0), at(180, 0)], premises_id=[1, 2], activity="tobacco", sd_m=1.0)
    found = judged(rule(), shops, places=campus, gates=None)
    assert found["verdict"].tolist() == ["indeterminate", "clear"]
    assert found["notes"].tolist() == [("no_gate_known",)] * 2
    assert found["measured_from"].tolist() == ["boundary"] * 2


def test_where_only_a_point_is_known_the_verdict_says_so() -> None:
    found = judged(rule(), at(50, 0), gates=None)
    assert found[["verdict", "measured_from", "notes"]].to_numpy().tolist() == [
        ["breach", "point", ("only_a_point_is_known",)]
    ]


def test_excluded_gates_and_student_gates() -> None:
    gates = frame(
        [at(0, 0), at(300, 0)], place_id=["s", "s"], gate_id=["exit", "front"], role=["fire", "student"]
    )
    shop = at(50, 0)
    assert judged(rule(), shop, gates=gates)["verdict"].tolist() == ["breach"]
    assert judged(rule(exclude_gates=["fire"]), shop, gates=gates).empty
    assert judged(rule(measured_from="gate_student"), shop, gates=gates).empty
    both = judged(rule(multi_gate="each", distance_m=260), shop, gates=gates)
    assert both[["gate_id", "verdict"]].to_numpy().tolist() == [["exit", "breach"], ["front", "breach"]]


def test_an_open_rule_is_decided_by_the_operator_or_by_what_is_assumed() -> None:
    wuhan = RULES["CN-HUB-WH-TOB-50"]
    assert judged(wuhan, at(40, 0))[["verdict", "notes"]].to_numpy().tolist() == [
        ["indeterminate", ("no_network", "ruler_or_origin_open")]
    ]
    assert judged(wuhan, at(50.5, 0))["verdict"].tolist() == ["clear"]
    picked = judged(wuhan, at(40, 0), readings={wuhan.id: {"measure": "euclidean"}})
    assert picked[["verdict", "measure", "assumed"]].to_numpy().tolist() == [["breach", "euclidean", False]]
    cafe = frame([at(150, 0)], premises_id=["p"], activity=["internet_cafe"])
    assumed = judged(RULES["CN-NET-200-reg"], cafe, gates=None)
    assert assumed[["verdict", "measure", "assumed"]].to_numpy().tolist() == [["breach", "euclidean", True]]


def test_one_zone_is_taken_out_of_another() -> None:
    korea = [RULES["KR-EDU-REL-200"], RULES["KR-EDU-ABS-50"]]
    campus = frame([area((0, -60), (0, 60), (-90, 60), (-90, -60))], place_id=["s"], kind=["school"])
    bars = frame([at(30, 0), at(150, 0)], premises_id=["near", "off"], activity="bar")
    found = judged(korea, bars, places=campus).set_index(["premises_id", "rule_id"])
    assert found["verdict"].to_dict() == {
        ("near", "KR-EDU-ABS-50"): "breach",
        ("near", "KR-EDU-REL-200"): "clear",
        ("off", "KR-EDU-REL-200"): "breach",
    }
    assert found.loc[("near", "KR-EDU-REL-200"), "notes"] == ("taken_by:KR-EDU-ABS-50",)


def test_licences_from_before_the_rule_are_tolerated_until_they_end() -> None:
    suqian = RULES["CN-JS-SQ-TOB-200"]
    shops = frame(
        [at(50, 0)] * 4,
        premises_id=["old", "new", "ended", "none"],
        activity="tobacco",
        licensed_on=["2021-11-18", "2021-11-19", "2019-01-01", None],
        licence_until=["2026-11-18", "2026-11-18", "2024-05-09", None],
    )
    found = judged(suqian, shops).set_index("premises_id")
    assert found["verdict"].unique().tolist() == ["breach"]
    assert found["tolerated"].to_dict() == {"old": True, "new": False, "ended": False, "none": False}
    assert found.loc["old", "tolerated_until"] == pd.Timestamp("2026-11-18")
    assert found["on_breach"].to_dict() == {"old": None, "new": "notice", "ended": "notice", "none": "notice"}


def test_of_two_versions_the_one_of_the_day_decides() -> None:
    # the shop stands 120 m off: outside the old limit, inside the new one
    old, new = versions(("2020-01-01", "2023-12-31"), ("2024-01-01", None))
    for listed in ([old, new | {"distance_m": 150}], [new | {"distance_m": 150}, old]):
        both = list(read_rules(listed))
        days = (pd.Timestamp("2019-12-31"), pd.Timestamp("2023-12-31"), pd.Timestamp("2024-01-01"))
        said = [judged(both, at(120, 0), on=day)["verdict"].tolist() for day in days]
        assert said == [[], ["clear"], ["breach"]]


def test_an_error_that_is_not_known_is_that_of_gates_like_it() -> None:
    near_and_far = {"place_id": ["s", "s"], "gate_id": ["near", "far"], "sd_m": [np.nan, 2.0]}
    gates = frame([at(0, 0), at(900, 0)], **near_and_far)
    for known in (gates, gates.iloc[:1]):
        found = judged(rule(), at(60, 0), gates=known, gate_sd_m=4.0)
        assert found[["verdict", "gate_id", "sd_m"]].to_numpy().tolist() == [["breach", "near", 4.0]]
    places = frame([at(0, 0)], place_id=["s"], kind=["primary"], sd_m=[np.nan])
    assert judged(rule(), at(60, 0), places=places)["verdict"].tolist() == ["breach"]


def test_a_ground_drawn_as_a_collection_has_its_areas_lines_and_points() -> None:
    # a yard of 100 m with a flagpole in it, and a hut 300 m east of its middle
    parts = [area((-50, -50), (50, -50), (50, 50), (-50, 50)), at(10, 0), at(300, 0)]
    ground = frame([shapely.GeometryCollection(parts)], place_id=["s"], kind=["primary"])
    shops = frame([at(20, 0), at(50, 90), at(300, 60)], premises_id=["in", "near", "hut"], activity="tobacco")
    from_edge = rule(measured_from="boundary", measured_to="premises", distance_m=50)
    found = judged(from_edge, shops, places=ground, gates=None, premises_sd_m=10.0, beyond_m=10.0)
    assert found["premises_id"].tolist() == ["hut", "in", "near"]
    assert found["straight_m"].to_numpy() == pytest.approx([60, 0, 40], abs=0.01)
    # 30 m within the edge, as the flagpole is no edge: p = Phi(80 / 10)
    assert found["p_inside"].iloc[1] == pytest.approx(1.0, abs=1e-9)
    foot = ways([(300, 0), (300, 60)])
    walked = rule(measured_from="boundary", measure="network_walk", distance_m=100)
    hut = judged(walked, shops.iloc[2:], places=ground, gates=None, foot=foot)
    assert hut["verdict"].tolist() == ["breach"]
    assert hut["walked_m"].iloc[0] == pytest.approx(60, abs=0.1)


@pytest.mark.parametrize("name", ["US-CA-SANMATEO-TOB", "US-AK-ALC-200"])
def test_a_rule_that_spares_licences_and_has_no_first_day_spares_those_of_today(name: str) -> None:
    spares = RULES[name]
    shops = frame(
        [at(50, 0)] * 5,
        premises_id=["old", "ends_today", "ended", "not_yet", "none"],
        activity=spares.activity[0],
        licensed_on=["2000-01-01", "2024-05-10", "2000-01-01", "2024-05-11", None],
        licence_until=["2099-01-01", "2024-05-10", "2024-05-09", "2099-01-01", None],
    )
    places = frame([at(0, 0)], place_id=["s"], kind=["school"])
    found = judged(spares, shops, places=places, gates=None, foot=ways([(0, 0), (50, 0)])).set_index(
        "premises_id"
    )
    assert found["verdict"].tolist() == ["breach"] * 5
    stays = {"old": True, "ends_today": True, "ended": False, "not_yet": False, "none": False}
    assert found["tolerated"].to_dict() == stays
    assert found.loc["old", "tolerated_until"] == pd.Timestamp("2099-01-01")
    assert found["on_breach"].to_dict() == {who: None if stay else "watch" for who, stay in stays.items()}
    assert ["licence_unknown" in notes for notes in found["notes"]] == [who == "none" for who in found.index]


def test_only_the_same_street_counts_where_the_rule_says_so() -> None:
    church = frame([at(0, 0)], place_id=["c"], kind=["church"], street_id=["Main"])
    doors = frame([at(0, 0)], place_id=["c"], role=["door"])
    bars = frame([at(40, 0)] * 3, premises_id=[1, 2, 3], activity="alcohol", street_id=["Main", "Side", None])
    found = judged(RULES["US-NY-ALC-200"], bars, places=church, gates=doors)
    assert found["verdict"].tolist() == ["breach", "clear", "indeterminate"]


def test_the_way_upstairs_counts_from_the_fifth_storey() -> None:
    school = frame([area((0, -60), (0, 60), (-90, 60), (-90, -60))], place_id=["s"], kind=["school"])
    bars = frame(
        [at(85, 0)] * 3, premises_id=[1, 2, 3], activity="alcohol", storey=[1, 4, 5], rise_m=[0, 12, 16]
    )
    found = judged(RULES["US-TX-ALC-300-school"], bars, places=school, gates=None)
    assert found["verdict"].tolist() == ["breach", "breach", "clear"]
    assert found["distance_m"].round().tolist() == [85, 85, 101]


def test_variants_of_a_trade_have_their_own_distance() -> None:
    halls = rule(distance_m=200, distance_m_by_variant={"retail_outlet": 200, "dedicated_hall": 600})
    shops = frame(
        [at(500, 0)] * 2, premises_id=[1, 2], activity="tobacco", variant=["retail_outlet", "dedicated_hall"]
    )
    found = judged(halls, shops, beyond_m=0.0)
    assert found[["premises_id", "verdict", "limit_m"]].to_numpy().tolist() == [[2, "breach", 600.0]]


def test_exceptions_by_kind_of_place() -> None:
    alaska = RULES["US-AK-ALC-200"]
    assert (alaska.origin("school_ground"), alaska.origin("church")) == ("boundary", "door")


def test_parcels_and_entrances_are_measured_to_where_they_are_known() -> None:
    shops = frame([at(140, 0)], premises_id=[1], activity="tobacco")
    shops["parcel"] = gpd.GeoSeries([area((95, -5), (150, -5), (150, 5), (95, 5))], crs=4326)
    shops["entrance"] = gpd.GeoSeries([at(120, 0)], crs=4326)
    measured = {
        to: judged(rule(measured_to=to, distance_m=145), shops).iloc[0]
        for to in ("parcel", "entrance", "stall")
    }
    assert [round(row["distance_m"]) for row in measured.values()] == [95, 120, 140]
    assert [row["measured_to"] for row in measured.values()] == ["parcel", "entrance", "point"]


def test_retailers_too_near_each_other() -> None:
    shops = frame([at(0, 0), at(140, 0), at(400, 0)], premises_id=list("abc"), activity="tobacco")
    found = spacing(shops, [RULES["US-CA-SANMATEO-TOB"]], DAY, sd_m=1.0)
    assert found[["premises_id", "other_id", "verdict"]].to_numpy().tolist() == [["a", "b", "breach"]]
    assert spacing(shops, [rule()], DAY).empty


def test_nothing_near_is_an_empty_answer_with_all_columns() -> None:
    found = judged(rule(), at(5000, 0))
    assert found.empty
    assert {"verdict", "p_inside", "path"} <= set(found.columns)


def test_frames_without_what_is_needed_are_refused() -> None:
    school, shop = frame([at(0, 0)], place_id=[1]), frame([at(0, 0)], premises_id=[1], activity=["tobacco"])
    with pytest.raises(MissingColumnError, match="kind"):
        audit(school, shop, [rule()], DAY)
    with pytest.raises(NoCRSError):
        audit(school.assign(kind="school").set_crs(None, allow_override=True), shop, [rule()], DAY)


# --- geodesy and chance -------------------------------------------------------------------------


@pytest.mark.parametrize("centre", [(117.1, 39.2), (179.9999, 10.0), (25.0, 84.9), (10.0, -89.99)])
def test_seventy_two_bearings_lie_on_the_circle(centre: tuple[float, float]) -> None:
    bearing = np.arange(0, 360, 5.0)
    lon, lat, _ = GEOD.fwd(np.full(72, centre[0]), np.full(72, centre[1]), bearing, np.full(72, 200.0))
    ring = np.column_stack([lon, lat])
    assert geodesic_m([centre], ring) == pytest.approx(np.full(72, 200.0), abs=1e-6)
    assert np.hypot(*around([centre], ring).T) == pytest.approx(np.full(72, 200.0), abs=1e-6)
    i, _, _ = pairs_within([centre], ring, 200.001)
    assert len(i) == 72
    assert len(pairs_within([centre], ring, 199.999)[0]) == 0


def test_the_flat_picture_agrees_with_proj() -> None:
    rng = np.random.default_rng(1)
    points = np.array(CENTRE) + rng.uniform(-0.01, 0.01, (200, 2))
    proj = pyproj.Proj(proj="aeqd", lon_0=CENTRE[0], lat_0=CENTRE[1], ellps="WGS84")
    assert around([CENTRE], points) == pytest.approx(
        np.column_stack(proj(points[:, 0], points[:, 1])), abs=1e-6
    )


@given(st.integers(0, 2**32 - 1), st.floats(1, 3000))
@settings(max_examples=40, deadline=None)
def test_pairs_are_those_of_brute_force(seed: int, radius: float) -> None:
    rng = np.random.default_rng(seed)
    a = np.column_stack([rng.uniform(-180, 180, 12), rng.uniform(-89, 89, 12)])
    b = np.vstack([a + rng.normal(0, 0.01, (12, 2)), a[:3]])
    b[:, 0] = (b[:, 0] + 180) % 360 - 180
    every = np.array([geodesic_m([p], b) for p in a])
    i, j, distance = pairs_within(a, b, radius)
    assert list(zip(i.tolist(), j.tolist(), strict=True)) == [
        tuple(ij) for ij in np.argwhere(every <= radius).tolist()
    ]
    assert distance.tolist() == every[i, j].tolist()


def test_the_chance_to_be_inside_a_disc_is_that_of_throwing_many_times() -> None:
    rng = np.random.default_rng(11)
    for limit, distance, sd in ((200, 200, 10), (50, 50, 10), (50, 42, 8), (100, 115, 12)):
        hits = np.hypot(distance + rng.normal(0, sd, 400_000), rng.normal(0, sd, 400_000)) <= limit
        assert p_inside(distance, limit, sd, disc=True)[0] == pytest.approx(hits.mean(), abs=0.003)
    assert p_inside([200, 50], [200, 50], 10, disc=True).round(2).tolist() == [0.49, 0.46]
    assert p_inside([np.inf, -50.0], 200, 5).tolist() == [0.0, 1.0]


def test_the_zone_grows_with_the_distance() -> None:
    rng = np.random.default_rng(2)
    shops = frame(
        [at(*xy) for xy in rng.uniform(-300, 300, (60, 2))], premises_id=range(60), activity="tobacco"
    )
    inside = [
        set(judged(rule(distance_m=d), shops).query("verdict == 'breach'")["premises_id"])
        for d in (50, 120, 200)
    ]
    assert inside[0] < inside[1] < inside[2]
