"""Where the shortest walk from an outline begins, beside points every few centimetres."""

from typing import Any

import geopandas as gpd
import numpy as np
import pytest
import shapely
from shapely import affinity

from geo.clearance.starts import squares, starts
from geo.walking import FootNetwork, foot_network, walk

CRS = "EPSG:32650"
DENSE_M = 0.05
# A walk grows by at most two metres for each that its beginning is off
NEAR_M = 2 * DENSE_M


def tangle(rng: np.random.Generator) -> FootNetwork:
    """Build bent ways between random nodes within 200 m, with two fences across them."""
    nodes = rng.uniform(0, 200, (10, 2))
    ends = [(a, b) for a in range(10) for b in range(a + 1, 10) if rng.random() < 0.25]
    lines = [
        shapely.LineString([nodes[a], (nodes[a] + nodes[b]) / 2 + rng.normal(0, 15, 2), nodes[b]])
        for a, b in ends
    ]
    columns = {
        "path_id": range(len(ends)),
        "start_node": [a for a, _ in ends],
        "end_node": [b for _, b in ends],
    }
    fences = [shapely.LineString(rng.uniform(0, 200, (2, 2))) for _ in range(2)]
    return foot_network(
        gpd.GeoDataFrame(columns, geometry=lines, crs=CRS), gpd.GeoDataFrame(geometry=fences, crs=CRS)
    )


def ring(rng: np.random.Generator) -> Any:
    """Return the outline of a block somewhere, turned."""
    middle, half = rng.uniform(40, 160, 2), rng.uniform(10, 30, 2)
    box = shapely.box(*(middle - half), *(middle + half))
    return shapely.boundary(affinity.rotate(box, rng.uniform(0, 90)))


def dense(edge: Any) -> Any:
    """Return a point every few centimetres of an outline."""
    return shapely.get_coordinates(shapely.segmentize(edge, DENSE_M))


@pytest.mark.parametrize("seed", range(12))
def test_no_point_of_the_outline_begins_a_shorter_walk(seed: int) -> None:
    rng = np.random.default_rng(seed)
    foot, edge, doors = tangle(rng), ring(rng), rng.uniform(0, 200, (8, 2))
    found = walk(starts(edge, foot, squares(doors, foot)), doors, foot, 1e4)
    every = walk(dense(edge), doors, foot, 1e4)
    assert np.isfinite(found.lower_m).tolist() == np.isfinite(every.lower_m).tolist()
    some = np.isfinite(every.lower_m)
    assert (found.lower_m[some] <= every.lower_m[some] + 1e-6).all()
    assert (found.lower_m[some] >= every.lower_m[some] - NEAR_M).all()


@pytest.mark.parametrize("seed", range(6))
def test_no_two_points_of_two_outlines_are_a_shorter_walk_apart(seed: int) -> None:
    rng = np.random.default_rng(100 + seed)
    foot, ground, parcel = tangle(rng), ring(rng), ring(rng)
    goal = starts(parcel, foot, squares(starts(ground, foot), foot))
    begin = starts(ground, foot, squares(goal, foot))
    found = walk(begin, goal, foot, 1e4).lower_m.min()
    every = walk(dense(ground)[::4], dense(parcel)[::10], foot, 1e4).lower_m.min()
    assert found == every or every - 14 * NEAR_M <= found <= every + 1e-6


def test_an_outline_on_no_way_and_a_network_without_ways_give_its_own_points() -> None:
    way = gpd.GeoDataFrame(
        {"path_id": ["a"], "start_node": [1], "end_node": [2]},
        geometry=[shapely.LineString([(0, 0), (100, 0)])],
        crs=CRS,
    )
    yard = shapely.boundary(shapely.box(0, 500, 5, 505))
    for foot in (foot_network(way), foot_network(way.iloc[:0])):
        assert len(starts(yard, foot, squares([[0, 500]], foot))) == 5
        assert starts(shapely.Point(3, 4), foot).tolist() == [[3.0, 4.0]]
    both = shapely.GeometryCollection([shapely.Point(3, 4), shapely.LineString([(0, 900), (1, 900)])])
    assert starts(both, foot_network(way)).tolist() == [[3.0, 4.0], [0.0, 900.0], [1.0, 900.0]]
