"""Likely duplicates and relapses."""

import numpy as np
import pandas as pd
import pytest

from geo.duplicates import likely, scored, seen_before
from geo.errors import GeoError, MissingColumnError

DAY = pd.Timestamp("2020-09-25T08:00:00Z")


def findings(x: list[float], hours: list[float], **columns: object) -> pd.DataFrame:
    """Build findings of one category on a line."""
    seen = [DAY + pd.Timedelta(h, unit="h") for h in hours]
    standard = {"finding_id": range(len(x)), "category": "0136", "x": x, "y": 0.0, "observed_at": seen}
    return pd.DataFrame(standard | columns)


def pairs(table: pd.DataFrame, **how: object) -> list[tuple[int, int]]:
    """List the pairs found."""
    found = likely(table, **how)  # type: ignore[arg-type]
    return list(zip(found["first_id"].tolist(), found["second_id"].tolist(), strict=True))


def test_near_and_soon_is_a_duplicate_far_or_late_is_not() -> None:
    assert pairs(findings([0, 6], [0, 5])) == [(0, 1)]
    assert pairs(findings([0, 60], [0, 5])) == []
    assert pairs(findings([0, 6], [0, 24 * 7 + 1])) == []
    assert pairs(findings([0, 6], [0, 24 * 7])) == [(0, 1)]
    assert pairs(findings([0, 6], [0, 3], category=["0136", "0201"])) == []


def test_the_first_report_comes_first_whatever_the_order_of_rows() -> None:
    table = findings([0, 6, 3], [9, 5, 7])
    assert sorted(pairs(table)) == [(1, 0), (1, 2), (2, 0)]
    assert likely(table.iloc[::-1]).equals(likely(table))


def test_seen_again_after_closing_is_a_relapse() -> None:
    closed = [DAY + pd.Timedelta("3h"), pd.NaT]
    found = likely(findings([0, 4], [0, 75], closed_at=pd.Series(closed)))
    assert found[["relation", "hours"]].to_numpy().tolist() == [["relapse", 72.0]]
    assert likely(findings([0, 4], [0, 3 + 24 * 91], closed_at=pd.Series(closed))).empty


@pytest.mark.parametrize(
    "closed", [pd.NaT, None, np.nan, pd.Series([pd.NaT] * 2, dtype="datetime64[s, UTC]")]
)
def test_where_nothing_was_closed_the_column_may_have_any_type(closed: object) -> None:
    table = findings([0, 6], [0, 5])
    assert likely(table.assign(closed_at=closed)).equals(likely(table))
    assert pairs(table.iloc[:0].assign(closed_at=closed)) == []
    with pytest.raises(GeoError, match="times must be aware"):
        likely(table.assign(closed_at=[pd.Timestamp("2020-09-25"), pd.NaT]))


def test_where_the_category_is_dense_nearness_says_little() -> None:
    rng = np.random.default_rng(1)
    crowd = rng.uniform(0, 300, (900, 2))
    table = pd.DataFrame(
        {"finding_id": range(900), "category": "0410", "x": crowd[:, 0], "y": crowd[:, 1], "observed_at": DAY}
    )
    assert likely(table, p_least=0.9).empty
    alone = table.iloc[:2].assign(x=[0.0, 6.0], y=0.0)
    assert likely(alone, p_least=0.9)["p"].tolist()[0] > 0.9


def test_what_is_reported_again_and_again_makes_no_dense_place() -> None:
    # one pothole passed on 14 days, forty others along the street
    x = [[0.0, 9.0, -7.0, 4.0, -3.0, 11.0][k % 6] for k in range(14)] + [60.0 * k for k in range(2, 42)]
    table = findings(x, [24.0 * k for k in range(14)] + [0.0] * 40)
    new = 1.0 - seen_before(likely(table, window_days=45, p_least=0.02)).reindex(range(54)).fillna(0.0)
    assert new[:14].sum() < 2
    assert new[14:].min() > 0.9


def test_relapses_are_new() -> None:
    table = findings([0, 3], [0, 48], closed_at=[DAY + pd.Timedelta(24, unit="h"), pd.NaT])
    assert likely(table)["relation"].tolist() == ["relapse"]
    assert seen_before(likely(table)).empty


def test_equal_photos_convince_and_unlike_ones_doubt() -> None:
    like, unlike = [0xFF00FF00FF00FF00, 0xFF00FF00FF00FF01], [0xFF00FF00FF00FF00, 0x00FF00FF00FF00FF]
    without = likely(findings([0, 25], [0, 1]), p_least=0.0)["p"].iloc[0]
    equal = likely(findings([0, 25], [0, 1], photo_hash=like), p_least=0.0)
    other = likely(findings([0, 25], [0, 1], photo_hash=unlike), p_least=0.0)
    assert equal["p"].iloc[0] > without > other["p"].iloc[0]
    assert (equal["photo_bits"].iloc[0], other["photo_bits"].iloc[0]) == (1, 64)


def test_the_other_side_of_the_street_speaks_against() -> None:
    place = {"block_id": ["b", "b"], "chainage_m": [10.0, 16.0]}
    same = likely(findings([0, 6], [0, 1], side=["left", "left"], **place))
    across = likely(findings([0, 6], [0, 1], side=["left", "right"], **place))
    assert same["p"].iloc[0] > across["p"].iloc[0]
    assert same[["along_m", "same_side"]].to_numpy().tolist() == [[6.0, True]]
    assert across["same_side"].tolist() == [False]


def odds(table: pd.DataFrame) -> float:
    p = float(likely(table, p_least=0.0)["p"].iloc[0])
    return p / (1 - p)


@pytest.mark.parametrize(
    ("hours", "reporter", "times"),
    [(5, [7, 8], 1.0), (5, [7, None], 1.0), (5, [7, 7], 0.3), (1, [7, 7], 1.0), (0.01, [7, 7], 0.2)],
    ids=["two people", "nobody named", "on another walk", "on one walk", "at once"],
)
def test_whoever_reported_it_knows_that_he_did(hours: float, reporter: list[object], times: float) -> None:
    table = findings([0, 25], [0, hours])
    assert odds(table.assign(reporter=reporter)) == pytest.approx(times * odds(table))


def test_one_block_speaks_for_one_thing_and_two_against() -> None:
    table = findings([0, 25], [0, 5])
    assert odds(table.assign(block_id=["a", "a"])) == pytest.approx(2 * odds(table))
    assert odds(table.assign(block_id=["a", "b"])) == pytest.approx(odds(table) / 2)
    assert odds(table.assign(block_id=["a", None])) == pytest.approx(odds(table))


def test_what_was_closed_is_seldom_there_again() -> None:
    table = findings([0, 25], [0, 5])
    closed = [DAY + pd.Timedelta("3h"), pd.NaT]
    assert odds(table.assign(closed_at=closed)) == pytest.approx(odds(table) / 4)


def test_planted_duplicates_are_found_among_strangers() -> None:
    rng = np.random.default_rng(4)
    things = rng.uniform(0, 6000, (600, 2))
    twice = rng.choice(600, 120, replace=False)
    seen = np.concatenate([things, things[twice]]) + rng.normal(0, 5, (720, 2))
    first = rng.uniform(0, 200, 600)
    hours = np.concatenate([first, first[twice] + rng.uniform(1, 100, 120)])
    when = DAY + pd.to_timedelta(hours, unit="h")
    table = pd.DataFrame(
        {"finding_id": range(720), "category": "0101", "x": seen[:, 0], "y": seen[:, 1], "observed_at": when}
    )
    score = scored(likely(table), pd.DataFrame({"first_id": twice, "second_id": range(600, 720)}))
    assert score["recall"] > 0.9
    assert score["precision"] > 0.8


def test_nothing_to_compare_and_nonsense() -> None:
    assert likely(findings([], [])).empty
    assert likely(findings([0], [0])).empty
    with pytest.raises(MissingColumnError, match="category"):
        likely(findings([0], [0]).drop(columns="category"))
    with pytest.raises(GeoError, match="between 0 and 1"):
        likely(findings([0, 1], [0, 1]), expected=0.0)
