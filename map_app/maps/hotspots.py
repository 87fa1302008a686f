"""The map of hotspots: blocks by how much more is found than the patrols explain, and named stretches."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from map_app import style
from map_app.maps import packing
from map_app.maps.base import CityMap, Ground, MapLayer, Source

NOT_OBSERVED = len(style.RATIOS)
OUTLINE = NOT_OBSERVED + 1


class Hotspots(MapLayer):
    """Blocks coloured by class, the hot ones outlined, and a list of stretches to walk through."""

    method = "hotspots"


def build(
    ground: Ground, source: Source, *, details: str | None = None, forecasts: str | None = None
) -> CityMap:
    """Return the map.

    `details` is the address of one block's card, with 0 in place of its number; `forecasts` that of the test
    on periods that the map has not seen.
    """
    city_map = CityMap(ground)
    city_map.add_child(Hotspots(source=source.to_json(), details=details, forecasts=forecasts))
    return city_map


def classes(ratio: pd.Series) -> "np.ndarray[Any, np.dtype[np.int64]]":
    """Return the class of each ratio: the first whose bound is not passed.

    >>> classes(pd.Series([0.1, 1.0, 1.6, 40.0])).tolist()
    [0, 1, 2, 4]
    """
    bounds = [one.below for one in style.RATIOS]
    return np.searchsorted(bounds, ratio.to_numpy(dtype=float), side="right").astype(np.int64)


def layer(
    blocks: pd.DataFrame,
    numbers: "pd.Series[int]",
    stretches: Sequence[dict[str, Any]],
    say: Callable[[str], str],
    *,
    unknown: str = "Not observed",
    texts: bool = False,
) -> dict[str, Any]:
    """Return the observed blocks by class of ratio; all others are of the class that `unknown` names.

    Parameters
    ----------
    blocks : DataFrame indexed by block id
        `ratio`, `ratio_low`, `ratio_high`, `observed`, `expected`, `q`, `hot`, `observed_at_all`.
    numbers : Series, number in the tiles by block id
    stretches : the list, ready to show
    say : translates the fixed texts
    texts : whether the page carries the card of each block, for exported maps
    """
    seen = blocks[blocks["observed_at_all"]]
    known = seen.assign(number=numbers.reindex(seen.index)).sort_values("number")
    which = classes(known["ratio"])
    n = np.bincount(which, minlength=NOT_OBSERVED + 1)
    n[NOT_OBSERVED] = len(blocks) - len(seen)
    labels = [*((one.label, one.colour) for one in style.RATIOS), (unknown, style.NEVER.colour)]
    answer: dict[str, Any] = {
        "classes": [
            {"label": say(label), "colour": colour, "n": int(count), "swatch": "line", **_look(k)}
            for k, ((label, colour), count) in enumerate(zip(labels, n, strict=True))
        ],
        "number": packing.steps(known["number"]),
        "class": which.tolist(),
        "rest": NOT_OBSERVED,
        "label": say("Found against expected"),
        "outline": {
            "label": say("Hotspot: more than patrols explain"),
            "colour": style.HOT_OUTLINE,
            "n": int(known["hot"].sum()),
            "swatch": "line",
            "rows": np.flatnonzero(known["hot"].to_numpy()).tolist(),
        },
        "stretches": list(stretches),
    }
    if texts:
        answer["columns"] = [
            {"label": say("Found around it"), "values": known["observed"].round(1).to_list()},
            {"label": say("Expected there"), "values": known["expected"].round(1).to_list()},
            {"label": say("Found / expected"), "values": intervals(known)},
        ]
    return answer


def intervals(known: pd.DataFrame) -> list[str]:
    """Return each ratio with its interval as text.

    >>> intervals(pd.DataFrame({"ratio": [2.0], "ratio_low": [1.25], "ratio_high": [3.0]}))
    ['2.00 (90 %: 1.25 – 3.00)']
    """
    columns = known[["ratio", "ratio_low", "ratio_high"]].itertuples(index=False)
    return [f"{ratio:.2f} (90 %: {low:.2f} – {high:.2f})" for ratio, low, high in columns]


def _look(k: int) -> dict[str, Any]:
    """Return how the lines of a class differ: what nobody saw is thin and broken, the usual unobtrusive."""
    if k == NOT_OBSERVED:
        return {"dash": [2, 4], "thin": True}
    return {"wider": 1 + 0.25 * max(0, k - 1)}
