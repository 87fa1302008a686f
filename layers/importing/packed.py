"""What comes in several files: the parts of a shapefile, or a folder of photos, packed into one."""

import shutil
import zipfile
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import IO

from layers import unpacking
from layers.errors import InvalidError, TooLargeError, UnreadableFileError

PHOTOS = (".jpg", ".jpeg", ".png", ".webp")
SHAPEFILE = (".shp", ".dbf", ".shx", ".prj", ".cpg")
_FOLDER = "photos"
# A small archive may hold far more than it weighs
_MOST_FILES, _MOST_BYTES = 5_000, 2_000_000_000


def pack(target: Path, files: Sequence[tuple[str, IO[bytes]]]) -> None:
    """Pack files as they are under their names; folders in the names are left out."""
    with zipfile.ZipFile(target, "w") as archive:
        for name, file in files:
            with archive.open(PurePosixPath(name.replace("\\", "/")).name, "w") as kept:
                shutil.copyfileobj(file, kept)


def holds_photos(path: Path) -> bool:
    """Tell whether a file is an archive of photos, and no shapefile."""
    if path.suffix.lower() != ".zip":
        return False
    names = [one.filename.lower() for one in _entries(path)]
    if any(name.endswith(".shp") for name in names):
        return False
    if not any(name.endswith(PHOTOS) for name in names):
        raise InvalidError("There is neither a shapefile nor a photo in %(file)s", file=path.name)
    return True


def unpacked_photos(path: Path, *, most_bytes: int) -> list[Path]:
    """Return the photos of an archive, each under its own name in a folder beside it.

    One that is larger than a photo may be is cut off after that: it is refused as a photo, with its name.
    """
    folder = path.parent / _FOLDER
    found = []
    with zipfile.ZipFile(path) as archive:
        for number, entry in enumerate(_entries(path)):
            name = PurePosixPath(entry.filename.replace("\\", "/")).name
            # what a Mac packs beside each file begins with a dot
            if entry.is_dir() or name.startswith(".") or not name.lower().endswith(PHOTOS):
                continue
            target = folder / str(number) / name[-120:]
            target.parent.mkdir(parents=True, exist_ok=True)
            try:
                with archive.open(entry) as file:
                    target.write_bytes(file.read(most_bytes + 1))
            except (zipfile.BadZipFile, RuntimeError, NotImplementedError, EOFError, OSError) as error:
                raise UnreadableFileError(
                    "%(path)s cannot be read: %(reason)s", path=name, reason=unpacking.reason(error, path)
                ) from error
            found.append(target)
    return found


def _entries(path: Path) -> list[zipfile.ZipInfo]:
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
    except (zipfile.BadZipFile, OSError) as error:
        raise UnreadableFileError(
            "%(path)s cannot be read: %(reason)s", path=path.name, reason=unpacking.reason(error, path)
        ) from error
    if len(entries) > _MOST_FILES or sum(one.file_size for one in entries) > _MOST_BYTES:
        raise TooLargeError("%(file)s holds too much", file=path.name)
    return entries
