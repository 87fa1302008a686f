"""Places beside streets: a piece, a chainage along it, a side and a distance from its middle."""

import numpy as np
import shapely
from numpy.typing import NDArray

from data.demo.ground.network import Ints, Network
from data.demo.plane import Floats

LEFT, RIGHT = 1, -1


def tree_of(points: Floats) -> shapely.STRtree:
    """Return a tree of points (n × 2)."""
    return shapely.STRtree(np.asarray(shapely.points(points), dtype=object))


def beside(lines: NDArray[np.object_], chainage: Floats, side: Ints, distance: Floats) -> Floats:
    """Return the points (n × 2) at a distance from the lines' middle, left (+1) or right (-1) of them."""
    here, normal = along(lines, chainage)
    return np.asarray(here + (side * distance)[:, None] * normal)


def along(lines: NDArray[np.object_], chainage: Floats) -> tuple[Floats, Floats]:
    """Return the points of the lines at the chainages and the unit normals to their left."""
    length = shapely.length(lines)
    before = shapely.get_coordinates(shapely.line_interpolate_point(lines, np.clip(chainage - 0.5, 0, None)))
    after = shapely.get_coordinates(shapely.line_interpolate_point(lines, np.minimum(chainage + 0.5, length)))
    here = shapely.get_coordinates(shapely.line_interpolate_point(lines, chainage))
    step = after - before
    unit = step / np.maximum(np.hypot(*step.T), 1e-9)[:, None]
    return here, np.column_stack([-unit[:, 1], unit[:, 0]])


def uses_beside(
    network: Network, shapes: NDArray[np.object_], uses: NDArray[np.object_]
) -> NDArray[np.object_]:
    """Return the use of the ground left and right of each street piece (n × 2); "" where there is none."""
    lines = network.edges.geometry.to_numpy()
    out = np.full((len(lines), 2), "", dtype=object)
    tree = shapely.STRtree(shapes)
    distance = network.edges["width_m"].to_numpy() / 2 + 9.0
    for column, side in enumerate((LEFT, RIGHT)):
        spot = beside(lines, shapely.length(lines) / 2, np.full(len(lines), side), distance)
        street, shape = tree.query(shapely.points(spot), predicate="within")
        out[street[::-1], column] = uses[shape[::-1]]  # the first of several wins
    return out
