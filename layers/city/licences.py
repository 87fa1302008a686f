"""Since when premises are licensed, and until when: what tolerates them inside a zone that came later."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime

import pandas as pd
from sqlalchemy import Connection, Select, func, insert, select

from layers import history
from layers.city import before, taxonomy
from layers.errors import ConflictError, InvalidError, NotFoundError
from layers.store.schema import account, key_point, licence

IMPORT, PAGE = "import", "page"
COLUMNS = ("licensed_on", "licence_until")
# Kinds of key points that need a licence, under the name of the trade
KINDS = taxonomy.TRADE_KINDS
Days = tuple[date | None, date | None]


@dataclass(frozen=True, slots=True)
class Licence:
    """What was said of one licence, by whom and when; `by` is None where a command did."""

    version: int
    licensed_on: date | None
    licence_until: date | None
    origin: str
    set_at: datetime
    by: str | None


def in_force(conn: Connection) -> pd.DataFrame:
    """Return `licensed_on` and `licence_until` (dates or None) of each key point that has a licence."""
    newest = select(func.max(licence.c.id)).group_by(licence.c.key_point_id)
    chosen = select(licence.c.key_point_id, *(licence.c[name] for name in COLUMNS))
    rows = conn.execute(chosen.where(licence.c.id.in_(newest))).all()
    return pd.DataFrame(rows, columns=["fid", *COLUMNS], dtype=object).set_index("fid")


def n_ended(conn: Connection, day: date) -> int:
    """Return how many of the days on which licences end lie before a day: another number, other verdicts."""
    return int(conn.execute(select(func.count()).where(licence.c.licence_until < day)).scalar_one())


def of(conn: Connection, fid: int) -> list[Licence]:
    """Return what was said of the licence of one key point, the newest first."""
    said = select(licence, account.c.name).outerjoin(account, account.c.id == licence.c.account_id)
    rows = conn.execute(said.where(licence.c.key_point_id == fid).order_by(licence.c.id.desc())).all()
    return [
        Licence(row.id, row.licensed_on, row.licence_until, row.origin, row.set_at, row.name) for row in rows
    ]


def put(
    conn: Connection,
    fid: int,
    licensed_on: date | None,
    licence_until: date | None,
    *,
    looked_at: int,
    now: datetime,
    by: int | None,
) -> bool:
    """Keep what a person says of a licence; tell whether that changed anything.

    Raises
    ------
    ConflictError
        Somebody has said something else since version `looked_at`.
    """
    kind = select(key_point.c.kind).where(key_point.c.fid == fid, key_point.c.removed_at.is_(None))
    # two who decide at once take turns
    if conn.execute(kind.with_for_update()).scalar() not in KINDS:
        raise NotFoundError("There are no such premises")
    check(licensed_on, licence_until)
    known = next(iter(of(conn, fid)), None)
    if (known.version if known else 0) != looked_at:
        raise ConflictError("Somebody else has changed the licence meanwhile: look again")
    if (licensed_on, licence_until) == ((known.licensed_on, known.licence_until) if known else (None, None)):
        return False
    _add(conn, {fid: (licensed_on, licence_until)}, PAGE, now, by)
    said = {"licensed_on": _text(licensed_on), "licence_until": _text(licence_until)}
    before = {name: _text(getattr(known, name) if known else None) for name in COLUMNS}
    history.append(
        conn,
        at=now,
        account_id=by,
        action="change",
        noun="licence",
        noun_id=str(fid),
        details={**said, "before": before},
    )
    return True


def take(
    conn: Connection,
    source: str,
    given: Mapping[str, Days],
    *,
    now: datetime,
    account_id: int | None,
    run: int | None = None,
) -> int:
    """Keep the licences that a file names, by the ids of its rows; return how many it says anew."""
    new = fresh(conn, source, given)
    if new:
        last = conn.execute(select(func.max(licence.c.id))).scalar() or 0
        _add(conn, new, IMPORT, now, account_id)
        if run is not None:
            made = conn.scalars(select(licence.c.id).where(licence.c.id > last))
            before.note_made(conn, run, licence, made.all())
        history.append(
            conn,
            at=now,
            account_id=account_id,
            action="replace",
            noun="licence",
            noun_id=source,
            details={"changed": len(new)},
        )
    return len(new)


def fresh(conn: Connection, source: str, given: Mapping[str, Days]) -> dict[int, Days]:
    """Return the licences that a file says anew, by key point.

    What the file said before is no news: a person's word since then stays.
    """
    owners = select(key_point.c.source_id, key_point.c.fid).where(key_point.c.source == source)
    fids = {row.source_id: row.fid for row in conn.execute(owners)}
    last = {row.key_point_id: (row.licensed_on, row.licence_until) for row in conn.execute(_imported())}
    said = {fids[name]: days for name, days in given.items() if name in fids}
    return {fid: days for fid, days in said.items() if last.get(fid, (None, None)) != days}


def check(licensed_on: date | None, licence_until: date | None) -> None:
    """Refuse a licence that ends before it begins."""
    if licensed_on is not None and licence_until is not None and licence_until < licensed_on:
        raise InvalidError("A licence cannot end before it begins", field="licence_until")


def _imported() -> Select[tuple[int, date | None, date | None]]:
    newest = select(func.max(licence.c.id)).where(licence.c.origin == IMPORT).group_by(licence.c.key_point_id)
    chosen = select(licence.c.key_point_id, licence.c.licensed_on, licence.c.licence_until)
    return chosen.where(licence.c.id.in_(newest))


def _add(
    conn: Connection, said: Mapping[int, Days], origin: str, now: datetime, account_id: int | None
) -> None:
    rows = [
        {
            "key_point_id": fid,
            "licensed_on": begin,
            "licence_until": end,
            "origin": origin,
            "set_at": now,
            "account_id": account_id,
        }
        for fid, (begin, end) in said.items()
    ]
    conn.execute(insert(licence), rows)


def _text(day: date | None) -> str | None:
    return day.isoformat() if day else None
