"""Key points: schools with campuses and gates, markets, hospitals, metro, bus stops, toilets."""

from dataclasses import dataclass, field
from typing import Any

import geopandas as gpd
import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry import Point, Polygon

from data.demo.ground import Ground
from data.demo.ground.fabric import Parcel, corners
from data.demo.ground.kerb import beside, tree_of
from data.demo.ground.network import RANK, Ints
from data.demo.names import pinyin
from data.demo.plane import PLANE, Floats

Row = dict[str, Any]


@dataclass
class Places:
    """Key points and gates as rows; `used` are parcels that a key point occupies."""

    points: list[Row] = field(default_factory=list)
    gates: list[Row] = field(default_factory=list)
    used: set[int] = field(default_factory=set)

    def add(self, county: str, kind: str, name: str, shape: Any, **more: Any) -> str:
        """Add a key point and return its id."""
        source_id = f"{county}K{len(self.points) + 1:05d}"
        row = {"source_id": source_id, "kind": kind, "name": name, "name_pinyin": pinyin(name), **more}
        self.points.append({**row, "geometry": shape})
        return source_id

    def frames(self) -> tuple[gpd.GeoDataFrame, gpd.GeoDataFrame]:
        """Return key points and gates."""
        points = gpd.GeoDataFrame(self.points, geometry="geometry", crs=PLANE)
        points["shop_id"] = points["shop_id"].fillna("") if "shop_id" in points else ""
        return points, gpd.GeoDataFrame(self.gates, geometry="geometry", crs=PLANE)


def found(ground: Ground) -> Places:
    """Put the key points that have ground or a stop of their own into the district."""
    places = Places()
    _schools(ground, places)
    for kind, count, uses, tail, limit_m2 in (
        ("hospital", ground.size.hospitals, ("commerce", "town", "estate"), "医院", 30_000.0),
        ("market", ground.size.markets, ("commerce", "old", "town", "village"), "农贸市场", 9_000.0),
        ("parking", ground.size.parking_lots, ("commerce", "industry", "town", "old"), "停车场", 3_000.0),
    ):
        _sites(ground, places, kind, count=count, uses=uses, tail=tail, limit_m2=limit_m2)
    _supermarkets(ground, places)
    _metro(ground, places)
    _stops(ground, places)
    _toilets(ground, places)
    return places


def _schools(ground: Ground, places: Places) -> None:
    """Give the largest grounds to secondary schools, the next to primary schools, then kindergartens."""
    size = ground.size
    wanted = [
        ("secondary", size.secondaries),
        ("primary", size.primaries),
        ("kindergarten", size.kindergartens),
    ]
    total = sum(count for _, count in wanted)
    campuses = [n for n, parcel in enumerate(ground.parcels) if parcel.use == "campus"]
    spare = [
        n
        for n, p in enumerate(ground.parcels)
        if p.use in ("village", "old", "commerce", "town") and p.shape.area > 3500
    ]
    extra = ground.site.rng.permutation(spare)[: max(0, total - len(campuses))].tolist()
    order = sorted(campuses + extra, key=lambda n: -ground.parcels[n].shape.area)
    order = [n for n in order if ground.parcels[n].shape.buffer(-4.0).geom_type == "Polygon"]
    small_end = order[len(order) - size.kindergartens :]
    for kind, count in wanted:
        for n in order[:count] if kind != "kindergarten" else small_end:
            _school(ground, places, n, kind)
        order = order[count:]


def _school(ground: Ground, places: Places, number: int, kind: str) -> None:
    rng, stem = ground.site.rng, ground.site.names.stem()
    tail = {"secondary": "中学", "primary": "小学", "kindergarten": "幼儿园"}[kind]
    limit = {"secondary": 42_000.0, "primary": 22_000.0, "kindergarten": 6_500.0}[kind]
    parcel = ground.parcels[number]
    campus = _fitted(parcel.shape.buffer(-4.0, join_style="mitre"), limit)
    places.used.add(number)
    school = places.add(ground.county, kind, stem + tail, campus)
    kinds = {
        "secondary": ["main", "student", "side", "fire_exit"],
        "primary": ["main", "student", "fire_exit"],
        "kindergarten": ["main", "fire_exit"],
    }[kind]
    spots = gate_spots(ground, campus, len(kinds) if rng.random() < 0.8 else len(kinds) - 1)
    for n, (spot, gate) in enumerate(zip(spots, kinds, strict=False)):
        places.gates.append(
            {
                "source_id": f"{school}G{n + 1}",
                "key_point_source_id": school,
                "kind": gate,
                "geometry": Point(spot),
            }
        )


def _fitted(shape: Polygon, limit_m2: float) -> Polygon:
    """Return the part of a shape nearest its first corner that is no larger than the limit."""
    if shape.area <= limit_m2:
        return shape
    box = corners(shape)
    sides = (box[1] - box[0], box[3] - box[0])
    long = 0 if np.hypot(*sides[0]) > np.hypot(*sides[1]) else 1
    reach = sides[long] * limit_m2 / shape.area
    across = sides[1 - long]
    part = shape.intersection(Polygon([box[0], box[0] + reach, box[0] + reach + across, box[0] + across]))
    return Polygon(max(shapely.get_parts(part), key=lambda one: one.area))


def gate_spots(ground: Ground, shape: Polygon, count: int) -> list[Floats]:
    """Return places on a boundary that face a street, far from each other, the widest street first."""
    side = shape.exterior
    at = np.arange(6.0, side.length, 6.0)
    spots = shapely.line_interpolate_point(side, at)
    ranks = ground.streets["class"].map(RANK).to_numpy()
    open_streets = np.flatnonzero(
        (ranks >= RANK["primary"]) & (ranks <= RANK["service"]) & (ground.streets["layer"] == 0).to_numpy()
    )
    tree = shapely.STRtree(ground.streets.geometry.to_numpy()[open_streets])
    street = open_streets[tree.nearest(spots)]
    distance = shapely.distance(spots, ground.streets.geometry.to_numpy()[street])
    xy = shapely.get_coordinates(spots)
    corner = np.array([np.hypot(*(np.asarray(side.coords) - p).T).min() for p in xy])
    preference = (
        np.where(distance < 26.0, 0.0, 50.0)
        + ranks[street]
        + np.where(corner < 18.0, 6.0, 0.0)
        + distance / 100.0
    )
    chosen: list[Floats] = []
    gap = side.length / (count + 2.5)
    for n in np.argsort(preference, kind="stable"):
        if all(np.hypot(*(xy[n] - other)) > gap for other in chosen):
            chosen.append(xy[n])
        if len(chosen) == count:
            break
    return chosen


def _sites(
    ground: Ground,
    places: Places,
    kind: str,
    *,
    count: int,
    uses: tuple[str, ...],
    tail: str,
    limit_m2: float,
) -> None:
    """Put key points with grounds of their own on free parcels."""
    free = [
        n
        for n, p in enumerate(ground.parcels)
        if p.use in uses and n not in places.used and p.shape.area > limit_m2 / 4
    ]
    ordered = sorted(
        ground.site.rng.permutation(free).tolist(), key=lambda n: uses.index(ground.parcels[n].use) // 2
    )
    for n in ordered[:count]:
        parcel: Parcel = ground.parcels[n]
        inner = parcel.shape.buffer(-7.0, join_style="mitre")
        if inner.geom_type != "Polygon" or inner.area < 400.0:
            continue
        shape = _fitted(inner, limit_m2 * float(ground.site.rng.uniform(0.5, 1.0)))
        places.used.add(n)
        name = ground.site.names.stem() + ("中医" * (kind == "hospital" and n % 5 == 0)) + tail
        owner = places.add(ground.county, kind, name, shape)
        if kind != "parking":
            for k, spot in enumerate(gate_spots(ground, shape, 2)):
                gate = {
                    "source_id": f"{owner}G{k + 1}",
                    "key_point_source_id": owner,
                    "kind": "main" if k == 0 else "side",
                }
                places.gates.append({**gate, "geometry": Point(spot)})


def kerb_spots(
    ground: Ground, kinds: tuple[str, ...], every_m: float, offset_m: float
) -> tuple[Ints, Floats, Ints, Floats]:
    """Return streets, chainages, sides and points about every so many metres beside streets of some kinds."""
    rng, lengths = ground.site.rng, ground.network.lengths
    numbers = np.flatnonzero(
        ground.streets["class"].isin(kinds).to_numpy() & (ground.streets["layer"] == 0).to_numpy()
    )
    count = rng.poisson(lengths[numbers] / every_m)
    street = np.repeat(numbers, count)
    chainage = rng.uniform(0.15, 0.85, len(street)) * lengths[street]
    one_way = ground.streets["one_way"].to_numpy()[street]
    side = np.where(one_way, -1, rng.choice([-1, 1], len(street)))
    width = ground.streets["width_m"].to_numpy()[street]
    points = beside(ground.streets.geometry.to_numpy()[street], chainage, side, width / 2 + offset_m)
    return street, chainage, side, points


def _thin(points: Floats, gap_m: float) -> Ints:
    """Return the numbers of points, first come first kept, that stay apart."""
    kept: list[int] = []
    tree = tree_of(points)
    dropped = np.zeros(len(points), dtype=bool)
    for n in range(len(points)):
        if not dropped[n]:
            kept.append(n)
            dropped[tree.query(Point(points[n]), predicate="dwithin", distance=gap_m)] = True
    return np.array(kept, dtype=np.int64)


def _supermarkets(ground: Ground, places: Places) -> None:
    _, _, _, points = kerb_spots(ground, ("secondary", "tertiary", "residential"), 400.0, 14.0)
    for n in _thin(points, 350.0)[: ground.size.supermarkets]:
        places.add(ground.county, "supermarket", ground.site.names.shop("超市"), Point(points[n]))


def _metro(ground: Ground, places: Places) -> None:
    """Put metro stations under main roads, each with entrances at the four corners."""
    street, _, _, points = kerb_spots(ground, ("primary",), 300.0, 6.0)
    inside = Point(ground.site.spot(0, 0)).buffer(1.1 * ground.size.plan.core_x)
    kept = [n for n in _thin(points, 850.0).tolist() if inside.contains(Point(points[n]))]
    for n in kept[: ground.size.metro]:
        name = ground.streets["name"].iloc[street[n]].removesuffix("大街").removesuffix("大道") + "站"
        station = places.add(ground.county, "metro", name, Point(points[n]))
        for k, (dx, dy) in enumerate(((0.0, 0.0), (34.0, 10.0), (-30.0, 18.0))):
            spot = Point(points[n] + np.array([dx, dy]))
            gate = {"source_id": f"{station}G{k + 1}", "key_point_source_id": station, "kind": "entrance"}
            places.gates.append({**gate, "geometry": spot})


def _stops(ground: Ground, places: Places) -> None:
    street, _, _, points = kerb_spots(ground, ("primary", "secondary", "tertiary"), 260.0, 1.5)
    for n in _thin(points, 190.0):
        name = ground.streets["name"].iloc[street[n]] or ground.name
        places.add(ground.county, "bus_stop", name + "站", Point(points[n]))


def _toilets(ground: Ground, places: Places) -> None:
    kinds = ("tertiary", "residential", "living_street", "secondary")
    _, _, _, points = kerb_spots(ground, kinds, 350.0, 5.0)
    for n in _thin(points, 260.0)[: ground.size.toilets]:
        places.add(ground.county, "toilet", "公共厕所", Point(points[n]))


def gate_points(places: Places, kinds: tuple[str, ...]) -> tuple[Floats, NDArray[np.object_]]:
    """Return the gates of key points of some kinds, without fire exits, and the key points' ids."""
    owners = {row["source_id"] for row in places.points if row["kind"] in kinds}
    gates = [
        gate for gate in places.gates if gate["key_point_source_id"] in owners and gate["kind"] != "fire_exit"
    ]
    points = np.array([[gate["geometry"].x, gate["geometry"].y] for gate in gates]).reshape(-1, 2)
    return points, np.array([gate["key_point_source_id"] for gate in gates], dtype=object)
