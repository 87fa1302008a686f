"""The map of planned walks: each block walked in the colour of its reason, stops numbered in order."""

from collections.abc import Sequence
from typing import Any

from map_app.maps.base import CityMap, Ground, MapLayer

# Reasons by colour; the way between stops is grey
COLOURS = {
    "recheck": "#8e1b2f",
    "school": "#7a4fb3",
    "overdue": "#2f7cb8",
    "likely": "#dd6b2c",
    "sample": "#3c8d40",
    "": "#8d8a83",
}


class PatrolWalk(MapLayer):
    """A walk along streets."""

    method = "patrolWalk"


def build(
    ground: Ground,
    legs: Sequence[dict[str, Any]],
    marks: Sequence[dict[str, Any]],
    points: Sequence[dict[str, Any]],
) -> CityMap:
    """Return the map.

    `legs` have a `line` in degrees and the `colour` of the reason; `marks` of streets, and the `points` to
    check again, `lon`, `lat`, and their `text`.
    """
    city_map = CityMap(ground)
    city_map.add_child(
        PatrolWalk(legs=list(legs), marks=list(marks), points=list(points), colour=COLOURS["recheck"])
    )
    return city_map
