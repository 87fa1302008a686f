"""Frames of Chinese positions: GCJ-02 and BD-09 to WGS-84 and back, exactly.

The outline of where the offset applies is package data of this module (`mainland_china.geojson`,
derived from OpenStreetMap through timezone-boundary-builder, ODbL 1.0; origin and simplification are
stated inside the file).  It is read once, at the first use.
"""

import json
import math
from functools import cache
from importlib.resources import files
from typing import Any, Literal, get_args

import numpy as np
import shapely
from numba import njit
from numpy.typing import ArrayLike, NDArray
from shapely.geometry import shape

from geo.errors import CoordinateError, UnknownFrameError

Frame = Literal["wgs84", "gcj02", "bd09"]
FRAMES: tuple[Frame, ...] = get_args(Frame)

# Krassovsky 1940 as GCJ-02 uses it
_AXIS_M = 6378245.0
_ECCENTRICITY2 = 0.00669342162296594323
_BAIDU_K = math.pi * 3000.0 / 180.0
# One step of the iteration shrinks the error about 50 times; the last step is below 1e-9 m
_STEPS = 12
_CLOSE_DEG = 1e-14


@cache
def mainland_china() -> Any:
    """Return where the GCJ-02 offset applies, as a prepared polygon in degrees.

    Mainland China with its territorial waters; Hong Kong, Macau and Taiwan lie outside.  Simplified to
    about 200 m, around Shenzhen, Zhuhai, Dandong and Xiamen to about 10 m.

    Examples
    --------
    >>> mainland_china().geom_type
    'MultiPolygon'
    """
    text = files("geo").joinpath("mainland_china.geojson").read_text(encoding="utf-8")
    outline = shape(json.loads(text)["features"][0]["geometry"])
    shapely.prepare(outline)
    return outline


def in_mainland_china(lonlat: ArrayLike) -> NDArray[np.bool_]:
    """Tell which WGS-84 positions lie where the GCJ-02 offset applies.

    Parameters
    ----------
    lonlat : array, shape (n, 2)
        Degrees; a row that is not finite is outside.

    Returns
    -------
    bool array, shape (n,)

    Examples
    --------
    Shenzhen and Hong Kong, Zhuhai and Macau:

    >>> in_mainland_china([[114.06, 22.54], [114.17, 22.30], [113.57, 22.27], [113.55, 22.19]]).tolist()
    [True, False, True, False]
    """
    pairs = _pairs(lonlat)
    inside: NDArray[np.bool_] = shapely.contains_xy(mainland_china(), pairs[:, 0], pairs[:, 1])
    return inside


def to_wgs84(lonlat: ArrayLike, frame: str) -> NDArray[np.float64]:
    """Return WGS-84 degrees of positions given in `frame`.

    The exact inverse of `from_wgs84`, by fixed-point iteration, below a micrometre.  Positions whose
    WGS-84 image lies outside mainland China are returned as they are: there is no offset there.  Along
    the border the two images overlap for some hundred metres; there the mainland reading is taken, since
    who names the frame `gcj02` or `bd09` speaks of shifted positions.

    Parameters
    ----------
    lonlat : array, shape (n, 2)
        Degrees, longitude first, in `frame`.  NaN stays NaN, an empty array stays empty.
    frame : {"wgs84", "gcj02", "bd09"}
        `wgs84` returns a copy.  `bd09` goes through `gcj02`.

    Returns
    -------
    float array, shape (n, 2)

    Raises
    ------
    UnknownFrameError
        Any other frame; a frame is never guessed.

    References
    ----------
    The offset is described by its published reimplementations; checked against the one pair in Amap's
    documentation (116.481499, 39.990475 is 116.487585177952, 39.991754014757) to 0.05 m.

    Examples
    --------
    >>> to_wgs84([[117.141427801, 39.226203541]], "gcj02").round(6).tolist()
    [[117.135, 39.225]]
    >>> to_wgs84([[120.98, 14.60]], "gcj02").tolist()  # Manila
    [[120.98, 14.6]]
    """
    pairs, known = _pairs(lonlat), _known(frame)
    if known == "wgs84":
        return pairs
    unshifted = np.empty_like(pairs)
    _unshift(pairs, known == "bd09", unshifted)
    inside = in_mainland_china(unshifted)
    return np.where(inside[:, None], unshifted, pairs)


def from_wgs84(lonlat: ArrayLike, frame: str) -> NDArray[np.float64]:
    """Return positions in `frame` for WGS-84 degrees.

    Outside mainland China nothing is moved, whatever the frame.

    Parameters
    ----------
    lonlat : array, shape (n, 2)
        Degrees, longitude first.  NaN stays NaN, an empty array stays empty.
    frame : {"wgs84", "gcj02", "bd09"}

    Returns
    -------
    float array, shape (n, 2)

    Raises
    ------
    UnknownFrameError
        Any other frame.

    Examples
    --------
    >>> from_wgs84([[117.135, 39.225]], "gcj02").round(9).tolist()
    [[117.141427801, 39.226203541]]
    >>> from_wgs84([[117.135, 39.225]], "bd09").round(9).tolist()
    [[117.147864199, 39.232351832]]
    """
    pairs, known = _pairs(lonlat), _known(frame)
    if known == "wgs84":
        return pairs
    shifted = np.empty_like(pairs)
    _shift(pairs, known == "bd09", shifted)
    return np.where(in_mainland_china(pairs)[:, None], shifted, pairs)


def _known(frame: str) -> Frame:
    """Return the frame if it is one of ours."""
    if frame not in FRAMES:
        raise UnknownFrameError(
            "%(frame)s is no coordinate frame; say one of %(frames)s",
            frame=repr(frame),
            frames=", ".join(FRAMES),
        )
    return frame


def _pairs(lonlat: ArrayLike) -> NDArray[np.float64]:
    """Return a fresh float array of shape (n, 2)."""
    pairs = np.array(lonlat, dtype=np.float64, order="C")
    if pairs.size == 0:
        return np.empty((0, 2))
    if pairs.ndim != 2 or pairs.shape[1] != 2:
        raise CoordinateError("positions must have the shape (n, 2), got %(shape)s", shape=pairs.shape)
    return pairs


@njit(cache=True, nogil=True)
def _gcj02(lon, lat):  # type: ignore[no-untyped-def]
    """Return the GCJ-02 image of one WGS-84 position."""
    x, y = lon - 105.0, lat - 35.0
    pi = math.pi
    waves = 20.0 * math.sin(6.0 * pi * x) + 20.0 * math.sin(2.0 * pi * x)
    north = -100.0 + 2.0 * x + 3.0 * y + 0.2 * y * y + 0.1 * x * y + 0.2 * math.sqrt(abs(x))
    north += 2.0 / 3.0 * (waves + 20.0 * math.sin(pi * y) + 40.0 * math.sin(pi * y / 3.0))
    north += 2.0 / 3.0 * (160.0 * math.sin(pi * y / 12.0) + 320.0 * math.sin(pi * y / 30.0))
    east = 300.0 + x + 2.0 * y + 0.1 * x * x + 0.1 * x * y + 0.1 * math.sqrt(abs(x))
    east += 2.0 / 3.0 * (waves + 20.0 * math.sin(pi * x) + 40.0 * math.sin(pi * x / 3.0))
    east += 2.0 / 3.0 * (150.0 * math.sin(pi * x / 12.0) + 300.0 * math.sin(pi * x / 30.0))
    phi = lat * pi / 180.0
    m = 1.0 - _ECCENTRICITY2 * math.sin(phi) ** 2
    per_north = _AXIS_M * (1.0 - _ECCENTRICITY2) / (m * math.sqrt(m)) * pi / 180.0
    per_east = _AXIS_M / math.sqrt(m) * math.cos(phi) * pi / 180.0
    return lon + east / per_east, lat + north / per_north


@njit(cache=True, nogil=True)
def _bd09(lon, lat):  # type: ignore[no-untyped-def]
    """Return the BD-09 image of one GCJ-02 position."""
    z = math.sqrt(lon * lon + lat * lat) + 2e-5 * math.sin(lat * _BAIDU_K)
    t = math.atan2(lat, lon) + 3e-6 * math.cos(lon * _BAIDU_K)
    return z * math.cos(t) + 0.0065, z * math.sin(t) + 0.006


@njit(cache=True, nogil=True)
def _from(lon, lat, baidu):  # type: ignore[no-untyped-def]
    """Return the GCJ-02 or BD-09 image of one WGS-84 position."""
    lon, lat = _gcj02(lon, lat)
    if baidu:
        lon, lat = _bd09(lon, lat)
    return lon, lat


@njit(cache=True, nogil=True)
def _shift(pairs, baidu, out):  # type: ignore[no-untyped-def]
    """Fill `out` with the images of all pairs."""
    for i in range(len(pairs)):
        out[i, 0], out[i, 1] = _from(pairs[i, 0], pairs[i, 1], baidu)


@njit(cache=True, nogil=True)
def _unshift(pairs, baidu, out):  # type: ignore[no-untyped-def]
    """Fill `out` with the positions whose images the pairs are: p <- p - (f(p) - target)."""
    for i in range(len(pairs)):
        lon, lat = pairs[i, 0], pairs[i, 1]
        for _ in range(_STEPS):
            image_lon, image_lat = _from(lon, lat, baidu)
            step_lon, step_lat = image_lon - pairs[i, 0], image_lat - pairs[i, 1]
            lon -= step_lon
            lat -= step_lat
            if abs(step_lon) < _CLOSE_DEG and abs(step_lat) < _CLOSE_DEG:
                break
        out[i, 0], out[i, 1] = lon, lat
