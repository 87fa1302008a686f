"""The map of findings per 100 m of block: counts, not corrected for patrol effort."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from map_app import style
from map_app.maps import packing
from map_app.maps.base import CityMap, Ground, MapLayer, Source

Say = Callable[[str], str]


class Blocks(MapLayer):
    """Blocks coloured by class; their lines are those of the base map."""

    method = "blocks"


def build(ground: Ground, source: Source, *, details: str | None = None) -> CityMap:
    """Return the map; `details` is the address of one block's card, with 0 in place of its number."""
    city_map = CityMap(ground)
    city_map.add_child(Blocks(source=source.to_json(), details=details))
    return city_map


def layer(
    density: pd.DataFrame,
    numbers: "pd.Series[int]",
    say: Say,
    *,
    by: str = "per_100m",
    texts: bool = False,
) -> dict[str, Any]:
    """Return the blocks that have findings, by class of findings per 100 m, or of another rate.

    Parameters
    ----------
    density : DataFrame indexed by block id
        `n`, `n_sure`, `per_100m`; or `n`, `effort_m`, `per_km` where `by` is `per_km`.
    numbers : Series, number in the tiles by block id
    say : translates the fixed texts
    texts : whether the page carries the card of each block, for exported maps
    """
    known = density.assign(number=numbers.reindex(density.index)).sort_values("number")
    bounds = (style.even_breaks if by == "per_km" else style.breaks)(known[by].to_list())
    which = np.searchsorted(bounds, known[by].to_numpy(), side="left")
    answer: dict[str, Any] = {
        "classes": _classes(bounds, which, say),
        "number": packing.steps(known["number"]),
        "class": which.tolist(),
        "rest": None,
        "label": say("Findings"),
    }
    if texts and by == "per_km":
        answer["columns"] = [
            {"label": say("Findings (expected)"), "values": known["n"].round(1).to_list()},
            {"label": say("Inspected, km"), "values": (known["effort_m"] / 1000).round(1).to_list()},
            {"label": say("per inspected km around it"), "values": known["per_km"].round(2).to_list()},
        ]
    elif texts:
        answer["columns"] = [
            {"label": say("Findings (expected)"), "values": known["n"].round(1).to_list()},
            {"label": say("of these without doubt"), "values": known["n_sure"].to_list()},
            {"label": say("per 100 m"), "values": known["per_100m"].round(2).to_list()},
        ]
    return answer


def _classes(bounds: list[float], which: Any, say: Say) -> list[dict[str, Any]]:
    n = np.bincount(which, minlength=len(bounds) + 1)
    colours = style.ramp(len(n))
    lower = [0.0, *bounds]
    classes = []
    for k, count in enumerate(n):
        upper = f"{bounds[k]:g}" if k < len(bounds) else None
        label = (
            f"≤ {upper}" if k == 0 and upper else f"{lower[k]:g} – {upper}" if upper else f"> {lower[k]:g}"
        )
        wider = 1 + 0.25 * k
        classes.append(
            {"label": label, "colour": colours[k], "n": int(count), "swatch": "line", "wider": wider}
        )
    return classes
