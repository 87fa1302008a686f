import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from geo.datum import FRAMES, from_wgs84, in_mainland_china, to_wgs84
from geo.errors import CoordinateError, UnknownFrameError

METRE_DEG = 1 / 111_320

INSIDE = {
    "Shenzhen, civic centre": (114.0545, 22.5445),
    "Shenzhen, Futian checkpoint": (114.0685, 22.5180),
    "Zhuhai, Gongbei": (113.5497, 22.2200),
    "Zhuhai, Hengqin": (113.5400, 22.1200),
    "Dandong": (124.3925, 40.1185),
    "Xiamen": (118.0900, 24.4500),
    "Heihe": (127.5000, 50.2450),
    "Sanya": (109.5000, 18.2500),
    "Kashgar": (75.9900, 39.4700),
    "Lhasa": (91.1000, 29.6500),
    "Ürümqi": (87.6170, 43.8250),
    "Beichen": (117.1350, 39.2250),
}
OUTSIDE = {
    "Hong Kong, Central": (114.1580, 22.2820),
    "Hong Kong, Lok Ma Chau": (114.0658, 22.5147),
    "Macau, Portas do Cerco": (113.5493, 22.2145),
    "Macau, Taipa": (113.5570, 22.1560),
    "Sinuiju": (124.4020, 40.0980),
    "Taipei": (121.5600, 25.0300),
    "Kinmen": (118.3300, 24.4400),
    "Manila": (120.9800, 14.6000),
    "Seoul": (126.9800, 37.5700),
    "Hanoi": (105.8500, 21.0300),
    "Blagoveshchensk": (127.5270, 50.2620),
    "Ulaanbaatar": (106.9000, 47.9000),
    "Thimphu": (89.6400, 27.4700),
    "Almaty": (76.9000, 43.2500),
    "Berlin": (13.4000, 52.5200),
    "no place": (np.nan, np.nan),
}
# domain knowledge: WGS-84, GCJ-02, BD-09 of the published formulas
REGRESSION = [
    ((117.135, 39.225), (117.141427801, 39.226203541), (117.147864199, 39.232351832)),
    ((116.397428, 39.90923), (116.403671626, 39.910633506), (116.410044102, 39.916972856)),
    ((113.2644, 23.1291), (113.269729592, 23.126423340), (113.276150752, 23.132711257)),
    ((87.617, 43.825), (87.619850125, 43.826205898), (87.626301029, 43.832347881)),
]


@pytest.mark.parametrize("place", INSIDE)
def test_the_offset_applies_in_mainland_china(place: str) -> None:
    assert in_mainland_china([INSIDE[place]])[0]


@pytest.mark.parametrize("place", OUTSIDE)
@pytest.mark.parametrize("frame", FRAMES)
def test_nothing_is_moved_outside(place: str, frame: str) -> None:
    position = np.array([OUTSIDE[place]])
    assert not in_mainland_china(position)[0]
    assert np.array_equal(from_wgs84(position, frame), position, equal_nan=True)


@pytest.mark.parametrize("place", ["Manila", "Seoul", "Hanoi", "Taipei", "Hong Kong, Central", "Berlin"])
def test_nothing_is_moved_back_outside(place: str) -> None:
    position = np.array([OUTSIDE[place]])
    assert np.array_equal(to_wgs84(position, "gcj02"), position)
    assert np.array_equal(to_wgs84(position, "bd09"), position)


def test_amaps_own_example_is_met_to_five_centimetres() -> None:
    moved = from_wgs84([[116.481499, 39.990475]], "gcj02")[0]
    gap = (moved - (116.487585177952, 39.991754014757)) * (np.cos(np.radians(39.99)), 1.0)
    assert np.hypot(*gap) < 0.05 * METRE_DEG


@pytest.mark.parametrize(("wgs84", "gcj02", "bd09"), REGRESSION)
def test_published_values_of_the_formulas(
    wgs84: tuple[float, float], gcj02: tuple[float, float], bd09: tuple[float, float]
) -> None:
    assert np.abs(from_wgs84([wgs84], "gcj02") - gcj02).max() < 1e-9
    assert np.abs(from_wgs84([wgs84], "bd09") - bd09).max() < 1e-9
    assert np.abs(to_wgs84([gcj02], "gcj02") - wgs84).max() < 1e-9
    assert np.abs(to_wgs84([bd09], "bd09") - wgs84).max() < 1e-9


@given(
    hnp.arrays(np.float64, (5, 2), elements=st.floats(0, 1)),
    st.sampled_from(["gcj02", "bd09"]),
)
def test_there_and_back_is_the_same_place_below_a_micrometre(unit: np.ndarray, frame: str) -> None:
    position = np.array([80.0, 22.0]) + unit * np.array([43.0, 26.0])
    inside = in_mainland_china(position)
    back = to_wgs84(from_wgs84(position, frame), frame)
    assert np.abs(back - position)[inside].max(initial=0.0) < 1e-6 * METRE_DEG


def test_a_second_shift_is_another_place_so_the_frame_must_be_kept() -> None:
    once = from_wgs84([[117.135, 39.225]], "gcj02")
    twice = from_wgs84(once, "gcj02")
    assert 400 < np.hypot(*((twice - once)[0] * (np.cos(np.radians(39.2)), 1.0))) / METRE_DEG < 700


def test_an_unknown_frame_is_refused_and_never_guessed() -> None:
    with pytest.raises(UnknownFrameError, match="GCJ-02"):
        to_wgs84([[117.0, 39.0]], "GCJ-02")


def test_empty_and_missing_positions_pass() -> None:
    assert to_wgs84([], "gcj02").shape == (0, 2)
    assert np.isnan(to_wgs84([[np.nan, 39.0]], "bd09")).any()
    with pytest.raises(CoordinateError):
        to_wgs84([1.0, 2.0], "gcj02")


def test_the_input_is_left_as_it_is() -> None:
    given_position = np.array([[117.135, 39.225]])
    kept = given_position.copy()
    for frame in FRAMES:
        moved = to_wgs84(given_position, frame)
        moved[:] = 0
    assert np.array_equal(given_position, kept)
