"""Files of any format but text tables, opened: unpacked, the layer found, the encoding known."""

import re
import shutil
import tempfile
import warnings
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import geopandas as gpd
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pyogrio
import shapely

from layers import unpacking
from layers.errors import InvalidError, UnreadableFileError
from layers.importing import headings, spreadsheets, tables
from layers.importing.options import ImportOptions

# A file that is read must not make GDAL ask a server
pyogrio.set_gdal_config_options({"GML_DOWNLOAD_SCHEMA": "NO", "CPL_VSIL_CURL_ALLOWED_EXTENSIONS": "none"})
# GDAL shows five layers in each GPX file, empty or not; a place by itself is a waypoint
_WAYPOINTS = "waypoints"
WORKBOOK = ".xlsx"
_AS_TEXTS = {"HEADERS": "DISABLE", "FIELD_TYPES": "STRING"}
KML = frozenset({".kml", ".kmz"})
FOLDER = "folder"
_NUMBERED = re.compile(r" \(#\d+\)$")
PARQUET = frozenset({".parquet", ".geoparquet", ".pq"})
# Language driver ids in the header of a DBF file that name an encoding used in East Asia or UTF-8
_DBF_ENCODINGS = {0x4D: "gb18030", 0x4F: "big5", 0x78: "big5", 0x7A: "gb18030"}

# What the readers raise on damaged files; pyogrio stumbles over a reference system that GDAL cannot read
_UNREADABLE = (
    pyogrio.errors.DataSourceError,
    pyogrio.errors.DataLayerError,
    OSError,
    pa.ArrowException,
    UnicodeDecodeError,
    UnboundLocalError,
    NotImplementedError,
    ValueError,
    zipfile.BadZipFile,
    shapely.GEOSException,
)


def table(
    path: Path, options: ImportOptions, *, as_is: bool = False, most: int | None = None
) -> pd.DataFrame:
    """Return the rows of a file numbered from 1: a GeoDataFrame if it has geometries.

    Parameters
    ----------
    as_is : bool
        Keep the type of every column, for rows that are to be written again.
    most : int, optional
        So many rows are enough; then geometries are left aside.

    Raises
    ------
    UnreadableFileError
        If the file is missing, empty, damaged, of no format that we read, or in an unknown encoding.
    InvalidError
        If it has several layers and none was named.
    """
    tables.check_there(path)
    with _unzipped(path) as plain:
        if plain.is_file():
            unpacking.require_plain(plain)
        rows: pd.DataFrame = _read_plain(plain, options, as_is=as_is, most=most)
    rows.index = pd.RangeIndex(1, len(rows) + 1)
    if tables.suffix(path) == WORKBOOK:
        return rows[rows.notna().any(axis=1)]
    return rows


def first_rows(path: Path, options: ImportOptions, most: int) -> pd.DataFrame:
    """Return the first rows of a file, without geometries."""
    if not tables.is_text_table(path):
        return table(path, options, most=most).head(most)
    chunks = tables.chunks(path, encoding=options.encoding, header_row=options.header_row, size=most)
    chunk = next(iter(chunks), None)
    return pd.DataFrame() if chunk is None else chunk.rows


def header_row(path: Path, options: ImportOptions) -> int:
    """Return which row of a table of text or a workbook holds the headings, from 1."""
    if tables.is_text_table(path):
        return tables.header_row(path, encoding=options.encoding, said=options.header_row)
    unpacking.require_plain(path)
    (sheet,) = layers(path, options)
    return headings.row_of(_head_of(path, sheet), options.header_row) + 1


@contextmanager
def _unzipped(path: Path) -> Iterator[Path]:
    """Give the file itself, or what its `.gz` holds in a temporary folder."""
    if not path.name.lower().endswith(".gz"):
        yield path
        return
    with tempfile.TemporaryDirectory() as folder:
        plain = Path(folder) / path.name[: -len(".gz")]
        try:
            with unpacking.opened(path) as source, plain.open("wb") as target:
                shutil.copyfileobj(source, target)
        except (OSError, EOFError) as error:
            raise UnreadableFileError(
                "%(file)s is damaged or cut short: %(reason)s",
                file=path.name,
                reason=unpacking.reason(error, path),
            ) from error
        tables.check_there(plain)
        yield plain


def _read_plain(path: Path, options: ImportOptions, *, as_is: bool, most: int | None) -> Any:
    try:
        with warnings.catch_warnings():
            # remarks of GDAL and GEOS on single records; what matters is checked row by row
            warnings.simplefilter("ignore", RuntimeWarning)
            if tables.suffix(path) in PARQUET:
                return _read_parquet(path, as_is=as_is)
            how = _faithfully(path) if as_is else {}
            if most is not None:
                how |= {"max_features": most, "read_geometry": False}
            if tables.suffix(path) == WORKBOOK:
                return _read_workbook(path, options, how)
            return _read_layers(path, options, how)
    except _UNREADABLE as error:
        why = unpacking.reason(error, path)
        raise UnreadableFileError(
            "%(file)s cannot be read: %(reason)s", file=path.name, reason=why
        ) from error


def _read_workbook(path: Path, options: ImportOptions, how: dict[str, Any]) -> Any:
    """Return the rows below the headings of a sheet: typed where these come first, else as texts."""
    with spreadsheets.readable(path) as book:
        (sheet,) = layers(book, options)
        first = _head_of(book, sheet)
        at = headings.row_of(first, options.header_row)
        if at == 0:
            are_names = options.header_row or (first and headings.holds_names(first[0]))
            return pyogrio.read_dataframe(book, layer=sheet, HEADERS="FORCE" if are_names else "AUTO", **how)
        if "max_features" in how:
            how = {**how, "max_features": how["max_features"] + at + 1}
        below: pd.DataFrame = pyogrio.read_dataframe(book, layer=sheet, **how, **_AS_TEXTS).iloc[at + 1 :]
    below.columns = pd.Index(headings.names_of(first[at], path.name))
    return below


def _head_of(book: Path, sheet: str | None) -> list[list[str]]:
    head = pyogrio.read_dataframe(book, layer=sheet, max_features=headings.PROBED, **_AS_TEXTS)
    cells: list[list[str]] = head.fillna("").astype(str).to_numpy().tolist()
    return cells


def _read_layers(path: Path, options: ImportOptions, how: dict[str, Any]) -> Any:
    """Return the rows of the layers of a file; of several with a column `folder` that names each row's."""
    names = layers(path, options)
    how = {"encoding": encoding(path, options), **how}
    if len(names) == 1:
        return pyogrio.read_dataframe(address(path), layer=names[0], **how)
    parts = []
    for name in names:
        part = pyogrio.read_dataframe(address(path), layer=name, **how)
        if len(part):
            # GDAL numbers folders of one name
            parts.append(part.assign(**{FOLDER: _NUMBERED.sub("", str(name))}))
    if not parts:
        raise UnreadableFileError("%(file)s has no rows", file=path.name)
    return pd.concat(parts, ignore_index=True)


def _faithfully(path: Path) -> dict[str, Any]:
    """Return the options that keep every column as it is: whole numbers beside gaps, dates as written."""
    dates = {"DATE_AS_STRING": "YES"} if tables.suffix(path) in {".geojson", ".json"} else {}
    return {"use_arrow": True, "arrow_to_pandas_kwargs": {"types_mapper": pd.ArrowDtype}, **dates}


def _read_parquet(path: Path, *, as_is: bool) -> Any:
    types = {"types_mapper": pd.ArrowDtype} if as_is else {}
    if b"geo" in (pq.read_schema(path).metadata or {}):
        return gpd.read_parquet(path, to_pandas_kwargs=types)
    return pq.read_table(path).to_pandas(**types)


def address(path: Path) -> str:
    """Return how GDAL is told of a file; of an archive with one shapefile in whatever folder, that."""
    if path.suffix.lower() != ".zip":
        return str(path)
    try:
        with zipfile.ZipFile(path) as archive:
            inside = [name for name in archive.namelist() if name.lower().endswith(".shp")]
    except (zipfile.BadZipFile, OSError):
        # GDAL says why
        inside = []
    # GDAL lists what lies at the top by itself
    return f"/vsizip/{path}/{inside[0]}" if len(inside) == 1 and "/" in inside[0] else f"/vsizip/{path}"


def layers(path: Path, options: ImportOptions) -> list[str | None]:
    """Return the layers to read: the one that was named, of a GPX file else its waypoints, or the only one.

    Of a KML file all are read: they are its folders.
    """
    known = [str(name) for name, *_ in pyogrio.list_layers(address(path))]
    if not known:
        raise UnreadableFileError("%(file)s has no rows", file=path.name)
    if options.layer is not None and options.layer not in known:
        raise InvalidError(
            "There is no layer %(given)s in the file; layers: %(known)s",
            field="layer",
            given=options.layer,
            known=", ".join(known),
        )
    if options.layer is None and _WAYPOINTS in known and path.suffix.lower() == ".gpx":
        return [_WAYPOINTS]
    if options.layer is None and len(known) > 1:
        if path.suffix.lower() in KML:
            return [*known]
        raise InvalidError(
            "The file has several layers, name one with --layer: %(known)s",
            field="layer",
            known=", ".join(known),
        )
    return [options.layer]


def encoding(path: Path, options: ImportOptions) -> str | None:
    """Return the encoding to read with; only shapefiles may be in another than UTF-8."""
    if options.encoding is not None:
        return options.encoding
    for name, content in _shapefile_texts(path):
        declared = _DBF_ENCODINGS.get(content[29]) if len(content) > 29 else None
        if declared is not None:
            return declared
        try:
            content[32:].decode("utf-8")
        except UnicodeDecodeError as error:
            raise UnreadableFileError(
                "%(file)s does not say its encoding and is not UTF-8; name it with --encoding"
                ", for Chinese texts often gb18030",
                field="encoding",
                file=name,
            ) from error
        return "UTF-8"
    return None


def _shapefile_texts(path: Path) -> Iterator[tuple[str, bytes]]:
    """Yield the attribute files of a shapefile that no `.cpg` beside them explains."""
    if path.suffix.lower() == ".shp":
        present = {other.suffix.lower(): other for other in path.parent.glob(f"{path.stem}.*")}
        if ".dbf" in present and ".cpg" not in present:
            yield present[".dbf"].name, present[".dbf"].read_bytes()
    elif path.suffix.lower() == ".zip":
        with zipfile.ZipFile(path) as archive:
            explained = {_stem(name) for name in archive.namelist() if name.lower().endswith(".cpg")}
            for name in archive.namelist():
                if name.lower().endswith(".dbf") and _stem(name) not in explained:
                    yield name, archive.read(name)


def _stem(name: str) -> str:
    return name.rsplit(".", 1)[0].lower()
