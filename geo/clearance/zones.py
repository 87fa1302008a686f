"""What a rule reaches around a place, to be drawn: whether something is inside is decided by distance."""

from collections.abc import Mapping
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import ArrayLike, NDArray

from geo.clearance.distance import GEOD, around, flattened, geodesic_m
from geo.clearance.features import cut_at_180, in_degrees, origins, outline, whole
from geo.clearance.rules import Rule, protects
from geo.clearance.starts import starts
from geo.footways import FootNetwork
from geo.walking import reach

Floats = NDArray[np.float64]

# 256 vertices to a circle: the drawing of 200 m is then at most 15 mm inside the truth
QUAD_SEGS = 64


def zone(shape: Any, radius_m: float) -> Any:
    """Return everything within a straight distance of a geometry in degrees, itself in degrees.

    Around a point it is the geodesic circle; around a ground the buffer in the azimuthal equidistant
    projection centred on it, which is true to a centimetre at these sizes.  It is cut at the 180th meridian.

    Parameters
    ----------
    shape : geometry, WGS 84
    radius_m : float

    Examples
    --------
    >>> circle = zone(shapely.Point(117.0, 39.0), 200.0)
    >>> round(abs(GEOD.geometry_area_perimeter(circle)[0])), round(np.pi * 200**2)
    (125651, 125664)
    """
    ground = whole([shape])[0]
    centre = np.array(shapely.get_coordinates(shapely.centroid(ground))[0])
    grown = shapely.buffer(flattened(centre, ground), radius_m, quad_segs=QUAD_SEGS)
    return cut_at_180(shapely.transform(grown, lambda metres: _in_degrees(centre, metres)))


def _in_degrees(centre: Floats, metres: Floats) -> Floats:
    """Return positions in metres around a centre (azimuthal equidistant) in degrees, even beyond 180."""
    azimuth = np.degrees(np.arctan2(metres[:, 0], metres[:, 1]))
    ones = np.ones(len(metres))
    lon, lat, _ = GEOD.fwd(centre[0] * ones, centre[1] * ones, azimuth, np.hypot(metres[:, 0], metres[:, 1]))
    return np.column_stack([centre[0] + np.remainder(lon - centre[0] + 180, 360) - 180, lat])


def distances_m(shape: Any, places: ArrayLike) -> Floats:
    """Return the straight distance in metres of places, shape (n, 2) in degrees, from a geometry.

    Examples
    --------
    >>> ground = shapely.box(117.0, 39.0, 117.001, 39.001)
    >>> distances_m(ground, [[117.0005, 39.0005], [117.002, 39.0005]]).round()
    array([ 0., 87.])
    """
    there = np.asarray(places, dtype=float).reshape(-1, 2)
    if shapely.get_type_id(shape) == 0:
        return geodesic_m(shapely.get_coordinates(shape), there) if len(there) else np.empty(0)
    one = whole([shape])[0]
    centre = np.array(shapely.get_coordinates(shapely.centroid(one))[0])
    ground = flattened(centre, one)
    shapely.prepare(ground)
    points = shapely.points(around(centre, there)) if len(there) else np.empty(0, dtype=object)
    return np.asarray(shapely.distance(ground, points), dtype=float)


def zones(
    rule: Rule,
    places: gpd.GeoDataFrame,
    *,
    gates: gpd.GeoDataFrame | None = None,
    foot: FootNetwork | None = None,
    readings: Mapping[str, str] | None = None,
) -> gpd.GeoDataFrame:
    """Return what a rule reaches around each place that it protects.

    A rule that measures straight, or does not say how, reaches an area; one that is walked reaches ways, cut
    where the walk ends.  Without ways, or where a place is on none, the area within the straight distance
    stands for them: nobody walks farther than that.

    Parameters
    ----------
    rule : Rule
    places : GeoDataFrame, any CRS
        `place_id, kind`, geometry; see `audit`.
    gates : GeoDataFrame, any CRS, optional
        `place_id`, geometry; optional `gate_id`, `role`.
    foot : FootNetwork, optional
    readings : mapping, optional
        What an operator chose where the text is silent; else the rule's own `assumed`.

    Returns
    -------
    GeoDataFrame, EPSG:4326
        `place_id`, `measured_from` (what was used), `walked` (True: ways; False: an area), `limit_m`.

    Examples
    --------
    >>> from geo.clearance.rules import read_rules
    >>> (rule,) = read_rules([{"id": "x", "activity": ["tobacco"], "protected_kinds": ["school"],
    ...     "distance_m": 100, "measured_from": "gate", "measured_to": "entrance", "measure": "euclidean"}])
    >>> school = gpd.GeoDataFrame({"place_id": [1], "kind": ["primary"]},
    ...     geometry=[shapely.Point(117.0, 39.0)], crs=4326)
    >>> found = zones(rule, school, gates=school[["place_id", "geometry"]])
    >>> found[["place_id", "measured_from", "walked", "limit_m"]].to_numpy().tolist()
    [[1, 'gate', False, 100.0]]
    """
    here = in_degrees(places, ("place_id", "kind"))
    here = here[[protects(rule, kind) for kind in here["kind"]]].reset_index(drop=True)
    doors = None if gates is None else in_degrees(gates, ("place_id",))
    reading = {**(rule.assumed or {}), **(readings or {})}
    silent: dict[str, str] = {
        key: reading[key]
        for key in ("measured_from", "measure")
        if getattr(rule, key) == "unspecified" and key in reading
    }
    begins = origins(rule, here, doors, silent, 0.0, 0.0)
    walked = silent.get("measure", rule.measure) in ("network_walk", "along_street")
    limit = float(max([rule.distance_m, *(rule.distance_m_by_variant or {}).values()]))
    rows = []
    for number, own in begins.groupby("place", sort=True):
        place = here["place_id"].iloc[int(str(number))]
        shapes = own["shape"].to_numpy()
        ways = _ways(shapes, foot, limit) if walked and foot is not None else None
        area = shapely.union_all([zone(shape, limit) for shape in shapes]) if ways is None else ways
        rows.append((place, own["used"].iloc[0], ways is not None, limit, area))
    table = pd.DataFrame(rows, columns=["place_id", "measured_from", "walked", "limit_m", "geometry"])
    return gpd.GeoDataFrame(table, geometry="geometry", crs=4326)


def _ways(shapes: NDArray[Any], foot: FootNetwork, limit_m: float) -> Any | None:
    """Return the ways within a walk of the nearest of the shapes; None if none of them is on a way."""
    flat = gpd.GeoSeries(shapes, crs=4326).to_crs(foot.pieces.crs)
    points = [starts(outline(one), foot) for one in flat]
    found = reach(np.vstack(points), foot, limit_m)
    if not len(found):
        return None
    drawn = whole(found.geometry.to_crs(4326).to_numpy())
    return shapely.union_all([cut_at_180(way) for way in drawn])
