"""Small charts as numbers that a template draws in SVG."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
import pandas as pd

from geo import parking


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar: its words, its colour, its value, and its length as a share of the longest."""

    name: str
    colour: str
    n: int
    share: float


@dataclass(frozen=True, slots=True)
class Week:
    """The findings of seven days, and their height as a share of the highest."""

    first_day: str
    n: int
    share: float


def bars(named: Sequence[tuple[str, str, int]], most: int = 8) -> list[Bar]:
    """Return the largest of (name, colour, n), the largest first.

    >>> [(bar.name, bar.share) for bar in bars([("a", "#000000", 1), ("b", "#000000", 4)])]
    [('b', 1.0), ('a', 0.25)]
    """
    ordered = sorted(named, key=lambda one: -one[2])[:most]
    highest = max((n for _, _, n in ordered), default=0) or 1
    return [Bar(name, colour, n, n / highest) for name, colour, n in ordered]


def weeks(days: pd.Series, n_weeks: int) -> list[Week]:
    """Return findings per seven days, the last seven ending with the last day that has any.

    Parameters
    ----------
    days : Series of int
        Days since 1970.

    >>> [week.n for week in weeks(pd.Series([0, 6, 7, 7]), 2)]
    [1, 3]
    """
    if len(days) == 0:
        return []
    last = int(days.max())
    back = (last - days.to_numpy(dtype=int)) // 7
    counts = np.bincount(back[back < n_weeks], minlength=n_weeks)[::-1]
    highest = int(counts.max())
    return [
        Week(_date(last - 7 * (n_weeks - 1 - k) - 6), int(n), float(n) / highest)
        for k, n in enumerate(counts)
    ]


def _date(day: int) -> str:
    return datetime.fromtimestamp(day * 86400, UTC).strftime("%Y-%m-%d")


@dataclass(frozen=True, slots=True)
class Pair:
    """Two numbers of one span of time, each with its height as a share of the highest of its kind."""

    name: str
    found: float
    effort: float
    found_share: float
    effort_share: float


def pairs(names: Sequence[str], found: Sequence[float], effort: Sequence[float]) -> list[Pair]:
    """Return findings and effort side by side, in the order given.

    >>> [(one.found_share, one.effort_share) for one in pairs(["a", "b"], [1, 2], [0, 0])]
    [(0.5, 0.0), (1.0, 0.0)]
    """
    most_found, most_effort = max(found, default=0) or 1, max(effort, default=0) or 1
    return [
        Pair(name, n, km, n / most_found, km / most_effort)
        for name, n, km in zip(names, found, effort, strict=True)
    ]


@dataclass(frozen=True, slots=True)
class Span:
    """A rate with its interval in one span of time, as shares of the top; None where nobody was out."""

    share: float | None
    low: float
    high: float
    text: str


def spans(names: Sequence[str], vehicles: Sequence[float], km: Sequence[float], spread: float) -> list[Span]:
    """Return vehicles per kilometre by span of time with their 90 % intervals.

    The top is twice the highest rate, or the upper end of the whole time's if that is more: an interval of
    little effort reaches beyond it and is cut there.

    >>> [(one.share, one.text) for one in spans(["a", "b"], [2, 0], [1.0, 0.0], 1.0)]
    [(0.31767..., 'a: 2.0 / 1.0 km = 2.00 (0.36 – 6.30)'), (None, 'b: –')]
    """
    found, out = np.array(vehicles, np.float64), np.array(km, np.float64)
    each = parking.rates(found, out, spread)
    whole = parking.rates(np.array([found.sum()]), np.array([out.sum()]), spread)
    top = float(np.nanmax([2 * each["rate"].max(), whole["high"].iloc[0], 0.0])) or 1.0
    told = []
    columns = (each[column].tolist() for column in ("rate", "low", "high"))
    for name, n, walked, rate, low, high in zip(names, found, out, *columns, strict=True):
        if walked <= 0:
            told.append(Span(None, 0.0, 0.0, f"{name}: –"))
            continue
        text = f"{name}: {n:.1f} / {walked:.1f} km = {rate:.2f} ({low:.2f} – {high:.2f})"
        told.append(Span(min(1.0, rate / top), min(1.0, low / top), min(1.0, high / top), text))
    return told


@dataclass(frozen=True, slots=True)
class Cell:
    """One hour of the week in a grid: its place, its colour (None where nobody was out), its words."""

    day: int
    hour: int
    colour: str | None
    text: str


def week_grid(hours: pd.DataFrame, colours: Sequence[str]) -> list[Cell]:
    """Return a cell for each hour of the week, coloured by the root of findings per kilometre.

    Parameters
    ----------
    hours : DataFrame
        As from `geo.hotspots.hour_of_week`.
    colours : sequence of str
        From little to much; an hour with effort and no finding has the first.

    >>> hours = pd.DataFrame({"hour": [0, 1], "found": [2, 0], "effort_km": [1.0, 0.0],
    ...                       "per_km": [2.0, np.nan], "low": [0.4, np.nan], "high": [6.3, np.nan]})
    >>> [(cell.hour, cell.colour, cell.text) for cell in week_grid(hours, ["#fff", "#000"])]
    [(0, '#000', '2 / 1.0 km (0.4 – 6.3)'), (1, None, '')]
    """
    top = float(np.nanmax([*hours["per_km"], 0.0])) or 1.0
    cells = []
    columns = ("hour", "found", "effort_km", "per_km", "low", "high")
    for number, found, km, per_km, low, high in zip(*(hours[name].tolist() for name in columns), strict=True):
        seen = km > 0
        step = round(math.sqrt(per_km / top) * (len(colours) - 1)) if seen else 0
        text = f"{found} / {km:.1f} km ({low:.1f} – {high:.1f})" if seen else ""
        day, hour = divmod(number, 24)
        cells.append(Cell(day, hour, colours[step] if seen else None, text))
    return cells
