"""Small facts of a site, among them the counters by which others notice that something is new.

Whoever changes streets, key points, districts, categories or the frames of devices raises their counter
in the same transaction; whoever derives from them reads the counters, and reads them again, locked, before
writing.
"""

from typing import Any

from sqlalchemy import Connection, insert, select, update

from layers.store.schema import site

COUNTERS = ("network", "key_points", "districts", "categories", "datum")
_EVERY = select(site.c.key, site.c.value)
_LOCKED = _EVERY.with_for_update(read=True)


def read(conn: Connection, *, lock: bool = False) -> dict[str, Any]:
    """Return every fact; locked, they stay as they are until the transaction ends."""
    return {row.key: row.value for row in conn.execute(_LOCKED if lock else _EVERY)}


def begin(conn: Connection) -> None:
    """Set every counter of a new site to 0."""
    known = read(conn)
    for name in COUNTERS:
        if name not in known:
            conn.execute(insert(site).values(key=name, value=0))


def put(conn: Connection, key: str, value: Any) -> None:
    """Keep one fact."""
    changed = conn.execute(update(site).where(site.c.key == key).values(value=value))
    if changed.rowcount == 0:
        conn.execute(insert(site).values(key=key, value=value))


def raise_one(conn: Connection, name: str) -> int:
    """Raise a counter and return it; nobody else can until this transaction ends."""
    now_at = conn.execute(select(site.c.value).where(site.c.key == name).with_for_update()).scalar_one()
    conn.execute(update(site).where(site.c.key == name).values(value=now_at + 1))
    return int(now_at) + 1
