"""Files of tracks: GPX, or tables with a row a fix and a column that tells the outings apart."""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from layers import unpacking
from layers.errors import InvalidError, UnreadableFileError
from layers.field import gpx
from layers.field.reports import CLOCK_AHEAD
from layers.field.tracks import Track
from layers.importing import columns as names
from layers.importing import features, identity, instants, located, positions, tables, vector
from layers.importing.cells import Cells, Reading
from layers.importing.options import ImportOptions
from layers.importing.progress import Progress, silent
from layers.importing.refusals import Refusal

Floats = NDArray[np.float64]
_FEWEST = 2
FIELDS: dict[str, tuple[str, ...]] = {
    "track": ("track", "trackid", "tripid", "trip", "outing", "轨迹编号", "轨迹"),
    "time": (
        *("time", "timestamp", "datetime", "unixtime", "fixedat", "gpstime", "recordedat", "时间"),
        "定位时间",
    ),
    "accuracy_m": ("accuracym", "accuracy", "hacc", "定位精度"),
    "accuracy_kind": (),
    "mode": ("mode",),
    "device": ("device", "deviceid", "设备"),
}


@dataclass(frozen=True, slots=True)
class Outings:
    """Tracks that could be read, and the fixes or files that could not."""

    tracks: list[Track]
    n_read: int
    refused: list[Refusal]
    columns: dict[str, str]


def read(
    path: Path, options: ImportOptions, *, now: datetime, local: ZoneInfo, progress: Progress = silent
) -> Outings:
    """Read the tracks of a file.

    A GPX file is one outing, in WGS 84 unless `options.frame` says otherwise.  A table needs a frame or a
    reference system, a time, and a column `track` unless all of it is one outing; fixes that cannot be
    read are refused one by one, an outing of fewer than two fixes as a whole.  A track is known again by
    its content, or by its number where `options.series` names the series of numbers.

    Raises
    ------
    InvalidError, UnreadableFileError
        If an option does not fit, or the file cannot be read at all.
    """
    if tables.suffix(path) == ".gpx":
        return _of_gpx(path, options)
    zone = instants.zone(options.time_zone) if options.time_zone else local
    parts: list[pd.DataFrame] = []
    refused: list[Refusal] = []
    columns: dict[str, str] = {}
    n_read = 0
    for table in located.tables_of(path, options, vector.POINTS, progress):
        rows = names.chosen(table.rows, options.where)
        cells = Cells(rows, Reading(_columns(rows, options), options))
        xy = table.xy[table.rows.index.get_indexer(rows.index)]
        parts.append(_fixes(cells, xy, zone, now).assign(frame=table.frame))
        refused += table.refused + cells.faults.refusals()
        n_read += len(rows) + len(table.refused)
        columns = {**table.columns, **cells.reading.columns}
    tracks, too_short = _outings(pd.concat(parts), options)
    refused = sorted(refused + too_short, key=lambda one: one.row)
    return Outings(tracks, n_read, refused, columns)


def _columns(rows: pd.DataFrame, options: ImportOptions) -> dict[str, str]:
    found = features.match(rows, FIELDS, options)
    if "time" not in found:
        raise InvalidError(
            "Nothing in the file says %(field)s; say it with %(advice)s",
            field="time",
            advice="--column time=…",
        )
    return found


def _fixes(cells: Cells, xy: Floats, zone: ZoneInfo, now: datetime) -> pd.DataFrame:
    """Return the good fixes; the others are marked."""
    given = np.array([f"{lon:.6f}, {lat:.6f}" for lon, lat in xy], dtype=object)
    for message, bad in positions.faults(xy):
        cells.faults.mark(bad, message, "position", given=given)
    parsed, _ = cells.instants("time", zone)
    seconds = np.where(np.isnat(parsed), np.nan, parsed.astype("int64") / 1000)
    wrong = (seconds < 0) | (seconds > (now + CLOCK_AHEAD).timestamp())
    cells.faults.mark(wrong, "the time of the fix lies before 1970 or in the future", "time")
    fixes = pd.DataFrame(
        {
            "lon": xy[:, 0],
            "lat": xy[:, 1],
            "time": seconds,
            "accuracy_m": np.array(cells.numbers("accuracy_m"), dtype=float),
            "track": cells.texts("track"),
            **{field: cells.texts(field) for field in ("accuracy_kind", "mode", "device")},
        },
        index=cells.rows.index,
    )
    return fixes[cells.faults.good]


def _outings(fixes: pd.DataFrame, options: ImportOptions) -> tuple[list[Track], list[Refusal]]:
    """Return a track for each outing, and the fixes of outings that are too short."""
    tracks, refused = [], []
    for name, own in fixes.groupby("track", sort=False, dropna=False):
        if len(own) >= _FEWEST:
            tracks.append(_track(None if name is None else str(name), own, options))
            continue
        reason = InvalidError("the outing has fewer than two fixes", field="track")
        cells = {str(key): value for key, value in own.iloc[0].to_dict().items()}
        refused.append(Refusal(int(own.index[0]), reason, cells))
    return tracks, refused


def _track(name: str | None, fixes: pd.DataFrame, options: ImportOptions) -> Track:
    first = fixes.iloc[0]
    values = fixes[["lon", "lat", "time", "accuracy_m"]].to_numpy(dtype=np.float64)
    return Track(
        uuid=_uuid(name, values, options),
        lon=values[:, 0],
        lat=values[:, 1],
        time=values[:, 2],
        accuracy_m=values[:, 3],
        frame=str(first["frame"]),
        accuracy_kind=first["accuracy_kind"] or "unknown",
        mode=first["mode"],
        device=first["device"],
    )


def _uuid(name: str | None, values: Floats, options: ImportOptions) -> str:
    if options.series and name:
        return identity.of_bytes(name, f"track {options.series}")
    ordered = values[np.lexsort(values.T)]
    return identity.of_bytes(hashlib.sha256(ordered.astype("<f8").tobytes()).hexdigest(), "track")


def _of_gpx(path: Path, options: ImportOptions) -> Outings:
    tables.check_there(path)
    positions.check_frame(options.frame)
    try:
        with unpacking.opened(path) as file:
            fixes = gpx.read(file.read())
    except (OSError, EOFError) as error:
        raise UnreadableFileError(
            "%(file)s is damaged or cut short: %(reason)s",
            file=path.name,
            reason=unpacking.reason(error, path),
        ) from error
    table = pd.DataFrame(
        {
            **{name: getattr(fixes, name) for name in ("lon", "lat", "time", "accuracy_m")},
            "frame": options.frame or "wgs84",
            "accuracy_kind": options.constants.get("accuracy_kind"),
            "mode": options.constants.get("mode"),
            "device": options.constants.get("device"),
            "track": path.name.split(".")[0],
        },
        index=pd.RangeIndex(1, len(fixes.lon) + 1),
    ).astype(dict.fromkeys(("accuracy_kind", "mode", "device"), object))
    if table.empty:
        raise UnreadableFileError("%(file)s has no rows", file=path.name)
    tracks, refused = _outings(table, options)
    return Outings(tracks, len(table), refused, {})
