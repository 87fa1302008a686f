"""Files named by the hash of what is in them, on disk for good before anybody is told so."""

import errno
import fcntl
import hashlib
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from layers.errors import BusyError, InvalidError, NoSpaceError, NotFoundError

_SHA256 = re.compile(r"[0-9a-f]{64}")
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


@contextmanager
def _translated(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise NoSpaceError("The disk is full; nothing was written") from error
        raise _out_of_reach(folder) from error


def _out_of_reach(folder: Path) -> BusyError:
    return BusyError("The folder %(folder)s cannot be reached; try again later", folder=folder.name)


def keep(root: Path, kind: str, sha256: str, suffix: str, data: bytes) -> Path:
    """Write a file and wait until file and folder are on disk; one that is there stays.

    The folder `root` must be there: if it has gone, its disk may not be mounted.
    """
    path = _path(root, kind, sha256, suffix)
    with _translated(root):
        if path.exists() and path.stat().st_size == len(data):
            # it is wanted again: the sweep of what nobody names counts from now
            path.touch()
            # whoever wrote it may have been killed before he had waited for its name
            _sync_folder(path.parent)
        else:
            _make_folders(root, path.parent)
            _write(path, data)
    return path


def append(path: Path, offset: int, data: bytes) -> int:
    """Write on at the end of a file that is not whole yet; return its size, on disk by then.

    Nothing is written where the file does not end at `offset`; the size is then another, or the part had
    come before and its answer was lost.
    """
    with _translated(path.parent):
        _make_folders(path.parent.parent, path.parent)
        is_new = not path.exists()
        with path.open("ab") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            size = file.seek(0, os.SEEK_END)
            if size != offset:
                return size
            try:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            except OSError:
                os.ftruncate(file.fileno(), size)
                raise
        if is_new:
            _sync_folder(path.parent)
    return size + len(data)


def has(root: Path, kind: str, sha256: str, suffix: str) -> bool:
    """Tell whether the file of a hash is there."""
    return _path(root, kind, sha256, suffix).exists()


def find(root: Path, kind: str, sha256: str) -> Path:
    """Return the file of a hash."""
    folder = _path(root, kind, sha256, "").parent
    found = sorted(folder.glob(f"{sha256}.*"))
    if not found:
        if not root.exists():
            raise _out_of_reach(root)
        raise NotFoundError("There is no such photo")
    return found[0]


def is_whole(path: Path) -> bool:
    """Tell whether a file still holds what its name says."""
    with _translated(path.parent), path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() == path.stem


def _path(root: Path, kind: str, sha256: str, suffix: str) -> Path:
    if not _SHA256.fullmatch(sha256):
        raise InvalidError("%(given)s is not a SHA-256", field="sha256", given=sha256[:80])
    return root / kind / sha256[:2] / f"{sha256}.{suffix}"


def _make_folders(root: Path, folder: Path) -> None:
    for part in (folder.parent, folder):
        if part != root and not part.exists():
            part.mkdir(exist_ok=True)
            _sync_folder(part.parent)


def _write(path: Path, data: bytes) -> None:
    draft = path.with_name(f".{uuid4().hex}")
    try:
        with draft.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
