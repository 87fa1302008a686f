"""Where degrees become metres: the metric CRS of a site, and projections kept ready."""

import threading
from dataclasses import dataclass, field
from typing import Any, NewType

import numpy as np
import pyproj
from numpy.typing import ArrayLike, NDArray

from geo.datum import in_mainland_china
from geo.errors import CoordinateError, NoCRSError

LonLat = NewType("LonLat", NDArray[np.float64])
"""Longitude and latitude in degrees, WGS-84, shape (n, 2), longitude first."""

Metres = NewType("Metres", NDArray[np.float64])
"""Easting and northing in metres in one metric CRS, shape (n, 2), easting first."""

# Half a kilometre around 0 N 0 E: devices without a fix report zeros, nobody inspects the ocean there.
_NULL_ISLAND_DEG = 0.005


def check_lonlat(lonlat: ArrayLike, bounds: tuple[float, float, float, float] | None = None) -> LonLat:
    """Return positions as a float array, or say which row is no place on Earth.

    A longitude is within ±180, a latitude within ±90, the limits included; 0 E 0 N (within half a
    kilometre) is refused, because devices without a fix report it.  `bounds` never refuses a row: it
    only lets the message recognise latitude and longitude in the wrong order.

    Parameters
    ----------
    lonlat : array, shape (n, 2)
        Degrees, longitude first.  An empty array passes.
    bounds : (west, south, east, north), optional
        Where positions are expected, degrees.

    Returns
    -------
    LonLat, shape (n, 2)

    Raises
    ------
    CoordinateError
        Names the first bad row (counted from 0) and what is wrong with it.

    Examples
    --------
    >>> check_lonlat([[117.135, 39.225]]).tolist()
    [[117.135, 39.225]]
    >>> check_lonlat([[117.135, 39.225], [39.225, 117.135]])
    Traceback (most recent call last):
    ...
    geo.errors.CoordinateError: row 1: latitude 117.135 is beyond ±90°; latitude and longitude look swapped
    """
    positions = as_pairs(lonlat)
    lon, lat = positions[:, 0], positions[:, 1]
    _refuse(~np.isfinite(lon) | ~np.isfinite(lat), positions, "row %(row)d: position is not a number")
    beyond = np.abs(lat) > 90
    swapped = beyond & (np.abs(lon) <= 90) & (np.abs(lat) <= 180)
    _refuse(
        swapped,
        positions,
        "row %(row)d: latitude %(lat)s is beyond ±90°; latitude and longitude look swapped",
    )
    _refuse(beyond, positions, "row %(row)d: latitude %(lat)s is beyond ±90 degrees; are these metres?")
    _refuse(np.abs(lon) > 180, positions, "row %(row)d: longitude %(lon)s is beyond ±180 degrees")
    nowhere = (np.abs(lon) < _NULL_ISLAND_DEG) & (np.abs(lat) < _NULL_ISLAND_DEG)
    _refuse(nowhere, positions, "row %(row)d: position 0, 0 is what a device without a fix reports")
    if bounds is not None:
        wrong_order = ~_within(lon, lat, bounds) & _within(lat, lon, bounds)
        _refuse(wrong_order, positions, "row %(row)d: latitude and longitude look swapped (%(lon)s, %(lat)s)")
    return LonLat(positions)


def as_pairs(values: ArrayLike) -> NDArray[np.float64]:
    """Return `values` as floats of shape (n, 2); an empty input becomes shape (0, 2)."""
    try:
        pairs = np.ascontiguousarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise CoordinateError("positions must be numbers, got %(given)s", given=repr(values)[:60]) from error
    if pairs.size == 0:
        return np.empty((0, 2))
    if pairs.ndim != 2 or pairs.shape[1] != 2:
        raise CoordinateError("positions must have the shape (n, 2), got %(shape)s", shape=pairs.shape)
    # a read-only array would be another type to the compiler, and make a request wait for it
    return pairs if pairs.flags.writeable else pairs.copy()


def _within(
    x: NDArray[np.float64], y: NDArray[np.float64], bounds: tuple[float, float, float, float]
) -> NDArray[np.bool_]:
    """Tell which positions lie in the box."""
    west, south, east, north = bounds
    return (x >= west) & (x <= east) & (y >= south) & (y <= north)


def _refuse(bad: NDArray[np.bool_], positions: NDArray[np.float64], message: str) -> None:
    """Raise for the first bad row, if there is one."""
    if bad.any():
        row = int(np.argmax(bad))
        lon, lat = positions[row].tolist()
        raise CoordinateError(message, row=row, lon=lon, lat=lat)


def metric_crs(lonlat: ArrayLike) -> pyproj.CRS:
    """Return the metric CRS in which a site with these positions is worked.

    By the midpoint of the positions' bounding box: poleward of 84 N and 80 S the polar stereographic
    UPS; in mainland China the CGCS2000 3-degree Gauss-Krüger zone of the nearest central meridian,
    without zone prefix in the easting (EPSG:4534 … 4554) [1]_; elsewhere the UTM zone of WGS 84,
    without the Norwegian exceptions.

    Parameters
    ----------
    lonlat : array, shape (n, 2), n >= 1
        Degrees, longitude first.  Across the antimeridian the shorter way round is taken.

    Returns
    -------
    pyproj.CRS

    Raises
    ------
    CoordinateError
        If there is no position, or one is not finite or out of range.

    References
    ----------
    .. [1] GB/T 22021-2008 and EPSG registry, "CGCS2000 / 3-degree Gauss-Kruger CM …".

    Examples
    --------
    >>> metric_crs([[117.135, 39.225]]).to_epsg()
    4548
    >>> metric_crs([[24.94, 60.17]]).to_epsg(), metric_crs([[0, 89]]).to_epsg()
    (32635, 32661)
    """
    positions = check_lonlat(lonlat)
    if len(positions) == 0:
        raise CoordinateError("no position to choose a coordinate system from")
    lon, lat = _middle(positions)
    if lat > 84 or lat < -80:
        return pyproj.CRS.from_epsg(32661 if lat > 0 else 32761)
    if in_mainland_china(np.array([[lon, lat]]))[0]:
        return pyproj.CRS.from_epsg(4534 + min(max(round(lon / 3), 25), 45) - 25)
    zone = min(int((lon + 180) // 6) + 1, 60)
    return pyproj.CRS.from_epsg((32600 if lat >= 0 else 32700) + zone)


def _middle(positions: LonLat) -> tuple[float, float]:
    """Return the middle of the bounding box, taken the short way round the Earth."""
    lon = positions[:, 0]
    if lon.max() - lon.min() > 180:
        lon = np.where(lon < 0, lon + 360, lon)
    west_east = (float(lon.min()) + float(lon.max())) / 2
    south_north = (float(positions[:, 1].min()) + float(positions[:, 1].max())) / 2
    return (west_east + 180) % 360 - 180, south_north


def as_metric(crs: Any) -> pyproj.CRS:
    """Return `crs` if it is projected with the metre as unit, or say what is wrong with it.

    Parameters
    ----------
    crs : anything `pyproj.CRS.from_user_input` takes
        None is refused.

    Raises
    ------
    NoCRSError
        No CRS, one in degrees, one in feet, or a Mercator whose metres stretch with latitude (EPSG:3857:
        a street at 40° would be 31 % too long).

    Examples
    --------
    >>> as_metric("EPSG:4548").to_epsg()
    4548
    >>> as_metric("EPSG:3435")
    Traceback (most recent call last):
    ...
    geo.errors.NoCRSError: NAD83 / Illinois East (ftUS): unit is US survey foot, feet are not metres
    """
    known = read_crs(crs)
    if known.is_geographic or not known.is_projected:
        raise NoCRSError("%(crs)s is not a projected system in metres", crs=known.name)
    unit, factor = known.axis_info[0].unit_name, known.axis_info[0].unit_conversion_factor
    if factor != 1:
        raise NoCRSError("%(crs)s: unit is %(unit)s, feet are not metres", crs=known.name, unit=unit)
    operation = known.coordinate_operation
    if operation is not None and operation.method_name.startswith(("Mercator", "Popular Visualisation")):
        raise NoCRSError("%(crs)s: its metres stretch with latitude", crs=known.name)
    return known


def read_crs(crs: Any) -> pyproj.CRS:
    """Return a pyproj CRS; None or nonsense is a `NoCRSError`."""
    if crs is None:
        raise NoCRSError("coordinates without a reference system: say which one they are in")
    try:
        return pyproj.CRS.from_user_input(crs)
    except pyproj.exceptions.CRSError as error:
        raise NoCRSError("%(given)s is no known reference system", given=str(crs)[:60]) from error


@dataclass(frozen=True, eq=False)
class Projection:
    """Degrees (WGS-84) to metres of one CRS and back, ready to use from any thread.

    Setting up a transformation takes milliseconds, using it microseconds: keep one per site.  Each
    thread gets its own PROJ context on first use.

    Parameters
    ----------
    crs : pyproj.CRS or anything it reads
        Must be projected, in metres.

    Raises
    ------
    NoCRSError
        If the CRS is not metric.

    Examples
    --------
    >>> import numpy as np
    >>> projection = Projection("EPSG:4548")
    >>> projection.to_metres(np.array([[117.135, 39.225]])).round(3).tolist()
    [[511657.438, 4343491.636]]
    >>> projection.to_lonlat(np.array([[511657.438, 4343491.636]])).round(6).tolist()
    [[117.135, 39.225]]
    """

    crs: pyproj.CRS
    _threads: threading.local = field(default_factory=threading.local, init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "crs", as_metric(self.crs))

    def to_metres(self, lonlat: ArrayLike) -> Metres:
        """Project degrees, shape (n, 2); a row that is not finite or outside the CRS gives NaN."""
        pairs = as_pairs(lonlat)
        return Metres(_transformed(self._transformer("forward"), pairs))

    def to_lonlat(self, metres: ArrayLike) -> LonLat:
        """Return degrees for metres, shape (n, 2); a row that is not finite gives NaN."""
        return LonLat(_transformed(self._transformer("back"), as_pairs(metres)))

    def north_deg(self, lonlat: ArrayLike) -> float:
        """Return the meridian convergence at the middle of `lonlat`: grid azimuth = azimuth - this."""
        lon, lat = _middle(LonLat(as_pairs(lonlat)))
        return float(pyproj.Proj(self.crs).get_factors(lon, lat).meridian_convergence)

    def _transformer(self, way: str) -> pyproj.Transformer:
        """Return this thread's transformer."""
        transformer = getattr(self._threads, way, None)
        if transformer is None:
            degrees = pyproj.CRS.from_epsg(4326)
            source, target = (degrees, self.crs) if way == "forward" else (self.crs, degrees)
            transformer = pyproj.Transformer.from_crs(source, target, always_xy=True)
            setattr(self._threads, way, transformer)
        return transformer

    def __reduce__(self) -> tuple[Any, ...]:
        return Projection, (self.crs.to_wkt(),)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Projection) and self.crs == other.crs

    def __hash__(self) -> int:
        return hash(self.crs)


def _transformed(transformer: pyproj.Transformer, pairs: NDArray[np.float64]) -> NDArray[np.float64]:
    """Transform pairs; what PROJ cannot (inf) becomes NaN."""
    x, y = transformer.transform(pairs[:, 0], pairs[:, 1])
    out = np.column_stack([x, y])
    out[~np.isfinite(out).all(axis=1)] = np.nan
    return out
