"""Pavements along wide roads, the crossings where they cut a carriageway, footbridges and park paths."""

import geopandas as gpd
import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry import LineString, Point

from data.demo.ground.kerb import tree_of
from data.demo.ground.network import GRID_M, RANK, WIDTH_M, Ints, Network
from data.demo.ground.skeleton import CARRIAGEWAY_M, Line, Site, Skeleton, lines_of
from data.demo.plane import PLANE, Floats

PAVED = ("trunk", "primary", "secondary")
KERB_M = 3.5
STUB_M = 14.0


def lay(site: Site, skeleton: Skeleton, network: Network) -> tuple[Network, gpd.GeoDataFrame]:
    """Return the streets with a vertex where a footway meets them, and the footways between such vertices.

    A footway's `footway` is sidewalk, crossing, footbridge or path; a crossing's `crossing` is
    traffic_signals, zebra or unmarked.
    """
    raw = _pavements(skeleton) + _crossings_between_junctions(site, skeleton) + _footbridges(site, skeleton)
    raw += [line for line in skeleton.lines if line.foot]
    pieces, kind = _cut(raw, network)
    pieces, kind = _rooted(pieces, kind, network)
    edges = _with_vertices(network, pieces)
    return Network(edges, network.nodes), _footways(pieces, kind, network)


def _pavements(skeleton: Skeleton) -> list[Line]:
    """Return a line on the outer side of each paved carriageway; two where a street has just one."""
    found = []
    for line in skeleton.lines:
        if line.kind not in PAVED or line.shape.length < 30.0:
            continue
        distance = WIDTH_M[line.kind] / 2 + KERB_M
        for sign in (-1.0,) if line.one_way else (-1.0, 1.0):
            for part in lines_of(shapely.offset_curve(line.shape, sign * distance, quad_segs=4)):
                found.append(
                    Line(
                        part,
                        "footway",
                        0,
                        layer=line.layer,
                        bridge=line.bridge,
                        tunnel=line.tunnel,
                        foot="sidewalk",
                    )
                )
    return found


def _crossings_between_junctions(site: Site, skeleton: Skeleton) -> list[Line]:
    """Return zebra crossings over dual roads about every 260 m."""
    found = []
    for middle, kind in skeleton.duals:
        barred = shapely.union(skeleton.river_middle.buffer(80), skeleton.railway.buffer(80))
        for at in np.arange(130.0, middle.length - 100.0, 260.0) + site.rng.uniform(-50, 50):
            line = _across(middle, at, CARRIAGEWAY_M[kind] + WIDTH_M[kind] / 2 + KERB_M + 1.0)
            if not line.intersects(barred) and middle.length > at > 0.0:
                found.append(Line(line, "footway", 0, foot="crossing"))
    return found


def _across(middle: LineString, at: float, half: float) -> LineString:
    here = np.asarray(middle.interpolate(at).coords[0])
    ahead = np.asarray(middle.interpolate(at + 1.0).coords[0]) - here
    normal = np.array([-ahead[1], ahead[0]]) / max(float(np.hypot(*ahead)), 1e-9)
    return LineString([here - half * normal, here, here + half * normal])


def _footbridges(site: Site, skeleton: Skeleton) -> list[Line]:
    """Return a few footbridges over the busiest roads, a hundred metres from a crossing."""
    found = []
    for middle, kind in skeleton.duals:
        for at in np.arange(400.0, middle.length - 300.0, 1900.0):
            half = CARRIAGEWAY_M[kind] + WIDTH_M[kind] / 2 + KERB_M
            bridge = _across(middle, float(at + site.rng.uniform(-90, 90)), half)
            found.append(Line(bridge, "footway", 0, layer=2, bridge=True, foot="footbridge"))
    return found


def _cut(raw: list[Line], network: Network) -> tuple[NDArray[np.object_], list[Line]]:
    """Cut footways where they meet each other or a street of their own layer."""
    streets, layer = network.edges.geometry.to_numpy(), network.edges["layer"].to_numpy()
    pieces: list[LineString] = []
    like: list[Line] = []
    for level in (-1, 0, 1):
        own = [line for line in raw if line.layer == level]
        shapes = np.array([line.shape for line in own], dtype=object)
        if not len(shapes):
            continue
        noded = shapely.get_parts(
            shapely.union_all(np.concatenate([shapes, streets[layer == level]]), grid_size=GRID_M)
        )
        middles = shapely.line_interpolate_point(noded, 0.5, normalized=True)
        piece, line = shapely.STRtree(shapes).query(middles, predicate="dwithin", distance=0.05)
        piece, first = np.unique(piece, return_index=True)
        on_street = shapely.STRtree(streets[layer == level]).query(
            middles[piece], predicate="dwithin", distance=0.3
        )[0]
        keep = np.setdiff1d(np.arange(len(piece)), on_street)
        pieces.extend(noded[piece[keep]])
        like.extend(own[n] for n in line[first][keep])
    bridges = [line for line in raw if line.layer == 2]
    grounded = shapely.STRtree(np.array(pieces, dtype=object))
    for bridge in bridges:
        _land(bridge, grounded, pieces, like)
    return np.array(pieces, dtype=object), like


def _land(bridge: Line, grounded: shapely.STRtree, pieces: list[LineString], like: list[Line]) -> None:
    """Join a footbridge to the nearest ends of pavements on both sides of the road."""
    ends = []
    for point in (bridge.shape.coords[0], bridge.shape.coords[-1]):
        near = grounded.query(Point(point).buffer(60.0))
        level = [n for n in near.tolist() if like[n].layer == 0]
        if not level:
            return
        candidates = sorted(xy for n in level for xy in (pieces[n].coords[0], pieces[n].coords[-1]))
        ends.append(min(candidates, key=lambda xy: np.hypot(xy[0] - point[0], xy[1] - point[1])))
    if ends[0] != ends[1] and not any(
        like[n].foot == "footbridge" for n in range(len(like)) if pieces[n].coords[0] == ends[0]
    ):
        pieces.append(LineString(ends))
        like.append(bridge)


def _rooted(
    pieces: NDArray[np.object_], like: list[Line], network: Network
) -> tuple[NDArray[np.object_], list[Line]]:
    """Drop short loose ends and name as crossings the pieces that lie on a carriageway."""
    wide = network.edges[network.edges["class"].map(RANK) <= RANK["tertiary"]]
    tree = shapely.STRtree(wide.geometry.to_numpy())
    half = wide["width_m"].to_numpy() / 2
    for _ in range(3):
        points = np.vstack([shapely.get_coordinates(shapely.get_point(pieces, n)) for n in (0, -1)])
        _, number, count = np.unique(points, axis=0, return_inverse=True, return_counts=True)
        loose = (count[number.ravel()] == 1).reshape(2, -1)
        on_street = np.zeros(len(points), dtype=bool)
        on_street[
            shapely.STRtree(network.edges.geometry.to_numpy()).query(
                shapely.points(points), predicate="dwithin", distance=0.3
            )[0]
        ] = True
        free = loose & ~on_street.reshape(2, -1)
        keep = ~(free.any(axis=0) & (shapely.length(pieces) < STUB_M))
        pieces, like = pieces[keep], [line for line, good in zip(like, keep, strict=True) if good]
    middles = shapely.line_interpolate_point(pieces, 0.5, normalized=True)
    point, street = tree.query(middles, predicate="dwithin", distance=9.0)
    distance = shapely.distance(middles[point], tree.geometries[street])
    over = set(point[(distance < half[street]) & (shapely.length(pieces)[point] < 45.0)].tolist())
    renamed = [
        Line(line.shape, line.kind, 0, layer=line.layer, bridge=line.bridge, tunnel=line.tunnel,
             foot="crossing" if n in over and line.foot == "sidewalk" else line.foot)
        for n, line in enumerate(like)
    ]  # fmt: skip
    return pieces, renamed


def _with_vertices(network: Network, pieces: NDArray[np.object_]) -> gpd.GeoDataFrame:
    """Return the streets with a vertex added at every footway end that lies on them."""
    shapes = network.edges.geometry.to_numpy().copy()
    points = np.unique(
        np.vstack([shapely.get_coordinates(shapely.get_point(pieces, n)) for n in (0, -1)]), axis=0
    )
    spots = shapely.points(points)
    spot, street = shapely.STRtree(shapes).query(spots, predicate="dwithin", distance=0.3)
    for n in np.unique(street):
        shapes[n] = _inserted(shapes[n], points[spot[street == n]])
    edges = network.edges.copy()
    return edges.set_geometry(list(shapes), crs=PLANE)


def _inserted(line: LineString, points: Floats) -> LineString:
    own = shapely.get_coordinates(line)
    known = {tuple(xy) for xy in own}
    new = np.array([xy for xy in points if tuple(xy) not in known]).reshape(-1, 2)
    if not len(new):
        return line
    at = np.concatenate(
        [
            shapely.line_locate_point(line, shapely.points(own)),
            shapely.line_locate_point(line, shapely.points(new)),
        ]
    )
    at[len(own) - 1] = line.length if tuple(own[0]) == tuple(own[-1]) else at[len(own) - 1]
    inside = np.concatenate(
        [np.ones(len(own), dtype=bool), (at[len(own) :] > 0.05) & (at[len(own) :] < line.length - 0.05)]
    )
    order = np.argsort(at, kind="stable")
    return LineString(np.vstack([own, new])[order[inside[order]]])


def _footways(pieces: NDArray[np.object_], like: list[Line], network: Network) -> gpd.GeoDataFrame:
    """Return footways with node numbers that go on from those of the streets."""
    both = np.vstack([shapely.get_coordinates(shapely.get_point(pieces, n)) for n in (0, -1)])
    points, number = np.unique(both, axis=0, return_inverse=True)
    street_node = {tuple(xy): n for n, xy in enumerate(network.nodes.tolist())}
    ids = np.array(
        [street_node.get(tuple(xy), len(network.nodes) + n) for n, xy in enumerate(points.tolist())]
    )
    first, last = ids[number.ravel()].reshape(2, -1)
    feet = [line.foot for line in like]
    frame = gpd.GeoDataFrame(
        {
            "class": "footway",
            "footway": feet,
            "crossing": _crossing_kinds(pieces, feet, network),
            "layer": [line.layer for line in like],
            "bridge": [line.bridge for line in like],
            "tunnel": [line.tunnel for line in like],
            "width_m": 2.5,
            "u": first,
            "v": last,
        },
        geometry=list(pieces),
        crs=PLANE,
    )
    order = np.lexsort(
        np.round(shapely.get_coordinates(shapely.line_interpolate_point(pieces, 0.5, normalized=True)), 2).T
    )
    return frame.iloc[order].reset_index(drop=True)


def _crossing_kinds(pieces: NDArray[np.object_], feet: list[str], network: Network) -> list[str]:
    """Lights where two main roads meet, a zebra on other wide streets, nothing painted elsewhere."""
    main = network.edges["class"].isin(["trunk", "primary"]).to_numpy()
    ends: Ints = np.concatenate([network.edges["u"].to_numpy()[main], network.edges["v"].to_numpy()[main]])
    node, count = np.unique(ends, return_counts=True)
    signals = tree_of(network.nodes[node[count >= 4]])
    middles = shapely.line_interpolate_point(pieces, 0.5, normalized=True)
    lit = set(signals.query(middles, predicate="dwithin", distance=45.0)[0].tolist())
    return [
        "" if foot != "crossing" else "traffic_signals" if n in lit else "zebra"
        for n, foot in enumerate(feet)
    ]
