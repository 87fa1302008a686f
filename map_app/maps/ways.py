"""The map of the ways on foot around one place: each can be clicked, its colour tells what was said of it."""

from collections.abc import Mapping, Sequence
from typing import Any

import shapely

from map_app import style
from map_app.maps.base import CityMap, Ground, MapLayer

# Nobody has said anything yet, it can be used, it is not there, something stands in the way
COLOURS: Mapping[str, str] = {
    "open": "#d9822b",
    "usable": "#2e7d32",
    "absent": "#5f6b76",
    "barrier": "#b3261e",
}


class Ways(MapLayer):
    """Ways to verify, the ground of a place and its gates."""

    method = "ways"


def build(
    ground: Ground,
    place: Any,
    gates: Sequence[tuple[float, float]],
    ways: Sequence[Mapping[str, Any]],
) -> CityMap:
    """Return the map; each way has `key`, `number`, `line` (degrees), `state`, `waits` and a place `at`."""
    city_map = CityMap(ground)
    rings = [
        shapely.get_coordinates(part.exterior).round(7).tolist()
        for part in shapely.get_parts(place)
        if shapely.get_dimensions(part) == 2
    ]
    city_map.add_child(
        Ways(
            ground=rings,
            gates=[list(gate) for gate in gates],
            ways=list(ways),
            colours={**COLOURS, "ground": style.CAMPUS_COLOUR},
        )
    )
    return city_map
