"""The map of vehicles parked wrongly: blocks by what is advised, and stretches to walk through."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from map_app import style
from map_app.maps import packing
from map_app.maps.base import CityMap, Ground, Source
from map_app.maps.hotspots import Hotspots

ADVICE = tuple(one.key for one in style.ADVICE)
NOT_OBSERVED = len(ADVICE)


def build(ground: Ground, source: Source, *, details: str | None = None) -> CityMap:
    """Return the map; `details` is the address of one block's card, with 0 in place of its number."""
    city_map = CityMap(ground)
    city_map.add_child(Hotspots(source=source.to_json(), details=details, forecasts=None))
    return city_map


def layer(
    blocks: pd.DataFrame,
    numbers: "pd.Series[int]",
    stretches: Sequence[dict[str, Any]],
    say: Callable[[str], str],
    *,
    texts: bool = False,
) -> dict[str, Any]:
    """Return the observed blocks by advice; all others are of the class "not observed".

    Parameters
    ----------
    blocks : DataFrame indexed by block id
        As from `layers.analysis.parking`.
    numbers : Series, number in the tiles by block id
    stretches : the list, ready to show
    say : translates the fixed texts
    texts : whether the page carries the card of each block, for exported maps
    """
    seen = blocks[blocks["advice"] != "not observed"]
    known = seen.assign(number=numbers.reindex(seen.index)).sort_values("number")
    which = known["advice"].map({key: k for k, key in enumerate(ADVICE)}).to_numpy(np.int64)
    n = np.bincount(which, minlength=NOT_OBSERVED + 1)
    n[NOT_OBSERVED] = len(blocks) - len(seen)
    lines: list[dict[str, Any]] = [
        {"label": say(one.label), "colour": one.colour, "wider": one.wider} for one in style.ADVICE
    ]
    lines.append({"label": say("Not observed"), "colour": style.NEVER.colour, "dash": [2, 4], "thin": True})
    answer: dict[str, Any] = {
        "classes": [
            {**line, "n": int(count), "swatch": "line"} for line, count in zip(lines, n, strict=True)
        ],
        "number": packing.steps(known["number"]),
        "class": which.tolist(),
        "rest": NOT_OBSERVED,
        "label": say("Advice"),
        "stretches": list(stretches),
    }
    if texts:
        answer["columns"] = [
            {"label": say("Vehicles seen per pass"), "values": known["standing"].round(2).to_list()},
            {"label": say("Bays in reach"), "values": known["bays_near"].round(0).to_list()},
        ]
    return answer
