"""A site kept safe in another folder, and brought back from there.

The store is copied as of one moment, then the photos that the folder lacks: rows are written after their
files, so that every photo a row names is there.  Their copies are made anew when somebody looks.  The note
comes last and names the copy of the store; a backup cut short leaves the one before it.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from layers import certificates
from layers.errors import ConflictError, NotFoundError, UnreadableFileError
from layers.field import photos, shelf
from layers.settings import FILE_NAME, SECRET_NAME, Settings
from layers.site import Site
from layers.store import dumping
from layers.store.types import to_text

NOTE = "backup.json"
_PHOTOS = Path("photos", photos.ORIGINAL)
Progress = Callable[[str, int, int | None], None]


@dataclass(frozen=True, slots=True)
class Kept:
    """What a backup or a restore moved, and which of the photos it read are not what was sent."""

    store_bytes: int
    n_photos: int
    n_photos_new: int
    damaged_photos: tuple[str, ...] = ()


def back_up(site: Site, folder: Path, *, now: datetime, progress: Progress) -> Kept:
    """Bring the backup of a site in `folder` up to date; the site may be in use.

    Raises
    ------
    ConflictError
        The folder holds something else, or the backup of another site.
    """
    _admit(site, folder)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not (folder / NOTE).exists():
        _write(folder / NOTE, "{}\n")
    home = site.settings.home
    _put(home / SECRET_NAME, folder / SECRET_NAME)
    _put(home / FILE_NAME, folder / FILE_NAME)
    _copy_root(home, folder)
    progress("store", 0, None)
    draft = _draft(folder / "store")
    dumping.dump(site.store, draft)
    draft.chmod(0o600)
    moved = _copy_photos(photos.folder(site) / photos.ORIGINAL, folder / _PHOTOS, progress)
    digest = _digest(draft)
    name = f"site-{digest[:16]}.{'gpkg' if site.store.is_geopackage else 'dump'}"
    _settle(draft, folder / name)
    _write(folder / NOTE, json.dumps({"made_at": to_text(now), "store": name, "sha256": digest}) + "\n")
    # the one before goes when the note names the new one
    for old in folder.glob("site-*"):
        if old.name != name:
            old.unlink()
    return Kept((folder / name).stat().st_size, *moved)


def _admit(site: Site, folder: Path) -> None:
    """Refuse a folder in which something else would be overwritten."""
    if not folder.exists() or not any(folder.iterdir()):
        return
    key = folder / SECRET_NAME
    is_ours = not key.exists() or key.read_text(encoding="ascii").strip() == site.settings.secret_key()
    if not ((folder / NOTE).exists() and is_ours):
        raise ConflictError("%(folder)s holds something else: name an empty folder", folder=folder)


def restore(folder: Path, home: Path, *, store_url: str | None = None, progress: Progress) -> Kept:
    """Make the site of a backup anew in `home`; its settings come last, for they make it a site.

    Parameters
    ----------
    store_url : str, optional
        An empty PostGIS database in place of the one that the site used.
    """
    note = _note(folder)
    source = folder / note["store"]
    if _digest(source) != note["sha256"]:
        raise UnreadableFileError("%(path)s is not the file that was backed up", path=source)
    if (home / FILE_NAME).exists() or (home / "site.gpkg").exists():
        raise ConflictError("There is a site in %(home)s already", home=home)
    settings = replace(Settings.read(folder), home=home)
    if store_url:
        settings = replace(settings, store_url=store_url)
    in_database = source.suffix == ".dump"
    if in_database != bool(settings.store_url):
        raise ConflictError("The backup is of another kind of store: leave --store out")
    if in_database:
        dumping.require_empty(str(settings.store_url))
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    (home / _PHOTOS).mkdir(parents=True, exist_ok=True)
    moved = _copy_photos(folder / _PHOTOS, home / _PHOTOS, progress)
    _put(folder / SECRET_NAME, home / SECRET_NAME)
    _copy_root(folder, home)
    progress("store", 0, None)
    if in_database:
        dumping.restore(source, str(settings.store_url))
    else:
        _put(source, home / "site.gpkg")
    settings.write()
    _sync(home)
    return Kept(source.stat().st_size, *moved)


def _note(folder: Path) -> dict[str, str]:
    path = folder / NOTE
    if not path.exists():
        raise NotFoundError("There is no backup in %(folder)s: %(file)s is missing", folder=folder, file=NOTE)
    try:
        note = json.loads(path.read_text(encoding="utf-8"))
        if not note:
            raise NotFoundError("The backup in %(folder)s was cut short: make it again", folder=folder)
        return {"store": Path(note["store"]).name, "sha256": note["sha256"]}
    except (ValueError, KeyError, TypeError) as error:
        raise UnreadableFileError("%(path)s cannot be read: %(reason)s", path=path, reason=error) from error


def _copy_root(source: Path, target: Path) -> None:
    """Copy the root certificate that phones trust, where there is one; the server's is made anew."""
    if not all((source / certificates.FOLDER / name).exists() for name in certificates.ROOT_FILES):
        return
    (target / certificates.FOLDER).mkdir(mode=0o700, exist_ok=True)
    for name in certificates.ROOT_FILES:
        _put(source / certificates.FOLDER / name, target / certificates.FOLDER / name)


def _copy_photos(source: Path, target: Path, progress: Progress) -> tuple[int, int, tuple[str, ...]]:
    """Copy the files that the target lacks; return how many there are, how many were new, which are damaged.

    A damaged file is better than none, but never takes the place of one that is there.
    """
    every = list(_files(source))
    n_new = 0
    damaged: list[str] = []
    for done, path in enumerate(every, start=1):
        there = target / path.relative_to(source)
        if not there.exists() or there.stat().st_size != path.stat().st_size:
            is_whole = shelf.is_whole(path)
            if not is_whole:
                damaged.append(path.stem)
            if is_whole or not there.exists():
                there.parent.mkdir(parents=True, exist_ok=True)
                _put(path, there)
                n_new += 1
        progress("photos", done, len(every))
    return len(every), n_new, tuple(damaged)


def _files(folder: Path) -> Iterator[Path]:
    # what begins with a dot is still being written
    yield from (path for path in sorted(folder.rglob("*")) if path.is_file() and path.name[0] != ".")


def _draft(path: Path) -> Path:
    return path.with_name(f".{path.name}.draft")


def _put(source: Path, target: Path) -> None:
    """Copy a file so that the target is the old one or the new one whole, and on disk."""
    draft = _draft(target)
    shutil.copyfile(source, draft)
    draft.chmod(0o600)
    _settle(draft, target)


def _write(path: Path, text: str) -> None:
    draft = _draft(path)
    draft.write_text(text, encoding="utf-8")
    _settle(draft, path)


def _settle(draft: Path, target: Path) -> None:
    _sync(draft)
    draft.replace(target)
    _sync(target.parent)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _digest(path: Path) -> str:
    if not path.exists():
        raise NotFoundError(
            "There is no backup in %(folder)s: %(file)s is missing", folder=path.parent, file=path.name
        )
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
