"""A whole import taken back: findings are withdrawn, tracks removed, layers of the city as they were before.

The history keeps all of it.  A finding that is withdrawn so stays under an id of its own, so that the same
file, read rightly, can come again.
"""

import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Select, bindparam, delete, func, or_, select, update

from layers import history, jobs
from layers.city import before, versions
from layers.errors import ConflictError, InvalidError, NotFoundError
from layers.importing import deriving, kinds
from layers.importing.progress import Progress, silent
from layers.importing.runs import Run
from layers.people import Account, demand
from layers.store.schema import (
    account,
    coverage,
    coverage_run,
    finding,
    finding_link,
    import_run,
    placement,
    placement_decision,
    track,
)
from layers.worker import Work

if TYPE_CHECKING:
    from layers.site import Site

KIND = "undo import"
LAYERS = ("key_points", "districts", "kerbs")
UNDOABLE = ("findings", "tracks", "photos", *LAYERS)
# What is to be derived anew after an import of a kind was taken back
_DERIVED = {
    "tracks": {"streets": True, "around": False},
    "key_points": {"streets": False, "around": True},
    "districts": {"streets": False, "around": True},
}
_AT_ONCE = 5000
_MOST_LISTED = 200


def every(site: "Site") -> list[Run]:
    """Return the newest runs of imports, the last first."""
    chosen = _chosen().order_by(import_run.c.id.desc()).limit(_MOST_LISTED)
    with site.store.read() as conn:
        return [Run.of(row) for row in conn.execute(chosen)]


def get(site: "Site", run_id: int) -> Run:
    """Return one run."""
    with site.store.read() as conn:
        row = conn.execute(_chosen().where(import_run.c.id == run_id)).first()
    if row is None:
        raise NotFoundError("There is no import %(run)s", run=run_id)
    return Run.of(row)


def _chosen() -> Select[Any]:
    return select(import_run, account.c.name.label("account_name")).outerjoin(
        account, account.c.id == import_run.c.account_id
    )


def check(site: "Site", run_id: int, *, force: bool = False) -> Run:
    """Return the run if it can be undone.

    Raises
    ------
    InvalidError
        For streets: importing the earlier file again brings those back.
    ConflictError
        It has been undone, a later import changed the same rows, or people have worked on what it brought
        and `force` is not set.
    """
    run = get(site, run_id)
    if run.kind not in UNDOABLE:
        raise InvalidError(
            "Such an import is not undone: import the earlier file again, and all is as before", field="run"
        )
    if run.undone_at is not None:
        raise ConflictError("The import %(run)s has been undone already", run=run_id)
    with site.store.read() as conn:
        n = _n_worked_on(conn, select(finding.c.fid).where(_still(run_id)))
        if run.kind in LAYERS:
            _check_layer(conn, run_id)
    if n and not force:
        raise _worked_on(n)
    return run


def _check_layer(conn: Connection, run_id: int) -> None:
    if not before.is_known(conn, run_id):
        raise ConflictError("What was there before the import %(run)s is not known any more", run=run_id)
    later = before.later(conn, run_id)
    if later is not None:
        raise ConflictError(
            "The import %(later)s changed the same rows after it: take that back first", later=later
        )


def _worked_on(n: int) -> ConflictError:
    return ConflictError(
        "%(n)s findings of this import were decided, merged or corrected since; only by force", n=n
    )


def _still(run_id: int) -> Any:
    return (finding.c.import_run_id == run_id) & finding.c.withdrawn_at.is_(None)


def _n_worked_on(conn: Connection, fids: Any) -> int:
    """Return on how many of these findings people have worked."""
    decided = select(placement_decision.c.finding_id).where(placement_decision.c.withdrawn_at.is_(None))
    linked = finding_link.c.undone_at.is_(None)
    merged = [select(end).where(linked) for end in (finding_link.c.first_id, finding_link.c.second_id)]
    touched = or_(
        finding.c.version > 1, finding.c.fid.in_(decided), *(finding.c.fid.in_(end) for end in merged)
    )
    chosen = select(func.count(finding.c.fid)).where(finding.c.fid.in_(fids), touched)
    return int(conn.execute(chosen).scalar_one())


def order(site: "Site", account: Account, run_id: int, *, force: bool, now: datetime) -> int:
    """Let a worker undo an import for an account that may import the same; return the job."""
    run = check(site, run_id, force=force)
    demand(account, kinds.get(run.kind).act)
    payload = {"run": run_id, "by": account.id, "force": force}
    with site.store.write() as conn:
        return jobs.put(conn, KIND, payload, now=now, key=f"{KIND} {run_id}", account_id=account.id)


def undo_ordered(site: "Site", work: Work) -> dict[str, Any]:
    """Do the job of undoing; what was undone before it was cut short stays so."""
    given = work.payload
    if get(site, given["run"]).undone_at is not None:
        return {"n": 0}
    n = undo(
        site,
        given["run"],
        by=given["by"],
        force=given["force"],
        now=work.clock(),
        progress=work.progress,
    )
    return {"n": n}


def undo(
    site: "Site",
    run_id: int,
    *,
    by: int | None,
    force: bool = False,
    now: datetime,
    progress: Progress = silent,
) -> int:
    """Take back what an import brought; return how many findings and tracks.

    Some at a time, each time in a transaction, so that others can write in between and a run that was cut
    short can be undone further.
    """
    run = check(site, run_id, force=force)
    n = 0
    while some := _withdraw_some(site, run_id, by=by, force=force, now=now):
        n += some
        progress("withdrawing findings", n, max(n, run.n_added))
    while some := _remove_some(site, run_id, by=by, now=now):
        n += some
        progress("removing tracks", n, max(n, run.n_added))
    with site.store.write() as conn:
        if run.kind in LAYERS:
            n = _put_back(conn, run, by=by, now=now)
        conn.execute(update(import_run).where(import_run.c.id == run_id).values(undone_at=now, undone_by=by))
        history.append(
            conn,
            at=now,
            account_id=by,
            action="undo",
            noun="import_run",
            noun_id=str(run_id),
            details={"n": n, "force": force},
        )
        if run.kind in _DERIVED:
            deriving.order(conn, now=now, account_id=by, **_DERIVED[run.kind])
    return n


def _put_back(conn: Connection, run: Run, *, by: int | None, now: datetime) -> int:
    """Make the rows of a layer what they were; return how many."""
    _check_layer(conn, run.id)
    counts = before.put_back(conn, run.id, now=now)
    if run.kind != "kerbs":
        versions.raise_one(conn, run.kind)
    details = {"import_run_id": run.id, **{name: n for name, n in counts.items() if n}}
    history.append(
        conn, at=now, account_id=by, action="undo_import", noun=run.kind, noun_id=str(run.id), details=details
    )
    return sum(counts.values())


def _withdraw_some(site: "Site", run_id: int, *, by: int | None, force: bool, now: datetime) -> int:
    chosen = select(finding.c.fid, finding.c.uuid, finding.c.version).where(_still(run_id))
    with site.store.write() as conn:
        rows = conn.execute(chosen.order_by(finding.c.fid).limit(_AT_ONCE)).all()
        if not rows:
            return 0
        fids = [row.fid for row in rows]
        worked_on = 0 if force else _n_worked_on(conn, fids)
        if worked_on:
            raise _worked_on(worked_on)
        _part(conn, fids, by, now)
        changed = update(finding).where(finding.c.fid == bindparam("of"))
        changed = changed.values(uuid=bindparam("kept_as"), version=bindparam("next"), withdrawn_at=now)
        kept = [kept_as(row.uuid, run_id) for row in rows]
        conn.execute(
            changed,
            [
                {"of": row.fid, "kept_as": own, "next": row.version + 1}
                for row, own in zip(rows, kept, strict=True)
            ],
        )
        history.append_many(
            conn,
            at=now,
            account_id=by,
            action="undo_import",
            noun="finding",
            noun_ids=[row.uuid for row in rows],
            details={"import_run_id": run_id},
        )
    return len(rows)


def kept_as(was: str, run_id: int) -> str:
    """Return the id under which a finding stays that an import brought and that was withdrawn with it."""
    return str(uuid.uuid5(uuid.UUID(was), f"import {run_id}"))


def _part(conn: Connection, fids: Sequence[int], by: int | None, now: datetime) -> None:
    """Undo the links of these findings, so that nothing counts as a duplicate of what is gone."""
    ends = or_(finding_link.c.first_id.in_(fids), finding_link.c.second_id.in_(fids))
    undone = update(finding_link).where(ends, finding_link.c.undone_at.is_(None))
    conn.execute(undone.values(undone_at=now, undone_by=by))


def _remove_some(site: "Site", run_id: int, *, by: int | None, now: datetime) -> int:
    chosen = select(track.c.fid, track.c.uuid).where(track.c.import_run_id == run_id)
    with site.store.write() as conn:
        rows = conn.execute(chosen.order_by(track.c.fid).limit(_AT_ONCE // 10)).all()
        if not rows:
            return 0
        fids = [row.fid for row in rows]
        read = select(coverage_run.c.id).where(coverage_run.c.track_id.in_(fids))
        conn.execute(delete(coverage).where(coverage.c.run_id.in_(read)))
        conn.execute(delete(coverage_run).where(coverage_run.c.track_id.in_(fids)))
        # findings that were placed with its evidence are placed anew
        conn.execute(delete(placement).where(placement.c.track_id.in_(fids)))
        conn.execute(delete(track).where(track.c.fid.in_(fids)))
        history.append_many(
            conn,
            at=now,
            account_id=by,
            action="undo_import",
            noun="track",
            noun_ids=[row.uuid for row in rows],
            details={"import_run_id": run_id},
        )
    return len(rows)
