"""Photos of findings: the original kept as it came, one row each, and clean copies to show.

The original is the record.  Copies are made from it, soon after or when somebody looks; one that is gone is
made again.
"""

import hashlib
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL import Image, UnidentifiedImageError
from sqlalchemy import Connection, insert, select, update

from layers import history
from layers.errors import (
    ConflictError,
    ForbiddenError,
    InvalidError,
    NotFoundError,
    TooLargeError,
    UnreadableFileError,
)
from layers.field import likeness, pictures, records, shelf
from layers.field.findings import Outcome
from layers.field.likeness import Look
from layers.field.pictures import Picture
from layers.field.records import Finding, Photo
from layers.field.scope import visible
from layers.people import Account, demand, may
from layers.store.schema import finding, photo

if TYPE_CHECKING:
    from layers.site import Site

ROLES = ("close_up", "wide", "before", "after")
ORIGINAL, PUBLIC, THUMBNAIL = "original", "public", "thumbnail"


def attach(
    site: "Site", account: Account, uuid: str, data: bytes, role: str = "close_up", *, now: datetime
) -> tuple[Outcome, Photo]:
    """Attach a photo to a finding; the same again is answered the same.

    File and folder are on disk before the row is.

    Raises
    ------
    NotFoundError, ForbiddenError
        No such finding for this account, or one that only reads.
    ConflictError
        The finding has the photo already, in another role.
    TooLargeError, UnreadableFileError
        Too many bytes or pixels; not a photo, or a damaged one.
    """
    require(site, account, role, len(data))
    settings = site.settings
    sha256 = hashlib.sha256(data).hexdigest()
    fid, known = find(site, account, uuid, sha256)
    if known is not None:
        require_role(known.role, role)
        return Outcome.SAME, known
    picture = pictures.read(data, max_pixels=settings.max_photo_pixels, zone=settings.zone)
    file = folder(site), ORIGINAL, sha256, pictures.SUFFIXES[picture.media_type]
    shelf.keep(*file, data)
    values = {
        "finding_id": fid,
        "sha256": sha256,
        "role": role,
        "n_bytes": len(data),
        "account_id": account.id,
        "received_at": now,
    }
    added = _add(site, uuid, {**values, **_columns(picture)})
    # a file that was there with nobody naming it may have been swept just before the row was
    if not shelf.has(*file):
        shelf.keep(*file, data)
    return added


def require(site: "Site", account: Account, role: str, n_bytes: int) -> None:
    """Refuse who may not send photos, an unknown role, and a photo that is too large."""
    if role not in ROLES:
        raise InvalidError(
            "%(field)s: %(given)s is not known; known: %(known)s",
            field="role",
            given=role[:60],
            known=", ".join(ROLES),
        )
    demand(account, "report")
    most = site.settings.max_upload_bytes
    if n_bytes > most:
        raise TooLargeError("A photo has at most %(most)s bytes", field="photo", most=most)


def require_role(known: str, role: str) -> None:
    """Refuse a photo that is there, or under way, in another role: it would be taken for what it is not."""
    if known != role:
        raise ConflictError("The finding has this photo already, as %(known)s", field="role", known=known)


def find(site: "Site", account: Account, uuid: str, sha256: str) -> tuple[int, Photo | None]:
    """Return the number of a finding to which `account` may add, and its photo of this hash if it has it."""
    with site.store.read() as conn:
        fid = _fid_for(conn, account, uuid)
        return fid, records.photo_of(conn, fid, sha256, site.settings)


def _fid_for(conn: Connection, account: Account, uuid: str) -> int:
    chosen = select(finding.c.fid, visible(account).label("is_seen")).where(finding.c.uuid == uuid)
    row = conn.execute(chosen).first()
    # one that it may not see is answered as if it were not there
    if row is None or not row.is_seen:
        raise NotFoundError("There is no finding %(uuid)s", uuid=uuid)
    return int(row.fid)


def _columns(picture: Picture) -> dict[str, Any]:
    return {
        "media_type": picture.media_type,
        "width_px": picture.width_px,
        "height_px": picture.height_px,
        "taken_at": picture.taken.at,
        "exif_lon": picture.taken.lon,
        "exif_lat": picture.taken.lat,
        "phash": picture.phash,
    }


def _add(site: "Site", uuid: str, values: dict[str, Any]) -> tuple[Outcome, Photo]:
    outcome = Outcome.CREATED
    try:
        with site.store.write() as conn:
            done = conn.execute(insert(photo).values(**values))
            likeness.keep(conn, int(done.inserted_primary_key[0]), values["phash"])  # type: ignore[index]
            history.append(
                conn,
                at=values["received_at"],
                account_id=values["account_id"],
                action="attach_photo",
                noun="finding",
                noun_id=uuid,
                details={"sha256": values["sha256"], "role": values["role"]},
            )
    except ConflictError:
        # its twin came in between
        outcome = Outcome.SAME
    with site.store.read() as conn:
        kept = records.photo_of(conn, values["finding_id"], values["sha256"], site.settings)
    if kept is None:
        raise NotFoundError("There is no such photo")
    require_role(kept.role, values["role"])
    return outcome, kept


def also_on(site: "Site", account: Account, found: Finding) -> dict[str, list[str]]:
    """Return, by the hash of each photo of a finding, the other findings that show the same to `account`."""
    with site.store.read() as conn:
        elsewhere = likeness.elsewhere(conn, [one.id for one in found.photos])
        fids = {fid for others in elsewhere.values() for fid in others}
        seen = select(finding.c.fid, finding.c.uuid).where(finding.c.fid.in_(fids), visible(account))
        uuids: dict[int, str] = {row.fid: row.uuid for row in conn.execute(seen)}
    return {
        one.sha256: [uuids[fid] for fid in sorted(elsewhere.get(one.id, ())) if fid in uuids]
        for one in found.photos
    }


def copy_in_passing(site: "Site", *, now: datetime, most: int = 20) -> None:
    """Make the copies of the newest photos before anybody looks at them; a duty of the worker."""
    del now
    with site.store.read() as conn:
        newest = conn.execute(select(photo.c.sha256).order_by(photo.c.id.desc()).limit(most)).scalars().all()
    for sha256 in newest:
        # one whose original is lost is told by `xuncha check`
        with suppress(NotFoundError, TooLargeError, UnreadableFileError):
            open_public(site, sha256, thumbnail=True)


def compare_in_passing(site: "Site", *, now: datetime) -> None:
    """Compare some photos with all that came before; a duty of the worker, which tells it the time."""
    del now
    compare(site)


def compare(site: "Site", most: int = 10) -> int:
    """Hash photos mirrored and turned, from their thumbnails, and keep which others are they.

    Returns how many were done.  Of two that are alike, whichever is compared first finds the other.
    """
    chosen = select(photo.c.id, photo.c.sha256, photo.c.phash).where(photo.c.turns.is_(None))
    with site.store.read() as conn:
        rows = conn.execute(chosen.order_by(photo.c.id.desc()).limit(most)).all()
    looks = {row.id: _look_of(site, row.sha256, row.phash) for row in rows}
    older = [row.id for row in rows if row.phash is None]
    if older:
        # they cannot be found by each other before that is kept by which they are
        with site.store.write() as conn:
            for key in older:
                lacking = photo.c.id == key, photo.c.phash.is_(None)
                if conn.execute(update(photo).where(*lacking).values(phash=looks[key].phash)).rowcount:
                    likeness.keep(conn, key, looks[key].phash)
    with site.store.read() as conn:
        others = {key: likeness.turned(conn, key, look) for key, look in looks.items()}
    if looks:
        with site.store.write() as conn:
            for key, look in looks.items():
                lacking = photo.c.id == key, photo.c.turns.is_(None)
                if conn.execute(update(photo).where(*lacking).values(turns=look.turns)).rowcount:
                    likeness.keep_turned(conn, key, others[key])
    return len(looks)


def _look_of(site: "Site", sha256: str, known: str | None) -> Look:
    """Return what a photo shows: by its thumbnail, but for a hash that is known already."""
    try:
        with Image.open(open_public(site, sha256, thumbnail=True), formats=["JPEG"]) as image:
            seen = likeness.look(image)
    except (NotFoundError, UnidentifiedImageError, OSError):
        seen = Look(likeness.PLAIN, "")
    return seen if known is None else Look(known, seen.turns)


def folder(site: "Site") -> Path:
    """Return where the photos of a site are."""
    return site.settings.home / "photos"


def open_public(site: "Site", sha256: str, *, thumbnail: bool = False) -> Path:
    """Return the file of the clean copy, or of its thumbnail; both are JPEG without metadata."""
    kind = THUMBNAIL if thumbnail else PUBLIC
    if not shelf.has(folder(site), kind, sha256, "jpg"):
        _copy(site, sha256)
    return shelf.find(folder(site), kind, sha256)


def _copy(site: "Site", sha256: str) -> None:
    original = shelf.find(folder(site), ORIGINAL, sha256).read_bytes()
    made = pictures.copies(original, max_pixels=site.settings.max_photo_pixels)
    for kind, data in ((PUBLIC, made.public), (THUMBNAIL, made.thumbnail)):
        shelf.keep(folder(site), kind, sha256, "jpg", data)


def open_original(site: "Site", account: Account, sha256: str) -> Path:
    """Return the original as it came, metadata and all; for supervisors and for whoever sent it."""
    with site.store.read() as conn:
        senders = set(conn.execute(select(photo.c.account_id).where(photo.c.sha256 == sha256)).scalars())
    if not senders:
        raise NotFoundError("There is no such photo")
    if account.id not in senders and not may(account, "originals"):
        raise ForbiddenError("This photo is somebody else's")
    return shelf.find(folder(site), ORIGINAL, sha256)
