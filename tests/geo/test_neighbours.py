import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array
from scipy.sparse.csgraph import dijkstra

from geo import neighbours
from geo.errors import GeoError, MissingColumnError, NoCRSError


def dense(near: neighbours.Neighbourhoods) -> np.ndarray:
    table = np.full((near.n_blocks, near.n_blocks), np.inf)
    rows = np.repeat(np.arange(near.n_blocks), np.diff(near.offsets))
    table[rows, near.members] = near.distance_m
    return table


def brute(start: np.ndarray, end: np.ndarray, length_m: np.ndarray, radius_m: float) -> np.ndarray:
    n, n_nodes = len(start), max(start.max(), end.max()) + 1
    table = np.full((n_nodes + n, n_nodes + n), np.inf)
    for block in range(n):
        for node in (start[block], end[block]):
            table[n_nodes + block, node] = table[node, n_nodes + block] = length_m[block] / 2
    edges = np.where(np.isfinite(table), table, 0)
    middles = dijkstra(csr_array(edges), indices=range(n_nodes, n_nodes + n))[:, n_nodes:]
    return np.where(middles <= radius_m, middles, np.inf)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_it_agrees_with_dijkstra_over_the_whole_network(seed: int) -> None:
    random = np.random.default_rng(seed)
    n, n_nodes = random.integers(1, 40), random.integers(1, 20)
    start, end = random.integers(n_nodes, size=(2, n))  # loops and parallel blocks included
    length_m = random.integers(1, 100, n).astype(float)
    near = neighbours.find(pd.DataFrame({"start_node": start, "end_node": end, "length_m": length_m}), 120.25)
    assert np.allclose(dense(near), brute(start, end, length_m, 120.25))


def test_the_limit_itself_counts_as_near() -> None:
    street = pd.DataFrame({"start_node": [0, 1], "end_node": [1, 2], "length_m": [100.0, 50.0]})
    assert neighbours.find(street, 75).sums(np.ones(2)).tolist() == [2, 2]
    assert neighbours.find(street, np.nextafter(75, 0)).sums(np.ones(2)).tolist() == [1, 1]


def test_a_bridge_over_a_street_is_no_neighbour() -> None:
    crossing = pd.DataFrame({"geometry": shapely.linestrings([[(0, 0), (100, 0)], [(50, -50), (50, 50)]])})
    assert neighbours.find(crossing, 1000).members.tolist() == [0, 1]
    assert np.diff(neighbours.find(crossing, 1000).offsets).tolist() == [1, 1]


def test_ends_within_a_decimetre_of_each_other_meet() -> None:
    street = pd.DataFrame({"geometry": shapely.linestrings([[(0, 0), (100, 0)], [(100.02, 0), (200, 0)]])})
    assert neighbours.find(street, 100).sums(np.ones(2)).tolist() == [2, 2]


def test_narrowing_afterwards_is_the_same_as_asking_for_less() -> None:
    random = np.random.default_rng(5)
    nodes = random.integers(30, size=(2, 80))
    blocks = pd.DataFrame(
        {"start_node": nodes[0], "end_node": nodes[1], "length_m": random.uniform(5, 90, 80)}
    )
    wide, narrow = neighbours.find(blocks, 200).within(80), neighbours.find(blocks, 80)
    assert wide.members.tolist() == narrow.members.tolist()
    assert wide.offsets.tolist() == narrow.offsets.tolist()


def test_the_chosen_blocks_are_numbered_anew() -> None:
    street = pd.DataFrame({"start_node": range(4), "end_node": range(1, 5), "length_m": 10.0})
    chosen = neighbours.find(street, 20).among(np.array([True, False, True, True]))
    assert dense(chosen).tolist() == [[0, 20, np.inf], [20, 0, 10], [np.inf, 10, 0]]


def test_no_blocks_have_no_neighbours() -> None:
    none = pd.DataFrame({"start_node": [], "end_node": [], "length_m": []})
    assert neighbours.find(none, 250).n_blocks == 0


@pytest.mark.parametrize("radius_m", [-1, np.nan, np.inf])
def test_a_radius_that_is_no_distance_is_refused(radius_m: float) -> None:
    street = pd.DataFrame({"start_node": [0], "end_node": [1], "length_m": [10.0]})
    with pytest.raises(GeoError, match="the radius must be a number of metres"):
        neighbours.find(street, radius_m)


def test_what_is_missing_is_named() -> None:
    with pytest.raises(MissingColumnError, match="length_m"):
        neighbours.find(pd.DataFrame({"start_node": [0], "end_node": [1]}))
    with pytest.raises(MissingColumnError, match="start_node"):
        neighbours.find(pd.DataFrame({"length_m": [10.0]}))
    with pytest.raises(GeoError, match=r"row 1: a block of length 0\.0"):
        neighbours.find(pd.DataFrame({"start_node": [0, 1], "end_node": [1, 2], "length_m": [10.0, 0.0]}))
    with pytest.raises(GeoError, match="row 1: a block without its two nodes"):
        neighbours.find(pd.DataFrame({"start_node": [0, None], "end_node": [1, 2], "length_m": 10.0}))


@pytest.mark.parametrize("crs", [4326, 3857, 3435])
def test_lines_that_are_not_in_metres_are_refused(crs: int) -> None:
    line = gpd.GeoDataFrame({"block_id": [0]}, geometry=[shapely.LineString([(9, 48), (9.1, 48)])], crs=crs)
    with pytest.raises(NoCRSError):
        neighbours.find(line, 100.0)
    with pytest.raises(NoCRSError):
        neighbours.lengths(line)
    assert neighbours.lengths(line.assign(length_m=7.0)).tolist() == [7.0]
