"""Tracks held against the history."""

import zlib
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import numpy as np
from sqlalchemy import Connection, Row, select

from layers.field import tracks
from layers.field.tracks import Track
from layers.store.schema import account, track
from layers.store.types import to_millisecond
from layers.vouching.deviations import Deviation, compare, differing, lines, seal_of

_AT_ONCE = 200


def deviations(conn: Connection) -> Iterator[Deviation]:
    """Give the tracks that are not what the history says of them."""
    told: dict[str, tuple[int, datetime, str | None]] = {}
    dropped: set[str] = set()
    for line in lines(conn, "track", ("create", "undo_import", "drop_fixes")):
        if line.action == "create":
            told[line.noun_id] = (line.account_id, to_millisecond(line.at), seal_of(line))
        elif line.action == "drop_fixes":
            dropped.add(line.noun_id)
        else:
            told.pop(line.noun_id, None)
    forgotten = set(conn.execute(select(account.c.id).where(account.c.erased_at.is_not(None))).scalars())
    there: dict[str, None] = {}
    for row in conn.execute(select(track).order_by(track.c.fid).execution_options(yield_per=_AT_ONCE)):
        there[row.uuid] = None
        if row.uuid not in told:
            continue
        whose, received_at, seal = told[row.uuid]
        held = {"account_id": row.account_id == whose, "received_at": row.received_at == received_at}
        held["dropped_at"] = (row.dropped_at is not None) == (row.uuid in dropped)
        if row.account_id not in forgotten:
            held["report"] = _digest(row) == (seal or row.content_hash)
        yield from differing("track", row.uuid, held)
    yield from compare("track", there, told)


def _digest(row: Row[Any]) -> str | None:
    """Return the hash of what was sent; of a track without its fixes the one that is kept."""
    if row.dropped_at is not None:
        return str(row.content_hash)
    try:
        fixes = np.frombuffer(zlib.decompress(row.fixes), dtype="<f8").reshape(4, -1)
    except (zlib.error, ValueError, TypeError):
        return None
    said = (row.uuid, *fixes, row.frame, row.accuracy_kind, row.mode, row.device)
    names = ("uuid", "lon", "lat", "time", "accuracy_m", "frame", "accuracy_kind", "mode", "device")
    return tracks.content_hash(Track(**dict(zip(names, said, strict=True))))
