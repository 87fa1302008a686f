"""People on a grid, shared among streets and added up over areas."""

import geopandas as gpd
import numpy as np
import pyproj
import pytest
import shapely

from geo import people
from geo.errors import NoCRSError
from geo.people import Cells

METRES, DEGREES = pyproj.CRS(32650), pyproj.CRS(4326)


def street() -> gpd.GeoDataFrame:
    """Give three blocks of a street at 117° E 40° N, 100 m each."""
    lines = [
        shapely.LineString([(500_000 + 100 * k, 4_427_757), (500_100 + 100 * k, 4_427_757)]) for k in range(3)
    ]
    return gpd.GeoDataFrame({"block_id": list("abc")}, geometry=lines, crs=METRES)


def test_nobody_is_made_or_lost_when_cells_are_degrees() -> None:
    rng = np.random.default_rng(5)
    values = rng.poisson(3, (6, 8)).astype(float)
    values[2, 3] = np.nan
    cells = Cells(values, 116.9985, 40.0015, 0.0006, 0.0005, DEGREES)
    shared = people.among_blocks(cells, street())
    assert shared["block_id"].tolist() == ["a", "b", "c"]
    assert shared["exposure"].sum() == pytest.approx(cells.total)
    assert (shared["exposure"] > 0).all()


def test_people_far_from_every_street_belong_to_another_town() -> None:
    values = np.array([[7.0, 0.0, 9.0]])
    cells = Cells(values, 500_000, 4_427_800, 1000.0, 100.0, METRES)
    assert people.among_blocks(cells, street(), far_m=800)["exposure"].sum() == pytest.approx(7.0)


def test_no_cells_with_anybody_give_blocks_without_residents() -> None:
    cells = Cells(np.full((2, 2), np.nan), 500_000, 4_427_800, 50.0, 50.0, METRES)
    assert people.among_blocks(cells, street())["exposure"].tolist() == [0.0, 0.0, 0.0]


def test_areas_are_exact_in_another_reference_system_and_halves_add_up() -> None:
    cells = Cells(np.full((10, 10), 4.0), 500_000, 4_428_000, 100.0, 100.0, METRES)
    west, east = (
        shapely.box(500_000, 4_427_000, 500_437, 4_428_000),
        shapely.box(500_437, 4_427_000, 501_000, 4_428_000),
    )
    zones = gpd.GeoDataFrame(geometry=[west, east, None, shapely.Polygon()], crs=METRES)
    found = people.within(cells, zones)
    assert found.tolist() == pytest.approx([174.8, 225.2, 0.0, 0.0])
    assert people.within(cells, zones.to_crs(DEGREES)) == pytest.approx(found, abs=0.02)


def test_frames_without_a_reference_system_are_refused() -> None:
    cells = Cells(np.ones((1, 1)), 0.0, 10.0, 10.0, 10.0, METRES)
    with pytest.raises(NoCRSError):
        people.among_blocks(cells, street().set_crs(None, allow_override=True))
    with pytest.raises(NoCRSError):
        people.within(cells, gpd.GeoDataFrame(geometry=[shapely.box(0, 0, 1, 1)]))
