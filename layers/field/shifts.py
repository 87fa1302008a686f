"""Evidence about the frames of devices: their raw positions, gathered and weighed by `geo.datum_doctor`.

Tracks and findings are weighed against the streets.  A photo that holds a position of its own says where
its finding truly was, unless it merely repeats the report.  Gates are no evidence: nobody says of a
finding that it was made at one, and to conclude so from the position would argue in a circle.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sqlalchemy import Connection, Select, Table, select

from geo.assign import BlockIndex, sd_of
from geo.datum import to_wgs84
from geo.datum_doctor import find_shifted
from layers.errors import NotFoundError
from layers.field.corrections import MEASURED, SAID, Corrections
from layers.field.fixes import unpack
from layers.store import frames
from layers.store.schema import finding, photo, track

if TYPE_CHECKING:
    from layers.site import Site

# A photo taken this much before or after its finding was taken elsewhere
_SAME_PLACE = timedelta(minutes=10)
# A photo whose position is that of the report, to this, got it from there
_REPEATED_M = 1.0
# One farther off is of another place altogether
_ELSEWHERE_M = 3000.0
_NEAR_M = 20.0
# A device that truly is shifted shows it in far fewer; a city's phones send millions
_MOST_OF_TRACK, _MOST_OF_DEVICE = 200, 3000
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shift:
    """A device whose positions fit the streets much better in another frame than the one they are read in.

    Where `sure` is false there is too little to say so: few places, or all of them on a few streets.

    `frame` is as declared; `read_in` differs from it where a correction is in force, which then is what the
    evidence speaks against.  Shares are of positions, in [0, 1]; `n_days_for` counts days on which more
    positions lie near a street as guessed than as read.
    """

    device: str
    frame: str
    read_in: str
    guess: str
    sure: bool
    first_at: datetime
    last_at: datetime
    n_fixes: int
    n_places: int
    n_stretches: int
    log_odds: float
    z: float
    near_share: float
    near_share_guess: float
    n_days: int
    n_days_for: int
    n_references: int
    reference_gap_m: float | None
    reference_gap_guess_m: float | None
    east_m: float
    north_m: float

    def evidence(self) -> dict[str, Any]:
        """Return the numbers as they are kept beside a correction."""
        names = [name for name in Shift.__slots__ if name not in ("device", "frame", "first_at", "last_at")]
        found = {name: getattr(self, name) for name in names}
        return {**found, "first_at": self.first_at.isoformat(), "last_at": self.last_at.isoformat()}


def find(site: "Site", *, since: datetime | None = None, device: str | None = None) -> list[Shift]:
    """Return the devices that are or may be shifted by what they sent since an instant, the surest first."""
    streets = site.network_or_none()
    if streets is None:
        raise NotFoundError("There are no streets yet: import some first")
    zone = str(site.settings.zone)
    found: list[Shift] = []
    with site.store.read() as conn:
        fixes = positions(conn, site, since=since, device=device)
        known = _references(conn, site.corrections, device)
    for frame, own in fixes.groupby("declared", sort=True):
        references = known[known["declared"] == frame]
        weighed = find_shifted(own, streets.index, references=references)
        for row in weighed[weighed["suspected"]].to_dict("records"):
            mine = own[(own["device"] == row["device"]) & (own["frame"] == row["frame"])]
            found.append(_shift(str(frame), row, mine, streets.index, zone))
    return sorted(found, key=lambda one: (not one.sure, -one.log_odds, one.device, one.frame))


def positions(
    conn: Connection, site: "Site", *, since: datetime | None = None, device: str | None = None
) -> pd.DataFrame:
    """Return the raw positions of devices, from tracks and from findings made by phone.

    Of long tracks and of devices that sent much an even sample is read: more would say the same.

    Returns
    -------
    DataFrame
        `device`, `lon`, `lat` raw, `declared`, `frame` (in which they are read now), `sd_m`, `at`.
    """
    usual = site.settings.source_errors["phone"].sd_m
    corrections = site.corrections
    of_tracks = [_of_track(row, corrections) for row in conn.execute(_tracks(since, device)).mappings()]
    reported = pd.DataFrame(frames.read(conn, _findings(since, device)))
    parts = [*of_tracks, _of_findings(reported, corrections)]
    fixes = pd.concat([part for part in parts if len(part)] or parts[-1:], ignore_index=True)
    fixes["sd_m"] = fixes["sd_m"].fillna(usual)
    return _sampled(fixes)


def _sampled(fixes: pd.DataFrame) -> pd.DataFrame:
    """Return at most so many positions of each device, evenly from all that it sent."""
    own = fixes.groupby(["device", "declared"], sort=False)["lon"]
    step = np.ceil(own.transform("size") / _MOST_OF_DEVICE)
    every_so_many: pd.DataFrame = fixes[own.cumcount() % step == 0]
    return every_so_many.reset_index(drop=True)


def _tracks(since: datetime | None, device: str | None) -> Select[Any]:
    names = ("device", "frame", "accuracy_kind", "started_at", "fixes")
    chosen = select(*(track.c[name] for name in names)).where(
        track.c.device.is_not(None), track.c.dropped_at.is_(None)
    )
    return _within(chosen, track, "started_at", since, device)


def _findings(since: datetime | None, device: str | None) -> Select[Any]:
    names = (*SAID, "accuracy_kind", "accuracy_m", "raw_x", "raw_y")
    chosen = select(*(finding.c[name] for name in names)).where(
        finding.c.device.is_not(None), finding.c.position_source == MEASURED, finding.c.is_mock.is_(False)
    )
    return _within(chosen, finding, "observed_at", since, device)


def _within(
    chosen: Select[Any], table: Table, moment: str, since: datetime | None, device: str | None
) -> Select[Any]:
    if since is not None:
        chosen = chosen.where(table.c[moment] >= since)
    if device is not None:
        chosen = chosen.where(table.c.device == device)
    return chosen.order_by(table.c.fid)


def _of_track(row: Any, corrections: Corrections) -> pd.DataFrame:
    raw = unpack(row["fixes"])
    raw = raw[:: max(1, -(-len(raw) // _MOST_OF_TRACK))]
    return pd.DataFrame(
        {
            "device": row["device"],
            "lon": raw[:, 0],
            "lat": raw[:, 1],
            "declared": row["frame"],
            "frame": corrections.frame(row["device"], row["started_at"], row["frame"]),
            "sd_m": sd_of(raw[:, 3], row["accuracy_kind"]),
            "at": pd.to_datetime(raw[:, 2], unit="s", utc=True).as_unit("ms"),
        }
    )


def _of_findings(stored: pd.DataFrame, corrections: Corrections) -> pd.DataFrame:
    accuracy = stored["accuracy_m"].to_numpy(dtype=float)
    said = [stored[name].tolist() for name in SAID]
    return pd.DataFrame(
        {
            "device": stored["device"],
            "lon": stored["raw_x"],
            "lat": stored["raw_y"],
            "declared": stored["frame"],
            "frame": pd.Series(corrections.frames(*said), dtype=object),
            "sd_m": sd_of(accuracy, stored["accuracy_kind"].tolist()),
            "at": stored["observed_at"],
        }
    )


def _references(conn: Connection, corrections: Corrections, device: str | None) -> pd.DataFrame:
    """Return where photos say that they were taken, beside the raw positions of their findings."""
    names = (*SAID, "raw_x", "raw_y")
    chosen = (
        select(*(finding.c[name] for name in names), photo.c.taken_at, photo.c.exif_lon, photo.c.exif_lat)
        .join(photo, photo.c.finding_id == finding.c.fid)
        .where(finding.c.device.is_not(None), finding.c.position_source == MEASURED)
        .where(photo.c.exif_lon.is_not(None), photo.c.exif_lat.is_not(None), photo.c.taken_at.is_not(None))
        .order_by(photo.c.id)
    )
    if device is not None:
        chosen = chosen.where(finding.c.device == device)
    found = pd.DataFrame(frames.read(conn, chosen))
    said = [found[name].tolist() for name in SAID]
    found = found.rename(
        columns={"raw_x": "lon", "raw_y": "lat", "exif_lon": "true_lon", "exif_lat": "true_lat"}
    )
    found["declared"] = found["frame"]
    found["frame"] = pd.Series(corrections.frames(*said), dtype=object)
    off = _apart_m(found)
    at_once = (found["taken_at"] - found["observed_at"]).abs() <= _SAME_PLACE
    return found[at_once & (off > _REPEATED_M) & (off < _ELSEWHERE_M)].reset_index(drop=True)


def _apart_m(found: pd.DataFrame) -> Floats:
    """Return about how far photos are from the raw positions of their findings."""
    lat = np.radians(found["lat"].to_numpy(dtype=float))
    east = (found["true_lon"] - found["lon"]).to_numpy(dtype=float) * np.cos(lat)
    north = (found["true_lat"] - found["lat"]).to_numpy(dtype=float)
    return np.asarray(np.hypot(east, north) * 111_320.0)


def _shift(frame: str, row: dict[Any, Any], fixes: pd.DataFrame, index: BlockIndex, zone: str) -> Shift:
    """Return what was found about one device, with the days that speak for it."""
    raw = fixes[["lon", "lat"]].to_numpy(dtype=float)
    read, guessed = (
        index.projection.to_metres(to_wgs84(raw, row[name])) for name in ("frame", "frame_ahead")
    )
    near = [index.nearest(metres, within_m=_NEAR_M)[0] >= 0 for metres in (read, guessed)]
    east_m, north_m = np.median(guessed - read, axis=0)
    day = fixes["at"].dt.tz_convert(zone).dt.date.to_numpy()
    by_day = pd.DataFrame({"read": near[0], "guess": near[1]}).groupby(day).mean()
    return Shift(
        device=row["device"],
        frame=frame,
        read_in=row["frame"],
        guess=row["frame_ahead"],
        sure=bool(row["shifted"]),
        first_at=fixes["at"].min().to_pydatetime(),
        last_at=fixes["at"].max().to_pydatetime(),
        n_days=len(by_day),
        n_days_for=int((by_day["guess"] > by_day["read"]).sum()),
        n_fixes=int(row["n_fixes"]),
        n_places=int(row["n_places"]),
        n_stretches=int(row["n_stretches"]),
        log_odds=float(row["log_odds"]),
        z=float(row["z"]),
        near_share=float(row["near_share"]),
        near_share_guess=float(row["near_share_guess"]),
        n_references=int(row["n_references"]),
        reference_gap_m=_number(row["reference_gap_m"]),
        reference_gap_guess_m=_number(row["reference_gap_guess_m"]),
        east_m=float(east_m),
        north_m=float(north_m),
    )


def _number(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
