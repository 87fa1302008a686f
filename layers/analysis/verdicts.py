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
# What `geo.clearance.audit` takes for the errors of places and of positions that say none, and how far beyond
# a limit it still looks; the sphere on which zones are drawn is a little off
_PLACE_SD_M, _FINDING_SD_M, _BEYOND_M, _SLACK_M = 3.0, 5.0, 50.0, 20.0


def rules(analyst: Analyst) -> list[Kept]:
    """Return every version of every rule of the site."""
    with analyst.site.store.read() as conn:
        return clearance_rules.versions(conn, analyst.site.settings.school_radius_m)


def audit(
    analyst: Analyst, chosen: FindingFilter, now: datetime, only: int | None = None
) -> gpd.GeoDataFrame:
    """Return the verdicts on the chosen findings and on today's premises around schools.

    A finding is judged by the rules that held when it was observed, premises by those that hold now.  Of the
    school with the fid `only`, nothing is read that lies too far off to matter: the verdicts are the same.

    Returns
    -------
    GeoDataFrame, EPSG:4326
        What `geo.clearance.audit` tells, and `what` (finding or premises), `lon`, `lat`, `rule_version` and
        `rule_source`; `premises_id` is the fid of the finding or key point.  For people: `uuid`, `scheme`,
        `code` and `observed_at` of a finding, `name`, `kind`, `licensed_on` and
        `licence_until` of premises, `gate_name`, `gate_kind`.
    """
    stalls = _stalls(analyst, chosen, only)
    parts = [of_premises(analyst, now, only), *_of_findings(analyst, stalls, only)]
    some = [part for part in parts if len(part)] or parts[:1]
    judged = pd.concat(some, ignore_index=True)
    named = _trade(analyst).set_index("fid")[["name", "kind"]]
    with analyst.site.store.read() as conn:
        named = named.join(licences.in_force(conn))
    described = _described(judged, stalls, named, _gates(analyst))
    return gpd.GeoDataFrame(described, geometry="path", crs=4326)


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


def of_premises(analyst: Analyst, now: datetime, only: int | None = None) -> pd.DataFrame:
    """Judge the premises of today by the rules that hold at an instant, as licences stood by then.

    Made anew only when one of these changed.  Of one school or of all.
    """
    at = pd.Timestamp(now.astimezone(analyst.site.settings.zone)).tz_localize(None)
    held = clearance_rules.holding(rules(analyst), at)

    def make() -> pd.DataFrame:
        places, gates, premises = _places(analyst, only)
        return _judged(analyst, places, gates, premises, held, at, "premises")

    with analyst.site.store.read() as conn:
        ended = licences.n_ended(conn, at.date())
    asked: dict[str, object] = {"ended": ended, "rules": tuple(keys(held)), "only": only}
    return analyst.kept("premises judged", asked, make, besides=on_foot.BESIDES)


def _of_findings(analyst: Analyst, stalls: pd.DataFrame, only: int | None) -> list[pd.DataFrame]:
    """Judge findings of trading, each by the rules that held when it was observed."""
    kept = rules(analyst)
    local = stalls["observed_at"].dt.tz_convert(analyst.site.settings.zone).dt.tz_localize(None)
    local = local.dt.floor("min")
    held = {at: tuple(keys(clearance_rules.holding(kept, at))) for at in local.unique()}
    by_key = {(one.rule_id, one.version): one for one in kept}
    places, gates, _ = _places(analyst, only)
    parts = []
    for own, group in stalls.groupby(local.map(held), sort=True):
        at, then = local[group.index[0]], [by_key[key] for key in own]
        parts.append(_judged(analyst, places, gates, _as_premises(group), then, at, "finding"))
    return parts


def _stalls(analyst: Analyst, chosen: FindingFilter, only: int | None) -> pd.DataFrame:
    """Return the chosen findings that are of trading; around one school, as far as they can matter there."""
    asked = VENDORS if chosen.categories is None else VENDORS.intersection(chosen.categories)
    found = analyst.findings(replace(chosen, categories=tuple(sorted(asked))))
    if only is None or found.empty:
        return found
    error = np.hypot(found["s_used_m"].astype(float).fillna(_FINDING_SD_M).to_numpy(), _PLACE_SD_M)
    away = clearance.distances_m(_ground(analyst, only), found[["lon", "lat"]].to_numpy(dtype=float))
    return found[away <= _widest_m(analyst) + np.maximum(_BEYOND_M, 5.0 * error) + _SLACK_M]


def _widest_m(analyst: Analyst) -> float:
    """Return the longest distance that any rule in use has, whenever it held."""
    return max((one.rule().limit_m(None) for one in rules(analyst) if one.in_use), default=0.0)


def _ground(analyst: Analyst, fid: int) -> shapely.Geometry:
    """Return a school together with its gates, from any of which may be measured."""
    schools, gates = analyst.schools(), _gates(analyst)
    own = [
        *schools.geometry[schools["fid"].eq(fid).to_numpy()],
        *gates.geometry[gates["key_point_id"].eq(fid).to_numpy()],
    ]
    return shapely.union_all(own)


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


def _gates(analyst: Analyst) -> gpd.GeoDataFrame:
    """Return the gates in force, read anew only when key points have changed."""

    def make() -> gpd.GeoDataFrame:
        with analyst.site.store.read() as conn:
            return key_points.read_gates(conn)

    return analyst.kept_of("gates", {"key_points": analyst.site.facts()["key_points"]}, make)


def _trade(analyst: Analyst) -> gpd.GeoDataFrame:
    """Return the premises in force, read anew only when key points have changed."""

    def make() -> gpd.GeoDataFrame:
        with analyst.site.store.read() as conn:
            return key_points.read(conn, TRADE_KINDS)

    return analyst.kept_of("trade", {"key_points": analyst.site.facts()["key_points"]}, make)


def _places(
    analyst: Analyst, only: int | None = None
) -> tuple[gpd.GeoDataFrame, gpd.GeoDataFrame, gpd.GeoDataFrame]:
    """Return the schools, their gates, and the premises of the site as the geometry reads them.

    Of one school: itself, its gates, and the premises near enough to matter there.
    """
    schools, gates, trade = analyst.schools(), _gates(analyst), _trade(analyst)
    if only is not None:
        reach = clearance.zone(_ground(analyst, only), _widest_m(analyst) + _BEYOND_M + _SLACK_M)
        shapely.prepare(reach)
        schools, gates = schools[schools["fid"].eq(only)], gates[gates["key_point_id"].eq(only)]
        trade = trade[shapely.intersects(reach, trade.geometry.to_numpy())]
        schools, gates, trade = (one.reset_index(drop=True) for one in (schools, gates, trade))
    with analyst.site.store.read() as conn:
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
            "sd_m": found["s_used_m"].astype(float).fillna(_FINDING_SD_M),
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
    complete = on_foot.are_complete(analyst, places["place_id"])
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
