"""Room for vehicles, block by block: car parks and bays, and where no bay can be."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import geopandas as gpd
import numpy as np
import shapely
from numpy.typing import NDArray
from sqlalchemy import select

from layers.city import kerbs, taxonomy
from layers.store import frames, schema

if TYPE_CHECKING:
    from layers.analysis.questions import Analyst

# Where nobody says how many vehicles have room
BAY_M2 = 25.0
BAYS_OF_POINT = 30.0
# In front of a school's gate, metres along and across the street, no bay can be painted
GATE_M = 30.0
# On roads of these classes, and their links, a bay at the kerb is a danger
MAIN_ROADS = frozenset({"motorway", "trunk", "primary"})
# A no-parking stretch is a street's if it runs along it for so many metres, or along half of it
_ALONG_M, _BESIDE_M, _SHARE = 20.0, 12.0, 0.5
# How a number of bays is known: told, by the ground, or merely assumed of a point
KNOWN = ("told", "ground", "point")


@dataclass(frozen=True, slots=True, eq=False)
class Supply:
    """By block: `bays`, and `no_bay`, why none can be painted ("marked", "gate", "class", or "").

    `places` and `n_bays` are how many car parks and bays there are, and for how many vehicles, by how that
    is known; `n_marked` counts no-parking stretches.
    """

    bays: NDArray[np.float64]
    no_bay: NDArray[np.object_]
    places: dict[str, int]
    n_bays: dict[str, float]
    n_marked: int


def find(analyst: "Analyst", vehicle: str) -> Supply:
    """Return the room for cars; of that for bicycles nothing is known."""
    blocks = analyst.site.network.blocks
    told = _at_kerbs(analyst)
    marked = told[told["kind"] == "no_parking"]
    why = np.where(_on_main_roads(blocks), "class", "")
    why = np.where(_at_gates(analyst, blocks), "gate", why)
    why = np.where(_marked(marked, blocks), "marked", why).astype(object)
    places: dict[str, int] = dict.fromkeys(KNOWN, 0)
    n_bays: dict[str, float] = dict.fromkeys(KNOWN, 0.0)
    if vehicle != "car" or not len(blocks):
        return Supply(np.zeros(len(blocks)), why, places, n_bays, len(marked))
    room = told[told["kind"] != "no_parking"]
    lots = _car_parks(analyst, room)
    shapes = np.concatenate([room.geometry.to_numpy(), lots.geometry.to_numpy()])
    given = np.concatenate([room["n_bays"].to_numpy(np.float64), np.full(len(lots), np.nan)])
    n, known = _rooms(shapes, given)
    for number, name in enumerate(KNOWN):
        places[name], n_bays[name] = int((known == number).sum()), float(n[known == number].sum())
    nearest = shapely.STRtree(blocks.geometry.to_numpy()).nearest(shapes)
    bays = np.bincount(nearest, n, minlength=len(blocks)).astype(np.float64)
    return Supply(bays, why, places, n_bays, len(marked))


def _rooms(
    shapes: NDArray[np.object_], given: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return how many vehicles have room in each place, and how that is known."""
    has_ground = shapely.get_dimensions(shapes) == 2
    assumed = np.where(has_ground, np.floor(shapely.area(shapes) / BAY_M2), BAYS_OF_POINT)
    is_told = ~np.isnan(given)
    known = np.where(is_told, 0, np.where(has_ground, 1, 2)).astype(np.int64)
    return np.where(is_told, given, assumed), known


def _at_kerbs(analyst: "Analyst") -> gpd.GeoDataFrame:
    """Return what was imported of kerbs, in the metres of the streets."""
    with analyst.site.store.read() as conn:
        return kerbs.in_force(conn).to_crs(analyst.site.network.blocks.crs)


def _car_parks(analyst: "Analyst", told: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Return the car parks among the key points that nothing at the kerbs tells of already."""
    table = schema.key_point
    chosen = select(table.c.fid, table.c.geom).where(table.c.removed_at.is_(None), table.c.kind == "parking")
    with analyst.site.store.read() as conn:
        found: gpd.GeoDataFrame = frames.read(conn, chosen.order_by(table.c.fid))
    found = found.to_crs(analyst.site.network.blocks.crs)
    lots = told[told["kind"] == "lot"].geometry.to_numpy()
    if not len(lots) or not len(found):
        return found
    again, _ = shapely.STRtree(lots).query(found.geometry.to_numpy(), predicate="intersects")
    return found[~np.isin(np.arange(len(found)), again)]


def _on_main_roads(blocks: gpd.GeoDataFrame) -> NDArray[np.bool_]:
    """Tell which blocks are of a class on which nobody should stand."""
    if "class" not in blocks:
        return np.zeros(len(blocks), np.bool_)
    names = blocks["class"].fillna("").str.removesuffix("_link")
    return np.asarray(names.isin(MAIN_ROADS), np.bool_)


def _marked(stretches: gpd.GeoDataFrame, blocks: gpd.GeoDataFrame) -> NDArray[np.bool_]:
    """Tell along which blocks a no-parking stretch runs."""
    told = np.zeros(len(blocks), np.bool_)
    if not len(stretches) or not len(blocks):
        return told
    lines = blocks.geometry.to_numpy()
    width = blocks["width_m"].to_numpy(np.float64) if "width_m" in blocks else np.zeros(len(blocks))
    beside = _BESIDE_M + np.nan_to_num(width) / 2
    shapes = stretches.geometry.to_numpy()
    at, block = shapely.STRtree(lines).query(shapes, predicate="dwithin", distance=float(np.max(beside)))
    own = beside[block]
    along = shapely.length(
        shapely.intersection(lines[block], shapely.buffer(shapes[at], own, cap_style="flat"))
    )
    # an area has no ends to be cut off flat; a point forbids nothing along a street
    enough = along >= np.minimum(_ALONG_M, _SHARE * shapely.length(lines[block]))
    told[block[enough]] = True
    return told


def _at_gates(analyst: "Analyst", blocks: gpd.GeoDataFrame) -> NDArray[np.bool_]:
    """Tell which blocks pass a school's gate, or its ground where no gate is mapped."""
    gates, places = schema.gate, schema.key_point
    school = (places.c.removed_at.is_(None), places.c.kind.in_(taxonomy.SCHOOL_KINDS))
    of_gate = (
        select(gates.c.key_point_id, gates.c.geom)
        .join(places, places.c.fid == gates.c.key_point_id)
        .where(gates.c.removed_at.is_(None), *school)
    )
    with analyst.site.store.read() as conn:
        known = frames.read(conn, of_gate)
        schools = frames.read(conn, select(places.c.fid, places.c.geom).where(*school))
    gateless = schools[~schools["fid"].isin(known["key_point_id"])] if len(known) else schools
    marks = [*known.geometry, *gateless.geometry]
    if not marks or not len(blocks):
        return np.zeros(len(blocks), np.bool_)
    metres = gpd.GeoSeries(marks, crs="EPSG:4326").to_crs(blocks.crs).to_numpy()
    _, block = shapely.STRtree(blocks.geometry.to_numpy()).query(metres, predicate="dwithin", distance=GATE_M)
    forbidden = np.zeros(len(blocks), np.bool_)
    forbidden[block] = True
    return forbidden
