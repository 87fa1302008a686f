"""Rows that pass through: read with their own columns as they are, written with others added."""

import csv
import gzip
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pyproj
import shapely
from numpy.typing import NDArray

from geo.datum import to_wgs84
from layers.errors import InvalidError, UnreadableFileError
from layers.importing import columns as names
from layers.importing import located, opening, positions, tables, vector
from layers.importing.options import ImportOptions
from layers.importing.progress import Progress, silent
from layers.importing.writing import replacing

Floats = NDArray[np.float64]
Write = Callable[["Rows", pd.DataFrame], None]
_WGS84 = pyproj.CRS("EPSG:4326")
# FlatGeobuf is not among them: it sorts its rows
_DRIVERS = {".geojson": "GeoJSON", ".json": "GeoJSON", ".gpkg": "GPKG"}


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows with their own columns, and their positions in longitude and latitude on WGS 84, NaN for none.

    `columns` tells which column each field is read from.
    """

    frame: pd.DataFrame
    lonlat: Floats
    columns: dict[str, str]


def read(
    path: Path, options: ImportOptions, fields: Sequence[str] = (), progress: Progress = silent
) -> Iterator[Rows]:
    """Yield the rows of a file: text tables in chunks, any other format at once.

    Without a frame or reference system degrees are taken to be WGS 84.  `fields` may be read from columns
    that `options.columns` names; they are never guessed.

    Raises
    ------
    UnreadableFileError
        If a row cannot come back as it was, the file has no rows, or cannot be read.
    InvalidError
        If an option does not fit the file.
    """
    known = options.frame or options.crs
    options = options if known else replace(options, frame="wgs84")
    parts = _of_text(path, options, progress) if tables.is_text_table(path) else _of_layer(path, options)
    n = 0
    for part in parts:
        given = {name: column for name, column in options.columns.items() if name not in vector.GEOMETRY}
        present = [str(name) for name in part.frame.columns]
        found = names.match(present, dict.fromkeys(fields, ()), given)
        yield Rows(part.frame, part.lonlat, {**part.columns, **found})
        n += len(part.frame)
    if n == 0:
        raise UnreadableFileError("%(file)s has no rows", file=path.name)


def _of_text(path: Path, options: ImportOptions, progress: Progress) -> Iterator[Rows]:
    for table in located.tables_of(path, options, vector.POINTS, progress):
        if table.refused:
            first = table.refused[0]
            raise UnreadableFileError(
                "%(file)s, row %(row)s: %(reason)s", file=path.name, row=first.row, reason=first.reason
            )
        yield Rows(table.rows, to_wgs84(table.xy, table.frame), table.columns)


def _of_layer(path: Path, options: ImportOptions) -> Iterator[Rows]:
    positions.check_frame(options.frame)
    frame = opening.table(path, options, as_is=True)
    if not isinstance(frame, gpd.GeoDataFrame):
        made, used, options = vector.with_geometry(frame, options)
        yield Rows(frame, _lonlat(made, options, path), used)
        return
    yield Rows(frame, _lonlat(frame, options, path), {})


def _lonlat(frame: gpd.GeoDataFrame, options: ImportOptions, path: Path) -> Floats:
    """Return positions on WGS 84: of a point itself, of anything else its centroid."""
    crs = vector.crs_of(frame, options, path)
    points = shapely.centroid(frame.geometry.to_numpy())
    x, y = shapely.get_x(points), shapely.get_y(points)
    if not crs.is_geographic or crs.to_epsg() != _WGS84.to_epsg():
        x, y = pyproj.Transformer.from_crs(crs, _WGS84, always_xy=True).transform(x, y)
    lonlat = np.column_stack([x, y])
    lonlat[~np.isfinite(lonlat).all(axis=1)] = np.nan
    return np.asarray(to_wgs84(lonlat, (crs.is_geographic and options.frame) or "wgs84"))


def writer(out: Path) -> AbstractContextManager[Write]:
    """Return a context that gives a function writing rows with added columns; all or nothing is left.

    Raises
    ------
    InvalidError
        If the ending of the name is none that we write.
    """
    ending = tables.suffix(out)
    if ending in {".csv", ".tsv"}:
        return _text_writer(out, "\t" if ending == ".tsv" else ",")
    if ending in _DRIVERS or ending in opening.PARQUET:
        return _layer_writer(out, ending)
    raise InvalidError(
        "%(given)s is not a format that we write; endings: %(known)s",
        field="out",
        given=ending or out.name,
        known=".csv .tsv .geojson .gpkg .parquet",
    )


def _refuse_missing_folder(out: Path) -> None:
    if not out.parent.is_dir():
        raise InvalidError("There is no folder %(folder)s", field="out", folder=str(out.parent))


@contextmanager
def _text_writer(out: Path, delimiter: str) -> Iterator[Write]:
    _refuse_missing_folder(out)
    with replacing(out) as temporary, _open_text(temporary, is_packed=out.suffix == ".gz") as file:
        lines = csv.writer(file, delimiter=delimiter, lineterminator="\n")
        begun = False

        def write(rows: Rows, added: pd.DataFrame) -> None:
            nonlocal begun
            table = pd.concat([_without_shapes(rows.frame), added], axis=1)
            if not begun:
                lines.writerow(table.columns)
                begun = True
            lines.writerows(zip(*(_cells(table[name]) for name in table.columns), strict=True))

        yield write


def _open_text(path: Path, *, is_packed: bool) -> IO[str]:
    if is_packed:
        return gzip.open(path, "wt", encoding="utf-8", newline="")
    return path.open("w", encoding="utf-8", newline="")


def _without_shapes(frame: pd.DataFrame) -> pd.DataFrame:
    if not isinstance(frame, gpd.GeoDataFrame):
        return frame
    name = frame.geometry.name
    return pd.DataFrame(frame.drop(columns=name)).assign(
        **{name: shapely.to_wkt(frame.geometry.to_numpy(), rounding_precision=-1)}
    )


def _cells(values: "pd.Series[Any]") -> list[Any]:
    """Return cells as CSV holds them: texts as they are, nothing for None, booleans in lower case."""
    if values.dtype == object:
        return values.tolist()
    plain = values.astype(object)
    return [
        str(value).lower() if isinstance(value, bool) else value
        for value in plain.where(plain.notna(), None).tolist()
    ]


@contextmanager
def _layer_writer(out: Path, ending: str) -> Iterator[Write]:
    _refuse_missing_folder(out)
    parts: list[tuple[Rows, pd.DataFrame]] = []
    yield lambda rows, added: parts.append((rows, added))
    tables_ = [pd.concat([rows.frame, added], axis=1) for rows, added in parts]
    frame: pd.DataFrame = pd.concat(tables_) if len(tables_) > 1 else tables_[0]
    lonlat = np.concatenate([rows.lonlat for rows, _ in parts])
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=".") as folder:
        plain = Path(folder) / f"rows{ending}"
        _write_layer(frame, lonlat, plain, ending)
        with replacing(out) as temporary:
            _copy(plain, temporary, is_packed=out.suffix == ".gz")


def _write_layer(frame: Any, lonlat: Floats, plain: Path, ending: str) -> None:
    if ending in opening.PARQUET:
        frame.to_parquet(plain, index=False)
        return
    if not isinstance(frame, gpd.GeoDataFrame):
        frame = gpd.GeoDataFrame(frame, geometry=_points(lonlat), crs=_WGS84)
    elif _DRIVERS[ending] == "GeoJSON" and frame.crs is not None:
        # the format knows no other reference system (RFC 7946, section 4)
        frame = frame.to_crs(_WGS84)
    frame.to_file(plain, driver=_DRIVERS[ending], engine="pyogrio", index=False, use_arrow=True)


def _points(lonlat: Floats) -> NDArray[np.object_]:
    points = np.full(len(lonlat), None, dtype=object)
    there = np.isfinite(lonlat).all(axis=1)
    points[there] = shapely.points(lonlat[there])
    return points


def _copy(source: Path, target: Path, *, is_packed: bool) -> None:
    with source.open("rb") as plain, gzip.open(target, "wb") if is_packed else target.open("wb") as file:
        shutil.copyfileobj(plain, file)
