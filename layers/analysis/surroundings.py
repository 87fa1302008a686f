"""What lies around the schools of a site by the rules in use, and whether anybody has looked."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from geo import clearance
from geo.clearance import protects
from geo.crs import LonLat
from geo.footways import FootNetwork, foot_network
from layers.analysis import school_zones, zone_streets
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
# Known to be wrong, looked at and open, not looked at, looked at in part, well
STATUSES = ("breached", "to_measure", "undecided", "unverified", "partly", "clear")
ALL_ROUND = 0.95
"""Share of the length of street in a zone that must have been inspected for it to count as all of it."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """`schools`: a row each with `status`; `verdicts`: a row per school, finding or premises, and rule.

    `stretches`: a row per school and stretch of a block in its zone: `fid`, `block_id`, `name`, `length_m`,
    `last_at`, `seen`.
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
        `rule_source`; `premises_id` is the fid of the finding or key point.  For people: `uuid`, `scheme`,
        `code` and `observed_at` of a finding, `name` and `kind` of premises, `gate_name`, `gate_kind`.
    """
    zone, kept = analyst.site.settings.zone, rules(analyst)
    places, gates, premises = _places(analyst, analyst.schools() if schools is None else schools)
    named = premises.set_index("premises_id")[["name", "kind"]]
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
    table = _described(pd.concat(parts, ignore_index=True), stalls, named, gates)
    return gpd.GeoDataFrame(table, geometry="path", crs=4326)


def _described(
    verdicts: pd.DataFrame, stalls: pd.DataFrame, premises: pd.DataFrame, gates: pd.DataFrame
) -> pd.DataFrame:
    """Add what people call the thing that was judged and the gate it was measured from."""
    is_finding = verdicts["what"].eq("finding").to_numpy()
    ids = verdicts["premises_id"].to_numpy()
    found = stalls.set_index("fid")[["uuid", "scheme", "code", "observed_at"]]
    of_finding = found.reindex(np.where(is_finding, ids, -1)).set_axis(verdicts.index)
    of_premises = premises.reindex(np.where(is_finding, -1, ids)).set_axis(verdicts.index)
    doors = gates.set_index("gate_id")[["name", "role"]].set_axis(["gate_name", "gate_kind"], axis=1)
    of_gate = doors.reindex(verdicts["gate_id"].to_numpy()).set_axis(verdicts.index)
    return pd.concat([verdicts, of_finding, of_premises, of_gate], axis=1)


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
        {
            "place_id": gates["key_point_id"],
            "gate_id": gates["fid"],
            "role": gates["kind"],
            "name": gates["name"],
        },
        geometry=gates.geometry,
        crs=4326,
    )
    shops = gpd.GeoDataFrame(
        {
            "premises_id": trade["fid"],
            "activity": trade["kind"],
            "kind": trade["kind"],
            "name": trade["name"],
        },
        geometry=trade.geometry,
        crs=4326,
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
    """Return every school with the status of its surroundings, the worst first; made once a day and version.

    Breached: a breach by premises of today or by a finding of the last `within_days` days.  Otherwise nobody
    looked (unverified), or somebody did: then something is to be measured on site (to_measure), a verdict
    lacks what decides it (undecided), streets are left (partly), or none of this (clear).
    """
    today = pd.Timestamp(now.astimezone(analyst.site.settings.zone)).tz_localize(None)
    held = clearance_rules.holding(rules(analyst), today)
    asked: dict[str, object] = {"day": str(today.date()), "days": within_days, "rules": tuple(_keys(held))}
    return analyst.kept("surroundings", asked, lambda: _status(analyst, now, held, within_days))


def _status(analyst: Analyst, now: datetime, held: list[Kept], within_days: int) -> Surroundings:
    # from midnight there, so that the answer is the same all day
    begin = now.astimezone(analyst.site.settings.zone).replace(hour=0, minute=0, second=0, microsecond=0)
    since = begin - timedelta(days=within_days)
    schools = analyst.schools()
    verdicts = audit(analyst, FindingFilter(observed_from=since), now, schools)
    reach = np.array([reach_m(held, kind) for kind in schools["kind"]], dtype=float)
    stretches = zone_streets.read(analyst, schools, reach, since, now)
    fid, hit = schools["fid"], verdicts[~verdicts["tolerated"].astype(bool)]

    def counted(verdict: str) -> "pd.Series[int]":
        each = hit[hit["verdict"].eq(verdict)].groupby("place_id")["premises_id"].nunique()
        number: pd.Series[int] = fid.map(each).fillna(0).astype(int)
        return number

    n_breach, n_measure = counted("breach"), counted("measure_on_site")
    n_open = n_measure + counted("indeterminate")
    by_school = stretches.assign(seen_m=stretches["length_m"] * stretches["seen"]).groupby("fid")
    total, seen = by_school["length_m"].sum(), by_school["seen_m"].sum()
    share = fid.map(seen / total).fillna(0.0)
    table = schools.assign(
        status=np.select(
            [n_breach > 0, share == 0, n_measure > 0, n_open > 0, share < ALL_ROUND],
            ["breached", "unverified", "to_measure", "undecided", "partly"],
            "clear",
        ),
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
