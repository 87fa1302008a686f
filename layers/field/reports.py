"""What an inspector sends, checked before anything is derived from it."""

import hashlib
import json
import math
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from geo.assign import ACCURACY_KINDS
from geo.crs import check_lonlat
from geo.datum import FRAMES
from geo.errors import CoordinateError
from layers.city.taxonomy import Taxonomy
from layers.errors import InvalidError
from layers.settings import SOURCE_ERRORS
from layers.store.types import to_millisecond, to_text

CHANNELS = ("inspection", "third_party", "volunteer", "higher_level", "public")
# A phone's clock may be this far ahead of ours
CLOCK_AHEAD = timedelta(minutes=10)
LONGEST = {"note": 4000, "street_hint": 200, "device": 200, "code": 64, "scheme": 64}
_SAID = (*LONGEST, "channel", "n_items")
_ALLOWED_CONTROLS = "\t\n\r"
# No finding and no GPS is older
_EARLIEST_YEAR = 1970
_LARGEST_ACCURACY_M = 100_000
_MOST_ITEMS = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """A position as it came; `x` and `y` are longitude and latitude in `frame`."""

    x: float
    y: float
    frame: str
    accuracy_m: float | None = None
    accuracy_kind: str = "unknown"
    source: str = "phone"
    fixed_at: datetime | None = None
    heading_deg: float | None = None
    speed_ms: float | None = None
    is_mock: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """A finding as it came: what, when, where."""

    uuid: str
    scheme: str
    code: str
    observed_at: datetime
    position: Position
    note: str | None = None
    street_hint: str | None = None
    n_items: int | None = None
    channel: str = "inspection"
    device: str | None = None


_POSITION_FIELDS = tuple(one.name for one in fields(Position))
_REPORT_FIELDS = tuple(one.name for one in fields(Report))


def content_hash(report: Report) -> str:
    """Return a hash of all that a report says; equal for the same instant in another zone or precision."""
    said: dict[str, Any] = {name: getattr(report, name) for name in _REPORT_FIELDS}
    said["position"] = {name: plain(getattr(report.position, name)) for name in _POSITION_FIELDS}
    text = json.dumps(said, default=_as_text, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def plain(value: Any) -> Any:
    """Return a number as all write it that is equal to it: 2 as 2.0, -0.0 as 0.0."""
    # readers of files differ in the first, stores in the second
    return float(value) + 0.0 if isinstance(value, int | float) and not isinstance(value, bool) else value


def _as_text(value: object) -> str:
    if isinstance(value, datetime):
        return to_text(to_millisecond(value))
    raise TypeError(f"a report cannot hold {type(value).__name__}")


def check(
    report: Report,
    taxonomy: Taxonomy,
    *,
    now: datetime,
    bounds: tuple[float, float, float, float] | None = None,
) -> None:
    """Refuse a report that cannot be true, naming the field.

    Parameters
    ----------
    bounds : (west, south, east, north), optional
        Where the site is, in degrees: lets the message recognise swapped coordinates.
    """
    check_uuid(report.uuid)
    check_said({name: getattr(report, name) for name in _SAID}, taxonomy)
    check_instant("observed_at", report.observed_at, now)
    check_position(report.position, now, bounds)


def check_said(said: Mapping[str, Any], taxonomy: Taxonomy) -> None:
    """Refuse texts, a category, a channel or a number of items that cannot be, naming the field."""
    for name, longest in LONGEST.items():
        check_text(name, said.get(name), longest)
    taxonomy.category(said["scheme"], said["code"])
    if said["channel"] not in CHANNELS:
        raise _unknown("channel", said["channel"], CHANNELS)
    if said["n_items"] is not None and not 1 <= said["n_items"] <= _MOST_ITEMS:
        raise InvalidError("A number of items lies between 1 and %(most)s", field="n_items", most=_MOST_ITEMS)


def check_uuid(text: str) -> None:
    """Refuse what is not a UUID as we write it."""
    try:
        proper = str(UUID(text)) == text
    except (ValueError, AttributeError, TypeError):
        proper = False
    if not proper:
        raise InvalidError(
            "%(given)s is not a UUID in lower case with hyphens", field="uuid", given=str(text)[:60]
        )


def check_text(name: str, text: str | None, longest: int) -> None:
    """Refuse a text that is too long or holds characters that cannot be stored or printed."""
    if text is None:
        return
    if len(text) > longest:
        raise InvalidError(
            "%(field)s has %(n)s characters; at most %(most)s are taken",
            field=name,
            n=len(text),
            most=longest,
        )
    if text.isprintable():
        return
    for character in text:
        if unicodedata.category(character) in ("Cc", "Cs") and character not in _ALLOWED_CONTROLS:
            raise InvalidError(
                "%(field)s holds the control character U+%(code)s",
                field=name,
                code=f"{ord(character):04X}",
            )


def check_instant(name: str, instant: datetime, now: datetime) -> None:
    """Refuse an instant without a zone, before 1970, or later than clocks may differ."""
    if instant.tzinfo is None:
        raise InvalidError("%(field)s needs a time zone", field=name)
    if instant.year < _EARLIEST_YEAR:
        raise InvalidError("%(field)s lies before 1970", field=name)
    if instant > now + CLOCK_AHEAD:
        raise InvalidError(
            "%(field)s lies in the future: %(given)s; here it is %(now)s",
            field=name,
            given=to_text(instant),
            now=to_text(now),
        )


def _unknown(name: str, given: object, known: tuple[str, ...]) -> InvalidError:
    return InvalidError(
        "%(field)s: %(given)s is not known; known: %(known)s",
        field=name,
        given=str(given)[:60] or "''",
        known=", ".join(known),
    )


def check_frame(frame: str) -> None:
    """Refuse a frame that is missing or unknown: a wrong guess moves a position by 500 m."""
    if frame not in FRAMES:
        raise _unknown("frame", frame, FRAMES)


def check_position(
    position: Position, now: datetime, bounds: tuple[float, float, float, float] | None
) -> None:
    """Refuse a position that cannot be true, naming the field."""
    check_frame(position.frame)
    if position.accuracy_kind not in ACCURACY_KINDS:
        raise _unknown("accuracy_kind", position.accuracy_kind, ACCURACY_KINDS)
    if position.source not in SOURCE_ERRORS:
        raise _unknown("source", position.source, tuple(SOURCE_ERRORS))
    if position.fixed_at is not None:
        check_instant("fixed_at", position.fixed_at, now)
    _check_number("accuracy_m", position.accuracy_m, 0, _LARGEST_ACCURACY_M)
    _check_number("heading_deg", position.heading_deg, 0, 360)
    _check_number("speed_ms", position.speed_ms, 0, 1000)
    _check_place(position.x, position.y, bounds)


def _check_place(x: float, y: float, bounds: tuple[float, float, float, float] | None) -> None:
    if bounds is not None and bounds[0] <= x <= bounds[2] and bounds[1] <= y <= bounds[3]:
        return
    try:
        check_lonlat([[x, y]], bounds)
    except CoordinateError as error:
        params: dict[str, Any] = {name: value for name, value in error.params.items() if name != "row"}
        raise InvalidError(error.message.removeprefix("row %(row)d: "), field="position", **params) from error


def _check_number(name: str, value: float | None, least: float, most: float) -> None:
    if value is not None and not (math.isfinite(value) and least <= value <= most):
        raise InvalidError(
            "%(field)s must lie between %(least)s and %(most)s; it is %(given)s",
            field=name,
            least=least,
            most=most,
            given=value,
        )
