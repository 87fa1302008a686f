"""Bounds of the distance as the rule's ruler measures it: straight, walked, or along the street front."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from geo.clearance.features import outline
from geo.clearance.starts import squares, starts
from geo.walking import SNAP_M, FootNetwork, Walks, snap, walk

Floats = NDArray[np.float64]


def routed(pairs: pd.DataFrame, networks: Mapping[str, FootNetwork | None]) -> pd.DataFrame:
    """Add `lower` and `upper` bounds of the distance, `walked`, `path`, `waits_for` and more.

    The bounds are equal where the distance is known.
    """
    n = len(pairs)
    measure = str(pairs["measure"].iloc[0])
    out = pairs.assign(walked=np.nan)
    nothing = (
        ("route_notes", frozenset[str]()),
        ("network_version", None),
        ("path", None),
        ("waits_for", ()),
    )
    for column, value in nothing:
        out[column] = pd.Series([value] * n, index=out.index, dtype=object)
    out["lower"], out["upper"] = out["straight"], out["straight"]
    if measure == "along_street":
        # the way along the front leaves out how far both stand from it
        out["lower"] = np.maximum(out["straight"] - 2 * SNAP_M, 0.0)
    if measure != "euclidean":
        out["upper"] = np.inf
        near = out["lower"] <= out["limit"] + 5.0 * out["sd"]
        network = networks.get("network_walk" if measure == "unspecified" else measure)
        if network is None:
            codes = [frozenset(["no_network"] if asked else []) for asked in near]
            out["route_notes"] = pd.Series(codes, index=out.index, dtype=object)
        elif near.any():
            out = _with_walks(out, near.to_numpy(), network, measure)
    out.loc[out["bound"] | out["open"], "upper"] = np.inf
    return out


def _with_walks(
    pairs: pd.DataFrame, near: NDArray[np.bool_], foot: FootNetwork, measure: str
) -> pd.DataFrame:
    """Walk from each origin to the premises near it."""
    out = pairs.copy()
    notes: list[Any] = list(out["route_notes"])
    paths: list[Any] = list(out["path"])
    waits: list[Any] = list(out["waits_for"])
    groups = out[near].groupby(["place", "gate_id"], dropna=False, sort=False).indices
    rows_near = np.flatnonzero(near)
    for members in groups.values():
        rows = rows_near[members]
        found = _walks(out, rows, foot, along=measure == "along_street")
        # a point off the network has no walk that could prove anything
        known = foot.checked & found.on & (measure != "unspecified")
        straight = out["lower"].to_numpy()[rows]
        out.loc[out.index[rows], "walked"] = np.where(np.isfinite(found.lower_m), found.lower_m, np.nan)
        out.loc[out.index[rows], "lower"] = np.where(known, found.lower_m, straight)
        out.loc[out.index[rows], "upper"] = found.upper_m if measure != "unspecified" else np.inf
        for k, row in enumerate(rows.tolist()):
            codes = {"network_unchecked": not foot.checked, "off_network": not found.on[k]}
            codes["unverified_crossing"] = found.path[k] is not None and not found.sure[k]
            notes[row] = frozenset(code for code, holds in codes.items() if holds)
            paths[row] = found.path[k]
            waits[row] = found.needs[k] or ()
    out["route_notes"] = pd.Series(notes, index=out.index, dtype=object)
    out["waits_for"] = pd.Series(waits, index=out.index, dtype=object)
    out["network_version"] = pd.Series(
        [foot.version if walked else None for walked in near], index=out.index, dtype=object
    )
    drawn = gpd.GeoSeries(paths, crs=foot.pieces.crs).to_crs(4326)
    out["path"] = pd.Series(drawn.to_numpy(), index=out.index, dtype=object)
    return out


def _walks(pairs: pd.DataFrame, rows: NDArray[np.int64], foot: FootNetwork, *, along: bool) -> "_Found":
    """Return the walks from one origin to its premises; far beyond the limit nobody looks."""
    crs = foot.pieces.crs
    shapes = [pairs["shape"].iloc[rows[0]], *pairs["target"].iloc[rows]]
    edge, *ends = (outline(flat) for flat in gpd.GeoSeries(shapes, crs=4326).to_crs(crs))
    # either end may be an outline, and where to leave the way depends on the other end
    leave = squares(starts(edge, foot), foot) if any(shapely.get_dimensions(end) for end in ends) else None
    goals = [starts(end, foot, leave) for end in ends]
    origin = starts(edge, foot, squares(np.vstack(goals), foot))
    each = np.repeat(np.arange(len(goals)), [len(goal) for goal in goals])
    targets = np.vstack(goals)
    limit = float((pairs["limit"] + 5.0 * pairs["sd"]).iloc[rows].max()) * 3.0 + 200.0
    if along:
        origin, targets = _on_network(origin, foot), _on_network(targets, foot)
    found = walk(origin, targets, foot, limit, goal=each)
    on = (snap(origin, foot).piece >= 0).any() & (snap(targets, foot).piece >= 0)
    return _best(found, each, len(goals), on)


def _on_network(points: Floats, foot: FootNetwork) -> Floats:
    """Return the points moved to the street; those far from every street stay where they are."""
    on = snap(points, foot)
    lines = foot.pieces.geometry.to_numpy()
    known = on.piece >= 0
    out = points.copy()
    out[known] = shapely.get_coordinates(shapely.line_interpolate_point(lines[on.piece[known]], on.at[known]))
    return out


@dataclass(frozen=True, eq=False)
class _Found(Walks):
    """Walks, and which targets are on the network at all."""

    on: NDArray[np.bool_]


def _best(found: Walks, each: NDArray[np.int64], n: int, on: NDArray[np.bool_]) -> _Found:
    """Return the shortest walk to any point of each target."""
    order = np.lexsort((found.lower_m, each))
    first = order[np.searchsorted(each[order], np.arange(n))]
    upper = np.full(n, np.inf)
    np.minimum.at(upper, each, found.upper_m)
    lower = found.lower_m[first]
    some = np.zeros(n, dtype=bool)
    np.logical_or.at(some, each, on)
    sure = np.isfinite(lower) & (upper <= lower + 1e-6)
    return _Found(lower, upper, found.path[first], sure, found.needs[first], some)
