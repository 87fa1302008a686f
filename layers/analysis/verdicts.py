"""Verdicts on findings of trading and on premises around protected places, by the rules of a site."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from geo import clearance
from geo.clearance import Rule, concerns, in_force, protects
from layers.analysis import on_foot
from layers.analysis.questions import Analyst
from layers.city import clearance_rules, key_points, licences
from layers.city.clearance_rules import Kept
from layers.city.taxonomy import TRADE_KINDS
from layers.field.asking import FindingFilter

# Findings of trading, and the trade as far as the category tells it: seldom what is sold
VENDORS: Mapping[tuple[str, str], str] = {
    ("cjt214-2007-event", "0501"): "mobile_vendor",
    ("gbt30428-2013-event", "0401"): "mobile_vendor",
    ("gbt30428-2013-event", "0406"): "street_vendor",
    ("xuncha-ext", "X311"): "street_vendor",
    ("xuncha-ext", "X312"): "food_vendor",
}
# What `geo.clearance.audit` takes for the errors of places and of positions that say none, and how far beyond
# a limit it still looks; the sphere on which zones are drawn is a little off
_PLACE_SD_M, _FINDING_SD_M, _BEYOND_M, _SLACK_M = 3.0, 5.0, 50.0, 20.0


def rules(analyst: Analyst) -> list[Kept]:
    """Return every version of every rule of the site."""
    with analyst.site.store.read() as conn:
        return clearance_rules.versions(conn, analyst.site.settings.school_radius_m)


def local(analyst: Analyst, at: datetime) -> pd.Timestamp:
    """Return an instant in the zone of the site."""
    return pd.Timestamp(at.astimezone(analyst.site.settings.zone))


def audit(
    analyst: Analyst, chosen: FindingFilter, now: datetime, only: int | None = None
) -> gpd.GeoDataFrame:
    """Return the verdicts on the chosen findings and on today's premises around schools.

    A finding is judged by the rules that held when it was observed, to the hour; premises, which are there
    all week, by those that hold today.  Of the school with the fid `only`, nothing is read that lies too far
    off to matter: the verdicts are the same.

    Returns
    -------
    GeoDataFrame, EPSG:4326
        What `geo.clearance.audit` tells, and `what` (finding or premises), `lon`, `lat`, `rule_version` and
        `rule_source`; `premises_id` is the fid of the finding or key point.  For people: `uuid`, `scheme`,
        `code` and `observed_at` of a finding, `name`, `kind`, `licensed_on` and
        `licence_until` of premises, `gate_name`, `gate_kind`.
    """
    stalls = _stalls(analyst, chosen, now, only)
    parts = [of_premises(analyst, now, only), *_of_findings(analyst, stalls, only)]
    some = [part for part in parts if len(part)] or parts[:1]
    judged = pd.concat(some, ignore_index=True)
    named = _trade(analyst).set_index("fid")[["name", "kind"]]
    with analyst.site.store.read() as conn:
        named = named.join(licences.in_force(conn))
    described = _described(judged, stalls, named, _gates(analyst))
    return gpd.GeoDataFrame(described, geometry="path", crs=4326)


def unrecorded(analyst: Analyst, kept: Kept) -> tuple[str, ...]:
    """Return the trades of a rule of which the site records nothing: neither premises nor stalls.

    Of these the rule says nothing, whatever is there.
    """
    known, rule = {*VENDORS.values(), *_trade(analyst)["kind"]}, kept.rule()
    alone = [replace(rule, activity=(trade,)) for trade in rule.activity]
    return tuple(
        one.activity[0]
        for one in alone
        if not any(clearance_rules.may_concern(one, trade) for trade in known)
    )


def zones(analyst: Analyst, fid: int, now: datetime) -> list[tuple[Kept, gpd.GeoDataFrame]]:
    """Return what each rule that holds now reaches around one school; see `geo.clearance.zones`."""
    at = local(analyst, now)
    held = clearance_rules.holding(rules(analyst), at)

    def make() -> list[tuple[Kept, gpd.GeoDataFrame]]:
        places, gates, _ = _places(analyst)
        mine, foot = places[places["place_id"].eq(fid)], on_foot.network(analyst)
        own = gates[gates["place_id"].eq(fid)]
        asked = [
            (one, clearance_rules.widened(one.rule()))
            for one in held
            if any(clearance_rules.may_protect(one.rule(), kind) for kind in mine["kind"])
        ]
        drawn = [(one, clearance.zones(rule, mine, gates=own, foot=foot)) for one, rule in asked]
        return [(one, zone) for one, zone in drawn if len(zone)]

    asked: dict[str, object] = {"fid": fid, "rules": tuple(keys(held))}
    return analyst.kept("zones", asked, make, besides=on_foot.BESIDES)


def of_premises(analyst: Analyst, now: datetime, only: int | None = None) -> pd.DataFrame:
    """Judge the premises of today by the rules that hold at an instant, as licences stood by then.

    Made anew only when one of these changed.  Of one school or of all.
    """
    at = local(analyst, now)
    held = clearance_rules.holding(rules(analyst), at)

    def make() -> pd.DataFrame:
        places, gates, premises = _places(analyst, only, _widest_m(held))
        return _judged(analyst, places, gates, premises, held, at, "premises")

    with analyst.site.store.read() as conn:
        ended = licences.n_ended(conn, at.date())
    asked: dict[str, object] = {"ended": ended, "rules": tuple(keys(held)), "only": only}
    return analyst.kept("premises judged", asked, make, besides=on_foot.BESIDES)


def _of_findings(analyst: Analyst, stalls: pd.DataFrame, only: int | None) -> list[pd.DataFrame]:
    """Judge findings of trading, each by the rules that held when it was observed."""
    kept = rules(analyst)
    seen_at = stalls["observed_at"].dt.floor("min").dt.tz_convert(analyst.site.settings.zone)
    held = {
        at: tuple(keys(one for one in clearance_rules.holding(kept, at) if in_force(one.rule(), at)))
        for at in seen_at.unique()
    }
    by_key = {(one.rule_id, one.version): one for one in kept}
    places, gates, _ = _places(analyst, only)
    parts = []
    for own, group in stalls.groupby(seen_at.map(held), sort=True):
        at, then = seen_at[group.index[0]], [by_key[key] for key in own]
        parts.append(_judged(analyst, places, gates, _as_premises(group), then, at, "finding"))
    return parts


def _stalls(analyst: Analyst, chosen: FindingFilter, now: datetime, only: int | None) -> pd.DataFrame:
    """Return the chosen findings that are of trading; around one school, as far as they can matter there."""
    asked = {*VENDORS} if chosen.categories is None else {*VENDORS}.intersection(chosen.categories)
    found = analyst.findings(replace(chosen, categories=tuple(sorted(asked))))
    if only is None or found.empty:
        return found
    since = None if chosen.observed_from is None else local(analyst, chosen.observed_from)
    widest = _widest_m(clearance_rules.within(rules(analyst), since, local(analyst, now)))
    error = np.hypot(found["s_used_m"].astype(float).fillna(_FINDING_SD_M).to_numpy(), _PLACE_SD_M)
    away = clearance.distances_m(_ground(analyst, only), found[["lon", "lat"]].to_numpy(dtype=float))
    return found[away <= widest + np.maximum(_BEYOND_M, 5.0 * error) + _SLACK_M]


def _widest_m(kept: Iterable[Kept]) -> float:
    """Return the longest distance that any of the rules has."""
    return max((one.rule().limit_m(None) for one in kept), default=0.0)


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
    analyst: Analyst, only: int | None = None, widest_m: float = 0.0
) -> tuple[gpd.GeoDataFrame, gpd.GeoDataFrame, gpd.GeoDataFrame]:
    """Return the schools, their gates, and the premises of the site as the geometry reads them.

    Of one school: itself, its gates, and the premises near enough to matter there by rules that reach so far.
    """
    schools, gates, trade = analyst.schools(), _gates(analyst), _trade(analyst)
    if only is not None:
        reach = clearance.zone(_ground(analyst, only), widest_m + _BEYOND_M + _SLACK_M)
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
            "activity": [VENDORS[key] for key in zip(found["scheme"], found["code"], strict=True)],
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
    """Judge under the rules that hold at one instant, places where nothing is missing on foot apart.

    Whether it is the hour of a rule is for the caller to say.
    """
    foot, rules_then = on_foot.network(analyst), clearance_rules.together(kept)
    wide = [clearance_rules.widened(rule) for rule in rules_then.values()]
    complete = on_foot.are_complete(analyst, places["place_id"])
    parts = []
    for group, vouched in ((places[complete], True), (places[~complete], False)):
        ways = None if foot is None else replace(foot, checked=vouched)
        if len(group) or not vouched:
            parts.append(clearance.audit(group, premises, wide, at, gates=gates, foot=ways, streets=ways))
    some = [part for part in parts if len(part)] or parts[-1:]
    verdicts = pd.concat([pd.DataFrame(part) for part in some], ignore_index=True)
    verdicts = _doubted(verdicts, places, premises, rules_then)
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


def _doubted(
    verdicts: pd.DataFrame, places: pd.DataFrame, premises: pd.DataFrame, rules: Mapping[str, Rule]
) -> pd.DataFrame:
    """Leave open what holds only if a trade or a place is what it may be; leave out what never does."""
    trades = premises.set_index("premises_id")["activity"].reindex(verdicts["premises_id"].to_numpy())
    kinds = places.set_index("place_id")["kind"].reindex(verdicts["place_id"].to_numpy())
    asked = list(zip([rules[rule] for rule in verdicts["rule_id"]], kinds, trades, strict=True))
    may = [
        clearance_rules.may_protect(rule, kind) and clearance_rules.may_concern(rule, trade)
        for rule, kind, trade in asked
    ]
    doubts = [
        (*("kind_unknown",) * (not protects(rule, kind)), *("trade_unknown",) * (not concerns(rule, trade)))
        if verdict != "clear"
        else ()
        for (rule, kind, trade), verdict in zip(asked, verdicts["verdict"], strict=True)
    ]
    unsure = np.array([bool(doubt) for doubt in doubts], dtype=bool)
    notes = [(*known, *doubt) for known, doubt in zip(verdicts["notes"], doubts, strict=True)]
    open_ = verdicts.assign(
        verdict=verdicts["verdict"].mask(unsure, "indeterminate"),
        on_breach=verdicts["on_breach"].mask(unsure, None),
        p_inside_low=verdicts["p_inside_low"].mask(unsure, 0.0),
        notes=pd.Series(notes, index=verdicts.index, dtype=object),
    )
    return open_[np.array(may, dtype=bool)].reset_index(drop=True)
