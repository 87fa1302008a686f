"""One table of what things look like and are called: colours, icons, classes, labels.

The colours are told apart by readers with colour-blindness: categories from Okabe and Ito's set
(https://jfly.uni-koeln.de/color/), counts by one ramp of rising darkness, ages from blue to brown.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

# Okabe and Ito, the yellow darkened so that it shows on a pale map
CATEGORY_COLOURS = (
    "#0072b2",
    "#d55e00",
    "#009e73",
    "#b0578d",
    "#e69f00",
    "#4fa3d8",
    "#8c7a00",
    "#5b6470",
)
OTHER_COLOUR = "#5b6470"

# Counts, from few to many
COUNT_COLOURS = ("#fbe0a5", "#f6b46a", "#e8803f", "#c14a2b", "#7a1f2b")

# The heat surface, from little to much
HEAT_COLOURS = ("#fff3c4", "#fdd27f", "#f79a4d", "#dd5a3a", "#9c2339", "#4f1038")

# The likeliest block of a finding, and the runner-up; and another that a person chose
CANDIDATE_COLOURS = ("#0b7285", "#e69f00")
CHOSEN_COLOUR = "#6a4c93"
CAMPUS_COLOUR = "#2f7d5b"


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a legend of categories: a category, or a class of them."""

    key: str
    name: str
    colour: str


@dataclass(frozen=True, slots=True)
class Look:
    """A class of the map of coverage; `days` is the age up to which what was inspected is of it."""

    label: str
    colour: str
    days: float = float("nan")
    dash: tuple[int, int] | None = None


AGE_LOOKS = (
    Look("Inspected within a day", "#08519c", 1),
    Look("Up to 3 days ago", "#3a83c3", 3),
    Look("Up to 7 days ago", "#7fb6d9", 7),
    Look("Up to 14 days ago", "#c3cfa0", 14),
    Look("Up to 30 days ago", "#e9b44c", 30),
    Look("Longer ago", "#c4622d", float("inf")),
)
INSPECTED = Look("Inspected", "#2f7cb8")
PASSED = Look("Passed too fast to look", "#8f5fae")
UNKNOWN = Look("Unknown: the track is not clear", "#c58fd0", dash=(4, 3))
NOT_VISITED = Look("Not visited", "#8d8a94", dash=(2, 4))
NEVER = NOT_VISITED


@dataclass(frozen=True, slots=True)
class RatioClass:
    """A class of the map of hotspots: found over expected below a bound."""

    below: float
    label: str
    colour: str


RATIOS = (
    RatioClass(2 / 3, "Under two thirds of what is expected", "#86b3d1"),
    RatioClass(1.5, "As much as is expected", "#cdc8bb"),
    RatioClass(2, "1.5 to 2 times as much", "#f0b357"),
    RatioClass(3, "2 to 3 times as much", "#dd6a33"),
    RatioClass(float("inf"), "3 times as much or more", "#8f1f2f"),
)


@dataclass(frozen=True, slots=True)
class AdviceClass:
    """A class of the map of parked vehicles: what is advised for a block."""

    key: str
    label: str
    colour: str
    wider: float = 1.3


ADVICE = (
    AdviceClass("tow", "Tow: no bay can be here", "#8f1f2f", 1.6),
    AdviceClass("nearby", "Make room nearby: no bay can be here", "#a36bb5"),
    AdviceClass("paint", "Paint bays: no room in reach", "#dd6a33"),
    AdviceClass("guide", "Guide: room in reach", "#3a83c3"),
    AdviceClass("none", "Nothing was seen", "#cdc8bb", 1.0),
)
HOT_OUTLINE = "#1c1020"


def entries(named: Sequence[tuple[str, str]]) -> list[Entry]:
    """Return the legend of (key, name) pairs, the commonest first; past the palette all are of one colour.

    >>> [entry.colour for entry in entries([("a", "Litter"), ("b", "Parking")])]
    ['#0072b2', '#d55e00']
    """
    colours = (*CATEGORY_COLOURS, *[OTHER_COLOUR] * len(named))
    return [Entry(key, name, colours[k]) for k, (key, name) in enumerate(named)]


def ramp(n: int) -> list[str]:
    """Return `n` colours of the count ramp, the darkest always last.

    >>> ramp(1), len(ramp(5))
    (['#7a1f2b'], 5)
    """
    last = len(COUNT_COLOURS) - 1
    return [COUNT_COLOURS[last - round((n - 1 - k) * last / max(n - 1, 1))] for k in range(n)]


def rgb(colour: str) -> tuple[int, int, int]:
    """Return red, green and blue of ``#rrggbb``."""
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def breaks(values: Sequence[float], n_classes: int = len(COUNT_COLOURS)) -> list[float]:
    """Return the upper bounds of all classes but the last: round numbers near the values' upper quantiles.

    >>> breaks([1] * 50 + [2] * 25 + [4] * 15 + [9] * 8 + [40] * 2)
    [1.0, 2.0, 5.0, 10.0]
    >>> breaks([])
    []
    """
    ordered = sorted(values)
    shares = (0.5, 0.75, 0.9, 0.975)[: n_classes - 1]
    bounds: list[float] = []
    for share in shares:
        if ordered:
            bound = _round_up(ordered[math.ceil(share * len(ordered)) - 1])
            if not bounds or bound > bounds[-1]:
                bounds.append(bound)
    return [bound for bound in bounds if bound < ordered[-1]]


def even_breaks(values: Sequence[float], n_classes: int = len(COUNT_COLOURS)) -> list[float]:
    """Return bounds in equal round steps up to nearly the highest value, for rates that vary smoothly.

    >>> even_breaks([0.2] * 50 + [0.9] * 45 + [1.8] * 5)
    [0.5, 1.0, 1.5]
    >>> even_breaks([0.0, 0.0])
    []
    """
    ordered = sorted(values)
    high = ordered[math.ceil(0.975 * len(ordered)) - 1] if ordered else 0.0
    if high <= 0:
        return []
    step = _round_up(high / n_classes)
    return [round(step * k, 9) for k in range(1, n_classes) if step * k < ordered[-1]]


def _round_up(value: float) -> float:
    """Return the next of 1, 2, 3, 5, 7.5 times a power of ten."""
    step = 1e-6
    while True:
        for factor in (1.0, 2.0, 3.0, 5.0, 7.5):
            if value <= factor * step * (1 + 1e-9):
                return round(factor * step, 9)
        step *= 10
