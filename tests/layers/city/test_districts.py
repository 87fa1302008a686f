from datetime import datetime

import geopandas as gpd
import numpy as np
import pytest
import shapely

from geo.crs import LonLat
from geo.errors import GeometryKindError
from layers.city import districts
from layers.city.layer import Changes
from layers.errors import InvalidError
from layers.site import Site
from tests.conftest import at, in_town


def names_at(site: Site, *places: tuple[float, float]) -> list[set[str]]:
    known = site.districts
    rows, ids = known.containing(LonLat(np.array([at(*place) for place in places])))
    names = known.frame.set_index("fid")["name"]
    return [{names[fid] for fid in ids[rows == row]} for row in range(len(places))]


def test_a_place_is_in_an_area_of_every_level(town: Site) -> None:
    assert names_at(town, (100, 100), (800, 100), (5000, 100)) == [
        {"果园新村街道", "西社区"},
        {"果园新村街道", "东社区"},
        set(),
    ]


def test_the_edge_belongs_to_both_neighbours(site: Site, now: datetime) -> None:
    # in degrees, so that the point lies on the common edge to the last digit
    boxes = [shapely.box(117.0, 39.0, 117.1, 39.1), shapely.box(117.1, 39.0, 117.2, 39.1)]
    frame = gpd.GeoDataFrame(
        {"source_id": ["a", "b"], "level": "grid", "name": ["甲", "乙"]}, geometry=boxes, crs=4326
    )
    districts.replace(site, "survey", frame, now=now)
    rows, _ = site.districts.containing(LonLat(np.array([[117.1, 39.05]])))
    assert rows.tolist() == [0, 0]


def test_the_same_again_changes_nothing(town: Site, areas: gpd.GeoDataFrame, now: datetime) -> None:
    before = town.facts()
    assert districts.replace(town, "town", areas, now=now) == Changes(n_same=3)
    assert town.facts() == before


def test_only_the_levels_that_come_are_touched(town: Site, areas: gpd.GeoDataFrame, now: datetime) -> None:
    communities = areas[areas["level"] == "community"]
    assert districts.replace(town, "town", communities.iloc[:1], now=now) == Changes(0, 0, 1, 1)
    assert names_at(town, (800, 100)) == [{"果园新村街道"}]


def test_areas_in_another_system_come_home(site: Site, areas: gpd.GeoDataFrame, now: datetime) -> None:
    districts.replace(site, "town", areas.to_crs("EPSG:4548"), now=now)
    assert names_at(site, (100, 100)) == [{"果园新村街道", "西社区"}]


def test_an_area_in_several_parts_is_one_area(site: Site, now: datetime) -> None:
    parts = in_town([shapely.MultiPolygon([shapely.box(0, 0, 10, 10), shapely.box(50, 0, 60, 10)])])
    frame = gpd.GeoDataFrame({"source_id": ["a"], "level": ["estate"], "name": ["园"]}, geometry=parts)
    districts.replace(site, "town", frame, now=now)
    assert names_at(site, (5, 5), (30, 5), (55, 5)) == [{"园"}, set(), {"园"}]


def test_what_is_no_area_is_refused(site: Site, areas: gpd.GeoDataFrame, now: datetime) -> None:
    with pytest.raises(GeometryKindError, match="row 1"):
        shapes = [areas.geometry[0], areas.geometry[1].boundary, areas.geometry[2]]
        districts.replace(site, "town", areas.set_geometry(shapes, crs=4326), now=now)
    with pytest.raises(InvalidError) as caught:
        districts.replace(site, "town", areas.assign(level="empire"), now=now)
    assert caught.value.field == "level"
    assert len(site.districts.frame) == 0
