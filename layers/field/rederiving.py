"""What follows when a device's frame is corrected, or the correction is taken back.

Everything is read anew from the raw positions in the frame that holds now, so that it can be repeated, be
cut short and be continued.  Findings and tracks that arrive meanwhile are derived in that frame by intake.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import shapely
from sqlalchemy import ColumnElement, Connection, Table, and_, bindparam, select, update

from geo.crs import LonLat
from layers import history
from layers.city import versions
from layers.errors import BusyError
from layers.field import alongside, placements, tracks
from layers.field.corrections import MEASURED, SAID, Correction
from layers.store import frames
from layers.store.schema import finding, track

if TYPE_CHECKING:
    from layers.site import Site

CHUNK = 2000
_ATTEMPTS = 5
_RAW = ("uuid", "device", "observed_at", "raw_x", "raw_y", "frame")
Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Affected:
    """Keys of what a correction touches: tracks of the device, its findings and those made on its tracks.

    `along` are all tracks on which any of these findings were made.
    """

    tracks: list[int]
    findings: list[int]
    along: list[int]


def sent(table: Table, moment: str, of: Correction) -> ColumnElement[bool]:
    """Return which rows of findings or tracks a correction means, as SQL."""
    at = table.c[moment]
    meant = and_(table.c.device == of.device, table.c.frame == of.frame, at >= of.from_at)
    if table is finding:
        meant = and_(meant, finding.c.position_source == MEASURED)
    return meant if of.until_at is None else and_(meant, at < of.until_at)


def affected(conn: Connection, of: Correction) -> Affected:
    """Return what a correction touches."""
    with_fixes = and_(sent(track, "started_at", of), track.c.dropped_at.is_(None))
    fids = list(conn.execute(select(track.c.fid).where(with_fixes)).scalars())
    own = set(conn.execute(select(finding.c.fid).where(sent(finding, "observed_at", of))).scalars())
    for some in _chunks(fids):
        own.update(alongside.findings_on(conn, some))
    along = set(fids)
    for some in _chunks(sorted(own)):
        along.update(alongside.tracks_of(conn, some))
    return Affected(sorted(fids), sorted(own), sorted(along))


def rederive(
    site: "Site",
    of: Correction,
    *,
    account_id: int,
    now: datetime,
    progress: Progress = lambda done, total: None,
) -> Affected:
    """Derive everything anew that one correction touches, whether it is in force or taken back.

    Findings first by their positions alone, then each track in the order in which they came, which places
    the findings made on it.  A chunk or a track is a transaction of its own.
    """
    with site.store.read() as conn:
        found = affected(conn, of)
    total = len(found.findings) + len(found.along)
    details = {"datum_correction": of.id}
    done = 0
    for some in _chunks(found.findings):
        _findings(site, some, account_id, details, now)
        done += len(some)
        progress(done, total)
    own = set(found.tracks)
    for fid in found.along:
        followed = None
        if fid in own:
            followed = tracks.rederive(site, fid, account_id=account_id, details=details, now=now)
        alongside.place(site, fid, now=now, followed=followed)
        done += 1
        progress(done, total)
    return found


def _chunks(keys: Sequence[int]) -> list[Sequence[int]]:
    return [keys[start : start + CHUNK] for start in range(0, len(keys), CHUNK)]


def _findings(
    site: "Site", fids: Sequence[int], account_id: int, details: Mapping[str, Any], now: datetime
) -> None:
    """Derive findings anew by their positions alone."""
    names = dict.fromkeys((*placements.STORED, *_RAW))
    chosen = select(*(finding.c[name] for name in names)).where(finding.c.fid.in_(fids))
    for _ in range(_ATTEMPTS):
        around = placements.surroundings(site)
        with site.store.read() as conn:
            stored = pd.DataFrame(frames.read(conn, chosen.order_by(finding.c.fid)))
            points = np.asarray(shapely.points(_lonlat(around, stored)), dtype=object)
            stored["geom"] = points
            of = placements.positions_of(conn, stored, site.settings)
        derived = placements.derive(around, of)
        keys = stored["fid"].tolist()
        with site.store.write() as conn:
            if not around.is_still(versions.read(conn, lock=True)):
                continue
            _move(conn, keys, points.tolist())
            placements.replace_all(conn, derived, keys, around, now)
            history.append_many(
                conn,
                at=now,
                account_id=account_id,
                action="rederive",
                noun="finding",
                noun_ids=stored["uuid"].tolist(),
                details=details,
            )
        return
    raise BusyError("Streets or key points are being changed; try again later")


def _lonlat(around: placements.Surroundings, stored: pd.DataFrame) -> LonLat:
    said = [stored[name].tolist() for name in SAID]
    frame = around.corrections.frames(*said)
    return placements.lonlat_of(stored["raw_x"].tolist(), stored["raw_y"].tolist(), frame)


def _move(conn: Connection, keys: Sequence[int], points: Sequence[Any]) -> None:
    moved = update(finding).where(finding.c.fid == bindparam("key")).values(geom=bindparam("place"))
    conn.execute(moved, [{"key": key, "place": point} for key, point in zip(keys, points, strict=True)])
