import numpy as np
import pandas as pd
import pytest

from geo import neighbours, parking
from geo.errors import GeoError, MissingColumnError


def street(n: int = 3) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "block_id": [f"b{i}" for i in range(n)],
            "start_node": range(n),
            "end_node": range(1, n + 1),
            "length_m": 90.0,
        }
    )


def test_every_placed_vehicle_is_in_one_bin() -> None:
    random = np.random.default_rng(0)
    parked = pd.DataFrame(
        {
            "block_id": random.choice(["b0", "b1", "elsewhere", None], 400),
            "chainage_m": random.uniform(0, 90, 400),
            "side": random.choice(["left", "right", None], 400),
            "p_side": random.uniform(0.5, 1, 400),
        }
    )
    bins = parking.strips(parked, street())
    assert bins.n_vehicles.sum() == parked.block_id.isin(["b0", "b1"]).sum()
    assert set(bins.side) == {"left", "right", "unknown"}
    assert (bins.to_m <= 90).all() and (bins.from_m % 20 == 0).all()
    left = parked[(parked.block_id == "b0") & (parked.side == "left") & (parked.p_side >= 0.9)]
    assert bins[(bins.block_id == "b0") & (bins.side == "left")].n_vehicles.sum() == len(left)


def test_both_ends_of_a_block_belong_to_it() -> None:
    ends = pd.DataFrame({"block_id": "b0", "chainage_m": [0.0, 90.0], "side": None, "p_side": np.nan})
    assert parking.strips(ends, street())[["from_m", "to_m"]].values.tolist() == [[0, 20], [80, 90]]


def test_no_vehicles_fill_no_bins() -> None:
    none = pd.DataFrame({"block_id": [], "chainage_m": [], "side": [], "p_side": []})
    assert len(parking.strips(none, street())) == 0


def test_free_bays_round_the_corner_count() -> None:
    blocks = street()
    near = neighbours.find(blocks, 100)
    vehicles, passes = np.array([30.0, 0, 0]), np.array([3.0, 3, 3])
    forbidden = np.zeros(3, bool)
    far = parking.demand_and_supply(near, vehicles, passes, np.array([0.0, 0, 20]), forbidden)
    close = parking.demand_and_supply(near, vehicles, passes, np.array([0.0, 20, 0]), forbidden)
    assert (far.advice[0], far.short[0]) == ("paint", 10)
    assert (close.advice[0], close.short[0]) == ("guide", 0)
    school = parking.demand_and_supply(near, vehicles, passes, np.zeros(3), ~forbidden)
    assert school.advice.tolist() == ["nearby", "none", "none"]


def test_towed_is_only_where_more_stands_than_is_usual_and_there_is_room_in_reach() -> None:
    near = neighbours.find(street(5), 100)
    vehicles, passes = np.array([30.0, 3, 3, 4, 1]), np.full(5, 3.0)
    forbidden, room = np.array([True, True, False, False, True]), np.full(5, 20.0)
    told = parking.demand_and_supply(near, vehicles, passes, room, forbidden)
    # one car in three passes at a gate is no more than anywhere: its driver is shown the way
    assert told.advice.tolist() == ["tow", "guide", "guide", "guide", "guide"]
    assert told.attrs["usual"] == [1.0]
    # many in few hours, or in many: by kilometres alone it would be sure
    km, hours = np.ones(5), np.array([100.0, 1, 1, 1, 1])
    slow = parking.demand_and_supply(near, vehicles, passes, room, forbidden, (km, hours))
    assert (slow.often[0], slow.advice[0]) == (False, "guide")
    full = parking.demand_and_supply(near, vehicles, passes, np.zeros(5), forbidden)
    assert full.advice.tolist() == ["nearby", "nearby", "paint", "paint", "nearby"]


def test_without_a_pass_nothing_is_advised() -> None:
    near = neighbours.find(street(), 100)
    told = parking.demand_and_supply(near, np.ones(3), np.array([0.0, 2, 2]), np.zeros(3), np.zeros(3, bool))
    assert told.advice[0] == "not observed" and np.isnan(told.standing[0])
    assert (told.standing_low[1:] < told.standing[1:]).all() and (
        told.standing[1:] < told.standing_high[1:]
    ).all()


def test_the_season_is_no_effect_of_enforcement() -> None:
    walked = np.array([2.0, 3, 40])
    halved = parking.displacement(np.array([40.0, 60, 800]), np.array([20.0, 30, 400]), walked, walked)
    assert halved["spot"] == pytest.approx(1, abs=0.03) and halved["ring"] == pytest.approx(1, abs=0.03)
    assert halved["spot_low"] < 1 < halved["spot_high"]


def test_more_patrols_afterwards_are_no_displacement() -> None:
    before, walked = np.array([100.0, 100, 1000]), np.array([10.0, 10, 100])
    moved = parking.displacement(before, np.array([50.0, 200, 1000]), walked, walked * [1, 2, 1])
    assert moved["spot"] < 0.6 and moved["ring"] == pytest.approx(1, abs=0.02)
    assert moved["quotient"] == pytest.approx(0, abs=0.02)


def test_a_spot_that_did_not_improve_has_no_quotient() -> None:
    same = np.array([10.0, 10, 100])
    assert np.isnan(parking.displacement(same, same, same, same)["quotient"])


def test_what_cannot_be_compared_is_refused() -> None:
    near, three = neighbours.find(street(), 100), np.ones(3)
    with pytest.raises(GeoError, match="at least 0"):
        parking.demand_and_supply(near, -three, three, three, np.zeros(3, bool))
    with pytest.raises(GeoError, match="without effort"):
        parking.displacement(three, three, three, np.array([0.0, 1, 1]))
    with pytest.raises(MissingColumnError, match="p_side"):
        parking.strips(pd.DataFrame({"block_id": [], "chainage_m": [], "side": []}), street())
