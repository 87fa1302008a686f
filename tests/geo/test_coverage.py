"""Coverage as an exact union of intervals."""

from functools import reduce

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from geo import coverage, matching
from geo.coverage.passes import COLUMNS
from geo.errors import GeoError, MissingColumnError

CRS = "EPSG:32650"
STREET = gpd.GeoDataFrame(
    {"block_id": ["a", "b"], "start_node": [1, 2], "end_node": [2, 3], "class": ["residential", "primary"]},
    geometry=shapely.from_wkt(["LINESTRING (0 0, 300 0)", "LINESTRING (300 0, 300 120.0004)"]),
    crs=CRS,
)
DAY = pd.Timestamp("2020-09-25T00:00:00Z")


def walked(xy: object, every_s: float = 10.0, mode: str = "walking", **columns: object) -> pd.DataFrame:
    """Match fixes with 4 m of error and return the intervals."""
    points = shapely.points(np.reshape(xy, (-1, 2)))
    time = 1.6e9 + every_s * np.arange(len(points))
    fixes = gpd.GeoDataFrame(
        {"time": time, "accuracy_m": 4.0, "accuracy_kind": "sd"} | columns, geometry=points, crs=CRS
    )
    return coverage.cover(matching.trace(fixes, STREET, mode=mode), STREET)


rows = st.builds(
    lambda block, side, ends, state, when, recording, number: {
        "block_id": block,
        "side": side,
        "from_m": min(ends) / 1000,
        "to_m": max(ends) / 1000,
        "state": state,
        "started_at": DAY + pd.Timedelta(hours=when),
        "ended_at": DAY + pd.Timedelta(hours=when, minutes=5),
        "p": 0.9,
        "p_side": 0.9,
        "recording": recording,
        "pass_no": number,
    },
    st.sampled_from("ab"),
    st.sampled_from(coverage.SIDES),
    st.tuples(st.integers(0, 120_000), st.integers(0, 120_000)),
    st.sampled_from(coverage.STATES[:3]),
    st.integers(0, 200),
    st.sampled_from(("r1", "r2")),
    st.integers(0, 2),
)
tables = st.lists(rows, max_size=12).map(lambda found: pd.DataFrame(found, columns=list(COLUMNS)))


@given(tables, tables, tables)
@settings(max_examples=60, deadline=None)
def test_the_union_is_associative_commutative_and_idempotent(
    a: pd.DataFrame, b: pd.DataFrame, c: pd.DataFrame
) -> None:
    merge = coverage.merge
    assert merge(merge(a, b), c).equals(merge(a, merge(b, c)))
    assert merge(a, b).equals(merge(b, a))
    assert merge(a, a).equals(merge(a))
    assert reduce(merge, [c, a, b, a, c], merge()).equals(merge(a, b, c))


@given(tables, st.sampled_from((None, "left", "right")))
@settings(max_examples=80, deadline=None)
def test_states_cover_every_millimetre_once_and_the_strongest_wins(
    table: pd.DataFrame, side: str | None
) -> None:
    cut = coverage.stretches(coverage.merge(table), STREET, side=side)
    ends = (cut[["from_m", "to_m"]] * 1000).round().astype(int)
    lengths = (ends["to_m"] - ends["from_m"]).groupby(cut["block_id"]).sum()
    assert lengths.to_dict() == {"a": 300_000, "b": 120_000}
    assert (ends["to_m"] > ends["from_m"]).all()
    counted = table if side is None else table[table["side"].isin((side, "both"))]
    for row in cut.itertuples():
        middle = (row.from_m + row.to_m) / 2
        over = counted[
            (counted["block_id"] == row.block_id) & (counted["from_m"] <= middle) & (counted["to_m"] > middle)
        ]
        expected = next((s for s in coverage.STATES if (over["state"] == s).any()), "not visited")
        assert row.state == expected
        latest = over.loc[over["state"] == "inspected", "ended_at"].max()
        assert row.inspected_at == latest or (pd.isna(row.inspected_at) and pd.isna(latest))


def test_shares_add_up_to_the_length_exactly() -> None:
    cut = coverage.stretches(walked([(x, 5) for x in range(40, 230, 12)]), STREET)
    table = coverage.shares(cut, pd.Series({"a": "north", "b": "north"}))
    assert table["length_m"].tolist() == [420.0]
    assert table[list(coverage.STATES)].sum(axis=1).round(3).tolist() == [420.0]
    assert table["inspected"].iloc[0] == pytest.approx(180, abs=12)


def test_a_pedestrian_covers_the_side_walked_on_and_a_driver_both() -> None:
    left = walked([(x, 6) for x in range(20, 280, 12)])
    right = walked([(x, -6) for x in range(20, 280, 12)])
    middle = walked([(x, 0) for x in range(20, 280, 12)])
    driven = walked([(x, -2) for x in range(20, 280, 12)], 2, "driving")
    assert [set(t["side"]) for t in (left, right, middle, driven)] == [
        {"left"},
        {"right"},
        {"unknown"},
        {"both"},
    ]
    assert (coverage.stretches(left, STREET, side="right")["state"] == "not visited").all()
    assert coverage.shares(coverage.stretches(middle, STREET))["inspected"].iloc[0] > 200


def test_driving_through_fast_is_passing_and_not_inspecting() -> None:
    fast = walked([(x, 0) for x in range(5, 300, 15)], 1, "driving")
    assert set(fast["state"]) == {"passed"}
    assert coverage.shares(coverage.stretches(fast, STREET))["inspected"].iloc[0] == 0


@pytest.mark.parametrize("step_s", [1, 10, 30, 60, 1e9])
def test_a_clock_coarser_than_the_fixes_makes_nobody_slower(step_s: float) -> None:
    avenue = STREET[:1].set_geometry([shapely.LineString([(0, 0), (3000, 0)])], crs=CRS)
    n = 200
    for mode, speed, state in (("driving", 12.0, "passed"), ("walking", 1.3, "inspected")):
        points = shapely.points([(10 + speed * k, 4) for k in range(n)])
        time = 1.6e9 + np.floor(np.arange(n) / step_s) * step_s
        fixes = gpd.GeoDataFrame({"time": time, "accuracy_m": 4.0}, geometry=points, crs=CRS)
        found = coverage.cover(matching.trace(fixes, avenue, mode=mode), avenue)
        certain = set(found["state"]) - {"unknown"}
        # what has no time at all has no speed either; a silent minute is a gap already
        assert certain == {"passed" if step_s > n else state} or (step_s == 60 and mode == "walking")


def test_a_gap_is_unknown_and_never_inspected() -> None:
    found = walked([(10, 5), (30, 5), (50, 5), (250, 5), (270, 5)], time=[0.0, 15, 30, 200, 215])
    cut = coverage.stretches(found, STREET)
    assert cut[cut["block_id"] == "a"][["from_m", "to_m", "state"]].to_numpy().tolist() == [
        [0.0, 10.0, "not visited"],
        [10.0, 50.0, "inspected"],
        [50.0, 250.0, "unknown"],
        [250.0, 270.0, "inspected"],
        [270.0, 300.0, "not visited"],
    ]


def test_an_upload_repeated_changes_nothing_and_a_second_visit_is_a_second_pass() -> None:
    there = [(x, 5) for x in range(20, 280, 12)]
    once = walked(there)
    assert coverage.merge(once, walked(there)).equals(coverage.merge(once))
    twice = walked(there + there[::-1], time=[*np.arange(22) * 10.0, *(7200 + np.arange(22) * 10.0)])
    assert sorted(twice["pass_no"].unique()) == [0, 1]
    assert coverage.effort(coverage.merge(twice, twice), STREET).loc[
        "a", ["n_passes", "n_recordings"]
    ].tolist() == [2, 1]


def test_a_file_joined_to_itself_is_the_same_recording() -> None:
    xy = [(20, 6), (45, 2), (70, 7), (95, 1), (120, 3)]
    once = walked(xy, every_s=25)
    twice = walked(xy * 2, every_s=25, time=[1.6e9 + 25 * k for k in range(5)] * 2)
    assert coverage.merge(once, twice).equals(coverage.merge(once))


def test_dwelling_counts_as_looking() -> None:
    xy = [(20, 5), (35, 5), *[(50, 5)] * 30, (65, 5), (80, 5)]
    found = coverage.effort(walked(xy), STREET)
    assert found.loc["a", "minutes"] == pytest.approx(33 / 6, abs=0.1)
    assert found.loc["b"].tolist() == [0, 0, 0, 0]


def test_checked_and_nothing_found_is_inspected() -> None:
    said = pd.DataFrame(
        {
            "check_id": ["c1", "c2"],
            "block_id": ["b", "a"],
            "side": ["left", None],
            "at": [DAY, DAY],
            "from_m": [None, 290.0],
        }
    )
    cut = coverage.stretches(coverage.merge(coverage.checked(said, STREET)), STREET, side="left")
    assert cut["state"].tolist() == ["not visited", "inspected", "inspected"]
    assert cut["inspected_at"].tolist()[1:] == [DAY, DAY]
    other = coverage.stretches(coverage.checked(said, STREET), STREET, side="right")
    assert other[other["block_id"] == "b"]["state"].tolist() == ["not visited"]


def test_periods_ages_and_what_is_overdue() -> None:
    said = pd.DataFrame({"check_id": ["c1"], "block_id": ["a"], "to_m": [100.0], "at": [DAY]})
    intervals = coverage.checked(said, STREET)
    assert "inspected" not in set(
        coverage.stretches(intervals, STREET, since=DAY + pd.Timedelta("1s"))["state"]
    )
    assert "inspected" not in set(coverage.stretches(intervals, STREET, until=DAY)["state"])
    cut = coverage.stretches(intervals, STREET, since=DAY, until=DAY + pd.Timedelta("1s"))
    late = coverage.overdue(
        cut, {"residential": 7.0}, STREET.set_index("block_id")["class"], DAY + pd.Timedelta("8D")
    )
    assert late[["from_m", "to_m"]].to_numpy().tolist() == [[0.0, 100.0], [100.0, 300.0]]
    assert late["over_days"].fillna(-1).tolist() == [1.0, -1.0]
    in_time = coverage.overdue(
        cut, {"residential": 8.0}, STREET.set_index("block_id")["class"], DAY + pd.Timedelta("8D")
    )
    assert in_time["from_m"].tolist() == [100.0]


def test_intervals_of_another_network_and_nonsense_are_refused() -> None:
    said = pd.DataFrame({"check_id": ["c"], "block_id": ["gone"], "at": [DAY]})
    with pytest.raises(GeoError, match="gone"):
        coverage.checked(said, STREET)
    with pytest.raises(GeoError, match="middle"):
        coverage.checked(said.assign(block_id="a", side="middle"), STREET)
    with pytest.raises(GeoError, match="both"):
        coverage.stretches(coverage.merge(), STREET, side="both")
    with pytest.raises(MissingColumnError, match="at"):
        coverage.checked(said.drop(columns="at"), STREET)


def test_nothing_recorded_is_not_visited() -> None:
    cut = coverage.stretches(coverage.merge(), STREET)
    assert cut["state"].tolist() == ["not visited"] * 2
    assert np.isnan(coverage.gini([]))


def test_a_union_counts_once_what_is_covered_twice_whatever_the_order() -> None:
    rng = np.random.default_rng(3)
    low = rng.integers(0, 400, 300)
    seen = pd.DataFrame(
        {
            "block_id": rng.choice(["a", "b"], 300),
            "from_m": low / 10,
            "to_m": (low + rng.integers(0, 60, 300)) / 10,
        }
    )
    week = pd.Series(rng.choice(["x", "y", ""], 300)).replace("", None)
    cells: dict[str, set[tuple[str, int]]] = {"x": set(), "y": set()}
    for block, start, end, name in zip(seen["block_id"], seen["from_m"], seen["to_m"], week, strict=True):
        if name in cells:
            cells[name] |= {(block, k) for k in range(round(start * 10), round(end * 10))}
    expected = {name: len(found) / 10 for name, found in cells.items()}
    assert coverage.union_m(seen, week).to_dict() == pytest.approx(expected)
    mixed = rng.permutation(300)
    assert coverage.union_m(seen.iloc[mixed], week.iloc[mixed]).to_dict() == pytest.approx(expected)
