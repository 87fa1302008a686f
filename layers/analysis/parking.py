"""Vehicles parked wrongly: how many stand where, per pass and per inspected kilometre, against room in reach.

Where nobody says how many bays there are, they are assumed; whoever shows the result says so.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from geo import neighbours, parking, stretches
from layers.analysis import coverage, hotspots, parking_supply
from layers.analysis.hotspots import Asked
from layers.analysis.parking_supply import Supply

if TYPE_CHECKING:
    from layers.analysis.questions import Analyst

VEHICLES = {
    "car": (("gbt30428-2013-event", "0409"), ("cjt214-2007-event", "0505")),
    "bicycle": (("gbt30428-2013-event", "0410"), ("cjt214-2007-event", "0506")),
}
REACH_M = 300.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Parking:
    """What stands where, by block id.

    `blocks` is as from `geo.parking.demand_and_supply` with `vehicles`, `effort_m`, `per_km`, `bays`,
    `no_parking`, and `no_bay`, why none can be painted (see `Supply`), or "" where one
    can; `places` are stretches of one advice, most vehicles per pass first.  `usual` has the median rates
    `per_km` and `per_hour` of blocks on which anything stood.
    """

    blocks: pd.DataFrame
    places: gpd.GeoDataFrame
    findings: pd.DataFrame
    supply: Supply
    effort_km: float
    usual: dict[str, float]


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
    effort = coverage.effort(analyst, wanted.since, wanted.until, wanted.account_id)
    effort_m = effort["metres"].to_numpy(np.float64)
    vehicles = _vehicles(reported, blocks)
    supply = parking_supply.find(analyst, vehicle)
    forbidden = np.asarray(supply.no_bay != "", np.bool_)
    passes = effort_m / blocks["length_m"].to_numpy(np.float64)
    seen_vehicles = np.where(passes > 0, vehicles, 0.0)
    near = neighbours.find(blocks, REACH_M)
    efforts = (effort_m / 1000, effort["minutes"].to_numpy(np.float64) / 60)
    table = parking.demand_and_supply(near, seen_vehicles, passes, supply.bays, forbidden, efforts)
    usual = dict(zip(("per_km", "per_hour"), table.attrs["usual"], strict=True))
    table = table.assign(
        vehicles=vehicles, effort_m=effort_m, bays=supply.bays, no_parking=forbidden, no_bay=supply.no_bay
    )
    table["per_km"] = np.where(effort_m > 0, vehicles / np.maximum(effort_m, 1e-9) * 1000, np.nan)
    table.index = pd.Index(blocks["block_id"], name="block_id")
    return Parking(
        blocks=table,
        places=_places(table, blocks),
        findings=reported,
        supply=supply,
        effort_km=float(effort_m.sum()) / 1000,
        usual=usual,
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


def _places(table: pd.DataFrame, blocks: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Return the stretches on which any vehicle stood, each of one advice, the most per pass first."""
    parts: list[Any] = []
    for advice in ("tow", "nearby", "paint", "guide"):
        mine = table["advice"].eq(advice)
        told = pd.DataFrame({"block_id": table.index, "hot": mine.to_numpy(), "q": 0.0})
        told["block_observed"], told["block_expected"] = table["standing"].to_numpy(), 0.0
        # vehicles standing there at a time: mostly less than one
        joined = hotspots.named(stretches.join(told, blocks, least=0.0), blocks)
        parts.append(joined.assign(advice=advice))
    places = gpd.GeoDataFrame(pd.concat([part for part in parts if len(part)] or parts[:1]), crs=blocks.crs)
    own = [table.loc[list(ids)] for ids in places["block_ids"]]
    for name in ("vehicles", "effort_m"):
        places[name] = [float(one[name].sum()) for one in own]
    for name in ("standing_near", "bays_near", "short"):
        places[name] = [float(one[name].max()) for one in own]
    places["standing"] = places["found"]
    return places.sort_values(["standing", "length_m"], ascending=False, ignore_index=True)
