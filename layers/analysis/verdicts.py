"""Verdicts on findings of trading and on premises around protected places, by the rules of a site."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from geo import clearance
from layers.analysis import on_foot
from layers.analysis.questions import Analyst
from layers.city import clearance_rules, key_points, licences
from layers.city.clearance_rules import Kept
from layers.city.taxonomy import TRADE_KINDS
from layers.field.asking import FindingFilter

VENDORS = frozenset(
    (
        ("cjt214-2007-event", "0501"),
        ("gbt30428-2013-event", "0401"),
        ("gbt30428-2013-event", "0406"),
        ("xuncha-ext", "X311"),
    )
)


def rules(analyst: Analyst) -> list[Kept]:
    """Return every version of every rule of the site."""
    with analyst.site.store.read() as conn:
        return clearance_rules.versions(conn, analyst.site.settings.school_radius_m)


def audit(analyst: Analyst, chosen: FindingFilter, now: datetime) -> gpd.GeoDataFrame:
    """Return the verdicts on the chosen findings and on today's premises around schools.

    A finding is judged by the rules that held when it was observed, premises by those that hold now.

    Returns
    -------
    GeoDataFrame, EPSG:4326
        What `geo.clearance.audit` tells, and `what` (finding or premises), `lon`, `lat`, `rule_version` and
        `rule_source`; `premises_id` is the fid of the finding or key point.  For people: `uuid`, `scheme`,
        `code` and `observed_at` of a finding, `name`, `kind`, `licensed_on` and
        `licence_until` of premises, `gate_name`, `gate_kind`.
    """
    stalls = _stalls(analyst, chosen)
    parts = [of_premises(analyst, now), *_of_findings(analyst, stalls)]
    some = [part for part in parts if len(part)] or parts[:1]
    judged = pd.concat(some, ignore_index=True)
    with analyst.site.store.read() as conn:
        named = key_points.read(conn, TRADE_KINDS).set_index("fid")[["name", "kind"]]
        named = named.join(licences.in_force(conn))
        gates = key_points.read_gates(conn)
    return gpd.GeoDataFrame(_described(judged, stalls, named, gates), geometry="path", crs=4326)


def zones(analyst: Analyst, fid: int, now: datetime) -> list[tuple[Kept, gpd.GeoDataFrame]]:
    """Return what each rule that holds now reaches around one school; see `geo.clearance.zones`."""
    at = pd.Timestamp(now.astimezone(analyst.site.settings.zone)).tz_localize(None)
    held = clearance_rules.holding(rules(analyst), at)

    def make() -> list[tuple[Kept, gpd.GeoDataFrame]]:
        places, gates, _ = _places(analyst)
        mine, foot = places[places["place_id"].eq(fid)], on_foot.network(analyst)
        own = gates[gates["place_id"].eq(fid)]
        drawn = [(one, clearance.zones(one.rule(), mine, gates=own, foot=foot)) for one in held]
        return [(one, zone) for one, zone in drawn if len(zone)]

    asked: dict[str, object] = {"fid": fid, "rules": tuple(keys(held))}
    return analyst.kept("zones", asked, make, besides=on_foot.BESIDES)


def of_premises(analyst: Analyst, now: datetime) -> pd.DataFrame:
    """Judge the premises of today by the rules that hold at an instant, as licences stood by then.

    Made anew only when one of these changed.
    """
    at = pd.Timestamp(now.astimezone(analyst.site.settings.zone)).tz_localize(None)
    held = clearance_rules.holding(rules(analyst), at)

    def make() -> pd.DataFrame:
        places, gates, premises = _places(analyst)
        return _judged(analyst, places, gates, premises, held, at, "premises")

    with analyst.site.store.read() as conn:
        ended = licences.n_ended(conn, at.date())
    asked: dict[str, object] = {"ended": ended, "rules": tuple(keys(held))}
    return analyst.kept("premises judged", asked, make, besides=on_foot.BESIDES)


def _of_findings(analyst: Analyst, stalls: pd.DataFrame) -> list[pd.DataFrame]:
    """Judge findings of trading, each by the rules that held when it was observed."""
    kept = rules(analyst)
    local = stalls["observed_at"].dt.tz_convert(analyst.site.settings.zone).dt.tz_localize(None)
    local = local.dt.floor("min")
    held = {at: tuple(keys(clearance_rules.holding(kept, at))) for at in local.unique()}
    by_key = {(one.rule_id, one.version): one for one in kept}
    places, gates, _ = _places(analyst)
    parts = []
    for own, group in stalls.groupby(local.map(held), sort=True):
        at, then = local[group.index[0]], [by_key[key] for key in own]
        parts.append(_judged(analyst, places, gates, _as_premises(group), then, at, "finding"))
    return parts


def _stalls(analyst: Analyst, chosen: FindingFilter) -> pd.DataFrame:
    """Return the chosen findings that are of trading."""
    found = analyst.findings(chosen)
    pairs = zip(found["scheme"], found["code"], strict=True)
    return found[np.array([pair in VENDORS for pair in pairs], dtype=bool)]


def _described(
    verdicts: pd.DataFrame, stalls: pd.DataFrame, premises: pd.DataFrame, gates: pd.DataFrame
) -> pd.DataFrame:
    """Add what people call the thing that was judged and the gate it was measured from."""
    is_finding = verdicts["what"].eq("finding").to_numpy()
    ids = verdicts["premises_id"].to_numpy()
    found = stalls.set_index("fid")[["uuid", "scheme", "code", "observed_at"]]
    of_finding = found.reindex(np.where(is_finding, ids, -1)).set_axis(verdicts.index)
    of_premises = premises.reindex(np.where(is_finding, -1, ids)).set_axis(verdicts.index)
    doors = gates.set_index("fid")[["name", "kind"]].set_axis(["gate_name", "gate_kind"], axis=1)
    of_gate = doors.reindex(verdicts["gate_id"].to_numpy()).set_axis(verdicts.index)
    return pd.concat([verdicts, of_finding, of_premises, of_gate], axis=1)


def keys(kept: Iterable[Kept]) -> list[tuple[str, int]]:
    """Return the id and version of each rule."""
    return [(one.rule_id, one.version) for one in kept]


def _places(analyst: Analyst) -> tuple[gpd.GeoDataFrame, gpd.GeoDataFrame, gpd.GeoDataFrame]:
    """Return the schools, their gates, and the premises of the site as the geometry reads them."""
    schools = analyst.schools()
    with analyst.site.store.read() as conn:
        gates, trade = key_points.read_gates(conn), key_points.read(conn, TRADE_KINDS)
        licensed = licences.in_force(conn).reindex(trade["fid"])
    places = gpd.GeoDataFrame(
        {"place_id": schools["fid"], "kind": schools["kind"]}, geometry=schools.geometry, crs=4326
    )
    doors = gpd.GeoDataFrame(
        {"place_id": gates["key_point_id"], "gate_id": gates["fid"], "role": gates["kind"]},
        geometry=gates.geometry,
        crs=4326,
    )
    shops = gpd.GeoDataFrame(
        {
            "premises_id": trade["fid"],
            "activity": trade["kind"],
            **{name: licensed[name].to_numpy() for name in licences.COLUMNS},
        },
        geometry=trade.geometry,
        crs=4326,
    )
    return places, doors, shops


def _as_premises(found: pd.DataFrame) -> gpd.GeoDataFrame:
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


def _judged(  # noqa: PLR0917
    analyst: Analyst,
    places: gpd.GeoDataFrame,
    gates: gpd.GeoDataFrame,
    premises: gpd.GeoDataFrame,
    kept: list[Kept],
    at: pd.Timestamp,
    what: str,
) -> pd.DataFrame:
    """Judge under the rules that hold at one instant, places where nothing is missing on foot apart."""
    foot, rules_then = on_foot.network(analyst), [one.rule() for one in kept]
    complete = np.array([on_foot.is_complete(analyst, int(fid)) for fid in places["place_id"]], dtype=bool)
    parts = []
    for group, vouched in ((places[complete], True), (places[~complete], False)):
        ways = None if foot is None else replace(foot, checked=vouched)
        if len(group) or not vouched:
            parts.append(
                clearance.audit(group, premises, rules_then, at, gates=gates, foot=ways, streets=ways)
            )
    some = [part for part in parts if len(part)] or parts[-1:]
    verdicts = pd.concat([pd.DataFrame(part) for part in some], ignore_index=True)
    by_id = {one.rule_id: one for one in kept}
    middles = shapely.point_on_surface(premises.geometry.to_numpy())
    xy = pd.DataFrame(shapely.get_coordinates(middles), index=premises["premises_id"])
    places_of = xy.reindex(verdicts["premises_id"].to_numpy())
    return verdicts.assign(
        what=what,
        lon=places_of[0].to_numpy(),
        lat=places_of[1].to_numpy(),
        rule_version=[by_id[rule].version for rule in verdicts["rule_id"]],
        rule_source=[by_id[rule].source for rule in verdicts["rule_id"]],
    )
