"""Key points in memory, and which of them positions are near."""

from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import shapely
from numpy.typing import NDArray

from geo.crs import LonLat, Projection
from geo.keypoints import p_inside
from layers.city.taxonomy import SCHOOL_KINDS
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
    """The key points in force with their gates, in metres of the site's CRS.

    `fid`, `shape`, `kind` and `place_name` are columns as arrays: a request has no time for frames.
    """

    version: int
    frame: gpd.GeoDataFrame
    gates: gpd.GeoDataFrame
    projection: Projection
    tree: shapely.STRtree
    is_school: NDArray[np.bool_]
    fid: NDArray[np.int64]
    shape: NDArray[np.object_]
    kind: NDArray[np.object_]
    place_name: NDArray[np.object_]

    @classmethod
    def of(
        cls, version: int, frame: gpd.GeoDataFrame, gates: gpd.GeoDataFrame, projection: Projection
    ) -> "KeyPoints":
        """Project key points and gates given in degrees, and index them."""
        metric, metric_gates = (_in_metres(part, projection) for part in (frame, gates))
        shape = np.asarray(metric.geometry.to_numpy(), dtype=object)
        return cls(
            version=version,
            frame=metric,
            gates=metric_gates,
            projection=projection,
            tree=shapely.STRtree(shape),
            is_school=metric["kind"].isin(SCHOOL_KINDS).to_numpy(dtype=bool),
            fid=metric["fid"].to_numpy(np.int64),
            shape=shape,
            kind=metric["kind"].to_numpy(object),
            place_name=metric["name"].to_numpy(object),
        )

    def near(self, lonlat: LonLat, sd_m: Floats, settings: Settings) -> Near:
        """Return every key point within reach of each position, and the chance to be in its zone.

        Measured straight from the outline of the ground where it is known, else from the point; on the
        ground itself the distance is 0.  The zone of a school has the site's radius; that of any other
        key point is its own ground, radius 0.
        """
        points = np.asarray(shapely.points(self.projection.to_metres(lonlat)), dtype=object).reshape(-1)
        row, at = self.tree.query(points, predicate="dwithin", distance=settings.key_point_reach_m)
        if not len(row):
            return Near.none()
        order = np.lexsort((at, row))
        row, at = row[order], at[order]
        shapes = self.shape[at]
        ground = shapely.get_dimensions(shapes) == 2
        distance = np.asarray(shapely.distance(points[row], shapes), dtype=float)
        on_ground = ground & (distance == 0)
        signed = distance.copy()
        signed[on_ground] = -shapely.distance(points[row[on_ground]], shapely.boundary(shapes[on_ground]))
        radius = np.where(self.is_school[at], settings.school_radius_m, 0.0)
        return Near(
            row=row,
            key_point_id=self.fid[at],
            distance_m=distance,
            measured_from=np.where(ground, "boundary", "point").astype(object),
            radius_m=radius,
            p_inside=p_inside(signed, radius, sd_m[row], point=~ground),
        )


def _in_metres(frame: gpd.GeoDataFrame, projection: Projection) -> gpd.GeoDataFrame:
    shapes = shapely.transform(frame.geometry.to_numpy(), projection.to_metres)
    return gpd.GeoDataFrame(frame.drop(columns="geom"), geometry=shapes, crs=projection.crs)
