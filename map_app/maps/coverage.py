"""The map of coverage: both sides of every street by what is known of them, and a slider through time."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from geo.crs import Projection
from layers.analysis import coverage_sides
from map_app import style
from map_app.maps import packing
from map_app.maps.base import CityMap, Ground, MapLayer, Source

Say = Callable[[str], str]
# A line is drawn with no more corners than the eye needs, metres
_SMOOTH_M = 1.0
# Places along a block are sent in so many parts of its length
PARTS = 1000


class Coverage(MapLayer):
    """Sides of streets, and a slider."""

    method = "coverage"


def build(ground: Ground, source: Source, *, lines: Source, details: str | None = None) -> CityMap:
    """Return the map.

    `lines` is where the streets' lines are, `details` the address of one block's card with 0 in place of its
    number.
    """
    city_map = CityMap(ground)
    city_map.add_child(Coverage(source=source.to_json(), lines=lines.to_json(), details=details))
    return city_map


def lines(blocks: gpd.GeoDataFrame, numbers: "pd.Series[int]", projection: Projection) -> dict[str, Any]:
    """Return the line of every block in the order of the numbers, packed, and how many corners each has."""
    order = np.argsort(numbers.loc[blocks["block_id"].to_numpy()].to_numpy(), kind="stable")
    drawn = shapely.simplify(blocks.geometry.to_numpy()[order], _SMOOTH_M)
    lonlat = projection.to_lonlat(shapely.get_coordinates(drawn))
    return {
        "n": shapely.get_num_coordinates(drawn).tolist(),
        "lon": packing.degrees(lonlat[:, 0]),
        "lat": packing.degrees(lonlat[:, 1]),
    }


def looks(view: str) -> list[style.Look]:
    """Return the classes of a view: "age" or "state"; the last is what nobody visited."""
    inspected = style.AGE_LOOKS if view == "age" else (style.INSPECTED,)
    return [*inspected, style.PASSED, style.UNKNOWN, style.NOT_VISITED]


def classes(stretches: pd.DataFrame, view: str, now: pd.Timestamp) -> NDArray[np.int64]:
    """Return the class of each stretch, a place among `looks`.

    >>> cut = pd.DataFrame({"state": ["inspected", "passed", "not visited"],
    ...     "inspected_at": pd.to_datetime(["2026-01-01T00:00Z", None, None])})
    >>> classes(cut, "age", pd.Timestamp("2026-01-03T00:00Z")).tolist()
    [1, 6, 8]
    """
    n = len(looks(view))
    states = {"inspected": 0, "passed": n - 3, "unknown": n - 2, "not visited": n - 1}
    which = stretches["state"].map(states).to_numpy(dtype=np.int64)
    if view == "age":
        age = (now - stretches["inspected_at"]).dt.total_seconds().to_numpy() / 86400
        bounds = [look.days for look in style.AGE_LOOKS]
        old = np.minimum(np.searchsorted(bounds, np.nan_to_num(age)), len(bounds) - 1)
        which = np.where(stretches["state"] == "inspected", old, which)
    return np.asarray(which, dtype=np.int64)


@dataclass(frozen=True, slots=True)
class Cut:
    """The blocks asked about, and their stretches as from `layers.analysis.coverage_sides`."""

    blocks: gpd.GeoDataFrame
    each: pd.DataFrame
    whole: pd.DataFrame


def layer(cut: Cut, numbers: "pd.Series[int]", view: str, now: pd.Timestamp, say: Say) -> dict[str, Any]:
    """Return the stretches to draw and the legend.

    Parameters
    ----------
    cut : what was asked about; other blocks are not drawn
    numbers : Series, number in the tiles by block id
    view : "age" or "state"
    now : the moment as of which ages count
    """
    known, blocks, each, whole = looks(view), cut.blocks, cut.each, cut.whole
    if view == "state":
        each = each[each["stronger"]]
    metres = np.bincount(
        classes(whole, view, now), (whole["to_m"] - whole["from_m"]).to_numpy(), minlength=len(known)
    )
    return {
        "classes": [_entry(look, km, say) for look, km in zip(known, metres / 1000, strict=True)],
        "rest": len(known) - 1,
        "blocks": None if len(blocks) == len(numbers) else _numbers(blocks["block_id"], numbers),
        "stretches": _packed(each, blocks, numbers, classes(each, view, now), len(known) - 1),
    }


def _entry(look: style.Look, km: float, say: Say) -> dict[str, Any]:
    return {
        "label": say(look.label),
        "colour": look.colour,
        "n": f"{km:,.1f} km",
        "swatch": "line",
        "dash": list(look.dash) if look.dash else None,
    }


def _packed(
    each: pd.DataFrame,
    blocks: gpd.GeoDataFrame,
    numbers: "pd.Series[int]",
    which: NDArray[np.int64],
    rest: int,
) -> dict[str, Any]:
    """Return columns of the stretches; what nobody visited is not sent, it is what lies under all others."""
    drawn = coverage_sides.joined(each, np.where(which == rest, -1, which))
    drawn = drawn.assign(number=numbers.reindex(drawn["block_id"]).to_numpy(dtype=np.int64))
    drawn = drawn.sort_values(["number", "side", "from_m"], kind="stable")
    lengths = pd.Series(blocks.geometry.length.to_numpy(), index=blocks["block_id"].to_numpy())
    own = lengths.reindex(drawn["block_id"]).to_numpy()
    place = {end: np.clip(np.round(drawn[f"{end}_m"] / own * PARTS), 0, PARTS) for end in ("from", "to")}
    side = pd.Categorical(drawn["side"], categories=coverage_sides.SIDES).codes
    return {
        "block": packing.steps(drawn["number"]),
        "side": side.tolist(),
        "from": place["from"].astype(int).tolist(),
        "to": place["to"].astype(int).tolist(),
        "class": drawn["which"].astype(int).tolist(),
    }


def _numbers(block_ids: "pd.Series[str]", numbers: "pd.Series[int]") -> list[int]:
    return packing.steps(np.sort(numbers.reindex(block_ids).to_numpy(dtype=np.int64)))


def bounds(blocks: gpd.GeoDataFrame, groups: NDArray[Any], projection: Projection) -> dict[Any, list[Any]]:
    """Return for each group of blocks [[south, west], [north, east]] in degrees."""
    edges = blocks.geometry.bounds.groupby(groups).agg(
        {"minx": "min", "miny": "min", "maxx": "max", "maxy": "max"}
    )
    low = projection.to_lonlat(edges[["minx", "miny"]].to_numpy())
    high = projection.to_lonlat(edges[["maxx", "maxy"]].to_numpy())
    return {
        key: [[round(s, 6), round(w, 6)], [round(n, 6), round(e, 6)]]
        for key, (w, s), (e, n) in zip(edges.index, low.tolist(), high.tolist(), strict=True)
    }
