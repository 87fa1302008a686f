"""Rows that could not be taken, with the reason, in a file that can be put right and imported again."""

import csv
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from geo.errors import Explained
from layers.errors import InvalidError
from layers.importing.writing import replacing
from layers.language import explain

# Columns that we put before the row's own; a reader of the mended file passes over them
OURS = ("refused_row", "refused_field", "refused_reason")


@dataclass(frozen=True, slots=True)
class Refusal:
    """One row that stays out: its number from 1 (headings not counted), why, and what it held."""

    row: int
    reason: Explained
    values: Mapping[str, object]

    @property
    def field(self) -> str | None:
        """Return the field that is wrong, where one is."""
        return getattr(self.reason, "field", None)


class Faults:
    """The first thing wrong with each row of a frame.

    Examples
    --------
    >>> rows = pd.DataFrame({"lon": ["117", "x"]}, index=[1, 2])
    >>> faults = Faults(rows)
    >>> faults.mark(rows["lon"].eq("x"), "%(given)s is not a number", "lon", given=rows["lon"])
    >>> [(refusal.row, str(refusal.reason)) for refusal in faults.refusals()], faults.good.tolist()
    ([(2, 'x is not a number')], [True, False])
    """

    def __init__(self, frame: pd.DataFrame) -> None:
        self._frame = frame
        self._reasons: dict[int, Explained] = {}

    def mark(
        self,
        bad: "pd.Series[bool] | NDArray[np.bool_]",
        message: str,
        field: str | None = None,
        **params: object,
    ) -> None:
        """Refuse the rows where `bad` holds; a parameter that is a series or array gives each row its own."""
        for at in np.flatnonzero(np.asarray(bad, dtype=bool)).tolist():
            if at not in self._reasons:
                own = {name: _own(value, at) for name, value in params.items()}
                row = self._frame.index[at]
                self._reasons[at] = InvalidError(message, field=field, row=int(row), **own)

    def mark_each(self, errors: Sequence[Explained | None]) -> None:
        """Refuse the rows that have an error."""
        for at, error in enumerate(errors):
            if error is not None:
                self._reasons.setdefault(at, error)

    @property
    def good(self) -> NDArray[np.bool_]:
        """Tell which rows have nothing wrong so far."""
        good = np.ones(len(self._frame), dtype=bool)
        good[list(self._reasons)] = False
        return good

    def refusals(self) -> list[Refusal]:
        """Return the refused rows in the order of the file."""
        columns = [str(name) for name in self._frame.columns]
        return [
            Refusal(
                int(self._frame.index[at]),
                self._reasons[at],
                dict(zip(columns, self._frame.iloc[at].tolist(), strict=True)),
            )
            for at in sorted(self._reasons)
        ]


def _own(value: object, at: int) -> object:
    if isinstance(value, pd.Series):
        return value.iloc[at]
    return value[at] if isinstance(value, np.ndarray) else value


def place_for(source: Path) -> Path:
    """Return where the refused rows of a file go: beside it."""
    return source.with_name(f"{source.name}.refused.csv")


def write(path: Path, refusals: Iterable[Refusal]) -> int:
    """Write refused rows with their reasons (UTF-8 with a mark, for spreadsheets); return how many.

    Without rows no file is left, not even an earlier one.
    """
    rows = list(refusals)
    if not rows:
        path.unlink(missing_ok=True)
        return 0
    own = list(dict.fromkeys(name for refusal in rows for name in refusal.values if name not in OURS))
    with replacing(path) as temporary, temporary.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([*OURS, *own])
        for refusal in rows:
            writer.writerow([refusal.row, refusal.field, explain(refusal.reason), *_cells(refusal, own)])
    return len(rows)


def _cells(refusal: Refusal, names: Sequence[str]) -> list[object]:
    return [refusal.values.get(name, "") for name in names]
