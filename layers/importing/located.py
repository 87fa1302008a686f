"""Tables with positions: the numbers as they came, and the frame they are in."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyproj
import shapely
from numpy.typing import NDArray

from layers.errors import InvalidError, UnreadableFileError
from layers.importing import positions, tables, vector
from layers.importing.options import ImportOptions
from layers.importing.progress import Progress, silent
from layers.importing.refusals import Refusal
from layers.importing.vector import Apart

_WGS84 = pyproj.CRS("EPSG:4326")


@dataclass(frozen=True, slots=True)
class Located:
    """Rows (index from 1), and for each longitude and latitude in `frame`, NaN where there are none.

    `options` are those of the person with what the file told beside them.
    """

    rows: pd.DataFrame
    xy: NDArray[np.float64]
    frame: str
    refused: list[Refusal]
    columns: dict[str, str]
    options: ImportOptions


def tables_of(
    path: Path,
    options: ImportOptions,
    kinds: Collection[str],
    progress: Progress = silent,
    apart: Apart | None = None,
) -> Iterator[Located]:
    """Yield a text table in chunks, any other format at once.

    Longitudes and latitudes need a frame (`options.frame`, or the names of their columns), or a
    reference system named by the person; coordinates in metres or feet are brought to WGS 84.  A file
    that declares degrees on WGS 84 says nothing of the frame: maps drawn in China often declare it of
    shifted coordinates.  `apart`: see `vector.read`.

    Raises
    ------
    InvalidError
        If nothing says the frame, or no coordinates are found.
    """
    positions.check_frame(options.frame)
    if tables.is_text_table(path):
        yield from _of_text(path, options, progress)
    else:
        yield _of_layer(path, options, kinds, progress, apart)


def _of_text(path: Path, options: ImportOptions, progress: Progress) -> Iterator[Located]:
    crs = positions.parse_crs(options.crs) if options.crs else _WGS84
    frame = ""
    found: dict[str, str] = {}
    for chunk in tables.chunks(
        path, encoding=options.encoding, header_row=options.header_row, progress=progress
    ):
        if not found:
            found = positions.columns_in(chunk.rows, options)
            options = positions.settled(chunk.rows, found, options)
            frame = _frame(options, is_degrees=crs.is_geographic)
        x, y = positions.read(chunk.rows, found, options.coordinate_order)
        yield Located(chunk.rows, _to_degrees(x, y, crs), frame, chunk.refused, found, options)
    if not found:
        raise UnreadableFileError("%(file)s has no rows", file=path.name)


def _to_degrees(x: NDArray[np.float64], y: NDArray[np.float64], crs: pyproj.CRS) -> NDArray[np.float64]:
    if not crs.is_geographic or crs.to_epsg() != _WGS84.to_epsg():
        transformer = pyproj.Transformer.from_crs(crs, _WGS84, always_xy=True)
        x, y = transformer.transform(x, y)
    return np.column_stack([x, y])


def _of_layer(
    path: Path, options: ImportOptions, kinds: Collection[str], progress: Progress, apart: Apart | None
) -> Located:
    found = vector.read(path, options, kinds, progress, shift=False, apart=apart)
    frame = _frame(found.options, is_degrees=found.unit == "degree")
    shapes = found.rows.geometry.to_numpy()
    xy = np.column_stack([shapely.get_x(shapes), shapely.get_y(shapes)])
    rows = pd.DataFrame(found.rows.drop(columns="geom"))
    return Located(rows, xy, frame, found.refused, found.columns, found.options)


def _frame(options: ImportOptions, *, is_degrees: bool) -> str:
    """Return the frame of the coordinates as they are after `crs` has been seen to."""
    if not is_degrees and options.frame not in {None, "wgs84"}:
        raise InvalidError(
            "A frame shifts longitudes and latitudes; coordinates in metres or feet have none", field="frame"
        )
    if options.frame is not None:
        return options.frame
    if options.crs is not None or not is_degrees:
        return "wgs84"
    raise InvalidError(
        "Nothing says in which frame the positions are; name it with --frame: wgs84, gcj02 or bd09",
        field="frame",
    )
