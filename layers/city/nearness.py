"""Key points in memory, and which of them positions are near."""

from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import shapely
from numpy.typing import NDArray
from scipy.special import ndtr

from geo.crs import LonLat, Projection
from layers.settings import Settings

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Near:
    """Pairs of a position (`row`) and a key point within reach; an item per pair in every array."""

    row: NDArray[np.intp]
    key_point_id: NDArray[np.int64]
    distance_m: Floats
    measured_from: NDArray[np.object_]
    radius_m: Floats
    p_inside: Floats

    @classmethod
    def none(cls) -> "Near":
        """Return no pairs."""
        empty = np.empty(0)
        return cls(empty.astype(np.intp), empty.astype(np.int64), empty, empty.astype(object), empty, empty)


@dataclass(frozen=True, slots=True, eq=False)
class KeyPoints:
    """The key points in force with their gates, in metres of the site's CRS."""

    version: int
    frame: gpd.GeoDataFrame
    gates: gpd.GeoDataFrame
    projection: Projection
    tree: shapely.STRtree

    @classmethod
    def of(
        cls, version: int, frame: gpd.GeoDataFrame, gates: gpd.GeoDataFrame, projection: Projection
    ) -> "KeyPoints":
        """Project key points and gates given in degrees, and index them."""
        metric, metric_gates = (_in_metres(part, projection) for part in (frame, gates))
        return cls(version, metric, metric_gates, projection, shapely.STRtree(metric.geometry.to_numpy()))

    def near(self, lonlat: LonLat, sd_m: Floats, settings: Settings) -> Near:
        """Return every key point within reach of each position, and the chance to be in its zone.

        Measured from the outline of the ground where it is known, else from the point; inside the ground
        the distance is 0. P(inside) is that of a straight edge at the radius, P = Phi((D - d)/s) with d
        negative inside, s the position error.
        """
        points = np.asarray(shapely.points(self.projection.to_metres(lonlat)), dtype=object).reshape(-1)
        row, at = self.tree.query(points, predicate="dwithin", distance=settings.key_point_reach_m)
        order = np.lexsort((at, row))
        row, at = row[order], at[order]
        shapes = self.frame.geometry.to_numpy()[at]
        ground = shapely.get_dimensions(shapes) == 2
        distance = np.asarray(shapely.distance(points[row], shapes), dtype=float)
        depth = shapely.distance(points[row], shapely.boundary(shapes))
        signed = np.where(ground & (distance == 0), -np.nan_to_num(depth), distance)
        radius = np.full(len(row), settings.school_radius_m)
        return Near(
            row=row,
            key_point_id=self.frame["fid"].to_numpy(np.int64)[at],
            distance_m=distance,
            measured_from=np.where(ground, "boundary", "point").astype(object),
            radius_m=radius,
            p_inside=ndtr((radius - signed) / sd_m[row]),
        )


def _in_metres(frame: gpd.GeoDataFrame, projection: Projection) -> gpd.GeoDataFrame:
    shapes = shapely.transform(frame.geometry.to_numpy(), projection.to_metres)
    return gpd.GeoDataFrame(frame.drop(columns="geom"), geometry=shapes, crs=projection.crs)
