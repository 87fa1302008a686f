"""Areas of every level, from the city down to grids, estates and villages; which of them a place is in."""

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from sqlalchemy import ColumnElement, Connection, and_, select

from geo.crs import LonLat
from geo.errors import GeometryKindError
from layers.city import layer, taxonomy, versions
from layers.city.layer import Changes
from layers.errors import InvalidError
from layers.store import frames
from layers.store.schema import district

if TYPE_CHECKING:
    from layers.site import Site


@dataclass(frozen=True, slots=True, eq=False)
class Districts:
    """The areas in force, in memory, in longitude and latitude."""

    version: int
    frame: gpd.GeoDataFrame
    tree: shapely.STRtree
    fid: NDArray[np.int64]

    def containing(self, lonlat: LonLat) -> tuple[NDArray[np.intp], NDArray[np.int64]]:
        """Return pairs (row of `lonlat`, fid of an area that it is in or on the edge of)."""
        points = shapely.points(lonlat)
        row, at = self.tree.query(points, predicate="intersects")
        order = np.lexsort((at, row))
        return row[order], self.fid[at[order]]


def load(conn: Connection, version: int) -> Districts:
    """Read the areas in force into memory."""
    chosen = [district.c[name] for name in ("fid", "source", "source_id", "level", "code", "name", "geom")]
    rows = frames.read(conn, select(*chosen).where(district.c.removed_at.is_(None)).order_by(district.c.fid))
    tree = shapely.STRtree(rows.geometry.to_numpy())
    return Districts(version, rows, tree, rows["fid"].to_numpy(np.int64))


def replace(
    site: "Site",
    source: str,
    areas: gpd.GeoDataFrame,
    *,
    now: datetime,
    account_id: int | None = None,
    run: int | None = None,
) -> Changes:
    """Make the areas of `source` those of the frame; only the levels that it holds are touched.

    Parameters
    ----------
    areas : GeoDataFrame
        Polygons in any CRS, with `source_id`, `level`, and perhaps `code` and `name`.
    """
    given = _tidied(areas)
    changes = Changes()
    with site.store.write() as conn:
        site.choose_crs(conn, given.total_bounds)
        for level, rows in given.groupby("level", sort=True):
            changes += layer.replace(
                conn,
                district,
                rows.drop(columns="level"),
                within=_within(source, str(level)),
                fixed={"source": source, "level": str(level)},
                now=now,
                run=run,
            )
        if changes:
            versions.raise_one(conn, "districts")
            layer.tell(conn, "districts", source, changes, now=now, account_id=account_id)
    return changes


def compare(site: "Site", source: str, areas: gpd.GeoDataFrame) -> Changes:
    """Return what `replace` would do."""
    changes = Changes()
    with site.store.read() as conn:
        for level, rows in _tidied(areas).groupby("level", sort=True):
            own = rows.drop(columns="level")
            changes += layer.compare(conn, district, own, within=_within(source, str(level))).changes
    return changes


def _within(source: str, level: str) -> ColumnElement[bool]:
    return and_(district.c.source == source, district.c.level == level)


def _tidied(areas: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    given = layer.in_degrees(areas)
    for row, level in enumerate(given["level"]):
        if level not in taxonomy.DISTRICT_LEVELS:
            raise InvalidError(
                "Row %(row)s: %(given)s is not a level of areas", field="level", row=row, given=level
            )
    columns: dict[str, Any] = {
        "source_id": given["source_id"].astype(str).astype(object),
        "level": given["level"].astype(object),
        "code": layer.texts(given["code"] if "code" in given else [None] * len(given)),
        "name": layer.texts(given["name"] if "name" in given else [None] * len(given)),
    }
    shapes = [_multipolygon(shape, row) for row, shape in enumerate(given.geometry)]
    return gpd.GeoDataFrame(pd.DataFrame(columns), geometry=shapes, crs=layer.WGS84).rename_geometry("geom")


def _multipolygon(shape: Any, row: int) -> shapely.MultiPolygon:
    if isinstance(shape, shapely.Polygon) and not shape.is_empty:
        return shapely.MultiPolygon([shape])
    if isinstance(shape, shapely.MultiPolygon) and not shape.is_empty:
        return shape
    raise GeometryKindError("row %(row)s: an area must be a polygon", row=row)
