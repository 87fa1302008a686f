import geopandas as gpd
import numpy as np
import pyproj
import pytest
import shapely

from geo.crs import LonLat
from layers.analysis import school_zones

GEOD = pyproj.Geod(ellps="WGS84")
LON, LAT = 117.135, 39.225


def around(lon: float, lat: float, metres: float, azimuths: np.ndarray) -> np.ndarray:
    ones = np.ones(len(azimuths))
    x, y, _ = GEOD.fwd(lon * ones, lat * ones, azimuths, metres * ones)
    return np.column_stack([x, y])


def campus(side_m: float = 150.0) -> shapely.Polygon:
    plane = pyproj.CRS(f"+proj=aeqd +lat_0={LAT} +lon_0={LON} +datum=WGS84")
    square = shapely.box(-side_m / 2, -side_m / 2, side_m / 2, side_m / 2)
    return gpd.GeoSeries([square], crs=plane).to_crs(4326).iloc[0]


def schools(*geometries: shapely.Geometry) -> gpd.GeoDataFrame:
    return gpd.GeoDataFrame(
        {"name": list("abcdefgh"[: len(geometries)])}, geometry=list(geometries), crs=4326
    )


def test_the_boundary_of_a_zone_belongs_to_it() -> None:
    azimuths = np.arange(0, 360, 5.0)
    for metres, expected in ((200.0 - 1e-6, 72), (200.0 + 1e-6, 0)):
        places = LonLat(around(LON, LAT, metres, azimuths))
        found = school_zones.find(schools(shapely.Point(LON, LAT)), places, 200.0)
        assert len(found.inside) == expected


def test_a_finding_beyond_the_drawn_polygon_but_within_the_distance_is_inside() -> None:
    drawn = school_zones.zone(shapely.Point(LON, LAT), 200.0)
    # half-way between two vertices of the drawing the chord runs 15 mm inside the circle
    between = 360 / (4 * school_zones.QUAD_SEGS) / 2
    place = LonLat(around(LON, LAT, 199.995, np.array([between])))
    assert not drawn.covers(shapely.Point(*place[0]))
    assert len(school_zones.find(schools(shapely.Point(LON, LAT)), place, 200.0).inside) == 1


def test_the_drawn_circle_is_true_to_two_centimetres() -> None:
    drawn = school_zones.zone(shapely.Point(LON, LAT), 200.0)
    corners = shapely.get_coordinates(drawn)[:-1]
    assert len(corners) == 4 * school_zones.QUAD_SEGS
    ones = np.ones(len(corners))
    metres = GEOD.inv(LON * ones, LAT * ones, corners[:, 0], corners[:, 1])[2]
    assert np.abs(metres - 200).max() < 0.02


def test_a_zone_by_boundary_has_the_area_of_the_formula() -> None:
    drawn = school_zones.zone(campus(150), 200.0)
    area = abs(GEOD.geometry_area_perimeter(drawn)[0])
    assert area == pytest.approx(150**2 + 4 * 150 * 200 + np.pi * 200**2, rel=3e-4)


def test_distance_is_from_the_boundary_where_the_ground_is_known_else_from_the_point() -> None:
    place = LonLat(around(LON, LAT, 250.0, np.array([90.0])))
    found = school_zones.find(schools(campus(), shapely.Point(LON, LAT)), place, 200.0)
    assert found.schools["measured_from"].tolist() == ["boundary", "point"]
    assert found.schools["n"].tolist() == [1, 0]
    assert found.inside["distance_m"].tolist() == pytest.approx([175.0], abs=0.01)


def test_on_the_ground_itself_the_distance_is_zero() -> None:
    found = school_zones.find(schools(campus()), LonLat(np.array([[LON, LAT]])), 200.0)
    assert found.inside["distance_m"].tolist() == [0.0]


def test_the_same_finding_may_lie_in_several_zones() -> None:
    places = LonLat(np.array([[LON, LAT], [LON + 0.1, LAT]]))
    found = school_zones.find(schools(shapely.Point(LON, LAT), campus()), places, 50.0)
    assert found.inside[["school", "finding"]].values.tolist() == [[0, 0], [1, 0]]


def test_the_answer_is_that_of_every_distance_measured() -> None:
    rng = np.random.default_rng(3)
    centres = np.array([LON, LAT]) + rng.uniform(-0.02, 0.02, (25, 2))
    places = np.array([LON, LAT]) + rng.uniform(-0.02, 0.02, (2000, 2))
    found = school_zones.find(schools_at(centres), LonLat(places), 300.0)
    pairs = set(map(tuple, found.inside[["school", "finding"]].to_numpy()))
    expected = set()
    for school, (lon, lat) in enumerate(centres):
        ones = np.ones(len(places))
        metres = GEOD.inv(lon * ones, lat * ones, places[:, 0], places[:, 1])[2]
        expected |= {(school, finding) for finding in np.flatnonzero(metres <= 300)}
    assert pairs == expected


def schools_at(centres: np.ndarray) -> gpd.GeoDataFrame:
    return gpd.GeoDataFrame({"name": range(len(centres))}, geometry=shapely.points(centres), crs=4326)


def test_no_schools_and_no_findings_are_fine() -> None:
    nothing = school_zones.find(schools(), LonLat(np.empty((0, 2))), 200.0)
    assert nothing.inside.empty
    assert nothing.schools.empty
    alone = school_zones.find(schools(campus()), LonLat(np.empty((0, 2))), 200.0)
    assert alone.schools["n"].tolist() == [0]
