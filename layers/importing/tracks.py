"""Files of tracks: GPX, or tables with a row a fix and a column that tells the outings apart."""

import hashlib
from collections.abc import Sequence
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
from layers.importing import features, identity, instants, located, positions, tables, vector, vertices
from layers.importing.cells import Cells, Reading
from layers.importing.options import ImportOptions
from layers.importing.progress import Progress, silent
from layers.importing.refusals import Faults, Refusal

Floats = NDArray[np.float64]
_FEWEST = 2
FIELDS: dict[str, tuple[str, ...]] = {
    "track": ("track", "trackid", "tripid", "trip", "outing", "轨迹编号", "轨迹"),
    "time": (
        *("time", "timestamp", "datetime", "unixtime", "fixedat", "gpstime", "recordedat", "时间"),
        *("定位时间", "coordtimes", "times", "timestamps"),
    ),
    "accuracy_m": ("accuracym", "accuracy", "hacc", "定位精度"),
    "accuracy_kind": (),
    "mode": ("mode",),
    "device": ("device", "deviceid", "设备"),
    "person": ("person", "inspector", "walkedby", "login", "巡查员", "巡查人", "巡查人员", "队员"),
}
# What holds of an outing as a whole
_OF_ALL = ("accuracy_kind", "mode", "device", "person")


@dataclass(frozen=True, slots=True)
class Outing:
    """A track that could be read: the name and row under which the file has it, and who walked it."""

    track: Track
    name: str | None
    row: int
    person: str | None


@dataclass(frozen=True, slots=True)
class Outings:
    """Tracks that could be read, and the fixes, tracks or files that could not."""

    found: list[Outing]
    n_read: int
    refused: list[Refusal]
    columns: dict[str, str]
    options: ImportOptions

    @property
    def tracks(self) -> list[Track]:
        """Return the tracks in the order of the file."""
        return [one.track for one in self.found]


def read(
    path: Path, options: ImportOptions, *, now: datetime, local: ZoneInfo, progress: Progress = silent
) -> Outings:
    """Read the tracks of a file.

    Each track of a GPX file is an outing, in WGS 84 unless `options.frame` says otherwise.  A table needs a
    frame or a reference system, a time, and a column `track` unless all of it is one outing; of a layer of
    lines each is an outing, which needs a time for each vertex (see `vertices`).  Fixes that cannot be
    read are refused one by one; an outing without times, or of fewer than two fixes, as a whole.  A track
    is known again by its content, or by its number where `options.series` names the series of numbers.

    Raises
    ------
    InvalidError, UnreadableFileError
        If an option does not fit, or the file cannot be read at all.
    """
    if tables.suffix(path) == ".gpx":
        return _of_gpx(path, options, now)
    zone = instants.zone(options.time_zone) if options.time_zone else local
    parts: list[pd.DataFrame] = []
    refused: list[Refusal] = []
    columns: dict[str, str] = {}
    n_read = 0
    reading: Reading | None = None
    for table in located.tables_of(path, options, vector.POINTS, progress, vertices.fixes_of):
        rows = names.chosen(table.rows, options.where)
        n_read += len(rows) + len(table.refused)
        refused += table.refused
        if rows.empty and table.refused:
            continue
        reading = reading or Reading.of(rows, _columns(rows, options), table.options, "time", local)
        cells = Cells(rows, reading)
        xy = table.xy[table.rows.index.get_indexer(rows.index)]
        parts.append(_fixes(cells, xy, zone, now).assign(frame=table.frame))
        refused += cells.faults.refusals()
        columns = {**table.columns, **cells.reading.columns}
    found, too_short = _outings(pd.concat(parts), options) if parts else ([], [])
    refused = sorted(refused + too_short, key=lambda one: one.row)
    return Outings(found, n_read, refused, columns, reading.options if reading else options)


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
    _mark_places(cells.faults, xy)
    parsed, _ = cells.instants("time", zone)
    seconds = np.where(np.isnat(parsed), np.nan, parsed.astype("int64") / 1000)
    _mark_times(cells.faults, seconds, now)
    fixes = pd.DataFrame(
        {
            "lon": xy[:, 0],
            "lat": xy[:, 1],
            "time": seconds,
            "accuracy_m": np.array(cells.numbers("accuracy_m"), dtype=float),
            **{field: cells.texts(field) for field in ("track", *_OF_ALL)},
        },
        index=cells.rows.index,
    )
    return fixes[cells.faults.good]


def _mark_places(faults: Faults, xy: Floats) -> None:
    given = np.array([f"{lon:.6f}, {lat:.6f}" for lon, lat in xy], dtype=object)
    for message, bad in positions.faults(xy):
        faults.mark(bad, message, "position", given=given)


def _mark_times(faults: Faults, seconds: Floats, now: datetime) -> None:
    wrong = (seconds < 0) | (seconds > (now + CLOCK_AHEAD).timestamp())
    faults.mark(wrong, "the time of the fix lies before 1970 or in the future", "time")


def _outings(fixes: pd.DataFrame, options: ImportOptions) -> tuple[list[Outing], list[Refusal]]:
    """Return an outing for each track, and the fixes of those that are too short."""
    found, refused = [], []
    for name, own in fixes.groupby("track", sort=False, dropna=False):
        if len(own) >= _FEWEST:
            found.append(_outing(None if pd.isna(name) else str(name), own, options))
            continue
        reason = InvalidError("the outing has fewer than two fixes", field="track")
        cells = {str(key): value for key, value in own.iloc[0].to_dict().items()}
        refused.append(Refusal(int(own.index[0]), reason, cells))
    return found, refused


def _outing(name: str | None, fixes: pd.DataFrame, options: ImportOptions) -> Outing:
    first = fixes.iloc[0]
    values = fixes[["lon", "lat", "time", "accuracy_m"]].to_numpy(dtype=np.float64)
    track = Track(
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
    return Outing(track, name, int(fixes.index[0]), first["person"])


def _uuid(name: str | None, values: Floats, options: ImportOptions) -> str:
    if options.series and name:
        return identity.of_bytes(name, f"track {options.series}")
    ordered = values[np.lexsort(values.T)]
    return identity.of_bytes(hashlib.sha256(ordered.astype("<f8").tobytes()).hexdigest(), "track")


def _of_gpx(path: Path, options: ImportOptions, now: datetime) -> Outings:
    tables.check_there(path)
    positions.check_frame(options.frame)
    try:
        with unpacking.opened(path) as file:
            held = list(gpx.said(file.read()))
    except (OSError, EOFError) as error:
        raise UnreadableFileError(
            "%(file)s is damaged or cut short: %(reason)s",
            file=path.name,
            reason=unpacking.reason(error, path),
        ) from error
    if not held:
        raise UnreadableFileError("%(file)s holds no track; waypoints come in as findings", file=path.name)
    rows = _gpx_rows(held, path.name.split(".")[0])
    values = np.array([(one.lon, one.lat, one.time, one.accuracy_m) for one in held], dtype=np.float64)
    timeless, without = _without_times(rows, values[:, 2])
    faults = Faults(rows)
    _mark_places(faults, values[:, :2])
    faults.mark(rows["time"].isna(), "the time is missing", "time")
    faults.mark(np.isnan(values[:, 2]), "%(given)s is no time we can read", "time", given=rows["time"])
    _mark_times(faults, values[:, 2], now)
    own = {name: options.constants.get(name) for name in _OF_ALL}
    table = pd.DataFrame(values, columns=["lon", "lat", "time", "accuracy_m"], index=rows.index)
    table = table.assign(track=rows["track"], frame=options.frame or "wgs84", **own)
    table = table.astype(dict.fromkeys(_OF_ALL, object))
    found, refused = _outings(table[faults.good & ~timeless], options)
    refused += without + [one for one in faults.refusals() if not timeless[one.row - 1]]
    return Outings(found, len(rows), sorted(refused, key=lambda one: one.row), {}, options)


def _gpx_rows(held: Sequence[gpx.Said], file: str) -> pd.DataFrame:
    """Return the fixes as they stand in the file, with the name of the track that each is of."""
    several = held[-1].track > held[0].track
    names_of = {one.track: f"{one.name or file} ({one.track})" if several else file for one in held}
    texts = [(names_of[one.track], *one.texts[:3]) for one in held]
    index = pd.RangeIndex(1, len(held) + 1)
    return pd.DataFrame(texts, columns=["track", "lon", "lat", "time"], index=index, dtype=object)


def _without_times(rows: pd.DataFrame, time: Floats) -> tuple[NDArray[np.bool_], list[Refusal]]:
    """Return which fixes are of tracks that hold no time at all, and the refusal of each of these."""
    known = pd.Series(~np.isnan(time), index=rows.index).groupby(rows["track"]).transform("any")
    timeless = ~known.to_numpy(dtype=bool)
    refused = []
    for name, own in rows[timeless].groupby("track", sort=False):
        reason = InvalidError("the track says where somebody went and not when", field="time")
        refused.append(Refusal(int(own.index[0]), reason, {"track": name, "n_fixes": len(own)}))
    return timeless, refused
