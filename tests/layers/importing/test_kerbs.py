"""Files of car parks, bays and no-parking stretches, and what they do to advice on parking."""

from datetime import datetime
from pathlib import Path

import geopandas as gpd
import pytest
import shapely

from layers.analysis import parking
from layers.analysis.hotspots import Asked
from layers.analysis.questions import Analyst
from layers.city import kerbs as store
from layers.errors import InvalidError
from layers.field import findings
from layers.importing import city, kerbs
from layers.importing.options import ImportOptions
from layers.people import Account
from layers.site import Site
from tests.conftest import EAST_WEST, in_town, report
from tests.layers.analysis.test_hotspots import walk_everywhere


def written(folder: Path, shapes: list[shapely.Geometry], **columns: list[object]) -> Path:
    path = folder / "kerbs.gpkg"
    gpd.GeoDataFrame(columns, geometry=in_town(shapes), crs="EPSG:4326").to_file(path)
    return path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Give a lot with a number, two bays of which one says nothing, and a no-parking stretch."""
    shapes = [
        shapely.box(620, 10, 670, 60),
        shapely.box(500, 396, 506, 398.3),
        shapely.box(510, 396, 516, 398.3),
        shapely.LineString([(410, 803), (590, 803)]),
    ]
    kinds: list[object] = ["停车场", "泊位", "bay", "no_parking"]
    return written(tmp_path, shapes, 类型=kinds, 车位数=["40", "2", None, None], id=["a", "b", "c", "d"])


def test_kinds_in_chinese_and_numbers_of_bays_are_understood(path: Path) -> None:
    layer = kerbs.read(path, ImportOptions())
    assert layer.frame["kind"].tolist() == ["lot", "bay", "bay", "no_parking"]
    assert layer.frame["n_bays"].tolist() == [40, 2, 1, 0]
    assert layer.refused == []


def test_what_is_no_kind_and_no_number_is_refused_with_its_row(tmp_path: Path) -> None:
    here = [shapely.Point(10, 10), shapely.Point(20, 10)]
    layer = kerbs.read(written(tmp_path, here, kind=["lot", "hangar"], bays=["many", "3"]), ImportOptions())
    assert [(one.row, str(one.reason)) for one in layer.refused] == [
        (1, "many is not a number of bays"),
        (2, "hangar is not known; known: lot, bay, no_parking"),
    ]
    with pytest.raises(InvalidError, match="--kind: lot, bay, no_parking"):
        kerbs.read(written(tmp_path, here, name=["x", "y"]), ImportOptions())


def test_room_and_forbidden_stretches_change_the_advice_and_the_same_file_changes_nothing(
    path: Path, town: Site, inspector: Account, now: datetime
) -> None:
    walk_everywhere(town, inspector, now)
    cars = [report(n, 500, 803, now, code="0409", n_items=3) for n in range(1, 4)]
    cars += [report(n, 500, 403, now, code="0409", n_items=3) for n in range(11, 14)]
    findings.put_many(town, inspector, cars, now=now)
    before = parking.find(Analyst(town), Asked(), "car")
    assert set(before.places["advice"]) == {"paint"}
    for n_added in (4, 0):
        done = city.import_layer(town, "kerbs", path, ImportOptions(), now=now)
        assert (done.n_added, done.n_same) == (n_added, 4 - n_added)
    found = parking.find(Analyst(town), Asked(), "car")
    named = found.places.set_index("name")["advice"]
    assert (named[EAST_WEST[4]], named[EAST_WEST[2]]) == ("nearby", "paint")
    assert found.supply.places == {"told": 3, "ground": 0, "point": 0}
    assert (found.supply.n_bays["told"], found.supply.n_marked) == (43, 1)
    assert set(found.blocks["no_bay"]) == {"", "gate", "marked"}
    with town.store.read() as conn:
        assert len(store.in_force(conn)) == 4
