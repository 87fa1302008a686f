"""The small map of one finding: where it was reported, and the blocks it may lie on."""

from collections.abc import Sequence
from typing import Any

from map_app.maps.base import CityMap, Ground, MapLayer


class OneFinding(MapLayer):
    """A point with the ring of its accuracy, and candidate blocks."""

    method = "oneFinding"


def build(
    ground: Ground,
    lonlat: tuple[float, float],
    accuracy_m: float | None,
    candidates: Sequence[dict[str, Any]],
) -> CityMap:
    """Return the map; each candidate has `line` (degrees) and `colour`; one with a `key` can be clicked."""
    city_map = CityMap(ground)
    lines = [{name: one[name] for name in ("line", "colour", "key") if name in one} for one in candidates]
    city_map.add_child(OneFinding(lon=lonlat[0], lat=lonlat[1], accuracy=accuracy_m, candidates=lines))
    return city_map
