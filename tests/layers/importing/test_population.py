"""A raster of people that comes in, and what hotspots make of it."""

from datetime import datetime
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import rasterio
from rasterio.transform import Affine

from layers.analysis import hotspot_files, hotspots, residents
from layers.analysis.hotspots import Asked
from layers.analysis.questions import Analyst
from layers.city import population
from layers.errors import InvalidError, NotFoundError, UnreadableFileError
from layers.field import findings
from layers.importing.population import import_population
from layers.people import Account
from layers.site import Site
from tests.conftest import at, report

CELL = 0.001


def raster(path: Path, people: float = 100.0, **changes: object) -> Path:
    """Write a raster of degrees, 60 cells square around the town; nobody lives in its northern half."""
    west, south = at(-1500, -1500)
    values = np.zeros((60, 60), np.float32)
    values[30:] = people
    values[0, 0] = -9999
    profile = {
        "driver": "GTiff",
        "width": 60,
        "height": 60,
        "count": 1,
        "dtype": "float32",
        "crs": "EPSG:4326",
        "transform": Affine(CELL, 0, west, 0, -CELL, south + 60 * CELL),
        "nodata": -9999,
        **changes,
    }
    with rasterio.open(path, "w", **profile) as file:
        file.write(values, 1)
    return path


def test_a_raster_comes_in_and_again_changes_nothing(town: Site, now: datetime, tmp_path: Path) -> None:
    path = raster(tmp_path / "people.tif")
    done = import_population(town, path, now=now, attribution="WorldPop, CC BY 4.0")
    assert (done.n_added, done.n_same) == (done.n_read, 0)
    again = import_population(town, path, now=now, attribution="WorldPop, CC BY 4.0")
    assert (again.n_added, again.n_same) == (0, done.n_read)
    with town.store.read() as conn:
        known = population.newest(conn)
    assert known is not None
    assert (known.source, known.attribution) == ("people", "WorldPop, CC BY 4.0")
    assert known.cells.total == done.facts["people"]
    # only what lies around the streets is kept
    assert known.cells.values.shape < (60, 60)


def test_a_dry_run_writes_nothing(town: Site, now: datetime, tmp_path: Path) -> None:
    done = import_population(town, raster(tmp_path / "people.tif"), now=now, dry_run=True)
    assert done.facts["people"] > 0
    assert not residents.are_known(Analyst(town))
    with pytest.raises(NotFoundError):
        residents.find(Analyst(town))


def test_what_is_no_raster_of_people_here_is_refused_with_the_reason(
    town: Site, now: datetime, tmp_path: Path
) -> None:
    (tmp_path / "text.tif").write_text("people")
    with pytest.raises(UnreadableFileError):
        import_population(town, tmp_path / "text.tif", now=now)
    elsewhere = Affine(CELL, 0, 10.0, 0, -CELL, 50.0)
    for name, changes in {
        "nowhere": {"crs": None},
        "elsewhere": {"transform": elsewhere},
        "turned": {"transform": Affine(CELL, CELL, 117.0, 0, -CELL, 40.0)},
    }.items():
        with pytest.raises(InvalidError):
            import_population(town, raster(tmp_path / f"{name}.tif", **changes), now=now)
    with pytest.raises(InvalidError):
        import_population(town, raster(tmp_path / "empty.tif", people=0.0), now=now)


def test_reports_are_set_against_residents_and_streets_without_any_have_no_rate(
    town: Site, inspector: Account, now: datetime, tmp_path: Path
) -> None:
    many = [report(number, 100 + 40 * (number % 16), 203, now, channel="public") for number in range(1, 40)]
    findings.put_many(town, inspector, many, now=now)
    analyst = Analyst(town)
    plain = hotspots.find(analyst, Asked(stream="public"))
    import_population(town, raster(tmp_path / "people.tif", people=50.0), now=now)
    found = hotspots.find(analyst, Asked(stream="public", against="residents"))
    assert plain.residents is None
    assert plain.n_observed == len(town.network.blocks)
    assert found.declared
    assert found.residents is not None
    lives = found.residents.blocks["exposure"].to_numpy() > 0
    assert (found.blocks["observed_at_all"].to_numpy() == lives).all()
    assert 0 < found.residents.total <= found.residents.population.cells.total
    assert len(found.residents.areas) == len(town.districts.frame)
    path = tmp_path / "hotspots.gpkg"
    path.write_bytes(hotspot_files.geopackage(analyst, Asked(stream="public", against="residents"), now, []))
    assert gpd.read_file(path, layer="blocks")["residents"].sum() == pytest.approx(found.residents.total)
    assert len(gpd.read_file(path, layer="residents_of_areas")) == len(found.residents.areas)
