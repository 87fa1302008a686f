"""Street lines as flat arrays: what a frame of any kind says, in metres, with typed attributes."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pyproj
import shapely
from numpy.typing import NDArray

from geo.crs import LonLat, as_metric, check_lonlat, metric_crs, read_crs
from geo.errors import CoordinateError, GeometryKindError, MissingColumnError, NoCRSError

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_TRUE = {"yes", "true", "1", "1.0", "t", "y", "forward", "designated"}
_AGAINST = {"-1", "-1.0", "reverse", "backward"}
_TAGS = ("highway", "oneway", "layer", "bridge", "tunnel", "lanes", "width", "junction")


@dataclass(frozen=True)
class Lines:
    """Street lines in metres: vertices in one array, attributes in a frame with a row per line.

    `first` holds each line's first vertex and, as last item, the number of vertices.  `node` names
    the vertex where the source has topological node ids, else it is None; vertices without an id are -1.
    """

    xy: Floats
    first: Ints
    node: Ints | None
    node_names: NDArray[np.object_] | None
    attributes: pd.DataFrame
    crs: pyproj.CRS

    @property
    def line(self) -> Ints:
        """Return the line that each vertex belongs to."""
        return np.repeat(np.arange(len(self.first) - 1), np.diff(self.first))


def read(streets: gpd.GeoDataFrame, crs: Any = None) -> Lines:
    """Return the lines of a street frame in its metric CRS, or say what is wrong with a row.

    None and empty geometries and lines without length are dropped, multi-lines taken apart, heights
    dropped.  Any kind but lines is refused.
    """
    if not isinstance(streets, gpd.GeoDataFrame):
        raise MissingColumnError("streets must be a GeoDataFrame, got %(kind)s", kind=type(streets).__name__)
    frame = streets.reset_index() if "u" in streets.index.names else streets
    _refuse_other_kinds(frame)
    metric = _in_metres(frame, crs)
    geometry = np.asarray(shapely.force_2d(metric.geometry.to_numpy()))
    parts, row = shapely.get_parts(geometry, return_index=True)
    keep = ~shapely.is_empty(parts) & (shapely.length(parts) > 0)
    parts, row = parts[keep], row[keep]
    counts = shapely.get_num_coordinates(parts).astype(np.int64)
    node, names = _node_ids(frame, row, counts)
    return Lines(
        xy=shapely.get_coordinates(parts),
        first=np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
        node=node,
        node_names=names,
        attributes=_attributes(frame).iloc[row].reset_index(drop=True),
        crs=metric.crs,
    )


def _refuse_other_kinds(frame: gpd.GeoDataFrame) -> None:
    """Refuse points and areas: a square is not a street line."""
    kinds = frame.geometry.geom_type
    wrong = np.flatnonzero(kinds.notna() & ~kinds.isin(["LineString", "MultiLineString", "LinearRing"]))
    filled = [at for at in wrong if not frame.geometry.iloc[at].is_empty]
    if filled:
        raise GeometryKindError(
            "row %(row)s: a street must be a line, got %(kind)s",
            row=frame.index[filled[0]],
            kind=kinds.iloc[filled[0]],
        )


def _in_metres(frame: gpd.GeoDataFrame, crs: Any) -> gpd.GeoDataFrame:
    """Project the frame to `crs`, to its own CRS if that is metric, else to one chosen from the data."""
    own = read_crs(frame.crs)
    coordinates, row = shapely.get_coordinates(frame.geometry.to_numpy(), return_index=True)
    broken = ~np.isfinite(coordinates).all(axis=1)
    if broken.any():
        raise CoordinateError(
            "row %(row)s: a vertex is not finite", row=frame.index[row[int(np.argmax(broken))]]
        )
    try:
        target = as_metric(own if crs is None else crs)
    except NoCRSError:
        if crs is not None:
            raise
        degrees = gpd.GeoSeries(gpd.points_from_xy(*_corners(coordinates).T), crs=own).to_crs(4326)
        target = metric_crs(check_lonlat(np.column_stack([degrees.x, degrees.y])))
    return frame if own == target else frame.to_crs(target)


def _corners(coordinates: Floats) -> LonLat:
    """Return the south-west and the north-east corner, nothing for nothing."""
    if len(coordinates) == 0:
        return LonLat(np.array([[117.0, 39.0]]))  # any place: there is nothing to distort
    return LonLat(np.array([coordinates.min(axis=0), coordinates.max(axis=0)]))


def _node_ids(
    frame: gpd.GeoDataFrame, row: Ints, counts: Ints
) -> tuple[Ints | None, NDArray[np.object_] | None]:
    """Return codes and names of the source's own nodes, per vertex, if it has them."""
    if "nodes" in frame:
        given = [tuple(frame["nodes"].iloc[at]) for at in row]
        for at, ids, count in zip(row, given, counts, strict=True):
            if len(ids) != count:
                raise GeometryKindError(
                    "row %(row)s: %(ids)d node ids for %(vertices)d vertices",
                    row=frame.index[at],
                    ids=len(ids),
                    vertices=count,
                )
        return _coded(np.array([str(one) for ids in given for one in ids], dtype=object))
    if {"u", "v"} <= set(frame.columns):
        names = np.full(int(counts.sum()), "", dtype=object)
        ends = np.cumsum(counts)
        names[ends - counts] = frame["u"].astype(str).to_numpy(dtype=object)[row]
        names[ends - 1] = frame["v"].astype(str).to_numpy(dtype=object)[row]
        return _coded(names)
    return None, None


def _coded(names: NDArray[np.object_]) -> tuple[Ints, NDArray[np.object_]]:
    """Return a code per name, -1 for the empty name, and the distinct names."""
    known, code = np.unique(names.astype(str), return_inverse=True)
    if len(known) and known[0] == "":
        return code.astype(np.int64) - 1, known[1:].astype(object)
    return code.astype(np.int64), known.astype(object)


def _attributes(frame: gpd.GeoDataFrame) -> pd.DataFrame:
    """Return the attributes we know, typed, from columns or from an hstore column `other_tags`."""
    tags = _tags(frame)
    out = pd.DataFrame(index=frame.index)
    out["name"] = _text(frame["name"]) if "name" in frame else ""
    out["class"] = _text(_first(frame, tags, "class", "highway", "fclass"))
    out["area"] = _text(_first(frame, tags, "area"))
    out["source_id"] = _text(_first(frame, tags, "source_id", "osm_id", "id"))
    out["layer"] = _number(_first(frame, tags, "layer")).fillna(0).astype(np.int64)
    out["bridge"] = _is_set(_first(frame, tags, "bridge"))
    out["tunnel"] = _is_set(_first(frame, tags, "tunnel"))
    out["lanes"] = _number(_first(frame, tags, "lanes")).to_numpy(dtype=np.float64)
    out["width_m"] = _number(_first(frame, tags, "width_m", "width")).to_numpy(dtype=np.float64)
    out["one_way"] = _one_way(frame, tags, out["class"])
    return out


def _tags(frame: gpd.GeoDataFrame) -> dict[str, pd.Series]:
    """Return the tags we use from an hstore text column; a text cut short loses only its last tag."""
    if "other_tags" not in frame:
        return {}
    text = frame["other_tags"].astype("string").fillna("")
    return {tag: text.str.extract(rf'"{tag}"=>"([^"]*)"', expand=False) for tag in _TAGS}


def _first(frame: gpd.GeoDataFrame, tags: dict[str, pd.Series], *names: str) -> pd.Series:
    """Return the first of the columns that is there, its gaps filled from the tags."""
    found = [frame[name] for name in names if name in frame] + [tags[name] for name in names if name in tags]
    if not found:
        return pd.Series(None, index=frame.index, dtype=object)
    values = found[0].astype(object)
    return pd.Series(values.where(values.notna(), found[1].astype(object)) if len(found) > 1 else values)


def _text(values: pd.Series) -> pd.Series:
    """Return stripped text; missing is the empty text."""
    return values.map(lambda value: "" if _missing(value) else str(value).strip()).astype(object)


def _missing(value: object) -> bool:
    """Tell None and NaN."""
    return value is None or value is pd.NA or (isinstance(value, float) and np.isnan(value))


def _number(values: pd.Series) -> pd.Series:
    """Return the leading number of each value, NaN if there is none."""
    text = values.map(lambda value: "" if _missing(value) else str(value)).astype(object)
    found = text.str.extract(r"^\s*(-?\d+(?:\.\d+)?)", expand=False)
    return pd.Series(pd.to_numeric(found, errors="coerce"), index=values.index)


def _mapped(values: pd.Series, meaning: Callable[[str], Any]) -> NDArray[Any]:
    """Return `meaning` of each value as lower-case text, each distinct text asked once."""
    text = values.map(lambda value: "" if _missing(value) else str(value).strip().lower()).astype(object)
    return text.map({one: meaning(one) for one in text.unique()}).to_numpy()


def _is_set(values: pd.Series) -> NDArray[np.bool_]:
    """Tell where a yes/no tag is set: anything but nothing, `no`, `false` and 0."""
    return _mapped(values, lambda text: text not in {"", "no", "false", "0", "0.0", "f"}).astype(bool)


def _one_way(frame: gpd.GeoDataFrame, tags: dict[str, pd.Series], kind: pd.Series) -> NDArray[np.int8]:
    """Return 1 along the line, -1 against it, 0 for both ways; motorways and roundabouts are one-way."""
    given = _first(frame, tags, "one_way", "oneway")
    sign = _mapped(given, lambda text: 1 if text in _TRUE else -1 if text in _AGAINST else 0).astype(np.int8)
    silent = given.map(_missing).to_numpy(dtype=bool)
    roundabout = _mapped(_first(frame, tags, "junction"), lambda text: text == "roundabout").astype(bool)
    implied = roundabout | (kind == "motorway").to_numpy(dtype=bool)
    sign[silent & implied] = 1
    return sign
