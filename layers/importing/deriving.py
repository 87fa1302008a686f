"""The job of deriving, as whoever changes the city or takes an import back orders it."""

from datetime import datetime

from sqlalchemy import Connection

from layers import jobs


def order(conn: Connection, *, now: datetime, account_id: int | None, streets: bool, around: bool) -> int:
    """Put the job into the queue and return its id; see `layers.importing.city.derive_anew`."""
    payload, key = {"streets": streets, "around": around}, f"derive {streets} {around}"
    return jobs.put(conn, "derive", payload, now=now, key=key, again=True, account_id=account_id)
