"""A person is forgotten: name, login, devices, movements; what was found stays, and the history verifies.

See docs/serving.md for what goes and what stays.
"""

import secrets
from dataclasses import dataclass
from datetime import datetime
from pathlib import PurePath
from typing import TYPE_CHECKING

from sqlalchemy import Connection, and_, delete, insert, literal, or_, select, update

from layers import history, tokens
from layers.errors import ConflictError, NotFoundError
from layers.field import coverage, retention
from layers.store.schema import (
    account,
    datum_correction,
    finding,
    import_run,
    job,
    street_check,
    token,
    track,
)
from layers.store.schema import history as line

if TYPE_CHECKING:
    from layers.site import Site

_WITH_DEVICES = (finding, track, street_check)


@dataclass(frozen=True, slots=True)
class Forgotten:
    """What was erased: how many tracks lost their fixes, and lines of history their details."""

    login: str
    n_tracks: int
    n_devices: int
    n_lines: int


def erase(site: "Site", account_id: int, *, by: int | None, now: datetime) -> Forgotten:
    """Erase what tells who an account was; it is shut out for good.

    The fixes of its tracks go when what they cover is known; its records stay under a login that says
    nothing.
    """
    version = int(site.facts()["network"] or 0)
    if version:
        coverage.derive(site, version)
    with site.store.write() as conn:
        retention.forget_for_good(conn)
        row = conn.execute(select(account).where(account.c.id == account_id)).first()
        if row is None or row.erased_at is not None:
            raise NotFoundError("There is no such account")
        if account_id == by:
            raise ConflictError("Nobody erases himself: ask another administrator")
        n_tracks = _drop_tracks(conn, account_id, by=by, now=now)
        devices = _rename_devices(conn, account_id)
        _clear_work(conn, account_id)
        lines = _lines_about(conn, account_id)
        _close(conn, account_id, by=by, now=now)
        n_lines = history.erase(conn, at=now, by=by, ids=lines, account_id=account_id)
        history.append(conn, at=now, account_id=by, action="erase", noun="account", noun_id=str(account_id))
    return Forgotten(f"erased-{account_id}", n_tracks, devices, n_lines)


def _drop_tracks(conn: Connection, account_id: int, *, by: int | None, now: datetime) -> int:
    n = 0
    while dropped := retention.forget(conn, track.c.account_id == account_id, by=by, now=now):
        n += dropped
    return n


def _rename_devices(conn: Connection, account_id: int) -> int:
    """Give each device a name that says nothing; what corrects its positions goes on to do so."""
    devices: set[str] = set()
    for table in _WITH_DEVICES:
        own = and_(table.c.account_id == account_id, table.c.device.is_not(None))
        devices |= set(conn.execute(select(table.c.device).where(own).distinct()).scalars())
    for device in devices:
        renamed = f"device-{secrets.token_hex(6)}"
        for table in _WITH_DEVICES:
            own = and_(table.c.account_id == account_id, table.c.device == device)
            conn.execute(update(table).where(own).values(device=renamed))
        _go_on_correcting(conn, device, renamed)
    return len(devices)


def _go_on_correcting(conn: Connection, device: str, renamed: str) -> None:
    others = [
        conn.execute(select(table.c.fid).where(table.c.device == device).limit(1)).first()
        for table in _WITH_DEVICES
    ]
    own = datum_correction.c.device == device
    if not any(others):
        conn.execute(update(datum_correction).where(own).values(device=renamed))
        return
    kept = [one for one in datum_correction.c if one.name not in ("id", "device")]
    copied = select(literal(renamed), *kept).where(own)
    conn.execute(insert(datum_correction).from_select(["device", *(one.name for one in kept)], copied))


def _clear_work(conn: Connection, account_id: int) -> None:
    """Forget what an account had done beside the answers, and what its files were called.

    Deliveries of webhooks hold no more than numbers of lines; what they said is read from the history.
    """
    over = or_(job.c.finished_at.is_not(None), job.c.failed_at.is_not(None))
    conn.execute(delete(job).where(job.c.account_id == account_id, over))
    runs = conn.execute(
        select(import_run.c.id, import_run.c.file_name).where(import_run.c.account_id == account_id)
    )
    for row in runs.all():
        plain = f"file{PurePath(row.file_name).suffix}"
        conn.execute(update(import_run).where(import_run.c.id == row.id).values(file_name=plain))


def _lines_about(conn: Connection, account_id: int) -> list[int]:
    """Return the lines that others wrote about this account's records, which may name its devices."""
    of_tokens = select(token.c.id).where(token.c.account_id == account_id)
    ids = [str(one) for one in conn.execute(of_tokens).scalars()]
    told = select(line.c.id).where(line.c.noun == "token", line.c.noun_id.in_(ids))
    own: list[int] = list(conn.execute(told).scalars())
    for table, noun in zip(_WITH_DEVICES, ("finding", "track", "check"), strict=True):
        mine = select(table.c.uuid).where(table.c.account_id == account_id)
        about = and_(line.c.noun == noun, line.c.noun_id.in_(mine), line.c.erased_at.is_(None))
        rows = conn.execute(select(line.c.id, line.c.details).where(about, line.c.account_id != account_id))
        own += [row.id for row in rows if "device" in str(row.details)]
    return own


def _close(conn: Connection, account_id: int, *, by: int | None, now: datetime) -> None:
    live = select(token.c.id).where(token.c.account_id == account_id, token.c.revoked_at.is_(None))
    for token_id in conn.execute(live).scalars().all():
        tokens.revoke(conn, token_id, by=by, now=now)
    conn.execute(update(token).where(token.c.account_id == account_id).values(label=""))
    nobody = f"erased-{account_id}"
    values = {"login": nobody, "name": nobody, "password_hash": None, "language": None, "erased_at": now}
    values["sessions_since"] = now
    conn.execute(update(account).where(account.c.id == account_id).values(**values))
    still = or_(account.c.disabled_at.is_(None), account.c.disabled_at > now)
    conn.execute(update(account).where(account.c.id == account_id, still).values(disabled_at=now))
