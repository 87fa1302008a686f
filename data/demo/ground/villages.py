"""Towns and villages at the fringe, with unnamed lanes, and tracks that end in the fields."""

import numpy as np
import shapely
from shapely.geometry import LineString, Polygon

from data.demo.ground.fabric import Fabric, Parcel, _split, wall
from data.demo.ground.network import Ints
from data.demo.ground.skeleton import Line, lines_of
from data.demo.plane import Floats


def settle(fabric: Fabric) -> None:
    """Put towns and villages beside country roads, and tracks across the fields that are left."""
    country = [n for n, parcel in enumerate(fabric.parcels) if parcel.use == "country"]
    if not country:
        return
    wanted = ["town"] * fabric.site.plan.towns + ["village"] * fabric.site.plan.villages
    order = np.concatenate([_townwards(fabric, country) for _ in range(1 + 2 * len(wanted) // len(country))])
    for number in order.tolist():
        if not wanted:
            break
        if _settlement(fabric, number, wanted[0]):
            wanted.pop(0)
    for number in country:
        for _ in range(int(fabric.rng.integers(1, 4))):
            _track(fabric, fabric.parcels[number].shape)


def _townwards(fabric: Fabric, country: list[int]) -> Ints:
    """Return the country parcels in an order of chance that favours those near the town."""
    centre = shapely.Point(fabric.site.spot(0.0, 0.0))
    far = np.array([fabric.parcels[n].shape.distance(centre) for n in country]) / fabric.site.plan.core_x
    return np.array(country)[np.argsort(fabric.rng.exponential(1.0, len(far)) * (0.3 + far) ** 2)]


def _settlement(fabric: Fabric, number: int, use: str) -> bool:
    """Put one settlement on the side of a country parcel; tell whether there was room."""
    face = fabric.parcels[number].shape
    size = (720.0, 560.0) if use == "town" else (fabric.rng.uniform(240, 430), fabric.rng.uniform(170, 300))
    for _ in range(8):
        corner, unit, normal = _roadside(fabric, face, size[0])
        sides = [corner, corner + size[0] * unit]
        far = [sides[1] + size[1] * normal, sides[0] + size[1] * normal]
        ground = Polygon([sides[0] - 30 * normal, sides[1] - 30 * normal, *far]).intersection(face)
        if isinstance(ground, Polygon) and ground.area > 0.93 * size[0] * size[1]:
            rest = face.difference(ground.buffer(0.01))
            if isinstance(rest, Polygon):
                fabric.parcels[number] = Parcel(rest, "country")
                _lay_out(fabric, ground, face, use, (np.array(sides), np.array(far)))
                return True
    return False


def _roadside(fabric: Fabric, face: Polygon, length: float) -> tuple[Floats, Floats, Floats]:
    """Return a corner on the side of the face, the direction along it and the one inwards."""
    side = face.exterior
    at = float(fabric.rng.uniform(0, side.length))
    here = np.asarray(side.interpolate(at).coords[0])
    there = np.asarray(side.interpolate((at + length) % side.length).coords[0])
    unit = (there - here) / max(float(np.hypot(*(there - here))), 1.0)
    normal = np.array([-unit[1], unit[0]]) * (1.0 if side.is_ccw else -1.0)
    return here, unit, normal


def _lay_out(fabric: Fabric, ground: Polygon, face: Polygon, use: str, ends: tuple[Floats, Floats]) -> None:
    near, far = ends
    kind, level = ("residential", "local") if use == "town" else ("residential", "none")
    down = (near - far) / np.hypot(*(near - far).T)[:, None]
    sides = [LineString([far[1], near[0] + 60 * down[1]]), LineString([far[0], near[1] + 60 * down[0]])]
    for side in [*sides, LineString([far[1], far[0]])]:
        for part in lines_of(side.intersection(face.buffer(1.0))):
            name = "" if level == "none" else fabric.site.names.street(level=level, eastward=False)
            fabric.skeleton.lines.append(Line(part, kind, fabric.skeleton.new_street(name)))
    name = fabric.site.names.village() if use == "village" else fabric.site.names.stem() + "镇区"
    fabric.parcels.append(Parcel(ground, f"{use}_ground", name))
    target = 34_000.0 if use == "town" else 12_000.0
    for leaf in _split(fabric, ground, target, kind, level):
        if use == "town" and leaf.area > 20_000.0:
            wall(fabric, leaf)
        else:
            fabric.parcels.append(Parcel(leaf, use, name))


def _track(fabric: Fabric, field: Polygon) -> None:
    """Lay a wandering track from the side of a field; it ends where the field does, or before."""
    corner, _, normal = _roadside(fabric, field, 5.0)
    steps = int(fabric.rng.integers(6, 20))
    turns = np.cumsum(fabric.rng.normal(0.0, 0.11, steps)) + np.arctan2(normal[1], normal[0])
    walk = corner - normal + 45.0 * np.cumsum(np.column_stack([np.cos(turns), np.sin(turns)]), axis=0)
    line = LineString(np.vstack([corner - normal, walk]))
    parts = lines_of(line.intersection(field.buffer(1.0)))
    first = [part for part in parts if part.distance(shapely.Point(corner - normal)) < 0.5]
    if first and first[0].length > 120.0:
        fabric.skeleton.lines.append(Line(first[0], "track", 0))
