"""The map of when each block was last patrolled: provisional."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from map_app import style
from map_app.maps import density, packing
from map_app.maps.base import CityMap, Ground, Source

NEVER = len(style.AGES)


def build(ground: Ground, source: Source, *, details: str | None = None) -> CityMap:
    """Return the map; blocks are drawn as on the density map."""
    return density.build(ground, source, details=details)


def classes(age_days: pd.Series) -> "np.ndarray[Any, np.dtype[np.int64]]":
    """Return the class of each age: the first whose days are not exceeded.

    >>> classes(pd.Series([0.2, 1.0, 1.5, 400.0])).tolist()
    [0, 0, 1, 5]
    """
    bounds = [age.days for age in style.AGES]
    return np.searchsorted(bounds, age_days.to_numpy(dtype=float), side="left").astype(np.int64)


def layer(
    seen: pd.DataFrame,
    numbers: "pd.Series[int]",
    lengths_m: pd.Series,
    say: Callable[[str], str],
    *,
    texts: bool = False,
) -> dict[str, Any]:
    """Return the blocks that were ever patrolled by class of age; all others are of the class "never seen".

    Parameters
    ----------
    seen : DataFrame indexed by block id
        `age_days`, `last_at`, `n_passes`.
    numbers : Series, number in the tiles by block id
    lengths_m : length of every block, indexed by block id
    say : translates the fixed texts
    texts : whether the page carries the card of each block, for exported maps
    """
    seen = seen[seen.index.isin(lengths_m.index)]
    known = seen.assign(number=numbers.reindex(seen.index)).sort_values("number")
    which = classes(known["age_days"])
    kilometres = np.bincount(which, lengths_m.loc[known.index].to_numpy(), minlength=NEVER + 1) / 1000
    kilometres[NEVER] = lengths_m.sum() / 1000 - kilometres.sum()
    answer: dict[str, Any] = {
        "classes": [
            {
                "label": say(age.label),
                "colour": age.colour,
                "n": f"{km:,.1f} km",
                "swatch": "line",
                "dash": dash,
                "thin": dash is not None,
            }
            for age, km, dash in zip(
                (*style.AGES, style.NEVER), kilometres, [None] * NEVER + [[2, 4]], strict=True
            )
        ],
        "number": packing.steps(known["number"]),
        "class": which.tolist(),
        "rest": NEVER,
        "label": say("Last patrolled"),
    }
    if texts:
        answer["columns"] = [
            {"label": say("Last patrolled"), "values": known["last_at"].dt.strftime("%Y-%m-%d").to_list()},
            {"label": say("Passes"), "values": known["n_passes"].to_list()},
        ]
    return answer
