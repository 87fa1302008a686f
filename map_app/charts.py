"""Small charts as numbers that a template draws in SVG."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
import pandas as pd


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
