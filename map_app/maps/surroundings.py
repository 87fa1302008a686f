"""The map of one school: its zone, what was judged around it, and the ways walked."""

from collections.abc import Sequence
from typing import Any

import shapely

from map_app import style
from map_app.maps.base import CityMap, Ground, MapLayer


class Surroundings(MapLayer):
    """A school's ground, its zone, marks coloured by verdict, each with its path."""

    method = "surroundings"


def build(ground: Ground, school: Any, zone: Any | None, marks: Sequence[dict[str, Any]]) -> CityMap:
    """Return the map; each mark has `lon`, `lat`, `colour` and perhaps `path`, in degrees."""
    city_map = CityMap(ground)
    middle = shapely.point_on_surface(school)
    is_ground = shapely.get_dimensions(school) == 2
    city_map.add_child(
        Surroundings(
            lon=middle.x,
            lat=middle.y,
            ground=_outlines(school) if is_ground else [],
            zone=_outlines(zone) if zone is not None else [],
            marks=list(marks),
            colours={"zone": style.ZONE_COLOUR, "ground": style.CAMPUS_COLOUR},
        )
    )
    return city_map


def _outlines(geometry: Any) -> list[list[list[float]]]:
    parts = shapely.get_parts(geometry)
    return [shapely.get_coordinates(part.exterior).round(7).tolist() for part in parts]
