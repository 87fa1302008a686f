"""Raw tracks are dropped when they have been kept as long as the site says; what they covered stays.

The fixes of an outing show where a person was, second by second.  What is needed of them later has been
derived: coverage by block and side, and where the findings made on the way lie.  On newer streets the
coverage of a dropped track holds on for the blocks that did not change.
"""

import zlib
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import shapely
from sqlalchemy import ColumnElement, Connection, and_, exists, select, update

from layers import history
from layers.errors import InvalidError
from layers.field import coverage
from layers.store.schema import coverage_run, track

if TYPE_CHECKING:
    from layers.site import Site

_AT_ONCE = 200
NOTHING = zlib.compress(b"")


def keep_as_said(site: "Site", *, now: datetime) -> int:
    """Drop what is older than the site's setting; return how many tracks."""
    days = site.settings.track_days
    return 0 if days is None else drop(site, days, by=None, now=now)


def due(site: "Site", days: int, *, now: datetime) -> int:
    """Return how many tracks `drop` would drop."""
    with site.store.read() as conn:
        return len(conn.execute(select(track.c.fid).where(_older(days, now))).all())


def drop(site: "Site", days: int, *, by: int | None, now: datetime) -> int:
    """Drop the fixes and lines of the tracks that ended more than `days` ago; return how many.

    First what they cover is derived, where that was not done; each has a line in the history.
    """
    if days < 1:
        raise InvalidError("Tracks are kept for at least a day", field="days")
    version = int(site.facts()["network"] or 0)
    if version:
        coverage.derive(site, version)
    n = 0
    while True:
        with site.store.write() as conn:
            dropped = forget(conn, and_(_older(days, now), _is_read(version)), by=by, now=now, days=days)
        n += dropped
        if dropped < _AT_ONCE:
            return n


def _older(days: int, now: datetime) -> ColumnElement[bool]:
    return and_(track.c.ended_at < now - timedelta(days=days), track.c.dropped_at.is_(None))


def _is_read(version: int) -> ColumnElement[bool]:
    """Return the condition that a track has been read on the newest streets, of which there may be none."""
    read = and_(
        coverage_run.c.track_id == track.c.fid,
        coverage_run.c.network_version == version,
        coverage_run.c.method_version == coverage.METHOD_VERSION,
    )
    return exists().where(read) if version else track.c.fid.is_not(None)


def forget(
    conn: Connection, meant: ColumnElement[bool], *, by: int | None, now: datetime, **details: object
) -> int:
    """Drop the fixes and lines of some tracks, at most two hundred; return how many."""
    chosen = select(track.c.fid, track.c.uuid).where(meant, track.c.dropped_at.is_(None))
    rows = conn.execute(chosen.order_by(track.c.fid).limit(_AT_ONCE)).all()
    if not rows:
        return 0
    forget_for_good(conn)
    conn.execute(
        update(track)
        .where(track.c.fid.in_([row.fid for row in rows]))
        .values(fixes=NOTHING, geom=shapely.LineString(), dropped_at=now)
    )
    uuids = [row.uuid for row in rows]
    history.append_many(
        conn, at=now, account_id=by, action="drop_fixes", noun="track", noun_ids=uuids, details=details
    )
    return len(rows)


def forget_for_good(conn: Connection) -> None:
    """Let SQLite write over what is dropped on this connection; PostgreSQL does so when it vacuums."""
    if conn.dialect.name == "sqlite":
        conn.exec_driver_sql("PRAGMA secure_delete = ON")
