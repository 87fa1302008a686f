import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from shapely import LineString

from geo import blocks
from geo.datum import FRAMES, from_wgs84
from geo.datum_doctor import COLUMNS, find_shifted
from geo.errors import CoordinateError, MissingColumnError, UnknownFrameError

CORNER = np.array([511_000.0, 4_343_000.0])  # Beichen, EPSG:4548


def town() -> gpd.GeoDataFrame:
    """Draw streets 90 to 260 m apart, so that no shift puts all of them on each other."""
    rng = np.random.default_rng(2)
    x, y = (np.cumsum(rng.uniform(90, 260, 14)) for _ in range(2))
    lines = [LineString([(at, y[0]), (at + 40, y[-1])]) for at in x]
    lines += [LineString([(x[0], at), (x[-1], at - 30)]) for at in y]
    streets = gpd.GeoDataFrame(geometry=lines, crs="EPSG:4548")
    streets.geometry = streets.geometry.translate(*CORNER)
    return blocks.build(streets)


def walk(town: gpd.GeoDataFrame, device: str, true: str, declared: str, n: int, *, seed: int) -> pd.DataFrame:
    """Return fixes of one phone along the streets, in its true frame, declared as another."""
    rng = np.random.default_rng(seed)
    at = town.geometry.iloc[rng.integers(0, len(town), n)].interpolate(rng.random(n), normalized=True)
    off = at.translate(0, 0)
    xy = np.column_stack([off.x, off.y]) + rng.normal(0, 6, (n, 2))
    lonlat = gpd.GeoSeries(gpd.points_from_xy(*xy.T), crs="EPSG:4548").to_crs(4326)
    raw = from_wgs84(np.column_stack([lonlat.x, lonlat.y]), true)
    return pd.DataFrame({"device": device, "lon": raw[:, 0], "lat": raw[:, 1], "frame": declared})


def test_every_shifted_phone_is_found_and_no_honest_one_accused() -> None:
    city = town()
    phones = [(true, declared) for true in FRAMES for declared in FRAMES]
    fixes = pd.concat(
        walk(city, f"{true} said {declared}", true, declared, 250, seed=k)
        for k, (true, declared) in enumerate(phones)
    )
    found = find_shifted(fixes, city)
    assert list(found.columns) == list(COLUMNS)
    for row in found.itertuples():
        true, declared = str(row.device).split(" said ")
        assert (row.frame_guess, row.shifted) == (true, true != declared), row
        assert row.near_share_guess > 0.9


def test_the_correction_is_the_shift_that_the_guess_means() -> None:
    city = town()
    row = find_shifted(walk(city, "p", "gcj02", "wgs84", 250, seed=5), city).iloc[0]
    assert np.hypot(row["east_m"], row["north_m"]) == pytest.approx(570, abs=30)
    assert row["near_share_guess"] > row["near_share"] + 0.3


def test_a_few_fixes_or_one_street_accuse_nobody() -> None:
    city = town()
    few = walk(city, "few", "gcj02", "wgs84", 12, seed=6)
    assert not find_shifted(few, city)["shifted"].any()
    one_street = walk(city.iloc[[0]], "one street", "gcj02", "wgs84", 300, seed=7)
    assert not find_shifted(one_street, city)["shifted"].any()


def test_a_walk_through_open_country_accuses_nobody() -> None:
    rng = np.random.default_rng(8)
    away = pd.DataFrame(
        {"device": "p", "lon": 117.4 + rng.random(200) / 20, "lat": 39.6 + rng.random(200) / 20}
    )
    assert not find_shifted(away.assign(frame="wgs84"), town())["shifted"].any()


def test_three_photos_with_a_known_place_are_enough() -> None:
    city = town()
    few = walk(city, "p", "gcj02", "wgs84", 4, seed=9)
    truth = find_true(few)
    assert find_shifted(few, city, references=truth)["frame_guess"].tolist() == ["gcj02"]
    honest = walk(city, "p", "wgs84", "wgs84", 4, seed=9)
    assert find_shifted(honest, city, references=find_true(honest, "wgs84"))["shifted"].tolist() == [False]


def find_true(fixes: pd.DataFrame, frame: str = "gcj02") -> pd.DataFrame:
    from geo.datum import to_wgs84  # noqa: PLC0415

    true = to_wgs84(fixes[["lon", "lat"]].to_numpy(), frame)
    return fixes.assign(true_lon=true[:, 0], true_lat=true[:, 1])


def test_what_cannot_be_read_is_refused_and_nothing_gives_nothing() -> None:
    city = town()
    fixes = walk(city, "p", "wgs84", "wgs84", 3, seed=1)
    assert len(find_shifted(fixes.iloc[:0], city)) == 0
    with pytest.raises(MissingColumnError, match="frame"):
        find_shifted(fixes.drop(columns="frame"), city)
    with pytest.raises(CoordinateError):
        find_shifted(fixes.assign(lon=np.nan), city)
    with pytest.raises(UnknownFrameError):
        find_shifted(fixes.assign(frame="gps"), city)
