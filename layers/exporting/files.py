"""Exports as files: GDAL writes them from frames; the live store is never opened with it here."""

import html
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import geopandas as gpd
import pandas as pd
import pyogrio
import shapely

from layers import language
from layers.errors import InvalidError
from layers.exporting import rows
from layers.exporting.rows import Values
from layers.field import findings
from layers.field.asking import FindingFilter
from layers.formulas import guarded
from layers.importing import spreadsheets
from layers.importing.progress import Progress, silent
from layers.importing.writing import replacing
from layers.language import gettext
from layers.site import Site

LAYER = "findings"
_CRS = "EPSG:4326"
# What a sheet of a spreadsheet holds
_MOST_ROWS = 1_048_575
_NUMBERS = ("accuracy_m", "chainage_m", "distance_m", "p_block", "p_street", "key_point_m")
_INSTANTS = ("observed_at", "received_at", "decided_at")


@dataclass(frozen=True, slots=True)
class Format:
    """A kind of file; one that streams can be answered while it is read, however long it is."""

    media_type: str
    streams: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Export:
    """What is exported: which findings, as what, in which language; `in_words` with headings and words."""

    kind: str
    wanted: FindingFilter
    speak: str
    in_words: bool = False

    def __post_init__(self) -> None:
        check(self.kind)


FORMATS: Mapping[str, Format] = {
    "csv": Format("text/csv; charset=utf-8", streams=True),
    "geojson": Format("application/geo+json", streams=True),
    "xlsx": Format("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
    "gpkg": Format("application/geopackage+sqlite3"),
    "kml": Format("application/vnd.google-earth.kml+xml"),
    "gpx": Format("application/gpx+xml"),
}


def check(kind: str) -> Format:
    """Return the format of this name."""
    if kind not in FORMATS:
        raise InvalidError(
            "%(field)s: %(given)s is not known; known: %(known)s",
            field="format",
            given=kind[:20],
            known=", ".join(FORMATS),
        )
    return FORMATS[kind]


def stream(site: Site, export: Export) -> Iterator[bytes]:
    """Give the bytes of a format that streams."""
    if export.kind == "csv":
        return rows.as_csv(site, export.wanted, speak=export.speak, are_words=export.in_words)
    return rows.as_geojson(site, export.wanted, speak=export.speak)


def write(site: Site, export: Export, path: Path, progress: Progress = silent) -> int:
    """Write the findings to a file, which appears whole or not at all; return how many there are."""
    total = findings.count(site, export.wanted)
    if export.kind == "xlsx" and total > _MOST_ROWS:
        raise InvalidError(
            "A spreadsheet holds %(most)s rows; these are %(n)s: choose less", most=_MOST_ROWS, n=total
        )
    with replacing(path) as temporary:
        if FORMATS[export.kind].streams:
            with temporary.open("wb") as file:
                for part in stream(site, export):
                    file.write(part)
                    progress("writing findings", 0, None)
            return total
        # GDAL makes the file itself
        temporary.unlink()
        some = _told(rows.read(site, export.wanted, speak=export.speak), total, progress)
        return _WRITERS[export.kind](some, temporary, site.settings.zone, export.speak)


def _told(parts: Iterator[list[Values]], total: int, progress: Progress) -> Iterator[list[Values]]:
    done = 0
    for part in parts:
        yield part
        done += len(part)
        progress("writing findings", done, max(total, done))


def _frame(part: list[Values]) -> gpd.GeoDataFrame:
    table = _table(part)
    points = shapely.points(table["lon"].to_numpy(float), table["lat"].to_numpy(float))
    return gpd.GeoDataFrame(table, geometry=points, crs=_CRS)


def _table(part: list[Values]) -> pd.DataFrame:
    table = pd.DataFrame(part, columns=list(rows.NAMES))
    for name in _INSTANTS:
        # GeoPackage knows instants in UTC alone
        table[name] = pd.to_datetime(table[name], utc=True)
    for name in ("ambiguous", "outside", "decided"):
        table[name] = table[name].astype("boolean").astype("Int8")
    for name in _NUMBERS:
        table[name] = table[name].astype(float)
    table["n_items"] = table["n_items"].astype("Int64")
    return table


def _write_gpkg(parts: Iterator[list[Values]], path: Path, _zone: ZoneInfo, _speak: str) -> int:
    n = 0
    for part in _at_least_one(parts):
        frame = _frame(part)
        pyogrio.write_dataframe(frame, path, layer=LAYER, driver="GPKG", geometry_type="Point", append=n > 0)
        n += len(part)
    return n


def _at_least_one(parts: Iterator[list[Values]]) -> Iterator[list[Values]]:
    """Give an empty part where there is none, so that the file has its columns all the same."""
    first = next(parts, [])
    yield first
    yield from parts


def _write_xlsx(parts: Iterator[list[Values]], path: Path, zone: ZoneInfo, speak: str) -> int:
    with language.using(speak):
        every = [_cells(row, zone) for part in parts for row in part]
        table = pd.DataFrame(every, columns=list(rows.NAMES))
        for name in _INSTANTS:
            table[name] = pd.to_datetime(table[name])
        for name in _NUMBERS:
            table[name] = table[name].astype(float)
        table["n_items"] = table["n_items"].astype("Int64")
        table = table.rename(columns=rows.headings())
        sheet = gettext("Findings")
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".") as folder:
        plain = Path(folder) / "plain.xlsx"
        pyogrio.write_dataframe(table, plain, layer=sheet, driver="XLSX")
        spreadsheets.restyle(plain, path)
    return len(every)


def _cells(row: Values, zone: ZoneInfo) -> Values:
    """Return a row as a sheet holds it: words of the language, instants as clocks of the site show them."""
    told = {name: guarded(value) for name, value in rows.in_words(row).items()}
    for name in _INSTANTS:
        if told[name] is not None:
            told[name] = told[name].astimezone(zone).replace(tzinfo=None, microsecond=0)
    return told


def _write_kml(parts: Iterator[list[Values]], path: Path, _zone: ZoneInfo, _speak: str) -> int:
    every = [row for part in parts for row in part]
    frame = _frame(every)
    # what a globe shows in its balloon is read as HTML
    described = [html.escape(row["note"] or "") for row in every]
    shown = frame.drop(columns="note").assign(Name=_title(every), description=described)
    pyogrio.write_dataframe(shown, path, layer=LAYER, driver="LIBKML", geometry_type="Point")
    return len(every)


def _write_gpx(parts: Iterator[list[Values]], path: Path, _zone: ZoneInfo, _speak: str) -> int:
    every = [row for part in parts for row in part]
    frame = _frame(every)
    points = gpd.GeoDataFrame(
        {
            "time": frame["observed_at"],
            "name": _title(every),
            "cmt": [row["id"] for row in every],
            "desc": [row["note"] for row in every],
            "type": [row["category"] for row in every],
        },
        geometry=frame.geometry.to_numpy(),
        crs=_CRS,
    )
    pyogrio.write_dataframe(points, path, layer="waypoints", driver="GPX", geometry_type="Point")
    return len(every)


def _title(every: list[Values]) -> list[str]:
    return [str(row["category_name"] or row["category"]) for row in every]


_WRITERS: Mapping[str, Callable[[Iterator[list[Values]], Path, Any, str], int]] = {
    "gpkg": _write_gpkg,
    "xlsx": _write_xlsx,
    "kml": _write_kml,
    "gpx": _write_gpx,
}
