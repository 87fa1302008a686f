"""Whatever GDAL or a table holds as geometry: read, checked row by row, brought to WGS 84."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pyproj
import shapely
from numpy.typing import NDArray

from geo.crs import LonLat
from geo.datum import to_wgs84
from geo.errors import NoCRSError
from layers.errors import InvalidError, UnreadableFileError
from layers.importing import columns as names
from layers.importing import opening, positions, tables
from layers.importing.options import ImportOptions
from layers.importing.progress import Progress, silent
from layers.importing.refusals import Faults, Refusal

_WGS84 = pyproj.CRS("EPSG:4326")
LINES = frozenset({"LineString", "MultiLineString"})
AREAS = frozenset({"Polygon", "MultiPolygon"})
POINTS = frozenset({"Point"})
_WANTED = {
    LINES: "a line is wanted; this is %(given)s",
    AREAS: "an area is wanted; this is %(given)s",
    POINTS: "a point is wanted; this is %(given)s",
    POINTS | LINES | AREAS: "a point, a line or an area is wanted; this is %(given)s",
    POINTS | AREAS: "a point or an area is wanted; this is %(given)s",
}
# Makes other rows of those in a file, and says which it refuses
Apart = Callable[[pd.DataFrame, list[Refusal]], pd.DataFrame]
GEOMETRY = {**positions.FIELDS, "wkt": names.WKT}


@dataclass(frozen=True, slots=True)
class Features:
    """Rows with a good geometry in longitude and latitude on WGS 84 (column `geom`), and the others.

    The index counts the rows of the file from 1; other columns are as they came.  `unit` is that of the
    file's coordinates: degree, metre, US survey foot, …; `options` hold what the file told, too.
    """

    rows: gpd.GeoDataFrame
    refused: list[Refusal]
    columns: dict[str, str]
    unit: str
    options: ImportOptions


def read(
    path: Path,
    options: ImportOptions,
    kinds: Collection[str],
    progress: Progress = silent,
    *,
    shift: bool = True,
    apart: Apart | None = None,
) -> Features:
    """Read a layer whose geometries are of `kinds`.

    Formats: what pyogrio reads (GeoPackage, shapefile also zipped, GeoJSON, FlatGeobuf, KML, GML, …),
    GeoParquet, and CSV with a column of WKT or two of coordinates; `.gz` of any.  Heights are dropped.
    A row whose geometry is missing, empty, of another kind, broken or nowhere on Earth is refused.
    Without `shift` longitudes and latitudes stay in the frame they came in.  `apart` makes other rows of
    those in the file before they are looked at, and says which it refuses.

    Raises
    ------
    NoCRSError
        If the file does not say its reference system and `options` do not either.
    UnreadableFileError
        If it cannot be read, has no rows, or is in an encoding that was not named.
    InvalidError
        If an option does not fit the file.
    """
    progress("opening the file", 0, None)
    refused: list[Refusal] = []
    found: dict[str, str] = {}
    table = _table(path, options, refused, progress)
    table = apart(table, refused) if apart else table
    if not isinstance(table, gpd.GeoDataFrame):
        table, found, options = with_geometry(table, options)
    crs = crs_of(table, options, path)
    faults = Faults(table)
    _mark_broken(faults, table.geometry.to_numpy(), frozenset(kinds))
    good = table[faults.good]
    lonlat = _to_wgs84(good.geometry.to_numpy(), crs, options.frame if shift else None)
    placed = Faults(good)
    _mark_nowhere(placed, lonlat)
    rows = good.rename_geometry("geom") if good.geometry.name != "geom" else good.copy()
    rows = gpd.GeoDataFrame(rows.assign(geom=lonlat), geometry="geom", crs=_WGS84)
    refused += faults.refusals() + placed.refusals()
    refused.sort(key=lambda refusal: refusal.row)
    return Features(rows[placed.good], _without_shapes(refused), found, crs.axis_info[0].unit_name, options)


def _table(path: Path, options: ImportOptions, refused: list[Refusal], progress: Progress) -> pd.DataFrame:
    """Return the file's rows numbered from 1, with geometries if the format has any."""
    if tables.is_text_table(path):
        parts = []
        for chunk in tables.chunks(
            path, encoding=options.encoding, header_row=options.header_row, progress=progress
        ):
            parts.append(chunk.rows)
            refused.extend(chunk.refused)
        table = pd.concat(parts) if parts else pd.DataFrame()
    else:
        table = opening.table(path, options)
    table = names.chosen(table, options.where)
    if table.empty:
        raise UnreadableFileError("%(file)s has no rows", file=path.name)
    return table


def with_geometry(
    table: pd.DataFrame, options: ImportOptions
) -> tuple[gpd.GeoDataFrame, dict[str, str], ImportOptions]:
    """Make geometries of a column of WKT, of two of coordinates or one of both.

    Returned too are the columns, and the options with what these told.
    """
    given = {field: column for field, column in options.columns.items() if field in GEOMETRY}
    found = names.match([str(name) for name in table.columns], GEOMETRY, given)
    if "wkt" in found and not {"lon", "lat"} <= given.keys():
        texts = table[found["wkt"]].astype(str).to_numpy(dtype=object)
        shapes = shapely.from_wkt(texts, on_invalid="ignore")
        used = {"wkt": found["wkt"]}
    else:
        used = positions.columns_in(table, options)
        options = positions.settled(table, used, options)
        x, y = positions.read(table, used, options.coordinate_order)
        shapes = np.full(len(table), None, dtype=object)
        there = np.isfinite(x) & np.isfinite(y)
        shapes[there] = shapely.points(x[there], y[there])
    return gpd.GeoDataFrame(table.assign(geom=shapes), geometry="geom"), used, options


def crs_of(table: gpd.GeoDataFrame, options: ImportOptions, path: Path) -> pyproj.CRS:
    """Return the reference system: the person's word, else the file's; neither is refused."""
    positions.check_frame(options.frame)
    if options.crs is not None:
        return positions.parse_crs(options.crs)
    if table.crs is not None:
        return pyproj.CRS(table.crs)
    if options.frame is not None:
        return _WGS84
    raise NoCRSError(
        "%(file)s does not say its reference system; name it with --crs, for degrees often EPSG:4326",
        file=path.name,
    )


def _mark_broken(faults: Faults, shapes: NDArray[np.object_], kinds: frozenset[str]) -> None:
    there = ~pd.isna(shapes)
    faults.mark(~there, "no geometry", "geometry")
    faults.mark(there & shapely.is_empty(shapes), "the geometry is empty", "geometry")
    kind = np.array([getattr(shape, "geom_type", "") for shape in shapes], dtype=object)
    faults.mark(~np.isin(kind, list(kinds)), _WANTED[kinds], "geometry", given=kind)
    finite = np.array([np.isfinite(shapely.get_coordinates(shape)).all() for shape in shapes], dtype=bool)
    faults.mark(~finite, "a coordinate is not a number", "geometry")
    bad = faults.good & ~shapely.is_valid(shapes)
    faults.mark(bad, "the geometry is broken: %(why)s", "geometry", why=_why(shapes, bad))


def _why(shapes: NDArray[np.object_], bad: NDArray[np.bool_]) -> NDArray[np.object_]:
    why = np.full(len(shapes), "", dtype=object)
    why[bad] = shapely.is_valid_reason(shapes[bad])
    return why


def _to_wgs84(shapes: NDArray[np.object_], crs: pyproj.CRS, frame: str | None) -> NDArray[np.object_]:
    flat = shapely.force_2d(shapes)
    if not crs.is_geographic or crs.to_epsg() != _WGS84.to_epsg():
        if frame not in {None, "wgs84"}:
            raise InvalidError(
                "A frame shifts longitudes and latitudes; coordinates in %(crs)s have none",
                field="frame",
                crs=crs.name,
            )
        transformer = pyproj.Transformer.from_crs(crs, _WGS84, always_xy=True)
        flat = shapely.transform(flat, lambda xy: np.column_stack(transformer.transform(xy[:, 0], xy[:, 1])))
    if frame not in {None, "wgs84"}:
        flat = shapely.transform(flat, lambda lonlat: to_wgs84(LonLat(lonlat), str(frame)))
    return np.asarray(flat, dtype=object)


def _mark_nowhere(faults: Faults, shapes: NDArray[np.object_]) -> None:
    """Refuse rows with any vertex that is no place on Earth."""
    lonlat, at = shapely.get_coordinates(shapes, return_index=True)
    for message, bad in positions.faults(lonlat):
        rows = np.zeros(len(shapes), dtype=bool)
        rows[at[bad]] = True
        example = np.full(len(shapes), None, dtype=object)
        example[at[bad]] = [f"{lon:.6f}, {lat:.6f}" for lon, lat in lonlat[bad]]
        faults.mark(rows, message, "geometry", given=example)


def _without_shapes(refused: list[Refusal]) -> list[Refusal]:
    """Write geometries as WKT, which a table can hold."""
    return [
        Refusal(
            one.row,
            one.reason,
            {
                name: shapely.to_wkt(value, rounding_precision=-1)
                if isinstance(value, shapely.Geometry)
                else value
                for name, value in one.values.items()
            },
        )
        for one in refused
    ]


def text(value: Any) -> str | None:
    """Return a cell as text, None where it holds nothing; whole floats lose their point.

    >>> text(" 京津路 "), text(float("nan")), text(12.0), text("")
    ('京津路', None, '12', None)
    """
    if value is None or value is pd.NA or value is pd.NaT or (isinstance(value, float) and np.isnan(value)):
        return None
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(value).strip() or None
