"""Grounds, walks and zones on both sides of the 180th meridian, south and north."""

from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely

from geo.clearance import audit, distances_m, read_rules, zone, zones
from geo.clearance.distance import GEOD, around
from geo.walking import foot_network

DAY = pd.Timestamp("2024-05-10 10:00")
EXACT = {"place_sd_m": 0.0, "gate_sd_m": 0.0, "premises_sd_m": 0.0}
# Taveuni in Fiji, and Wrangel Island
LATITUDES = [-16.8, 71.2]
DEEP = 0.0005


def split(lat: float) -> Any:
    """Return a ground of two thousandths of a degree in two parts, as RFC 7946 asks."""
    west = shapely.box(179.999, lat - DEEP, 180, lat + DEEP)
    return shapely.MultiPolygon([west, shapely.box(-180, lat - DEEP, -179.999, lat + DEEP)])


def across(lat: float) -> Any:
    """Return the same ground in one part."""
    return shapely.box(179.999, lat - DEEP, 180.001, lat + DEEP)


def wound(lat: float) -> Any:
    """Return the same ground in one part with longitudes from -180 to 180, as software writes it."""
    return shapely.transform(across(lat), lambda xy: np.where(xy > 180, xy - [360, 0], xy))


def judged(ground: Any, shops: list[Any], **fields: Any) -> gpd.GeoDataFrame:
    """Judge shops beside a school."""
    how = {key: fields.pop(key) for key in ("foot", "premises_sd_m") if key in fields}
    plain = {
        "distance_m": 200,
        "measured_from": "boundary",
        "measured_to": "premises",
        "measure": "euclidean",
    }
    (rule,) = read_rules(
        [{"id": "r", "activity": ["tobacco"], "protected_kinds": ["school"], **plain, **fields}]
    )
    place = gpd.GeoDataFrame({"place_id": [1], "kind": ["school"]}, geometry=[ground], crs=4326)
    premises = {"premises_id": range(len(shops)), "activity": "tobacco"}
    return audit(place, gpd.GeoDataFrame(premises, geometry=shops, crs=4326), [rule], DAY, **(EXACT | how))


@pytest.mark.parametrize("drawn", [split, across, wound])
@pytest.mark.parametrize("lat", LATITUDES)
def test_a_ground_on_both_sides_is_one_ground(lat: float, drawn: Any) -> None:
    shops = [shapely.Point(lon, lat) for lon in (-179.9985, 179.9985, 180.0, -180.0)]
    true = GEOD.inv(-179.999, lat, -179.9985, lat)[2]
    found = judged(drawn(lat), shops)
    assert found["verdict"].tolist() == ["breach"] * 4
    assert found["distance_m"].to_numpy() == pytest.approx([true, true, 0, 0], abs=1e-4)
    # where it is cut is no edge: the middle lies 0.0005 degrees within
    depth = GEOD.inv(180, lat, 180, lat + DEEP)[2]
    side = GEOD.inv(180, lat, 179.999, lat)[2]
    inside = judged(drawn(lat), shops[2:], distance_m=1, premises_sd_m=min(depth, side) / 2.5)
    assert inside["verdict"].tolist() == ["breach"] * 2
    away = distances_m(drawn(lat), [[shop.x, shop.y] for shop in shops])
    assert away == pytest.approx([true, true, 0, 0], abs=1e-4)


@pytest.mark.parametrize("drawn", [split, across, wound])
@pytest.mark.parametrize("lat", LATITUDES)
def test_premises_on_both_sides_are_one_too(lat: float, drawn: Any) -> None:
    gate = shapely.Point(-179.9985, lat)
    found = judged(gate, [drawn(lat)], measured_from="gate")
    assert found["distance_m"].iloc[0] == pytest.approx(GEOD.inv(-179.999, lat, -179.9985, lat)[2], abs=1e-4)


@pytest.mark.parametrize("lat", LATITUDES)
def test_a_zone_is_cut_there_and_as_large_as_elsewhere(lat: float) -> None:
    here = shapely.box(116.999, lat - DEEP, 117.001, lat + DEEP)
    pairs = [(drawn(lat), here) for drawn in (split, across, wound)]
    pairs += [(shapely.Point(lon, lat), shapely.Point(117, lat)) for lon in (179.9999, -179.9999, 180.0)]
    for there, like in pairs:
        reached = zone(there, 200.0)
        assert reached.bounds[0] >= -180
        assert reached.bounds[2] <= 180
        assert [part.bounds[2] - part.bounds[0] < 0.05 for part in shapely.get_parts(reached)] == [True, True]
        area = sum(abs(GEOD.geometry_area_perimeter(part)[0]) for part in shapely.get_parts(reached))
        assert area == pytest.approx(abs(GEOD.geometry_area_perimeter(zone(like, 200.0))[0]), rel=1e-6)


@pytest.mark.parametrize("lat", LATITUDES)
def test_a_walk_over_it_and_what_it_reaches(lat: float) -> None:
    crs = 32660 if lat > 0 else 32760
    line = gpd.GeoSeries([shapely.LineString([(179.995, lat), (180.005, lat)])], crs=4326).to_crs(crs)
    way = gpd.GeoDataFrame({"path_id": ["a"], "start_node": [1], "end_node": [2]}, geometry=line)
    foot = foot_network(way, checked=True)
    shop = shapely.Point(-179.9985, lat)
    walked = {"measure": "network_walk", "distance_m": 100}
    found = judged(split(lat), [shop], foot=foot, **walked)
    # metres of the map, up to four in ten thousand short of true ones
    true = float(np.hypot(*around([[-179.999, lat]], [[-179.9985, lat]])[0]))
    assert found["walked_m"].iloc[0] == pytest.approx(true, rel=2e-3)
    place = gpd.GeoDataFrame({"place_id": [1], "kind": ["school"]}, geometry=[split(lat)], crs=4326)
    (rule,) = read_rules(
        [
            {"id": "r", "activity": ["tobacco"], "protected_kinds": ["school"], "measured_from": "boundary"}
            | {"measured_to": "premises"}
            | walked
        ]
    )
    (reached,) = zones(rule, place, foot=foot).geometry
    assert [part.bounds[2] - part.bounds[0] < 0.05 for part in shapely.get_parts(reached)] == [True, True]
