"""Exact distances on the ellipsoid, pairs within a radius, and the chance to be inside."""

from typing import Any

import numpy as np
import pyproj
import shapely
from numpy.typing import ArrayLike, NDArray
from scipy.spatial import cKDTree
from scipy.special import ndtr
from scipy.stats import ncx2

from geo.crs import LonLat, check_lonlat

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

GEOD = pyproj.Geod(ellps="WGS84")
_SEMI_MAJOR_M, _FLATTENING = 6_378_137.0, 1 / 298.257223563


def geodesic_m(a: ArrayLike, b: ArrayLike) -> Floats:
    """Return geodesic distances on WGS 84 between points in degrees, shapes (n, 2), metres.

    Source: Karney (2013), "Algorithms for geodesics", doi 10.1007/s00190-012-0578-z.

    Examples
    --------
    >>> geodesic_m([[0, 0]], [[0, 1]]).round(3).tolist()
    [110574.389]
    """
    p, q = np.atleast_2d(np.asarray(a, dtype=float)), np.atleast_2d(np.asarray(b, dtype=float))
    p, q = np.broadcast_arrays(p, q)
    return np.asarray(GEOD.inv(p[:, 0], p[:, 1], q[:, 0], q[:, 1])[2])


def around(centre: ArrayLike, lonlat: ArrayLike) -> Floats:
    """Return positions in the azimuthal equidistant projection around a centre each, shape (n, 2), metres.

    Distance and direction from the centre are exact; between points within a kilometre of it distances are
    right to a few micrometres.

    Examples
    --------
    >>> around([[117.0, 39.0]], [[117.0, 39.001]]).round(2).tolist()
    [[0.0, 111.02]]
    """
    middle = np.atleast_2d(np.asarray(centre, dtype=float))
    given = np.atleast_2d(np.asarray(lonlat, dtype=float))
    middle, given = np.broadcast_arrays(middle, given)
    azimuth, _, distance = GEOD.inv(middle[:, 0], middle[:, 1], given[:, 0], given[:, 1])
    turn = np.radians(azimuth)
    way = np.column_stack([np.sin(turn), np.cos(turn)])
    return np.asarray(way * np.asarray(distance)[:, None])


def flattened(centre: ArrayLike, shape: Any) -> Any:
    """Return a geometry in degrees as metres around a centre (azimuthal equidistant)."""
    middle = np.asarray(centre, dtype=float)
    return shapely.transform(shape, lambda lonlat: around(middle, lonlat) if len(lonlat) else lonlat)


def pairs_within(a: ArrayLike, b: ArrayLike, radius_m: float | ArrayLike) -> tuple[Ints, Ints, Floats]:
    """Return all pairs of points at most `radius_m` apart, with their exact distance.

    Candidates come from a tree over the straight lines through the Earth, which are never longer than the
    geodesic; what they find is decided by the geodesic.

    Parameters
    ----------
    a, b : array, shape (n, 2), (m, 2)
        Degrees, longitude first.
    radius_m : float or array, shape (n,)
        Included.

    Returns
    -------
    i, j : arrays of int
        Rows of `a` and `b`, ordered by both.
    distance_m : array

    Raises
    ------
    CoordinateError

    Examples
    --------
    >>> i, j, distance = pairs_within([[117.0, 39.0]], [[117.001, 39.0], [117.01, 39.0]], 100)
    >>> i.tolist(), j.tolist(), distance.round(2).tolist()
    ([0], [0], [86.63])
    """
    p, q = check_lonlat(a), check_lonlat(b)
    if not len(p) or not len(q):
        return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64), np.empty(0)
    radius = np.broadcast_to(np.asarray(radius_m, dtype=float), (len(p),))
    near = cKDTree(_earth_centred(q)).query_ball_point(_earth_centred(p), radius + 1e-6, return_sorted=True)
    count = np.array([len(found) for found in near])
    i = np.repeat(np.arange(len(p)), count)
    j = np.concatenate([np.asarray(found, dtype=np.int64) for found in near])
    distance = geodesic_m(p[i], q[j]) if len(i) else np.empty(0)
    inside = distance <= radius[i]
    return i[inside], j[inside], distance[inside]


def _earth_centred(lonlat: LonLat) -> Floats:
    """Return points on the ellipsoid as metres from the centre of the Earth, shape (n, 3)."""
    lon, lat = np.radians(lonlat).T
    eccentricity = _FLATTENING * (2 - _FLATTENING)
    normal = _SEMI_MAJOR_M / np.sqrt(1 - eccentricity * np.sin(lat) ** 2)
    flat = normal * np.cos(lat)
    return np.column_stack(
        [flat * np.cos(lon), flat * np.sin(lon), normal * (1 - eccentricity) * np.sin(lat)]
    )


def p_inside(
    distance_m: ArrayLike, limit_m: ArrayLike, sd_m: ArrayLike, *, disc: bool = False, inclusive: bool = True
) -> Floats:
    """Return the probability that the true distance is within the limit.

    Behind a straight edge Phi((D - d) / s).  Within a disc around a point F(D²/s²) of the noncentral
    chi-square law with 2 degrees of freedom and noncentrality d²/s².  Without error 0 or 1; at d = D
    `inclusive` decides.

    Parameters
    ----------
    distance_m : array
        Signed where the rule knows an inside (negative); infinite gives 0.
    limit_m, sd_m : array
        Radius, and standard deviation of the position per axis, metres.
    disc : bool
        Measured straight from a point.
    inclusive : bool

    Examples
    --------
    >>> p_inside([200], 200, 10).round(3).tolist(), p_inside([200], 200, 10, disc=True).round(3).tolist()
    ([0.5], [0.49])
    >>> p_inside([200], 200, 0).tolist(), p_inside([200], 200, 0, inclusive=False).tolist()
    ([1.0], [0.0])
    """
    arrays = (np.atleast_1d(np.asarray(value, dtype=float)) for value in (distance_m, limit_m, sd_m))
    d, limit, s = np.broadcast_arrays(*arrays)
    certain = np.where(d == limit, float(inclusive), (d < limit).astype(float))
    safe = np.where(s > 0, s, 1.0)
    # beyond twelve standard deviations both laws are 0 or 1, and the noncentral one is slow
    band = (s > 0) & (np.abs(d - limit) < 12 * s)
    p = certain.copy()
    if disc:
        p[band] = ncx2.cdf((limit[band] / safe[band]) ** 2, 2, (d[band] / safe[band]) ** 2)
    else:
        p[band] = ndtr((limit[band] - d[band]) / safe[band])
    return p
