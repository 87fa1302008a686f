import geopandas as gpd
import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from shapely import LineString, Point, Polygon, box

from geo.errors import CoordinateError, NoCRSError
from geo.keypoints import KeyPoints, p_inside


def places(**shapes: object) -> gpd.GeoDataFrame:
    return gpd.GeoDataFrame(index=list(shapes), geometry=list(shapes.values()), crs=32650)


@pytest.mark.parametrize(("radius", "truth"), [(200.0, 0.490), (50.0, 0.460)])
def test_a_point_on_the_circle_is_inside_less_often_than_not(radius: float, truth: float) -> None:
    assert p_inside(radius, radius, 10.0, point=True) == pytest.approx(truth, abs=5e-4)
    assert p_inside(radius, radius, 10.0, point=False) == pytest.approx(0.5)


def test_the_disc_formula_agrees_with_throwing_stones() -> None:
    stones = np.random.default_rng(1).normal(size=(400_000, 2)) * 12 + (45, 0)
    share = (np.hypot(*stones.T) <= 50).mean()
    assert p_inside(45.0, 50.0, 12.0, point=True) == pytest.approx(share, abs=0.004)


@given(st.floats(0, 500), st.floats(0, 500), st.floats(0.1, 60), st.booleans())
def test_probability_is_one_and_falls_with_distance(d: float, radius: float, sd: float, point: bool) -> None:
    nearer, farther = p_inside([d, d + 5], radius, sd, point=point)
    assert 0 <= farther <= nearer + 1e-9 <= 1 + 1e-9


def test_without_error_the_boundary_belongs_to_the_inside() -> None:
    assert p_inside([100.0, 100.0000001], 100.0, 0.0, point=True).tolist() == [1, 0]


def test_areas_are_measured_from_their_boundary_and_gates_as_points() -> None:
    school = places(campus=box(0, 0, 100, 100), gate=Point(100, 50))
    pairs = KeyPoints(school).near([[120, 50], [50, 50], [500, 500]], 60.0)
    assert pairs[["finding", "key_point", "distance_m"]].to_numpy().tolist() == [
        [0, "campus", 20.0],
        [0, "gate", 20.0],
        [1, "campus", -50.0],
        [1, "gate", 50.0],
    ]


def test_gates_of_one_campus_count_once_by_the_nearest() -> None:
    gates = gpd.GeoDataFrame(
        {"school": ["a", "a", "b"]}, geometry=[Point(0, 0), Point(10, 0), Point(5, 9)], crs=32650
    )
    asked = KeyPoints(gates, key="school")
    assert asked.near([[12, 0]], 50.0)[["key_point", "distance_m"]].to_numpy().tolist()[0] == ["a", 2.0]
    assert [key for key, _, _ in asked.near_one(12, 0, 50.0)] == ["a", "b"]


def test_missing_findings_and_missing_places_are_near_nothing() -> None:
    asked = KeyPoints(places(a=Point(0, 0), b=None, c=Polygon()))
    assert len(asked.near([[np.nan, 0]], 100.0)) == 0
    assert asked.near_one(np.nan, 0, 100.0) == []
    assert asked.near([[1, 0]], 100.0)["key_point"].tolist() == ["a"]
    assert len(KeyPoints(places()).near([[1, 0]], 100.0)) == 0
    assert len(asked.near([], 100.0)) == 0


def test_a_place_just_outside_is_listed_while_it_may_be_inside() -> None:
    asked = KeyPoints(places(a=Point(0, 0)), sd_m=4.0)
    ((_, distance, p),) = asked.near_one(105, 0, 100.0, 3.0)
    assert distance == 105
    assert p == pytest.approx(float(p_inside(105, 100, 5.0, point=True)))
    assert 0.1 < p < 0.2
    assert asked.near_one(120, 0, 100.0, 3.0) == []


@given(st.integers(0, 2**32 - 1))
def test_one_finding_gets_the_same_as_a_batch_and_as_brute_force(seed: int) -> None:
    rng = np.random.default_rng(seed)
    shapes = [Point(*rng.uniform(0, 200, 2)) for _ in range(8)]
    shapes += [box(x, y, x + 30, y + 20) for x, y in rng.uniform(0, 200, (4, 2))]
    shapes += [LineString(rng.uniform(0, 200, (3, 2))) for _ in range(3)]
    frame = gpd.GeoDataFrame(index=[f"{k:02d}" for k in range(15)], geometry=shapes, crs=32650)
    asked, xy = KeyPoints(frame, sd_m=2.0), rng.uniform(0, 200, (6, 2))
    batch = asked.near(xy, 70.0, 5.0)
    for row, (x, y) in enumerate(xy):
        one = asked.near_one(x, y, 70.0, 5.0)
        own = batch[batch["finding"] == row]
        assert [key for key, _, _ in one] == own["key_point"].tolist()
        assert [p for _, _, p in one] == pytest.approx(own["p_inside"].tolist())
        brute = shapely.distance(Point(x, y), np.array(shapes))
        assert {key for key, _, _ in one} == set(frame.index[brute <= 70 + 3 * np.hypot(5, 2)])
        assert all(d <= 0 or d == pytest.approx(brute[int(key)]) for key, d, _ in one)


def test_a_reach_that_is_none_and_places_without_crs_are_refused() -> None:
    with pytest.raises(CoordinateError, match="reach"):
        KeyPoints(places(a=Point(0, 0))).near([[0, 0]], -1.0)
    with pytest.raises(NoCRSError):
        KeyPoints(gpd.GeoDataFrame(geometry=[Point(0, 0)]))
