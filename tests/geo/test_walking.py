"""Walked distance on the foot network."""

import geopandas as gpd
import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely import affinity

from geo.errors import GeoError, MissingColumnError
from geo.foot_ways import joined
from geo.walking import FootNetwork, foot_network, reach, walk

CRS = "EPSG:32650"


def grid(n: int, step: float = 10.0) -> gpd.GeoDataFrame:
    """Build a square grid of n by n nodes, centred on 0, 0."""
    rows, half = [], (n - 1) / 2
    for i in range(n):
        for j in range(n):
            for di, dj in ((1, 0), (0, 1)):
                if i + di < n and j + dj < n:
                    ends = [
                        ((i - half) * step, (j - half) * step),
                        ((i + di - half) * step, (j + dj - half) * step),
                    ]
                    rows.append((i * n + j, (i + di) * n + j + dj, shapely.LineString(ends)))
    start, end, line = zip(*rows, strict=True)
    return gpd.GeoDataFrame(
        {"path_id": range(len(rows)), "start_node": start, "end_node": end}, geometry=list(line), crs=CRS
    )


def test_the_reach_in_a_square_grid_has_its_exact_length() -> None:
    # spacing h, origin at a node, D = (k + f) h: 4 k² h + f h (8 k + 4)
    k, f, h = 5, 0.4, 10.0
    within = reach([[0, 0]], foot_network(grid(15, h)), (k + f) * h)
    assert within.length.sum() == pytest.approx(4 * k**2 * h + f * h * (8 * k + 4))
    assert within.union_all().convex_hull.area == pytest.approx(2 * 54.0**2)


def test_the_reach_of_two_gates_is_the_union_of_their_reaches() -> None:
    foot = foot_network(grid(9))
    both = reach([[-20, 1], [13, 0]], foot, 25).union_all()
    each = reach([[-20, 1]], foot, 25).union_all().union(reach([[13, 0]], foot, 25).union_all())
    assert both.symmetric_difference(each).length == pytest.approx(0, abs=1e-6)


def test_the_reach_grows_with_its_limit() -> None:
    foot = foot_network(grid(9))
    lengths = [reach([[3, 2]], foot, limit).length.sum() for limit in (0, 1, 10, 20, 35, 60)]
    assert lengths[0] == 0
    assert lengths == sorted(lengths)


def test_a_fence_on_the_median_makes_the_walk_longer_though_nothing_else_moved() -> None:
    ways = grid(3, 100.0)
    fence = gpd.GeoDataFrame(geometry=[shapely.LineString([(-150, 50), (50, 50)])], crs=CRS)
    gate, door = [[0, 0]], [[0, 100]]
    assert walk(gate, door, foot_network(ways), 500).lower_m.tolist() == [100.0]
    fenced = walk(gate, door, foot_network(ways, fence), 500)
    assert fenced.lower_m.tolist() == [300.0]
    assert fenced.path[0].length == pytest.approx(300)
    assert not shapely.intersects(fenced.path[0], fence.geometry[0])


def test_a_closed_area_removes_the_ways_inside() -> None:
    site = gpd.GeoDataFrame(geometry=[shapely.box(-30, -30, 30, 30)], crs=CRS)
    foot = foot_network(grid(3, 100.0), site)
    assert foot.pieces.length.sum() == pytest.approx(12 * 100 - 4 * 30, abs=0.1)
    assert walk([[-100, 0]], [[100, 0]], foot, 1000).lower_m.tolist() == [400.0]


def street(*barriers: shapely.Geometry, slope: float = 0.0) -> FootNetwork:
    """Build a street of two ways of 100 m that meet at 100, 0, turned about the origin, with barriers."""
    lines = [shapely.LineString([(0, 0), (100, 0)]), shapely.LineString([(100, 0), (200, 0)])]
    turned = [affinity.rotate(shape, slope, origin=(0, 0)) for shape in (*lines, *barriers)]
    ways = gpd.GeoDataFrame(
        {"path_id": ["a", "b"], "start_node": [1, 2], "end_node": [2, 3]}, geometry=turned[:2], crs=CRS
    )
    return foot_network(ways, gpd.GeoDataFrame(geometry=turned[2:], crs=CRS))


@pytest.mark.parametrize("slope", [0.0, 33.0, 71.3])
@pytest.mark.parametrize(
    "barrier",
    [
        shapely.Point(100, 0),
        shapely.LineString([(100, -5), (100, 5)]),
        shapely.LineString([(100, 0), (100, 5)]),
        shapely.box(97, -3, 103, 3),
        shapely.box(100, 0, 105, 5),
        shapely.Point(120, 0),
        shapely.Point(199.995, 0),
    ],
    ids=[
        "post at the node",
        "fence",
        "end of a fence",
        "site",
        "corner of a site",
        "post",
        "post at the end",
    ],
)
def test_a_barrier_at_a_junction_stops_the_walk_as_one_on_a_way_does(
    barrier: shapely.Geometry, slope: float
) -> None:
    turned = affinity.rotate(shapely.MultiPoint([(50, 0), (90, 0), (200, 0)]), slope, origin=(0, 0))
    gate, door, far = shapely.get_coordinates(turned)
    found = walk([gate], [door, far], street(barrier, slope=slope), 500)
    assert found.lower_m[0] == pytest.approx(40.0)
    assert found.lower_m[1] == (pytest.approx(150.0) if barrier.bounds[0] > 199 else np.inf)


def test_a_post_and_a_site_on_one_way_both_stop_the_walk() -> None:
    foot = street(shapely.Point(60, 0), shapely.Point(90, 0).buffer(3))
    assert foot.pieces["offset_m"].to_numpy() == pytest.approx([0, 0, 60.01, 93.01], abs=0.001)
    assert foot.pieces.length.to_numpy() == pytest.approx([100, 59.99, 26.98, 6.99], abs=0.001)
    found = walk([[5, 0]], [[55, 0], [75, 0], [150, 0]], foot, 500)
    assert found.lower_m == pytest.approx([50.0, np.inf, np.inf])


def test_a_way_that_crosses_itself_and_ends_where_it_began_stays_whole_beside_the_cut() -> None:
    # an eight of two squares of 100 m that touch at the middle, closed; a post stands 50 m after its start
    corners = [(0, 0), (100, 0), (100, 100), (0, 100), (0, -100), (-100, -100), (-100, 0), (0, 0)]
    ways = gpd.GeoDataFrame(
        {"path_id": ["eight"], "start_node": [1], "end_node": [1]},
        geometry=[shapely.LineString(corners)],
        crs=CRS,
    )
    foot = foot_network(ways, gpd.GeoDataFrame(geometry=[shapely.Point(50, 0)], crs=CRS))
    assert foot.pieces.length.to_numpy() == pytest.approx([49.99, 749.99])
    # back over the start and then all the way round: 10 + (800 - 60)
    assert walk([[10, 0]], [[60, 0]], foot, 1000).lower_m.tolist() == [pytest.approx(750.0)]


def test_unverified_crossings_give_an_upper_and_a_lower_walk() -> None:
    ways = grid(3, 100.0)
    ways["crossing"] = [line.equals(shapely.LineString([(0, 0), (0, 100)])) for line in ways.geometry]
    found = walk([[0, 0]], [[0, 100]], foot_network(ways), 500)
    assert (found.lower_m.tolist(), found.upper_m.tolist(), found.sure.tolist()) == (
        [100.0],
        [300.0],
        [False],
    )
    seen = walk([[0, 0]], [[0, 100]], foot_network(ways.assign(verified=True)), 500)
    assert (seen.upper_m.tolist(), seen.sure.tolist()) == ([100.0], [True])


def test_of_several_points_of_a_goal_only_the_nearest_gets_a_path() -> None:
    targets, goal = [[0, 30], [0, 20], [10, 0], [0, 40], [0, 500]], [0, 0, 1, 1, 2]
    found = walk([[0, 0]], targets, foot_network(grid(9)), 1000, goal=goal)
    assert found.lower_m.tolist() == [30.0, 20.0, 10.0, 40.0, np.inf]
    assert [path is not None for path in found.path] == [False, True, True, False, False]
    assert found.path[1].length == pytest.approx(20.0)


def test_points_far_from_every_way_are_out_of_reach() -> None:
    foot = foot_network(grid(3))
    assert reach([[0, 500]], foot, 1000).empty
    assert walk([[0, 500]], [[0, 0]], foot, 1000).lower_m.tolist() == [np.inf]
    assert walk([[0, 0]], np.empty((0, 2)), foot, 100).lower_m.tolist() == []


def test_without_ways_nothing_is_in_reach() -> None:
    foot = foot_network(grid(2).iloc[:0])
    for nowhere in (
        foot,
        foot_network(grid(2), gpd.GeoDataFrame(geometry=[shapely.box(-9, -9, 9, 9)], crs=CRS)),
    ):
        within = reach([[0, 0]], nowhere, 100)
        assert within.empty
        assert within.columns.tolist() == ["path_id", "from_m", "to_m", "geometry"]
        assert within.crs == CRS
        found = walk([[0, 0]], [[1, 0], [0, 0]], nowhere, 100)
        assert (found.lower_m.tolist(), found.upper_m.tolist()) == ([np.inf] * 2, [np.inf] * 2)
        assert found.path.tolist() == [None, None]


@given(st.lists(st.tuples(st.floats(-45, 45), st.floats(-45, 45)), min_size=2, max_size=6))
@settings(max_examples=60, deadline=None)
def test_a_walk_is_never_shorter_than_the_straight_line_and_the_same_both_ways(
    xy: list[tuple[float, float]],
) -> None:
    foot = foot_network(grid(10))
    points = np.array(xy)
    for i in range(1, len(points)):
        there = walk(points[:1], points[i : i + 1], foot, 1e4)
        back = walk(points[i : i + 1], points[:1], foot, 1e4)
        straight = np.hypot(*(points[i] - points[0]))
        assert there.lower_m[0] >= straight - 1e-9
        assert there.lower_m[0] == pytest.approx(back.lower_m[0])
        assert there.path[0].length == pytest.approx(there.lower_m[0], abs=1e-6)
    together = walk(points[:1], points[1:], foot, 1e4).lower_m
    assert together == pytest.approx([walk(points[:1], p[None], foot, 1e4).lower_m[0] for p in points[1:]])


def test_parallel_ways_between_the_same_nodes_keep_the_shorter() -> None:
    ways = gpd.GeoDataFrame(
        {"path_id": ["arc", "chord"], "start_node": [1, 1], "end_node": [2, 2]},
        geometry=[shapely.LineString([(0, 0), (50, 80), (100, 0)]), shapely.LineString([(0, 0), (100, 0)])],
        crs=CRS,
    )
    assert walk([[0, 0]], [[100, 0]], foot_network(ways), 500).lower_m.tolist() == [100.0]


def test_what_cannot_be_a_foot_network_is_refused() -> None:
    with pytest.raises(MissingColumnError, match="end_node"):
        foot_network(grid(2).drop(columns="end_node"))
    with pytest.raises(GeoError, match="reference"):
        foot_network(grid(2), gpd.GeoDataFrame(geometry=[shapely.Point(0, 0)], crs="EPSG:4326"))


def test_a_pavement_joins_a_road_where_they_share_a_vertex_and_a_bridge_above_does_not() -> None:
    lines = ["LINESTRING (0 0, 50 0, 100 0)", "LINESTRING (50 0.02, 50 30)", "LINESTRING (80 -20, 80 30)"]
    ways = gpd.GeoDataFrame({"path_id": list("abc")}, geometry=shapely.from_wkt(lines), crs=CRS)
    pieces = joined(ways)
    assert pieces["path_id"].tolist() == ["a", "a", "b", "c"]
    foot = foot_network(pieces, checked=True)
    walked = walk([[0, 0]], [[50, 30], [80, 30]], foot, 500.0, snap_m=5.0)
    assert walked.lower_m[0] == pytest.approx(80.0, abs=0.1)
    assert np.isinf(walked.lower_m[1])
