"""Parked vehicles street by street: how many, against what effort and what room, over which weeks."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from geo import parking as statistics
from layers.analysis import coverage, hotspots, parking, parking_weeks
from layers.analysis.hotspot_places import hours
from layers.analysis.hotspots import Asked
from layers.analysis.parking import Parking
from layers.analysis.parking_weeks import Weeks
from layers.field import findings
from layers.field.asking import FindingFilter

if TYPE_CHECKING:
    from layers.analysis.questions import Analyst

# Of fewer vehicles no place is ranked
FEWEST_VEHICLES = 2.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Streets:
    """The streets on which any vehicle was seen, the surest demand first, and the two lists of places.

    `table` has a row per street: see `_table`.  `paint` and `tow` are rows of `Parking.places` with
    `standing_low`, `looked`, `stood` (weeks), the surest first.  `hours` sets sightings beside effort in the
    same hours of the week; `week_vehicles` and `week_km` have a row per street and a column per week.
    """

    parking: Parking
    weeks: Weeks | None
    table: gpd.GeoDataFrame
    paint: gpd.GeoDataFrame
    tow: gpd.GeoDataFrame
    hours: pd.DataFrame
    minutes: float
    week_vehicles: parking_weeks.Floats
    week_km: parking_weeks.Floats


def find(analyst: "Analyst", asked: Asked, vehicle: str) -> Streets:
    """Return the streets of a period; `vehicle` is one of `parking.VEHICLES`."""
    return analyst.kept(
        "parking streets", {**asked.parameters, "vehicle": vehicle}, lambda: _find(analyst, asked, vehicle)
    )


def _find(analyst: "Analyst", asked: Asked, vehicle: str) -> Streets:
    found = parking.find(analyst, asked, vehicle)
    weeks = parking_weeks.find(analyst, asked, vehicle)
    blocks = analyst.site.network.blocks
    effort = coverage.effort(analyst, asked.since, asked.until, asked.account_id)
    passes = coverage.passes(analyst, asked.since, asked.until, asked.account_id)
    inspected = passes[passes["state"] == "inspected"]
    places = _with_weeks(found, weeks, blocks)
    is_demand = (places["standing_low"] > 0) & (places["vehicles"] >= FEWEST_VEHICLES)
    tow = places[places["advice"].eq("tow") & places["is_persistent"]]
    paint = places[places["advice"].eq("paint") & is_demand]
    table = _table(found, weeks, blocks, effort["minutes"].to_numpy(np.float64))
    week_vehicles, week_km = by_week(table, weeks, blocks)
    return Streets(
        parking=found,
        weeks=weeks,
        table=table,
        paint=paint.sort_values("standing_low", ascending=False, ignore_index=True),
        tow=tow.sort_values("standing_low", ascending=False, ignore_index=True),
        hours=hours(found.findings, hotspots.begun(inspected, asked), analyst.site.settings.zone),
        minutes=float(effort["minutes"].sum()),
        week_vehicles=week_vehicles,
        week_km=week_km,
    )


def by_week(
    streets: pd.DataFrame, weeks: Weeks | None, blocks: gpd.GeoDataFrame
) -> tuple[parking_weeks.Floats, parking_weeks.Floats]:
    """Return vehicles and inspected kilometres of each street by week."""
    if weeks is None or not len(streets):
        return np.zeros((len(streets), 0)), np.zeros((len(streets), 0))
    code, names = pd.factorize(blocks["street_id"].fillna(blocks["block_id"]).to_numpy())
    at = pd.Index(names).get_indexer(pd.Index(streets["street_id"]))
    both = (parking_weeks.grouped(values, code.astype(np.int64)) for values in (weeks.vehicles, weeks.metres))
    vehicles, metres = both
    return vehicles[:, at].T, metres[:, at].T / 1000


def _with_weeks(found: Parking, weeks: Weeks | None, blocks: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Add to each stretch how many stand there at a pass, with interval, and how lasting that is.

    The blocks of a stretch are walked unevenly: vehicles and metres are added up before they are divided.
    """
    places = found.places.copy()
    spread = weeks.spread if weeks else 1.0
    passes = places["effort_m"].to_numpy(np.float64) / places["length_m"].to_numpy(np.float64)
    sure = statistics.rates(places["vehicles"].to_numpy(np.float64), passes, spread)
    for name, of in (("standing", "rate"), ("standing_low", "low"), ("standing_high", "high")):
        places[name] = sure[of].to_numpy()
    index = pd.Index(blocks["block_id"])
    told = [
        parking_weeks.lasting(weeks, index.get_indexer(list(one.block_ids)), one.length_m) if weeks else None
        for one in places.itertuples()
    ]
    places["looked"] = [one.looked if one else 0 for one in told]
    places["stood"] = [one.stood if one else 0 for one in told]
    places["is_persistent"] = np.array([bool(one and one.is_persistent) for one in told], np.bool_)
    return places


def _table(
    found: Parking, weeks: Weeks | None, blocks: gpd.GeoDataFrame, minutes: "np.ndarray[Any, Any]"
) -> gpd.GeoDataFrame:
    """Return a row per street.

    `street_id, name, near_name, length_m, no_parking_m, n_blocks, vehicles, effort_km, hours`, `per_km`
    with `per_km_low, per_km_high`, `per_hour`, `bays` (on the street), `bays_near` and `standing_near`
    (the most of any block), `weeks_looked, weeks_stood, is_persistent`, `block_id` (the one with the most
    vehicles), `geometry`.
    """
    own = found.blocks
    length = blocks["length_m"].to_numpy(np.float64)
    rows = pd.DataFrame(
        {
            "street_id": blocks["street_id"].fillna(blocks["block_id"]).to_numpy(),
            "name": blocks["name"].to_numpy(),
            "length_m": length,
            "no_parking_m": np.where(own["no_parking"], length, 0.0),
            "vehicles": own["vehicles"].to_numpy(),
            "effort_km": own["effort_m"].to_numpy() / 1000,
            "hours": minutes / 60,
            "bays": own["bays"].to_numpy(),
            "bays_near": own["bays_near"].to_numpy(),
            "standing_near": own["standing_near"].to_numpy(),
            "block_id": blocks["block_id"].to_numpy(),
            "place": np.arange(len(blocks)),
        }
    )
    of_street = rows.groupby("street_id")["vehicles"].transform("sum")
    rows = rows[of_street >= parking_weeks.STOOD].sort_values(
        ["vehicles", "block_id"], ascending=[False, True]
    )
    summed = ["length_m", "no_parking_m", "vehicles", "effort_km", "hours", "bays"]
    groups = rows.groupby("street_id", sort=True)
    table = groups.agg(
        name=("name", "first"),
        n_blocks=("block_id", "size"),
        block_id=("block_id", "first"),
        **{name: (name, "sum") for name in summed},
        **{name: (name, "max") for name in ("bays_near", "standing_near")},
    )
    members = groups["place"].agg(np.array)
    shapes = blocks.geometry.to_numpy()
    lines = [shapely.line_merge(shapely.multilinestrings(list(shapes[one]))) for one in members]
    streets = gpd.GeoDataFrame(table.reset_index(), geometry=lines, crs=blocks.crs)
    streets["from_name"] = streets["to_name"] = None
    streets = hotspots.named(streets, blocks).drop(columns=["from_name", "to_name"])
    sure = statistics.rates(
        streets["vehicles"].to_numpy(np.float64),
        streets["effort_km"].to_numpy(np.float64),
        weeks.spread if weeks else 1.0,
    )
    streets["per_km"], streets["per_km_low"] = sure["rate"].to_numpy(), sure["low"].to_numpy()
    streets["per_km_high"] = sure["high"].to_numpy()
    streets["per_hour"] = streets["vehicles"] / streets["hours"].where(streets["hours"] > 0)
    told = [
        parking_weeks.lasting(weeks, one, metres) if weeks else parking_weeks.Lasting(looked=0, stood=0)
        for one, metres in zip(members, streets["length_m"], strict=True)
    ]
    streets["weeks_looked"], streets["weeks_stood"] = (
        [one.looked for one in told],
        [one.stood for one in told],
    )
    streets["is_persistent"] = np.array([one.is_persistent for one in told], np.bool_)
    return streets.sort_values(
        ["per_km_low", "vehicles", "street_id"], ascending=[False, False, True], ignore_index=True
    )


def strips(analyst: "Analyst", reported: pd.DataFrame, block_ids: list[str]) -> pd.DataFrame:
    """Return what stood in each 20 m of these blocks by side; see `geo.parking.strips`.

    Sightings on the block that they were placed on for sure enough to count there; one that a person moved
    has no chainage and is left out.
    """
    mine = reported[reported["block_id"].isin(block_ids) & ~reported["ambiguous"].eq(True)]
    columns = ("fid", "block_id", "chainage_m", "side", "p_side")
    chosen = FindingFilter(uuids=tuple(mine["uuid"]))
    placed = pd.DataFrame(findings.frame(analyst.site, chosen, columns))
    placed = placed.merge(mine[["fid", "block_id"]], on=["fid", "block_id"])
    blocks = analyst.site.network.blocks
    return statistics.strips(placed, blocks[blocks["block_id"].isin(block_ids)])
