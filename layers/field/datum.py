"""The datum doctor: devices whose positions are shifted, and what a person does about them.

The evidence is `geo.datum_doctor`'s, from raw positions against the streets and against photos that know
where they were taken.  Nothing is corrected by itself.  A correction is a row; raw positions and the frame
as declared never change, so that taking it back brings every result back to what it was.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, insert, or_, select, update

from geo.datum import FRAMES
from layers import history, jobs, people
from layers.city import versions
from layers.errors import ConflictError, InvalidError, NotFoundError
from layers.field import rederiving
from layers.field.corrections import Correction
from layers.field.rederiving import Affected, Progress
from layers.people import Account
from layers.store.schema import account as accounts
from layers.store.schema import datum_correction, finding, track

if TYPE_CHECKING:
    from layers.site import Site
    from layers.worker import Work

KIND = "datum"
STEP = "reading a device's positions in their true frame"

_LONGEST_REASON = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Prescription:
    """What is to be corrected: positions of a device that declare `frame`, for a period without its end."""

    device: str
    frame: str
    true_frame: str
    from_at: datetime
    until_at: datetime | None = None
    evidence: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """A correction as it is listed, in force or taken back."""

    id: int
    device: str
    frame: str
    true_frame: str
    from_at: datetime
    until_at: datetime | None
    evidence: Mapping[str, Any]
    reason: str
    applied_by: str
    applied_at: datetime
    withdrawn_at: datetime | None
    derived_at: datetime | None


def applied(site: "Site") -> list[Applied]:
    """Return every correction there ever was, the newest first."""
    names = [name for name in Applied.__slots__ if name != "applied_by"]
    chosen = select(*(datum_correction.c[name] for name in names), accounts.c.name.label("applied_by"))
    joined = chosen.join(accounts, accounts.c.id == datum_correction.c.applied_by)
    with site.store.read() as conn:
        rows = conn.execute(joined.order_by(datum_correction.c.id.desc())).mappings().all()
    return [Applied(**row) for row in rows]


def apply(
    site: "Site",
    account: Account,
    what: Prescription,
    *,
    reason: str,
    now: datetime,
    later: bool = False,
    progress: Progress = lambda done, total: None,
) -> int:
    """Correct the frame of a device for a period, and derive its results anew; return the correction's id.

    From the moment it is written, what arrives from the device is derived in the true frame too.  With
    `later` a worker derives what is there already.

    Raises
    ------
    InvalidError
        Naming the field: no such frame, no correction at all, an empty period, no reason.
    NotFoundError
        The device has sent nothing.
    ConflictError
        A correction of the same device and declared frame is in force at some time of the period.
    """
    people.demand(account, "datum")
    why = _checked(what, reason)
    with site.store.write() as conn:
        # the counter is the lock: of two corrections at once the second sees the first
        versions.raise_one(conn, "datum")
        _check_device(conn, what.device)
        _refuse_overlap(conn, what)
        values = {
            "device": what.device,
            "frame": what.frame,
            "true_frame": what.true_frame,
            "from_at": what.from_at,
            "until_at": what.until_at,
        }
        facts = {"evidence": dict(what.evidence or {}), "reason": why}
        done = conn.execute(
            insert(datum_correction).values(**values, **facts, applied_by=account.id, applied_at=now)
        )
        key = int(done.inserted_primary_key[0])  # type: ignore[index]
        _note(conn, account.id, ("apply", key), _plain({**values, "reason": why}), now)
        if later:
            _order(conn, key, account.id, now)
    if not later:
        _follow(site, key, now, progress)
    return key


def withdraw(
    site: "Site",
    account: Account,
    correction_id: int,
    *,
    now: datetime,
    later: bool = False,
    progress: Progress = lambda done, total: None,
) -> None:
    """Take a correction back; every result is again what it was without it."""
    people.demand(account, "datum")
    with site.store.write() as conn:
        versions.raise_one(conn, "datum")
        done = conn.execute(
            update(datum_correction)
            .where(datum_correction.c.id == correction_id, datum_correction.c.withdrawn_at.is_(None))
            .values(withdrawn_at=now, withdrawn_by=account.id, derived_at=None)
        )
        if done.rowcount != 1:
            raise ConflictError("There is no such correction, or it has been taken back already")
        _note(conn, account.id, ("take back", correction_id), {}, now)
        if later:
            _order(conn, correction_id, account.id, now)
    if not later:
        _follow(site, correction_id, now, progress)


def finish(site: "Site", *, now: datetime, progress: Progress = lambda done, total: None) -> int:
    """Derive anew what was cut short after a correction or its end; return how many corrections it was."""
    with site.store.read() as conn:
        keys = _unfinished(conn)
    for key in keys:
        _follow(site, key, now, progress)
    return len(keys)


def order_rest(site: "Site", account: Account, *, now: datetime) -> None:
    """Let a worker derive anew what was cut short."""
    people.demand(account, "datum")
    with site.store.write() as conn:
        for key in _unfinished(conn):
            _order(conn, key, account.id, now)


def follow_ordered(site: "Site", work: "Work") -> dict[str, Any]:
    """Do the job of deriving anew what the last change of a correction touches."""
    found = _follow(
        site,
        work.payload["correction"],
        work.clock(),
        lambda done, total: work.progress(STEP, done, total),
    )
    return {"findings": len(found.findings), "tracks": len(found.tracks)}


def is_being_derived(site: "Site") -> bool:
    """Tell whether a worker is at it, or is to be."""
    return any(job.kind == KIND for job in jobs.open_ones(site))


def _unfinished(conn: Connection) -> list[int]:
    chosen = select(datum_correction.c.id).where(datum_correction.c.derived_at.is_(None))
    return list(conn.execute(chosen.order_by(datum_correction.c.id)).scalars())


def _order(conn: Connection, key: int, account_id: int, now: datetime) -> None:
    # a worker that is at it began with the correction as it was: then once more
    payload = {"correction": key}
    jobs.put(conn, KIND, payload, now=now, key=f"{KIND} {key}", again=True, account_id=account_id)


def _checked(what: Prescription, reason: str) -> str:
    """Return the reason, trimmed, or say what is wrong."""
    for field, frame in (("frame", what.frame), ("true_frame", what.true_frame)):
        if frame not in FRAMES:
            raise InvalidError(
                "%(field)s: %(given)s is not known; known: %(known)s",
                field=field,
                given=str(frame)[:60],
                known=", ".join(FRAMES),
            )
    if what.frame == what.true_frame:
        raise InvalidError(
            "The true frame is the declared one: there is nothing to correct", field="true_frame"
        )
    if what.until_at is not None and what.until_at <= what.from_at:
        raise InvalidError("The period ends before it begins", field="until_at")
    why = reason.strip()
    if not why:
        raise InvalidError("Say why", field="reason")
    if len(why) > _LONGEST_REASON:
        raise InvalidError("At most %(most)s characters", field="reason", most=_LONGEST_REASON)
    return why


def _check_device(conn: Connection, device: str) -> None:
    for table in (track, finding):
        if conn.execute(select(table.c.fid).where(table.c.device == device).limit(1)).first():
            return
    raise NotFoundError("The device %(device)s has sent nothing", device=device)


def _refuse_overlap(conn: Connection, what: Prescription) -> None:
    made = datum_correction
    overlapping = select(made.c.id).where(
        made.c.device == what.device,
        made.c.frame == what.frame,
        made.c.withdrawn_at.is_(None),
        or_(made.c.until_at.is_(None), made.c.until_at > what.from_at),
    )
    if what.until_at is not None:
        overlapping = overlapping.where(made.c.from_at < what.until_at)
    if conn.execute(overlapping.limit(1)).first() is not None:
        raise ConflictError("The device is corrected in this period already; take that back first")


def _follow(site: "Site", key: int, now: datetime, progress: Progress) -> Affected:
    """Derive anew what the last change of a correction touches, on behalf of who made it."""
    names = Correction.__slots__
    whose = ("applied_by", "withdrawn_by", "withdrawn_at")
    chosen = select(*(datum_correction.c[name] for name in (*names, *whose)))
    with site.store.read() as conn:
        row = conn.execute(chosen.where(datum_correction.c.id == key)).one()
    of = Correction(**{name: getattr(row, name) for name in names})
    by = int(row.withdrawn_by or row.applied_by)
    found = rederiving.rederive(site, of, account_id=by, now=now, progress=progress)
    with site.store.write() as conn:
        # if it was taken back meanwhile, that has results of its own to derive
        still = datum_correction.c.withdrawn_at.is_not_distinct_from(row.withdrawn_at)
        conn.execute(
            update(datum_correction).where(datum_correction.c.id == key, still).values(derived_at=now)
        )
        details = {"findings": len(found.findings), "tracks": len(found.tracks)}
        _note(conn, by, ("rederive", key), details, now)
    return found


def _plain(values: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: value.isoformat() if isinstance(value, datetime) else value for name, value in values.items()
    }


def _note(
    conn: Connection, account_id: int, what: tuple[str, int], details: Mapping[str, Any], now: datetime
) -> None:
    action, key = what
    history.append(
        conn,
        at=now,
        account_id=account_id,
        action=action,
        noun="datum_correction",
        noun_id=str(key),
        details=details,
    )
