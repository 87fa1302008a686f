"""Vehicles parked wrongly: how many stand where, per pass and per inspected kilometre, against room in reach.

No car park says how many bays it has: a mapped ground counts one per `BAY_M2`, a point `BAYS_OF_POINT`.
Whoever shows the result says so.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from sqlalchemy import select

from geo import neighbours, parking, stretches
from layers.analysis import hotspots
from layers.analysis.hotspots import Asked
from layers.city import taxonomy
from layers.store import frames, schema

if TYPE_CHECKING:
    from layers.analysis.questions import Analyst

VEHICLES = {
    "car": (("gbt30428-2013-event", "0409"), ("cjt214-2007-event", "0505")),
    "bicycle": (("gbt30428-2013-event", "0410"), ("cjt214-2007-event", "0506")),
}
REACH_M = 300.0
BAY_M2 = 25.0
BAYS_OF_POINT = 30.0
# In front of a school's gate, metres along and across the street, no bay can be painted
GATE_M = 30.0
# On roads of these classes, and their links, a bay at the kerb is a danger
MAIN_ROADS = frozenset({"motorway", "trunk", "primary"})


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Parking:
    """What stands where, by block id.

    `blocks` is as from `geo.parking.demand_and_supply` with `vehicles`, `effort_m`, `per_km`, `bays`,
    `no_parking`, and `no_bay`, why none can be painted: "gate", "class", or "" where one
    can; `places` are stretches of one advice, most vehicles per pass first.
    """

    blocks: pd.DataFrame
    places: gpd.GeoDataFrame
    findings: pd.DataFrame
    n_lots: int
    n_lots_without_ground: int
    effort_km: float


def find(analyst: "Analyst", asked: Asked, vehicle: str) -> Parking:
    """Return demand, supply and advice for cars or bicycles; `asked` says of which period and whose."""
    return analyst.kept(
        "parking", {**asked.parameters, "vehicle": vehicle}, lambda: _find(analyst, asked, vehicle)
    )


def _find(analyst: "Analyst", asked: Asked, vehicle: str) -> Parking:
    blocks = analyst.site.network.blocks
    wanted = Asked(
        since=asked.since, until=asked.until, categories=VEHICLES[vehicle], account_id=asked.account_id
    )
    watched = hotspots.watched_from_until(analyst, wanted)
    reported = analyst.findings(wanted.wanted)
    reported = hotspots.within(reported[reported["channel"].ne(hotspots.PUBLIC)], analyst, watched)
    effort_m = hotspots.exposure(analyst, wanted)["effort_m"].to_numpy(np.float64)
    vehicles = _vehicles(reported, blocks)
    lots = _lots(analyst) if vehicle == "car" else _lots(analyst).iloc[:0]
    bays, without_ground = _bays(lots, blocks)
    why = np.where(_on_main_roads(blocks), "class", "")
    why = np.where(_at_gates(analyst, blocks), "gate", why)
    forbidden = why != ""
    passes = effort_m / blocks["length_m"].to_numpy(np.float64)
    seen_vehicles = np.where(passes > 0, vehicles, 0.0)
    near = neighbours.find(blocks, REACH_M)
    table = parking.demand_and_supply(near, seen_vehicles, passes, bays, forbidden)
    table = table.assign(vehicles=vehicles, effort_m=effort_m, bays=bays, no_parking=forbidden, no_bay=why)
    table["per_km"] = np.where(effort_m > 0, vehicles / np.maximum(effort_m, 1e-9) * 1000, np.nan)
    table.index = pd.Index(blocks["block_id"], name="block_id")
    return Parking(
        blocks=table,
        places=_places(table, blocks),
        findings=reported,
        n_lots=len(lots),
        n_lots_without_ground=without_ground,
        effort_km=float(effort_m.sum()) / 1000,
    )


def shares(reported: pd.DataFrame) -> pd.DataFrame:
    """Return how many vehicles each report puts on which block: `block_id`, `n`, `observed_at`.

    A report without a number of items counts one; the runner-up has its share.
    """
    placed = reported[reported["ambiguous"].notna()]
    n = placed["n_items"].fillna(1).astype(float)
    at = placed["observed_at"]
    best = pd.DataFrame({"block_id": placed["block_id"], "n": n * placed["p_block"], "observed_at": at})
    second = pd.DataFrame(
        {
            "block_id": placed["runner_up_block"],
            "n": n * placed["runner_up_p"].fillna(0.0),
            "observed_at": at,
        }
    )
    return pd.concat([best, second], ignore_index=True).dropna()


def _vehicles(reported: pd.DataFrame, blocks: gpd.GeoDataFrame) -> NDArray[np.float64]:
    """Return the vehicles on each block."""
    both = shares(reported).groupby("block_id")["n"].sum()
    return both.reindex(blocks["block_id"]).fillna(0.0).to_numpy(np.float64)


def _lots(analyst: "Analyst") -> gpd.GeoDataFrame:
    """Return the car parks in force, in the metres of the streets."""
    table = schema.key_point
    chosen = select(table.c.fid, table.c.geom).where(table.c.removed_at.is_(None), table.c.kind == "parking")
    with analyst.site.store.read() as conn:
        found: gpd.GeoDataFrame = frames.read(conn, chosen.order_by(table.c.fid))
    return found.to_crs(analyst.site.network.blocks.crs) if len(found) else found


def _bays(lots: gpd.GeoDataFrame, blocks: gpd.GeoDataFrame) -> tuple[NDArray[np.float64], int]:
    """Return the bays at each block (a car park is at its nearest), and how many car parks have no ground."""
    if not len(lots) or not len(blocks):
        return np.zeros(len(blocks)), 0
    shapes = lots.geometry.to_numpy()
    has_ground = shapely.get_dimensions(shapes) == 2
    n = np.where(has_ground, np.floor(shapely.area(shapes) / BAY_M2), BAYS_OF_POINT)
    nearest = shapely.STRtree(blocks.geometry.to_numpy()).nearest(shapes)
    return np.bincount(nearest, n, minlength=len(blocks)).astype(np.float64), int((~has_ground).sum())


def _on_main_roads(blocks: gpd.GeoDataFrame) -> NDArray[np.bool_]:
    """Tell which blocks are of a class on which nobody should stand."""
    if "class" not in blocks:
        return np.zeros(len(blocks), np.bool_)
    names = blocks["class"].fillna("").str.removesuffix("_link")
    return np.asarray(names.isin(MAIN_ROADS), np.bool_)


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


def _places(table: pd.DataFrame, blocks: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Return the stretches on which any vehicle stood, each of one advice, the most per pass first."""
    parts: list[Any] = []
    for advice in ("tow", "paint", "guide"):
        mine = table["advice"].eq(advice)
        told = pd.DataFrame({"block_id": table.index, "hot": mine.to_numpy(), "q": 0.0})
        told["block_observed"], told["block_expected"] = table["standing"].to_numpy(), 0.0
        joined = hotspots.named(stretches.join(told, blocks), blocks)
        parts.append(joined.assign(advice=advice))
    places = gpd.GeoDataFrame(pd.concat([part for part in parts if len(part)] or parts[:1]), crs=blocks.crs)
    own = [table.loc[list(ids)] for ids in places["block_ids"]]
    for name in ("vehicles", "effort_m"):
        places[name] = [float(one[name].sum()) for one in own]
    for name in ("standing_near", "bays_near", "short"):
        places[name] = [float(one[name].max()) for one in own]
    places["standing"] = places["found"]
    return places.sort_values(["standing", "length_m"], ascending=False, ignore_index=True)
