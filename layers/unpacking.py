"""Files from elsewhere, before any reader is let at them: what they are, and how large they become.

GDAL looks at what a file holds, not at what it is called: a `.geojson` that is really a description of other
data sources would be followed, to any file or server that this process can reach.  And a few kilobytes can
be packed from gigabytes of nothing.
"""

import gzip
import io
import re
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, cast
from xml.etree.ElementTree import ParseError

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import iterparse

from layers import archives
from layers.errors import UnreadableFileError

_CHUNK = 1 << 20
# GDAL decides by the beginning of a file; longer than any of its drivers looks
_BEGINNING = 1 << 20
# Words of files that name other files, servers or programs to be read in their place
_ELSEWHERE = (b"VRTDataSource", b"VRTDataset", b"gdal_streamed_alg", b"WFSDataSource", b"GDAL_WMS")
_ROOTS = {".gpx": "gpx", ".kml": "kml"}
_JSON, _XML, _ZIP = (b"{", b"["), (b"<",), (b"PK",)
_BEGINS: dict[str, tuple[bytes, ...]] = {
    ".geojson": _JSON,
    ".json": _JSON,
    ".gpx": _XML,
    ".kml": _XML,
    ".gml": _XML,
    ".kmz": _ZIP,
    ".xlsx": _ZIP,
    ".zip": _ZIP,
    ".gpkg": (b"SQLite format 3\0",),
    ".shp": (b"\0\0\x27\x0a",),
    ".fgb": (b"fgb",),
}
# Folders at the beginning of a path, and how GDAL names archives
_FOLDERS = re.compile(r"(?<![\w:/.])(?:/vsi\w+/)?/(?:[^\s'\"/]*/)*")
_LONGEST_REASON = 300


class Unpacked(gzip.GzipFile):
    """What a `.gz` holds, up to what such a file can hold in earnest."""

    def __init__(self, file: IO[bytes], name: str, n_packed: int) -> None:
        super().__init__(fileobj=file, mode="rb")
        self._file_name = name
        self._most = archives.most(n_packed)

    def read(self, size: int | None = -1) -> bytes:
        """Return the next bytes; all that are left, piece by piece, if no size is given."""
        if size is not None and size >= 0:
            return self._counted(super().read(size))
        pieces = []
        while piece := self._counted(super().read(_CHUNK)):
            pieces.append(piece)
        return b"".join(pieces)

    def read1(self, size: int = -1) -> bytes:
        """Return some of the next bytes."""
        return self._counted(super().read1(size))

    def _counted(self, data: bytes) -> bytes:
        if self.tell() > self._most:
            raise archives.too_large(self._file_name)
        return data


@contextmanager
def opened(path: Path) -> Iterator[IO[bytes]]:
    """Open a file to read what it holds, unpacked if its name ends in `.gz`."""
    with path.open("rb") as file:
        if not path.name.lower().endswith(".gz"):
            yield file
            return
        with Unpacked(file, path.name, path.stat().st_size) as content:
            yield cast("IO[bytes]", content)


def reason(error: Exception, path: Path) -> str:
    """Return what a reader says is wrong with a file, in its first sentence and without where the file lies.

    >>> reason(OSError("Unable to open /srv/a/b.shx or /vsizip//srv/b.SHX; restore it"), Path("/srv/a/b.shp"))
    'Unable to open b.shx or b.SHX'
    """
    said = re.split(r";|\n", str(error))[0].replace(f"{path.parent}/", "/")
    return _FOLDERS.sub("", said)[:_LONGEST_REASON]


def require_plain(path: Path) -> None:
    """Refuse a file for GDAL that is not what its name says, leads elsewhere, or is packed from nothing."""
    with path.open("rb") as file:
        beginning = file.read(_BEGINNING)
    suffix = path.suffix.lower()
    text = beginning.removeprefix(b"\xef\xbb\xbf").lstrip() if suffix not in (".shp", ".gpkg") else beginning
    if suffix in _BEGINS and not text.startswith(_BEGINS[suffix]):
        raise UnreadableFileError("%(file)s is not what its name says", file=path.name)
    if suffix in _ROOTS and _root(path) != _ROOTS[suffix]:
        raise UnreadableFileError("%(file)s is not what its name says", file=path.name)
    if any(word in beginning for word in _ELSEWHERE):
        raise UnreadableFileError("%(file)s leads to other data; bring those data", file=path.name)
    if text.startswith(_ZIP):
        archives.require_modest(path)
    if suffix == ".kmz" and not _holds_kml(path):
        raise UnreadableFileError("%(file)s is not what its name says", file=path.name)


def _holds_kml(path: Path) -> bool:
    """Tell whether an archive holds KML and nothing else that calls itself so."""
    try:
        with zipfile.ZipFile(path) as archive:
            named = [name for name in archive.namelist() if name.lower().endswith(".kml")]
            roots = {_root_in(io.BytesIO(archive.read(name))) for name in named}
    except archives.DAMAGED:
        return False
    return roots == {_ROOTS[".kml"]}


def _root(path: Path) -> str | None:
    with path.open("rb") as file:
        return _root_in(file)


def _root_in(file: IO[bytes]) -> str | None:
    """Return the name of the first element; None for what is not XML, or declares entities."""
    try:
        for _, element in iterparse(file, events=("start",), forbid_dtd=True):
            return str(element.tag).rpartition("}")[2]
    except (ParseError, DefusedXmlException, ValueError, LookupError):
        return None
    return None
