"""Which key points a finding lies near, how far, and how surely inside a radius."""

from collections.abc import Iterable
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import ArrayLike, NDArray
from scipy.special import chndtr, ndtr
from shapely import STRtree

from geo.crs import as_metric, as_pairs
from geo.errors import CoordinateError, NoCRSError

Floats = NDArray[np.float64]

COLUMNS = ("finding", "key_point", "distance_m", "p_inside")


def p_inside(distance_m: ArrayLike, radius_m: ArrayLike, sd_m: ArrayLike, *, point: ArrayLike) -> Floats:
    """Return the probability that a position measured at a distance truly lies within a radius.

    For a boundary the straight-edge form Φ((D - d)/s), d negative inside; for a point the share of the
    error's disc: the noncentral chi-square distribution F(D²/s²; 2, d²/s²), of which the straight edge is
    the limit for large D.  Without error the boundary counts as inside.

    Parameters
    ----------
    distance_m : float array
        Measured distance d; for boundaries signed, negative inside.
    radius_m : float array or float
        Radius D >= 0.
    sd_m : float array or float
        Position error of finding and key point together, standard deviation per axis, >= 0.
    point : bool array or bool
        Whether the distance is to a point.

    Returns
    -------
    float array

    Examples
    --------
    >>> p_inside([200.0, 50.0], [200.0, 50.0], 10.0, point=True).round(3).tolist()
    [0.49, 0.46]
    >>> p_inside([200.0, -3.0], [200.0, 0.0], [10.0, 0.0], point=False).round(3).tolist()
    [0.5, 1.0]
    """
    d, radius, sd, to_point = np.broadcast_arrays(
        np.asarray(distance_m, dtype=np.float64),
        np.asarray(radius_m, dtype=np.float64),
        np.asarray(sd_m, dtype=np.float64),
        np.asarray(point, dtype=np.bool_),
    )
    exact = sd <= 0
    s = np.where(exact, 1.0, sd)
    # far within or far without, both forms agree and the series of the noncentral one is long
    near = to_point & (np.abs(radius - d) < 10 * s)
    edge = ndtr((radius - d) / s)
    ratio, centre = np.where(near, radius / s, 1.0) ** 2, np.where(near, d / s, 1.0) ** 2
    inside = np.where(near & ~exact, chndtr(ratio, 2, centre), edge)
    return np.where(exact, (d <= radius).astype(np.float64), np.clip(inside, 0.0, 1.0))


class KeyPoints:
    """Key points of a site, ready for asking which of them a finding lies near.

    Points, lines and areas are measured as they are, areas from their boundary (negative inside).  Gates
    are key points of their own, or points of one key point: rows may share a key.

    Parameters
    ----------
    places : GeoDataFrame in a metric CRS
        None and empty geometries are never near.
    key : str, optional
        Column that names a key point; default: the index.  Of the rows with the same key the nearest counts.
    sd_m : float or float array
        Error of the mapped position, standard deviation per axis.

    Raises
    ------
    NoCRSError

    Examples
    --------
    >>> from shapely import Point, box
    >>> shapes = [Point(0, 0), box(0, 0, 50, 50)]
    >>> places = gpd.GeoDataFrame(index=["gate", "campus"], geometry=shapes, crs=32650)
    >>> pairs = KeyPoints(places).near([[-30.0, 0.0], [10.0, 24.0]], 100.0, 5.0)
    >>> pairs[["finding", "key_point", "distance_m"]].values.tolist()
    [[0, 'campus', 30.0], [0, 'gate', 30.0], [1, 'campus', -10.0], [1, 'gate', 26.0]]
    """

    def __init__(self, places: gpd.GeoDataFrame, *, key: str | None = None, sd_m: ArrayLike = 0.0) -> None:
        if places.crs is None:
            raise NoCRSError("key points without a reference system: say which one they are in")
        self.crs = as_metric(places.crs)
        self._shape = np.asarray(places.geometry.to_numpy(), dtype=object)
        keys = places.index if key is None else places[key]
        self._key = np.asarray(keys, dtype=object)
        self._sd = np.broadcast_to(np.asarray(sd_m, dtype=np.float64), self._shape.shape)
        kind = shapely.get_type_id(self._shape)
        self._is_point, self._is_area = np.isin(kind, (0, 4)), np.isin(kind, (3, 6))
        self._tree = STRtree(self._shape)

    def near(self, metres: ArrayLike, within_m: float, sd_m: ArrayLike = 0.0) -> pd.DataFrame:
        """Return every key point within reach of every finding.

        Parameters
        ----------
        metres : array, shape (n, 2)
            Findings in the CRS of the key points; a row that is not finite is near nothing.
        within_m : float
            Reach; the radius of `p_inside`.  Key points are listed as long as they may be inside: up to
            three standard deviations farther.
        sd_m : float or array, shape (n,)
            Position error of the findings.

        Returns
        -------
        DataFrame, a row per pair, by finding, then distance, then key
            `finding` (position of the row), `key_point`, `distance_m` (negative inside an area),
            `p_inside` (probability of lying within `within_m`).
        """
        if not 0 <= within_m < np.inf:
            raise CoordinateError("reach must be finite and at least 0, got %(given)s", given=within_m)
        xy = as_pairs(metres)
        sd = np.broadcast_to(np.asarray(sd_m, dtype=np.float64), (len(xy),))
        points = np.asarray(shapely.points(xy), dtype=object)
        points[~np.isfinite(xy).all(axis=1)] = None
        slack = 3 * np.hypot(np.nan_to_num(sd), float(self._sd.max(initial=0.0)))
        finding, place = self._tree.query(points, predicate="dwithin", distance=within_m + slack)
        return self._measured(points, finding, place, within_m, sd)

    def _measured(
        self,
        points: NDArray[np.object_],
        finding: NDArray[np.int64],
        place: NDArray[np.int64],
        within_m: float,
        sd: Floats,
    ) -> pd.DataFrame:
        """Return pairs with distance and probability, of each key the nearest shape."""
        distance = shapely.distance(points[finding], self._shape[place])
        inside = self._is_area[place] & (distance == 0)
        edge = shapely.boundary(self._shape[place[inside]])
        distance[inside] = -shapely.distance(points[finding[inside]], edge)
        error = np.hypot(sd[finding], self._sd[place])
        p = p_inside(distance, within_m, np.nan_to_num(error), point=self._is_point[place])
        pairs = pd.DataFrame(
            {"finding": finding, "key_point": self._key[place], "distance_m": distance, "p_inside": p}
        )
        ordered = pairs.sort_values(["finding", "distance_m", "key_point"], key=_sortable, kind="stable")
        return ordered.drop_duplicates(["finding", "key_point"]).reset_index(drop=True)[list(COLUMNS)]

    def near_one(
        self, x: float, y: float, within_m: float, sd_m: float = 0.0
    ) -> list[tuple[object, float, float]]:
        """Return (key, distance, probability) for one finding, nearest first, without building a frame.

        Examples
        --------
        >>> from shapely import Point
        >>> gate = gpd.GeoDataFrame(index=["gate"], geometry=[Point(0, 0)], crs=32650)
        >>> KeyPoints(gate).near_one(30.0, 40.0, 100.0)
        [('gate', 50.0, 1.0)]
        """
        if not (np.isfinite(x) and np.isfinite(y)):
            return []
        point = shapely.Point(x, y)
        slack = 3 * float(np.hypot(sd_m, self._sd.max(initial=0.0)))
        places = self._tree.query(point, predicate="dwithin", distance=within_m + slack)
        return _nearest_of_each(self._one(point, place, within_m, sd_m) for place in places.tolist())

    def _one(
        self, point: shapely.Point, place: int, within_m: float, sd_m: float
    ) -> tuple[object, float, float]:
        """Return key, distance and probability of one pair."""
        shape = self._shape[place]
        distance = float(shapely.distance(point, shape))
        if self._is_area[place] and distance == 0:
            distance = -float(shapely.distance(point, shapely.boundary(shape)))
        error = float(np.hypot(sd_m, self._sd[place]))
        p = p_inside(distance, within_m, error, point=self._is_point[place])
        return self._key[place], distance, float(p)


def _nearest_of_each(
    found: Iterable[tuple[object, float, float]],
) -> list[tuple[object, float, float]]:
    """Keep the nearest shape of every key, in the order of distance and key."""
    best: dict[object, tuple[object, float, float]] = {}
    for one in sorted(found, key=lambda pair: (pair[1], str(pair[0]))):
        best.setdefault(one[0], one)
    return list(best.values())


def _sortable(column: Any) -> Any:
    """Compare keys of any kind as text."""
    return column.astype(str) if column.name == "key_point" else column
