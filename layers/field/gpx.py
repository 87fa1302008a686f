"""GPX (Topografix 1.0 and 1.1): the fixes of a track, as the file has them."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from io import BytesIO
from math import isnan, nan
from typing import IO, Any, NamedTuple
from xml.etree.ElementTree import Element, ParseError

import numpy as np
from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import iterparse
from numpy.typing import NDArray

from layers.errors import InvalidError, UnreadableFileError

Floats = NDArray[np.float64]
# How many elements a name of a track lies in: the file and the track
_IN_TRACK = 2


@dataclass(frozen=True, slots=True, eq=False)
class Fixes:
    """A position in degrees, a Unix time (seconds) and an accuracy (metres, NaN if not said) per fix."""

    lon: Floats
    lat: Floats
    time: Floats
    accuracy_m: Floats


class Said(NamedTuple):
    """One fix as a file has it: of which track (from 1), and what could be read, NaN where nothing could.

    `texts` are longitude, latitude, time and accuracy as they stand there.
    """

    track: int
    name: str | None
    lon: float
    lat: float
    time: float
    accuracy_m: float
    texts: tuple[str | None, str | None, str | None, str | None]


def read(data: bytes) -> Fixes:
    """Return the fixes of every track and segment of a file, in its order.

    A time without an offset is UTC, as the format says.  An `accuracy` among a fix's extensions is taken as
    metres; `hdop` is not an accuracy and is left alone.

    Raises
    ------
    UnreadableFileError
        Not XML, not GPX, or with a document type: entities are never expanded.
    InvalidError
        A fix (counted from 0) without position or time, or with one that is no number, no instant.

    Examples
    --------
    >>> fixes = read(
    ...     b'<gpx><trk><trkseg><trkpt lat="39.2" lon="117.1"><time>1970-01-01T00:01:00Z</time></trkpt>'
    ...     b"</trkseg></trk></gpx>"
    ... )
    >>> fixes.lon.tolist(), fixes.lat.tolist(), fixes.time.tolist()
    ([117.1], [39.2], [60.0])
    """
    rows = [_fix(row, one) for row, one in enumerate(said(data))]
    columns = np.array(rows, dtype=np.float64).reshape(-1, 4).T
    return Fixes(*columns)


def said(data: bytes) -> Iterator[Said]:
    """Give the fixes of each track of a file one after the other, also those that say too little.

    Raises
    ------
    UnreadableFileError
        As `read`.

    Examples
    --------
    >>> fix = next(said(b'<gpx><trk><name>a</name><trkseg><trkpt lat="39.2" lon="x"/></trkseg></trk></gpx>'))
    >>> fix.track, fix.name, fix.lon, fix.lat, fix.texts
    (1, 'a', nan, 39.2, ('x', '39.2', None, None))
    """
    number, name = 0, None
    for kind, element in _elements(data):
        if kind == "trkpt":
            yield _said(number, name, element)
        elif kind == "name":
            name = (element.text or "").strip() or None
        else:
            number, name = number + 1, None


def is_of_tracks(file: IO[bytes]) -> bool:
    """Tell whether a file holds tracks and no places by themselves, which stand before them.

    Raises
    ------
    UnreadableFileError
        As `read`.

    Examples
    --------
    >>> is_of_tracks(BytesIO(b'<gpx><trk><trkseg><trkpt lat="1" lon="1"/></trkseg></trk></gpx>'))
    True
    """
    with _translated():
        for _, element in iterparse(file, events=("start",), forbid_dtd=True):
            if _name(element) in ("wpt", "trk"):
                return _name(element) == "trk"
    return False


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except (ParseError, DefusedXmlException, ValueError, LookupError) as error:
        raise UnreadableFileError("This is not GPX: %(reason)s", field="body", reason=error) from error


def _said(number: int, name: str | None, point: Element) -> Said:
    held = {_name(part): (part.text or "").strip() for part in point.iter()}
    texts = (point.get("lon"), point.get("lat"), held.get("time"), held.get("accuracy"))
    lon, lat, time, accuracy = texts
    return Said(number, name, _float(lon), _float(lat), _instant(time), _float(accuracy), texts)


def _elements(data: bytes) -> Iterator[tuple[str, Element]]:
    """Give each track as it begins, its name, and its points once they are complete.

    What has been given is let go of.
    """
    depth = 0
    with _translated():
        for event, element in iterparse(BytesIO(data), events=("start", "end"), forbid_dtd=True):
            name = _name(element)
            if event == "start":
                depth += 1
                _refuse_other_roots(depth, name)
                if name == "trk":
                    yield name, element
                continue
            depth -= 1
            if name == "trkpt":
                yield name, element
                element.clear()
            elif name == "name" and depth == _IN_TRACK:
                yield name, element


def _refuse_other_roots(depth: int, name: str) -> None:
    if depth == 1 and name != "gpx":
        raise UnreadableFileError("This is not GPX: %(reason)s", field="body", reason=name[:60])


def _fix(row: int, fix: Said) -> tuple[float, float, float, float]:
    values = (fix.lon, fix.lat, fix.time, fix.accuracy_m)
    if isnan(fix.lon) or isnan(fix.lat) or isnan(fix.time) or (fix.texts[3] and isnan(fix.accuracy_m)):
        for name, value, text in zip(("lon", "lat", "time", "accuracy"), values, fix.texts, strict=True):
            if isnan(value):
                raise _wrong(row, name, text)
    return values


def _float(text: str | None) -> float:
    if not text:
        return nan
    try:
        return float(text)
    except ValueError:
        return nan


def _instant(text: str | None) -> float:
    if not text:
        return nan
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        return nan
    known = instant if instant.tzinfo else instant.replace(tzinfo=UTC)
    return known.timestamp()


def _wrong(row: int, name: str, text: Any) -> InvalidError:
    given = "" if text is None else str(text)[:60]
    message = "Fix %(row)s: %(name)s is missing" if not given else "Fix %(row)s: %(given)s is no %(name)s"
    return InvalidError(message, field="fixes", row=row, name=name, given=given)


def _name(element: Element) -> str:
    return str(element.tag).rpartition("}")[2]
