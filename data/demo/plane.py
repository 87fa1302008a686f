"""Where the city lies on Earth, and the plane it is drawn on.

The plane is the 3-degree Gauss-Krüger projection of CGCS2000 with central meridian 117° E (EPSG:4548),
whose scale is off by less than two millionths here. Only the writers leave it.
"""

import geopandas as gpd
import numpy as np
import shapely
from numpy.typing import NDArray
from pyproj import Transformer

PLANE = "EPSG:4548"
LONLAT = "EPSG:4326"
CENTRE = (548_300.0, 4_366_200.0)
"""East and north of the plan's origin: open country near 117.56° E, 39.43° N, given an invented town."""

Floats = NDArray[np.float64]

_TO_LONLAT = Transformer.from_crs(PLANE, LONLAT, always_xy=True)


def to_lonlat(x: Floats, y: Floats) -> tuple[Floats, Floats]:
    """Return longitude and latitude (degrees, WGS-84) of points on the plane."""
    lon, lat = _TO_LONLAT.transform(x, y)
    return np.asarray(lon), np.asarray(lat)


def lonlat_frame(frame: gpd.GeoDataFrame, decimals: int = 7) -> gpd.GeoDataFrame:
    """Return the frame in WGS-84 degrees; equal points stay equal, to a centimetre."""
    bare = frame.set_crs(PLANE, allow_override=True)
    geometry = shapely.transform(bare.geometry.to_numpy(), lambda xy: _round_lonlat(xy, decimals))
    return bare.set_geometry(geometry).set_crs(LONLAT, allow_override=True)


def _round_lonlat(xy: Floats, decimals: int) -> Floats:
    return np.asarray(np.round(np.column_stack(to_lonlat(xy[:, 0], xy[:, 1])), decimals), dtype=np.float64)


def bend(points: Floats, *, bend_m: float) -> Floats:
    """Turn and gently bend the plan so that straight streets become long curves.

    The bend is one function for the whole city, so that neighbouring districts still meet.
    """
    x, y = points[:, 0], points[:, 1]
    bent_x = x + bend_m * np.sin(y / 2900.0 + 0.4) + 0.28 * bend_m * np.sin(y / 910.0 + x / 4100.0)
    bent_y = y + 0.8 * bend_m * np.sin(x / 3300.0 + 1.1) + 0.25 * bend_m * np.sin(x / 1070.0 - y / 5200.0)
    angle = np.radians(-8.0)
    turned_x = bent_x * np.cos(angle) - bent_y * np.sin(angle)
    turned_y = bent_x * np.sin(angle) + bent_y * np.cos(angle)
    return np.column_stack([turned_x + CENTRE[0], turned_y + CENTRE[1]])
