import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely

from geo import hotspots, stretches
from geo.errors import MissingColumnError


def street(n: int = 8) -> gpd.GeoDataFrame:
    """Beiyi Road from west to east, with a named side street at each crossing and dead ends at both tips."""
    lines = [[(100 * i, 0), (100 * i + 100, 0)] for i in range(n)]
    names = ["Beiyi Road"] * n
    for i in range(1, n):
        lines.append([(100 * i, 0), (100 * i, 60 + i)])
        names.append(f"Lane {i}")
    blocks = gpd.GeoDataFrame({"name": names}, geometry=shapely.linestrings(lines), crs=32650)
    blocks["block_id"] = [f"b{number:02}" for number in range(len(blocks))]
    return blocks


def told(blocks: gpd.GeoDataFrame, hot: list[int], found: float = 5.0, expected: float = 2.0) -> pd.DataFrame:
    facts = pd.DataFrame({"block_id": blocks["block_id"], "hot": False, "q": 0.5})
    facts.loc[hot, ["hot", "q"]] = [True, 0.01]
    return facts.assign(block_observed=found, block_expected=expected)


def test_blocks_that_meet_on_one_street_are_one_stretch() -> None:
    blocks = street()
    one, two = (row for _, row in stretches.join(told(blocks, [1, 2, 3, 6]), blocks).iterrows())
    assert (one["name"], one.from_name, one.to_name) == ("Beiyi Road", "Lane 1", "Lane 4")
    assert (one.n_blocks, one.length_m, one.found, one.expected, one.excess) == (3, 300, 15, 6, 9)
    assert one.block_ids == ("b01", "b02", "b03")
    assert one.geometry.geom_type == "LineString" and one.geometry.length == 300
    assert (two.from_name, two.to_name, two.length_m) == ("Lane 6", "Lane 7", 100)


def test_a_dead_end_has_no_crossing_street() -> None:
    blocks = street()
    only = stretches.join(told(blocks, [0, 1]), blocks).iloc[0]
    assert (only.from_name, only.to_name) == (None, "Lane 2")


def test_another_street_at_the_crossing_is_another_stretch() -> None:
    blocks = street()
    found = stretches.join(told(blocks, [1, 8]), blocks)  # Beiyi Road and Lane 1 meet
    assert sorted(found["name"]) == ["Beiyi Road", "Lane 1"]


def test_nameless_blocks_stand_alone() -> None:
    blocks = street().assign(name=None)
    assert len(stretches.join(told(blocks, [1, 2]), blocks)) == 2
    joined = stretches.join(told(blocks, [1, 2]), blocks.assign(street_id="s"))
    assert len(joined) == 1 and joined["name"].tolist() == [None]


def test_the_largest_excess_comes_first_and_none_is_left_out() -> None:
    blocks = street()
    facts = told(blocks, [0, 2, 4])
    facts.loc[[0, 2, 4], "block_observed"] = [4.0, 9.0, 1.0]
    found = stretches.join(facts, blocks)
    assert found.excess.tolist() == [7, 2]  # the third found less than expected on its own metres


def test_what_is_flagged_for_its_neighbours_sake_is_no_place_of_its_own() -> None:
    blocks = street()
    facts = told(blocks, [0, 2], expected=0.01)
    facts.loc[[0, 2], "block_observed"] = [0.2, 1.0]
    assert stretches.join(facts, blocks).found.tolist() == [1.0]
    assert len(stretches.join(facts, blocks, least=0.0)) == 2


def test_no_flags_give_no_stretches() -> None:
    blocks = street()
    found = stretches.join(told(blocks, []), blocks)
    assert len(found) == 0 and "from_name" in found and found.crs == blocks.crs


def test_a_ring_has_no_ends() -> None:
    ring = [[(0, 0), (9, 0)], [(9, 0), (9, 9)], [(9, 9), (0, 0)]]
    blocks = gpd.GeoDataFrame(
        {"block_id": list("abc"), "name": "Ring"},
        geometry=shapely.linestrings(ring[:2] + ring[2:]),
        crs=32650,
    )
    only = stretches.join(told(blocks, [0, 1, 2]), blocks).iloc[0]
    assert only.from_name is None and only.to_name is None and only.n_blocks == 3


def test_the_order_of_rows_does_not_matter() -> None:
    blocks = street()
    facts = told(blocks, [1, 2, 5, 6, 9])
    one = stretches.join(facts, blocks)
    two = stretches.join(facts.sample(frac=1, random_state=1), blocks.sample(frac=1, random_state=2))
    assert one.drop(columns="geometry").equals(two.drop(columns="geometry"))


def test_it_takes_what_hotspots_returns() -> None:
    blocks = street(60)
    effort = pd.DataFrame({"block_id": blocks["block_id"], "effort_m": 3 * blocks.length})
    count = np.random.default_rng(1).poisson(np.where(np.arange(len(blocks)) // 5 == 4, 10, 1))
    findings = pd.DataFrame({"block_id": np.repeat(blocks["block_id"], count)})
    found = stretches.join(hotspots.find(findings, blocks, effort, radius_m=120), blocks)
    worst = found.iloc[0]
    assert worst["name"] == "Beiyi Road" and {"b20", "b21", "b22", "b23", "b24"} <= set(worst.block_ids)
    assert worst.found > 3 * worst.expected


def test_what_is_missing_is_named() -> None:
    blocks = street()
    with pytest.raises(MissingColumnError, match="hotspots need a column block_expected"):
        stretches.join(told(blocks, []).drop(columns="block_expected"), blocks)
