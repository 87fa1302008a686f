"""Patrol walks: never late, home again, what they say adds up, and close to the best there is."""

import itertools

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely

from geo.errors import GeoError
from geo.patrols import Bell, Shift, by_lot, plan, worth
from geo.patrols.planning import PACE_M_S, SAMPLE_SHARE


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
    plain = {"value": value, "dwell_s": 0.0, "opens_s": np.nan, "closes_s": np.nan}
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


def test_a_bell_is_kept_or_the_school_left_out() -> None:
    blocks = grid(6)
    school = ["b000", "b001", "b002"]
    kinds = {"rate_per_m": 0.01, "age_days": np.inf, "target_days": 7.0}
    there = worth(blocks, **kinds, bells=[Bell(school, 1200.0, 1800.0)])
    [route] = plan(blocks, there, [Shift(14, 3600.0)])
    stops = route.walk[route.walk["stop"].ne("") & route.walk["block_id"].isin(school)]
    assert set(stops["block_id"]) == set(school)
    begun = stops["until_s"] - 100.0
    assert begun.between(1200.0, 1800.0).all()
    [never] = plan(blocks, there, [Shift(14, 1100.0)])
    assert not never.walk["stop"].ne("")[never.walk["block_id"].isin(school)].any()


def test_a_later_team_goes_where_the_earlier_did_not() -> None:
    blocks = grid(9)
    worths = wanted(blocks, 1.0)
    one, other = plan(blocks, worths, [Shift(40, 3000.0)] * 2)
    assert other.value + one.value == len(set(one.walk["block_id"]) | set(other.walk["block_id"]))
    assert other.value > 0.5 * one.value


def test_blocks_drawn_by_lot_have_their_share_of_the_time_and_keep_to_the_order_drawn() -> None:
    blocks = grid(10)
    rng = np.random.default_rng(1)
    sample = by_lot(blocks, 5)
    assert sorted(sample) == sorted(blocks["block_id"])
    [route] = plan(
        blocks, wanted(blocks, rng.exponential(1, len(blocks))), [Shift(44, 4000.0, sample=sample)]
    )
    drawn = route.walk.loc[route.walk["stop"] == "sample", "block_id"]
    assert len(drawn) == int(np.ceil(SAMPLE_SHARE * 4000.0 / 100.0))
    assert set(drawn) == set(sample[: len(drawn)])
    assert route.seconds > 3800.0


def test_the_lot_falls_on_every_block_alike() -> None:
    blocks = grid(4)
    first = pd.Series([by_lot(blocks, seed)[0] for seed in range(2400)]).value_counts()
    assert len(first) == len(blocks)
    expected = 2400 / len(blocks)
    assert ((first - expected) ** 2 / expected).sum() < 50  # chi-square, 23 degrees of freedom: p = 0.001


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
    [{"rate_per_m": -1.0}, {"age_days": np.nan}, {"target_days": 0.0}, {"rechecks": -1.0}],
    ids=lambda wrong: next(iter(wrong)),
)
def test_worth_refuses_what_cannot_be(wrong: dict[str, float]) -> None:
    kinds = {"rate_per_m": 0.1, "age_days": 3.0, "target_days": 7.0, "rechecks": 0.0, **wrong}
    with pytest.raises(GeoError, match=f"{next(iter(wrong))} of row 0"):
        worth(grid(2), **kinds)
