"""What lies around the schools of a site by the rules in use, and whether anybody has looked."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from shapely.ops import substring

from geo import clearance
from geo.clearance import protects
from geo.crs import LonLat
from geo.footways import FootNetwork, foot_network
from layers.analysis import coverage, school_zones
from layers.analysis.questions import Analyst
from layers.city import clearance_rules, key_points
from layers.city.clearance_rules import Kept
from layers.field.asking import FindingFilter

# Kinds of key points that rules speak of, under the name of the trade
PREMISES = ("internet_cafe", "game_hall", "entertainment", "tobacco", "alcohol", "lottery")
VENDORS = frozenset(
    (
        ("cjt214-2007-event", "0501"),
        ("gbt30428-2013-event", "0401"),
        ("gbt30428-2013-event", "0406"),
        ("xuncha-ext", "X311"),
    )
)
STATUSES = ("breached", "unverified", "clear")
ALL_ROUND = 0.95
"""Share of the length of street in a zone that must have been inspected for it to count as all of it."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """`schools`: a row each with `status`; `verdicts`: a row per school, finding or premises, and rule.

    `stretches`: a row per school and block in its zone: `fid`, `block_id`, `length_m`, `last_at`, `seen`.
    """

    schools: gpd.GeoDataFrame
    verdicts: gpd.GeoDataFrame
    stretches: pd.DataFrame


def rules(analyst: Analyst) -> list[Kept]:
    """Return every version of every rule of the site."""
    with analyst.site.store.read() as conn:
        return clearance_rules.versions(conn, analyst.site.settings.school_radius_m)


def audit(
    analyst: Analyst, chosen: FindingFilter, now: datetime, schools: gpd.GeoDataFrame | None = None
) -> gpd.GeoDataFrame:
    """Return the verdicts on the chosen findings and on today's premises around schools.

    A finding is judged by the rules that held when it was observed, premises by those that hold now.

    Returns
    -------
    GeoDataFrame, EPSG:4326
        What `geo.clearance.audit` tells, and `what` (finding or premises), `lon`, `lat`, `rule_version` and
        `rule_source`; `premises_id` is the fid of the finding or key point.
    """
    zone, kept = analyst.site.settings.zone, rules(analyst)
    places, gates, premises = _places(analyst, analyst.schools() if schools is None else schools)
    foot = _foot(analyst)
    found = analyst.findings(chosen)
    pairs = zip(found["scheme"], found["code"], strict=True)
    stalls = found[np.array([pair in VENDORS for pair in pairs], dtype=bool)]
    local = stalls["observed_at"].dt.tz_convert(zone).dt.tz_localize(None).dt.floor("min")
    held = {at: tuple(_keys(clearance_rules.holding(kept, at))) for at in local.unique()}
    today = pd.Timestamp(now.astimezone(zone)).tz_localize(None)
    parts = [_judged(places, gates, premises, clearance_rules.holding(kept, today), today, foot, "premises")]
    by_key = {(one.rule_id, one.version): one for one in kept}
    for keys, group in stalls.groupby(local.map(held), sort=True):
        at = local[group.index[0]]
        parts.append(
            _judged(places, gates, _stalls(group), [by_key[key] for key in keys], at, foot, "finding")
        )
    table = pd.concat(parts, ignore_index=True)
    return gpd.GeoDataFrame(table, geometry="path", crs=4326)


def _keys(kept: Iterable[Kept]) -> list[tuple[str, int]]:
    return [(one.rule_id, one.version) for one in kept]


def _places(
    analyst: Analyst, schools: gpd.GeoDataFrame
) -> tuple[gpd.GeoDataFrame, gpd.GeoDataFrame, gpd.GeoDataFrame]:
    """Return the schools, their gates, and the premises of the site as the geometry reads them."""
    with analyst.site.store.read() as conn:
        gates, trade = key_points.read_gates(conn), key_points.read(conn, PREMISES)
    places = gpd.GeoDataFrame(
        {"place_id": schools["fid"], "kind": schools["kind"]}, geometry=schools.geometry, crs=4326
    )
    doors = gpd.GeoDataFrame(
        {"place_id": gates["key_point_id"], "gate_id": gates["fid"], "role": gates["kind"]},
        geometry=gates.geometry,
        crs=4326,
    )
    shops = gpd.GeoDataFrame(
        {"premises_id": trade["fid"], "activity": trade["kind"]}, geometry=trade.geometry, crs=4326
    )
    return places, doors, shops


def _stalls(found: pd.DataFrame) -> gpd.GeoDataFrame:
    """Return findings of trading as premises without a licence, each with the error of its position."""
    return gpd.GeoDataFrame(
        {
            "premises_id": found["fid"],
            "activity": "street_vendor",
            "sd_m": found["s_used_m"].astype(float).fillna(5.0),
        },
        geometry=gpd.points_from_xy(found["lon"], found["lat"]),
        crs=4326,
    )


def _foot(analyst: Analyst) -> FootNetwork | None:
    """Return the streets as ways on foot; nobody has verified where they can be crossed."""
    network = analyst.site.network_or_none()
    if network is None:
        return None
    unsure = network.blocks.assign(crossing=True, verified=False)
    return foot_network(unsure, version=str(network.version))


def _judged(  # noqa: PLR0917
    places: gpd.GeoDataFrame,
    gates: gpd.GeoDataFrame,
    premises: gpd.GeoDataFrame,
    kept: list[Kept],
    at: pd.Timestamp,
    foot: FootNetwork | None,
    what: str,
) -> pd.DataFrame:
    """Judge under the rules that hold at one instant."""
    verdicts = clearance.audit(
        places, premises, [one.rule() for one in kept], at, gates=gates, foot=foot, streets=foot
    )
    by_id = {one.rule_id: one for one in kept}
    middles = shapely.point_on_surface(premises.geometry.to_numpy())
    xy = pd.DataFrame(shapely.get_coordinates(middles), index=premises["premises_id"])
    places_of = xy.reindex(verdicts["premises_id"].to_numpy())
    return pd.DataFrame(verdicts).assign(
        what=what,
        lon=places_of[0].to_numpy(),
        lat=places_of[1].to_numpy(),
        rule_version=[by_id[rule].version for rule in verdicts["rule_id"]],
        rule_source=[by_id[rule].source for rule in verdicts["rule_id"]],
    )


def reach_m(kept: Iterable[Kept], kind: str) -> float:
    """Return the widest distance that any of the rules keeps around this kind of place; 0 if none does."""
    limits = [rule.limit_m(None) for rule in (one.rule() for one in kept) if protects(rule, kind)]
    return max(limits, default=0.0)


def status(analyst: Analyst, now: datetime, within_days: int) -> Surroundings:
    """Return every school with the status of its surroundings, the worst first.

    Breached: a breach by premises of today or by a finding of the last `within_days` days. Clear: none, no
    verdict is open, and the streets all round were inspected in that time. Otherwise unverified.
    """
    site = analyst.site
    recent = FindingFilter(observed_from=now - timedelta(days=within_days), observed_until=now)
    today = pd.Timestamp(now.astimezone(site.settings.zone)).tz_localize(None)
    held = clearance_rules.holding(rules(analyst), today)
    schools = analyst.schools()
    verdicts = audit(analyst, recent, now, schools)
    reach = np.array([reach_m(held, kind) for kind in schools["kind"]], dtype=float)
    stretches = _stretches(analyst, schools, reach, now, within_days)
    hit = verdicts[verdicts["verdict"].eq("breach") & ~verdicts["tolerated"].astype(bool)]
    doubt = verdicts[verdicts["verdict"].isin(["indeterminate", "measure_on_site"])]
    fid = schools["fid"]
    n_breach = fid.map(hit.groupby("place_id")["premises_id"].nunique()).fillna(0).astype(int)
    n_open = fid.map(doubt.groupby("place_id")["premises_id"].nunique()).fillna(0).astype(int)
    by_school = stretches.assign(seen_m=stretches["length_m"] * stretches["seen"]).groupby("fid")
    total, seen = by_school["length_m"].sum(), by_school["seen_m"].sum()
    share = fid.map(seen / total).fillna(0.0)
    judged = np.select(
        [n_breach > 0, (n_open == 0) & (share >= ALL_ROUND)], ["breached", "clear"], "unverified"
    )
    table = schools.assign(
        status=judged,
        n_breach=n_breach,
        n_open=n_open,
        share_seen=share,
        unseen_m=fid.map(total - seen).fillna(0.0),
        last_at=fid.map(by_school["last_at"].min()),
        reach_m=reach,
    )
    rank = table["status"].map({name: k for k, name in enumerate(STATUSES)})
    worst = table.assign(rank=rank).sort_values(
        ["rank", "n_breach", "share_seen", "fid"], ascending=[True, False, True, True]
    )
    return Surroundings(worst.drop(columns="rank").reset_index(drop=True), verdicts, stretches)


def _stretches(
    analyst: Analyst, schools: gpd.GeoDataFrame, reach: NDArray[np.float64], now: datetime, days: int
) -> pd.DataFrame:
    """Return the stretches of street in each zone, and when each was last inspected."""
    columns = ["fid", "block_id", "name", "length_m", "last_at", "seen"]
    network = analyst.site.network_or_none()
    if network is None or not len(schools):
        return pd.DataFrame(columns=columns).astype({"length_m": float, "seen": bool})
    cut = coverage.stretches(analyst, None, now)
    whole = network.blocks.set_index("block_id")
    of = whole.loc[cut["block_id"].to_numpy()]
    ends = zip(of.geometry, cut["from_m"].tolist(), cut["to_m"].tolist(), strict=True)
    lines = np.array([substring(line, start, end) for line, start, end in ends], dtype=object)
    blocks = cut.assign(name=of["name"].to_numpy())
    tree, parts = shapely.STRtree(lines), []
    for number, geometry, metres in zip(schools["fid"], schools.geometry, reach, strict=True):
        if metres <= 0:
            continue
        drawn = shapely.transform(school_zones.zone(geometry, float(metres)), network.projection.to_metres)
        near = np.sort(tree.query(drawn, predicate="intersects"))
        length = shapely.length(shapely.intersection(lines[near], drawn))
        parts.append(
            blocks.iloc[near][["block_id", "name", "inspected_at"]].assign(fid=number, length_m=length)
        )
    found = (
        pd.concat(parts)
        if parts
        else pd.DataFrame(columns=["fid", "block_id", "name", "inspected_at", "length_m"])
    )
    last = pd.to_datetime(found["inspected_at"], utc=True)
    table = found.assign(last_at=last.array, seen=(last >= now - timedelta(days=days)).to_numpy(dtype=bool))
    kept: pd.DataFrame = table[table["length_m"] > 0.5][columns].reset_index(drop=True)
    return kept


BELLS = ("07:30", "11:40", "13:30", "16:30")
BELL_MINUTES = 45


def through_time(analyst: Analyst, school: Any, within_m: float) -> pd.DataFrame:
    """Return by month the findings within a distance of a place, and those near a bell time of its days.

    All categories count.  Returns columns `month`, `n`, `at_bells`, the oldest first.
    """
    found = analyst.findings(FindingFilter())
    metres = school_zones.distances(school, LonLat(found[["lon", "lat"]].to_numpy(dtype=float)))
    near = found[metres <= within_m]
    local = near["observed_at"].dt.tz_convert(analyst.site.settings.zone).dt.tz_localize(None)
    minute = (local.dt.hour * 60 + local.dt.minute).to_numpy()
    bells = np.array([int(bell[:2]) * 60 + int(bell[3:]) for bell in BELLS])
    at_bells = (np.abs(minute[:, None] - bells[None, :]) <= BELL_MINUTES).any(axis=1)
    table = pd.DataFrame({"month": local.dt.strftime("%Y-%m").to_numpy(), "at_bells": at_bells})
    by_month = table.groupby("month", sort=True)["at_bells"].agg(["size", "sum"]).reset_index()
    counted: pd.DataFrame = by_month.set_axis(["month", "n", "at_bells"], axis=1)
    return counted
