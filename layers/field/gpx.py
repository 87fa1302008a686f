"""GPX (Topografix 1.0 and 1.1): the fixes of a track, as the file has them."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from io import BytesIO
from typing import Any
from xml.etree.ElementTree import Element, ParseError

import numpy as np
from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import iterparse
from numpy.typing import NDArray

from layers.errors import InvalidError, UnreadableFileError

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Fixes:
    """A position in degrees, a Unix time (seconds) and an accuracy (metres, NaN if not said) per fix."""

    lon: Floats
    lat: Floats
    time: Floats
    accuracy_m: Floats


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
    rows = [_fix(row, point) for row, point in enumerate(_points(data))]
    columns = np.array(rows, dtype=np.float64).reshape(-1, 4).T
    return Fixes(*columns)


def _points(data: bytes) -> Iterator[Element]:
    """Give each track point once it is complete; what has been given is let go of."""
    depth = 0
    try:
        for event, element in iterparse(BytesIO(data), events=("start", "end"), forbid_dtd=True):
            depth += 1 if event == "start" else -1
            _refuse_other_roots(event, depth, element)
            if event == "end" and _name(element) == "trkpt":
                yield element
                element.clear()
    except (ParseError, DefusedXmlException, ValueError, LookupError) as error:
        raise UnreadableFileError("This is not GPX: %(reason)s", field="body", reason=error) from error


def _refuse_other_roots(event: str, depth: int, element: Element) -> None:
    if event == "start" and depth == 1 and _name(element) != "gpx":
        raise UnreadableFileError("This is not GPX: %(reason)s", field="body", reason=_name(element)[:60])


def _fix(row: int, point: Element) -> tuple[float, float, float, float]:
    said = {_name(part): (part.text or "").strip() for part in point.iter()}
    lon, lat = (_number(row, name, point.get(name)) for name in ("lon", "lat"))
    accuracy = said.get("accuracy")
    return lon, lat, _time(row, said.get("time")), _number(row, "accuracy", accuracy) if accuracy else np.nan


def _number(row: int, name: str, text: str | None) -> float:
    try:
        return float(text or "")
    except ValueError:
        raise _wrong(row, name, text) from None


def _time(row: int, text: str | None) -> float:
    try:
        instant = datetime.fromisoformat(text or "")
    except ValueError:
        raise _wrong(row, "time", text) from None
    known = instant if instant.tzinfo else instant.replace(tzinfo=UTC)
    return known.timestamp()


def _wrong(row: int, name: str, text: Any) -> InvalidError:
    given = "" if text is None else str(text)[:60]
    message = "Fix %(row)s: %(name)s is missing" if not given else "Fix %(row)s: %(given)s is no %(name)s"
    return InvalidError(message, field="fixes", row=row, name=name, given=given)


def _name(element: Element) -> str:
    return str(element.tag).rpartition("}")[2]
