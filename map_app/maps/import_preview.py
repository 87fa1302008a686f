"""The map of a file that is about to be imported: where its rows lie."""

from collections.abc import Sequence

from map_app.maps.base import CityMap, Ground, MapLayer


class ImportPreview(MapLayer):
    """Points, drawn as one canvas."""

    method = "importPreview"


def build(ground: Ground, points: Sequence[Sequence[float]]) -> CityMap:
    """Return the map of points in longitude and latitude on WGS 84."""
    city_map = CityMap(ground)
    city_map.add_child(ImportPreview(points=[list(point) for point in points]))
    return city_map
