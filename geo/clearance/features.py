"""What a rule measures from and to: gates, outlines, doors, parcels, and what stands in for the unknown."""

from collections.abc import Mapping
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

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
    for column in ("entrance", "building", "parcel"):
        if column in out:
            out[column] = gpd.GeoSeries(out[column].to_numpy(), crs=frame.crs).to_crs(4326).to_numpy()
    return out


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
                "sd_m": gate.get("sd_m", gate_sd_m),
            }
            for gate in fitting
        ]
    shape, used = _outline(wanted, places.iloc[place])
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


def _outline(wanted: str, place: "pd.Series[Any]") -> tuple[Any, str]:
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
    size = (
        np.maximum(geodesic_m(middle, box[:, :2]), geodesic_m(middle, box[:, 2:]))
        if len(box)
        else np.empty(0)
    )
    return middle, size
