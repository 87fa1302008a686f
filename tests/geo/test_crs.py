import concurrent.futures

import numpy as np
import pytest

from geo.crs import Projection, as_metric, check_lonlat, metric_crs
from geo.errors import CoordinateError, NoCRSError


@pytest.mark.parametrize(
    ("lon", "lat", "epsg"),
    [
        (117.135, 39.225, 4548),
        (75.5, 39.5, 4534),
        (113.26, 23.13, 4547),
        (120.2, 30.3, 4549),
        (134.5, 48.3, 4554),
        (114.17, 22.30, 32650),  # Hong Kong has no CGCS2000 zone of its own
        (121.56, 25.03, 32651),
        (-87.63, 41.88, 32616),
        (24.94, 60.17, 32635),
        (151.2, -33.87, 32756),
        (0.0, 89.0, 32661),
        (0.0, -85.0, 32761),
        (179.999, 10.0, 32660),
    ],
)
def test_the_metric_crs_follows_from_where_the_data_lie(lon: float, lat: float, epsg: int) -> None:
    assert metric_crs([[lon, lat]]).to_epsg() == epsg


def test_data_across_the_antimeridian_are_not_taken_round_the_world() -> None:
    assert metric_crs([[179.0, -17.0], [-179.0, -17.0]]).to_epsg() in {32701, 32760}


@pytest.mark.parametrize(
    ("position", "word"),
    [
        ([np.nan, 1.0], "not a number"),
        ([np.inf, 1.0], "not a number"),
        ([39.2, 117.1], "swapped"),
        ([511657.4, 4343491.6], "metres"),
        ([200.0, 10.0], "longitude"),
        ([0.0, 0.0], "without a fix"),
    ],
)
def test_a_position_that_is_no_place_is_refused_with_its_row(position: list[float], word: str) -> None:
    with pytest.raises(CoordinateError, match=f"row 1: .*{word}"):
        check_lonlat([[117.0, 39.0], position])


def test_swapped_degrees_within_range_are_told_by_the_expected_area() -> None:
    with pytest.raises(CoordinateError, match="swapped"):
        check_lonlat([[24.9, 60.2], [60.2, 24.9]], bounds=(24.0, 60.0, 26.0, 61.0))


def test_positions_of_the_wrong_shape_are_refused() -> None:
    with pytest.raises(CoordinateError, match="shape"):
        check_lonlat([[1.0, 2.0, 3.0]])
    assert check_lonlat([]).shape == (0, 2)


@pytest.mark.parametrize("crs", ["EPSG:3435", "EPSG:2263", "EPSG:3857", "EPSG:4326", None, "nonsense"])
def test_only_metres_will_do(crs: str | None) -> None:
    with pytest.raises(NoCRSError):
        as_metric(crs)


def test_metres_and_back_is_the_same_place() -> None:
    projection = Projection("EPSG:4548")
    lonlat = np.random.default_rng(1).uniform((116.5, 38.5), (117.5, 40.0), (1000, 2))
    back = projection.to_lonlat(projection.to_metres(lonlat))
    assert np.abs(back - lonlat).max() < 1e-11
    assert np.isnan(projection.to_metres([[np.nan, 39.0]])).all()


def test_a_projection_serves_many_threads_at_once() -> None:
    projection, lonlat = Projection("EPSG:32650"), np.array([[117.1, 39.2], [117.2, 39.3]])
    alone = projection.to_metres(lonlat)
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        together = list(pool.map(projection.to_metres, [lonlat] * 200))
    assert all((one == alone).all() for one in together)
