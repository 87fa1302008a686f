"""Ways on foot: streets, pavements, crossings and footbridges, and what people found of them on site."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from geo.foot_ways import barred, joined
from geo.footways import FootNetwork, foot_network
from geo.matching.network import PATHS
from layers.analysis.questions import Analyst
from layers.city import foot_statements, networks
from layers.city.foot_statements import ABSENT, BARRIER, USABLE, Said
from layers.city.networks import Network

# What can change without a word about premises, places, ways or rules
BESIDES = ("finding", "track", "photo", "job", "token", "account", "webhook", "check")
# Ways that are beside the traffic need nobody's word; on all others somebody has to cross or share the road
_BESIDE_TRAFFIC = frozenset(("sidewalk", "path"))
STREET = "street"


@dataclass(frozen=True, slots=True)
class Ways:
    """Ways on foot of the newest streets in metres, and what is said of them.

    `table`: `path_id` (the key of the way), `kind` (street, sidewalk, crossing, footbridge, path), `name`,
    `to_verify` and the line.
    """

    table: gpd.GeoDataFrame
    said: Said
    version: int
    everything: bool


def look(analyst: Analyst) -> Ways | None:
    """Return every way on foot; None where there are no streets."""
    site = analyst.site
    streets = site.network_or_none()
    if streets is None:
        return None
    with site.store.read() as conn:
        last = foot_statements.last(conn)
    said = analyst.kept_of("said of ways", {"last": last}, lambda: _said(analyst))
    table = analyst.kept_of("ways", {"network": streets.version}, lambda: _table(analyst, streets))
    by_setting = site.settings.foot_checked_version == streets.version
    everything = by_setting or said.is_complete(None, streets.version)
    return Ways(table, said, streets.version, everything)


def _said(analyst: Analyst) -> Said:
    with analyst.site.store.read() as conn:
        return foot_statements.in_force(conn)


def _table(analyst: Analyst, streets: Network) -> gpd.GeoDataFrame:
    """Return the streets and what lies beside them for people on foot, in metres."""
    with analyst.site.store.read() as conn:
        beside = networks.read_footways(conn, streets.version)
    blocks = streets.blocks
    own = blocks["class"].isin(PATHS)
    parts = [
        gpd.GeoDataFrame(
            {
                "path_id": blocks["block_id"],
                "kind": STREET,
                "name": blocks["name"],
                "to_verify": ~own,
            },
            geometry=blocks.geometry,
            crs=blocks.crs,
        )
    ]
    if len(beside):
        lines = beside.geometry.to_numpy()
        columns = {
            "path_id": keys(lines),
            "kind": beside["footway"].to_numpy(),
            "name": None,
            "to_verify": ~beside["footway"].isin(_BESIDE_TRAFFIC).to_numpy(),
        }
        metres = shapely.transform(lines, streets.projection.to_metres)
        parts.append(gpd.GeoDataFrame(columns, geometry=metres, crs=blocks.crs))
    return pd.concat(parts, ignore_index=True)


def keys(lines: NDArray[Any]) -> list[str]:
    """Return a key for each line that it keeps as long as it is drawn the same, to a decimetre.

    >>> keys(shapely.from_wkt(["LINESTRING (117 39, 117.001 39)"]))
    ['wcb0fcd668887']
    """
    told = [shapely.get_coordinates(line).round(6).tobytes() for line in lines]
    return ["w" + hashlib.sha256(one).hexdigest()[:12] for one in told]


def is_complete(analyst: Analyst, fid: int) -> bool:
    """Tell whether somebody vouches that no way and no barrier is missing around a place."""
    return bool(are_complete(analyst, [fid])[0])


def are_complete(analyst: Analyst, fids: Iterable[int]) -> NDArray[np.bool_]:
    """Tell of each place whether somebody vouches that no way and no barrier is missing around it."""
    ways = look(analyst)
    if ways is None:
        return np.zeros(len(list(fids)), dtype=bool)
    return np.array(
        [ways.everything or ways.said.is_complete(int(fid), ways.version) for fid in fids], dtype=bool
    )


def network(analyst: Analyst) -> FootNetwork | None:
    """Return the ways that can be walked as a network: without those that are not there, cut at barriers.

    A walk proves nothing until somebody has verified the crossings on it and the streets it shares with
    traffic.  The version names the streets and how much was said of them.
    """
    ways = look(analyst)
    if ways is None:
        return None

    def make() -> FootNetwork:
        paths = joined(_open(analyst, ways))
        state = paths["path_id"].map({key: one.state for key, one in ways.said.ways.items()})
        sure = paths.assign(
            crossing=paths["to_verify"], verified=ways.everything | state.eq(USABLE).to_numpy(bool)
        )
        version = f"{ways.version}.{ways.said.version}" if ways.said.version else str(ways.version)
        return foot_network(sure, checked=ways.everything, version=version)

    of: dict[str, object] = {"network": ways.version, "said": ways.said.version, "checked": ways.everything}
    return analyst.kept_of("ways on foot", of, make)


def _open(analyst: Analyst, ways: Ways) -> gpd.GeoDataFrame:
    """Return the ways that are there, those with a barrier on them in parts."""
    said = ways.said.ways
    table = ways.table
    gone = [key for key, one in said.items() if one.state == ABSENT or (one.state == BARRIER and not one.at)]
    left = table[~table["path_id"].isin(gone)]
    cut = {key: one.at for key, one in said.items() if one.state == BARRIER and one.at}
    rows = left["path_id"].isin(cut)
    if not rows.any():
        return left.reset_index(drop=True)
    projection = analyst.site.network.projection
    lines: NDArray[Any] = left.geometry.to_numpy().copy()
    for row in np.flatnonzero(rows).tolist():
        place = shapely.Point(projection.to_metres([cut[left["path_id"].iloc[row]]])[0])
        parts = barred(lines[row], [float(lines[row].project(place))])
        lines[row] = shapely.MultiLineString(parts)
    apart = left.set_geometry(gpd.GeoSeries(lines, index=left.index, crs=left.crs))
    return apart.explode(index_parts=False, ignore_index=True)


def near(analyst: Analyst, place: Any, reach_m: float) -> gpd.GeoDataFrame:
    """Return the ways to verify within a straight distance of a place, in degrees, the nearest first.

    Columns `path_id, kind, name, distance_m` and the line.
    """
    ways = look(analyst)
    if ways is None:
        return gpd.GeoDataFrame(
            {"path_id": [], "kind": [], "name": [], "distance_m": []}, geometry=[], crs=4326
        )
    streets = analyst.site.network
    metres = shapely.transform(place, streets.projection.to_metres)
    some = ways.table[ways.table["to_verify"]]
    distance = shapely.distance(some.geometry.to_numpy(), metres)
    found = some.assign(distance_m=distance)[distance <= reach_m]
    ordered = found.sort_values(["distance_m", "path_id"], kind="stable", ignore_index=True)
    return ordered.drop(columns="to_verify").to_crs(4326)
