"""Which way a side of a street faces: what a person standing in it calls the left of a drawn line."""

import numpy as np
import shapely
from numpy.typing import NDArray

from geo.errors import GeoError

_QUARTERS = ("east", "north", "west", "south")
# A bend shorter than this on both sides of the place does not turn a side round
_REACH_M = 20.0


def facing(line: shapely.LineString, chainage_m: float, side: str) -> str:
    """Return the quarter of the compass that a side of a line faces at a place along it.

    Parameters
    ----------
    line : LineString
        In a metric CRS, easting and northing in metres.
    chainage_m : float
        The place, metres from the line's beginning; taken to the nearer end where it is beyond one.
    side : str
        "left" or "right" of the direction in which the line is drawn.

    Returns
    -------
    str
        "north", "east", "south" or "west": the side's outward normal, over 20 m either way, to the nearest
        quarter; halfway between two it is north or south.

    Raises
    ------
    GeoError
        The side is neither of the two, or the line has no length.

    Examples
    --------
    A street drawn eastwards has its left side in the north:

    >>> facing(shapely.LineString([(0, 0), (100, 0)]), 50, "left")
    'north'
    >>> facing(shapely.LineString([(0, 0), (0, 100)]), 50, "left")
    'west'
    """
    if side not in {"left", "right"}:
        raise GeoError("a side is left or right, not %(side)s", side=side)
    if line.length <= 0:
        raise GeoError("a line without length has no sides")
    ends = [max(chainage_m - _REACH_M, 0.0), min(chainage_m + _REACH_M, line.length)]
    if ends[0] >= ends[1]:
        ends = [0.0, line.length]
    ahead = _step(line, *ends)
    if not ahead.any():
        ahead = _step(line, 0.0, line.length * 0.5)
    normal = np.array([-ahead[1], ahead[0]]) * (1 if side == "left" else -1)
    if abs(normal[0]) > abs(normal[1]):
        return _QUARTERS[0] if normal[0] > 0 else _QUARTERS[2]
    return _QUARTERS[1] if normal[1] > 0 else _QUARTERS[3]


def _step(line: shapely.LineString, first: float, last: float) -> NDArray[np.float64]:
    ends = shapely.get_coordinates(shapely.line_interpolate_point([line, line], [first, last]))
    step: NDArray[np.float64] = ends[1] - ends[0]
    return step
