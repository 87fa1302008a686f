"""The map of findings: clustered in the browser from columns of numbers."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from map_app.maps import packing
from map_app.maps.base import CityMap, Ground, MapLayer, Source
from map_app.style import Entry


class Findings(MapLayer):
    """Findings as rings of clusters and, near by, as points."""

    method = "findings"


def build(ground: Ground, source: Source, *, details: str | None = None) -> CityMap:
    """Return the map; `details` is the address of one finding's card, with 0 in place of its number."""
    city_map = CityMap(ground)
    city_map.add_child(Findings(source=source.to_json(), details=details))
    return city_map


def layer(
    findings: pd.DataFrame,
    entries: Sequence[Entry],
    *,
    inside: Mapping[str, tuple[str, pd.Series]] | None = None,
) -> dict[str, Any]:
    """Return findings as columns.

    Parameters
    ----------
    findings : DataFrame
        `fid`, `lon`, `lat`, `entry` (which of `entries`), `day` (days since 1970 at the site).
    inside : optional
        Texts that the page itself carries, for exported maps: column name → (label, texts).
    """
    ordered = findings.sort_values("fid")
    first_day = int(ordered["day"].min()) if len(ordered) else 0
    columns: dict[str, Any] = {
        "number": packing.steps(ordered["fid"]),
        "lon": packing.degrees(ordered["lon"]),
        "lat": packing.degrees(ordered["lat"]),
        "entry": ordered["entry"].astype(int).tolist(),
        "day": (ordered["day"].astype(int) - first_day).tolist(),
        "first_day": first_day,
        "entries": counted(entries, ordered["entry"]),
    }
    if inside is not None:
        texts = {
            name: {"label": label, **packing.words(column.loc[ordered.index])}
            for name, (label, column) in inside.items()
        }
        columns["details"] = {"order": list(inside), **texts}
    return columns


def counted(entries: Sequence[Entry], which: pd.Series) -> list[dict[str, Any]]:
    """Return the legend with how many findings each entry has."""
    n = np.bincount(which.to_numpy(dtype=int), minlength=len(entries))
    return [
        {"name": entry.name, "colour": entry.colour, "n": int(count)}
        for entry, count in zip(entries, n, strict=True)
    ]
