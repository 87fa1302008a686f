"""Straight distances of all pairs near enough to matter."""

from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from geo.clearance.distance import around, flattened, geodesic_m, pairs_within
from geo.clearance.features import middles, outline, targets
from geo.clearance.rules import Rule

Floats = NDArray[np.float64]


def measured(
    rule: Rule, origin: pd.DataFrame, premises: gpd.GeoDataFrame, premises_sd_m: float, beyond_m: float
) -> pd.DataFrame:
    """Return all pairs near enough to matter with their straight distance, signed inside an outline."""
    shape, used = targets(rule, premises)
    variant = premises.get("variant", pd.Series(None, index=premises.index, dtype=object))
    limit = np.array([rule.limit_m(what) for what in variant])
    own_sd = premises.get("sd_m", pd.Series(np.nan, index=premises.index)).astype(float).fillna(premises_sd_m)
    a, a_size = middles(origin["shape"].to_numpy())
    b, b_size = middles(shape)
    margin = max(beyond_m, 5.0 * np.hypot(float(origin["sd_m"].max()), float(own_sd.max())))
    i, j, _ = pairs_within(a, b, a_size + b_size.max(initial=0.0) + limit.max() + margin)
    straight = straight_m(origin["shape"].to_numpy(), shape, a, i, j) + _rise(rule, premises)[j]
    pairs = origin.iloc[i].reset_index(drop=True)
    pairs["premises"] = j
    pairs["target"], pairs["to"] = shape[j], used[j]
    pairs["straight"] = straight
    pairs["limit"] = limit[j]
    pairs["sd"] = np.hypot(pairs["sd_m"], own_sd.to_numpy()[j])
    pairs["disc"] = shapely.get_dimensions(pairs["shape"].to_numpy()) < 1
    # by the error of the pair itself: what lies elsewhere does not change what is told of it
    near: pd.DataFrame = pairs[straight <= pairs["limit"] + np.maximum(beyond_m, 5.0 * pairs["sd"])]
    return near.reset_index(drop=True)


def straight_m(shape: NDArray[Any], target: NDArray[Any], middle: Floats, i: Any, j: Any) -> Floats:
    """Return signed straight distances of pairs, negative inside an outline."""
    points = (shapely.get_type_id(shape)[i] == 0) & (shapely.get_type_id(target)[j] == 0)
    out = np.empty(len(i))
    p, q = shapely.get_coordinates(shape[i[points]]), shapely.get_coordinates(target[j[points]])
    out[points] = geodesic_m(p, q) if len(p) else 0.0
    rest = np.flatnonzero(~points)
    if len(rest):
        flat = {place: flattened(middle[place], shape[place]) for place in np.unique(i[rest]).tolist()}
        here = np.array([flat[place] for place in i[rest].tolist()], dtype=object)
        there = _flat_targets(target, middle, i[rest], j[rest])
        distance = shapely.distance(here, there)
        inside = (distance == 0) & (shapely.get_dimensions(here) == 2)
        edges = {place: outline(flat[place]) for place in np.unique(i[rest][inside]).tolist()}
        edge = np.array([edges[place] for place in i[rest][inside].tolist()], dtype=object)
        distance[inside] = -shapely.distance(edge, there[inside])
        out[rest] = distance
    return out


def _flat_targets(target: NDArray[Any], middle: Floats, i: Any, j: Any) -> NDArray[Any]:
    """Return the geometries measured to, in metres around what they are measured from."""
    out = np.empty(len(i), dtype=object)
    point = shapely.get_type_id(target)[j] == 0
    if point.any():
        out[point] = shapely.points(around(middle[i[point]], shapely.get_coordinates(target[j[point]])))
    for k in np.flatnonzero(~point).tolist():
        out[k] = flattened(middle[i[k]], target[j[k]])
    return out


def _rise(rule: Rule, premises: gpd.GeoDataFrame) -> Floats:
    """Return the metres upstairs that the rule adds to the way."""
    first = rule.rise_from_storey
    nothing = pd.Series(0.0, index=premises.index)
    storey, rise = (premises.get(column, nothing).fillna(0.0) for column in ("storey", "rise_m"))
    counts = np.zeros(len(premises)) if first is None else storey.to_numpy() >= first
    return np.asarray(rise.to_numpy() * counts, dtype=np.float64)
