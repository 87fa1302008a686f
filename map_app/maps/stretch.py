"""The map of one stretch: its line, and the findings on it."""

from collections.abc import Sequence
from typing import Any

import shapely

from map_app import style
from map_app.maps.base import CityMap, Ground, MapLayer


class Stretch(MapLayer):
    """A stretch outlined, its findings as points."""

    method = "stretch"


def build(ground: Ground, line: Any, findings: Sequence[dict[str, Any]]) -> CityMap:
    """Return the map; `line` and the findings' `lon`, `lat` in degrees, each finding with its `colour`."""
    city_map = CityMap(ground)
    parts = [shapely.get_coordinates(part).round(6).tolist() for part in shapely.get_parts(line)]
    colours = {"line": style.RATIOS[-1].colour, "outline": style.HOT_OUTLINE}
    city_map.add_child(Stretch(lines=parts, findings=list(findings), colours=colours))
    return city_map
