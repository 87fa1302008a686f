from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely import LineString, MultiLineString, Point

from geo import blocks
from geo.errors import CoordinateError, GeometryKindError, NoCRSError

UTM = "EPSG:32650"
SHARED = Path(__file__).parents[3] / "shared" / "data"


def streets(*rows: tuple[object, ...], crs: str | None = UTM, **columns: list[object]) -> gpd.GeoDataFrame:
    """Make a street frame of coordinates, or geometries."""
    shapes = [row if hasattr(row, "geom_type") or row is None else LineString(row) for row in rows]
    return gpd.GeoDataFrame(columns, geometry=shapes, crs=crs)


def lengths(built: gpd.GeoDataFrame) -> list[float]:
    return sorted(built["length_m"].round(1))


def keyed(built: gpd.GeoDataFrame) -> pd.DataFrame:
    """Return what must not change when only the drawing of the source does."""
    same = ["block_id", "street_id", "corridor_id", "name", "class", "one_way", "start_node", "end_node"]
    return built[same].assign(line=built.geometry.to_wkt(rounding_precision=3))


def grid(n: int = 4, gap: float = 100.0) -> list[LineString]:
    """Draw n streets each way as single lines with a vertex at every crossing."""
    at = [k * gap for k in range(n)]
    return [LineString([(x, y) for x in at]) for y in at] + [LineString([(x, y) for y in at]) for x in at]


def test_a_grid_of_whole_streets_is_split_at_every_crossing() -> None:
    built = blocks.build(streets(*grid(4)))
    # 4 streets each way with 3 stretches each; at the 4 corners two unnamed streets merge into one
    assert len(built) == 24 - 4
    assert built["length_m"].sum() == pytest.approx(24 * 100)


def test_named_streets_keep_their_corners_apart() -> None:
    built = blocks.build(streets(*grid(4), name=[f"street {k}" for k in range(8)]))
    assert len(built) == 24
    assert built["street_id"].nunique() == 8


def test_a_bridge_over_a_street_is_no_crossing() -> None:
    over = streets(
        [(0, 0), (50, 0), (100, 0)], [(50, -50), (50, 0), (50, 50)], layer=[0, 1], bridge=[None, "yes"]
    )
    assert lengths(blocks.build(over)) == [100, 100]


def test_a_bridge_that_lands_on_a_street_meets_it() -> None:
    landing = streets([(0, 0), (50, 0), (100, 0)], [(50, 0), (50, 80)], layer=[0, 1], bridge=[None, "yes"])
    assert lengths(blocks.build(landing)) == [50, 50, 80]


def test_lines_that_only_cross_are_split_in_a_source_without_topology() -> None:
    cross = streets([(0, 0), (100, 0)], [(50, -50), (50, 50)])
    assert lengths(blocks.build(cross)) == [50, 50, 50, 50]
    assert lengths(blocks.build(cross, split_crossings=False)) == [100, 100]


def test_a_lone_crossing_in_a_source_with_topology_is_not_an_intersection() -> None:
    lines = [*grid(5), LineString([(50, 50), (50, 150)])]
    with_it, without = blocks.build(streets(*lines)), blocks.build(streets(*lines[:-1]))
    assert len(with_it) == len(without) + 1


def test_node_ids_decide_where_there_are_any() -> None:
    ways = [[(0, 0), (50, 0), (100, 0)], [(50, -50), (50, 0), (50, 50)]]
    apart = streets(*ways, nodes=[(1, 2, 3), (4, 5, 6)])
    joined = streets(*ways, nodes=[(1, 2, 3), (4, 2, 6)])
    assert lengths(blocks.build(apart)) == [100, 100]
    assert lengths(blocks.build(joined)) == [50, 50, 50, 50]


def test_node_ids_must_be_as_many_as_vertices() -> None:
    with pytest.raises(GeometryKindError, match="2 node ids for 3 vertices"):
        blocks.build(streets([(0, 0), (50, 0), (100, 0)], nodes=[(1, 2)]))


def test_directed_twins_become_one_block_even_if_their_last_digits_differ() -> None:
    there = [(0, 0), (30, 10), (100, 0)]
    back = [(100, 0), (30, 10.000004), (0, 0)]
    graph = streets(there, back, u=[1, 2], v=[2, 1])
    built = blocks.build(graph)
    assert len(built) == 1
    assert built["one_way"].tolist() == [0]


def test_two_one_way_twins_against_each_other_are_two_way_and_one_alone_is_not() -> None:
    line, back = [(0, 0), (100, 0)], [(100, 0), (0, 0)]
    assert blocks.build(streets(line, back, one_way=["yes", "yes"]))["one_way"].tolist() == [0]
    assert blocks.build(streets(line, one_way=["yes"]))["one_way"].tolist() == [1]
    assert blocks.build(streets(back, one_way=["yes"]))["one_way"].tolist() == [-1]
    assert blocks.build(streets(back, one_way=["-1"]))["one_way"].tolist() == [1]


def test_parallel_ways_around_a_square_stay_two() -> None:
    around = streets(
        [(0, 0), (0, 40), (80, 40), (80, 0)],
        [(0, 0), (0, -40), (80, -40), (80, 0)],
        [(-100, 0), (0, 0)],
        [(80, 0), (200, 0)],
    )
    assert len(blocks.build(around)) == 4


def test_pieces_merge_through_a_node_where_nothing_changes() -> None:
    halves = [[(0, 0), (50, 0)], [(120, 5), (50, 0)]]
    assert len(blocks.build(streets(*halves))) == 1
    assert len(blocks.build(streets(*halves, name=["A", "B"]))) == 2
    assert len(blocks.build(streets(*halves, **{"class": ["primary", "residential"]}))) == 2
    assert len(blocks.build(streets(*halves, area=["01", "02"]))) == 2
    # one way in, then out again the same way: the second is drawn backwards
    assert len(blocks.build(streets(*halves, one_way=["yes", "-1"]))) == 1
    assert len(blocks.build(streets(*halves, one_way=["yes", "yes"]))) == 2


def test_an_end_that_misses_a_street_by_a_hand_touches_it() -> None:
    near = streets([(0, 0), (100, 0)], [(40, 0.3), (40, 60)])
    assert lengths(blocks.build(near)) == pytest.approx([40, 59.7, 60], abs=0.1)
    far = streets([(0, 0), (100, 0)], [(40, 0.8), (40, 60)])
    assert len(blocks.build(far)) == 2


def test_two_ends_that_nearly_meet_are_one_node() -> None:
    built = blocks.build(streets([(0, 0), (50, 0)], [(50.3, 0.1), (100, 0)]))
    assert len(built) == 1


def test_a_ring_without_junction_stays_and_starts_at_its_smallest_vertex() -> None:
    square = [(0, 0), (60, 0), (60, 60), (0, 60), (0, 0)]
    turned = [(60, 60), (0, 60), (0, 0), (60, 0), (60, 60)]
    one, other = blocks.build(streets(square)), blocks.build(streets(turned[::-1]))
    assert one["block_id"].tolist() == other["block_id"].tolist()
    assert one.geometry.iloc[0].coords[0] == (0, 0)
    assert one["length_m"].iloc[0] == 240


def test_a_loop_on_a_street_stays_a_block() -> None:
    lollipop = streets([(0, 0), (100, 0)], [(100, 0), (140, 30), (140, -30), (100, 0)])
    assert lengths(blocks.build(lollipop)) == [100, 160]


def test_carriageways_against_each_other_share_a_corridor() -> None:
    avenue = streets(
        [(0, 0), (200, 0)],
        [(200, 20), (0, 20)],
        [(0, 60), (200, 60)],
        name=["Avenue", "avenue", "Avenue"],
        one_way=["yes", "yes", "yes"],
    )
    built = blocks.build(avenue)
    corridor = built.set_index(built.geometry.centroid.y.round())["corridor_id"]
    assert corridor[0] == corridor[20] != corridor[60]
    assert built["street_id"].nunique() == 1


def test_consecutive_blocks_of_an_avenue_do_not_flow_into_one_corridor() -> None:
    rows, one_way = [], []
    for k in range(4):
        rows += [[(100 * k, 0), (100 * k + 100, 0)], [(100 * k + 100, 15), (100 * k, 15)]]
        rows += [[(100 * k, 0), (100 * k, 15)]]
        one_way += ["yes", "yes", "no"]
    name = ["A", "A", None] * 4
    built = blocks.build(streets(*rows, name=name, one_way=one_way))
    sizes = built[built["name"] == "A"].groupby("corridor_id").size()
    assert sizes.tolist() == [2, 2, 2, 2]


def test_unnamed_pieces_that_run_on_are_one_street_and_a_corner_is_not() -> None:
    built = blocks.build(streets([(0, 0), (100, 0)], [(100, 0), (200, 5)], [(100, 0), (100, 90)]))
    street = {round(row.length_m): row.street_id for row in built.itertuples()}
    assert street[100] != street[90]
    assert built["street_id"].nunique() == 2


def test_tags_in_an_hstore_column_are_read_even_if_the_text_is_cut() -> None:
    tagged = streets(
        [(0, 0), (100, 0)],
        highway=["primary"],
        other_tags=['"oneway"=>"-1","lanes"=>"3","width"=>"11.5","bridge"=>"yes","layer"=>"1","sur'],
    )
    row = blocks.build(tagged).iloc[0]
    assert (row["class"], row["one_way"], row["lanes"], row["width_m"], row["layer"]) == (
        "primary",
        -1,
        3,
        11.5,
        1,
    )
    assert row["bridge"] and not row["tunnel"]


def test_heights_empties_and_multilines_are_taken_care_of() -> None:
    odd = streets(
        LineString([(0, 0, 5), (100, 0, 9)]),
        None,
        LineString(),
        LineString([(7, 7), (7, 7)]),
        MultiLineString([[(0, 50), (100, 50)], [(0, 90), (100, 90)]]),
    )
    built = blocks.build(odd)
    assert lengths(built) == [100, 100, 100]
    assert not built.geometry.has_z.any()


def test_nothing_gives_nothing_with_all_columns() -> None:
    for crs in (UTM, "EPSG:4326"):
        built = blocks.build(streets(crs=crs))
        assert len(built) == 0
        assert list(built.columns) == list(blocks.COLUMNS)
    assert len(blocks.build(streets(None, LineString()))) == 0


def test_what_is_no_line_or_has_no_place_is_refused() -> None:
    with pytest.raises(GeometryKindError, match=r"row 1: .*Point"):
        blocks.build(streets([(0, 0), (1, 1)], Point(0, 0)))
    with pytest.raises(NoCRSError):
        blocks.build(streets([(0, 0), (1, 1)], crs=None))
    with pytest.raises(NoCRSError, match="foot"):
        blocks.build(streets([(0, 0), (1, 1)]), crs="EPSG:3435")
    with pytest.raises(CoordinateError, match="row 0"):
        with np.errstate(invalid="ignore"):
            nowhere = LineString([(0, 0), (np.nan, 1)])
        blocks.build(streets(nowhere))


@pytest.mark.parametrize("crs", [4326, 3435, 3857])
def test_what_is_not_in_metres_on_the_ground_is_projected(crs: int) -> None:
    ends = gpd.GeoSeries(gpd.points_from_xy([-87.63, -87.63], [41.88, 41.882]), crs=4326)
    line = LineString([(point.x, point.y) for point in ends.to_crs(crs)])
    built = blocks.build(gpd.GeoDataFrame(geometry=[line], crs=crs))
    assert built.crs.to_epsg() == 32616
    assert built["length_m"].iloc[0] == pytest.approx(222.1, abs=0.2)
    named = blocks.build(gpd.GeoDataFrame(geometry=[line], crs=crs), crs="EPSG:32616")
    assert named["length_m"].iloc[0] == built["length_m"].iloc[0]


@settings(max_examples=25, deadline=None)
@given(st.randoms(use_true_random=False), st.integers(0, 2**32 - 1))
def test_order_direction_and_extra_vertices_of_the_source_do_not_matter(shuffle: object, seed: int) -> None:
    rng = np.random.default_rng(seed)
    at = np.cumsum(rng.uniform(60, 140, 5))
    across = [LineString([(x, y + 0.1 * (x % 7)) for x in at]) for y in at]
    along = [LineString([(x, y + 0.1 * (x % 7)) for y in at]) for x in at]
    lines = [*across, *along]
    names = [f"n{k % 4}" if k % 5 else None for k in range(len(lines))]
    one_way = rng.choice(["no", "yes"], len(lines)).tolist()
    plain = blocks.build(streets(*lines, name=names, one_way=one_way))
    order = list(range(len(lines)))
    shuffle.shuffle(order)  # type: ignore[attr-defined]
    turned = rng.random(len(lines)) < 0.5
    drawn = [shapely.segmentize(shapely.reverse(lines[k]) if turned[k] else lines[k], 7.3) for k in order]
    sense = [{"no": "no", "yes": "-1"}[one_way[k]] if turned[k] else one_way[k] for k in order]
    other = blocks.build(streets(*drawn, name=[names[k] for k in order], one_way=sense))
    pd.testing.assert_frame_equal(keyed(plain), keyed(other))


@pytest.mark.skipif(not SHARED.is_dir(), reason="no ../shared/data beside the project")
def test_cambridge_builds_without_losing_streets_or_length() -> None:
    lines = gpd.read_file(SHARED / "cambridge" / "TRANS_Centerlines.geojson")
    built = blocks.build(lines.assign(name=lines["Street"]))
    own = lines.to_crs(built.crs)
    assert built["block_id"].is_unique
    assert built["length_m"].sum() == pytest.approx(own.length.sum(), rel=1e-3)
    assert set(built["name"].dropna()) == set(lines["Street"].dropna())
    assert built.geometry.is_valid.all()
    again = blocks.build(lines.assign(name=lines["Street"]).sample(frac=1, random_state=1))
    assert again["block_id"].tolist() == built["block_id"].tolist()
