"""A photo that comes in parts over a bad network: what has come stays, and the rest follows.

The device announces the SHA-256 and the size, asks how far it is, and sends on from there.  When the last
byte is in, the sum is compared and the photo attached as if it had come at once.  What nobody finishes
within a week is thrown away.
"""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import Row, delete, func, insert, select

from layers.errors import (
    ConflictError,
    InvalidError,
    NotFoundError,
    TooLargeError,
    TooManyError,
    UnreadableFileError,
)
from layers.field import photos, pictures, shelf
from layers.field.findings import Outcome
from layers.field.records import Photo
from layers.people import Account
from layers.store.schema import photo_upload as table

if TYPE_CHECKING:
    from layers.site import Site

# What a device should send at once: lost by a cut connection, and not much of it
PART_BYTES = 256 * 1024
MOST_OPEN = 50
_KEPT = timedelta(days=7)
_FOLDER = "parts"
# From so many bytes on can be told what a file is
_TELLING_BYTES = 12


class OffsetError(ConflictError):
    """A part that does not begin where the last one ended."""

    def __init__(self, offset: int) -> None:
        super().__init__("The photo goes on at byte %(offset)s", field="offset", offset=offset)
        self.offset = offset


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """How far a photo is; `photo` is its receipt once it is whole."""

    sha256: str
    role: str
    n_bytes: int
    offset: int
    expires_at: datetime | None
    photo: Photo | None = None


def begin(
    site: "Site",
    account: Account,
    uuid: str,
    *,
    sha256: str,
    n_bytes: int,
    role: str = "close_up",
    now: datetime,
) -> tuple[Outcome, Upload]:
    """Announce a photo; one that was announced before is answered with how far it is.

    Raises
    ------
    NotFoundError, ForbiddenError
        No such finding for this account, or one that only reads.
    TooLargeError, ConflictError, TooManyError
        More bytes than are taken; announced with another size or role; too many that are not finished.
    """
    if n_bytes < 1:
        raise InvalidError("The photo is empty", field="n_bytes")
    photos.require(site, account, role, n_bytes)
    fid, known = photos.find(site, account, uuid, sha256)
    if known is not None:
        photos.require_role(known.role, role)
        return Outcome.SAME, _whole(known)
    row = _row(site, account, fid, sha256)
    if row is not None:
        return Outcome.SAME, _same(site, row, n_bytes, role)
    values = {
        "finding_id": fid,
        "sha256": sha256,
        "account_id": account.id,
        "role": role,
        "n_bytes": n_bytes,
        "name": secrets.token_hex(16),
        "created_at": now,
    }
    outcome = Outcome.CREATED
    try:
        with site.store.write() as conn:
            mine = select(func.count()).where(table.c.account_id == account.id)
            if conn.execute(mine).scalar_one() >= MOST_OPEN:
                raise TooManyError("%(most)s photos are under way already; finish those", most=MOST_OPEN)
            conn.execute(insert(table).values(values))
    except ConflictError:
        # its twin came in between
        outcome = Outcome.SAME
    return outcome, _same(site, _found(site, account, fid, sha256), n_bytes, role)


def state(site: "Site", account: Account, uuid: str, sha256: str) -> Upload:
    """Return how far a photo is."""
    fid, known = photos.find(site, account, uuid, sha256)
    return _whole(known) if known is not None else _upload(site, _found(site, account, fid, sha256))


def add(
    site: "Site", account: Account, uuid: str, sha256: str, *, offset: int, data: bytes, now: datetime
) -> tuple[Outcome | None, Upload]:
    """Add a part; with the last one the photo is attached, and the outcome says so.

    An empty part at the end attaches a photo that is whole and was not attached, by a kill in between.

    Raises
    ------
    OffsetError
        The part does not begin where the last one ended; nothing was written.
    UnreadableFileError
        Not a photo, or not the one that was announced: it has to be begun anew.
    """
    fid, known = photos.find(site, account, uuid, sha256)
    if known is not None:
        return Outcome.SAME, _whole(known)
    row = _found(site, account, fid, sha256)
    if offset + len(data) > row.n_bytes:
        raise InvalidError("The photo was announced with %(n)s bytes", field="n_bytes", n=row.n_bytes)
    if offset == 0 and len(data) >= _TELLING_BYTES:
        pictures.require_photo(data[:4096])
    path = _path(site, row.name)
    size = shelf.append(path, offset, data)
    if size != offset + len(data):
        raise OffsetError(size)
    if size < row.n_bytes:
        return None, _upload(site, row)
    return _finish(site, account, uuid, row, now=now)


def _finish(
    site: "Site", account: Account, uuid: str, row: Row[Any], *, now: datetime
) -> tuple[Outcome, Upload]:
    try:
        data = _path(site, row.name).read_bytes()
    except FileNotFoundError:
        # its twin was faster
        return Outcome.SAME, state(site, account, uuid, row.sha256)
    try:
        if hashlib.sha256(data).hexdigest() != row.sha256:
            raise UnreadableFileError(
                "What came is not the photo that was announced; send it anew", field="sha256"
            )
        outcome, photo = photos.attach(site, account, uuid, data, row.role, now=now)
    except (UnreadableFileError, InvalidError, TooLargeError, ConflictError):
        _forget(site, row)
        raise
    _forget(site, row)
    return outcome, _whole(photo)


def give_up(site: "Site", account: Account, uuid: str, sha256: str) -> None:
    """Throw away what has come of a photo; one that is whole stays."""
    fid, _ = photos.find(site, account, uuid, sha256)
    row = _row(site, account, fid, sha256)
    if row is not None:
        _forget(site, row)


def forget_old(site: "Site", *, now: datetime) -> int:
    """Throw away what nobody has finished for a week; return how many photos."""
    with site.store.read() as conn:
        rows = conn.execute(select(table).where(table.c.created_at < now - _KEPT)).all()
    for row in rows:
        _forget(site, row)
    return len(rows)


def names(site: "Site") -> set[str]:
    """Return the files of the photos that are under way."""
    with site.store.read() as conn:
        return {_path(site, name).name for name in conn.execute(select(table.c.name)).scalars()}


def folder(site: "Site") -> Path:
    """Return where the parts are."""
    return photos.folder(site) / _FOLDER


def _path(site: "Site", name: str) -> Path:
    # by the dot a backup knows that it is not whole
    return folder(site) / f".{name}"


def _row(site: "Site", account: Account, fid: int, sha256: str) -> Row[Any] | None:
    mine = (table.c.account_id == account.id, table.c.finding_id == fid, table.c.sha256 == sha256)
    with site.store.read() as conn:
        return conn.execute(select(table).where(*mine)).first()


def _found(site: "Site", account: Account, fid: int, sha256: str) -> Row[Any]:
    row = _row(site, account, fid, sha256)
    if row is None:
        raise NotFoundError("No such photo is under way; announce it first")
    return row


def _same(site: "Site", row: Row[Any], n_bytes: int, role: str) -> Upload:
    photos.require_role(row.role, role)
    if row.n_bytes != n_bytes:
        raise ConflictError("The photo was announced with %(n)s bytes", field="n_bytes", n=row.n_bytes)
    return _upload(site, row)


def _upload(site: "Site", row: Row[Any]) -> Upload:
    path = _path(site, row.name)
    return Upload(
        sha256=row.sha256,
        role=row.role,
        n_bytes=row.n_bytes,
        offset=path.stat().st_size if path.exists() else 0,
        expires_at=row.created_at + _KEPT,
    )


def _whole(photo: Photo) -> Upload:
    return Upload(
        sha256=photo.sha256,
        role=photo.role,
        n_bytes=photo.n_bytes,
        offset=photo.n_bytes,
        expires_at=None,
        photo=photo,
    )


def _forget(site: "Site", row: Row[Any]) -> None:
    """Forget an upload: the row first, so that a file whose row is gone is swept later at the worst."""
    with site.store.write() as conn:
        conn.execute(delete(table).where(table.c.id == row.id))
    _path(site, row.name).unlink(missing_ok=True)
