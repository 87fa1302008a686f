from pathlib import Path

import numpy as np
import pytest
import rasterio
import shapely

from geo.crs import Metres
from layers.analysis import heat

CRS = "EPSG:4548"
# streets 50 m apart: no cell in between is far from all of them
GRID = np.array(
    [shapely.LineString([(x, 0), (x, 1000)]) for x in range(0, 1001, 50)]
    + [shapely.LineString([(0, y), (1000, y)]) for y in range(0, 1001, 50)],
    dtype=object,
)
ONE_STREET = np.array([shapely.LineString([(0, 500), (1000, 500)])], dtype=object)


def at(*places: tuple[float, float]) -> Metres:
    return Metres(np.array(places, dtype=float).reshape(-1, 2))


def test_the_surface_holds_as_many_findings_as_were_given() -> None:
    places = np.random.default_rng(1).uniform(200, 800, (400, 2))
    drawn = heat.surface(Metres(places), GRID, CRS)
    known = drawn.values[drawn.values != heat.NODATA]
    assert known.sum() * heat.CELL_M**2 / 1e4 == pytest.approx(400, rel=1e-5)
    assert drawn.n == 400


def test_the_density_at_a_finding_is_that_of_the_quartic_kernel() -> None:
    drawn = heat.surface(at((505, 505)), GRID, CRS, bandwidth_m=150, cell_m=10)
    expected = 3 / (np.pi * 150**2) * 1e4
    assert _at(drawn, 505, 505) == pytest.approx(expected, rel=0.01)


def test_there_is_no_value_where_there_is_no_street() -> None:
    drawn = heat.surface(at((500, 500)), ONE_STREET, CRS)
    assert _at(drawn, 500, 500) > 0
    assert _at(drawn, 500, 500 + heat.REACH_M - 15) > 0
    assert _at(drawn, 500, 500 + heat.REACH_M + 15) == heat.NODATA


def test_no_finding_is_zero_on_streets_not_missing() -> None:
    drawn = heat.surface(at(), ONE_STREET, CRS)
    assert _at(drawn, 500, 500) == 0
    assert drawn.top == 0


def test_the_grid_lies_on_multiples_of_its_cell_for_any_findings() -> None:
    moved = np.array([shapely.affinity.translate(line, 3.7, 1.2) for line in ONE_STREET], dtype=object)
    for streets in (ONE_STREET, moved):
        transform = heat.surface(at(), streets, CRS, cell_m=20).transform
        assert (transform.c % 20, transform.f % 20) == (0, 0)


def test_a_wide_city_gets_coarser_cells_instead_of_a_huge_grid() -> None:
    far = np.array([shapely.LineString([(0, 0), (60_000, 60_000)])], dtype=object)
    drawn = heat.surface(at((1000, 1000)), far, CRS, cell_m=10)
    assert drawn.values.size <= heat.MOST_CELLS
    assert drawn.transform.a == 40


def test_the_file_says_what_it_is(tmp_path: Path) -> None:
    drawn = heat.surface(at((500, 500)), GRID, CRS)
    path = tmp_path / "heat.tif"
    heat.write(drawn, path, {"network": "3"})
    with rasterio.open(path) as file:
        assert file.crs.to_epsg() == 4548
        assert file.nodata == heat.NODATA
        assert file.tags()["network"] == "3"
        assert float(file.tags()["top"]) == pytest.approx(drawn.top, rel=1e-4)
        assert file.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
        np.testing.assert_array_equal(file.read(1), drawn.values)
    assert list(tmp_path.iterdir()) == [path]


def _at(drawn: heat.Surface, x: float, y: float) -> float:
    column, row = (x - drawn.transform.c) / drawn.transform.a, (y - drawn.transform.f) / drawn.transform.e
    return float(drawn.values[int(row), int(column)])
