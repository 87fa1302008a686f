"""What a rule measures from and to: gates, outlines, doors, parcels, and what stands in for the unknown."""

from collections.abc import Mapping
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import ArrayLike, NDArray
from shapely import affinity

from geo.clearance.distance import geodesic_m
from geo.clearance.rules import Rule
from geo.errors import MissingColumnError, NoCRSError

Floats = NDArray[np.float64]

# The column that holds each end of the measurement, after which the premises' own geometry is taken
_TO_COLUMN = {"entrance": "entrance", "building": "building", "parcel": "parcel"}
_DOORS = ("door", "front_door", "main", "student", "gate")


def in_degrees(frame: gpd.GeoDataFrame, columns: tuple[str, ...]) -> gpd.GeoDataFrame:
    """Return a frame in WGS 84 with the columns it must have and a plain index."""
    for column in columns:
        if column not in frame:
            raise MissingColumnError("%(column)s is missing", column=column)
    if frame.crs is None:
        raise NoCRSError("coordinates without a reference system: say which one they are in")
    out = frame.to_crs(4326).reset_index(drop=True)
    out[out.geometry.name] = whole(out.geometry.to_numpy())
    for column in ("entrance", "building", "parcel"):
        if column in out:
            given = gpd.GeoSeries(out[column].to_numpy(), crs=frame.crs).to_crs(4326)
            out[column] = whole(given.to_numpy())
    return out


def whole(shapes: ArrayLike) -> NDArray[Any]:
    """Return geometries in degrees, each in one piece.

    What lies on both sides of the 180th meridian, cut there or not, has longitudes beyond 180 in the east.
    Of a collection, lines and points in its areas are part of them.

    Examples
    --------
    >>> island = shapely.MultiPolygon([shapely.box(179, -17, 180, -16), shapely.box(-180, -17, -178, -16)])
    >>> whole(np.array([island]))[0].bounds
    (179.0, -17.0, 182.0, -16.0)
    """
    out = np.array(shapes, dtype=object)
    west, _, east, _ = shapely.bounds(out).reshape(-1, 4).T
    wide = east - west > 180
    mixed = shapely.get_type_id(out) == shapely.GeometryType.GEOMETRYCOLLECTION
    for k in np.flatnonzero(wide | mixed).tolist():
        parts = shapely.get_parts(out[k])
        if wide[k]:
            parts = shapely.transform(parts, lambda xy: np.column_stack([xy[:, 0] % 360, xy[:, 1]]))
        out[k] = shapely.union_all(shapely.make_valid(parts))
    return out


def cut_at_180(shape: Any) -> Any:
    """Return a geometry in degrees without longitudes beyond 180, cut there, as RFC 7946 (3.1.9) asks.

    Examples
    --------
    >>> cut_at_180(shapely.LineString([(179, 0), (181, 0)])).wkt
    'MULTILINESTRING ((179 0, 180 0), (-180 0, -179 0))'
    """
    west, _, east, _ = shapely.bounds(shape)
    if not (west < -180 or east > 180):
        return shape
    parts = []
    for turn in (-360, 0, 360):
        part = shapely.intersection(shape, shapely.box(turn - 180, -90, turn + 180, 90))
        parts.append(affinity.translate(part, -turn))
    return shapely.union_all(parts)


def outline(shape: Any) -> Any:
    """Return the edges of a geometry's areas, its lines and its points.

    Examples
    --------
    >>> ground = shapely.from_wkt("GEOMETRYCOLLECTION (POLYGON ((0 0, 1 0, 1 1, 0 0)), POINT (5 5))")
    >>> sorted(part.wkt for part in shapely.get_parts(outline(ground)))
    ['LINESTRING (0 0, 1 0, 1 1, 0 0)', 'POINT (5 5)']
    """
    if shapely.get_type_id(shape) == shapely.GeometryType.GEOMETRYCOLLECTION:
        return shapely.union_all([outline(part) for part in shapely.get_parts(shape)])
    return shapely.boundary(shape) if shapely.get_dimensions(shape) == 2 else shape


def origins(  # noqa: PLR0917
    rule: Rule,
    places: gpd.GeoDataFrame,
    gates: gpd.GeoDataFrame | None,
    reading: Mapping[str, str],
    place_sd_m: float,
    gate_sd_m: float,
) -> pd.DataFrame:
    """Return a row per point or outline to measure from.

    Columns: `place` (row), `gate_id` (None unless a gate), `shape` (degrees), `used` (what it is), `bound`
    (True: only proves that somebody is outside), `sd_m`.
    """
    rows: list[dict[str, Any]] = []
    counted = _counted_gates(gates, rule)
    for place in range(len(places)):
        kind = str(places["kind"].iloc[place])
        wanted = reading.get("measured_from") or rule.origin(kind)
        rows += _origin_rows(wanted, place, places, counted, place_sd_m, gate_sd_m)
    return pd.DataFrame(rows, columns=["place", "gate_id", "shape", "used", "bound", "sd_m"])


def _counted_gates(gates: gpd.GeoDataFrame | None, rule: Rule) -> dict[Any, list[dict[str, Any]]]:
    """Return the gates that the rule counts, by place."""
    by_place: dict[Any, list[dict[str, Any]]] = {}
    if gates is None:
        return by_place
    for row in gates.to_dict("records"):
        if row.get("role") not in rule.exclude_gates:
            by_place.setdefault(row["place_id"], []).append(row)
    return by_place


def _origin_rows(  # noqa: PLR0917
    wanted: str,
    place: int,
    places: gpd.GeoDataFrame,
    gates: dict[Any, list[dict[str, Any]]],
    place_sd_m: float,
    gate_sd_m: float,
) -> list[dict[str, Any]]:
    """Return what a place is measured from, or what stands in for it."""
    own = gates.get(places["place_id"].iloc[place], [])
    fitting = [gate for gate in own if _fits(wanted, gate.get("role"))]
    if wanted in ("gate", "gate_student", "door") and fitting:
        return [
            {
                "place": place,
                "gate_id": gate.get("gate_id"),
                "shape": gate["geometry"],
                "used": wanted,
                "bound": False,
                "sd_m": gate_sd_m if pd.isna(gate.get("sd_m")) else gate["sd_m"],
            }
            for gate in fitting
        ]
    shape, used = _place_shape(wanted, places.iloc[place])
    # the boundary is nearer than any gate: from it only "outside" is proved
    bound = used == "boundary" and wanted not in ("boundary", "parcel")
    return [
        {"place": place, "gate_id": None, "shape": shape, "used": used, "bound": bound, "sd_m": place_sd_m}
    ]


def _fits(wanted: str, role: Any) -> bool:
    """Tell whether a gate of this role is one that the rule means; an unknown role is a gate like others."""
    if wanted == "gate_student":
        return bool(role == "student")
    if wanted == "door":
        return role in _DOORS
    return bool(role != "door")


def _place_shape(wanted: str, place: "pd.Series[Any]") -> tuple[Any, str]:
    """Return a place's geometry for this origin and what it is."""
    given = place.get(wanted) if wanted in ("building", "parcel") else None
    if given is not None and not shapely.is_missing(given):
        return given, wanted
    shape = place["geometry"]
    if shapely.get_dimensions(shape) < 1:
        return shape, "point"
    if wanted == "centroid":
        return shapely.centroid(shape), "centroid"
    return shape, "boundary"


def targets(rule: Rule, premises: gpd.GeoDataFrame) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return for each row the geometry that the rule measures to, and what it is."""
    shape = premises.geometry.to_numpy().copy()
    used = np.where(shapely.get_dimensions(shape) < 1, "point", "premises").astype(object)
    column = _TO_COLUMN.get(rule.measured_to)
    if column is not None and column in premises:
        given = premises[column].to_numpy()
        known = ~shapely.is_missing(given)
        shape[known], used[known] = given[known], rule.measured_to
    return shape, used


def middles(shapes: NDArray[Any]) -> tuple[Floats, Floats]:
    """Return the middle of each geometry's box in degrees, and how far its corners are from it, metres."""
    box = shapely.bounds(shapes).reshape(-1, 4)
    middle = (box[:, :2] + box[:, 2:]) / 2
    beyond = (np.abs(middle[:, 0]) > 180) & (box[:, 0] <= 180) & (box[:, 2] >= -180)
    middle[beyond, 0] -= np.copysign(360.0, middle[beyond, 0])
    size = (
        np.maximum(geodesic_m(middle, box[:, :2]), geodesic_m(middle, box[:, 2:]))
        if len(box)
        else np.empty(0)
    )
    return middle, size
