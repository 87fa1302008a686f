"""Territories over the ground: subdistricts and towns, communities and villages, unit grids, duty areas.

Borders run along streets. The pieces of ground between streets are grown together from seeds over
shared borders, so that every area is in one piece and every level fits into the one above.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import geopandas as gpd
import numpy as np
import shapely
import shapely.prepared
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import dijkstra
from scipy.spatial import cKDTree
from shapely.ops import polygonize

from data.demo.ground import Ground
from data.demo.ground.kerb import tree_of
from data.demo.ground.network import Ints
from data.demo.names import pinyin
from data.demo.plane import PLANE, Floats

PEOPLE_PER_HA = {
    "estate": 270.0,
    "old": 230.0,
    "commerce": 80.0,
    "town": 95.0,
    "village": 65.0,
    "industry": 9.0,
    "campus": 5.0,
    "country": 0.5,
}


@dataclass(frozen=True)
class Pieces:
    """The pieces of ground between streets: shapes, inner points, use and people, and who touches whom."""

    shapes: NDArray[np.object_]
    points: Floats
    uses: NDArray[np.object_]
    people: Floats
    touching: csr_matrix


class Levels(NamedTuple):
    """For every piece of ground its number in each level."""

    subdistrict: Ints
    community: Ints
    grid: Ints
    duty: Ints


@dataclass(frozen=True)
class Areas:
    """All levels in one frame, the pieces they are made of, and the duty area of each piece."""

    frame: gpd.GeoDataFrame
    pieces: Pieces
    duty: Ints


def draw(ground: Ground) -> Areas:
    """Divide the district into its territories."""
    size, rng, pieces = ground.size, ground.site.rng, _pieces(ground)
    everything = np.zeros(len(pieces.shapes), dtype=np.int64)
    subdistrict = _grow(
        pieces, everything, np.array([size.subdistricts + size.towns]), rng, pieces.people + 900.0
    )
    community = _grow(
        pieces, subdistrict, _shares(pieces, subdistrict, size.communities), rng, pieces.people + 60.0
    )
    acres = shapely.area(pieces.shapes)
    weight = np.minimum(acres, size.grid_m2 * 4)
    wanted = np.maximum(1, np.round(np.bincount(community, weight) / size.grid_m2 / 1.6)).astype(np.int64)
    grid = _grow(pieces, community, wanted, rng, weight)
    duty = _grow(pieces, everything, np.array([size.duty_areas]), rng, pieces.people + 120.0)
    duty = _majority(duty, community)
    levels = Levels(subdistrict, community, grid, duty)
    return Areas(_frame(ground, pieces, levels), pieces, duty)


def _pieces(ground: Ground) -> Pieces:
    lines = [*ground.streets.geometry, ground.boundary.exterior]
    noded = shapely.union_all(np.array(lines, dtype=object), grid_size=0.01)
    inside = shapely.prepared.prep(ground.boundary)
    shapes = [face for face in polygonize(noded) if inside.contains(face.representative_point())]
    shapes = sorted((face for face in shapes if face.area > 1.0), key=lambda face: face.bounds)
    found = np.array(shapes, dtype=object)
    points = shapely.point_on_surface(found)
    parcels = np.array([parcel.shape for parcel in ground.parcels], dtype=object)
    use = np.array([parcel.use.removesuffix("_ground") for parcel in ground.parcels], dtype=object)
    uses = np.full(len(found), "", dtype=object)
    piece, parcel = shapely.STRtree(parcels).query(points, predicate="within")
    uses[piece[::-1]] = use[parcel[::-1]]
    density = np.array([PEOPLE_PER_HA.get(one, 0.0) for one in uses])
    people = density * shapely.area(found) / 1e4 * ground.site.rng.lognormal(-0.06, 0.35, len(found))
    return Pieces(found, shapely.get_coordinates(points), uses, people, _touching(found))


def _touching(shapes: NDArray[np.object_]) -> csr_matrix:
    """Return a matrix of the distances between pieces that share more than a metre of border."""
    first, second = shapely.STRtree(shapes).query(shapes, predicate="intersects")
    first, second = first[first < second], second[first < second]
    shared = shapely.length(shapely.intersection(shapes[first], shapes[second]))
    first, second = first[shared > 1.0], second[shared > 1.0]
    centre = shapely.get_coordinates(shapely.centroid(shapes))
    distance = np.hypot(*(centre[first] - centre[second]).T) + 1.0
    rows, columns = np.concatenate([first, second]), np.concatenate([second, first])
    return csr_matrix((np.tile(distance, 2), (rows, columns)), shape=(len(shapes), len(shapes)))


def _shares(pieces: Pieces, within: Ints, total: int) -> Ints:
    """Divide a number of areas among the areas above by their people."""
    people = np.bincount(within, pieces.people + 60.0)
    return np.asarray(np.maximum(1, np.round(total * people / people.sum())), dtype=np.int64)


def _grow(pieces: Pieces, within: Ints, wanted: Ints, rng: np.random.Generator, weight: Floats) -> Ints:
    """Return area numbers, grown from `wanted[n]` seeds inside each area n above."""
    graph = pieces.touching.tocoo()
    own = within[graph.row] == within[graph.col]
    inside = csr_matrix((graph.data[own], (graph.row[own], graph.col[own])), shape=graph.shape)
    seeds = np.concatenate(
        [_seeds(pieces, np.flatnonzero(within == n), int(k), rng, weight) for n, k in enumerate(wanted)]
    )
    _, _, source = dijkstra(inside, indices=seeds, min_only=True, return_predecessors=True)
    lost = source < 0
    while lost.any():  # an enclave: it goes with the first piece of its own
        seeds = np.append(seeds, np.flatnonzero(lost)[0])
        _, _, source = dijkstra(inside, indices=seeds, min_only=True, return_predecessors=True)
        lost = source < 0
    return np.unique(source, return_inverse=True)[1].astype(np.int64)


def _seeds(pieces: Pieces, members: Ints, count: int, rng: np.random.Generator, weight: Floats) -> Ints:
    """Return pieces spread over an area in proportion to weight."""
    if count >= len(members):
        return members
    share = weight[members] / weight[members].sum()
    drawn = rng.choice(members, size=min(40 * count, 6000), p=share)
    spots = pieces.points[drawn] + rng.normal(0, 5.0, (len(drawn), 2))
    centres = _settled(spots, spots[rng.choice(len(spots), count, replace=False)])
    tree = tree_of(pieces.points[members])
    return np.unique(members[tree.nearest(shapely.points(centres))])


def _settled(spots: Floats, centres: Floats) -> Floats:
    """Move each centre to the middle of the spots nearest to it, a few times."""
    for _ in range(12):
        nearest = cKDTree(centres).query(spots)[1]
        count = np.bincount(nearest, minlength=len(centres))
        sums = np.column_stack([np.bincount(nearest, spots[:, n], len(centres)) for n in (0, 1)])
        centres = np.where(count[:, None] > 0, sums / np.maximum(count, 1)[:, None], centres)
    return centres


def _majority(label: Ints, within: Ints) -> Ints:
    """Give all pieces of an area the label that most of them have."""
    count = np.zeros((within.max() + 1, label.max() + 1))
    np.add.at(count, (within, label), 1.0)
    return np.unique(count.argmax(axis=1), return_inverse=True)[1][within].astype(np.int64)


def _merged(pieces: Pieces, label: Ints) -> list[Any]:
    """Return the union of each area's pieces."""
    order = np.argsort(label, kind="stable")
    groups = np.split(pieces.shapes[order], np.cumsum(np.bincount(label))[:-1])
    return [shapely.coverage_union_all(group) for group in groups]


def _ranked(pieces: Pieces, label: Ints, within: Ints) -> tuple[Ints, Ints]:
    """Return the area above each area, and its rank there: north to south in rows, west to east."""
    count = np.bincount(label)
    centre = np.column_stack([np.bincount(label, pieces.points[:, n]) / count for n in (0, 1)])
    _, first = np.unique(label, return_index=True)
    above = within[first]
    order = np.lexsort((centre[:, 0], -np.round(centre[:, 1] / 400.0), above))
    rank = np.empty(len(order), dtype=np.int64)
    start = np.searchsorted(above[order], above[order])
    rank[order] = np.arange(len(order)) - start
    return above, rank


def _frame(ground: Ground, pieces: Pieces, levels: Levels) -> gpd.GeoDataFrame:
    subdistrict, community, grid, duty = levels
    rows = [("district", ground.county, ground.name, "", "district", ground.boundary)]
    names, zero = ground.site.names, np.zeros(len(pieces.shapes), dtype=np.int64)
    towns = _towns(pieces, subdistrict, ground.size.towns)
    _, rank = _ranked(pieces, subdistrict, zero)
    street_codes = [f"{ground.county}{rank[n] + (101 if towns[n] else 1):03d}" for n in range(len(rank))]
    for n, shape in enumerate(_merged(pieces, subdistrict)):
        kind = "town" if towns[n] else "subdistrict"
        rows.append(
            ("subdistrict", street_codes[n], names.territory(town=bool(towns[n])), ground.county, kind, shape)
        )
    above, rank = _ranked(pieces, community, subdistrict)
    codes = [
        f"{street_codes[above[n]]}{rank[n] + (201 if towns[above[n]] else 1):03d}" for n in range(len(rank))
    ]
    for n, shape in enumerate(_merged(pieces, community)):
        village = bool(towns[above[n]])
        name = names.village() if village else names.estate() + "社区"
        rows.append(
            (
                "community",
                codes[n],
                name,
                street_codes[above[n]],
                "village" if village else "community",
                shape,
            )
        )
    above, rank = _ranked(pieces, grid, community)
    for n, shape in enumerate(_merged(pieces, grid)):
        code = f"{codes[above[n]]}{rank[n] + 1:03d}"
        rows.append(("grid", code, f"单元网格{code[-6:]}", codes[above[n]], "unit_grid", shape))
    for n, shape in enumerate(_merged(pieces, duty)):
        rows.append(
            (
                "duty_area",
                f"{ground.county}D{n + 1:03d}",
                f"第{n + 1}责任网格",
                ground.county,
                "duty_area",
                shape,
            )
        )
    rows.extend(_estates(ground, pieces, community, codes))
    table = {
        key: [row[n] for row in rows]
        for n, key in enumerate(("level", "code", "name", "parent_code", "kind"))
    }
    frame = gpd.GeoDataFrame(table, geometry=[row[5] for row in rows], crs=PLANE)
    frame.insert(3, "name_pinyin", [pinyin(name) for name in frame["name"]])
    return frame


def _towns(pieces: Pieces, subdistrict: Ints, wanted: int) -> NDArray[np.bool_]:
    """Tell which areas are towns: those with the fewest people per hectare."""
    density = np.bincount(subdistrict, pieces.people) / np.bincount(subdistrict, shapely.area(pieces.shapes))
    towns = np.zeros(len(density), dtype=bool)
    towns[np.argsort(density, kind="stable")[:wanted]] = True
    return towns


def _estates(ground: Ground, pieces: Pieces, community: Ints, codes: list[str]) -> list[tuple[Any, ...]]:
    """Return the walled estates and settlements, each with the community it lies in."""
    named = [p for p in ground.parcels if p.name and p.use in ("estate", "village_ground", "town_ground")]
    shapes = np.array([parcel.shape.buffer(-7.0, join_style="mitre") for parcel in named], dtype=object)
    inner = shapely.STRtree(pieces.shapes).nearest(shapely.point_on_surface(shapes))
    rows = []
    for n, (parcel, shape) in enumerate(zip(named, shapes, strict=True)):
        kind = parcel.use.removesuffix("_ground")
        code = f"{ground.county}E{n + 1:05d}"
        rows.append(
            (
                "estate" if kind == "estate" else "village",
                code,
                parcel.name,
                codes[community[inner[n]]],
                kind,
                shape,
            )
        )
    return rows


def names_along(areas: Areas, lines: NDArray[np.object_]) -> list[str]:
    """Return the subdistrict or town of each street piece; a piece on a border has the one first in code."""
    levels = areas.frame[areas.frame["level"] == "subdistrict"].sort_values("code")
    middles = shapely.line_interpolate_point(lines, 0.5, normalized=True)
    tree = shapely.STRtree(levels.geometry.to_numpy())
    line, area = tree.query(middles, predicate="dwithin", distance=0.5)
    line, first = np.unique(line, return_index=True)
    best = {int(n): int(a) for n, a in zip(line, area[first], strict=True)}
    nearest = tree.nearest(middles)
    return [levels["name"].iloc[best.get(n, int(nearest[n]))] for n in range(len(lines))]
