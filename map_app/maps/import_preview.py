"""The map of a file that is about to be imported: where its rows lie."""

from collections.abc import Mapping
from typing import Any

from map_app.maps.base import CityMap, Ground, MapLayer


class ImportPreview(MapLayer):
    """Points, lines and areas, drawn as one canvas."""

    method = "importPreview"


def build(ground: Ground, shapes: Mapping[str, Any]) -> CityMap:
    """Return the map of `points`, `lines` and `areas` in longitude and latitude on WGS 84."""
    city_map = CityMap(ground)
    city_map.add_child(
        ImportPreview(**{name: shapes.get(name) or [] for name in ("points", "lines", "areas")})
    )
    return city_map
