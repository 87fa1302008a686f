"""Dates that do not begin with the year: day or month first, told by the column or asked for."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from layers.errors import InvalidError

# Which part is which, in the order in which they are written
ORDERS = ("dmy", "mdy", "ymd")
_WRITTEN = (
    r"^(?P<one>\d{1,2})[/.\-](?P<two>\d{1,2})[/.\-](?P<three>\d{4}|\d{1,2})"
    r"(?:[T,\s]+(?P<hour>\d{1,2}):(?P<minute>\d{2})(?::(?P<second>\d{2}))?\s*(?P<half>[AaPp])?(?:\.?[Mm]\.?)?)?"
    r"\s*(?P<zone>Z|UTC|[+-]\d{2}:?\d{2})?$"
)
_PARTS = ("one", "two", "three")
# A year of two figures is of this century up to here, as in POSIX strptime
_LAST_OF_THIS_CENTURY = 68
_MONTHS = 12


def order_of(text: "pd.Series[str]") -> str | None:
    """Return in which order the dates of a column are written; None where none begins with day or month.

    Only a number that can be no month tells; the year must have four figures.

    Raises
    ------
    InvalidError
        If the column does not tell, or tells both.

    Examples
    --------
    >>> order_of(pd.Series(["05/03/2026", "31/12/2026 8:30"])), order_of(pd.Series(["2026-03-05"]))
    ('dmy', None)
    >>> order_of(pd.Series(["05/03/2026"]))  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    layers.errors.InvalidError: 05/03/2026 can begin with the day or the month; say which with ...
    """
    parts = text.str.extract(_WRITTEN)
    written = parts["one"].notna()
    if not written.any():
        return None
    numbers = parts[written].loc[:, list(_PARTS)].astype(int)
    is_short = parts.loc[written, "three"].str.len().lt(4).any()
    day_first = bool((numbers["one"] > _MONTHS).any())
    month_first = bool((numbers["two"] > _MONTHS).any())
    if is_short or day_first == month_first:
        raise InvalidError(
            "%(given)s can begin with the day or the month; say which with --date-format: %(known)s",
            field="date_format",
            given=text[written].iloc[0],
            known=", ".join(ORDERS if is_short else ORDERS[:2]),
        )
    return "dmy" if day_first else "mdy"


def year_first(text: "pd.Series[str]", order: str) -> "pd.Series[str]":
    """Return dates of an order as ISO 8601 writes them; what is written otherwise stays as it is.

    >>> year_first(pd.Series(["5/3/26 8:30 pm", "2026-03-05"]), "mdy").tolist()
    ['2026-5-3 20:30:00', '2026-03-05']
    """
    found = text.str.extract(_WRITTEN)
    written = found["one"].notna()
    plain = text.to_numpy(dtype=object, copy=True)
    plain[written.to_numpy()] = [_iso(row, order) for row in found[written].to_dict("records")]
    return pd.Series(plain, index=text.index, dtype=str)


def _iso(parts: Mapping[Any, Any], order: str) -> str:
    own = dict(zip(order, (str(parts[name]) for name in _PARTS), strict=True))
    year = own["y"] if len(own["y"]) > 2 else str(_full(int(own["y"])))
    zone = "" if pd.isna(parts["zone"]) else str(parts["zone"])
    date = f"{year}-{own['m']}-{own['d']}" if len(own["m"] + own["d"]) <= 4 else ""
    if pd.isna(parts["hour"]):
        return date + zone
    second = "00" if pd.isna(parts["second"]) else parts["second"]
    return f"{date} {_hour(parts)}:{parts['minute']}:{second}{zone}"


def _full(year: int) -> int:
    return year + (2000 if year <= _LAST_OF_THIS_CENTURY else 1900)


def _hour(parts: Mapping[Any, Any]) -> int:
    hour, half = int(parts["hour"]), parts["half"]
    if pd.isna(half):
        return hour
    # a half of the day has twelve hours, the first of them written 12
    return hour % 12 + 12 * (str(half).lower() == "p") if 1 <= hour <= 12 else 24
