"""The append-only history: who did what to which record, and when."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, insert, select

from layers.store import frames
from layers.store.schema import history


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
    conn.execute(
        insert(history).values(
            at=at,
            account_id=account_id,
            action=action,
            noun=noun,
            noun_id=noun_id,
            version=version,
            details=dict(details or {}),
        )
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
) -> None:
    """Write one line for each of many records that had the same done to them."""
    n = len(noun_ids)
    frames.insert_many(
        conn,
        history,
        {
            "at": [at] * n,
            "account_id": [account_id] * n,
            "action": [action] * n,
            "noun": [noun] * n,
            "noun_id": list(noun_ids),
            "version": [version] * n,
            "details": [dict(details or {})] * n,
        },
    )


def of(conn: Connection, noun: str, noun_id: str) -> list[dict[str, Any]]:
    """Return what happened to one record, oldest first."""
    lines = select(history).where(history.c.noun == noun, history.c.noun_id == noun_id).order_by(history.c.id)
    return [dict(row) for row in conn.execute(lines).mappings()]
