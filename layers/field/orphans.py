"""Files of photos that no row names: left by a kill between file and row, or by what was cut short.

They are found at once and thrown away after a day, for a photo that is just coming has its files before
its row.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

from sqlalchemy import select

from layers.field import photo_parts, photos
from layers.store.schema import photo

if TYPE_CHECKING:
    from layers.site import Site

GRACE = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Orphans:
    """Files that nothing names; `old` are those that may go."""

    n: int
    n_bytes: int
    old: tuple[Path, ...]


def find(site: "Site", *, now: datetime, grace: timedelta = GRACE) -> Orphans:
    """Look for files that no row names."""
    named, under_way = _named(site), photo_parts.names(site)
    n = n_bytes = 0
    old: list[Path] = []
    for path in _files(site):
        if path.name in under_way or path.stem in named:
            continue
        try:
            known = path.stat()
        except FileNotFoundError:
            # it was a draft, and is a photo by now
            continue
        n, n_bytes = n + 1, n_bytes + known.st_size
        if now.timestamp() - known.st_mtime > grace.total_seconds():
            old.append(path)
    return Orphans(n, n_bytes, tuple(old))


def sweep(site: "Site", *, now: datetime, grace: timedelta = GRACE) -> int:
    """Throw away the files that no row has named for so long; return how many."""
    return sum(_remove(site, path) for path in find(site, now=now, grace=grace).old)


def _remove(site: "Site", path: Path) -> bool:
    """Remove a file unless a row names it by now: a photo that came again in this moment keeps it."""
    aside = path.with_name(f".{uuid4().hex}")
    try:
        path.replace(aside)
    except FileNotFoundError:
        return False
    if not path.name.startswith("."):
        with site.store.read() as conn:
            if conn.execute(select(photo.c.id).where(photo.c.sha256 == path.stem).limit(1)).first():
                aside.replace(path)
                return False
    aside.unlink()
    return True


def _named(site: "Site") -> set[str]:
    with site.store.read() as conn:
        return set(conn.execute(select(photo.c.sha256).distinct()).scalars())


def _files(site: "Site") -> Iterator[Path]:
    root = photos.folder(site)
    for kind in (photos.ORIGINAL, photos.PUBLIC, photos.THUMBNAIL):
        yield from (path for path in (root / kind).glob("*/*") if path.is_file())
    yield from (path for path in photo_parts.folder(site).glob("*") if path.is_file())
