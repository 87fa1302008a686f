"""The fabric between the bones: lanes, estates, works, villages and field tracks.

Every space between streets is split again and again across its longer side until it is small enough
for its use. A cut that ends near an existing junction runs into it, so that crossroads arise.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import shapely
from shapely.geometry import LineString, Point, Polygon
from shapely.ops import polygonize

from data.demo.ground.skeleton import Line, Site, Skeleton, lines_of
from data.demo.plane import Floats

TARGET_M2 = {"old": 13_000.0, "commerce": 27_000.0, "estate": 58_000.0, "industry": 110_000.0}
SNAP_M = 24.0
OVERSHOOT_M = 1.0


@dataclass(frozen=True)
class Parcel:
    """A piece of ground between streets and what it is used for."""

    shape: Polygon
    use: str
    name: str = ""


@dataclass
class Junctions:
    """Ends of cuts, found again by place; each knows the street that ended there and its direction."""

    cell_m: float = 40.0
    cells: dict[tuple[int, int], list[tuple[float, float, int, float]]] = field(default_factory=dict)

    def _cell(self, x: float, y: float) -> tuple[int, int]:
        return int(x // self.cell_m), int(y // self.cell_m)

    def add(self, point: Floats, street: int, direction: float) -> None:
        """Remember a junction."""
        x, y = float(point[0]), float(point[1])
        self.cells.setdefault(self._cell(x, y), []).append((x, y, street, direction))

    def near(self, point: Floats, radius: float) -> Iterator[tuple[float, float, float, int, float]]:
        """Yield (distance, x, y, street, direction) of the junctions around a point."""
        column, row = self._cell(float(point[0]), float(point[1]))
        for i in (column - 1, column, column + 1):
            for j in (row - 1, row, row + 1):
                for x, y, street, direction in self.cells.get((i, j), ()):
                    distance = float(np.hypot(x - point[0], y - point[1]))
                    if distance <= radius:
                        yield distance, x, y, street, direction


@dataclass
class Fabric:
    """What weaving leaves behind: more lines, and the ground between them."""

    site: Site
    skeleton: Skeleton
    parcels: list[Parcel] = field(default_factory=list)
    junctions: Junctions = field(default_factory=Junctions)

    @property
    def rng(self) -> np.random.Generator:
        """The random numbers of this district."""
        return self.site.rng


def weave(site: Site, skeleton: Skeleton) -> Fabric:
    """Fill the spaces of the skeleton with streets and parcels."""
    fabric = Fabric(site, skeleton)
    for line in skeleton.lines:
        for end in (line.shape.coords[0], line.shape.coords[-1]):
            fabric.junctions.add(np.asarray(end), line.street, _bearing(line.shape))
    faces = spaces(skeleton)
    for face in faces:
        use = _use(fabric, face)
        _FILL[use](fabric, face)
    return fabric


def spaces(skeleton: Skeleton) -> list[Polygon]:
    """Return the spaces between the lines, without medians, river and railway land; west to east."""
    lines = [line.shape for line in skeleton.lines] + [skeleton.boundary.exterior]
    faces = list(polygonize(shapely.union_all(lines, grid_size=0.01)))
    water = skeleton.river_middle.buffer(47.0)
    rails = skeleton.railway.buffer(30.0)
    barred = shapely.union(water, rails)
    medians = shapely.union_all([middle.buffer(11.0) for middle, _ in skeleton.duals])
    kept = [
        face
        for face in faces
        if 2 * face.area / face.length > 8.0
        and face.intersection(medians).area < 0.6 * face.area
        and face.intersection(barred).area < 0.5 * face.area
        and skeleton.boundary.buffer(1).contains(face.representative_point())
    ]
    return sorted((Polygon(face.exterior) for face in kept), key=lambda f: (f.centroid.x, f.centroid.y))


def _use(fabric: Fabric, face: Polygon) -> str:
    """Return what a space is used for, by where it lies on the plan."""
    plan, at = fabric.site.plan, face.representative_point()
    for use, (x, y, radius) in (
        ("old", plan.old_town),
        ("commerce", plan.commerce),
        ("industry", plan.industry),
    ):
        if np.hypot(*(np.array([at.x, at.y]) - fabric.site.spot(x, y))) < radius:
            return use
    x, y, half = plan.core_x, plan.core_y, 1.0
    origin = fabric.site.spot(0.0, 0.0)
    reach = max(abs(at.x - origin[0]) / x, abs(at.y - origin[1]) / y)
    if reach > half + 0.06 or face.area > 1.2e6:
        return "country"
    draw = fabric.rng.random()
    if draw < 0.05:
        return "park"
    return "commerce" if draw < 0.13 else "old" if draw < 0.2 else "estate"


def corners(shape: Polygon) -> Floats:
    """Return the four corners of the smallest rectangle around a shape."""
    return np.asarray(shapely.get_coordinates(shapely.minimum_rotated_rectangle(shape))[:4])


def _bearing(line: LineString) -> float:
    (x0, y0), (x1, y1) = line.coords[0][:2], line.coords[-1][:2]
    return float(np.arctan2(y1 - y0, x1 - x0))


def _chord(face: Polygon, rng: np.random.Generator, share: float | None) -> LineString | None:
    """Return a line across the longer side of the face at the given share of its length."""
    box = corners(face)
    sides = np.roll(box, -1, axis=0) - box
    first = 0 if np.hypot(*sides[0]) >= np.hypot(*sides[1]) else 1
    origin, along, across = box[first], sides[first], sides[(first + 1) % 4]
    at = share if share is not None else rng.uniform(0.4, 0.6)
    tilt = 0.0 if share is not None else rng.normal(0.0, 0.03)
    low = origin + (at - tilt) * along - 0.2 * across
    high = origin + (at + tilt) * along + 1.2 * across
    parts = lines_of(LineString([low, high]).intersection(face))
    return max(parts, key=lambda part: part.length) if parts else None


def cut(
    fabric: Fabric, face: Polygon, kind: str, level: str, share: float | None = None
) -> tuple[Polygon, Polygon] | None:
    """Lay one street across a face and return the two halves; None where no sound cut exists.

    Of a few places the one is taken where most ends run into existing junctions.
    """
    tries = [_aimed(fabric, face, share) for _ in range(4 if share is None else 1)]
    sound = [aim for aim in tries if aim is not None]
    for ends, snapped, known in sorted(sound, key=lambda aim: -sum(aim[1])):
        path = _path(fabric, ends, snapped)
        halves = sorted(
            polygonize(shapely.union_all([face.exterior, path])), key=lambda half: half.centroid.x
        )
        if (
            len(halves) != 2
            or min(half.area for half in halves) < (0.22 if share is None else 0.08) * face.area
        ):
            continue
        bearing = _bearing(path)
        street = _street(fabric, known, bearing, level)
        fabric.skeleton.lines.append(Line(path, kind, street))
        for n in (0, 1):
            fabric.junctions.add(ends[n], street, bearing)
        return Polygon(halves[0].exterior), Polygon(halves[1].exterior)
    return None


def _street(fabric: Fabric, known: int, bearing: float, level: str) -> int:
    """Return the street that a cut belongs to: the one it continues, else a new one."""
    if level == "none" or known:
        return 0 if level == "none" else known
    return fabric.skeleton.new_street(
        fabric.site.names.street(level=level, eastward=abs(np.cos(bearing)) > 0.7)
    )


def _aimed(fabric: Fabric, face: Polygon, share: float | None) -> tuple[Floats, list[bool], int] | None:
    """Return the ends of one possible cut, which of them are existing junctions, and the street continued."""
    chord = _chord(face, fabric.rng, share)
    if chord is None or chord.length < 25.0:
        return None
    ends, street, bearing = np.asarray(chord.coords)[[0, -1]], 0, _bearing(chord)
    snapped = [False, False]
    for n in (0, 1):
        for _, x, y, known, direction in sorted(fabric.junctions.near(ends[n], SNAP_M))[:1]:
            if face.exterior.distance(Point(x, y)) < 0.05:
                ends[n], snapped[n] = (x, y), True
                street = known if abs(np.sin(direction - bearing)) < 0.4 else street
    return ends, snapped, street


def _path(fabric: Fabric, ends: Floats, snapped: list[bool]) -> LineString:
    """Return the street between two ends, a little bent, running a metre over where it meets a side."""
    along = ends[1] - ends[0]
    length = float(np.hypot(*along))
    unit = along / length
    normal = np.array([-unit[1], unit[0]])
    bow = float(np.clip(fabric.rng.normal(0.0, 0.012 if length < 600.0 else 0.04), -0.09, 0.09)) * length
    shares = np.array([0.0, 0.27, 0.52, 0.76, 1.0])
    points = ends[0] + np.outer(shares, along) + np.outer(bow * np.sin(np.pi * shares), normal)
    for n, sign in ((0, -1.0), (-1, 1.0)):
        if not snapped[n]:
            points[n] += sign * _run_over(fabric, points[n]) * unit
    return LineString(points if length > 60.0 else points[[0, -1]])


def _run_over(fabric: Fabric, end: Floats) -> float:
    """Return how far a street runs on beyond its end: through an opening in a median, or hardly at all."""
    if any(
        8.0 < middle.distance(Point(end)) < 11.0
        for middle, kind in fabric.skeleton.duals
        if kind == "primary"
    ):
        return 20.5 if fabric.rng.random() < 0.3 else OVERSHOOT_M
    return OVERSHOOT_M


def _split(fabric: Fabric, face: Polygon, target_m2: float, kind: str, level: str) -> Iterator[Polygon]:
    """Yield the leaves of a face that is cut until no piece is larger than about the target."""
    waiting = [face]
    while waiting:
        piece = waiting.pop()
        limit = target_m2 * fabric.rng.uniform(*((0.5, 2.4) if level == "country" else (0.75, 1.6)))
        halves = cut(fabric, piece, kind, level) if piece.area > limit else None
        if halves is None:
            yield piece
        else:
            waiting.extend(halves)


def stub(fabric: Fabric, face: Polygon, length: float, kind: str) -> None:
    """Lay a dead end from the side of a face inwards."""
    side = face.exterior
    at = float(fabric.rng.uniform(0.05, 0.95)) * side.length
    here, there = np.asarray(side.interpolate(at).coords[0]), np.asarray(side.interpolate(at + 1.0).coords[0])
    unit = there - here
    normal = np.array([-unit[1], unit[0]]) * (1.0 if side.is_ccw else -1.0)
    bend_by = fabric.rng.normal(0.0, 0.25)
    points = [here - OVERSHOOT_M * normal, here + 0.6 * length * normal]
    points.append(here + length * (normal + bend_by * unit))
    line = LineString(points)
    if face.buffer(OVERSHOOT_M + 0.5).contains(line) and LineString(points[1:]).distance(side) > 12.0:
        fabric.skeleton.lines.append(Line(line, kind, 0))


def _old(fabric: Fabric, face: Polygon) -> None:
    for leaf in _split(fabric, face, TARGET_M2["old"], "living_street", "lane"):
        if fabric.rng.random() < 0.6:
            stub(fabric, leaf, float(fabric.rng.uniform(25, 55)), "service")
        fabric.parcels.append(Parcel(leaf, "old"))


def _commerce(fabric: Fabric, face: Polygon) -> None:
    for leaf in _split(fabric, face, TARGET_M2["commerce"], "residential", "local"):
        halves = _back_alley(fabric, leaf) if fabric.rng.random() < 0.75 else None
        fabric.parcels.extend(Parcel(half, "commerce") for half in halves or (leaf,))


def _back_alley(fabric: Fabric, leaf: Polygon) -> tuple[Polygon, Polygon] | None:
    """Cut a service alley behind the shops, parallel to the street in front of them."""
    box = corners(leaf)
    depth = max(np.hypot(*(box[1] - box[0])), np.hypot(*(box[2] - box[1])))
    share = float(fabric.rng.uniform(24, 36)) / depth
    return cut(fabric, leaf, "service", "none", share if fabric.rng.random() < 0.5 else 1.0 - share)


def _estate(fabric: Fabric, face: Polygon) -> None:
    for leaf in _split(fabric, face, TARGET_M2["estate"], "residential", "local"):
        if fabric.rng.random() < 0.25:
            halves = _back_alley(fabric, leaf)
            if halves:
                strip, rest = sorted(halves, key=lambda half: half.area)
                fabric.parcels.append(Parcel(strip, "commerce"))
                wall(fabric, rest)
                continue
        wall(fabric, _reserve(fabric, leaf))


def _reserve(fabric: Fabric, leaf: Polygon) -> Polygon:
    """Set ground for a school or kindergarten aside at one end of a leaf; return what is left.

    A kindergarten takes the corner only; a row of shops has the rest of that end.
    """
    draw = fabric.rng.random()
    if draw > 0.3 or leaf.area < 22_000.0:
        return leaf
    small = draw > 0.17
    wanted = fabric.rng.uniform(3_500, 5_500) if small else fabric.rng.uniform(11_000, 24_000)
    halves = _parted(fabric, leaf, min((2.6 if small else 1.0) * wanted / leaf.area, 0.6))
    if halves is None:
        return leaf
    end, rest = sorted(halves, key=lambda half: half.area)
    corner = _parted(fabric, end, 0.38) if small else None
    fabric.parcels.append(Parcel(min(corner, key=lambda half: half.area) if corner else end, "campus"))
    if corner:
        fabric.parcels.append(Parcel(max(corner, key=lambda half: half.area), "commerce"))
    return rest


def _parted(fabric: Fabric, face: Polygon, share: float) -> tuple[Polygon, Polygon] | None:
    """Part ground across its longer side with no street between."""
    chord = _chord(face, fabric.rng, share if fabric.rng.random() < 0.5 else 1.0 - share)
    halves = (
        list(polygonize(shapely.union_all([face.exterior, _stretched(chord)]))) if chord is not None else []
    )
    return (Polygon(halves[0].exterior), Polygon(halves[1].exterior)) if len(halves) == 2 else None


def wall(fabric: Fabric, leaf: Polygon) -> None:
    """Make a walled estate: a loop drive inside, two or three gates to the streets around."""
    name = fabric.site.names.estate()
    fabric.parcels.append(Parcel(leaf, "estate", name))
    inner = leaf.buffer(-34.0, join_style="mitre", mitre_limit=2.0)
    if not isinstance(inner, Polygon) or inner.area < 3_500.0:
        stub(fabric, leaf, float(fabric.rng.uniform(35, 60)), "service")
        return
    loop = shapely.simplify(inner, 7.0)
    fabric.skeleton.lines.append(Line(LineString(loop.exterior.coords), "service", 0))
    for _ in range(2 if inner.area > 45_000.0 else 1 if inner.area > 20_000.0 else 0):
        chord = _chord(loop, fabric.rng, None)
        if chord is not None and chord.length > 40.0:
            fabric.skeleton.lines.append(Line(_stretched(chord), "service", 0))
    _gates(fabric, leaf, loop)


def _stretched(chord: LineString) -> LineString:
    return _extend(np.asarray(chord.coords)[[0, -1]], OVERSHOOT_M)


def _extend(ends: Floats, by: float) -> LineString:
    unit = (ends[1] - ends[0]) / np.hypot(*(ends[1] - ends[0]))
    return LineString([ends[0] - by * unit, ends[1] + by * unit])


def _gates(fabric: Fabric, leaf: Polygon, loop: Polygon) -> None:
    """Join the loop to the street at the middle of two or three of its sides."""
    corners = np.asarray(loop.exterior.coords)
    sides = np.hypot(*np.diff(corners, axis=0).T)
    for side in np.argsort(-sides, kind="stable")[: int(fabric.rng.integers(2, 4))]:
        middle = corners[side] + fabric.rng.uniform(0.35, 0.65) * (corners[side + 1] - corners[side])
        outside = shapely.shortest_line(Point(middle), leaf.exterior)
        ends = np.asarray(outside.coords)
        if 5.0 < outside.length < 60.0:
            fabric.skeleton.lines.append(Line(_extend(ends, OVERSHOOT_M), "service", 0))


def _industry(fabric: Fabric, face: Polygon) -> None:
    for leaf in _split(fabric, face, TARGET_M2["industry"], "tertiary", "local"):
        for _ in range(int(fabric.rng.integers(1, 4))):
            stub(fabric, leaf, float(fabric.rng.uniform(60, 130)), "service")
        fabric.parcels.append(Parcel(leaf, "industry"))


def _park(fabric: Fabric, face: Polygon) -> None:
    fabric.parcels.append(Parcel(face, "park", fabric.site.names.stem() + "公园"))
    inner = face.buffer(-30.0)
    if isinstance(inner, Polygon) and inner.area > 4_000.0:
        loop = shapely.simplify(inner, 3.0)
        fabric.skeleton.lines.append(Line(LineString(loop.exterior.coords), "footway", 0, foot="path"))
        for _ in range(3):
            chord = _chord(face, fabric.rng, float(fabric.rng.uniform(0.25, 0.75)))
            if chord is not None:
                fabric.skeleton.lines.append(Line(_stretched(chord), "footway", 0, foot="path"))


def _country(fabric: Fabric, face: Polygon) -> None:
    fabric.parcels.extend(
        Parcel(leaf, "country")
        for leaf in _split(fabric, face, fabric.site.plan.country_m2, "tertiary", "local")
    )


_FILL = {
    "old": _old,
    "commerce": _commerce,
    "estate": _estate,
    "industry": _industry,
    "park": _park,
    "country": _country,
}
