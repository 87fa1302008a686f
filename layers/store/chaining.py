"""The chain of the history: each line sealed under a salt, each seal bound to all before it.

`digest` is SHA-256(salt + content) and `chain` SHA-256(chain of the line before + digest), over bytes; the
content is canonical JSON.  Without its salt a digest tells nothing of what it sealed: details that must be
forgotten are erased together with the salt, and the chain still holds.
"""

import json
import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any

from sqlalchemy import Connection, Row, bindparam, insert, select, update

from layers.store.schema import history, history_head
from layers.store.types import to_millisecond, to_text

SEALED = ("at", "account_id", "action", "noun", "noun_id", "version", "details")
_SALT_BYTES = 16
# Before the first line
_BEGINNING = bytes(32)
_AT_ONCE = 10_000
_HEAD = select(history_head).with_for_update()
_MOVE = update(history_head).values(chain=bindparam("chain"), n=bindparam("n"))
_write = json.JSONEncoder(sort_keys=True, separators=(",", ":")).encode


@dataclass(frozen=True, slots=True)
class Links:
    """The columns that bind lines into the chain, and where it ends after them."""

    salt: list[str]
    digest: list[str]
    chain: list[str]


@dataclass(frozen=True, slots=True)
class Break:
    """A place where the chain does not hold: `what` is changed, torn, or short; `id` the line."""

    what: str
    id: int


def begin(conn: Connection) -> None:
    """Make the end of an empty chain."""
    conn.execute(insert(history_head).values(id=1, chain=_BEGINNING.hex(), n=0))


def extend(conn: Connection, lines: Sequence[Sequence[Any]]) -> Links:
    """Return the links of new lines, each given in the order of `SEALED`.

    The end of the chain is held until the transaction ends: others who write history wait.
    """
    head = conn.execute(_HEAD).one()
    salts = _salts(len(lines))
    links = _linked(bytes.fromhex(head.chain), salts, [content(line) for line in lines])
    if lines:
        conn.execute(_MOVE, {"chain": links.chain[-1], "n": head.n + len(lines)})
    return links


def content(line: Sequence[Any]) -> bytes:
    """Return what is sealed of a line as bytes, the same before it is stored and after.

    >>> from datetime import UTC
    >>> content([datetime(2026, 8, 23, tzinfo=UTC), 1, "create", "finding", "a", None, {"b": 1}])
    b'["2026-08-23T00:00:00.000Z",1,"create","finding","a",null,{"b":1}]'
    """
    at: datetime = line[0]
    return _write([to_text(to_millisecond(at)), *line[1:]]).encode("ascii")


def plain(details: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return details as they will be read again: keys are texts, tuples lists."""
    read: dict[str, Any] = json.loads(json.dumps(dict(details or {})))
    return read


def _salts(n: int) -> list[bytes]:
    drawn = secrets.token_bytes(_SALT_BYTES * n)
    return [drawn[start : start + _SALT_BYTES] for start in range(0, len(drawn), _SALT_BYTES)]


def _linked(last: bytes, salts: Sequence[bytes], contents: Sequence[bytes]) -> Links:
    digests, chain = [], []
    for salt, said in zip(salts, contents, strict=True):
        digest = sha256(salt + said).digest()
        last = sha256(last + digest).digest()
        digests.append(digest.hex())
        chain.append(last.hex())
    return Links([salt.hex() for salt in salts], digests, chain)


def chain_anew(conn: Connection) -> None:
    """Chain the lines that are there, in the order of their ids; for a store that had no chain."""
    columns = [history.c[name] for name in SEALED]
    after = 0
    change = (
        update(history)
        .where(history.c.id == bindparam("line"))
        .values({name: bindparam(name) for name in ("salt", "digest", "chain")})
    )
    while True:
        chosen = select(history.c.id, *columns).where(history.c.id > after).order_by(history.c.id)
        rows = conn.execute(chosen.limit(_AT_ONCE)).all()
        if not rows:
            return
        links = extend(conn, [row[1:] for row in rows])
        made = zip(rows, links.salt, links.digest, links.chain, strict=True)
        values = [{"line": row.id, "salt": salt, "digest": d, "chain": c} for row, salt, d, c in made]
        conn.execute(change, values)
        after = rows[-1].id


def breaks(conn: Connection) -> Iterator[Break]:
    """Give every place where the history is not what was written, in its order."""
    columns = [history.c[name] for name in ("id", "salt", "digest", "chain", "erased_at", *SEALED)]
    rows = conn.execute(select(*columns).order_by(history.c.id).execution_options(yield_per=_AT_ONCE))
    last, n, line = _BEGINNING.hex(), 0, 0
    for row in rows:
        n, line = n + 1, row.id
        if not _is_sealed(row):
            yield Break("changed", line)
        if not _follows(last, row):
            yield Break("torn", line)
        last = row.chain
    head = conn.execute(select(history_head)).first()
    if head is None or (head.chain, head.n) != (last, n):
        yield Break("short", line)


def _is_sealed(row: Row[Any]) -> bool:
    if row.erased_at is not None:
        return row.salt is None and not row.details
    salt = _bytes(row.salt)
    return salt is not None and sha256(salt + content(row[5:])).hexdigest() == str(row.digest)


def _follows(last: str, row: Row[Any]) -> bool:
    before, digest = _bytes(last), _bytes(row.digest)
    if before is None or digest is None:
        return False
    return sha256(before + digest).hexdigest() == str(row.chain)


def _bytes(text: str | None) -> bytes | None:
    """Return the bytes of a text in hexadecimal; None for what somebody put there who does not know."""
    try:
        return bytes.fromhex(text) if text else None
    except ValueError:
        return None
