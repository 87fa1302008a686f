"""Times as people and machines write them, to UTC."""

from dataclasses import replace
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from layers.errors import InvalidError
from layers.importing import dates
from layers.importing.options import ImportOptions

Instants = NDArray[np.datetime64]

_ISO = (
    r"(?P<year>\d{4})-(?P<month>\d{1,2})-(?P<day>\d{1,2})"
    r"(?:[T\s]+(?P<hour>\d{1,2}):(?P<minute>\d{2})(?::(?P<second>\d{2}(?:[.,]\d+)?))?)?"
    r"\s*(?P<zone>Z|UTC|[+-]\d{2}:?\d{2})?"
)
_ZONED = r":\d{2}\S*\s*(?:Z|UTC|[+-]\d{2}:?\d{2})$"
_UNIX = r"\d{9,13}(?:\.\d+)?"
# Seconds up to the year 2286 have ten digits; thirteen are milliseconds
_MILLISECONDS_FROM = 1e11


def zone(name: str) -> ZoneInfo:
    """Return a time zone by its name, or refuse it."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise InvalidError(
            "%(given)s is not a time zone; an example is Asia/Shanghai", field="time_zone", given=name
        ) from error


def settled(values: "pd.Series[Any]", options: ImportOptions, local: ZoneInfo) -> ImportOptions:
    """Return options with what a column of times tells: the order of its dates, the zone if it needs one.

    Raises
    ------
    InvalidError
        If the order must be asked for.
    """
    is_text = not pd.api.types.is_datetime64_any_dtype(values)
    text = values.fillna("").astype(str).str.strip()
    order = options.date_format or (dates.order_of(text) if is_text else None)
    alone = text.ne("") & ~text.str.fullmatch(_UNIX) & ~text.str.contains(_ZONED)
    naive = alone.any() if is_text else values.dt.tz is None
    named = options.time_zone or local.key
    return replace(options, date_format=order, time_zone=named if naive else options.time_zone)


def parse(
    values: "pd.Series[Any]", local: ZoneInfo, date_format: str | None = None
) -> tuple[Instants, NDArray[np.bool_]]:
    """Return instants in UTC, and which of them were given as a date without a time of day.

    Understood are year-first dates (`2024-03-05`, `2024/3/5`, `2024年3月5日`) with or without a time and a
    zone (ISO 8601), Unix seconds and milliseconds, and whatever `date_format` describes.  Without a zone
    the time is that of `local`; a time that clocks show twice is the first, one that they skip is the
    next there is.  A date alone is its first instant in `local`: it says nothing of the time of day,
    and must not be counted by the hour.  A column of datetimes that are all midnight is one of dates.

    Parameters
    ----------
    values : Series of text or datetimes
    local : ZoneInfo
    date_format : str, optional
        An order of `dates.ORDERS`, beside what is year first; else in the letters of `strftime`, and then
        nothing else is understood.

    Returns
    -------
    datetime64[ms] array
        NaT where a value is none of these.
    bool array

    Examples
    --------
    >>> texts = pd.Series(["2024年3月5日 8:30", "2013-12-31", "1301919053.0", "31/12/2013"])
    >>> instants, date_only = parse(texts, ZoneInfo("Asia/Shanghai"))
    >>> [str(instant) for instant in instants[:2]], date_only.tolist()
    (['2024-03-05T00:30:00.000', '2013-12-30T16:00:00.000'], [False, True, False, False])
    >>> str(instants[2]), str(instants[3])
    ('2011-04-04T12:10:53.000', 'NaT')
    """
    if isinstance(values.dtype, pd.DatetimeTZDtype) or values.dtype.kind == "M":
        return _utc(values, local), np.full(len(values), _are_dates(values))
    text = values.fillna("").astype(str).str.strip()
    if date_format in dates.ORDERS:
        return _iso_or_unix(dates.year_first(text, str(date_format)), local)
    if date_format:
        parsed = pd.to_datetime(text, format=date_format, errors="coerce", utc="%z" in date_format)
        has_time = any(letter in date_format for letter in ("%H", "%I", "%X", "%c", "%T", "%s"))
        return _utc(parsed, local), np.full(len(text), not has_time)
    return _iso_or_unix(text, local)


def _are_dates(times: "pd.Series[pd.Timestamp]") -> bool:
    """Tell whether times are dates: without a zone, and all of them midnight."""
    there = times.dropna()
    return times.dt.tz is None and bool(len(there)) and bool((there == there.dt.normalize()).all())


def _iso_or_unix(text: "pd.Series[str]", local: ZoneInfo) -> tuple[Instants, NDArray[np.bool_]]:
    plain = text.str.replace(r"^(\d{4})[年/.](\d{1,2})[月/.](\d{1,2})日?", r"\1-\2-\3", regex=True)
    parts = plain.str.extract(f"^{_ISO}$", expand=True)
    found = np.full(len(text), "NaT", dtype="datetime64[ms]")
    dated = parts["year"].notna().to_numpy(dtype=bool)
    date_only = dated & parts["hour"].isna().to_numpy(dtype=bool)
    zoned = dated & parts["zone"].notna().to_numpy(dtype=bool)
    naive = _assembled(parts)
    found[dated & ~zoned] = _utc(naive[dated & ~zoned], local)
    found[zoned] = _utc(naive[zoned], ZoneInfo("UTC")) - _offsets(parts["zone"][zoned])
    unix = text.str.fullmatch(_UNIX).to_numpy(dtype=bool) & ~dated
    seconds = text[unix].astype(float).to_numpy()
    seconds = np.where(seconds >= _MILLISECONDS_FROM, seconds / 1000, seconds)
    found[unix] = np.round(seconds * 1000).astype("int64").astype("datetime64[ms]")
    return found, date_only


def _assembled(parts: pd.DataFrame) -> "pd.Series[pd.Timestamp]":
    """Return naive times; an impossible one (30 February) is NaT."""
    text = (
        parts["year"]
        + "-"
        + parts["month"].str.zfill(2)
        + "-"
        + parts["day"].str.zfill(2)
        + "T"
        + parts["hour"].fillna("0").str.zfill(2)
        + ":"
        + parts["minute"].fillna("00")
        + ":"
        + parts["second"].fillna("00").str.replace(",", ".").str.slice(0, 9)
    )
    return pd.to_datetime(text, format="ISO8601", errors="coerce")


def _offsets(zones: "pd.Series[str]") -> NDArray[np.timedelta64]:
    plain = zones.replace({"Z": "+0000", "UTC": "+0000"}).str.replace(":", "")
    minutes = plain.str[1:3].astype(int) * 60 + plain.str[3:5].astype(int)
    return np.asarray(minutes.where(plain.str[0] == "+", -minutes), dtype="timedelta64[m]")


def _utc(times: "pd.Series[pd.Timestamp]", local: ZoneInfo) -> Instants:
    if times.dt.tz is None:
        first = np.ones(len(times), dtype=bool)
        times = times.dt.tz_localize(local, ambiguous=first, nonexistent="shift_forward")
    return times.dt.tz_convert("UTC").dt.tz_localize(None).to_numpy().astype("datetime64[ms]")
