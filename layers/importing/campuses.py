"""Key points as they are on the ground: one row a place, with the gates of its own outline."""

from collections.abc import Callable

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from geo.crs import LonLat, Projection, metric_crs

# A gate is mapped on the outline; a few metres allow for a wall drawn beside the plot
GATE_REACH_M = 5.0
# Below this a point beside an outline of the same kind and name is the same place
TWIN_REACH_M = 15.0
# Stairs down to a metro lie around the station, whose outline is under ground
METRO_REACH_M = 250.0
Objects = NDArray[np.object_]

_SCHOOLS = frozenset({"primary", "secondary", "school"})
WITH_GATES = _SCHOOLS | {"kindergarten", "college", "market", "supermarket", "hospital", "clinic", "park"}


def in_metres(frame: gpd.GeoDataFrame) -> Objects:
    """Return the geometries of a frame in longitude and latitude, in the metric CRS of their middle."""
    if frame.empty:
        return np.empty(0, dtype=object)
    corners = LonLat(frame.total_bounds.reshape(2, 2))
    projection = Projection(metric_crs(corners))
    return np.asarray(
        shapely.transform(frame.geometry.to_numpy(), lambda lonlat: projection.to_metres(LonLat(lonlat)))
    )


def drop_twins(key_points: gpd.GeoDataFrame) -> tuple[gpd.GeoDataFrame, int]:
    """Leave one row for a place that is given as a point and as an area, or as an area inside another.

    Twins are of the same kind (a school whose level is not given is of any level), lie inside or within
    `TWIN_REACH_M` of the area, and do not have different names.  The area stays and takes over the
    name and the more exact kind.  Two points, or two areas side by side, stay two places.

    Returns
    -------
    GeoDataFrame, int
        The rows left, and how many went.
    """
    if key_points.empty:
        return key_points, 0
    shapes = in_metres(key_points)
    size = shapely.area(shapes)
    areas = np.flatnonzero(size > 0)
    tree = shapely.STRtree(shapes[areas])
    small, large = tree.query(shapes, predicate="dwithin", distance=TWIN_REACH_M)
    large = areas[large]
    agree = _agreement(key_points)
    keeper: dict[int, int] = {}
    for twin, area in zip(small.tolist(), large.tolist(), strict=True):
        # of two areas the smaller goes; of two equal ones the later, so that one stays
        smaller = (size[twin], -twin) < (size[area], -area)
        inside = size[twin] == 0 or shapes[area].buffer(1.0).contains(shapes[twin])
        if twin not in keeper and smaller and agree(twin, area) and inside:
            keeper[twin] = area
    return _merged(key_points, keeper), len(keeper)


def _agreement(key_points: gpd.GeoDataFrame) -> Callable[[int, int], bool]:
    """Return a test whether kinds and names of two rows can be those of one place."""
    kinds, names = key_points["kind"].tolist(), key_points["name"].tolist()

    def agree(one: int, other: int) -> bool:
        both = {kinds[one], kinds[other]}
        same_kind = len(both) == 1 or ("school" in both and both <= _SCHOOLS)
        return same_kind and (not names[one] or not names[other] or names[one] == names[other])

    return agree


def _merged(key_points: gpd.GeoDataFrame, keeper: dict[int, int]) -> gpd.GeoDataFrame:
    merged = key_points.copy()
    for twin, area in sorted(keeper.items()):
        while area in keeper:
            area = keeper[area]  # noqa: PLW2901 (the chain ends at the largest)
        if not merged.at[area, "name"]:
            merged.at[area, "name"] = merged.at[twin, "name"]
        if merged.at[area, "kind"] == "school":
            merged.at[area, "kind"] = merged.at[twin, "kind"]
    return merged.drop(index=list(keeper)).reset_index(drop=True)


def attach_gates(key_points: gpd.GeoDataFrame, candidates: gpd.GeoDataFrame) -> tuple[gpd.GeoDataFrame, int]:
    """Keep gates and entrances with the key point whose outline they lie on or beside.

    A gate within `GATE_REACH_M` of the outlines of two campuses belongs to both; a metro entrance
    belongs to the nearest station within `METRO_REACH_M`.  Doors inside a campus are not its gates.

    Parameters
    ----------
    key_points : GeoDataFrame
        Columns `source_id`, `kind`.
    candidates : GeoDataFrame
        Points with `source_id`, `kind`, `name`, `is_metro`, in the CRS of `key_points`.

    Returns
    -------
    GeoDataFrame, int
        Columns `key_point_source_id, source_id, kind, name, geom`; and how many candidates are no gate.
    """
    both = gpd.GeoDataFrame(
        geometry=pd.concat([key_points.geometry, candidates.geometry]).to_numpy(), crs=key_points.crs
    )
    shapes = in_metres(both)
    places, points = shapes[: len(key_points)], shapes[len(key_points) :]
    kinds = key_points["kind"].to_numpy(dtype=object)
    is_metro = np.array(candidates["is_metro"], dtype=bool)
    pairs = np.concatenate(
        [_at_outlines(kinds, places, points, ~is_metro), _at_stations(kinds, places, points, is_metro)]
    )
    gates = candidates.iloc[pairs[:, 1]].drop(columns="is_metro")
    owners = key_points["source_id"].to_numpy()[pairs[:, 0]]
    gates.insert(0, "key_point_source_id", owners)
    gates = gates.sort_values(["key_point_source_id", "source_id"], ignore_index=True)
    return gates, len(candidates) - len(np.unique(pairs[:, 1]))


def _at_outlines(
    kinds: Objects, places: Objects, points: Objects, chosen: NDArray[np.bool_]
) -> NDArray[np.intp]:
    """Return pairs (key point, gate) of campuses and the chosen points at their outlines."""
    campuses = np.flatnonzero(np.isin(kinds, list(WITH_GATES)) & (shapely.area(places) > 0))
    gates = np.flatnonzero(chosen)
    outlines = shapely.STRtree(shapely.boundary(places[campuses]))
    gate, campus = outlines.query(points[gates], predicate="dwithin", distance=GATE_REACH_M)
    return np.column_stack([campuses[campus], gates[gate]])


def _at_stations(
    kinds: Objects, places: Objects, points: Objects, chosen: NDArray[np.bool_]
) -> NDArray[np.intp]:
    """Return pairs (station, stair) of each chosen point and its nearest metro station."""
    stations, stairs = np.flatnonzero(kinds == "metro"), np.flatnonzero(chosen)
    if not len(stations) or not len(stairs):
        return np.empty((0, 2), dtype=np.intp)
    stair, station = shapely.STRtree(places[stations]).query_nearest(
        points[stairs], max_distance=METRO_REACH_M, all_matches=False
    )
    return np.column_stack([stations[station], stairs[stair]])
