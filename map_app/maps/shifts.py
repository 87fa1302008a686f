"""The map of one device: its positions as they are read now, and as the doctor would read them."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from map_app.maps import packing
from map_app.maps.base import CityMap, Ground, MapLayer
from map_app.style import CANDIDATE_COLOURS

# The guess, and what is read now; so many points show the shape of any month
GUESS_COLOUR, READ_COLOUR = CANDIDATE_COLOURS
MOST_POINTS = 1500


class Shifts(MapLayer):
    """The same positions in two frames, each in its colour."""

    method = "shifts"


def build(ground: Ground, read: NDArray[np.float64], guess: NDArray[np.float64]) -> CityMap:
    """Return the map of positions in degrees, shape (n, 2), thinned evenly where there are many."""
    city_map = CityMap(ground)
    step = max(1, -(-len(read) // MOST_POINTS))
    city_map.add_child(
        Shifts(read=_packed(read[::step], READ_COLOUR), guess=_packed(guess[::step], GUESS_COLOUR))
    )
    return city_map


def _packed(lonlat: NDArray[np.float64], colour: str) -> dict[str, Any]:
    return {"lon": packing.degrees(lonlat[:, 0]), "lat": packing.degrees(lonlat[:, 1]), "colour": colour}
