"""Patrol walks: never late, home again, what they say adds up, and close to the best there is."""

import itertools

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from scipy import stats

from geo.errors import GeoError
from geo.patrols import Bell, Route, Shift, plan, worth
from geo.patrols.lots import SAMPLE_SHARE, drawn, in_reach
from geo.patrols.planning import PACE_M_S
from geo.patrols.ways import Ways


def grid(n: int, step: float = 100.0) -> gpd.GeoDataFrame:
    """Return the streets of n by n junctions."""
    nodes = {(i, j): i * n + j for i, j in itertools.product(range(n), repeat=2)}
    ends = [(a, b) for a in nodes for b in ((a[0] + 1, a[1]), (a[0], a[1] + 1)) if b in nodes]
    return gpd.GeoDataFrame(
        {
            "block_id": [f"b{k:03d}" for k in range(len(ends))],
            "start_node": [nodes[a] for a, _ in ends],
            "end_node": [nodes[b] for _, b in ends],
            "length_m": step,
        },
        geometry=[shapely.LineString([np.array(a) * step, np.array(b) * step]) for a, b in ends],
        crs=32650,
    )


def wanted(blocks: gpd.GeoDataFrame, value: object, **more: object) -> pd.DataFrame:
    """Return what each block is worth, any time, without dwelling."""
    plain = {"value": value, "dwell_s": 0.0}
    return pd.DataFrame({"block_id": blocks["block_id"], **plain, **more})


@pytest.mark.parametrize("seed", range(6))
def test_a_walk_is_connected_begins_and_ends_at_the_station_and_is_not_late(seed: int) -> None:
    rng = np.random.default_rng(seed)
    blocks = grid(8)
    dwell = np.where(rng.random(len(blocks)) < 0.2, 120.0, 0.0)
    [route] = plan(
        blocks, wanted(blocks, rng.exponential(1, len(blocks)), dwell_s=dwell), [Shift(27, 2400.0)]
    )
    ends = blocks.set_index("block_id").loc[route.walk["block_id"], ["start_node", "end_node"]].to_numpy()
    ahead = route.walk["direction"].to_numpy() > 0
    enters, leaves = np.where(ahead, ends[:, 0], ends[:, 1]), np.where(ahead, ends[:, 1], ends[:, 0])
    assert (enters[0], leaves[-1]) == (27, 27)
    assert (enters[1:] == leaves[:-1]).all()
    assert (route.walk["from_s"].to_numpy()[1:] == route.walk["until_s"].to_numpy()[:-1]).all()
    assert route.seconds == route.walk["until_s"].iloc[-1] <= 2400.0
    took = route.walk["until_s"] - route.walk["from_s"]
    stopped = route.walk["stop"].ne("").to_numpy()
    expected = 100.0 / PACE_M_S + np.where(
        stopped, pd.Series(dwell, blocks["block_id"])[route.walk["block_id"]], 0
    )
    np.testing.assert_allclose(took, expected)


def test_the_value_counts_each_block_once_and_what_is_left_out_makes_up_the_rest() -> None:
    blocks = grid(7)
    worths = wanted(blocks, np.random.default_rng(3).exponential(1, len(blocks)))
    [route] = plan(blocks, worths, [Shift(24, 3000.0)])
    value = worths.set_index("block_id")["value"]
    walked = route.walk["block_id"].unique()
    assert route.value == pytest.approx(value[walked].sum())
    assert route.walk["value"].sum() == pytest.approx(route.value)
    assert set(route.left_out).isdisjoint(walked)
    assert value[route.left_out].is_monotonic_decreasing
    assert route.value + value[route.left_out].sum() == pytest.approx(value.sum())


def test_on_a_small_network_the_walk_comes_close_to_the_best_of_all_walks() -> None:
    blocks = grid(3)
    rng = np.random.default_rng(9)
    shares = []
    for _ in range(12):
        value = rng.exponential(1, len(blocks))
        [route] = plan(blocks, wanted(blocks, value), [Shift(4, 800.0)])
        shares.append(route.value / best_of_all(blocks, value, 4, 8))
    assert max(shares) <= 1 + 1e-9
    assert min(shares) > 0.75
    assert np.mean(shares) > 0.9, shares


def best_of_all(blocks: gpd.GeoDataFrame, value: np.ndarray, station: int, steps: int) -> float:
    """Try every closed walk of so many blocks."""
    arcs: dict[int, list[tuple[int, int]]] = {}
    for k, (a, b) in enumerate(zip(blocks["start_node"], blocks["end_node"], strict=True)):
        arcs.setdefault(a, []).append((b, k))
        arcs.setdefault(b, []).append((a, k))
    best = 0.0
    states = {(station, frozenset[int]())}
    for _ in range(steps):
        states = {(there, seen | {k}) for here, seen in states for there, k in arcs[here]}
        best = max([best, *(float(value[list(seen)].sum()) for here, seen in states if here == station)])
    return best


KINDS = {"rate_per_m": 0.01, "age_days": np.inf, "target_days": 7.0}


def test_a_bell_is_kept_or_the_school_left_out() -> None:
    blocks = grid(6)
    bell = Bell(["b000", "b001", "b002"], [(1200.0, 1800.0)])
    [route] = plan(blocks, worth(blocks, **KINDS), [Shift(14, 3600.0)], bells=[bell])
    stops = route.walk[route.walk["stop"] == "school"]
    assert set(stops["block_id"]) == set(bell.block_ids)
    begun = stops["until_s"] - 100.0
    assert begun.between(1200.0, 1800.0).all()
    assert route.bell == 0
    [never] = plan(blocks, worth(blocks, **KINDS), [Shift(14, 1100.0)], bells=[bell])
    assert (never.bell, never.walk["stop"].eq("school").any()) == (None, False)


def test_a_shift_over_two_bells_keeps_the_one_before_which_it_sees_more() -> None:
    blocks = grid(12)
    near, far = blocks["block_id"].iloc[[130, 131]].tolist(), blocks["block_id"].iloc[[0, 1, 2]].tolist()
    early, late = (600.0, 700.0), (3000.0, 3600.0)
    [route] = plan(blocks, worth(blocks, **KINDS), [Shift(71, 5400.0)], bells=[Bell(near, [early, late])])
    assert route.bell == 0
    begun = route.walk.loc[route.walk["stop"] == "school", "until_s"] - 100.0
    assert begun.between(*late).all() or begun.between(*early).all()
    # the last bell rings too late to be home in time: the first is kept
    for windows in ([late, (5350.0, 5390.0)], [(5350.0, 5390.0), late]):
        [route] = plan(blocks, worth(blocks, **KINDS), [Shift(71, 5400.0)], bells=[Bell(far, windows)])
        looked_at = route.walk[route.walk["stop"] == "school"]
        assert sorted(looked_at["block_id"]) == sorted(far)
        assert (looked_at["until_s"] - 100.0).between(*late).all()


def test_one_school_is_seen_all_round_rather_than_two_by_halves_and_each_team_has_its_own() -> None:
    blocks = grid(12)
    ends = blocks[["start_node", "end_node"]]
    corners = {27, 28, 39, 40}, {103, 104, 115, 116}
    schools = [blocks["block_id"][ends.isin(corner).all(axis=1)].tolist() for corner in corners]
    bells = [Bell(ids, [(2400.0, 2700.0)]) for ids in schools]
    routes = plan(blocks, worth(blocks, **KINDS), [Shift(65, 5400.0)] * 2, bells=bells)
    assert {route.bell for route in routes} == {0, 1}
    for route in routes:
        looked_at = route.walk.loc[route.walk["stop"] == "school", "block_id"]
        assert sorted(looked_at) == sorted(schools[route.bell])


def test_a_school_of_which_more_is_seen_in_time_comes_first_and_then_the_one_named_first() -> None:
    blocks = grid(8)
    near, beside, too_long = blocks["block_id"][:4], blocks["block_id"][4:8], blocks["block_id"][:60]
    bells = [Bell(list(ids), [(1200.0, 1800.0)]) for ids in (too_long, near, beside)]
    [route] = plan(blocks, worth(blocks, **KINDS), [Shift(0, 3600.0)], bells=bells)
    assert route.bell == 1


def test_a_school_that_costs_more_than_it_is_worth_is_left_for_another_day() -> None:
    blocks = grid(12)
    far_corner = Bell([blocks["block_id"].iloc[-1]], [(2400.0, 2600.0)])
    rich = np.where(blocks.index < 40, 1.0, 0.0)
    there = worth(blocks, rate_per_m=rich, age_days=np.inf, target_days=np.inf)
    [route] = plan(blocks, there, [Shift(0, 5000.0)], bells=[far_corner])
    assert route.bell is None
    [poor] = plan(blocks, worth(blocks, **KINDS), [Shift(0, 5000.0)], bells=[far_corner])
    assert poor.bell == 0


def test_a_recheck_is_worth_more_the_longer_it_waits_up_to_three_times() -> None:
    blocks = grid(3)
    due = {**KINDS, "rate_per_m": 0.0, "target_days": np.inf, "rechecks": 2.0}
    value = [worth(blocks, **due, waited_days=days)["value"].iloc[0] for days in (0.0, 7.0, 14.0, 28.0, 99.0)]
    assert value == pytest.approx([2.0, 3.0, 4.0, 6.0, 6.0])


def test_a_later_team_goes_where_the_earlier_did_not() -> None:
    blocks = grid(9)
    worths = wanted(blocks, 1.0)
    one, other = plan(blocks, worths, [Shift(40, 3000.0)] * 2)
    assert other.value + one.value == len(set(one.walk["block_id"]) | set(other.walk["block_id"]))
    assert other.value > 0.5 * one.value


def on_sample(route: Route, shift: Shift) -> float:
    """Return the share of a shift on blocks drawn by lot."""
    drawn = route.walk[route.walk["stop"] == "sample"]
    return float((drawn["until_s"] - drawn["from_s"]).sum()) / shift.seconds


def test_blocks_drawn_by_lot_have_their_share_of_the_time_and_keep_to_the_order_drawn() -> None:
    blocks = grid(10)
    rng = np.random.default_rng(1)
    shift = Shift(44, 4000.0, lot=5)
    [route] = plan(blocks, wanted(blocks, rng.exponential(1, len(blocks))), [shift])
    chosen = route.walk.loc[route.walk["stop"] == "sample", "block_id"]
    assert len(chosen) == int(np.ceil(SAMPLE_SHARE * 4000.0 / 100.0))
    assert route.lot.share == pytest.approx(on_sample(route, shift)) == 0.075
    assert not route.lot.is_missing
    assert route.seconds > 3800.0


@pytest.mark.parametrize("minutes", [30, 45, 60, 120])
def test_every_shift_has_its_share_by_lot_in_a_city_far_too_large_for_it(minutes: int) -> None:
    blocks = grid(40)
    likely = worth(blocks, **KINDS)
    for day in range(8):
        shift = Shift(820, minutes * 60.0, lot=day)
        [route] = plan(blocks, likely, [shift], effort=2)
        assert 0.05 <= on_sample(route, shift) <= max(0.1, SAMPLE_SHARE + 100.0 / shift.seconds)
        assert route.seconds <= shift.seconds


def test_whoever_is_in_reach_is_first_as_often_as_any_other_and_nobody_else_ever_is() -> None:
    blocks = grid(12)
    ways = Ways.of(blocks)
    far = ways.far_from(78, np.inf)
    could = in_reach(far[ways.start] + far[ways.end], ways.length, 1500.0, np.inf)
    assert 20 < len(could) < len(blocks)
    firsts = [int(drawn(ways, could, seed)[0]) for seed in range(3000)]
    times = pd.Series(firsts).value_counts()
    assert set(times.index) == set(could)
    expected = 3000 / len(could)
    assert ((times - expected) ** 2 / expected).sum() < stats.chi2.ppf(0.999, len(could) - 1)
    for day in range(5):
        [route] = plan(blocks, worth(blocks, **KINDS), [Shift(78, 1500.0, lot=day)], effort=2)
        assert (route.lot.n_blocks, route.lot.length_m) == (len(could), 100.0 * len(could))
        on_lot = set(route.walk.loc[route.walk["stop"] == "sample", "block_id"])
        assert blocks["block_id"].iloc[firsts[day]] in on_lot <= set(blocks["block_id"].iloc[could])


def test_a_lot_beside_a_school_is_drawn_where_the_school_leaves_time_for_it() -> None:
    blocks = grid(14)
    bell = Bell(blocks["block_id"].iloc[[120, 121, 122, 123]].tolist(), [(1500.0, 2400.0)])
    for day in range(10):
        shift = Shift(97, 5400.0, lot=day)
        [route] = plan(blocks, worth(blocks, **KINDS), [shift], bells=[bell], effort=5)
        assert route.bell == 0
        assert on_sample(route, shift) >= SAMPLE_SHARE - 1e-9
    [alone] = plan(blocks, worth(blocks, **KINDS), [Shift(97, 5400.0, lot=0)], effort=5)
    assert route.lot.n_blocks < alone.lot.n_blocks


def test_where_nothing_can_be_drawn_the_lot_is_missing() -> None:
    blocks = grid(3, step=900.0)
    [route] = plan(blocks, wanted(blocks, 1.0), [Shift(4, 1900.0, lot=1)])
    assert (route.lot.is_missing, route.lot.n_blocks) == (True, 0)
    assert route.value > 0


def test_the_same_question_has_the_same_answer() -> None:
    blocks = grid(7)
    worths = wanted(blocks, np.random.default_rng(0).exponential(1, len(blocks)))
    one, other = (plan(blocks, worths, [Shift(24, 2500.0)])[0] for _ in range(2))
    pd.testing.assert_frame_equal(one.walk, other.walk)


def test_a_station_without_streets_worth_a_walk_stays_where_it_is() -> None:
    blocks = grid(3)
    [route] = plan(blocks, wanted(blocks, 0.0), [Shift(0, 600.0)])
    assert (len(route.walk), route.seconds, route.value, route.left_out) == (0, 0.0, 0.0, [])


@pytest.mark.parametrize("given", [Shift(99, 600.0), Shift(0, 0.0)], ids=["no such junction", "no time"])
def test_a_shift_that_cannot_be_is_refused(given: Shift) -> None:
    blocks = grid(3)
    with pytest.raises(GeoError, match=r"no junction|no time"):
        plan(blocks, wanted(blocks, 1.0), [given])


@pytest.mark.parametrize(
    "wrong",
    [
        {"rate_per_m": -1.0},
        {"age_days": np.nan},
        {"target_days": 0.0},
        {"rechecks": -1.0},
        {"waited_days": -1.0},
    ],
    ids=lambda wrong: next(iter(wrong)),
)
def test_worth_refuses_what_cannot_be(wrong: dict[str, float]) -> None:
    kinds = {"rate_per_m": 0.1, "age_days": 3.0, "target_days": 7.0, "rechecks": 0.0, **wrong}
    with pytest.raises(GeoError, match=f"{next(iter(wrong))} of row 0"):
        worth(grid(2), **kinds)
