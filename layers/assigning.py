"""Every row of a file gets its street block: `xuncha assign`, with a site or with a file of streets alone.

Rows come back in their order with their own columns as they were; nothing is kept but the answer.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from geo import blocks
from geo.assign import BlockIndex, Model, SourceError, sd_of
from geo.datum import in_mainland_china
from layers.errors import InvalidError
from layers.importing import fitting, osm, passing, positions, streets, vector
from layers.importing.options import ImportOptions
from layers.importing.passing import Rows
from layers.importing.progress import Progress, silent
from layers.settings import SOURCE_ERRORS
from layers.site import Site

Floats = NDArray[np.float64]
COLUMNS = (
    *("block_id", "street_name", "chainage_m", "distance_m", "side"),
    *("p_block", "p_street", "p_side", "ambiguous", "outside"),
)
# Evidence beside the position is used only where the person names its column
EVIDENCE = ("accuracy_m", "heading_deg", "speed_ms", "street_hint")
_OSM_SUFFIXES = (".pbf", ".osm", ".osm.gz", ".osm.bz2")
# Enough rows to see where a file is from
_SAMPLE = 1000
_DECIMALS = {"chainage_m": 2, "distance_m": 2, "p_block": 6, "p_street": 6, "p_side": 6}


@dataclass(frozen=True, slots=True, kw_only=True)
class Streets:
    """Blocks to place on, and what is known of the sources of positions there."""

    index: BlockIndex
    source_errors: Mapping[str, SourceError]
    bounds: positions.Bounds
    model: Model = field(default_factory=Model)

    @classmethod
    def of_site(cls, site: Site) -> "Streets":
        """Return the newest streets of a site, with its own position errors."""
        network, settings = site.network, site.settings
        known = cls._of(network.index, network.blocks)
        model = Model(outside_m=settings.outside_m)
        return replace(known, source_errors=settings.source_errors, model=model)

    @classmethod
    def of_file(cls, path: Path, options: ImportOptions, progress: Progress = silent) -> "Streets":
        """Read streets from a file, an OpenStreetMap extract or any that `streets.read` takes."""
        if path.name.lower().endswith(_OSM_SUFFIXES):
            frame = osm.read(path, language=options.language, progress=progress).streets
        else:
            frame = streets.read(path, options, progress).frame
        frame = frame[frame["footway"].isna()]
        if frame.empty:
            raise InvalidError("%(file)s holds no streets", file=path.name)
        progress("making street blocks", 0, None)
        built = blocks.build(frame.drop(columns="footway"), source=path.name)
        return cls._of(BlockIndex.of(built), built)

    @classmethod
    def _of(cls, index: BlockIndex, built: gpd.GeoDataFrame) -> "Streets":
        corners = index.projection.to_lonlat(built.total_bounds.reshape(2, 2))
        (west, south), (east, north) = corners.tolist()
        return cls(index=index, source_errors=SOURCE_ERRORS, bounds=(west, south, east, north))


@dataclass(frozen=True, slots=True, kw_only=True)
class Accuracy:
    """How far positions may be wrong: of which source they are, or a figure that overrides it."""

    source: str = "phone"
    accuracy_m: float | None = None
    accuracy_kind: str = "unknown"

    def error(self, known: Mapping[str, SourceError]) -> SourceError:
        """Return the error assumed of a position that has none of its own."""
        if self.source not in known:
            raise InvalidError(
                "%(field)s: %(given)s is not known; known: %(known)s",
                field="source",
                given=self.source,
                known=", ".join(known),
            )
        error = known[self.source]
        if self.accuracy_m is None:
            return error
        sd_m = float(sd_of(self.accuracy_m, self.accuracy_kind)[0])
        if not np.isfinite(sd_m):
            raise InvalidError("An accuracy is a number of metres above 0", field="accuracy_m")
        return SourceError(sd_m, error.offset_m, error.offset_sd_m)


@dataclass(slots=True)
class Summary:
    """What became of the rows, and the position error that was assumed.

    `in_china` warns that degrees in mainland China were taken to be WGS 84 without anybody saying so.
    """

    error: SourceError
    source: str
    fitted: bool = False
    n_rows: int = 0
    n_clear: int = 0
    n_ambiguous: int = 0
    n_outside: int = 0
    n_own_accuracy: int = 0
    in_china: bool = False
    unplaced: dict[str, int] = field(default_factory=dict)
    columns: dict[str, str] = field(default_factory=dict)


def assign_file(
    path: Path,
    out: Path,
    on: Streets,
    options: ImportOptions,
    accuracy: Accuracy,
    *,
    prefix: str = "",
    fit: bool = True,
    progress: Progress = silent,
) -> Summary:
    """Write `path` to `out` with ten more columns; the endings of the names tell the formats.

    Columns added: `block_id, street_name, chainage_m, distance_m, side` (None where it is not sure),
    `p_block, p_street, p_side, ambiguous, outside`.  A row without a usable position has them empty; it is
    `outside` if no block lies within 100 m.  CSV goes through in a stream, other formats as a whole.

    Parameters
    ----------
    on : Streets
    options : ImportOptions
        `columns` may name `lon`, `lat` or `x`, `y`, and evidence: `accuracy_m`, `heading_deg`, `speed_ms`,
        `street_hint`.
    accuracy : Accuracy
        Of positions that have no accuracy of their own.
    fit : bool
        Let the first rows of a geocoder's or a register's positions say how they lie about the streets,
        unless an accuracy or a setting of the site says so.
    prefix : str
        Put before the names of the added columns, for files that have such columns.

    Raises
    ------
    InvalidError, UnreadableFileError
        Then `out` is not touched.
    """
    summary = Summary(accuracy.error(on.source_errors), accuracy.source)
    with passing.writer(out) as write:
        for part in passing.read(path, options, EVIDENCE, progress):
            _check_names(part.frame, prefix)
            if fit and not summary.n_rows and accuracy.accuracy_m is None:
                _fit(part, on, accuracy, summary)
            added = _placed(part, on, accuracy, summary)
            write(part, added.add_prefix(prefix))
            summary.columns = part.columns
            if not (options.frame or options.crs):
                summary.in_china |= bool(in_mainland_china(part.lonlat[:_SAMPLE]).any())
    return summary


def _fit(part: Rows, on: Streets, accuracy: Accuracy, summary: Summary) -> None:
    """Let the positions of these rows that have no accuracy of their own say how their source errs."""
    if fitting.may_fit(accuracy.source, on.source_errors):
        own, _ = _errors(part, accuracy, summary)
        error = fitting.fit(on.index, part.lonlat[~own])
        summary.error, summary.fitted = error or summary.error, error is not None


def _check_names(frame: pd.DataFrame, prefix: str) -> None:
    taken = [name for name in (prefix + column for column in COLUMNS) if name in frame]
    if taken:
        raise InvalidError(
            "The file has columns called %(names)s already; put something before ours with --prefix",
            field="prefix",
            names=", ".join(taken),
        )


def _placed(part: Rows, on: Streets, accuracy: Accuracy, summary: Summary) -> pd.DataFrame:
    """Place rows, count what became of them, and return the columns to add."""
    lonlat = part.lonlat.copy()
    _drop_impossible(lonlat, on.bounds, summary)
    own, sd_m = _errors(part, accuracy, summary)
    placed = on.index.place(
        lonlat,
        sd_m,
        offset_m=np.nan if summary.error.offset_m is None else summary.error.offset_m,
        offset_sd_m=summary.error.offset_sd_m,
        heading_deg=_numbers(part, "heading_deg"),
        speed_ms=_numbers(part, "speed_ms"),
        name_hint=_hints(part),
        model=on.model,
    )
    there = np.asarray(np.isfinite(lonlat).all(axis=1), dtype=bool)
    outside, ambiguous = placed.outside & there, placed.ambiguous
    summary.n_rows += len(lonlat)
    summary.n_own_accuracy += int(own.sum())
    summary.n_outside += int(outside.sum())
    summary.n_ambiguous += int((ambiguous & ~outside).sum())
    summary.n_clear += int((there & ~ambiguous & ~outside).sum())
    columns = {name: _rounded(name, getattr(placed, name), there) for name in COLUMNS}
    return pd.DataFrame(columns, index=part.frame.index)


def _drop_impossible(lonlat: Floats, bounds: positions.Bounds, summary: Summary) -> None:
    """Take the positions away that are no place, and count them by reason."""
    for message, bad in positions.faults(lonlat, bounds):
        if bad.any():
            summary.unplaced[message] = summary.unplaced.get(message, 0) + int(bad.sum())
    for _, bad in positions.faults(lonlat.copy(), bounds):
        lonlat[bad] = np.nan


def _errors(part: Rows, accuracy: Accuracy, summary: Summary) -> tuple[NDArray[np.bool_], Floats]:
    """Return which rows have an accuracy of their own, and the error of all in metres per axis."""
    reported = _numbers(part, "accuracy_m")
    own = sd_of(reported, accuracy.accuracy_kind)
    return np.isfinite(own), np.where(np.isfinite(own), own, summary.error.sd_m)


def _numbers(part: Rows, name: str) -> Floats:
    if name not in part.columns:
        return np.full(len(part.frame), np.nan)
    return positions.numbers(part.frame[part.columns[name]].astype(object))


def _hints(part: Rows) -> list[str | None] | None:
    if "street_hint" not in part.columns:
        return None
    return [vector.text(value) for value in part.frame[part.columns["street_hint"]]]


def _rounded(name: str, values: NDArray[Any], there: NDArray[np.bool_]) -> Any:
    """Return a column as it is written: digits that mean something, nothing where nothing was placed."""
    if values.dtype == bool:
        return pd.arrays.BooleanArray(values.copy(), ~there)
    return np.round(values, _DECIMALS[name]) if name in _DECIMALS else values
