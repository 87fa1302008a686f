"""Rules as a spreadsheet and back: a column per field, lists and objects as JSON; CSV or XLSX."""

import json
from collections.abc import Iterable, Mapping, Sequence
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
from layers.language import explain

if TYPE_CHECKING:
    from layers.site import Site

FORMATS = ("csv", "xlsx")
_NUMBERS = ("distance_m", "spacing_between_retailers_m")
_OURS = ("in_use", "version")


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
        return pd.read_csv(path, encoding="utf-8-sig")
    except (OSError, ValueError, DataSourceError, DataLayerError) as error:
        raise UnreadableFileError(
            "%(path)s cannot be read: %(reason)s", path=path.name, reason=unpacking.reason(error, path)
        ) from error


def from_table(table: pd.DataFrame) -> tuple[list[dict[str, Any]], list[tuple[int, str]]]:
    """Return the rules of a spreadsheet as `to_table` writes it, and its refused rows: number and reason."""
    if "id" not in table:
        raise InvalidError("The spreadsheet has no column %(column)s", field="id", column="id")
    good: list[dict[str, Any]] = []
    refused: list[tuple[int, str]] = []
    for number, row in enumerate(table.to_dict("records"), start=2):
        try:
            good.append(clearance_rules.checked(_content(row)))
        except InvalidError as error:
            refused.append((number, explain(error)))
    return good, refused


def keep(
    site: "Site", contents: Iterable[Mapping[str, Any]], *, now: datetime, account_id: int | None = None
) -> int:
    """Keep the rules of a spreadsheet and return how many of them became a new version."""
    with site.store.read() as conn:
        before = clearance_rules.newest(clearance_rules.versions(conn, site.settings.school_radius_m))
    numbers = {rule_id: one.version for rule_id, one in before.items()}
    made = [clearance_rules.change(site, one, now=now, account_id=account_id) for one in contents]
    return sum(one.version != numbers.get(one.rule_id) for one in made)


def _content(row: Mapping[Any, Any]) -> dict[str, Any]:
    """Return the content of one row; an empty cell says nothing."""
    return {str(key): _cell(str(key), value) for key, value in row.items() if key not in _OURS}


def _cell(column: str, value: Any) -> Any:
    if isinstance(value, date):
        return None if pd.isna(value) else value.isoformat()[:10]
    if not isinstance(value, str):
        return None if pd.isna(value) else value
    text = value.strip()
    if text[:1] in ("[", "{"):
        return _parsed(text)
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    return _parsed(text) if text and column in _NUMBERS else text or None


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise InvalidError("%(given)s cannot be read", field="content", given=text) from error
