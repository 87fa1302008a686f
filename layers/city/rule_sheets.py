"""Rules as a spreadsheet and back: a column per field, lists and objects as JSON; CSV or XLSX."""

import io
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import pyogrio
from pyogrio.errors import DataLayerError, DataSourceError

from layers import unpacking
from layers.city import clearance_rules
from layers.city.clearance_rules import Kept
from layers.errors import InvalidError, UnreadableFileError
from layers.language import explain, gettext

if TYPE_CHECKING:
    from layers.site import Site

FORMATS = ("csv", "xlsx")
_NUMBERS = ("distance_m", "spacing_between_retailers_m")
_DATES = ("valid_from", "valid_to", "grandfathered_before")
_TRUTHS = ("inclusive", "same_street_only", "in_use")
_YES = frozenset(("true", "yes", "y", "是", "1", "1.0"))
_NO = frozenset(("false", "no", "n", "否", "0", "0.0"))
# What Excel writes a CSV in where it speaks Chinese, after what we write
_ENCODINGS = ("utf-8-sig", "gb18030")
_OURS = ("in_use", "version")


@dataclass(frozen=True, slots=True)
class Line:
    """One rule of a spreadsheet; `in_use` and `version` are what the site said when it was written."""

    number: int
    content: dict[str, Any]
    in_use: bool | None = None
    version: int | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """How many rules became a new version; rows that were refused, and cells that were not taken, and why."""

    n_changed: int
    refused: list[tuple[int, str]]
    left: list[tuple[int, str]]


def to_table(kept: Sequence[Kept]) -> pd.DataFrame:
    """Return rules as a spreadsheet."""
    rows = [
        {"in_use": one.in_use, "version": one.version}
        | {
            key: json.dumps(value, ensure_ascii=False) if isinstance(value, list | dict) else value
            for key, value in one.content.items()
        }
        for one in kept
    ]
    return pd.DataFrame(rows)


def write(kept: Sequence[Kept], path: Path) -> int:
    """Write rules into a file, CSV or XLSX by its name, and return how many."""
    table = to_table(kept)
    if path.suffix.lower() != ".xlsx":
        table.to_csv(path, index=False, encoding="utf-8-sig")
        return len(table)
    for column in table.columns.difference([*_NUMBERS, "version"]):
        table[column] = [_written(value) for value in table[column]]
    pyogrio.write_dataframe(table, path, driver="XLSX", layer="rules")
    return len(table)


def _written(value: Any) -> str | None:
    if isinstance(value, bool):
        return str(value).lower()
    return None if pd.isna(value) else str(value)


def read(path: Path) -> pd.DataFrame:
    """Read a spreadsheet, CSV or XLSX by its name."""
    try:
        if path.suffix.lower() == ".xlsx":
            # what is inside counts for GDAL, not the name
            unpacking.require_plain(path)
            table: pd.DataFrame = pyogrio.read_dataframe(path, read_geometry=False, HEADERS="FORCE")
            return table
        return pd.read_csv(io.StringIO(_text(path)))
    except (OSError, ValueError, DataSourceError, DataLayerError) as error:
        raise UnreadableFileError(
            "%(path)s cannot be read: %(reason)s", path=path.name, reason=unpacking.reason(error, path)
        ) from error


def _text(path: Path) -> str:
    content = path.read_bytes()
    for encoding in _ENCODINGS:
        try:
            return content.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise UnreadableFileError("%(file)s is neither UTF-8 nor GB 18030 text", file=path.name)


def from_table(table: pd.DataFrame) -> tuple[list[Line], list[tuple[int, str]]]:
    """Return the rules of a spreadsheet as `to_table` writes it, and its refused rows: number and reason."""
    if "id" not in table:
        raise InvalidError("The spreadsheet has no column %(column)s", field="id", column="id")
    good: list[Line] = []
    refused: list[tuple[int, str]] = []
    for number, row in enumerate(table.to_dict("records"), start=2):
        try:
            good.append(_line(number, row))
        except InvalidError as error:
            refused.append((number, explain(error)))
    return good, refused


def keep(site: "Site", lines: Iterable[Line], *, now: datetime, account_id: int | None = None) -> Outcome:
    """Keep the rules of a spreadsheet.

    A rule that somebody has changed since the spreadsheet was written is refused.  Which rules are in use,
    and what number a version has, is not for a spreadsheet to say: what differs is named.
    """
    with site.store.read() as conn:
        before = clearance_rules.newest(clearance_rules.versions(conn, site.settings.school_radius_m))
    n_changed = 0
    refused: list[tuple[int, str]] = []
    left: list[tuple[int, str]] = []
    for line in lines:
        last = before.get(str(line.content["id"]))
        same = last is not None and clearance_rules.says(last, line.content)
        if last is not None and not same and line.version not in (None, last.version):
            refused.append((line.number, _stale(line, last)))
            continue
        if not same:
            clearance_rules.change(site, line.content, now=now, account_id=account_id)
            n_changed += 1
        if line.in_use not in (None, last.in_use if last else False):
            left.append(
                (
                    line.number,
                    gettext(
                        "in_use is not taken from a spreadsheet: put a rule into use, or out of it, here"
                    ),
                )
            )
    return Outcome(n_changed, refused, left)


def _stale(line: Line, last: Kept) -> str:
    return gettext(
        "the spreadsheet has version %(given)s of the rule, here it is %(known)s: take a new one",
        given=line.version,
        known=last.version,
    )


def _line(number: int, row: Mapping[Any, Any]) -> Line:
    """Read one row; an empty cell says nothing."""
    cells = {str(key): _cell(str(key), value) for key, value in row.items()}
    in_use, version = (cells.pop(name, None) for name in _OURS)
    if not isinstance(in_use, bool | None):
        raise InvalidError("%(field)s must be true or false", field="in_use")
    if version is not None and not str(version).removesuffix(".0").isdecimal():
        raise InvalidError("%(given)s cannot be read", field="version", given=version)
    content = clearance_rules.checked(cells)
    return Line(number, content, in_use, None if version is None else int(float(version)))


def _cell(column: str, value: Any) -> Any:
    if pd.isna(value):
        return None
    if isinstance(value, date):
        return value.isoformat()[:10]
    if column in _TRUTHS:
        return _truth(value)
    return _read(column, value.strip()) if isinstance(value, str) else value


def _read(column: str, text: str) -> Any:
    if text[:1] in ("[", "{") or (text and column in _NUMBERS):
        return _parsed(text)
    return _day(text) if column in _DATES else text or None


def _truth(value: Any) -> Any:
    """Return yes or no as people write it; anything else as it is, to be refused by name."""
    word = str(value).strip().lower()
    return word in _YES if word in _YES | _NO else word or None


def _day(text: str) -> str | None:
    """Return a date as we write it; Excel writes 2022/5/20."""
    day = pd.to_datetime(text, errors="coerce")
    return text or None if pd.isna(day) else str(day.date())


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise InvalidError("%(given)s cannot be read", field="content", given=text) from error
