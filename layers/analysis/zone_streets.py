"""The stretches of street inside zones around places, and when each was last inspected."""

from datetime import datetime
from typing import TYPE_CHECKING

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from shapely.ops import substring

from geo import clearance
from layers.analysis import coverage

if TYPE_CHECKING:
    from layers.analysis.questions import Analyst

COLUMNS = ["fid", "block_id", "name", "from_m", "to_m", "length_m", "last_at", "seen"]
# What is shorter than this is where two streets touch, not a stretch that anybody walks
_SHORTEST_M = 0.5
# What can change without a word about streets, places or where patrols went
BESIDES = ("finding", "photo", "job", "token", "account", "webhook", "clearance_rule")


def inside(analyst: "Analyst", places: gpd.GeoDataFrame, reach: NDArray[np.float64]) -> pd.DataFrame:
    """Return `fid, block_id, from_m, to_m`: the parts of blocks within a straight distance of each place."""
    network = analyst.site.network_or_none()
    drawn = {
        fid: shapely.transform(clearance.zone(geometry, float(metres)), network.projection.to_metres)
        for fid, geometry, metres in zip(places["fid"], places.geometry, reach, strict=True)
        if network is not None and metres > 0
    }
    if network is None or not drawn:
        return pd.DataFrame({"fid": [0], "block_id": [""], "from_m": [0.0], "to_m": [0.0]}).iloc[:0]
    zones = np.array(list(drawn.values()), dtype=object)
    shapely.prepare(zones)
    lines = network.blocks.geometry.to_numpy()
    zone, row = shapely.STRtree(lines).query(zones, predicate="intersects")
    begin, end = np.zeros(len(row)), shapely.length(lines[row])
    cut = ~shapely.covers(zones[zone], lines[row])
    parts, of = shapely.get_parts(shapely.intersection(lines[row[cut]], zones[zone[cut]]), return_index=True)
    on_edge = shapely.get_dimensions(parts) == 1
    parts, of = parts[on_edge], np.flatnonzero(cut)[of[on_edge]]
    whole = np.flatnonzero(~cut)
    low = shapely.line_locate_point(lines[row[of]], shapely.get_point(parts, 0))
    high = shapely.line_locate_point(lines[row[of]], shapely.get_point(parts, -1))
    # a part over the end of a block that is a ring begins where it ends
    start = np.minimum(low, high)
    stop = np.where(np.abs(high - low) < shapely.length(parts) - 1.0, end[of], np.maximum(low, high))
    pair = np.concatenate([whole, of])
    table = pd.DataFrame(
        {
            "fid": np.array(list(drawn))[zone[pair]],
            "block_id": network.blocks["block_id"].to_numpy()[row[pair]],
            "from_m": np.concatenate([begin[whole], start]),
            "to_m": np.concatenate([end[whole], stop]),
        }
    )
    return table[table["to_m"] - table["from_m"] > _SHORTEST_M].reset_index(drop=True)


def zones(analyst: "Analyst", places: gpd.GeoDataFrame, reach: NDArray[np.float64]) -> pd.DataFrame:
    """Return `inside` of key points in force, made anew only when streets or key points have changed."""
    known = analyst.site.facts()
    of: dict[str, object] = {name: known[name] for name in ("network", "key_points")}
    asked = {**of, "places": places["fid"].tolist(), "reach": reach.tolist()}
    return analyst.kept_of("blocks in zones", asked, lambda: inside(analyst, places, reach))


def read(
    analyst: "Analyst",
    places: gpd.GeoDataFrame,
    reach: NDArray[np.float64],
    since: datetime,
    now: datetime,
) -> pd.DataFrame:
    """Return a row per place and stretch of a block in its zone; `seen` if it was inspected since then."""
    within = zones(analyst, places, reach)
    if not len(within):
        empty = pd.DataFrame(columns=COLUMNS).astype({"length_m": float, "seen": bool})
        return empty.assign(last_at=pd.to_datetime(empty["last_at"], utc=True))
    cut = coverage.stretches(analyst, None, now, within["block_id"].unique().tolist())
    cut = cut.rename(columns={"from_m": "a", "to_m": "b"})
    found = within.merge(cut[["block_id", "a", "b", "inspected_at"]], on="block_id")
    names = analyst.site.network.blocks.set_index("block_id")["name"]
    found = found.assign(
        from_m=np.maximum(found["from_m"], found["a"]),
        to_m=np.minimum(found["to_m"], found["b"]),
        last_at=pd.to_datetime(found["inspected_at"], utc=True).array,
        name=found["block_id"].map(names),
    )
    found = found.assign(
        length_m=found["to_m"] - found["from_m"],
        seen=(found["last_at"] >= pd.Timestamp(since)).to_numpy(dtype=bool),
    )
    kept: pd.DataFrame = found.loc[found["length_m"] > 0, COLUMNS]
    return kept.sort_values(["fid", "block_id", "from_m"], kind="stable", ignore_index=True)


def lines(analyst: "Analyst", stretches: pd.DataFrame, by: "pd.Series[int]") -> gpd.GeoDataFrame:
    """Return the lines of the stretches of one place in degrees, joined where `by` is the same along a block.

    Columns `by`, `name` and `last_at` (the oldest).
    """
    network = analyst.site.network
    ordered = stretches.assign(by=by.to_numpy()).sort_values(["block_id", "from_m"], kind="stable")
    before = ordered[["block_id", "by", "to_m"]].shift()
    goes_on = ordered["block_id"].eq(before["block_id"]) & ordered["by"].eq(before["by"])
    goes_on &= (ordered["from_m"] - before["to_m"]).abs() < _SHORTEST_M
    joined = ordered.groupby((~goes_on).cumsum().to_numpy()).agg(
        block_id=("block_id", "first"),
        by=("by", "first"),
        name=("name", "first"),
        from_m=("from_m", "min"),
        to_m=("to_m", "max"),
        last_at=("last_at", "min"),
    )
    of = network.blocks.set_index("block_id").loc[joined["block_id"]].geometry
    drawn = [substring(line, a, b) for line, a, b in zip(of, joined["from_m"], joined["to_m"], strict=True)]
    frame = gpd.GeoDataFrame(joined[["by", "name", "last_at"]], geometry=drawn, crs=network.blocks.crs)
    return frame.to_crs(4326)


def by_street(stretches: pd.DataFrame) -> pd.DataFrame:
    """Return the stretches of one place by street: what was never or longest not inspected first.

    Returns
    -------
    DataFrame
        `name`, `length_m`, `unseen_m`, `never_m`, `oldest_at` and `newest_at` of what was inspected.
    """
    table = stretches.assign(
        unseen_m=stretches["length_m"].where(~stretches["seen"], 0.0),
        never_m=stretches["length_m"].where(stretches["last_at"].isna(), 0.0),
        name=stretches["name"].fillna(""),
    )
    found = table.groupby("name", sort=True).agg(
        length_m=("length_m", "sum"),
        unseen_m=("unseen_m", "sum"),
        never_m=("never_m", "sum"),
        oldest_at=("last_at", "min"),
        newest_at=("last_at", "max"),
    )
    return found.reset_index().sort_values(
        ["unseen_m", "length_m", "name"], ascending=[False, False, True], ignore_index=True
    )
