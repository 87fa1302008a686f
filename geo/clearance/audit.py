"""Rules against places: a verdict for every premises near enough to matter."""

from collections.abc import Iterable, Mapping
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from geo.clearance.distance import p_inside
from geo.clearance.features import in_degrees, origins
from geo.clearance.measuring import measured
from geo.clearance.routes import routed
from geo.clearance.rules import SURE, Rule, concerns, in_force, protects
from geo.walking import FootNetwork

Floats = NDArray[np.float64]

VERDICTS = ("breach", "clear", "indeterminate", "measure_on_site")

COLUMNS = (
    "place_id",
    "premises_id",
    "rule_id",
    "verdict",
    "distance_m",
    "straight_m",
    "walked_m",
    "limit_m",
    "p_inside",
    "p_inside_low",
    "sd_m",
    "gate_id",
    "measured_from",
    "measured_to",
    "measure",
    "assumed",
    "notes",
    "on_breach",
    "tolerated",
    "tolerated_until",
    "network_version",
    "waits_for",
    "path",
)


def audit(
    places: gpd.GeoDataFrame,
    premises: gpd.GeoDataFrame,
    rules: Iterable[Rule],
    on: pd.Timestamp,
    *,
    gates: gpd.GeoDataFrame | None = None,
    foot: FootNetwork | None = None,
    streets: FootNetwork | None = None,
    readings: Mapping[str, Mapping[str, str]] | None = None,
    proposed: bool = False,
    place_sd_m: float = 3.0,
    gate_sd_m: float = 3.0,
    premises_sd_m: float = 5.0,
    beyond_m: float = 50.0,
) -> gpd.GeoDataFrame:
    """Return verdicts for all premises near the places that the rules in force protect.

    Straight distances are geodesics; walked ones follow `foot`, those along street fronts `streets`.  A
    walk is never shorter than the straight line, so straight > D proves *clear* without a network; else,
    if crossings are not verified or the network is not checked, the verdict is *indeterminate* unless
    verified ways alone prove a *breach*.  A position error that leaves P(inside) between 0.05 and 0.95 makes
    the verdict *measure_on_site*.  Pairs that are clear by more than `beyond_m` are not listed.

    Where the text of a rule leaves origin or ruler open, `readings` decides, else the rule's own `assumed`
    (`assumed` is then True); else only what holds under every reading is said.

    Parameters
    ----------
    places : GeoDataFrame, any CRS
        `place_id, kind`, geometry (outline, or a point where no more is known); optional `building`,
        `parcel` (geometries), `street_id`.
    premises : GeoDataFrame, any CRS
        `premises_id, activity`, geometry; optional `entrance, building, parcel` (geometries), `sd_m`,
        `variant`, `street_id`, `storey`, `rise_m`, `licensed_on`, `licence_until`.  Findings (a stall seen
        on the street) are premises without a licence.
    rules : iterable of Rule
        Of several versions of a rule the one in force is asked (the last one, should there be more).
    on : Timestamp
        Day and hour in local time: the rule in force then decides.
    gates : GeoDataFrame, optional
        `place_id`, `geometry`; optional `gate_id`, `role` (main, student, staff, fire, door, …), `sd_m`
        (where it is NaN, `gate_sd_m`).
    foot, streets : FootNetwork, optional
    readings : mapping, optional
        By rule id what an operator chose for `measured_from` and `measure`.
    proposed : bool
        Count drafts and proposals.
    place_sd_m, gate_sd_m, premises_sd_m : float
        Standard deviation per axis of mapped outlines, gates and premises.
    beyond_m : float
        Premises up to this far beyond a limit are listed too, as clear.

    Returns
    -------
    GeoDataFrame
        A row per place, premises and rule (and gate, for rules that judge each gate): `verdict`,
        `distance_m` (the one that decides), `straight_m`, `walked_m`, `limit_m`, `p_inside` and
        `p_inside_low` (they differ where the distance is only known between bounds), `measured_from`,
        `measured_to`, `measure` (what was used), `notes` (codes), `on_breach` (None unless a breach that
        is not tolerated), `tolerated`, `tolerated_until`, `network_version`, `waits_for` (the ways of the
        walk, by `path_id`, that nobody has verified), `path` (WGS 84).

    Raises
    ------
    MissingColumnError, NoCRSError, CoordinateError

    Examples
    --------
    >>> import shapely
    >>> from geo.clearance.rules import read_rules
    >>> rule = read_rules([{"id": "x", "activity": ["tobacco"], "protected_kinds": ["school"],
    ...     "distance_m": 100, "measured_from": "gate", "measured_to": "entrance", "measure": "euclidean"}])
    >>> school = gpd.GeoDataFrame({"place_id": [1], "kind": ["primary"]},
    ...     geometry=[shapely.Point(117.0, 39.0)], crs=4326)
    >>> shop = gpd.GeoDataFrame({"premises_id": [7], "activity": ["tobacco"]},
    ...     geometry=[shapely.Point(117.0005, 39.0)], crs=4326)
    >>> found = audit(school, shop, rule, pd.Timestamp("2024-05-01"), gates=school[["place_id", "geometry"]])
    >>> found[["verdict", "measured_from"]].to_numpy().tolist(), found["distance_m"].round(1).tolist()
    ([['breach', 'gate']], [43.3])
    """
    here = in_degrees(places, ("place_id", "kind"))
    there = in_degrees(premises, ("premises_id", "activity"))
    doors = None if gates is None else in_degrees(gates, ("place_id",))
    sd = {
        "place_sd_m": place_sd_m,
        "gate_sd_m": gate_sd_m,
        "premises_sd_m": premises_sd_m,
        "beyond_m": beyond_m,
    }
    current = {rule.id: rule for rule in rules if in_force(rule, on, proposed=proposed)}
    networks = {"network_walk": foot, "along_street": streets}
    parts = [
        _one_rule(rule, here, there, doors, networks, dict((readings or {}).get(rule.id, {})), sd, on)
        for rule in current.values()
    ]
    table = pd.concat([part for part in parts if len(part)] or [pd.DataFrame(columns=list(COLUMNS))])
    table = _without_minus(table.reset_index(drop=True), current)
    order = table.sort_values(["place_id", "premises_id", "rule_id"], kind="stable", ignore_index=True)
    for column in ("gate_id", "on_breach", "network_version"):
        order[column] = pd.Series([None if pd.isna(v) else v for v in order[column]], dtype=object)
    return gpd.GeoDataFrame(order[list(COLUMNS)], geometry="path", crs=4326)


def _one_rule(  # noqa: PLR0917
    rule: Rule,
    places: gpd.GeoDataFrame,
    premises: gpd.GeoDataFrame,
    gates: gpd.GeoDataFrame | None,
    networks: Mapping[str, FootNetwork | None],
    picked: dict[str, str],
    sd: Mapping[str, float],
    on: pd.Timestamp,
) -> pd.DataFrame:
    """Judge one rule."""
    place = places[[protects(rule, kind) for kind in places["kind"]]]
    trade = premises[[concerns(rule, what) for what in premises["activity"]]]
    place, trade = place.reset_index(drop=True), trade.reset_index(drop=True)
    if not len(place) or not len(trade):
        return pd.DataFrame(columns=list(COLUMNS))
    reading = _reading(rule, picked)
    origin = origins(rule, place, gates, reading, sd["place_sd_m"], sd["gate_sd_m"])
    pairs = measured(rule, origin, trade, sd["premises_sd_m"], sd["beyond_m"])
    if not len(pairs):
        return pd.DataFrame(columns=list(COLUMNS))
    pairs["measure"] = reading.get("measure", rule.measure)
    pairs["open"] = pairs["measure"].eq("unspecified") | _open_origin(rule, reading)
    pairs = routed(pairs, networks)
    if rule.multi_gate != "each":
        pairs = _nearest(pairs)
    return _judged(rule, pairs, place, trade, bool(reading) and not picked, on)


def _reading(rule: Rule, picked: dict[str, str]) -> dict[str, str]:
    """Return what decides where the text is silent."""
    silent = {key for key in ("measured_from", "measure") if getattr(rule, key) == "unspecified"}
    chosen = {**(rule.assumed or {}), **picked}
    return {key: chosen[key] for key in silent if key in chosen}


def _open_origin(rule: Rule, reading: Mapping[str, str]) -> bool:
    """Tell whether nobody said where to measure from."""
    return rule.measured_from == "unspecified" and "measured_from" not in reading


def _nearest(pairs: pd.DataFrame) -> pd.DataFrame:
    """Keep for each place and premises the origin that the shortest way leads to."""
    keys = ["place", "premises"]
    order = pairs.assign(near=pairs["lower"]).sort_values(["near", "upper", "straight"], kind="stable")
    best = order.drop_duplicates(keys).copy()
    for column in ("upper", "straight"):
        low = order.groupby(keys)[column].min()
        best[column] = low.reindex(pd.MultiIndex.from_frame(best[keys])).to_numpy()
    return best.sort_values(keys).reset_index(drop=True)


def _judged(  # noqa: PLR0917
    rule: Rule,
    pairs: pd.DataFrame,
    places: gpd.GeoDataFrame,
    premises: gpd.GeoDataFrame,
    assumed: bool,
    on: pd.Timestamp,
) -> pd.DataFrame:
    """Turn bounds of the distance into verdicts."""
    high, low = _chances(rule, pairs, "lower"), _chances(rule, pairs, "upper")
    same = (pairs["upper"] - pairs["lower"]).abs().to_numpy() < 1e-6
    verdict = np.where(
        high <= 1 - SURE,
        "clear",
        np.where(
            low >= SURE, "breach", np.where(same | (low > 1 - SURE), "measure_on_site", "indeterminate")
        ),
    ).astype(object)
    notes = _notes(rule, pairs, verdict)
    _note_licences(rule, premises.iloc[pairs["premises"]], verdict, notes)
    if rule.same_street_only:
        verdict, high, low = _same_street(pairs, places, premises, verdict, notes, high, low)
    decided = np.where(verdict == "breach", pairs["upper"], pairs["lower"])
    one, other = places.iloc[pairs["place"]], premises.iloc[pairs["premises"]]
    tolerated, until = _tolerated(rule, other, verdict, on)
    columns = {
        "place_id": one["place_id"].to_numpy(),
        "premises_id": other["premises_id"].to_numpy(),
        "rule_id": rule.id,
        "verdict": verdict,
        "distance_m": np.maximum(decided, 0.0),
        "straight_m": np.maximum(pairs["straight"], 0.0),
        "walked_m": pairs["walked"],
        "limit_m": pairs["limit"],
        "p_inside": high,
        "p_inside_low": low,
        "sd_m": pairs["sd"],
        "gate_id": pairs["gate_id"].to_numpy(dtype=object),
        "measured_from": pairs["used"],
        "measured_to": pairs["to"],
        "measure": pairs["measure"],
        "assumed": assumed,
        "notes": [tuple(sorted(each)) for each in notes],
        "on_breach": _marked((verdict == "breach") & ~tolerated, rule.on_breach),
        "tolerated": tolerated,
        "tolerated_until": until,
        "network_version": pairs["network_version"].to_numpy(dtype=object),
        "waits_for": list(pairs["waits_for"]),
        "path": pairs["path"].to_numpy(dtype=object),
    }
    return pd.DataFrame(
        {
            key: np.asarray(value) if not isinstance(value, (str, bool, list)) else value
            for key, value in columns.items()
        }
    )


def _marked(which: NDArray[np.bool_], text: str) -> NDArray[Any]:
    """Return the text where it holds, else None."""
    out = np.full(len(which), None, dtype=object)
    out[which] = text
    return out


def _chances(rule: Rule, pairs: pd.DataFrame, bound: str) -> Floats:
    """Return P(inside) at a bound of the distance; straight from a point a disc, else a straight edge."""
    disc = pairs["disc"].to_numpy() & np.isclose(pairs[bound], pairs["straight"])
    args = (pairs[bound].to_numpy(), pairs["limit"].to_numpy(), pairs["sd"].to_numpy())
    edge = p_inside(*args, inclusive=rule.inclusive)
    round_ = p_inside(*args, disc=True, inclusive=rule.inclusive)
    return np.asarray(np.where(disc, round_, edge))


def _notes(rule: Rule, pairs: pd.DataFrame, verdict: NDArray[Any]) -> list[set[str]]:
    """Return codes for what a reader must know about each verdict."""
    notes: list[set[str]] = [set(each) for each in pairs["route_notes"]]
    for note, used, bound, open_, decided in zip(
        notes, pairs["used"], pairs["bound"], pairs["open"], verdict, strict=True
    ):
        if used == "point":
            note.add("only_a_point_is_known")
        if bound and not open_:
            note.add("no_gate_known")
        if open_:
            note.add("ruler_or_origin_open")
        if rule.rise_from_storey is not None and decided != "clear":
            note.add("rise_added_from_storey")
    return notes


def _note_licences(
    rule: Rule, premises: gpd.GeoDataFrame, verdict: NDArray[Any], notes: list[set[str]]
) -> None:
    """Say where a licence of unknown age might let premises stay that would breach the rule."""
    tolerates = rule.grandfathered_before is not None or rule.grandfathering
    if not tolerates or "licensed_on" not in premises:
        return
    unknown = premises["licensed_on"].isna().to_numpy() & (verdict == "breach")
    for k in np.flatnonzero(unknown).tolist():
        notes[k].add("licence_unknown")


def _tolerates_before(rule: Rule, day: pd.Timestamp) -> pd.Timestamp | None:
    """Return before which day a licence lets premises stay; None for never.

    Of a rule that spares those who were there first without saying since when it holds, nobody can say that
    a licence came after it: whoever has one on the day in question stays until it ends.
    """
    if rule.grandfathered_before is not None or not rule.grandfathering:
        return rule.grandfathered_before
    return rule.valid_from or day + pd.Timedelta(days=1)


def _same_street(  # noqa: PLR0917
    pairs: pd.DataFrame,
    places: gpd.GeoDataFrame,
    premises: gpd.GeoDataFrame,
    verdict: NDArray[Any],
    notes: list[set[str]],
    high: Floats,
    low: Floats,
) -> tuple[NDArray[Any], Floats, Floats]:
    """Apply a rule only to premises on the street of the place."""
    nothing = pd.Series(None, index=range(len(places)), dtype=object)
    a = places.get("street_id", nothing).to_numpy()[pairs["place"].to_numpy()]
    nothing = pd.Series(None, index=range(len(premises)), dtype=object)
    b = premises.get("street_id", nothing).to_numpy()[pairs["premises"].to_numpy()]
    unknown = pd.isna(a) | pd.isna(b)
    other = ~unknown & (a != b)
    for k in np.flatnonzero(other).tolist():
        notes[k].add("other_street")
    for k in np.flatnonzero(unknown & (verdict != "clear")).tolist():
        notes[k].add("street_unknown")
    verdict = np.where(other, "clear", np.where(unknown & (verdict != "clear"), "indeterminate", verdict))
    return verdict, np.where(other, 0.0, high), np.where(other | unknown, 0.0, low)


def _tolerated(
    rule: Rule, premises: gpd.GeoDataFrame, verdict: NDArray[Any], on: pd.Timestamp
) -> tuple[NDArray[np.bool_], NDArray[Any]]:
    """Return who may stay although inside: licensed before the rule, until the licence ends."""
    none = pd.Series(None, index=premises.index, dtype=object)
    day = (on.tz_localize(None) if on.tzinfo is not None else on).normalize()
    before = _tolerates_before(rule, day)
    until = pd.to_datetime(premises.get("licence_until", none)).to_numpy()
    if before is None:
        return np.zeros(len(premises), dtype=bool), np.full(len(premises), np.datetime64("NaT", "ns"))
    licensed = pd.to_datetime(premises.get("licensed_on", none))
    running = pd.isna(until) | (pd.DatetimeIndex(until) >= day)
    stays = (licensed < before).to_numpy() & running & (verdict == "breach")
    return stays, np.where(stays, until.astype("datetime64[ns]"), np.datetime64("NaT", "ns"))


def _without_minus(table: pd.DataFrame, rules: Mapping[str, Rule]) -> pd.DataFrame:
    """Take the zone of one rule out of the zone of another: nobody is judged twice for one place."""
    inner = {rule.id: rule.minus_rule for rule in rules.values() if rule.minus_rule}
    if not inner or not len(table):
        return table
    rank = table["verdict"].map({"breach": 0, "measure_on_site": 1, "indeterminate": 2, "clear": 3})
    keys = ["place_id", "premises_id", "rule_id"]
    worst = rank.groupby([table[key] for key in keys]).min()
    out, taken = table.copy(), list(table["notes"])
    for row in np.flatnonzero(table["rule_id"].isin(inner) & (table["verdict"] != "clear")).tolist():
        other = inner[table["rule_id"].iloc[row]]
        found = worst.get((table["place_id"].iloc[row], table["premises_id"].iloc[row], other), 3)
        if found == 3:
            continue
        verdict = {0: "clear", 1: "measure_on_site", 2: "indeterminate"}[int(found)]
        out.loc[row, ["verdict", "on_breach"]] = [verdict, None]
        taken[row] = (*taken[row], f"taken_by:{other}")
    return out.assign(notes=taken)
