"""Simulated patrols whose true route is known: routes, speeds, sides, autocorrelated position errors."""

import tempfile
from dataclasses import dataclass
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import connected_components, dijkstra

from geo import blocks as street_blocks
from geo.matching.network import Network, network

DATA = Path(__file__).parents[2].parent / "shared" / "data"

# A pavement walker's distance from the centre line where no width is known, else half of it and this much;
# how much it varies; and how far to the right of the line a car drives
KERB_M, PAVEMENT_M, KERB_SPREAD_M, LANE_M = 5.0, 1.5, 1.5, 1.6


def cambridge() -> gpd.GeoDataFrame:
    """Build the blocks of Cambridge, Massachusetts from the city's centre lines."""
    lines = gpd.read_file(DATA / "cambridge" / "TRANS_Centerlines.geojson")
    one_way = pd.to_numeric(lines["Direction"]).fillna(0).map({0: "no", 1: "yes", -1: "-1"})
    streets = gpd.GeoDataFrame(
        {"name": lines["Street"], "oneway": one_way}, geometry=lines.geometry, crs=lines.crs
    )
    return street_blocks.build(streets, source="cambridge")


def helsinki(*, pavements: bool = False) -> gpd.GeoDataFrame:
    """Build the blocks of a part of Helsinki from OpenStreetMap, as an import does, or with pavements."""
    from layers.importing import osm  # noqa: PLC0415

    streets = osm.read(DATA / "formats" / "Helsinki.osm.pbf").streets
    part_of_another = streets["footway"].notna() if "footway" in streets else False
    return street_blocks.build(streets if pavements else streets[~part_of_another], source="helsinki")


def demo_city() -> gpd.GeoDataFrame:
    """Build the blocks of the demo district, as an import does."""
    from data.demo.city import build  # noqa: PLC0415
    from data.demo.life.phones import STREET_CANYON  # noqa: PLC0415
    from data.demo.sizes import SIZES  # noqa: PLC0415

    with tempfile.TemporaryDirectory() as folder:
        build(Path(folder), SIZES["district"], 1, STREET_CANYON, days=0)
        streets = gpd.read_file(Path(folder) / "streets.gpkg")
    whole = streets[streets["footway"].fillna("") == ""]
    return street_blocks.build(whole.assign(oneway=whole["one_way"]).drop(columns="one_way"), source="demo")


@dataclass(frozen=True, eq=False)
class Patrol:
    """One true route, second by second, and what it covered.

    `x`, `y` are the true positions, `side` 1 where the patrol walked on the left of its block, -1 on the
    right; `block` and `at` where it was; `covered` holds (block, from, to) in metres.
    """

    x: NDArray[np.float64]
    y: NDArray[np.float64]
    block: NDArray[np.int64]
    at: NDArray[np.float64]
    side: NDArray[np.int64]
    covered: list[tuple[int, float, float]]
    walked: list[tuple[int, float, float, int]]


LINKED = ("motorway", "trunk", "primary", "secondary", "tertiary")
FOOT_ONLY = ("footway", "path", "steps", "cycleway", "bridleway", "corridor", "platform")


def usable_part(blocks: gpd.GeoDataFrame, mode: str, *, all_ways: bool = False) -> gpd.GeoDataFrame:
    """Keep the blocks from which a patrol of this mode can reach all others and come back.

    Without tunnels, where no satellite is seen.  Streets only, unless `all_ways` asks for pavements and
    paths that are mapped as lines of their own.
    """
    left_out = () if all_ways else FOOT_ONLY if mode == "walking" else (*FOOT_ONLY, "pedestrian", "track")
    blocks = blocks[~blocks["class"].isin(left_out) & ~blocks["tunnel"]].reset_index(drop=True)
    net = network(blocks, on_foot=mode == "walking").streets
    n = len(net.exits)
    tail = np.repeat(np.arange(n), np.diff(net.arc))
    _, part = connected_components(
        csr_matrix((np.ones(len(tail)), (tail, net.to)), (n, n)), connection="strong"
    )
    main = np.bincount(part).argmax()
    return blocks[(part[net.start] == main) & (part[net.end] == main)].reset_index(drop=True)


def patrol(
    net: Network, blocks: gpd.GeoDataFrame, mode: str, length_m: float, rng: np.random.Generator
) -> Patrol:
    """Drive or walk between random places, each part by a route that is short in this patrol's own eyes.

    Access roads are taken to get somewhere, seldom to get through; nobody on foot takes a slip road.
    """
    streets = net.streets
    taste = streets.cost * rng.lognormal(0.0, 0.2, len(streets.length))[streets.by]
    avoided = ["service"] if mode == "driving" else ["service", *(f"{name}_link" for name in LINKED)]
    taste *= np.where(blocks["class"].isin(avoided), 3.0, 1.0)[streets.by]
    n = len(streets.exits)
    tail = np.repeat(np.arange(n), np.diff(streets.arc))
    order = np.argsort(-taste, kind="stable")
    cheapest: dict[tuple[int, int], int] = {(int(tail[a]), int(streets.to[a])): int(a) for a in order}
    pairs = np.array(list(cheapest))
    graph = csr_matrix((taste[list(cheapest.values())], (pairs[:, 0], pairs[:, 1])), (n, n))
    node_xy = _node_places(net)
    here, arcs, total = int(rng.integers(n)), list[int](), 0.0
    while total < length_m:
        distance, before = dijkstra(graph, indices=here, return_predecessors=True)
        near = np.flatnonzero(
            np.isfinite(distance) & (np.hypot(*(node_xy - node_xy[here]).T) < 900.0) & (np.arange(n) != here)
        )
        if not len(near):
            break
        target = int(rng.choice(near))
        leg = []
        while target != here:
            leg.append(cheapest[int(before[target]), target])
            target = int(before[target])
        here = int(streets.to[leg[0]])
        leg.reverse()
        # nobody turns on the spot where the two parts meet, except at a dead end
        if arcs and streets.by[leg[0]] == streets.by[arcs[-1]] and streets.exits[tail[leg[0]]] > 1:
            here = int(streets.to[arcs[-1]])
            other = [
                a
                for a in range(streets.arc[here], streets.arc[here + 1])
                if streets.by[a] != streets.by[arcs[-1]]
            ]
            if not other:
                break
            leg = [int(rng.choice(other))]
            here = int(streets.to[leg[0]])
        arcs += leg
        total += float(streets.cost[leg].sum())
    return _ridden(net, blocks, mode, np.array(arcs), tail, rng)


def _node_places(net: Network) -> NDArray[np.float64]:
    """Return where the nodes are."""
    streets = net.streets
    place = np.empty((len(streets.exits), 2))
    place[streets.start] = np.column_stack([streets.x, streets.y])[streets.first[:-1]]
    place[streets.end] = np.column_stack([streets.x, streets.y])[streets.first[1:] - 1]
    return place


def _ridden(  # noqa: PLR0917
    net: Network,
    blocks: gpd.GeoDataFrame,
    mode: str,
    arcs: NDArray[np.int64],
    tail: NDArray[np.int64],
    rng: np.random.Generator,
) -> Patrol:
    """Move along the arcs second by second."""
    streets = net.streets
    by = streets.by[arcs]
    forward = streets.start[by] == tail[arcs]
    # a loop may be ridden either way; take it as drawn
    ends = np.concatenate([[0.0], np.cumsum(streets.cost[arcs])])
    begin, stop = rng.uniform(0.0, streets.cost[arcs[0]]), ends[-1] - rng.uniform(0.0, streets.cost[arcs[-1]])
    along = begin + _moved(stop - begin, mode, rng)
    arc = np.clip(np.searchsorted(ends, along, side="right") - 1, 0, len(arcs) - 1)
    block = by[arc]
    at = np.where(forward[arc], along - ends[arc], streets.length[block] - (along - ends[arc]))
    # a pedestrian keeps to one pavement for a while
    changes = rng.random(len(arcs)) < 0.25
    hand = np.where(np.cumsum(changes) % 2, 1, -1)
    walked_side = hand * np.where(forward, 1, -1)
    # beside a carriageway of two there is one pavement, on the right of its traffic
    twin = (blocks["corridor_id"].map(blocks["corridor_id"].value_counts()) > 1) & (blocks["one_way"] != 0)
    walked_side = np.where(twin.to_numpy()[by], -blocks["one_way"].to_numpy()[by], walked_side)
    side = walked_side[arc] if mode == "walking" else np.where(forward, -1, 1)[arc]
    # on a path mapped as a line of its own everybody walks on the line, on a track near its middle
    width = pd.to_numeric(blocks["width_m"]).to_numpy(float)
    kerb = np.where(np.isfinite(width), width / 2 + PAVEMENT_M, KERB_M)
    kerb[blocks["class"].isin((*FOOT_ONLY, "pedestrian", "track"))] = 0.0
    kerb = kerb[by]
    wide = rng.normal(kerb, KERB_SPREAD_M)[arc] if mode == "walking" else LANE_M
    x, y = _beside(blocks.geometry.to_numpy(), block, at, side * wide)
    low = np.where(forward, 0.0, streets.length[by])
    covered, walked = [], []
    for i in range(len(arcs)):
        a, b = max(begin - ends[i], 0.0), min(stop - ends[i], streets.cost[arcs[i]])
        if b <= a:
            continue
        sign = 1.0 if forward[i] else -1.0
        stretch = sorted((float(low[i] + sign * a), float(low[i] + sign * b)))
        covered.append((int(by[i]), *stretch))
        walked.append((int(by[i]), *stretch, int(walked_side[i]) if mode == "walking" else int(-sign)))
    return Patrol(x, y, block, at, side, covered, walked)


def _moved(length: float, mode: str, rng: np.random.Generator) -> NDArray[np.float64]:
    """Return the distance covered after each second, with slow changes of speed and some stops."""
    top, low, spread = (1.35, 0.5, 0.15) if mode == "walking" else (6.0, 2.5, 1.2)
    n = int(3 * length / top) + 600
    swing = np.empty(n)
    swing[0] = rng.normal()
    kick = rng.normal(size=n) * np.sqrt(1 - 0.95**2)
    for i in range(1, n):
        swing[i] = 0.95 * swing[i - 1] + kick[i]
    speed = np.maximum(top + spread * swing, low)
    for start in np.flatnonzero(rng.random(n) < 1 / 400):
        speed[start : start + int(rng.integers(10, 60))] = 0.0
    along = np.cumsum(speed) - speed[0]
    return along[along <= length]


def _beside(
    shapes: NDArray[np.object_],
    block: NDArray[np.int64],
    at: NDArray[np.float64],
    offset: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return points beside the blocks, left positive."""
    line = shapes[block]
    here = shapely.get_coordinates(shapely.line_interpolate_point(line, at))
    ahead = shapely.get_coordinates(
        shapely.line_interpolate_point(line, np.minimum(at + 0.5, shapely.length(line)))
    )
    behind = shapely.get_coordinates(shapely.line_interpolate_point(line, np.maximum(at - 0.5, 0.0)))
    step = ahead - behind
    step /= np.maximum(np.hypot(*step.T), 1e-9)[:, None]
    return here[:, 0] - step[:, 1] * offset, here[:, 1] + step[:, 0] * offset


def observed(
    route: Patrol, every_s: int, sd_m: float, crs: object, rng: np.random.Generator
) -> gpd.GeoDataFrame:
    """Return the fixes of a patrol: first-order autoregressive error, correlation time 20 s."""
    n = len(route.x)
    rho = np.exp(-1 / 20.0)
    error = rng.normal(0.0, sd_m, (n, 2))
    for i in range(1, n):
        error[i] = rho * error[i - 1] + np.sqrt(1 - rho * rho) * error[i]
    seen = np.arange(0, n, every_s)
    points = shapely.points(route.x[seen] + error[seen, 0], route.y[seen] + error[seen, 1])
    columns = {"time": 1.7e9 + seen, "accuracy_m": sd_m, "accuracy_kind": "sd"}
    return gpd.GeoDataFrame(columns, geometry=points, crs=crs)
