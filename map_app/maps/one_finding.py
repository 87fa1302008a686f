"""The small map of one finding: where it was reported, and the blocks it may lie on."""

import math
from collections.abc import Sequence
from typing import Any

import shapely

from map_app.maps.base import CityMap, Ground, MapLayer

# How far beside the foot of the perpendicular a block has its number, so that those at a crossing stand apart
_NUMBER_ASIDE_M = 30.0
_M_PER_DEGREE = 111_320.0


class OneFinding(MapLayer):
    """A point with the ring of its accuracy, and candidate blocks."""

    method = "oneFinding"


def build(
    ground: Ground,
    lonlat: tuple[float, float],
    accuracy_m: float | None,
    candidates: Sequence[dict[str, Any]],
) -> CityMap:
    """Return the map; each candidate has `line` (degrees) and `colour`; one with a `key` can be clicked.

    What is shown holds the point and the nearest place of every candidate, however far.
    """
    city_map = CityMap(ground)
    lines = [
        {**{name: one[name] for name in ("line", "colour", "key") if name in one}, **_marks(lonlat, one)}
        for one in candidates
    ]
    city_map.add_child(OneFinding(lon=lonlat[0], lat=lonlat[1], accuracy=accuracy_m, candidates=lines))
    return city_map


def _marks(lonlat: tuple[float, float], one: dict[str, Any]) -> dict[str, Any]:
    """Return the place of a candidate nearest to the point, and where its number stands, in degrees."""
    # degrees of longitude as long as those of latitude here, so that nearest is nearest
    east = math.cos(math.radians(lonlat[1]))
    line = shapely.LineString([(lon * east, lat) for lon, lat in one["line"]])
    at = line.project(shapely.Point(lonlat[0] * east, lonlat[1]))
    aside = _NUMBER_ASIDE_M / _M_PER_DEGREE
    number_at = min(at + aside, line.length) if at < line.length / 2 else max(at - aside, 0.0)
    foot, number = line.interpolate(at), line.interpolate(number_at)
    return {
        "foot": [round(foot.x / east, 6), round(foot.y, 6)],
        "number_at": [round(number.x / east, 6), round(number.y, 6)],
    }
