"""Coordinates in columns: found, read as numbers, and each row's told from places on Earth."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace

import numpy as np
import pandas as pd
import pyproj
from numpy.typing import NDArray

from layers.errors import InvalidError
from layers.importing import angles
from layers.importing import columns as names
from layers.importing.options import COORDINATE_ORDERS, FRAMES, ImportOptions

Floats = NDArray[np.float64]

FIELDS: Mapping[str, tuple[str, ...]] = {
    "lon": names.LONGITUDE,
    "lat": names.LATITUDE,
    "x": names.EASTING,
    "y": names.NORTHING,
    "lonlat": names.BOTH,
}
_PAIRS = (("lon", "lat"), ("x", "y"))
_AXES = {"x": "lon", "y": "lat"}
# Half a kilometre around 0 N 0 E: what devices without a fix report
_NULL_ISLAND_DEG = 0.005
# What names of columns say of their frame
_ORDERS_BY_NAME = {
    **dict.fromkeys(("lonlat", "lnglat", "longlat", "longitudelatitude", "经度纬度", "经纬"), "lonlat"),
    **dict.fromkeys(("latlon", "latlng", "latlong", "latitudelongitude", "纬度经度", "纬经"), "latlon"),
}
_TOLD = {"wgs84": "wgs84", "gcj02": "gcj02", "bd09": "bd09"}
Bounds = tuple[float, float, float, float]


def columns(found: Mapping[str, str], options: ImportOptions) -> dict[str, str]:
    """Return the two columns of the coordinates, longitude or easting first, or the one of both (`lonlat`).

    With a reference system in metres or feet, `x` and `y` are looked for first; one column of both only
    where there are no two, or the person named it.

    Raises
    ------
    InvalidError
        If there are no such columns.
    """
    pairs = reversed(_PAIRS) if _is_projected(options.crs) else iter(_PAIRS)
    two = next((pair for pair in pairs if set(pair) <= found.keys()), ())
    if "lonlat" in found and ("lonlat" in options.columns or not two):
        return {"lonlat": found["lonlat"]}
    if two:
        return {field: found[field] for field in two}
    raise InvalidError(
        "No columns of longitude and latitude found; name them, for example --column lon=… --column lat=…",
        field="lon",
    )


def columns_in(table: pd.DataFrame, options: ImportOptions) -> dict[str, str]:
    """Return the columns of the coordinates in a table: those that the person named, else of usual names.

    Raises
    ------
    InvalidError
        If there are none, or their names say another frame than the person.
    """
    given = {field: column for field, column in options.columns.items() if field in FIELDS}
    used = columns(names.match([str(name) for name in table.columns], FIELDS, given), options)
    refuse_other_frame(used, options.frame)
    return used


def settled(table: pd.DataFrame, used: Mapping[str, str], options: ImportOptions) -> ImportOptions:
    """Return options with what columns of coordinates tell: the frame, the order in one column of both.

    The names of columns tell a frame.  A letter of the compass tells the order, a number past 90 degrees,
    the name of the column.

    Raises
    ------
    InvalidError
        If nothing tells the order, or a row tells another.
    """
    if options.frame is None and options.crs is None:
        options = replace(options, frame=frame_told(used))
    if "lonlat" not in used or options.coordinate_order or _is_projected(options.crs):
        return options
    column = used["lonlat"]
    one, other, letters = _taken_apart(table[column])
    if not np.isfinite(one).any() or letters[np.isfinite(one)].all():
        return options
    beyond = (np.abs(one) > 90).any(), (np.abs(other) > 90).any()
    by_name = next((order for word, order in _ORDERS_BY_NAME.items() if word in names.plain(column)), None)
    order = by_name if not any(beyond) else ("lonlat" if beyond[0] else "latlon")
    if order is None or all(beyond):
        raise InvalidError(
            "Either number of %(given)s can be the longitude; say which comes first with --coordinate-order: "
            "%(known)s",
            field="coordinate_order",
            given=table[column].dropna().astype(str).iloc[0],
            known=", ".join(COORDINATE_ORDERS),
        )
    return replace(options, coordinate_order=order)


def read(table: pd.DataFrame, used: Mapping[str, str], order: str | None) -> tuple[Floats, Floats]:
    """Return longitude or easting, and latitude or northing, of each row; NaN where a cell is none.

    Parameters
    ----------
    used : mapping
        As `columns` gives it.
    order : str or None
        Of the coordinates in one column, unless letters of the compass say otherwise.

    Examples
    --------
    >>> table = pd.DataFrame({"at": ["39.2, 117.1", "E117°6' N39°12'", "nowhere"]})
    >>> lon, lat = read(table, {"lonlat": "at"}, "latlon")
    >>> lon.tolist(), lat.tolist()
    ([117.1, 117.1, nan], [39.2, 39.2, nan])
    """
    if "lonlat" in used:
        one, other, letters = _taken_apart(table[used["lonlat"]])
        swapped = ~letters & (order == "latlon")
        return np.where(swapped, other, one), np.where(swapped, one, other)
    x, y = (_of_axis(table[column], field) for field, column in used.items())
    return x, y


def _of_axis(values: "pd.Series[str]", field: str) -> Floats:
    found = numbers(values).copy()
    axis = _AXES.get(field, field)
    for at in np.flatnonzero(np.isnan(found) & values.notna().to_numpy(dtype=bool)).tolist():
        angle = angles.degrees(str(values.iloc[at]))
        if angle is not None and angle[1] in {None, axis}:
            found[at] = angle[0]
    return found


def _taken_apart(values: "pd.Series[str]") -> tuple[Floats, Floats, NDArray[np.bool_]]:
    """Return both coordinates of each cell as they stand; where letters tell, longitude first."""
    numbered = np.full((len(values), 2), np.nan)
    letters = np.zeros(len(values), dtype=bool)
    for at, value in enumerate(values):
        parts = angles.two(str(value))
        pair = [angles.degrees(part) for part in parts] if parts else []
        if len(pair) != 2 or pair[0] is None or pair[1] is None:
            continue
        (one, axis), (other, next_axis) = pair[0], pair[1]
        if axis is not None and axis == next_axis:
            continue
        letters[at] = axis is not None or next_axis is not None
        numbered[at] = (other, one) if axis == "lat" or next_axis == "lon" else (one, other)
    return numbered[:, 0], numbered[:, 1], letters


def refuse_other_frame(used: Mapping[str, str], frame: str | None) -> None:
    """Refuse columns whose names tell another frame than the one declared: they would be shifted wrongly.

    Raises
    ------
    InvalidError

    Examples
    --------
    >>> refuse_other_frame({"lon": "lon_gcj02", "lat": "lat_gcj02"}, "gcj02")
    >>> refuse_other_frame({"lon": "经度（WGS 84）", "lat": "纬度（WGS 84）"}, "gcj02")
    Traceback (most recent call last):
    layers.errors.InvalidError: The column 经度（WGS 84） says wgs84; read as gcj02 it would be moved wrongly
    """
    for column in used.values():
        told = _frame_of(column) or frame
        if frame is not None and told != frame:
            raise InvalidError(
                "The column %(column)s says %(told)s; read as %(frame)s it would be moved wrongly",
                field="frame",
                column=column,
                told=told,
                frame=frame,
            )


def frame_told(used: Mapping[str, str]) -> str | None:
    """Return the frame that the names of the columns tell, all of them the same.

    >>> frame_told({"lon": "经度（WGS 84）", "lat": "纬度（WGS 84）"}), frame_told({"lon": "x", "lat": "y"})
    ('wgs84', None)
    """
    told = {_frame_of(column) for column in used.values()}
    return told.pop() if len(told) == 1 else None


def _frame_of(column: str) -> str | None:
    plain = re.sub(r"[^a-z0-9]", "", str(column).lower())
    return next((one for word, one in _TOLD.items() if word in plain), None)


def _is_projected(crs: str | None) -> bool:
    return crs is not None and not parse_crs(crs).is_geographic


def parse_crs(text: str) -> pyproj.CRS:
    """Return the reference system that a text names, or refuse it."""
    try:
        return pyproj.CRS(text)
    except pyproj.exceptions.CRSError as error:
        raise InvalidError(
            "%(given)s names no reference system; an example is EPSG:4326", field="crs", given=text
        ) from error


def check_frame(frame: str | None) -> None:
    """Refuse a frame that we do not have."""
    if frame is not None and frame not in FRAMES:
        raise InvalidError(
            "%(given)s is not a frame; frames: %(known)s",
            field="frame",
            given=frame,
            known=", ".join(FRAMES),
        )


def numbers(values: "pd.Series[str]") -> NDArray[np.float64]:
    """Return a column as floats, NaN where a cell is no number; a decimal comma is understood.

    >>> numbers(pd.Series(["117.5", "117,5", " ", "E117"])).tolist()
    [117.5, 117.5, nan, nan]
    """
    if values.dtype.kind in "fiu":
        return values.to_numpy(dtype=np.float64)
    found = pd.to_numeric(values, errors="coerce")
    if found.isna().any():
        found = found.fillna(
            pd.to_numeric(values.astype(str).str.strip().str.replace(",", ".", n=1), errors="coerce")
        )
    return np.asarray(found, dtype=np.float64)


def faults(
    lonlat: NDArray[np.float64], bounds: Bounds | None = None
) -> Iterator[tuple[str, NDArray[np.bool_]]]:
    """Yield what can be wrong with positions, and which have it; the messages tell them as %(given)s.

    Parameters
    ----------
    lonlat : array, shape (n, 2)
        Degrees.
    bounds : (west, south, east, north), optional
        Where the site is: a position that lies there only with longitude and latitude exchanged was
        written in the wrong order.

    Examples
    --------
    >>> lonlat = np.array([[117.1, 39.2], [39.2, 117.1], [0.0, 0.0]])
    >>> [bad.tolist() for _, bad in faults(lonlat) if bad.any()]
    [[False, True, False], [False, False, True]]
    """
    lon, lat = lonlat[:, 0], lonlat[:, 1]
    known = np.isfinite(lon) & np.isfinite(lat)
    yield "the position is not a number, or lies outside the reference system", ~known
    swapped = known & (np.abs(lat) > 90) & (np.abs(lat) <= 180) & (np.abs(lon) <= 90)
    if bounds is not None:
        swapped |= known & ~_inside(lon, lat, bounds) & _inside(lat, lon, bounds)
    yield "longitude and latitude look exchanged: %(given)s", swapped
    beyond = known & ~swapped & ((np.abs(lat) > 90) | (np.abs(lon) > 180))
    yield "%(given)s is no longitude and latitude; are these metres? Then name the reference system", beyond
    nowhere = known & (np.abs(lon) < _NULL_ISLAND_DEG) & (np.abs(lat) < _NULL_ISLAND_DEG)
    yield "%(given)s is what a device without a fix reports", nowhere


def _inside(lon: NDArray[np.float64], lat: NDArray[np.float64], bounds: Bounds) -> NDArray[np.bool_]:
    west, south, east, north = bounds
    return np.asarray((west <= lon) & (lon <= east) & (south <= lat) & (lat <= north))
