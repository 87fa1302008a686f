"""Work that is done beside the answers: put into a queue, leased, retried, seen.

A worker takes a job by a guarded update and holds it by a lease that it renews.  One that is killed
renews nothing: when the lease has run out another takes the job up.  A job may therefore be begun more
than once, and every kind of job must bear that.
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
from sqlalchemy import ColumnElement, Connection, Select, and_, delete, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from geo.errors import Explained
from layers import history
from layers.errors import ConflictError, NotFoundError, XunchaError
from layers.language import explain
from layers.store.schema import account
from layers.store.schema import job as table
from layers.store.schema.job import OPEN

if TYPE_CHECKING:
    from layers.site import Site

LEASE = timedelta(seconds=30)
MOST_ATTEMPTS = 8
# The first retry comes after ten seconds, each further one after twice as long
_FIRST_PAUSE, _LONGEST_PAUSE = timedelta(seconds=10), timedelta(hours=1)
# Nobody asks any more what became of them
_KEPT = timedelta(days=30)
_MOST_LISTED = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One piece of work; its state follows from its facts and the time of asking."""

    id: int
    kind: str
    payload: Mapping[str, Any]
    key: str | None
    account_id: int | None
    account_name: str | None
    created_at: datetime
    not_before: datetime
    leased_by: str | None
    leased_until: datetime | None
    attempts: int
    progress_text: str | None
    progress_done: int | None
    progress_total: int | None
    finished_at: datetime | None
    failed_at: datetime | None
    error: Mapping[str, Any] | None
    result: Mapping[str, Any] | None

    def state(self, now: datetime) -> str:
        """Return waiting, running, done or failed; waiting too where a worker has gone."""
        if self.finished_at is not None:
            return "done"
        if self.failed_at is not None:
            return "failed"
        return "running" if self.leased_until is not None and self.leased_until > now else "waiting"

    @property
    def reason(self) -> str | None:
        """Return what went wrong the last time, in the language in use."""
        if self.error is None:
            return None
        return explain(XunchaError(self.error["message"], **self.error["params"]))


def put(
    conn: Connection,
    kind: str,
    payload: Mapping[str, Any] | None = None,
    *,
    now: datetime,
    key: str | None = None,
    again: bool = False,
    account_id: int | None = None,
    not_before: datetime | None = None,
) -> int:
    """Put work into the queue, inside the transaction of what makes it necessary; return its id.

    Parameters
    ----------
    key : str, optional
        Names the work: while a job of this key is not done it is that one.
    again : bool
        Such a job that somebody is at already is done once more afterwards, for it may have begun before
        what is now to be seen was there; one that pauses after a failure pauses no longer.
    """
    made = _insert_unless_there(conn)
    values = {
        "kind": kind,
        "payload": dict(payload or {}),
        "key": key,
        "account_id": account_id,
        "created_at": now,
        "not_before": not_before or now,
        "attempts": 0,
        "again": False,
    }
    new = conn.execute(made.values(**values).returning(table.c.id)).scalar()
    if new is not None:
        return int(new)
    there = conn.execute(select(table.c.id, table.c.leased_by).where(table.c.key == key, OPEN)).first()
    if there is None:
        # it was done between the two statements
        return put(conn, kind, payload, now=now, key=key, account_id=account_id, not_before=not_before)
    if again:
        anew = {"not_before": now, "attempts": 0} if there.leased_by is None else {"again": True}
        conn.execute(update(table).where(table.c.id == there.id).values(anew))
    return int(there.id)


def _insert_unless_there(conn: Connection) -> Any:
    insert = sqlite.insert if conn.dialect.name == "sqlite" else postgresql.insert
    return insert(table).on_conflict_do_nothing(index_elements=["key"], index_where=OPEN)


def worker_name() -> str:
    """Return a name that no other worker has."""
    return secrets.token_hex(8)


def take(
    site: "Site", worker: str, *, now: datetime, lease: timedelta = LEASE, only: int | None = None
) -> Job | None:
    """Take the job that has waited longest, or a certain one; None where there is nothing to do.

    One that ended its worker as often as may be is given up.
    """
    while True:
        with site.store.read() as conn:
            found = conn.execute(_next(now, only)).first()
        if found is None:
            return None
        job_id, attempts = found.id, found.attempts
        if attempts >= MOST_ATTEMPTS:
            gone = XunchaError("The worker ended each of %(n)s times", n=attempts)
            _change(site, job_id, _free(now), {"failed_at": now, **_no_lease(), "error": told(gone)})
            continue
        held = {"leased_by": worker, "leased_until": now + lease, "attempts": attempts + 1, "again": False}
        if _change(site, job_id, and_(_free(now), table.c.attempts == attempts), held):
            return get(site, job_id)


def _next(now: datetime, only: int | None) -> Select[tuple[int, int]]:
    chosen = select(table.c.id, table.c.attempts).where(_free(now), table.c.not_before <= now)
    if only is not None:
        chosen = chosen.where(table.c.id == only)
    return chosen.order_by(table.c.not_before, table.c.id).limit(1)


def _free(now: datetime) -> ColumnElement[bool]:
    return and_(OPEN, or_(table.c.leased_until.is_(None), table.c.leased_until <= now))


def _no_lease() -> dict[str, Any]:
    return {"leased_by": None, "leased_until": None}


def _change(site: "Site", job_id: int, still: ColumnElement[bool], values: dict[str, Any]) -> bool:
    """Change a job if it is still as it was thought to be; tell whether it was."""
    with site.store.write() as conn:
        return conn.execute(update(table).where(table.c.id == job_id, still).values(values)).rowcount == 1


def _held(worker: str) -> ColumnElement[bool]:
    return and_(OPEN, table.c.leased_by == worker)


def renew(site: "Site", job_id: int, worker: str, *, now: datetime, lease: timedelta = LEASE) -> bool:
    """Hold a job longer; False where another worker has it by now."""
    return _change(site, job_id, _held(worker), {"leased_until": now + lease})


def report(site: "Site", job_id: int, worker: str, step: tuple[str, int | None, int | None]) -> bool:
    """Write down how far a job is (in words, done, of how many); False where another has it by now."""
    values = dict(zip(("progress_text", "progress_done", "progress_total"), step, strict=True))
    return _change(site, job_id, _held(worker), values)


def finish(
    site: "Site", job_id: int, worker: str, result: Mapping[str, Any] | None, *, now: datetime
) -> bool:
    """Mark a job as done; back into the queue if it was wanted again meanwhile."""
    with site.store.write() as conn:
        done = conn.execute(
            update(table)
            .where(table.c.id == job_id, _held(worker), table.c.again.is_(False))
            .values(finished_at=now, error=None, result=dict(result or {}), **_no_lease())
        )
        if done.rowcount == 1:
            return True
        once_more = {"again": False, "attempts": 0, "not_before": now, "error": None, **_no_lease()}
        return (
            conn.execute(update(table).where(table.c.id == job_id, _held(worker)).values(once_more)).rowcount
            == 1
        )


def fail(
    site: "Site", job: Job, worker: str, reason: Explained, *, now: datetime, for_good: bool = False
) -> None:
    """Write down why a job did not succeed; it is tried again later unless that would not help."""
    given_up = for_good or job.attempts >= MOST_ATTEMPTS
    pause = min(_FIRST_PAUSE * 2 ** (job.attempts - 1), _LONGEST_PAUSE)
    ahead = {"failed_at": now} if given_up else {"not_before": now + pause}
    _change(site, job.id, _held(worker), {**ahead, **_no_lease(), "error": told(reason)})


def release(site: "Site", job: Job, worker: str) -> None:
    """Give a job back untried, because the worker has to end."""
    _change(site, job.id, _held(worker), {"attempts": job.attempts - 1, **_no_lease()})


def told(reason: Explained) -> dict[str, Any]:
    """Return an error as it is kept, to be told in each reader's language."""
    params = {name: _kept(value) for name, value in reason.params.items() if value is not None}
    return {"message": reason.message, "params": params}


def _kept(value: object) -> int | float | str:
    # numbers out of tables are numpy's own
    plain = value.item() if isinstance(value, np.generic) else value
    return plain if isinstance(plain, int | float | str) else str(plain)


def retry(site: "Site", job_id: int, *, by: int, now: datetime) -> None:
    """Put a job that was given up back into the queue."""
    fresh = {"failed_at": None, "attempts": 0, "not_before": now, "error": None, **_no_lease()}
    there = get(site, job_id)
    with site.store.write() as conn:
        given_up = update(table).where(table.c.id == job_id, table.c.failed_at.is_not(None))
        if conn.execute(given_up.values(fresh)).rowcount != 1:
            raise ConflictError("Only a job that failed can be tried again")
        history.append(conn, at=now, account_id=by, action="retry", noun="job", noun_id=str(there.id))


def _chosen() -> Select[Any]:
    return select(table, account.c.name.label("account_name")).outerjoin(
        account, account.c.id == table.c.account_id
    )


def _job(row: Any) -> Job:
    return Job(**{name: getattr(row, name) for name in Job.__slots__})


def get(site: "Site", job_id: int) -> Job:
    """Return one job."""
    with site.store.read() as conn:
        row = conn.execute(_chosen().where(table.c.id == job_id)).first()
    if row is None:
        raise NotFoundError("There is no such job")
    return _job(row)


def done(site: "Site", key: str) -> Job | None:
    """Return the last job of this key that was done."""
    finished = _chosen().where(table.c.key == key, table.c.finished_at.is_not(None))
    with site.store.read() as conn:
        row = conn.execute(finished.order_by(table.c.id.desc()).limit(1)).first()
    return None if row is None else _job(row)


def newest(site: "Site", *, account_id: int | None = None, kind: str | None = None) -> list[Job]:
    """Return the newest jobs, those of one account or one kind only if asked."""
    chosen = _chosen().order_by(table.c.id.desc()).limit(_MOST_LISTED)
    if account_id is not None:
        chosen = chosen.where(table.c.account_id == account_id)
    if kind is not None:
        chosen = chosen.where(table.c.kind == kind)
    with site.store.read() as conn:
        return [_job(row) for row in conn.execute(chosen)]


def open_ones(site: "Site") -> list[Job]:
    """Return the jobs that are not done and not given up, in the order in which they are due."""
    with site.store.read() as conn:
        rows = conn.execute(_chosen().where(OPEN).order_by(table.c.not_before, table.c.id)).all()
    return [_job(row) for row in rows]


def forget_done(conn: Connection, key: str) -> None:
    """Forget the jobs of this key that were done: of what comes every second the last one is enough."""
    conn.execute(delete(table).where(table.c.key == key, table.c.finished_at.is_not(None)))


def forget_old(site: "Site", *, now: datetime) -> int:
    """Forget the jobs that were done or given up long ago; return how many."""
    with site.store.write() as conn:
        old = or_(table.c.finished_at < now - _KEPT, table.c.failed_at < now - _KEPT)
        return conn.execute(delete(table).where(old)).rowcount
