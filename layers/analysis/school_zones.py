"""Zones around schools, and the findings inside: decided by distance, the polygon is only a drawing."""

from dataclasses import dataclass
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pyproj
import shapely
from numpy.typing import NDArray

from geo.crs import LonLat

SCHOOL_KINDS = ("kindergarten", "primary", "secondary", "school")
# 256 vertices to a circle: the drawing of 200 m is then at most 15 mm inside the truth
QUAD_SEGS = 64
_GEOD = pyproj.Geod(ellps="WGS84")


@dataclass(frozen=True, slots=True)
class SchoolZones:
    """`schools`: one row each, in the order given, with `zone` to draw and `n` findings inside.

    `inside`: one row per school and finding in its zone: `school`, `finding` (positions in the inputs) and
    `distance_m` (0 on the ground itself).
    """

    schools: gpd.GeoDataFrame
    inside: pd.DataFrame


def find(schools: gpd.GeoDataFrame, places: LonLat, radius_m: float) -> SchoolZones:
    """Return the zones of `schools` and which of `places` lie at most `radius_m` away.

    Distances are geodesic.  They are measured from the boundary of a school's ground where that is
    known, else from its point; `measured_from` says which.

    Parameters
    ----------
    schools : GeoDataFrame, EPSG:4326
        Points or (multi)polygons; other columns are kept.
    places : LonLat, shape (n, 2)
    radius_m : float
        The boundary belongs to the zone.
    """
    geometries = schools.geometry.to_numpy()
    tree = shapely.STRtree(np.asarray(shapely.points(places), dtype=object))
    hits: list[pd.DataFrame] = []
    zones = np.empty(len(geometries), dtype=object)
    for row, geometry in enumerate(geometries):
        zones[row] = zone(geometry, radius_m)
        near = np.sort(tree.query(shapely.box(*_widened(zones[row]))))
        metres = distances(geometry, LonLat(places[near]))
        inside = metres <= radius_m
        hits.append(pd.DataFrame({"school": row, "finding": near[inside], "distance_m": metres[inside]}))
    table = pd.concat(hits, ignore_index=True) if hits else _nothing()
    n = table["school"].value_counts().reindex(range(len(geometries)), fill_value=0).to_numpy()
    is_ground = shapely.get_dimensions(geometries) == 2
    described = schools.assign(
        zone=zones, n=n, measured_from=np.where(is_ground, "boundary", "point"), radius_m=radius_m
    )
    return SchoolZones(described, table)


def zone(geometry: Any, radius_m: float) -> Any:
    """Return the zone of one school to draw, in degrees.

    Around a point it is the geodesic circle; around a ground the buffer in the azimuthal equidistant
    projection centred on it, which is true to a centimetre at these sizes.
    """
    if geometry.geom_type == "Point":
        azimuths = np.linspace(0, 360, 4 * QUAD_SEGS, endpoint=False)
        ones = np.ones(len(azimuths))
        lon, lat, _ = _GEOD.fwd(geometry.x * ones, geometry.y * ones, azimuths, radius_m * ones)
        return shapely.polygons(np.column_stack([lon, lat]))
    plane = _plane(geometry)
    grown = shapely.buffer(_moved(geometry, plane, "FORWARD"), radius_m, quad_segs=QUAD_SEGS)
    return _moved(grown, plane, "INVERSE")


def distances(geometry: Any, places: LonLat) -> NDArray[np.float64]:
    """Return the geodesic distance in metres of each place from a school's point or ground (0 inside)."""
    if geometry.geom_type == "Point":
        ones = np.ones(len(places))
        metres = _GEOD.inv(geometry.x * ones, geometry.y * ones, places[:, 0], places[:, 1])[2]
        return np.asarray(metres, dtype=float)
    plane = _plane(geometry)
    x, y = plane.transform(places[:, 0], places[:, 1])
    ground = _moved(geometry, plane, "FORWARD")
    shapely.prepare(ground)
    return np.asarray(shapely.distance(ground, shapely.points(x, y)), dtype=float)


def _plane(geometry: Any) -> pyproj.Transformer:
    centre = geometry.centroid
    plane = f"+proj=aeqd +lat_0={centre.y:.9f} +lon_0={centre.x:.9f} +datum=WGS84 +units=m"
    return pyproj.Transformer.from_crs("EPSG:4326", plane, always_xy=True)


def _moved(geometry: Any, plane: pyproj.Transformer, direction: str) -> Any:
    return shapely.transform(
        geometry, lambda xy: np.column_stack(plane.transform(xy[:, 0], xy[:, 1], direction=direction))
    )


def _widened(drawn: Any) -> NDArray[np.float64]:
    """Return the box of a drawn zone, wider by more than the drawing falls short of the truth."""
    box = np.asarray(shapely.bounds(drawn), dtype=float)
    return box + np.array([-1, -1, 1, 1]) * 1e-5


def _nothing() -> pd.DataFrame:
    return pd.DataFrame(
        {"school": np.array([], int), "finding": np.array([], int), "distance_m": np.array([], float)}
    )
