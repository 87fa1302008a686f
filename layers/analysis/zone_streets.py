"""The stretches of street inside zones around places, and when each was last inspected."""

from datetime import datetime
from typing import TYPE_CHECKING

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from shapely.ops import substring

from layers.analysis import coverage, school_zones

if TYPE_CHECKING:
    from layers.analysis.questions import Analyst

COLUMNS = ["fid", "block_id", "name", "length_m", "last_at", "seen"]
# What is shorter than this is where two streets touch, not a stretch that anybody walks
_SHORTEST_M = 0.5


def read(
    analyst: "Analyst",
    places: gpd.GeoDataFrame,
    reach: NDArray[np.float64],
    since: datetime,
    now: datetime,
) -> pd.DataFrame:
    """Return a row per place and stretch of a block in its zone; `seen` if it was inspected since then."""
    network = analyst.site.network_or_none()
    drawn = {
        fid: shapely.transform(school_zones.zone(geometry, float(metres)), network.projection.to_metres)
        for fid, geometry, metres in zip(places["fid"], places.geometry, reach, strict=True)
        if network is not None and metres > 0
    }
    if network is None or not drawn:
        empty = pd.DataFrame(columns=COLUMNS).astype({"length_m": float, "seen": bool})
        return empty.assign(last_at=pd.to_datetime(empty["last_at"], utc=True))
    blocks = network.blocks.set_index("block_id")
    zones = np.array(list(drawn.values()), dtype=object)
    _, touched = shapely.STRtree(blocks.geometry.to_numpy()).query(zones, predicate="intersects")
    cut = coverage.stretches(analyst, None, now)
    cut = cut[cut["block_id"].isin(blocks.index[np.unique(touched)])]
    of = blocks.loc[cut["block_id"].to_numpy()]
    lines = _cut(of, cut)
    stretches = pd.DataFrame(
        {
            "block_id": cut["block_id"].to_numpy(),
            "name": of["name"].to_numpy(),
            "last_at": pd.to_datetime(cut["inspected_at"], utc=True).array,
        }
    )
    zone, row = shapely.STRtree(lines).query(zones, predicate="intersects")
    length = shapely.length(lines)[row]
    whole = shapely.covers(_prepared(zones)[zone], lines[row])
    length[~whole] = shapely.length(shapely.intersection(lines[row][~whole], zones[zone][~whole]))
    found = stretches.iloc[row].assign(fid=np.array(list(drawn))[zone], length_m=length)
    found = found.assign(seen=(found["last_at"] >= pd.Timestamp(since)).to_numpy(dtype=bool))
    kept: pd.DataFrame = found.loc[found["length_m"] > _SHORTEST_M, COLUMNS]
    return kept.sort_values(["fid", "block_id"], kind="stable").reset_index(drop=True)


def _cut(of: gpd.GeoDataFrame, cut: pd.DataFrame) -> NDArray[np.object_]:
    """Return the line of each stretch; a stretch as long as its block is the block."""
    lines = of.geometry.to_numpy().copy()
    starts, ends = cut["from_m"].to_numpy(), cut["to_m"].to_numpy()
    parts = np.flatnonzero((starts > 0) | (ends < shapely.length(lines) - 1e-6))
    for k in parts.tolist():
        lines[k] = substring(lines[k], starts[k], ends[k])
    return np.asarray(lines, dtype=object)


def _prepared(zones: NDArray[np.object_]) -> NDArray[np.object_]:
    shapely.prepare(zones)
    return zones


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
