"""The bones of a district: river, railway, ring road, main and secondary streets."""

from dataclasses import dataclass, field, replace

import numpy as np
import shapely
from shapely.geometry import LineString, Point, Polygon
from shapely.geometry.base import BaseGeometry

from data.demo.names import Names
from data.demo.plane import Floats, bend
from data.demo.sizes import Plan

RIVER_HALF_M = 30.0
EMBANKMENT_M = 46.0
BRIDGE_HALF_M = 38.0
RAIL_LANE_M = 28.0
UNDERPASS_HALF_M = 40.0
CARRIAGEWAY_M = {"trunk": 10.5, "primary": 9.5}
"""Offset of each carriageway's centre line from the middle of a dual road."""


@dataclass(frozen=True)
class Line:
    """One street line before it is cut at intersections."""

    shape: LineString
    kind: str
    street: int
    one_way: bool = False
    layer: int = 0
    bridge: bool = False
    tunnel: bool = False
    foot: str = ""


@dataclass
class Skeleton:
    """Everything the fabric is woven between; shapes in metres on the plane."""

    boundary: Polygon
    river: Polygon
    river_middle: LineString
    railway: LineString
    lines: list[Line] = field(default_factory=list)
    duals: list[tuple[LineString, str]] = field(default_factory=list)
    street_names: dict[int, str] = field(default_factory=dict)

    def new_street(self, name: str) -> int:
        """Return the number of a new street of that name; the empty name is street 0."""
        if not name:
            return 0
        number = len(self.street_names) + 1
        self.street_names[number] = name
        return number


@dataclass(frozen=True)
class Site:
    """A plan put at its place: the plan, the place of its centre and its random numbers."""

    plan: Plan
    at: tuple[float, float]
    rng: np.random.Generator
    names: Names

    def place(self, points: list[tuple[float, float]] | Floats, step: float = 45.0) -> LineString:
        """Return the line through plan points, densified, bent and set on the plane."""
        line = shapely.segmentize(LineString(np.asarray(points, float) + np.asarray(self.at)), step)
        return LineString(bend(shapely.get_coordinates(line), bend_m=self.plan.bend_m))

    def spot(self, x: float, y: float) -> Floats:
        """Return one plan point on the plane."""
        return np.asarray(bend(np.array([[x + self.at[0], y + self.at[1]]]), bend_m=self.plan.bend_m)[0])


def draw(site: Site) -> Skeleton:
    """Draw the bones of one district.

    Main streets are two one-way carriageways; they bridge the river and pass under the railway. Most
    secondary streets end at the embankment or at the lane beside the railway.
    """
    plan = site.plan
    corners = _frame(plan)
    boundary = Polygon(site.place([*corners, corners[0]]).coords)
    middle = _river(site)
    skeleton = Skeleton(
        boundary=boundary,
        river=_largest(middle.buffer(RIVER_HALF_M, cap_style="flat").intersection(boundary)),
        river_middle=middle,
        railway=_railway(site),
    )
    _add_ring(site, skeleton)
    _add_mains(site, skeleton)
    _add_flyovers(site, skeleton)
    _add_secondaries(site, skeleton)
    _add_banks(site, skeleton)
    _add_roundabouts(site, skeleton)
    return skeleton


def _largest(shape: BaseGeometry) -> Polygon:
    return Polygon(max(shapely.get_parts(shape), key=lambda part: part.area))


def _frame(plan: Plan) -> list[tuple[float, float]]:
    x, y = plan.half_x, plan.half_y
    return [(-x, -y), (x, -y), (x, y), (-x, y)]


def _wave(site: Site, along: Floats, half: float, amplitude: float) -> Floats:
    """Return a smooth random wave that is still at both ends."""
    waves = sum(
        site.rng.normal() * np.sin(np.pi * k * (along + half) / (2 * half) + site.rng.uniform(0, 6.3)) / k
        for k in (2, 3, 5, 7)
    )
    return np.asarray(amplitude * waves * np.clip(np.cos(np.pi * along / (2 * half)), 0.0, None) ** 0.7)


def _river(site: Site) -> LineString:
    half = site.plan.half_x
    x = np.linspace(-half, half, 90)
    y = site.plan.river_y + _wave(site, x, half, 0.1 * half)
    return site.place(np.column_stack([x, y]))


def _railway(site: Site) -> LineString:
    half = site.plan.half_y
    y = np.linspace(-half, half, 40)
    x = site.plan.railway_x + 0.035 * half * np.sin(np.pi * (y + half) / (2 * half)) ** 2
    return site.place(np.column_stack([x, y]))


def _add_mains(site: Site, skeleton: Skeleton) -> None:
    plan = site.plan
    for eastward, positions in ((False, plan.mains_x), (True, plan.mains_y)):
        through = _through(positions, plan.through)
        for position in positions:
            half = (plan.half_x if eastward else plan.half_y) if position in through else None
            core = plan.core_x if eastward else plan.core_y
            reach = half or core + 60.0
            along = np.linspace(-reach, reach, 60)
            across = position + _wave(site, along, reach, 0.012 * reach)
            points = np.column_stack([along, across] if eastward else [across, along])
            _add_dual(site, skeleton, points, "primary", level="main", eastward=eastward, inside=half is None)


def _through(positions: tuple[float, ...], count: int) -> set[float]:
    return set(sorted(positions, key=abs)[:count])


def _add_dual(
    site: Site,
    skeleton: Skeleton,
    points: Floats,
    kind: str,
    *,
    level: str,
    eastward: bool,
    name: str = "",
    inside: bool = False,
) -> None:
    middle = shapely.simplify(site.place(points), 0.4)
    if inside:  # the road ends just beyond the ring's outer carriageway
        middle = max(lines_of(middle.intersection(built_up(site, skeleton))), key=lambda part: part.length)
    skeleton.duals.append((middle, kind))
    street = skeleton.new_street(name or site.names.street(level=level, eastward=eastward))
    for sign in (-1.0, 1.0):
        carriageway = LineString(shapely.offset_curve(middle, sign * CARRIAGEWAY_M[kind]).coords)
        if sign > 0:  # traffic keeps to the right, so the left carriageway runs the other way
            carriageway = LineString(carriageway.coords[::-1])
        _add_crossing_line(skeleton, Line(carriageway, kind, street, one_way=True))


def _add_crossing_line(skeleton: Skeleton, line: Line) -> None:
    """Add a line that bridges the river and passes under the railway."""
    water = skeleton.river_middle.buffer(BRIDGE_HALF_M)
    rails = skeleton.railway.buffer(UNDERPASS_HALF_M)
    dry = line.shape.difference(shapely.union(water, rails))
    parts: list[tuple[BaseGeometry, Line]] = [
        (dry, line),
        (line.shape.intersection(water), replace(line, layer=1, bridge=True)),
        (line.shape.intersection(rails).difference(water), replace(line, layer=-1, tunnel=True)),
    ]
    for shape, like in parts:
        skeleton.lines.extend(replace(like, shape=piece) for piece in lines_of(shape))


def lines_of(shape: BaseGeometry) -> list[LineString]:
    """Return the line strings in a geometry, in order, without its points and crumbs."""
    parts = [part for part in shapely.get_parts(shapely.line_merge(shape)) if part.geom_type == "LineString"]
    return sorted((part for part in parts if part.length > 1.0), key=lambda part: part.coords[0])


def _add_ring(site: Site, skeleton: Skeleton) -> None:
    if not site.plan.ring:
        return
    angles = np.linspace(0.0, 2 * np.pi, 241)
    power = 2.0 / 3.4
    x = site.plan.core_x * np.sign(np.cos(angles)) * np.abs(np.cos(angles)) ** power
    y = site.plan.core_y * np.sign(np.sin(angles)) * np.abs(np.sin(angles)) ** power
    name = site.names.stem() + "环路"
    for half in (slice(0, 121), slice(120, 241)):  # two halves: an offset of a closed line would not close
        _add_dual(
            site, skeleton, np.column_stack([x, y])[half], "trunk", level="main", eastward=False, name=name
        )


def _add_flyovers(site: Site, skeleton: Skeleton) -> None:
    """Lift the ring road over some of the main roads that leave the town, with a slip road in each corner."""
    ring = shapely.union_all([middle for middle, kind in skeleton.duals if kind == "trunk"])
    for middle, kind in skeleton.duals:
        if kind == "trunk" or not middle.length > 2.4 * site.plan.core_x:
            continue
        points = shapely.get_parts(middle.intersection(ring))
        for point in sorted(points, key=lambda p: (p.x, p.y)):
            clear = min(point.distance(skeleton.river_middle), point.distance(skeleton.railway)) > 330.0
            if clear and site.rng.random() < 0.6:
                _fly_over(skeleton, point, ring, middle)


def _fly_over(skeleton: Skeleton, point: Point, ring: BaseGeometry, middle: LineString) -> None:
    disc = point.buffer(48.0)
    trunks = [line for line in skeleton.lines if line.kind == "trunk"]
    primaries = [line for line in skeleton.lines if line.kind == "primary"]
    skeleton.lines = [line for line in skeleton.lines if line.kind != "trunk"]
    for line in trunks:
        for shape, layer in ((line.shape.difference(disc), line.layer), (line.shape.intersection(disc), 1)):
            skeleton.lines.extend(
                replace(line, shape=part, layer=layer, bridge=layer == 1) for part in lines_of(shape)
            )
    centre = np.array([point.x, point.y])
    along, out = (_tangent(shape, point) for shape in (ring, middle))
    street = 0
    for a in (-1.0, 1.0):
        for b in (-1.0, 1.0):
            start = _on_nearest(trunks, centre + 165.0 * a * along + 10.0 * b * out)
            end = _on_nearest(primaries, centre + 125.0 * b * out + 10.0 * a * along)
            leaving = (
                float(np.dot(start[1], a * along)) < 0.0
            )  # traffic comes towards the crossing: it leaves here
            points = np.array(
                [start[0], (start[0] + end[0]) / 2 + 0.16 * (centre - (start[0] + end[0]) / 2), end[0]]
            )
            ramp = overrun(LineString(points if leaving else points[::-1]), 1.0)
            skeleton.lines.append(Line(ramp, "trunk_link", street, one_way=True))


def _tangent(shape: BaseGeometry, point: Point) -> Floats:
    """Return the direction of a line where it passes a point."""
    near = shapely.intersection(shape, point.buffer(60.0).exterior)
    ends = shapely.get_coordinates(near)
    along = ends[-1] - ends[0]
    return np.asarray(along / np.hypot(*along))


def _on_nearest(lines: list[Line], at: Floats) -> tuple[Floats, Floats]:
    """Return the point of the nearest line and the direction of traffic there."""
    point = Point(at)
    line = min(lines, key=lambda one: one.shape.distance(point)).shape
    where = line.project(point)
    here = np.asarray(line.interpolate(where).coords[0])
    ahead = np.asarray(line.interpolate(min(where + 5.0, line.length)).coords[0])
    behind = np.asarray(line.interpolate(max(where - 5.0, 0.0)).coords[0])
    return here, (ahead - behind) / 10.0


def _add_secondaries(site: Site, skeleton: Skeleton) -> None:
    plan = site.plan
    core = built_up(site, skeleton)
    mains = shapely.union_all([middle for middle, _ in skeleton.duals])
    for eastward in (False, True):
        positions = plan.mains_y if eastward else plan.mains_x
        edge, reach = (plan.core_y, plan.core_x) if eastward else (plan.core_x, plan.core_y)
        for position in _between(positions, edge, plan.secondary_gap):
            along = np.linspace(-reach - 60.0, reach + 60.0, 70)
            across = position + _wave(site, along, reach + 60.0, 0.006 * reach)
            line = site.place(np.column_stack([along, across] if eastward else [across, along]))
            _add_secondary(site, skeleton, lines_of(line.intersection(core)), mains, eastward)


def built_up(site: Site, skeleton: Skeleton) -> Polygon:
    """Return the area inside the ring road, or the plan's core where there is none."""
    ring = [middle for middle, kind in skeleton.duals if kind == "trunk"]
    if not ring:
        return _core(site)
    return Polygon(np.vstack([shapely.get_coordinates(half) for half in ring])).buffer(
        CARRIAGEWAY_M["trunk"] + 3.0
    )


def _between(mains: tuple[float, ...], edge: float, gap: float) -> list[float]:
    """Return even positions between neighbouring mains, about `gap` apart."""
    positions: list[float] = []
    for low, high in zip((-edge, *mains), (*mains, edge), strict=True):
        count = max(1, round((high - low) / gap))
        positions.extend(low + (high - low) * k / count for k in range(1, count))
    return positions


def _add_secondary(
    site: Site, skeleton: Skeleton, lines: list[LineString], mains: BaseGeometry, eastward: bool
) -> None:
    """Add one secondary street; it leaves out some spaces between mains and goes on under a new name."""
    kind = "secondary" if site.rng.random() < 0.42 else "tertiary"
    crossing = kind == "secondary" and site.rng.random() < 0.55
    street = 0
    for line in lines:
        for part in lines_of_split(line, mains):
            if site.rng.random() < 0.17:
                street = 0
                continue
            street = street or skeleton.new_street(site.names.street(level="secondary", eastward=eastward))
            over = 14.0 if site.rng.random() < 0.5 else 1.0
            _add_local(skeleton, Line(shapely.simplify(overrun(part, over), 0.4), kind, street), crossing)


def lines_of_split(line: LineString, by: BaseGeometry) -> list[LineString]:
    """Return the parts of a line between its crossings with `by`, in the order of the line."""
    parts = [part for part in shapely.get_parts(line.difference(by)) if part.length > 30.0]
    return sorted(parts, key=lambda part: line.project(part.interpolate(0.5, normalized=True)))


def overrun(line: LineString, by: float) -> LineString:
    """Return the line made longer at both ends."""
    points = shapely.get_coordinates(line)
    first, last = points[0] - points[1], points[-1] - points[-2]
    head = points[0] + by * first / np.hypot(*first)
    return LineString(np.vstack([head, points, points[-1] + by * last / np.hypot(*last)]))


def _add_local(skeleton: Skeleton, line: Line, crossing: bool) -> None:
    along = line.shape.intersection(
        shapely.union(skeleton.river_middle.buffer(BRIDGE_HALF_M), skeleton.railway.buffer(UNDERPASS_HALF_M))
    )
    if crossing and along.length < 150.0:  # a bridge crosses; it does not run along the water
        _add_crossing_line(skeleton, line)
        return
    # two metres short of the embankment's middle and no more: the stub behind it is pruned later
    barrier = shapely.union(
        skeleton.river_middle.buffer(EMBANKMENT_M - 2.0), skeleton.railway.buffer(RAIL_LANE_M - 2.0)
    )
    skeleton.lines.extend(
        replace(line, shape=part) for part in lines_of(line.shape.difference(barrier)) if part.length > 60.0
    )


def _add_banks(site: Site, skeleton: Skeleton) -> None:
    """Add the embankment roads and the lanes beside the railway, each named inside the built-up core."""
    core = _core(site)
    river = site.names.stem() + "河"
    for middle, distance, kind, stem in (
        (skeleton.river_middle, EMBANKMENT_M, "tertiary", river),
        (skeleton.railway, RAIL_LANE_M, "residential", ""),
    ):
        for sign, side in ((1.0, "北" if stem else "西"), (-1.0, "南" if stem else "东")):
            bank = shapely.offset_curve(middle, sign * distance, quad_segs=4)
            name = f"{stem}{side}路" if stem else site.names.street(level="local", eastward=False)
            street = skeleton.new_street(name)
            other = skeleton.railway if stem else skeleton.river_middle
            gap = other.buffer(RAIL_LANE_M - 2.0 if stem else EMBANKMENT_M - 2.0)
            for part in lines_of(bank.intersection(core).difference(gap)):
                skeleton.lines.append(Line(shapely.simplify(part, 0.4), kind, street))
            for part in lines_of(bank.difference(core).intersection(skeleton.boundary).difference(gap)):
                skeleton.lines.append(Line(shapely.simplify(part, 0.4), "unclassified", 0))


def _core(site: Site) -> Polygon:
    x, y = site.plan.core_x, site.plan.core_y
    ring = site.place([(-x, -y), (x, -y), (x, y), (-x, y), (-x, -y)])
    return Polygon(ring.coords)


def _add_roundabouts(site: Site, skeleton: Skeleton, count: int = 5) -> None:
    """Put small islands where two undivided secondary streets cross on open ground."""
    plain = [
        n
        for n, line in enumerate(skeleton.lines)
        if line.kind in ("secondary", "tertiary") and not line.layer
    ]
    shapes = [skeleton.lines[n].shape for n in plain]
    first, second = shapely.STRtree(shapes).query(shapes, predicate="crosses")
    crossings = [shapes[a].intersection(shapes[b]) for a, b in zip(first, second, strict=True) if a < b]
    points = sorted((p.x, p.y) for p in crossings if isinstance(p, Point))
    busy = shapely.union_all([middle for middle, _ in skeleton.duals] + [skeleton.river, skeleton.railway])
    open_points = [p for p in points if Point(p).distance(busy) > 120.0]
    if not open_points:
        return
    chosen = site.rng.choice(len(open_points), size=min(count, 1 + len(open_points) // 9), replace=False)
    for number in sorted(chosen):
        _island(skeleton, Point(open_points[number]), 17.0 + 3.0 * float(site.rng.integers(0, 4)))


def _island(skeleton: Skeleton, centre: Point, radius: float) -> None:
    disc = centre.buffer(radius - 1.0)
    skeleton.lines = [
        replace(line, shape=part)
        for line in skeleton.lines
        for part in (lines_of(line.shape.difference(disc)) if line.shape.intersects(disc) else [line.shape])
    ]
    angles = np.linspace(0.0, 2 * np.pi, 33)
    circle = np.column_stack([centre.x + radius * np.cos(angles), centre.y + radius * np.sin(angles)])
    for half in (slice(0, 17), slice(16, 33)):
        skeleton.lines.append(Line(LineString(circle[half]), "tertiary", 0, one_way=True))
