import geopandas as gpd
import numpy as np
import pandas as pd
import pytest

from layers.analysis import density

BLOCKS = gpd.GeoDataFrame({"block_id": ["a", "b", "c"], "length_m": [200.0, 10.0, 90.0]})


def placed(rows: list[tuple[str | None, float, str | None, float, bool]]) -> pd.DataFrame:
    names = ["block_id", "p_block", "runner_up_block", "runner_up_p", "ambiguous"]
    return pd.DataFrame(rows, columns=names)


def test_a_sure_finding_counts_once() -> None:
    found = density.per_block(placed([("a", 1.0, None, np.nan, False)]), BLOCKS)
    assert found.loc["a"].to_dict() == {"n": 1.0, "n_sure": 1.0, "per_100m": 0.5}


def test_an_ambiguous_finding_is_shared_and_not_counted_as_sure() -> None:
    found = density.per_block(placed([("a", 0.7, "c", 0.2, True)]), BLOCKS)
    assert found["n"].to_dict() == pytest.approx({"a": 0.7, "c": 0.2})
    assert found["n_sure"].sum() == 0


def test_a_short_block_is_taken_as_fifty_metres() -> None:
    found = density.per_block(placed([("b", 1.0, None, np.nan, False)]), BLOCKS)
    assert found.loc["b", "per_100m"] == pytest.approx(2.0)


def test_findings_outside_the_streets_are_on_no_block() -> None:
    found = density.per_block(placed([(None, np.nan, None, np.nan, False)]), BLOCKS)
    assert found.empty


def test_blocks_of_another_network_are_left_out() -> None:
    found = density.per_block(placed([("gone", 1.0, "a", 0.1, False)]), BLOCKS)
    assert list(found.index) == ["a"]


def test_no_findings_give_an_empty_table() -> None:
    found = density.per_block(placed([]), BLOCKS)
    assert list(found.columns) == ["n", "n_sure", "per_100m"]
    assert found.empty


def test_expected_findings_add_up_to_the_probabilities() -> None:
    rng = np.random.default_rng(7)
    p = rng.uniform(0.4, 1, 500)
    rows = [("a", p1, "c", (1 - p1) / 2, True) for p1 in p]
    assert density.per_block(placed(rows), BLOCKS)["n"].sum() == pytest.approx((p + (1 - p) / 2).sum())
