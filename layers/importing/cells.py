"""The cells of rows as texts, numbers and times; what cannot be read is marked."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Self
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from layers.importing import features, instants
from layers.importing.options import ImportOptions
from layers.importing.refusals import Faults


@dataclass(frozen=True, slots=True)
class Reading:
    """How the columns of a file are read: which holds which field, and what the person said."""

    columns: Mapping[str, str]
    options: ImportOptions

    @classmethod
    def of(
        cls,
        rows: pd.DataFrame,
        columns: Mapping[str, str],
        options: ImportOptions,
        time: str,
        local: ZoneInfo,
    ) -> Self:
        """Return how a file is read that begins with these rows: `time` tells how its times are written."""
        values = Cells(rows, cls(columns, options)).times_as_given(time)
        return cls(columns, instants.settled(values, options, local))


class Cells:
    """Rows being read, and what is wrong with them so far."""

    def __init__(self, rows: pd.DataFrame, reading: Reading) -> None:
        self.rows = rows
        self.reading = reading
        self.faults = Faults(rows)

    def texts(self, field: str) -> "pd.Series[str]":
        """Return a field as text, None where there is none."""
        return features.texts(self.rows, self.reading.columns, self.reading.options, field)

    def numbers(self, field: str) -> list[float | None]:
        """Return a field as numbers, None where there is none; anything else is a fault."""
        values = self.texts(field)
        parsed = pd.to_numeric(values, errors="coerce")
        self.faults.mark(parsed.isna() & values.notna(), "%(given)s is not a number", field, given=values)
        return [None if np.isnan(one) else float(one) for one in parsed.to_numpy(dtype=float)]

    def times(
        self, field: str, zone: ZoneInfo, *, is_needed: bool = False
    ) -> tuple[list[datetime | None], NDArray[np.bool_]]:
        """Return a field as aware UTC instants, and which were a date alone."""
        if not is_needed and field not in self.reading.columns:
            return [None] * len(self.rows), np.zeros(len(self.rows), dtype=bool)
        parsed, date_only = self.instants(field, zone, is_needed=is_needed)
        return [one and one.replace(tzinfo=UTC) for one in parsed.tolist()], date_only

    def instants(
        self, field: str, zone: ZoneInfo, *, is_needed: bool = True
    ) -> tuple[instants.Instants, NDArray[np.bool_]]:
        """Return a field as UTC instants (NaT where there is none), and which were a date alone."""
        values = self.times_as_given(field)
        parsed, date_only = instants.parse(values, zone, self.reading.options.date_format)
        empty = values.isna().to_numpy(dtype=bool)
        if is_needed:
            self.faults.mark(empty, "the time is missing", field)
        self.faults.mark(
            np.isnat(parsed) & ~empty,
            "%(given)s is no time we can read; describe it with --date-format, as in strftime",
            field,
            given=values.astype(object),
        )
        return parsed, date_only

    def times_as_given(self, field: str) -> "pd.Series[Any]":
        """Return a column that holds times already as it is, any other as text."""
        column = self.reading.columns.get(field)
        if column is not None and field not in self.reading.options.constants:
            values: pd.Series[Any] = self.rows[column]
            if pd.api.types.is_datetime64_any_dtype(values):
                return values
        return self.texts(field)
