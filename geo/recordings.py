"""Recordings of a patrol as they are read: fixes as arrays in metres and seconds, ways to patrol."""

from dataclasses import dataclass
from typing import Any

import geopandas
import numpy as np
import pandas as pd
import shapely
from numpy.typing import ArrayLike, NDArray

from geo.assign.accuracy import sd_of
from geo.crs import Projection, as_metric
from geo.errors import CoordinateError, GeoError, GeometryKindError, MissingColumnError

Floats = NDArray[np.float64]

SD_UNREPORTED_M = 10.0
"""Standard deviation per axis of a fix whose device reports no accuracy, metres."""


@dataclass(frozen=True)
class Mode:
    """How a patrol moves, speeds in metres per second.

    `inspecting_mps` is the range in which somebody looks while moving, `fastest_mps` what the mode can do
    at all.  `on_foot`: keeps to a pavement and sees that side; `with_traffic`: keeps to one-way streets.
    """

    name: str
    inspecting_mps: tuple[float, float]
    fastest_mps: float
    on_foot: bool
    with_traffic: bool


MODES = {
    "walking": Mode("walking", (0.3, 2.5), 5.0, on_foot=True, with_traffic=False),
    "cycling": Mode("cycling", (0.5, 5.0), 15.0, on_foot=False, with_traffic=False),
    "driving": Mode("driving", (1.0, 8.0), 40.0, on_foot=False, with_traffic=True),
}
_ALSO = {"foot": "walking", "bicycle": "cycling", "vehicle": "driving"}


def mode_named(name: str) -> Mode:
    """Return the mode of that name: walking (foot), cycling (bicycle) or driving (vehicle).

    Raises
    ------
    GeoError
        If there is none.

    Examples
    --------
    >>> mode_named("foot").inspecting_mps
    (0.3, 2.5)
    """
    mode = MODES.get(_ALSO.get(name, name))
    if mode is None:
        raise GeoError("%(given)s is no way to patrol: walking, cycling or driving", given=name)
    return mode


def axis_sd(accuracy_m: ArrayLike, kind: ArrayLike = "unknown") -> Floats:
    """Return the standard deviation per axis of fixes, metres, at least 3; 10 where none was reported.

    Parameters
    ----------
    accuracy_m : array, shape (n,)
        As the device reported it; not finite or not positive means not reported.
    kind : str or array of str, shape (n,)
        As in `geo.assign.accuracy.sd_of`; missing is `unknown`.

    Raises
    ------
    AccuracyError
        For a kind that is none of these.

    Examples
    --------
    >>> axis_sd([12.24, 1.0, float("nan")], ["r95", "r95", "r68"]).round(2).tolist()
    [5.0, 3.0, 10.0]
    """
    radius = np.atleast_1d(np.asarray(accuracy_m, dtype=np.float64))
    kinds = pd.Series(np.broadcast_to(np.asarray(kind, dtype=object), radius.shape)).fillna("unknown")
    different = kinds.unique().tolist()
    sd = sd_of(radius, different[0] if len(different) == 1 else kinds.tolist())
    return np.where(np.isnan(sd), SD_UNREPORTED_M, sd)


@dataclass(frozen=True)
class Recording:
    """Fixes as arrays, one entry per row of the frame they came from.

    `x`, `y` are metres, `t` seconds since 1970, `s` metres per axis; `heading` is radians against the x
    axis of the grid, NaN where unknown or slower than 1 m/s; `track` indexes `track_ids`.
    """

    x: Floats
    y: Floats
    t: Floats
    s: Floats
    heading: Floats
    track: NDArray[np.int64]
    track_ids: "pd.Index[Any]"
    sequence: Floats | None


def read(fixes: pd.DataFrame, crs: Any) -> Recording:
    """Return the fixes as arrays in metres of `crs`.

    Parameters
    ----------
    fixes : DataFrame or GeoDataFrame
        `time` (aware datetimes or seconds since 1970) and either point geometry or `lon`, `lat` in degrees;
        optional `accuracy_m`, `accuracy_kind`, `track_id`, `sequence`, `heading_deg` (clockwise from north),
        `speed_mps`.
    crs : anything pyproj reads
        Metric.

    Raises
    ------
    MissingColumnError, GeometryKindError, NoCRSError, CoordinateError
    GeoError
        Also if a fix has no `track_id` although the column is there: whose way it is cannot be guessed.

    Examples
    --------
    >>> two = pd.DataFrame({"time": [0, 1], "lon": [117.135, 117.135], "lat": [39.225, 39.226]})
    >>> recording = read(two, "EPSG:4548")
    >>> np.diff(recording.y).round(1).tolist(), recording.s.round(1).tolist()
    ([111.0], [10.0, 10.0])
    """
    if "time" not in fixes:
        raise MissingColumnError("fixes have no column %(column)s", column="time")
    metres = _metres(fixes, crs)
    accuracy = fixes["accuracy_m"] if "accuracy_m" in fixes else np.full(len(fixes), np.nan)
    kind = fixes.get("accuracy_kind", "unknown")
    names = fixes["track_id"] if "track_id" in fixes else pd.Series(0, index=fixes.index)
    lost = names.isna().to_numpy()
    if lost.any():
        raise GeoError("row %(row)s: a fix without track_id", row=fixes.index[int(np.argmax(lost))])
    track, track_ids = pd.factorize(names, sort=True)
    return Recording(
        x=metres[:, 0].copy(),
        y=metres[:, 1].copy(),
        t=seconds(fixes["time"]),
        s=axis_sd(np.asarray(accuracy, dtype=np.float64), np.asarray(kind, dtype=object)),
        heading=_grid_heading(fixes, metres, crs),
        track=np.asarray(track, dtype=np.int64),
        track_ids=pd.Index(track_ids),
        sequence=fixes["sequence"].to_numpy(np.float64) if "sequence" in fixes else None,
    )


def seconds(time: "pd.Series[Any]") -> Floats:
    """Return aware datetimes, or numbers as they are, as seconds since 1970; missing becomes NaN.

    Examples
    --------
    >>> seconds(pd.Series(["1970-01-01T08:01:00+08:00"], dtype="datetime64[s, Asia/Shanghai]")).tolist()
    [60.0]
    """
    if pd.api.types.is_numeric_dtype(time):
        return np.asarray(time, dtype=np.float64)
    if not isinstance(time.dtype, pd.DatetimeTZDtype):
        raise GeoError("times must be aware or seconds since 1970, got %(given)s", given=str(time.dtype))
    since = time - pd.Timestamp(0, tz="UTC")
    return np.asarray(since.dt.total_seconds(), dtype=np.float64)


def _metres(fixes: pd.DataFrame, crs: Any) -> Floats:
    """Project degrees, or take the geometry as it is; a missing point becomes NaN."""
    if isinstance(fixes, geopandas.GeoDataFrame) and fixes.active_geometry_name:
        if fixes.crs is None:
            raise CoordinateError("the fixes have a geometry but no reference system")
        points = fixes.geometry.to_crs(as_metric(crs)).to_numpy()
        if (~np.isin(shapely.get_type_id(points), (-1, 0))).any():
            raise GeometryKindError("fixes must be points")
        return np.column_stack([shapely.get_x(points), shapely.get_y(points)]).reshape(-1, 2)
    if "lon" not in fixes or "lat" not in fixes:
        raise MissingColumnError("fixes have no column %(column)s", column="lon, lat or geometry")
    degrees = fixes[["lon", "lat"]].to_numpy(np.float64)
    lon, lat = degrees[:, 0], degrees[:, 1]
    nowhere = (np.hypot(lon, lat) < 0.005) | (np.abs(lon) > 180) | (np.abs(lat) > 90)
    return Projection(crs).to_metres(np.where(nowhere[:, None], np.nan, degrees))


def _grid_heading(fixes: pd.DataFrame, metres: Floats, crs: Any) -> Floats:
    """Turn headings clockwise from north into angles from the x axis; NaN where slow or unknown."""
    if "heading_deg" not in fixes or not len(fixes):
        return np.full(len(fixes), np.nan)
    projection = Projection(crs)
    placed = metres[np.isfinite(metres).all(axis=1)]
    turn = projection.north_deg(projection.to_lonlat(placed[:1])) if len(placed) else 0.0
    angle = np.radians(90.0 - (fixes["heading_deg"].to_numpy(np.float64) - turn))
    if "speed_mps" not in fixes:
        return np.asarray(angle)
    return np.where(fixes["speed_mps"].to_numpy(np.float64) >= 1.0, angle, np.nan)
