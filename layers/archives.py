"""Archives from elsewhere, spreadsheets among them: how much they truly hold, before anybody reads them.

What an archive says of its sizes is checked by unpacking it once and keeping nothing.  A spreadsheet of a few
kilobytes can name a million rows of two thousand columns each, and a reader makes room for all of them.
"""

import re
import zipfile
import zlib
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import IO
from xml.parsers import expat

from layers.errors import TooLargeError, UnreadableFileError

# Packed texts and tables shrink to a tenth, never to a hundredth; what is small may
_FREE_BYTES, _MOST_TIMES = 64 << 20, 100
# A layer has its few parts, a spreadsheet as many as it has sheets and pictures
MOST_FILES = 5000
# Cells that a reader makes room for, whether they hold anything or not: some 16 bytes each
_MOST_CELLS = 30_000_000
# Parts of spreadsheets and of KML are nested ten levels deep; deep ones are packed tightly
_MOST_LEVELS, _TIGHT_TIMES = 100, 20
_CHUNK, _LONGEST_TAG = 1 << 20, 1 << 16
_XML = (".xml", ".kml", ".gml")
# Spreadsheets declare nothing, and are UTF-8; otherwise the tags below would not be seen
_DOCTYPE, _WIDE = b"<!DOCTYPE", (b"\xff\xfe<", b"\xfe\xff\0<", b"<\0", b"\0<")
_ROW = re.compile(rb"<(?:[\w.-]+:)?row(?=[\s/>])")
# Columns from the 27th on
_FAR = re.compile(rb"""r=["']([A-Z]{2,3})[0-9]""")
# What the reader of an archive raises on a damaged one
DAMAGED = (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, zlib.error, EOFError, RuntimeError)


def most(n_packed: int) -> int:
    """Return how many bytes a packed file of a size may hold in earnest."""
    return max(_FREE_BYTES, _MOST_TIMES * n_packed)


def too_large(name: str) -> TooLargeError:
    """Return the refusal of a file that holds more."""
    return TooLargeError("%(file)s holds far more than a file of its size should", file=name)


def require_modest(path: Path) -> None:
    """Refuse an archive that holds far too much, lies about it, or names files outside itself.

    What is damaged is told by whoever reads it.
    """
    stat = path.stat()
    _require_modest(path, stat.st_size, stat.st_mtime_ns)


@lru_cache(maxsize=64)
def _require_modest(path: Path, n_packed: int, _changed_at: int) -> None:
    """Look at an archive once, however often it is opened; what is refused is looked at again."""
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
            _check_list(entries, path, most(n_packed))
            for entry in entries:
                with archive.open(entry) as file:
                    _check_entry(file, entry, path)
    except zipfile.BadZipFile as error:
        if "CRC" in str(error):
            # whoever shortens what an archive says of a file cannot make its sum fit
            raise UnreadableFileError("%(file)s is not what it says of itself", file=path.name) from error
    except DAMAGED:
        return


def _check_list(entries: list[zipfile.ZipInfo], path: Path, most_bytes: int) -> None:
    if len(entries) > MOST_FILES:
        raise TooLargeError(
            "%(file)s holds %(n)s files; at most %(most)s are read",
            file=path.name,
            n=len(entries),
            most=MOST_FILES,
        )
    if sum(one.file_size for one in entries) > most_bytes:
        raise too_large(path.name)
    if any(_leads_outside(one.filename) for one in entries):
        raise UnreadableFileError("%(file)s names files outside itself", file=path.name)


def _leads_outside(name: str) -> bool:
    """Tell whether a name in an archive is of a place elsewhere.

    >>> _leads_outside("../a.shp"), _leads_outside("C:/a.shp"), _leads_outside("folder/a..b.shp")
    (True, True, False)
    """
    place = PurePosixPath(name.replace("\\", "/"))
    return place.is_absolute() or ".." in place.parts or bool(re.match(r"[A-Za-z]:", name))


def _check_entry(file: IO[bytes], entry: zipfile.ZipInfo, path: Path) -> None:
    is_of_sheet = path.suffix.lower() == ".xlsx"
    is_tight = entry.file_size > _TIGHT_TIMES * entry.compress_size
    sheet = _Sheet() if is_of_sheet else None
    depth = _Depth() if is_tight and (is_of_sheet or entry.filename.lower().endswith(_XML)) else None
    for number, chunk in enumerate(_chunks(file)):
        if is_of_sheet and (_DOCTYPE in chunk or (number == 0 and chunk.startswith(_WIDE))):
            raise UnreadableFileError("%(file)s is not what its name says", file=path.name)
        if (sheet and sheet.is_too_large(chunk)) or (depth and depth.is_too_deep(chunk)):
            raise too_large(path.name)


def _chunks(file: IO[bytes]) -> Iterator[bytes]:
    while chunk := file.read(_CHUNK):
        yield chunk


class _Sheet:
    """Counts the rows of a sheet and how wide they are."""

    def __init__(self) -> None:
        self._rest = b""
        self._n_rows, self._width, self._cells = 0, 0, 0

    def is_too_large(self, chunk: bytes) -> bool:
        """Look at the next piece; tell whether a reader would make room for too many cells."""
        whole, bracket, rest = (self._rest + chunk).rpartition(b"<")
        # a tag may be cut by the end of the piece
        self._rest = bracket + rest if len(rest) < _LONGEST_TAG else b""
        whole = whole if self._rest else whole + bracket + rest
        rows = _ROW.split(whole)
        self._n_rows += len(rows) - 1
        for at, row in enumerate(rows):
            # a few other tags begin so too, which does no harm
            self._cells = (self._cells if at == 0 else 0) + row.count(b"<c") + row.count(b":c")
            self._width = max(self._width, self._cells)
        for letters in set(_FAR.findall(whole)):
            self._width = max(self._width, _number(letters))
        return self._n_rows * self._width > _MOST_CELLS


def _number(letters: bytes) -> int:
    """Return the number of a column.

    >>> _number(b"A"), _number(b"AA"), _number(b"XFD")
    (1, 27, 16384)
    """
    n = 0
    for letter in letters:
        n = 26 * n + letter - 64
    return n


class _Depth:
    """Follows how deep the elements of a text are nested."""

    def __init__(self) -> None:
        self._parser = expat.ParserCreate()
        self._parser.StartElementHandler = self._begin
        self._parser.EndElementHandler = self._end
        self._level = 0
        self._deepest = 0

    def _begin(self, _name: str, _attributes: dict[str, str]) -> None:
        self._level += 1
        self._deepest = max(self._deepest, self._level)

    def _end(self, _name: str) -> None:
        self._level -= 1

    def is_too_deep(self, chunk: bytes) -> bool:
        """Look at the next piece; tell whether nobody writes so."""
        try:
            self._parser.Parse(chunk, False)
        except expat.ExpatError:
            # no XML: whoever reads it says so
            return self._deepest > _MOST_LEVELS
        return self._deepest > _MOST_LEVELS
