"""Map matching against hand-made streets and brute force."""

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import dijkstra

from geo import coverage, matching
from geo.errors import GeoError, GeometryKindError, MissingColumnError
from geo.matching.anchors import usual_pace
from geo.matching.kernels import candidates, forget, scratch_for, search
from geo.matching.model import detour, step_shape

CRS = "EPSG:32650"


def grid(n: int = 5, step: float = 100.0) -> gpd.GeoDataFrame:
    """Build a square grid of streets."""
    rows = []
    for i in range(n):
        for j in range(n):
            for di, dj in ((1, 0), (0, 1)):
                if i + di < n and j + dj < n:
                    ends = (i * step, j * step), ((i + di) * step, (j + dj) * step)
                    rows.append(
                        (
                            f"{i},{j}-{i + di},{j + dj}",
                            f"{i},{j}",
                            f"{i + di},{j + dj}",
                            shapely.LineString(ends),
                        )
                    )
    ids, start, end, shape = zip(*rows, strict=True)
    return gpd.GeoDataFrame(
        {"block_id": ids, "start_node": start, "end_node": end, "one_way": 0}, geometry=list(shape), crs=CRS
    )


def fixes(xy: object, every_s: float = 10.0, **columns: object) -> gpd.GeoDataFrame:
    """Build fixes with 5 m of error per axis."""
    points = shapely.points(np.reshape(xy, (-1, 2)))
    columns = {"time": every_s * np.arange(len(points)), "accuracy_m": 5.0, "accuracy_kind": "sd"} | columns
    return gpd.GeoDataFrame(columns, geometry=points, crs=CRS)


def test_a_walk_round_a_corner_is_found_with_every_block_between() -> None:
    found = matching.trace(fixes([(50, 3), (90, -4), (104, 60), (98, 150)], 30), grid())
    assert found.fixes["block_id"].tolist() == ["0,0-1,0", "0,0-1,0", "1,0-1,1", "1,1-1,2"]
    assert found.legs["block_id"].unique().tolist() == ["0,0-1,0", "1,0-1,1", "1,1-1,2"]
    assert (found.legs["to_m"] - found.legs["from_m"]).sum() == pytest.approx(50 + 100 + 50)
    assert (found.fixes["p"] > 0.8).all()


def test_a_silent_minute_cuts_the_chain_and_the_way_across_is_a_guess() -> None:
    found = matching.trace(fixes([(20, 0), (50, 0), (250, 0), (280, 0)], time=[0, 20, 120, 140]), grid())
    legs = found.legs
    assert found.fixes["chain"].tolist() == [0, 0, 1, 1]
    matched = legs[legs["matched"]]
    assert (matched["to_m"] - matched["from_m"]).sum() == pytest.approx(60)
    guessed = legs[~legs["matched"]]
    assert guessed["p"].tolist() == [0.0, 0.0, 0.0]
    assert (guessed["to_m"] - guessed["from_m"]).sum() == pytest.approx(200)


def test_a_gap_of_half_an_hour_is_not_even_guessed_across() -> None:
    found = matching.trace(fixes([(20, 0), (50, 0), (250, 0), (280, 0)], time=[0, 20, 1820, 1840]), grid())
    assert found.legs["matched"].all()


def test_away_from_all_streets_there_is_no_block() -> None:
    park = [(150, 0), (180, 30), (250, 150), (250, 155), (245, 150), (280, 180)]
    found = matching.match(fixes(park, every_s=30, accuracy_m=4.0), grid())
    assert found["block_id"].isna().tolist()[2:5] == [True] * 3
    assert found["p"].tolist()[2:5] != [0.0] * 3 or found["chainage_m"].isna().any()


def test_noise_at_a_junction_makes_no_detour_into_the_side_street() -> None:
    found = matching.trace(fixes([(60, 1), (80, 0), (101, 9), (120, 2), (140, 0)], 15), grid())
    assert set(found.legs["block_id"]) == {"0,0-1,0", "1,0-2,0"}


def test_a_car_keeps_to_one_way_streets_and_a_pedestrian_does_not() -> None:
    streets = grid()
    streets.loc[streets["block_id"] == "0,0-1,0", "one_way"] = 1
    against = fixes([(95, 2), (60, 0), (20, -2)], 10)
    assert matching.match(against, streets, mode="walking")["block_id"].tolist() == ["0,0-1,0"] * 3
    driven = matching.trace(against, streets, mode="driving")
    wrong_way = driven.legs[(driven.legs["block_id"] == "0,0-1,0") & driven.legs["matched"]]
    assert (wrong_way["to_m"] - wrong_way["from_m"] > -40.1).all()
    assert (driven.fixes["direction"] >= 0).all()


def test_turning_round_in_a_block_covers_only_what_was_walked() -> None:
    there_and_back = [(x, 2) for x in (10, 30, 50, 70, 55, 35, 15)]
    found = matching.trace(fixes(there_and_back, 15), grid())
    assert set(found.legs["block_id"]) == {"0,0-1,0"}
    assert found.legs[["from_m", "to_m"]].to_numpy().max() == pytest.approx(70)
    assert found.fixes["direction"].tolist()[1:3] == [1, 1]
    assert found.fixes["direction"].tolist()[-2:] == [-1, -1]


def test_a_block_that_folds_back_is_followed_along_both_arms() -> None:
    hairpin = gpd.GeoDataFrame(
        {"block_id": ["h"], "start_node": [1], "end_node": [2]},
        geometry=[shapely.LineString([(0, 0), (200, 0), (200, 12), (0, 12)])],
        crs=CRS,
    )
    xy = [(x, 1) for x in range(20, 200, 20)] + [(201, 6)] + [(x, 11) for x in range(180, 0, -20)]
    found = matching.trace(fixes(xy, 15), hairpin)
    covered = (found.legs["to_m"] - found.legs["from_m"]).abs().sum()
    assert covered == pytest.approx(412 - 40, abs=6)


def test_the_answer_does_not_depend_on_order_rows_or_company() -> None:
    rng = np.random.default_rng(5)
    xy = np.column_stack([np.arange(20, 380, 6.0), 100 + rng.normal(0, 4, 60)])
    one = fixes(xy, 4, track_id="a")
    other = fixes(xy[::-1] + 100, 4, track_id="b")
    both = pd.concat([other, one], ignore_index=True)
    alone = matching.match(one, grid())
    together = matching.match(both.sample(frac=1, random_state=2), grid()).sort_index().iloc[60:]
    same = ["block_id", "chainage_m", "p", "offset_m", "direction"]
    assert alone[same].equals(together[same].reset_index(drop=True))
    reordered = matching.match(one, grid().iloc[::-1])
    pd.testing.assert_frame_equal(alone[same], reordered[same], rtol=1e-9)


def test_one_row_per_fix_in_its_order_also_for_fixes_taken_out() -> None:
    walk = fixes([(10, 0), (25, 0), (3000, 0), (55, 0)]).set_index(pd.Index(["d", "c", "b", "a"]))
    found = matching.match(walk, grid())
    assert found.index.tolist() == ["d", "c", "b", "a"]
    assert found["reason"].tolist() == ["", "", "spike", ""]
    assert found["block_id"].tolist() == ["0,0-1,0", "0,0-1,0", None, "0,0-1,0"]


def test_no_fixes_and_no_blocks_are_answers_too() -> None:
    assert matching.match(fixes([]), grid()).empty
    nothing = grid().iloc[:0]
    assert matching.match(fixes([(0, 0)]), nothing)["block_id"].tolist() == [None]


def test_posteriors_are_probabilities_and_fall_between_parallel_streets() -> None:
    pair = gpd.GeoDataFrame(
        {"block_id": ["n", "s"], "start_node": [1, 3], "end_node": [2, 4]},
        geometry=shapely.from_wkt(["LINESTRING (0 10, 300 10)", "LINESTRING (0 0, 300 0)"]),
        crs=CRS,
    )
    middle = matching.trace(fixes([(x, 5) for x in range(20, 280, 30)], 20), pair)
    assert middle.fixes["p"].to_numpy() == pytest.approx([0.5] * 9, abs=1e-3)
    sums = middle.chances.groupby("fix")["p"].sum()
    assert ((sums > 0.99) & (sums <= 1 + 1e-9)).all()
    # the kerbs are at -5 and 5, and at 5 and 15: whoever is found at -2 is on the southern one of four
    near = matching.trace(fixes([(x, -2) for x in range(20, 280, 30)], 20), pair)
    assert (near.fixes["p"] > 0.8).all()


def test_a_heading_tells_the_direction_where_positions_do_not() -> None:
    crossing = grid(2)
    at = fixes([(100, 0), (101, 1)], 1, heading_deg=[0.0, 0.0], speed_mps=[1.5, 1.5])
    assert matching.match(at, crossing)["block_id"].tolist() == ["1,0-1,1"] * 2


def test_candidates_are_the_nearest_points_of_shapely() -> None:
    rng = np.random.default_rng(7)
    shapes = [
        shapely.LineString(np.cumsum(rng.normal(0, 25, (3, 2)), axis=0) + rng.uniform(0, 800, 2))
        for _ in range(300)
    ]
    blocks = gpd.GeoDataFrame(
        {"block_id": range(300), "start_node": range(300), "end_node": range(300, 600)},
        geometry=shapes,
        crs=CRS,
    )
    net = matching.network(blocks, on_foot=True).streets
    scratch = scratch_for(net)
    block, piece = np.empty(400, dtype=np.int64), np.empty(400, dtype=np.int64)
    at, away = np.empty(400), np.empty(400)
    for x, y in rng.uniform(0, 800, (100, 2)):
        n = candidates(net, scratch, x, y, 60.0, block, at, away, piece)
        distance = blocks.distance(shapely.Point(x, y)).to_numpy()
        assert set(block[:n]) == set(np.flatnonzero(distance <= 60.0))
        nearest = {
            b: abs(d) for b, d in reversed(list(zip(block[:n].tolist(), away[:n].tolist(), strict=True)))
        }
        assert [nearest[b] for b in nearest] == pytest.approx([distance[b] for b in nearest])


def test_bounded_search_agrees_with_scipy() -> None:
    blocks = grid(8)
    rng = np.random.default_rng(1)
    shape = blocks.geometry.to_numpy()
    bent = [
        shapely.LineString([a, rng.normal(0, 30, 2) + np.mean([a, b], axis=0), b])
        for a, b in map(shapely.get_coordinates, shape)
    ]
    net = matching.network(blocks.set_geometry(bent, crs=CRS), on_foot=True).streets
    n = len(net.exits)
    graph = csr_matrix((net.cost, net.to, net.arc), (n, n))
    scratch = scratch_for(net)
    for source in (0, 17, 63):
        touched = search(net, scratch, source, -1, 400.0, -1)
        expected = dijkstra(graph, indices=source, limit=400.0)
        assert np.array_equal(scratch.far, expected)
        forget(scratch, touched)
        assert np.isinf(scratch.far).all()


def test_blocks_without_what_matching_needs_are_refused() -> None:
    with pytest.raises(MissingColumnError, match="start_node"):
        matching.match(fixes([(0, 0)]), grid().drop(columns="start_node"))
    with pytest.raises(GeometryKindError):
        matching.match(fixes([(0, 0)]), grid().set_geometry(grid().centroid))


@pytest.mark.parametrize("shape", [shapely.LineString([(60, 0), (60, 0)]), shapely.LineString(), None])
def test_blocks_without_length_are_as_if_they_were_not_there(shape: shapely.LineString | None) -> None:
    nothing = gpd.GeoDataFrame(
        {"block_id": ["0"], "start_node": ["0,0"], "end_node": ["0,0"], "one_way": 0},
        geometry=[shape],
        crs=CRS,
    )
    streets = pd.concat([grid(), nothing], ignore_index=True)
    walk = fixes([(20, 2), (55, -3), (90, 1), (104, 60)], 30)
    found, known = matching.trace(walk, streets), matching.trace(walk, grid())
    pd.testing.assert_frame_equal(found.fixes, known.fixes)
    assert found.recordings == known.recordings
    assert coverage.cover(found, streets).equals(coverage.cover(found, grid()))


def test_a_fix_of_no_track_is_refused_and_not_booked_to_another() -> None:
    walk = fixes([(10, 0), (25, 0), (40, 0)], track_id=["x", None, "x"]).set_axis(["p", "q", "r"])
    with pytest.raises(GeoError, match="row q: a fix without track_id"):
        matching.match(walk, grid())


def test_the_same_recording_has_the_same_digest_and_another_has_not() -> None:
    walk = fixes([(10, 0), (25, 0), (40, 0)], track_id="t")
    digest = matching.trace(walk, grid()).recordings["t"]
    assert matching.trace(walk.iloc[::-1], grid().iloc[::-1]).recordings == {"t": digest}
    assert matching.trace(walk.assign(time=walk["time"] + 1), grid()).recordings != {"t": digest}
    assert matching.trace(walk, grid(), mode="driving").recordings != {"t": digest}


def test_a_finding_between_two_fixes_knows_the_blocks_of_both_and_not_of_itself() -> None:
    walk = fixes([(40, 0), (60, 0), (80, 0), (100, 40), (100, 60)], 20, track_id="t")
    found = matching.trace(walk, grid())
    moments = pd.DataFrame({"track_id": ["t", "t", "x", "t"], "time_s": [20.0, 50.0, 20.0, 500.0]})
    around = matching.context(found, moments)
    assert set(around["row"]) == {0, 1}
    sums = around.groupby("row")["p"].sum()
    assert sums.to_numpy() == pytest.approx([1, 1], abs=1e-3)
    assert around[around["row"] == 0].set_index("block_id")["p"].to_dict()["0,0-1,0"] > 0.95
    corner = around[around["row"] == 1].set_index("block_id")["p"].to_dict()
    assert 0.3 < corner["1,0-1,1"] < 0.7
    assert 0.3 < corner["0,0-1,0"] < 0.7


def test_a_short_block_between_two_certain_ones_is_certain() -> None:
    line = gpd.GeoDataFrame(
        {"block_id": ["a", "b", "c", "d"], "start_node": [1, 2, 3, 2], "end_node": [2, 3, 4, 5]},
        geometry=shapely.from_wkt(
            [
                "LINESTRING (0 0, 100 0)",
                "LINESTRING (100 0, 112 0)",
                "LINESTRING (112 0, 220 0)",
                "LINESTRING (100 0, 100 90)",
            ]
        ),
        crs=CRS,
    )
    found = matching.trace(fixes([(x, 3) for x in range(10, 220, 16)], 12), line)
    # the fix in the middle of 12 m: within 6 m of where it was with a probability of 0.77
    assert found.fixes["p"].min() == pytest.approx(0.77, abs=0.005)
    legs = found.legs.groupby("block_id")["p"].min()
    assert legs.index.tolist() == ["a", "b", "c"]
    assert legs["b"] > 0.85


def test_a_bicycle_goes_against_one_way_streets_and_answers_to_both_names() -> None:
    streets = grid().assign(one_way=1)
    against = fixes([(95, 2), (60, 0), (20, -2)], 10)
    ridden = matching.trace(against, streets, mode="bicycle")
    assert ridden.fixes["block_id"].tolist() == ["0,0-1,0"] * 3
    assert ridden.mode == "cycling"
    assert ridden.recordings == matching.trace(against, streets, mode="cycling").recordings


def test_a_few_steps_into_a_dead_end_and_back_are_not_taken_for_standing() -> None:
    spur = gpd.GeoDataFrame(
        {"block_id": ["a", "b", "end"], "start_node": [1, 2, 2], "end_node": [2, 3, 4]},
        geometry=shapely.from_wkt(
            ["LINESTRING (0 0, 100 0)", "LINESTRING (100 0, 200 0)", "LINESTRING (100 0, 100 18)"]
        ),
        crs=CRS,
    )
    way = [(x, 0) for x in range(40, 101, 2)] + [(100, y) for y in range(1, 19)] + [(100, 18)] * 3
    way += [(100, y) for y in range(17, -1, -1)] + [(x, 0) for x in range(102, 160, 2)]
    found = matching.trace(fixes(way, 1.0), spur)
    assert (found.fixes["reason"] == "stop").any()
    inside = found.legs[found.legs["block_id"] == "end"]
    assert inside[["from_m", "to_m"]].to_numpy().max() > 12.0


def test_the_error_of_one_street_is_not_that_of_its_twin_a_moment_later() -> None:
    fork = gpd.GeoDataFrame(
        {
            "block_id": ["in", "left", "right"],
            "start_node": [1, 2, 2],
            "end_node": [2, 3, 4],
            "class": "path",
        },
        geometry=shapely.from_wkt(
            ["LINESTRING (0 0, 100 0)", "LINESTRING (100 0, 110 8, 250 8)", "LINESTRING (100 0, 250 0)"]
        ),
        crs=CRS,
    )
    # all of the way the fixes lie 4 m to the left of the straight line, which they did before the fork
    shifted = matching.trace(fixes([(x, 4.1) for x in range(10, 250, 12)], 8), fork)
    assert set(shifted.legs["block_id"]) == {"in", "right"}


def test_the_pace_of_a_patrol_is_told_by_long_ways_and_not_by_noise() -> None:
    rng = np.random.default_rng(3)
    t = np.arange(0.0, 600.0, 2.0)
    model = matching.model_for("walking")
    pace = usual_pace(model, 1.1 * t + rng.normal(0, 3, 300), rng.normal(0, 3, 300), t)
    assert pace == pytest.approx(1.1, abs=0.1)
    assert usual_pace(model, t[:5], t[:5], t[:5]) == model.pace
    walked, run = (detour(model, step_shape(model, 40.0, 1.1 * 30.0, 5.0), way, 0.0) for way in (50.0, 120.0))
    assert walked > 50 * run


def test_between_a_street_and_an_access_road_beside_it_the_street_is_likelier() -> None:
    pair = gpd.GeoDataFrame(
        {"block_id": ["in", "yard", "street", "out"], "start_node": [1, 2, 2, 3], "end_node": [2, 3, 3, 4]},
        geometry=shapely.from_wkt(
            [
                "LINESTRING (0 0, 100 0)",
                "LINESTRING (100 0, 110 8, 290 8, 300 0)",
                "LINESTRING (100 0, 110 -8, 290 -8, 300 0)",
                "LINESTRING (300 0, 400 0)",
            ]
        ),
        crs=CRS,
    )
    middle = fixes([(x, 0) for x in range(10, 400, 12)], 9)
    for kind, likely in (
        ("residential", {"in", "yard", "street", "out"}),
        ("service", {"in", "street", "out"}),
    ):
        known = pair.assign(**{"class": ["residential", kind, "residential", "residential"]})
        assert set(matching.trace(middle, known).legs["block_id"]) <= likely
    # where the fixes say that it was the yard, it was
    inside = fixes([(x, 11 if 110 < x < 290 else 0) for x in range(10, 400, 12)], 9)
    assert "yard" in set(matching.trace(inside, known).legs["block_id"])


def test_a_long_walk_on_a_frontage_road_is_not_booked_to_the_avenue_beside_it() -> None:
    ways = [
        [(-400, 0), (0, 0)],
        [(0, 0), (600, 0)],
        [(600, 0), (1000, 0)],
        [(0, 0), (10, -18), (590, -18), (600, 0)],
    ]
    pair = gpd.GeoDataFrame(
        {
            "block_id": ["before", "avenue", "after", "frontage"],
            "start_node": [0, 1, 2, 1],
            "end_node": [1, 2, 3, 2],
            "class": ["primary", "primary", "primary", "service"],
            "width_m": [14.0, 14.0, 14.0, 5.0],
        },
        geometry=[shapely.LineString(way) for way in ways],
        crs=CRS,
    )
    # from its beginning on its kerb towards the avenue, and on its line after a hundred metres of avenue
    for start, y in ((30, -14), (-100, -18)):
        walk = [(x, y if 5 < x < 595 else -8.5) for x in np.arange(start, 580, 6.5)]
        found = matching.trace(fixes(walk, 5), pair).legs
        metres = (found["to_m"] - found["from_m"]).abs().groupby(found["block_id"]).sum()
        assert metres.get("frontage", 0.0) > 500
        assert metres.get("avenue", 0.0) < 20
