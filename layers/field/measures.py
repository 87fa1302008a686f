"""What was done on streets: noted by those who oversee, told beside what was found there."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING

from sqlalchemy import insert, select, update

from layers import history
from layers.errors import ConflictError, InvalidError
from layers.people import Account, demand
from layers.store.schema import account, measure

if TYPE_CHECKING:
    from layers.site import Site

# An order issued, something put right, looked at again; vehicles towed or fined, bays painted, barriers set
KINDS = ("order", "fixed", "verified", "enforced", "bays", "barrier", "other")
MOST_BLOCKS, LONGEST = 500, 500


@dataclass(frozen=True, slots=True)
class Measure:
    """One measure: what, when, on which blocks, and who noted it."""

    id: int
    kind: str
    done_on: date
    block_ids: tuple[str, ...]
    note: str | None
    by: str
    at: datetime


def note(
    site: "Site",
    by: Account,
    kind: str,
    done_on: date,
    block_ids: Collection[str],
    *,
    text: str = "",
    now: datetime,
) -> int:
    """Note a measure on these blocks; return its number.

    Raises
    ------
    InvalidError
        An unknown kind, a day to come, no blocks or too many, a note that is too long.
    """
    demand(by, "overview")
    if kind not in KINDS:
        raise InvalidError("%(given)s is no kind of measure", field="kind", given=kind[:40])
    if done_on > now.astimezone(site.settings.zone).date():
        raise InvalidError(
            "A measure is noted once it is done: %(given)s is to come", field="day", given=done_on
        )
    if not 0 < len(block_ids) <= MOST_BLOCKS or len(text) > LONGEST:
        raise InvalidError(
            "A measure is on 1 to %(most)s blocks, its note has at most %(longest)s characters",
            field="note",
            most=MOST_BLOCKS,
            longest=LONGEST,
        )
    with site.store.write() as conn:
        row = {
            "kind": kind,
            "done_on": done_on,
            "block_ids": sorted(block_ids),
            "note": text.strip() or None,
            "account_id": by.id,
            "at": now,
        }
        number = int(conn.execute(insert(measure).values(row).returning(measure.c.id)).scalar_one())
        history.append(
            conn,
            at=now,
            account_id=by.id,
            action="note",
            noun="measure",
            noun_id=str(number),
            details={"kind": kind, "done_on": done_on.isoformat(), "blocks": len(block_ids)},
        )
    return number


def take_back(site: "Site", by: Account, number: int, *, now: datetime) -> None:
    """Take a measure back that was noted by mistake; its row stays."""
    demand(by, "overview")
    with site.store.write() as conn:
        done = conn.execute(
            update(measure)
            .where(measure.c.id == number, measure.c.taken_back_at.is_(None))
            .values(taken_back_at=now, taken_back_by=by.id)
        )
        if done.rowcount != 1:
            raise ConflictError("There is no such measure, or it has been taken back already")
        history.append(
            conn, at=now, account_id=by.id, action="take back", noun="measure", noun_id=str(number)
        )


def on(site: "Site", block_ids: Collection[str]) -> list[Measure]:
    """Return what was done on any of these blocks, the newest first."""
    columns = [measure.c[name] for name in ("id", "kind", "done_on", "block_ids", "note", "at")]
    chosen = (
        select(*columns, account.c.name)
        .join(account, account.c.id == measure.c.account_id)
        .where(measure.c.taken_back_at.is_(None))
        .order_by(measure.c.done_on.desc(), measure.c.id.desc())
    )
    wanted = set(block_ids)
    with site.store.read() as conn:
        rows = conn.execute(chosen).all()
    return [
        Measure(row.id, row.kind, row.done_on, tuple(row.block_ids), row.note, row.name, row.at)
        for row in rows
        if wanted.intersection(row.block_ids)
    ]
