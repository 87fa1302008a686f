"""The append-only history: who did what to which record, and when.

Every line is sealed and chained (layers/store/chaining.py): what was changed, removed or moved behind our
back is found.  What must be forgotten is erased, and the chain still holds.
"""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, or_, select, update

from layers.store import chaining, frames
from layers.store.schema import history

# Where the details of a line keep the hash of what a record says
SEAL = "content"


def seal_of_secret(kept: str | None) -> str:
    """Return the seal of what is kept of a password or token: it vouches for it and tells nothing of it."""
    return hashlib.sha256((kept or "").encode()).hexdigest()


def append(
    conn: Connection,
    *,
    at: datetime,
    account_id: int | None,
    action: str,
    noun: str,
    noun_id: str,
    version: int | None = None,
    details: Mapping[str, Any] | None = None,
) -> None:
    """Write one line, inside the transaction of what it tells."""
    append_many(
        conn,
        at=at,
        account_id=account_id,
        action=action,
        noun=noun,
        noun_ids=[noun_id],
        version=version,
        details=details,
    )


def append_many(
    conn: Connection,
    *,
    at: datetime,
    account_id: int | None,
    action: str,
    noun: str,
    noun_ids: Sequence[str],
    version: int | None = None,
    details: Mapping[str, Any] | None = None,
    contents: Sequence[str] | None = None,
) -> None:
    """Write one line for each of many records that had the same done to them.

    `contents` are the hashes of what the records say, which the lines then vouch for (layers/vouching/).
    """
    if not noun_ids:
        return
    said = chaining.plain(details)
    each = [said] * len(noun_ids) if contents is None else [{**said, SEAL: one} for one in contents]
    lines = [
        (at, account_id, action, noun, noun_id, version, one)
        for noun_id, one in zip(noun_ids, each, strict=True)
    ]
    links = chaining.extend(conn, lines)
    columns = dict(zip(chaining.SEALED, map(list, zip(*lines, strict=True)), strict=True))
    frames.insert_many(
        conn, history, {**columns, "salt": links.salt, "digest": links.digest, "chain": links.chain}
    )


def erase(
    conn: Connection,
    *,
    at: datetime,
    by: int | None,
    ids: Sequence[int] = (),
    account_id: int | None = None,
) -> int:
    """Forget the details of some lines, and of those that an account wrote or that tell of it.

    That something was done, when, and by which account stays.

    Returns
    -------
    int
        How many lines lost their details.
    """
    meant: ColumnElement[bool] = history.c.id.in_(ids)
    if account_id is not None:
        of_it = and_(history.c.noun == "account", history.c.noun_id == str(account_id))
        meant = or_(meant, history.c.account_id == account_id, of_it)
    change = update(history).where(meant, history.c.erased_at.is_(None))
    n = conn.execute(change.values(details={}, salt=None, erased_at=at)).rowcount
    whose = None if account_id is None else str(account_id)
    append(
        conn,
        at=at,
        account_id=by,
        action="erase",
        noun="history",
        noun_id=whose or "",
        details={"n": n, "ids": list(ids)},
    )
    return n


def of(conn: Connection, noun: str, noun_id: str) -> list[dict[str, Any]]:
    """Return what happened to one record, oldest first."""
    lines = select(history).where(history.c.noun == noun, history.c.noun_id == noun_id).order_by(history.c.id)
    return [dict(row) for row in conn.execute(lines).mappings()]
