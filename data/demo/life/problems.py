"""What goes wrong in the streets: kinds with their own birth and death rates, and the planted spots."""

from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray

from data.demo.ground import Ground
from data.demo.ground.kerb import tree_of, uses_beside
from data.demo.plane import Floats
from data.demo.town.areas import Areas
from data.demo.town.places import Places, gate_points

SCHEME = "gbt30428-2013-event"
PARTS_SCHEME = "gbt30428-2013-part"


@dataclass(frozen=True)
class Kind:
    """A kind of problem: how often it arises, how long it stays by itself, how well it is seen.

    `births` per km of street and day where its factors are 1; `life_h` mean hours until it vanishes unaided;
    `seen` chance that an attentive inspector on the same side reports it; `limit_h` usual time to rectify;
    `hours` when it can be there (None: always); `near` the places it gathers around.
    """

    key: str
    scheme: str
    code: str
    name: str
    births: float
    life_h: float
    seen: float
    limit_h: float
    uses: tuple[str, ...]
    hours: tuple[float, float] | None = None
    near: str = ""


KINDS = (
    Kind("piling", SCHEME, "0136", "乱堆物堆料", 0.055, 200, 0.55, 24, ("old", "estate", "village", "town")),
    Kind("small_ads", SCHEME, "0201", "非法小广告", 0.07, 260, 0.4, 24, ("old", "estate", "commerce")),
    Kind("dirty_road", SCHEME, "0112", "道路不洁", 0.16, 26, 0.5, 2, ("commerce", "old", "industry", "town")),
    Kind(
        "exposed_waste", SCHEME, "0110", "暴露垃圾", 0.12, 40, 0.65, 4, ("estate", "old", "village", "town")
    ),
    Kind(
        "broken_road",
        SCHEME,
        "0113",
        "道路破损",
        0.02,
        900,
        0.5,
        120,
        ("industry", "village", "commerce", "country"),
    ),
    Kind("illegal_shed", SCHEME, "0101", "私搭乱建", 0.008, 2500, 0.45, 360, ("old", "village", "town")),
    Kind("drying", SCHEME, "0107", "沿街晾挂", 0.08, 14, 0.4, 4, ("old", "estate")),
    Kind("dirty_green", SCHEME, "0117", "绿地脏乱", 0.04, 150, 0.4, 24, ("estate", "commerce", "park")),
    Kind(
        "bicycles",
        SCHEME,
        "0410",
        "非机动车乱停放",
        0.6,
        6,
        0.45,
        2,
        ("commerce", "old", "estate"),
        (7, 22),
        "metro",
    ),
    Kind(
        "cars",
        SCHEME,
        "0409",
        "机动车乱停放",
        0.45,
        5,
        0.45,
        2,
        ("commerce", "estate", "old", "town"),
        (7, 23),
    ),
    Kind("overflow", SCHEME, "0405", "店外经营", 0.42, 7, 0.6, 2, ("commerce", "old", "town"), (8, 21)),
    Kind(
        "road_trade",
        SCHEME,
        "0406",
        "占道经营",
        0.14,
        5,
        0.65,
        2,
        ("commerce", "old", "town"),
        (6, 20),
        "market",
    ),
    Kind(
        "vendor",
        SCHEME,
        "0401",
        "无照经营游商",
        0.1,
        1.6,
        0.7,
        2,
        ("commerce", "old", "estate"),
        (7, 20),
        "market",
    ),
    Kind("bell_vendor", SCHEME, "0401", "无照经营游商", 0.0, 0.9, 0.75, 2, (), None, "school"),
    Kind(
        "night_grill",
        SCHEME,
        "0129",
        "露天烧烤",
        0.12,
        3.2,
        0.75,
        2,
        ("commerce", "old", "town"),
        (18.5, 23.5),
        "market",
    ),
    Kind(
        "cover",
        PARTS_SCHEME,
        "0102",
        "污水井盖",
        0.012,
        700,
        0.4,
        48,
        ("commerce", "estate", "industry", "old"),
    ),
    Kind("bin", PARTS_SCHEME, "0305", "垃圾箱", 0.02, 300, 0.5, 48, ("commerce", "estate", "old")),
)
"""Rates are guesses at an ordinary district, scaled to some ten thousand findings in a campaign month."""

BY_CLASS = {
    "trunk": 0.15,
    "trunk_link": 0.0,
    "primary": 0.8,
    "secondary": 1.0,
    "tertiary": 1.0,
    "residential": 1.0,
    "living_street": 1.2,
    "service": 0.5,
    "unclassified": 0.35,
    "track": 0.06,
}
SPOT_KINDS = {
    "stalls": ("road_trade", "overflow", "vendor", "night_grill", "exposed_waste"),
    "waste": ("exposed_waste", "piling", "small_ads", "dirty_road", "drying"),
}
SPOT_TIMES = 5.0


@dataclass(frozen=True)
class Spot:
    """A planted spot: a disc on the plane; a false one only draws patrols."""

    spot_id: str
    x: float
    y: float
    radius_m: float
    times: float
    kinds: tuple[str, ...]

    @property
    def true(self) -> bool:
        """Whether more goes wrong there."""
        return self.times > 1.0


@dataclass(frozen=True)
class Rates:
    """Births per day of every kind (column) on every street piece (row), spots, and favourite streets."""

    births: Floats
    spots: list[Spot]
    favourite: NDArray[np.bool_]
    school_streets: NDArray[np.int64]


def set_rates(ground: Ground, areas: Areas, places: Places) -> Rates:
    """Draw the true rates: land use, street class, nearby places, chance, and the planted spots."""
    rng, lengths = ground.site.rng, ground.network.lengths
    uses = _uses(ground)
    middles = shapely.line_interpolate_point(ground.streets.geometry.to_numpy(), 0.5, normalized=True)
    by_class = ground.streets["class"].map(BY_CLASS).to_numpy() * (ground.streets["layer"] == 0).to_numpy()
    near = {
        name: _nearness(places, kinds, middles)
        for name, kinds in (("market", ("market",)), ("metro", ("metro",)))
    }
    births = np.zeros((len(lengths), len(KINDS)))
    for n, kind in enumerate(KINDS):
        land = np.isin(uses, kind.uses).mean(axis=1) + 0.06
        pull = 1.0 + 3.0 * near[kind.near] if kind.near in near else 1.0
        chance = rng.gamma(2.5, 1 / 2.5, len(lengths))
        births[:, n] = kind.births * lengths / 1000.0 * by_class * land * pull * chance
    births *= ground.size.problems_per_km / 9.0
    spots = _spots(ground, areas, middles, births.sum(axis=1))
    favourite = np.zeros(len(lengths), dtype=bool)
    for spot in spots:
        inside = shapely.distance(middles, shapely.Point(spot.x, spot.y)) < spot.radius_m
        favourite |= inside & (not spot.true)
        births[np.ix_(inside, np.isin([kind.key for kind in KINDS], spot.kinds))] *= spot.times
    births[:, [kind.key for kind in KINDS].index("bell_vendor")] = 0.0
    gates, _ = gate_points(places, ("primary", "secondary"))
    own = np.flatnonzero(by_class > 0.4)
    nearest = own[shapely.STRtree(ground.streets.geometry.to_numpy()[own]).nearest(shapely.points(gates))]
    return Rates(births, spots, favourite, np.unique(nearest))


def _uses(ground: Ground) -> NDArray[np.object_]:
    shapes = np.array([parcel.shape for parcel in ground.parcels], dtype=object)
    uses = np.array([parcel.use.removesuffix("_ground") for parcel in ground.parcels], dtype=object)
    return uses_beside(ground.network, shapes, uses)


def _nearness(places: Places, kinds: tuple[str, ...], middles: NDArray[np.object_]) -> Floats:
    """Return 1 at a place of these kinds, falling to a third at 200 m."""
    gates, _ = gate_points(places, kinds)
    if not len(gates):
        return np.zeros(len(middles))
    tree = tree_of(gates)
    return np.asarray(np.exp(-shapely.distance(middles, tree.geometries[tree.nearest(middles)]) / 180.0))


def _spots(ground: Ground, areas: Areas, middles: NDArray[np.object_], births: Floats) -> list[Spot]:
    """Plant two true spots and a false one, far from each other, where life is busy."""
    rng, pieces = ground.site.rng, areas.pieces
    lived = np.flatnonzero(np.isin(pieces.uses, ["estate", "old", "commerce"]))
    radius = 260.0 if ground.size.plan.core_x > 1000 else 95.0
    tree = shapely.STRtree(middles)
    point, street = tree.query(shapely.points(pieces.points[lived]), predicate="dwithin", distance=radius)
    usual = np.bincount(point, births[street], len(lived))
    busy = lived[usual >= np.quantile(usual, 0.6)]
    order = pieces.points[rng.permutation(busy)]
    chosen = next(
        (found for gap in (3.0, 2.2, 1.6, 0.8) if len(found := _apart(order, gap * radius)) == 3), order[:3]
    )
    plan = (("stalls", SPOT_TIMES), ("waste", SPOT_TIMES), ("", 1.0))
    return [
        Spot(f"{ground.county}-spot-{k + 1}", float(x), float(y), radius, times, SPOT_KINDS.get(name, ()))
        for k, ((x, y), (name, times)) in enumerate(zip(chosen, plan, strict=False))
    ]


def _apart(points: Floats, gap_m: float) -> list[Floats]:
    """Return up to three of the points, first come first taken, that keep their distance."""
    chosen: list[Floats] = []
    for point in points:
        if all(np.hypot(*(point - other)) > gap_m for other in chosen):
            chosen.append(point)
    return chosen[:3]
