"""Cleaning of recordings."""

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from geo import recordings, tracks
from geo.errors import CoordinateError, GeoError, MissingColumnError

CRS = "EPSG:32650"


def walk(
    xy: list[tuple[float, float]], time: list[float] | None = None, **columns: object
) -> gpd.GeoDataFrame:
    """Build fixes, by default ten seconds apart."""
    seconds = [10.0 * i for i in range(len(xy))] if time is None else time
    return gpd.GeoDataFrame(
        {"time": seconds, **columns}, geometry=shapely.points(np.reshape(xy, (-1, 2))), crs=CRS
    )


def reasons(fixes: pd.DataFrame, **how: object) -> list[str]:
    """List the reasons that cleaning gives."""
    return tracks.clean(fixes, CRS, **how)["reason"].tolist()  # type: ignore[arg-type]


def test_a_fix_far_from_both_neighbours_is_a_spike() -> None:
    assert reasons(walk([(0, 0), (12, 0), (900, 0), (36, 0)], accuracy_m=5.0)) == ["", "", "spike", ""]


def test_a_tram_ride_is_no_spike() -> None:
    assert reasons(walk([(0, 0), (12, 0), (900, 0), (912, 0)], accuracy_m=5.0)) == [""] * 4


def test_repeats_and_places_nowhere_are_taken_out() -> None:
    fixes = pd.DataFrame(
        {"time": [0, 0, 9, 9.5], "lon": [117.0, 117.0, 0.0, 190.0], "lat": [39.0, 39.0, 0.0, 39.0]}
    )
    assert reasons(fixes) == ["", "repeat", "impossible", "impossible"]


def test_a_fix_with_a_kilometre_of_error_says_nothing() -> None:
    assert reasons(walk([(0, 0), (12, 0)], accuracy_m=[5.0, 1000.0])) == ["", "inaccurate"]


def test_times_outside_the_outing_are_taken_out_and_its_ends_belong_to_it() -> None:
    fixes = walk([(0, 0), (20, 0), (40, 0), (60, 0)])
    assert reasons(fixes, outing=(10.0, 20.0)) == ["outside", "", "", "outside"]


def test_one_wrong_time_is_taken_out_and_a_clock_set_back_starts_a_segment() -> None:
    xy = [(15.0 * i, 0.0) for i in range(7)]
    fixes = walk(xy, [0, 10, 9000, 30, 40, 5, 15], sequence=range(7))
    cleaned = tracks.clean(fixes, CRS)
    assert cleaned["reason"].tolist() == ["", "", "clock", "", "", "", ""]
    assert cleaned["segment"].tolist()[3:] == [0, 0, 1, 1]


def test_standing_still_becomes_one_fix_with_its_dwell() -> None:
    xy = [(0, 0), (15, 0), (30, 0), (31, 1), (30, -1), (29, 0), (45, 0), (60, 0)]
    cleaned = tracks.clean(walk(xy, accuracy_m=5.0), CRS)
    assert cleaned["reason"].tolist() == ["", "", "", "stop", "stop", "stop", "", ""]
    assert cleaned["dwell_s"].tolist() == [0, 0, 30, 0, 0, 0, 0, 0]


def test_walking_slowly_is_not_standing() -> None:
    assert set(reasons(walk([(0.8 * i, 0) for i in range(100)], list(range(100)), accuracy_m=5.0))) == {""}


@given(st.integers(0, 2**32 - 1), st.booleans())
@settings(max_examples=60, deadline=None)
def test_cleaning_twice_is_cleaning_once(seed: int, counted: bool) -> None:
    rng = np.random.default_rng(seed)
    n = int(rng.integers(0, 120))
    moves = np.where(rng.random(n) < 0.5, rng.uniform(0, 15, n), 0.0)
    xy = np.column_stack([np.cumsum(moves), np.zeros(n)]) + rng.normal(0, 3, (n, 2))
    xy[rng.random(n) < 0.05] += 800.0
    time = np.cumsum(rng.choice([0.0, 1.0, 5.0, 60.0], n)) + np.where(
        rng.random(n) < 0.05, rng.uniform(-300, 300, n), 0
    )
    columns: dict[str, object] = {
        "accuracy_m": rng.choice([4.0, 10.0, 300.0], n),
        "track_id": rng.integers(0, 2, n),
    }
    if counted:
        columns["sequence"] = np.arange(n)
    once = tracks.clean(walk(xy.tolist(), time.tolist(), **columns), CRS)
    kept = once[once["reason"] == ""]
    again = tracks.clean(kept, CRS)
    assert (again["reason"] == "").all()
    assert again["dwell_s"].tolist() == kept["dwell_s"].tolist()
    assert again["segment"].tolist() == kept["segment"].tolist()


def test_the_order_of_rows_does_not_matter() -> None:
    rng = np.random.default_rng(3)
    fixes = walk(rng.normal(0, 30, (80, 2)).tolist(), accuracy_m=5.0)
    shuffled = fixes.sample(frac=1.0, random_state=1)
    assert tracks.clean(shuffled, CRS).sort_index().equals(tracks.clean(fixes, CRS))


def test_accuracy_without_a_number_is_ten_metres_per_axis() -> None:
    assert recordings.axis_sd([np.nan, -1.0, 15.1], "r68") == pytest.approx([10.0, 10.0, 10.0], abs=0.01)


@pytest.mark.parametrize(
    ("frame", "error"),
    [
        (pd.DataFrame({"lon": [1.0], "lat": [1.0]}), MissingColumnError),
        (pd.DataFrame({"time": [1.0]}), MissingColumnError),
        (pd.DataFrame({"time": pd.to_datetime(["2020-01-01"]), "lon": [1.0], "lat": [1.0]}), GeoError),
        (
            pd.DataFrame(
                {"time": [1.0], "lon": [1.0], "lat": [1.0], "accuracy_m": 5, "accuracy_kind": "r99"}
            ),
            GeoError,
        ),
        (gpd.GeoDataFrame({"time": [1.0]}, geometry=[shapely.Point(1, 1)]), CoordinateError),
    ],
)
def test_fixes_that_cannot_be_read_are_refused(frame: pd.DataFrame, error: type[Exception]) -> None:
    with pytest.raises(error):
        tracks.clean(frame, CRS)


def test_an_unknown_way_to_patrol_is_refused() -> None:
    with pytest.raises(GeoError, match="flying"):
        tracks.clean(walk([(0, 0)]), CRS, mode="flying")
