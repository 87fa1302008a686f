"""From a matched recording to intervals of blocks that somebody looked at."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from geo.errors import GeoError, MissingColumnError
from geo.matching import Trace
from geo.matching.network import PATHS, kerb_m
from geo.recordings import MODES, mode_named, seconds

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

STATES = ("inspected", "passed", "unknown", "not visited")
"""Strongest first: a place seen once is seen, however often somebody else drove past."""

SIDES = ("left", "right", "both", "unknown")
COLUMNS = (
    "block_id",
    "side",
    "from_m",
    "to_m",
    "state",
    "started_at",
    "ended_at",
    "p",
    "p_side",
    "recording",
    "pass_no",
)
_INSPECTED, _PASSED, _UNKNOWN = 0, 1, 2


@dataclass(frozen=True)
class Rules:
    """When a stretch counts as inspected; all of it is kept with the result.

    Attributes
    ----------
    p : float
        Posterior of the visit to a block from which a stretch counts; below it is *unknown*.
    p_side : float
        Probability from which a side is named.
    fastest_mps : dict
        By mode, the speed above which somebody only passes.
    speed_over_s : float
        The speed is taken over this many seconds, so that noise of single fixes does not matter.
    new_pass_s : float
        After so long away from a block its next visit is another pass.
    error_memory_s : float
        Correlation time of position errors: fixes within it say the same about the side.
    both_sides_m : float
        A driver sees both sides of streets up to this width.
    wide_classes : tuple
        Classes on which a driver does not see the other side, whatever the width.
    """

    p: float = 0.8
    p_side: float = 0.8
    fastest_mps: Mapping[str, float] = field(
        default_factory=lambda: {name: mode.inspecting_mps[1] for name, mode in MODES.items()}
    )
    speed_over_s: float = 30.0
    new_pass_s: float = 1800.0
    error_memory_s: float = 20.0
    both_sides_m: float = 25.0
    wide_classes: tuple[str, ...] = ("motorway", "trunk", "motorway_link", "trunk_link")


def cover(trace: Trace, blocks: pd.DataFrame, *, rules: Rules | None = None) -> pd.DataFrame:
    """Return the intervals of blocks that a patrol inspected, passed, or may have passed.

    A stretch is *inspected* if it was matched with a posterior of at least `rules.p` and at a speed at which
    one can look (standing still included), *passed* if faster or if the clock stood still meanwhile,
    *unknown* if less certain or if the fixes have a gap there.  What is in no interval is not visited; a
    gap is never inspected.  Somebody on foot covers the side walked on, if the fixes tell it with
    `rules.p_side`, else the side is `unknown`; on a path, and riding or driving in a street that is not too
    wide, both.

    Parameters
    ----------
    trace : Trace
        From `geo.matching.trace`.
    blocks : GeoDataFrame
        The same that were matched: `block_id`, `geometry`; optional `width_m`, `lanes`, `class`.
    rules : Rules, optional

    Returns
    -------
    DataFrame
        `block_id, side, from_m, to_m, state, started_at, ended_at, p, p_side, recording, pass_no`; metres
        are whole millimetres, times UTC.  Intervals are half-open and may overlap; (block, side,
        recording, pass) is their key in a union by `merge`.

    Raises
    ------
    MissingColumnError

    Examples
    --------
    >>> import geopandas, shapely
    >>> from geo.matching import trace
    >>> line = geopandas.GeoDataFrame({"block_id": ["a"], "start_node": [1], "end_node": [2]},
    ...     geometry=shapely.from_wkt(["LINESTRING (0 0, 100 0)"]), crs=32650)
    >>> walk = geopandas.GeoDataFrame({"time": [0, 15, 30, 45], "accuracy_m": 3.0, "accuracy_kind": "sd"},
    ...     geometry=shapely.points([[20, 6], [40, 5], [60, 5], [80, 4]]), crs=32650)
    >>> cover(trace(walk, line), line)[["block_id", "side", "from_m", "to_m", "state"]].to_numpy().tolist()
    [['a', 'left', 20.0, 80.0, 'inspected']]
    """
    used = rules or Rules()
    known = block_table(blocks)
    runs = _run_table(_leg_rows(trace, known, used))
    runs["pass_no"] = _pass_numbers(runs, used.new_pass_s)
    return _tidied(runs, runs["track_id"].map(trace.recordings))


def _leg_rows(trace: Trace, known: pd.DataFrame, rules: Rules) -> pd.DataFrame:
    """Return each stretch travelled in millimetres, with its state, its side and the run it belongs to."""
    legs = trace.legs
    number = known.index.get_indexer(pd.Index(legs["block_id"]))
    if (number < 0).any():
        raise GeoError("there is no block %(block)s", block=legs["block_id"][number < 0].iloc[0])
    limit = known["length_mm"].to_numpy()[number]
    low = np.clip(np.round(legs["from_m"].to_numpy() * 1000), 0, limit).astype(np.int64)
    high = np.clip(np.round(legs["to_m"].to_numpy() * 1000), 0, limit).astype(np.int64)
    state = _leg_states(legs, rules, rules.fastest_mps[trace.mode])
    visit = _runs(legs, low, high)
    side, p_side = _sides(trace, known, legs, number, visit, rules)
    columns = {
        "run": _renumbered(visit, state),
        "side": side,
        "low": np.minimum(low, high),
        "high": np.maximum(low, high),
        "state": state,
        "p_side": p_side,
    }
    return legs[["track_id", "block_id", "started_at", "ended_at", "p"]].assign(**columns)


def _run_table(rows: pd.DataFrame) -> pd.DataFrame:
    """Join the stretches of each run into one interval."""
    span = {"low": "min", "high": "max", "started_at": "min", "ended_at": "max", "p": "min"}
    same = dict.fromkeys(("track_id", "block_id", "side", "state", "p_side"), "first")
    return rows.groupby("run", sort=True).agg({**same, **span}).reset_index(drop=True)


def block_table(blocks: pd.DataFrame) -> pd.DataFrame:
    """Return length (whole millimetres), kerb, width and class of each block, by `block_id`."""
    for column in ("block_id", "geometry"):
        if column not in blocks:
            raise MissingColumnError("blocks have no column %(column)s", column=column)
    nothing = pd.Series(None, index=blocks.index, dtype=object)
    kerb = kerb_m(blocks)
    columns = {
        "length_mm": np.round(np.nan_to_num(shapely.length(blocks["geometry"].to_numpy())) * 1000).astype(
            np.int64
        ),
        "kerb_m": kerb,
        "width_m": np.where(kerb > 0, 2 * (kerb - 1.5), 0.0),
        "class": blocks.get("class", nothing).to_numpy(),
    }
    return pd.DataFrame(columns, index=pd.Index(blocks["block_id"].to_numpy(), name="block_id"))


def checked(checks: pd.DataFrame, blocks: pd.DataFrame) -> pd.DataFrame:
    """Return intervals for explicit statements that a place was looked at, also when nothing was found.

    Parameters
    ----------
    checks : DataFrame
        `check_id` (text that identifies the statement), `block_id`, `at` (aware); optional `side` (left,
        right, both, default both), `from_m`, `to_m` (default the whole block), `until` (default `at`).
    blocks : GeoDataFrame

    Returns
    -------
    DataFrame
        As from `cover`, state `inspected`, p 1.

    Raises
    ------
    MissingColumnError, GeoError
        Also for a block that is not known.

    Examples
    --------
    >>> import geopandas, shapely
    >>> line = geopandas.GeoDataFrame({"block_id": ["a"]}, geometry=[shapely.LineString([(0, 0), (80, 0)])])
    >>> said = pd.DataFrame({"check_id": ["n1"], "block_id": ["a"], "to_m": [50.0],
    ...                      "at": pd.to_datetime(["2020-09-25T08:00:00Z"])})
    >>> checked(said, line)[["block_id", "side", "from_m", "to_m", "state"]].to_numpy().tolist()
    [['a', 'both', 0.0, 50.0, 'inspected']]
    """
    for column in ("check_id", "block_id", "at"):
        if column not in checks:
            raise MissingColumnError("checks have no column %(column)s", column=column)
    known = block_table(blocks)
    number = known.index.get_indexer(pd.Index(checks["block_id"]))
    if (number < 0).any():
        raise GeoError("there is no block %(block)s", block=checks["block_id"][number < 0].iloc[0])
    length = pd.Series(known["length_mm"].to_numpy()[number] / 1000, index=checks.index)
    low = checks.get("from_m", length * 0).fillna(0.0).clip(0.0, length)
    high = checks.get("to_m", length).fillna(length).clip(0.0, length)
    side = checks.get("side", pd.Series("both", index=checks.index)).fillna("both")
    if not side.isin(SIDES).all():
        raise GeoError(
            "%(given)s is no side: left, right, both or unknown", given=side[~side.isin(SIDES)].iloc[0]
        )
    at = seconds(checks["at"])
    until = seconds(checks["until"].fillna(checks["at"])) if "until" in checks else at
    runs = pd.DataFrame(
        {
            "block_id": checks["block_id"].to_numpy(),
            "side": side.to_numpy(),
            "low": np.round(np.minimum(low, high) * 1000).astype(np.int64),
            "high": np.round(np.maximum(low, high) * 1000).astype(np.int64),
            "state": _INSPECTED,
            "started_at": at,
            "ended_at": until,
            "p": 1.0,
            "p_side": 1.0,
            "pass_no": 0,
        }
    )
    return _tidied(runs, "check:" + checks["check_id"].astype(str).reset_index(drop=True))


def _tidied(runs: pd.DataFrame, recording: "pd.Series[Any]") -> pd.DataFrame:
    """Return the public columns."""
    table = pd.DataFrame(
        {
            "block_id": runs["block_id"].to_numpy(dtype=object),
            "side": runs["side"].to_numpy(dtype=object),
            "from_m": runs["low"].to_numpy() / 1000,
            "to_m": runs["high"].to_numpy() / 1000,
            "state": np.array(STATES, dtype=object)[runs["state"].to_numpy(np.int64)],
            "started_at": _instants(runs["started_at"]),
            "ended_at": _instants(runs["ended_at"]),
            "p": runs["p"].to_numpy().round(9),
            "p_side": runs["p_side"].to_numpy().round(9),
            "recording": recording.to_numpy(dtype=object),
            "pass_no": runs["pass_no"].to_numpy(np.int64),
        }
    )
    return table[list(COLUMNS)]


def _instants(since_1970: "pd.Series[Any]") -> "pd.Series[Any]":
    """Return seconds as UTC, to the millisecond."""
    whole = np.round(np.asarray(since_1970, dtype=np.float64) * 1000).astype(np.int64)
    return pd.Series(pd.DatetimeIndex(whole.astype("datetime64[ms]")).tz_localize("UTC"))


def _leg_states(legs: pd.DataFrame, rules: Rules, fastest: float) -> Ints:
    """Return the state of each stretch."""
    state = np.where(_speed(legs, rules.speed_over_s) <= fastest, _INSPECTED, _PASSED)
    sure = legs["matched"].to_numpy() & (legs["p"].to_numpy() >= rules.p)
    return np.where(sure, state, _UNKNOWN).astype(np.int64)


def _speed(legs: pd.DataFrame, over_s: float) -> Floats:
    """Return the mean speed around the middle of each stretch within its chain, m/s.

    Infinite where the clock stood still while the patrol moved: how fast is then not known.
    """
    speed = np.zeros(len(legs))
    length = (legs["to_m"] - legs["from_m"]).abs().to_numpy()
    started, ended = legs["started_at"].to_numpy(), legs["ended_at"].to_numpy()
    for rows in legs.groupby("chain", sort=False).indices.values():
        time, way = _progress(np.append(started[rows][0], ended[rows]), np.append(0.0, length[rows]))
        if len(time) == 1:
            speed[rows] = np.inf if way[-1] > 0 else 0.0
            continue
        middle = (started[rows] + ended[rows]) / 2
        low, high = np.maximum(middle - over_s / 2, time[0]), np.minimum(middle + over_s / 2, time[-1])
        gone = np.interp(high, time, way) - np.interp(low, time, way)
        speed[rows] = gone / np.maximum(high - low, 1.0)
    return speed


def _progress(time: Floats, gone: Floats) -> tuple[Floats, Floats]:
    """Return each time once and the way gone by then.

    Where the clock is coarser than the fixes a time stands for many places: half of the way between them
    counts before it and half after, but all of it at the ends, where nothing else tells of it.
    """
    way = np.cumsum(gone)
    first = np.flatnonzero(np.append(True, np.diff(time) > 0))
    last = np.append(first[1:], len(time)) - 1
    middle = (way[first] + way[last]) / 2
    middle[0], middle[-1] = way[0], way[-1]
    return time[first], middle


def _runs(legs: pd.DataFrame, low: Ints, high: Ints) -> Ints:
    """Give numbers to the visits: stretches of one chain that follow on one block without a jump."""
    if not len(legs):
        return np.empty(0, dtype=np.int64)
    new = np.ones(len(legs), dtype=bool)
    block, chain = legs["block_id"].to_numpy(), legs["chain"].to_numpy()
    matched = legs["matched"].to_numpy()
    same = (block[1:] == block[:-1]) & (chain[1:] == chain[:-1]) & (matched[1:] == matched[:-1])
    new[1:] = ~(same & (low[1:] == high[:-1]))
    return np.cumsum(new) - 1


def _renumbered(visit: Ints, state: Ints) -> Ints:
    """Cut the visits where the state changes."""
    new = np.ones(len(visit), dtype=bool)
    new[1:] = (np.diff(visit) != 0) | (np.diff(state) != 0)
    return np.cumsum(new)


def _sides(  # noqa: PLR0917
    trace: Trace, known: pd.DataFrame, legs: pd.DataFrame, number: Ints, visit: Ints, rules: Rules
) -> tuple[NDArray[np.object_], Floats]:
    """Return side and its probability for each stretch; a visit to a block has one side."""
    path = known["class"].isin(PATHS).to_numpy()[number] | (known["kerb_m"].to_numpy()[number] == 0)
    side = np.full(len(legs), "unknown", dtype=object)
    p_side = np.full(len(legs), 0.5)
    if mode_named(trace.mode).on_foot:
        left = _p_left(trace, known["kerb_m"].to_numpy()[number], legs, visit, rules.error_memory_s)
        p_side = np.maximum(left, 1.0 - left)
        side[(left >= 0.5) & (p_side >= rules.p_side)] = "left"
        side[(left < 0.5) & (p_side >= rules.p_side)] = "right"
    else:
        seen = known["width_m"].to_numpy()[number] <= rules.both_sides_m
        seen &= ~known["class"].isin(rules.wide_classes).to_numpy()[number]
        side[seen], p_side[seen] = "both", 1.0
    side[path], p_side[path] = "both", 1.0
    return side, p_side


def _p_left(trace: Trace, kerb: Floats, legs: pd.DataFrame, visit: Ints, memory_s: float) -> Floats:
    """Return the probability of the left side for each stretch, from the fixes of its visit.

    The mean distance of n fixes over T seconds is as good as that of 1 + T / (2 memory) independent ones;
    how far from the kerb line somebody walks (1.5 m) does not average out within a visit.
    """
    fixes = trace.fixes
    fixes = fixes[fixes["block_id"].notna() & (fixes["p"] > 0) & (fixes["reason"] != "repeat")]
    if not len(legs) or not len(fixes):
        return np.full(len(legs), 0.5)
    which = _visit_of(fixes, legs, visit)
    fixes = fixes[which >= 0].assign(visit=which[which >= 0])
    each = fixes.groupby("visit").agg(
        mean=("offset_m", "mean"),
        s=("s_m", "mean"),
        n=("offset_m", "size"),
        since=("time_s", "min"),
        until=("time_s", "max"),
    )
    independent = (1.0 + (each["until"] - each["since"]) / (2.0 * memory_s)).clip(upper=each["n"])
    mean = each["mean"].reindex(visit).fillna(0.0).to_numpy()
    spread = (each["s"] ** 2 / independent + 1.5**2).reindex(visit).fillna(np.inf).to_numpy()
    log_odds = np.clip(2.0 * kerb * mean / spread, -30.0, 30.0)
    return np.asarray(1.0 / (1.0 + np.exp(-log_odds)))


def _visit_of(fixes: pd.DataFrame, legs: pd.DataFrame, visit: Ints) -> Ints:
    """Return the visit during which each fix was taken on the same block, else -1."""
    spans = pd.DataFrame(
        {
            "visit": visit,
            "chain": legs["chain"].to_numpy(),
            "block_id": pd.Series(legs["block_id"].to_numpy(object), dtype=object),
            "since": legs["started_at"].to_numpy(),
            "until": legs["ended_at"].to_numpy(),
        }
    )
    first = {"chain": "first", "block_id": "first", "since": "min", "until": "max"}
    spans = spans.groupby("visit").agg(first).reset_index().sort_values("since", kind="stable")
    asked = fixes[["chain", "block_id", "time_s"]].assign(row=np.arange(len(fixes)))
    asked = asked.astype({"block_id": object}).sort_values("time_s", kind="stable")
    found = pd.merge_asof(asked, spans, left_on="time_s", right_on="since", by=["chain", "block_id"])
    inside = (found["time_s"] <= found["until"] + 1e-6).to_numpy()
    answer = np.full(len(fixes), -1, dtype=np.int64)
    answer[found["row"].to_numpy()[inside]] = found["visit"].to_numpy()[inside].astype(np.int64)
    return answer


def _pass_numbers(runs: pd.DataFrame, new_pass_s: float) -> Ints:
    """Give numbers to the passes of a track over a block: runs less than `new_pass_s` apart are one."""
    order = runs.sort_values(["track_id", "block_id", "started_at"], kind="stable")
    before = order.groupby(["track_id", "block_id"])["ended_at"].transform(
        lambda ended: ended.cummax().shift()
    )
    new = (order["started_at"] - before > new_pass_s).astype(np.int64)
    passes = new.groupby([order["track_id"], order["block_id"]]).cumsum()
    return np.asarray(passes.reindex(runs.index), dtype=np.int64)
