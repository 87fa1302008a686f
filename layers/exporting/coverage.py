"""What patrols covered as a file: a row per interval, with its line."""

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from zoneinfo import ZoneInfo

import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio
import shapely
from numpy.typing import NDArray
from shapely.ops import substring

from layers import language
from layers.analysis import coverage_choice
from layers.analysis.coverage_choice import Asked
from layers.analysis.questions import Analyst
from layers.errors import InvalidError
from layers.formulas import guarded
from layers.importing.progress import Progress, silent
from layers.importing.writing import replacing
from layers.language import gettext

LAYER = "coverage"
MEDIA_TYPES = {
    "csv": "text/csv; charset=utf-8",
    "geojson": "application/geo+json",
    "gpkg": "application/geopackage+sqlite3",
}
NAMES = (
    *("block_id", "street", "class", "side", "from_m", "to_m", "state"),
    *("started_at", "ended_at", "p", "p_side", "team", "shift", "recording", "pass_no", "source"),
)
_AT_ONCE, _WRITTEN_AT_ONCE = 2000, 20_000


def headings() -> dict[str, str]:
    """Return what the columns are called in the language in use."""
    return {
        "block_id": gettext("Street block"),
        "street": gettext("Street"),
        "class": gettext("Class of street"),
        "side": gettext("Side"),
        "from_m": gettext("From, m"),
        "to_m": gettext("To, m"),
        "state": gettext("State"),
        "started_at": gettext("Began"),
        "ended_at": gettext("Ended"),
        "p": gettext("Probability"),
        "p_side": gettext("Probability of the side"),
        "team": gettext("Team"),
        "shift": gettext("Shift"),
        "recording": gettext("Recording"),
        "pass_no": gettext("Pass"),
        "source": gettext("Known from"),
    }


def check(kind: str) -> str:
    """Return the media type of a format of this name."""
    if kind not in MEDIA_TYPES:
        raise InvalidError(
            "%(field)s: %(given)s is not known; known: %(known)s",
            field="format",
            given=kind[:20],
            known=", ".join(MEDIA_TYPES),
        )
    return MEDIA_TYPES[kind]


def table(analyst: Analyst, asked: Asked) -> pd.DataFrame:
    """Return the intervals asked about, in the order of time."""
    found = coverage_choice.chosen(analyst, asked)
    found = found.sort_values(["started_at", "block_id", "from_m"], kind="stable", ignore_index=True)
    blocks = analyst.site.network.blocks.set_index("block_id")
    named = blocks["name"].where(blocks["name"].notna(), None)
    found["street"] = named.reindex(found["block_id"]).to_numpy()
    found["class"] = coverage_choice.classes(analyst).reindex(found["block_id"]).to_numpy()
    found["source"] = np.where(found["is_check"], "check", "track")
    for column in ("p", "p_side"):
        found[column] = found[column].round(4)
    return found[list(NAMES)]


def as_csv(analyst: Analyst, asked: Asked, *, speak: str) -> Iterator[bytes]:
    """Give a table in UTF-8 (marked, for spreadsheets), with headings in the language; without lines."""
    with language.using(speak):
        titles = headings()
    rows = _local(table(analyst, asked), analyst.site.settings.zone)
    yield b"\xef\xbb\xbf" + _lines([[titles[name] for name in NAMES]])
    for start in range(0, len(rows), _AT_ONCE):
        some = rows.iloc[start : start + _AT_ONCE]
        yield _lines([[guarded(value) for value in row] for row in some.itertuples(index=False, name=None)])


def _lines(rows: list[list[Any]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()


def _local(rows: pd.DataFrame, zone: ZoneInfo) -> pd.DataFrame:
    rows = rows.copy()
    for column in ("started_at", "ended_at"):
        local = rows[column].dt.tz_convert(zone)
        rows[column] = [instant.isoformat(timespec="seconds") for instant in local]
    return rows


def as_geojson(analyst: Analyst, asked: Asked) -> Iterator[bytes]:
    """Give one collection of features (RFC 7946), a feature on each line; instants in local time."""
    found = table(analyst, asked)
    rows = _local(found, analyst.site.settings.zone)
    yield b'{"type":"FeatureCollection","features":['
    for start in range(0, len(rows), _AT_ONCE):
        some = slice(start, start + _AT_ONCE)
        lines = shapely.to_geojson(_drawn(analyst, found.iloc[some]))
        told = rows.iloc[some].to_dict("records")
        features = [
            f'{{"type":"Feature","geometry":{line},"properties":{json.dumps(row, ensure_ascii=False)}}}'
            for line, row in zip(lines.tolist(), told, strict=True)
        ]
        yield (("\n" if start == 0 else ",\n") + ",\n".join(features)).encode()
    yield b"\n]}\n"


def as_gpkg(analyst: Analyst, asked: Asked) -> bytes:
    """Return a GeoPackage with one layer of lines; instants are UTC."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / f"{LAYER}.gpkg"
        write(analyst, asked, path)
        return path.read_bytes()


def write_streamed(analyst: Analyst, asked: Asked, path: Path, *, speak: str) -> int:
    """Write CSV or GeoJSON, which appears whole or not at all; return how many intervals there are."""
    is_csv = path.suffix == ".csv"
    with replacing(path) as temporary, temporary.open("wb") as file:
        file.writelines(as_csv(analyst, asked, speak=speak) if is_csv else as_geojson(analyst, asked))
    return len(coverage_choice.chosen(analyst, asked))


def write(analyst: Analyst, asked: Asked, path: Path, progress: Progress = silent) -> int:
    """Write a GeoPackage, which appears whole or not at all; return how many intervals there are."""
    found = table(analyst, asked)
    total = len(found)
    with replacing(path) as temporary:
        # GDAL makes the file itself
        temporary.unlink()
        # of nothing at all there is an empty layer
        for start in range(0, total or 1, _WRITTEN_AT_ONCE):
            some = found.iloc[start : start + _WRITTEN_AT_ONCE]
            frame = gpd.GeoDataFrame(some, geometry=_drawn(analyst, some), crs="EPSG:4326")
            pyogrio.write_dataframe(
                frame,
                temporary,
                layer=LAYER,
                driver="GPKG",
                geometry_type="LineString",
                append=start > 0,
            )
            progress("writing coverage", min(start + _WRITTEN_AT_ONCE, total), total)
    return total


def _drawn(analyst: Analyst, found: pd.DataFrame) -> NDArray[np.object_]:
    """Return the line of each interval in degrees; one as long as its block is the block."""
    network = analyst.site.network
    blocks = network.blocks.set_index("block_id").geometry
    lines = blocks.reindex(found["block_id"]).to_numpy().copy()
    starts, ends = found["from_m"].to_numpy(), found["to_m"].to_numpy()
    for k in np.flatnonzero((starts > 0) | (ends < shapely.length(lines) - 1e-3)).tolist():
        lines[k] = substring(lines[k], starts[k], ends[k])
    # an interval of one fix has no length, but stays a line
    points = np.flatnonzero(shapely.get_type_id(lines) == shapely.GeometryType.POINT)
    for k in points.tolist():
        x, y = lines[k].x, lines[k].y
        lines[k] = shapely.LineString([(x, y), (x, y)])
    return _degrees(lines, network.projection)


def _degrees(lines: NDArray[np.object_], projection: Any) -> NDArray[np.object_]:
    turned: NDArray[np.object_] = shapely.transform(lines, lambda at: np.round(projection.to_lonlat(at), 7))
    return turned
