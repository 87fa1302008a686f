"""Ids that the same row has whenever its file is imported."""

import json
from collections.abc import Sequence
from uuid import NAMESPACE_DNS, UUID, uuid5

import pandas as pd

from layers.errors import InvalidError
from layers.importing.refusals import OURS
from layers.importing.vector import text

# The root of all ids that importing makes; changing it would make every old row a new one
_ROOT = uuid5(NAMESPACE_DNS, "import.xuncha")


def of_rows(rows: pd.DataFrame, key: Sequence[str], series: str | None = None) -> list[str]:
    """Return a UUID for each row: of its key columns, else of all that it holds.

    The key of another series of numbers must not be mistaken for this one's: `series` tells them apart,
    by default it is the names of the key columns.  A row without a key value falls back on its content.
    The order of columns does not matter.

    Examples
    --------
    >>> rows = pd.DataFrame({"number": ["7", "7"], "note": ["a", "b"]})
    >>> one, other = of_rows(rows, ["number"])
    >>> one == other, len(set(of_rows(rows, [])))
    (True, 2)
    """
    for name in key:
        if name not in rows:
            raise InvalidError(
                "There is no column %(given)s in the file; columns: %(known)s",
                field="key",
                given=name,
                known=", ".join(str(column) for column in rows.columns),
            )
    by_content = _digests(rows, sorted(str(name) for name in rows.columns if name not in OURS), "content")
    if not key:
        return by_content
    by_key = _digests(rows, key, series or "\x1f".join(key))
    missing = rows[list(key)].map(text).isna().any(axis=1)
    return [content if none else own for own, content, none in zip(by_key, by_content, missing, strict=True)]


def _digests(rows: pd.DataFrame, names: Sequence[str], series: str) -> list[str]:
    namespace = uuid5(_ROOT, series)
    columns = [rows[name].map(text).tolist() for name in names]
    if series != "content":
        return [
            str(uuid5(namespace, json.dumps(cells, ensure_ascii=False)))
            for cells in zip(*columns, strict=True)
        ]
    return [
        str(uuid5(namespace, json.dumps(dict(zip(names, cells, strict=True)), ensure_ascii=False)))
        for cells in zip(*columns, strict=True)
    ]


def given(values: "pd.Series[str]") -> tuple[list[str | None], "pd.Series[bool]"]:
    """Return UUIDs as they are stored (lower case, hyphens), and which cells hold something else."""
    found = [_parsed(value) for value in values.map(text)]
    wrong = pd.Series([one is None for one in found], index=values.index)
    return found, wrong


def _parsed(value: str | None) -> str | None:
    try:
        return str(UUID(value)) if value else None
    except ValueError:
        return None


def of_bytes(digest: str, series: str) -> str:
    """Return a UUID for a file by its digest."""
    return str(uuid5(uuid5(_ROOT, series), digest))
