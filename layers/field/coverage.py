"""What patrols covered, read from their tracks by map matching; see `geo.coverage` for the states.

A track is read once per version of the streets and of the method, when coverage is first asked for.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from sqlalchemy import ColumnElement, Connection, Select, func, insert, select

from geo import coverage
from geo.matching import Trace
from layers.errors import ConflictError
from layers.field import checks
from layers.field.courses import course
from layers.store import frames
from layers.store.schema import coverage as interval
from layers.store.schema import coverage_run, track

if TYPE_CHECKING:
    from layers.site import Site

# Raised when the same track would cover other stretches
METHOD_VERSION = "cover-4"
# A block that is as long as it was has not been moved or split
_SAME_M = 0.005
Progress = Callable[[int, int], None]
_PLAIN = ("block_id", "side", "state", "started_at", "ended_at", "p", "p_side", "recording", "pass_no")


def derive(site: "Site", version: int, *, progress: Progress = lambda done, total: None) -> int:
    """Read the tracks that were not yet read on this version of the streets; return how many.

    A track is a transaction of its own, so that an interruption loses nothing; what was read on older
    versions stays.
    """
    lacking = select(track.c.fid).where(_is_unread(version)).order_by(track.c.fid)
    with site.store.read() as conn:
        fids = list(conn.execute(lacking.where(track.c.dropped_at.is_(None))).scalars())
        dropped = list(conn.execute(lacking.where(track.c.dropped_at.is_not(None))).scalars())
    for fid in dropped:
        _hold_on(site, version, fid)
    for done, fid in enumerate(fids, start=1):
        with site.store.read() as conn:
            row = conn.execute(select(track).where(track.c.fid == fid)).mappings().one()
        keep(site, version, row, course(site, version, row))
        progress(done, len(fids))
    return len(fids)


def n_unread(site: "Site", version: int) -> int:
    """Return how many tracks were not yet read on this version of the streets, in today's way."""
    unread = select(func.count()).select_from(track).where(_is_unread(version))
    with site.store.read() as conn:
        return int(conn.execute(unread).scalar_one())


def _is_unread(version: int) -> ColumnElement[bool]:
    read = (
        (coverage_run.c.track_id == track.c.fid)
        & (coverage_run.c.network_version == version)
        & (coverage_run.c.method_version == METHOD_VERSION)
    )
    return ~select(coverage_run.c.id).where(read).exists()


def _hold_on(site: "Site", version: int, fid: int) -> None:
    """Keep what a track covered of which the fixes are dropped, on the blocks that did not change."""
    last = select(coverage_run).where(coverage_run.c.track_id == fid).order_by(coverage_run.c.id.desc())
    with site.store.read() as conn:
        run = conn.execute(last).first()
        columns = [interval.c[name] for name in (*_PLAIN, "from_mm", "to_mm")]
        found = frames.read(conn, select(*columns).where(interval.c.run_id == (run.id if run else -1)))
    if run:
        before = site.network_of(run.network_version).blocks.set_index("block_id")["length_m"]
        after = site.network_of(version).blocks.set_index("block_id")["length_m"]
        same = (before - after.reindex(before.index)).abs() < _SAME_M
        found = found[found["block_id"].isin(same.index[same])]
    for end in ("from", "to"):
        found[f"{end}_m"] = found[f"{end}_mm"] / 1000
    try:
        with site.store.write() as conn:
            _insert(conn, fid, version, found)
    except ConflictError:
        return


def keep(site: "Site", version: int, row: Any, followed: Trace) -> None:
    """Store what one track (a row of the table) covered by its course, unless that is known."""
    found = covered(site, version, row, followed)
    try:
        with site.store.write() as conn:
            _insert(conn, row["fid"], version, found)
    except ConflictError:
        # another process has just read the same track, with the same result
        return


def covered(site: "Site", version: int, row: Any, followed: Trace) -> pd.DataFrame:
    """Return the intervals of one track (a row of the table), as from `geo.coverage.cover`.

    Where nobody said how the patrol moved no side is claimed.
    """
    found = coverage.cover(followed, site.network_of(version).blocks)
    if row["mode"] is None:
        found["side"] = "unknown"
    return found


def replace(conn: Connection, fid: int, version: int, found: pd.DataFrame) -> None:
    """Store what a track covers on one version of the streets in place of what was there."""
    own = (coverage_run.c.track_id == fid) & (coverage_run.c.network_version == version)
    own &= coverage_run.c.method_version == METHOD_VERSION
    conn.execute(interval.delete().where(interval.c.run_id.in_(select(coverage_run.c.id).where(own))))
    conn.execute(coverage_run.delete().where(own))
    _insert(conn, fid, version, found)


def _insert(conn: Connection, fid: int, version: int, found: pd.DataFrame) -> None:
    run = {"track_id": fid, "network_version": version, "method_version": METHOD_VERSION}
    run_id = conn.execute(insert(coverage_run).values(**run).returning(coverage_run.c.id)).scalar_one()
    millimetres = {f"{end}_mm": (found[f"{end}_m"] * 1000).round().astype(np.int64) for end in ("from", "to")}
    plain = {name: found[name] for name in _PLAIN}
    frames.insert_many(conn, interval, {"run_id": np.full(len(found), run_id), **millimetres, **plain})


def intervals(
    site: "Site",
    since: datetime | None = None,
    until: datetime | None = None,
    account_ids: Sequence[int] | None = None,
    *,
    with_checks: bool = True,
) -> pd.DataFrame:
    """Return the union of what was covered on the newest streets, as from `geo.coverage.merge`.

    Intervals that ended at or after `since` and started before `until`, by some accounts or anybody; with
    what people said to have checked, or of tracks alone.
    """
    version = site.network.version
    derive(site, version)
    with site.store.read() as conn:
        found = frames.read(conn, _chosen(version, since, until, account_ids))
    for end in ("from", "to"):
        found[f"{end}_m"] = found.pop(f"{end}_mm") / 1000
    said = checks.table(site) if with_checks else coverage.merge().assign(account_id=0)
    if since is not None:
        said = said[said["ended_at"] >= since]
    if until is not None:
        said = said[said["started_at"] < until]
    if account_ids is not None:
        said = said[said["account_id"].isin(account_ids)]
    return coverage.merge(found, said)


def table(site: "Site", version: int, after: int, last: int) -> pd.DataFrame:
    """Return what was covered on a version of the streets, with the `account_id` and `run_id` of its track.

    Of the readings with an id above `after`, up to `last`.
    """
    asked = _chosen(version, None, None, None).join(track, track.c.fid == coverage_run.c.track_id)
    asked = asked.where(coverage_run.c.id > after, coverage_run.c.id <= last).add_columns(
        interval.c.run_id, track.c.account_id
    )
    with site.store.read() as conn:
        found = frames.read(conn, asked)
    for end in ("from", "to"):
        found[f"{end}_m"] = found.pop(f"{end}_mm") / 1000
    return found


def without_twins(found: pd.DataFrame) -> pd.DataFrame:
    """Return what is left of a `table` if the same recording sent twice counts once."""
    first = found.groupby("recording")["run_id"].transform("min") if len(found) else found["run_id"]
    return found[found["run_id"] == first].reset_index(drop=True)


def tracks_read(conn: Connection, version: int) -> pd.DataFrame:
    """Return the tracks read on a version of the streets, and whether anything was `matched` of each."""
    some = select(interval.c.id).where(
        interval.c.run_id == coverage_run.c.id, interval.c.state.in_(("inspected", "passed"))
    )
    columns = [track.c[name] for name in ("started_at", "ended_at", "n_fixes", "mode", "account_id")]
    asked = (
        select(*columns, some.exists().label("matched"))
        .join(coverage_run, coverage_run.c.track_id == track.c.fid)
        .where(coverage_run.c.network_version == version, coverage_run.c.method_version == METHOD_VERSION)
    )
    return frames.read(conn, asked.order_by(track.c.fid))


def n_after(site: "Site", version: int, after: int) -> int:
    """Return how many readings of a version of the streets have an id above `after`."""
    there = select(func.count()).where(
        coverage_run.c.network_version == version,
        coverage_run.c.method_version == METHOD_VERSION,
        coverage_run.c.id > after,
    )
    with site.store.read() as conn:
        return int(conn.execute(there).scalar_one())


def version(site: "Site") -> tuple[int, int, int]:
    """Return what changes with all that was read: the streets, the last reading, how many there are."""
    streets = int(site.facts()["network"] or 0)
    there = select(func.max(coverage_run.c.id), func.count()).where(
        coverage_run.c.network_version == streets, coverage_run.c.method_version == METHOD_VERSION
    )
    with site.store.read() as conn:
        last, n = conn.execute(there).one()
    return streets, int(last or 0), int(n)


def _chosen(
    version: int, since: datetime | None, until: datetime | None, account_ids: Sequence[int] | None
) -> Select[Any]:
    columns = [interval.c[name] for name in (*_PLAIN, "from_mm", "to_mm")]
    chosen = (
        select(*columns)
        .join(coverage_run, coverage_run.c.id == interval.c.run_id)
        .where(coverage_run.c.network_version == version, coverage_run.c.method_version == METHOD_VERSION)
    )
    if since is not None:
        chosen = chosen.where(interval.c.ended_at >= since)
    if until is not None:
        chosen = chosen.where(interval.c.started_at < until)
    if account_ids is not None:
        chosen = chosen.join(track, track.c.fid == coverage_run.c.track_id).where(
            track.c.account_id.in_(account_ids)
        )
    return chosen
