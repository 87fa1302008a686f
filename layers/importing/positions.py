"""Coordinates in columns: found, read as numbers, and each row's told from places on Earth."""

import re
from collections.abc import Iterator, Mapping

import numpy as np
import pandas as pd
import pyproj
from numpy.typing import NDArray

from layers.errors import InvalidError
from layers.importing import columns as names
from layers.importing.options import FRAMES

FIELDS: Mapping[str, tuple[str, ...]] = {
    "lon": names.LONGITUDE,
    "lat": names.LATITUDE,
    "x": names.EASTING,
    "y": names.NORTHING,
}
# Half a kilometre around 0 N 0 E: what devices without a fix report
_NULL_ISLAND_DEG = 0.005
# What names of columns say of their frame
_TOLD = {"wgs84": "wgs84", "gcj02": "gcj02", "bd09": "bd09"}
Bounds = tuple[float, float, float, float]


def columns(found: Mapping[str, str], crs: str | None) -> dict[str, str]:
    """Return the two columns of the coordinates, longitude or easting first.

    With a reference system in metres or feet, `x` and `y` are looked for first.

    Raises
    ------
    InvalidError
        If there are no such columns.
    """
    degrees, metres = ("lon", "lat"), ("x", "y")
    for pair in (metres, degrees) if _is_projected(crs) else (degrees, metres):
        if set(pair) <= found.keys():
            return {field: found[field] for field in pair}
    raise InvalidError(
        "No columns of longitude and latitude found; name them, for example --column lon=… --column lat=…",
        field="lon",
    )


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
        plain = re.sub(r"[^a-z0-9]", "", str(column).lower())
        told = next((one for word, one in _TOLD.items() if word in plain), frame)
        if frame is not None and told != frame:
            raise InvalidError(
                "The column %(column)s says %(told)s; read as %(frame)s it would be moved wrongly",
                field="frame",
                column=column,
                told=told,
                frame=frame,
            )


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
