"""Coverage: what is called covered was covered, beside Valhalla on the same streets and the same tracks.

Routes, errors and networks are declared by seed before the run; one parameter set (the defaults) for all.
The peer is told the true accuracy and the mode, and gets the same blocks as its map.
"""

import tempfile
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from geo import coverage, matching
from tests.prove import meili, patrols
from tests.prove.patrols import Patrol

SEED_ROUTES, SEED_ERRORS, SEED_FRONTAGE = 20_260_501, 20_260_502, 20_260_503
EVERY_S = (1, 5, 10, 30)
LENGTH_M = {"walking": 4_000.0, "driving": 12_000.0}
N_FULL, N_SMALL = 24, 3
# city, mode, whether pavements mapped as their own lines are part of the network, error per axis in metres
CASES = (
    ("Cambridge", "walking", False, 5.0),
    ("Cambridge", "driving", False, 5.0),
    ("Helsinki", "walking", False, 5.0),
    ("Helsinki", "driving", False, 5.0),
    ("Demo city", "walking", False, 5.0),
    ("Demo city", "driving", False, 5.0),
    ("Helsinki, pavements as lines", "walking", True, 5.0),
    ("Cambridge", "walking", False, 10.0),
    ("Cambridge", "driving", False, 10.0),
)
CITIES = {
    "Cambridge": patrols.cambridge,
    "Helsinki": patrols.helsinki,
    "Demo city": patrols.demo_city,
    "Helsinki, pavements as lines": partial(patrols.helsinki, pavements=True),
}

# Where somebody walks, to the left of the line of an avenue 14 m wide; that of a road 5 m wide is at -18
FRONTAGE_AT = {"its kerb to the avenue": -14.0, "its line": -18.0, "the avenue's kerb": -8.5}
FRONTAGE_M = 600.0
FRONTAGE_EVERY_S = (5, 30)
N_FRONTAGE_FULL, N_FRONTAGE_SMALL = 100, 10

Stretches = list[tuple[int, float, float]]


@dataclass
class Tally:
    """Millimetres and seconds added up over the routes of one case."""

    true: int = 0
    found: int = 0
    both: int = 0
    seconds: float = 0.0
    n_fixes: int = 0
    routes: list[tuple[int, int, int]] = field(default_factory=list)

    @property
    def recall(self) -> float:
        """Share of the true length found."""
        return self.both / max(self.true, 1)

    @property
    def precision(self) -> float:
        """Share of the found length that is true."""
        return self.both / max(self.found, 1)


@dataclass
class Row:
    """One case at one sampling interval."""

    city: str
    mode: str
    sd_m: float
    every_s: int
    gated: bool
    ours: Tally = field(default_factory=Tally)
    peer: Tally = field(default_factory=Tally)
    covered: Tally = field(default_factory=Tally)
    side_known: int = 0
    side_right: int = 0
    side_asked: int = 0
    likely: list[tuple[float, bool]] = field(default_factory=list)


def union(stretches: Iterable[tuple[int, float, float]]) -> dict[int, list[tuple[int, int]]]:
    """Join stretches into disjoint ones of whole millimetres, by block."""
    by_block: dict[int, list[tuple[int, int]]] = {}
    for block, a, b in stretches:
        low, high = sorted((round(a * 1000), round(b * 1000)))
        by_block.setdefault(block, []).append((low, high))
    joined: dict[int, list[tuple[int, int]]] = {}
    for block, parts in by_block.items():
        out: list[tuple[int, int]] = []
        for low, high in sorted(parts):
            if out and low <= out[-1][1]:
                out[-1] = out[-1][0], max(out[-1][1], high)
            else:
                out.append((low, high))
        joined[block] = [part for part in out if part[1] > part[0]]
    return joined


def size(parts: dict[int, list[tuple[int, int]]]) -> int:
    """Return the length of a union."""
    return sum(b - a for listed in parts.values() for a, b in listed)


def common(one: dict[int, list[tuple[int, int]]], other: dict[int, list[tuple[int, int]]]) -> int:
    """Return the length that two unions share."""
    shared = one.keys() & other.keys()
    return sum(
        max(0, min(b, d) - max(a, c)) for block in shared for a, b in one[block] for c, d in other[block]
    )


def _tally(tally: Tally, route: Patrol, found: Stretches) -> None:
    """Add one route."""
    truth, said = union(route.covered), union(found)
    sizes = size(truth), size(said), common(truth, said)
    tally.true, tally.found, tally.both = (
        total + one for total, one in zip((tally.true, tally.found, tally.both), sizes, strict=True)
    )
    tally.routes.append(sizes)


def _ours(
    row: Row,
    routes: list[Patrol],
    tracks: list[gpd.GeoDataFrame],
    net: matching.Network,
    blocks: gpd.GeoDataFrame,
) -> None:
    """Match all tracks in one call, as a worker does, and add up lengths, sides and probabilities."""
    together = pd.concat([track.assign(track_id=i) for i, track in enumerate(tracks)], ignore_index=True)
    together = gpd.GeoDataFrame(together, geometry="geometry", crs=blocks.crs)
    began = time.process_time()
    trace = matching.trace(together, net, mode=row.mode)
    row.ours.seconds += time.process_time() - began
    row.ours.n_fixes += len(together)
    code = pd.Series(np.arange(len(net.block_ids)), index=net.block_ids)
    intervals = coverage.cover(trace, blocks)
    names = {digest: track for track, digest in trace.recordings.items()}
    legs = trace.legs[trace.legs["matched"]]
    for i, route in enumerate(routes):
        own = legs[legs["track_id"] == i]
        _tally(row.ours, route, _stretches(own, code))
        seen = intervals[intervals["recording"].map(names) == i]
        sure = seen[seen["state"].isin(("inspected", "passed"))]
        _tally(row.covered, route, _stretches(sure, code))
        if row.mode == "walking":
            _sides(row, route, sure, code)
    true_block = np.concatenate([route.block[:: row.every_s] for route in routes])
    on = trace.fixes["block_id"].notna().to_numpy()
    right = trace.fixes["block_id"][on].map(code).to_numpy() == true_block[on]
    row.likely += list(zip(trace.fixes["p"].to_numpy()[on].tolist(), right.tolist(), strict=True))


def _stretches(table: pd.DataFrame, code: "pd.Series[int]") -> Stretches:
    """Return rows of a table as stretches of numbered blocks."""
    block = table["block_id"].map(code)
    return list(zip(block.tolist(), table["from_m"].tolist(), table["to_m"].tolist(), strict=True))


def _sides(row: Row, route: Patrol, sure: pd.DataFrame, code: "pd.Series[int]") -> None:
    """Add the length whose side is named, and that named rightly."""
    row.side_asked += size(union(_stretches(sure, code)))
    for name, sign in (("left", 1), ("right", -1)):
        said = union(_stretches(sure[sure["side"] == name], code))
        truth = union((block, a, b) for block, a, b, side in route.walked if side == sign)
        row.side_known += size(said)
        row.side_right += common(said, truth)


def _case(case: tuple[str, str, bool, float], n: int, folder: Path) -> list[Row]:
    """Run one city, mode and error at all intervals."""
    name, mode, all_ways, sd_m = case
    blocks = patrols.usable_part(CITIES[name](), mode, all_ways=all_ways)
    net = matching.network(blocks, on_foot=mode == "walking")
    actor = meili.build(blocks, mode, folder / f"{len(name)}-{mode}-{sd_m:.0f}")
    rng = np.random.default_rng(SEED_ROUTES)
    routes = [patrols.patrol(net, blocks, mode, LENGTH_M[mode], rng) for _ in range(n)]
    rows = []
    for every_s in EVERY_S:
        rng = np.random.default_rng(SEED_ERRORS)
        tracks = [patrols.observed(route, every_s, sd_m, blocks.crs, rng) for route in routes]
        row = Row(name, mode, sd_m, every_s, gated=sd_m == 5.0 and not all_ways)
        _ours(row, routes, tracks, net, blocks)
        for route, track in zip(routes, tracks, strict=True):
            found, seconds = meili.matched(actor, track, mode, blocks, sd_m)
            _tally(row.peer, route, found)
            row.peer.seconds += seconds
            row.peer.n_fixes += len(track)
        rows.append(row)
    return rows


def _beside_peer(row: Row) -> str:
    """Say whether recall and precision are at least the peer's, and if not whether chance can explain it.

    Chance: the 95 % interval of the difference, from drawing the routes again 2,000 times, holds zero.
    """
    ours, peer = (np.array(tally.routes, dtype=float) for tally in (row.ours, row.peer))
    if row.ours.recall >= row.peer.recall and row.ours.precision >= row.peer.precision:
        return "met"
    drawn = np.random.default_rng(SEED_ERRORS).integers(len(ours), size=(2_000, len(ours)))
    for part in (0, 1):
        shares = [sums[:, 2] / sums[:, part] for sums in (ours[drawn].sum(axis=1), peer[drawn].sum(axis=1))]
        if np.quantile(shares[0] - shares[1], 0.975) < 0:
            return "MISSED"
    return "MISSED within chance"


def _line(row: Row) -> str:
    """Return a line of the main table."""
    floor = 0.99 if row.every_s <= 10 else 0.97
    ours, peer = row.ours, row.peer
    enough = min(ours.recall, ours.precision) >= floor
    ratio = (ours.n_fixes / ours.seconds) / (peer.n_fixes / peer.seconds)
    faster = "" if row.every_s > 1 else (" met" if ratio > 1 else " MISSED")
    absolute = ("met" if enough else "MISSED") if row.gated else "not gated"
    return (
        f"| {row.city} | {row.mode} | {row.sd_m:.0f} | {row.every_s} | {ours.recall:.4f} | {peer.recall:.4f} "
        f"| {ours.precision:.4f} | {peer.precision:.4f} | {_beside_peer(row)} | {absolute} "
        f"| {ratio:.2f}{faster} |"
    )


def _sure_line(row: Row) -> str:
    """Return a line of the table of what coverage claims."""
    side = "" if row.mode == "driving" else f"{row.side_known / max(row.side_asked, 1):.3f}"
    right = "" if row.mode == "driving" else f"{row.side_right / max(row.side_known, 1):.3f}"
    p, hit = (np.array(column) for column in zip(*row.likely, strict=True))
    high = p >= 0.8
    return (
        f"| {row.city} | {row.mode} | {row.sd_m:.0f} | {row.every_s} | {row.covered.recall:.4f} "
        f"| {row.covered.precision:.4f} | {side} | {right} | {high.mean():.3f} | {hit[high].mean():.4f} "
        f"| {hit[~high].mean() if (~high).any() else float('nan'):.3f} |"
    )


def _frontage_streets(kind: str) -> gpd.GeoDataFrame:
    """Return an avenue of three blocks with a road of a class beside the middle one."""
    end = FRONTAGE_M
    ways = {
        "before": [(-400, 0), (0, 0)],
        "avenue": [(0, 0), (end, 0)],
        "after": [(end, 0), (end + 400, 0)],
        "frontage": [(0, 0), (10, -18), (end - 10, -18), (end, 0)],
    }
    columns = {
        "block_id": list(ways),
        "start_node": [0, 1, 2, 1],
        "end_node": [1, 2, 3, 2],
        "class": ["primary", "primary", "primary", kind],
        "width_m": [14.0, 14.0, 14.0, 5.0],
    }
    return gpd.GeoDataFrame(columns, geometry=[shapely.LineString(way) for way in ways.values()], crs=32650)


def _frontage_walk(y: float, begin: float) -> Patrol:
    """Return a walk that begins somewhere along the avenue and ends beside it, at 1.3 m/s."""
    x = np.arange(begin, FRONTAGE_M - 20.0, 1.3)
    nothing = np.zeros(len(x), dtype=np.int64)
    return Patrol(x, np.where(x < 10.0, -8.5, y), nothing, x, nothing, [], [])


def frontage(n: int) -> list[str]:
    """Return the table of walks along a road beside an avenue: what is booked where, and what p says."""
    lines = [
        "| class | walked on | begun | every s | booked on the road | on the avenue | unknown "
        "| fixes with p >= 0.8 | right there |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for kind in ("service", "residential"):
        blocks = _frontage_streets(kind)
        net = matching.network(blocks, on_foot=True)
        for where, y in FRONTAGE_AT.items():
            for begun, begin in (("there", 20.0), ("on the avenue", -200.0)):
                for every_s in FRONTAGE_EVERY_S:
                    told = _frontage_row(blocks, net, _frontage_walk(y, begin), every_s, n)
                    lines.append(f"| {kind} | {where} | {begun} | {every_s} | {told}")
    return lines


def _frontage_row(blocks: gpd.GeoDataFrame, net: matching.Network, walk: Patrol, every_s: int, n: int) -> str:
    """Return the shares of one kind of walk, of the length that is beside the avenue."""
    rng = np.random.default_rng(SEED_FRONTAGE)
    tracks = [patrols.observed(walk, every_s, 5.0, blocks.crs, rng).assign(track_id=i) for i in range(n)]
    together = gpd.GeoDataFrame(pd.concat(tracks, ignore_index=True), geometry="geometry", crs=blocks.crs)
    trace = matching.trace(together, net)
    found = coverage.cover(trace, blocks)
    metres = found["to_m"] - found["from_m"]
    sure = found["state"].isin(("inspected", "passed"))
    whole = n * (walk.x[-1] - max(walk.x[0], 0.0))
    road, avenue = (
        metres[sure & (found["block_id"] == name)].sum() / whole for name in ("frontage", "avenue")
    )
    doubtful = metres[~sure & found["block_id"].isin(("frontage", "avenue"))].sum() / whole
    # what is near the ends belongs to two
    middle = np.tile(walk.x[::every_s] > 20.0, n) & trace.fixes["block_id"].notna().to_numpy()
    true_block = "avenue" if walk.y[-1] > -10.0 else "frontage"
    high = trace.fixes["p"].to_numpy()[middle] >= 0.8
    hit = (trace.fixes["block_id"] == true_block).to_numpy()[middle]
    right = f"{hit[high].mean():.3f}" if high.any() else ""
    return f"{road:.3f} | {avenue:.3f} | {doubtful:.3f} | {high.mean():.3f} | {right} |"


def run(small: bool) -> str:
    """Return the report."""
    n = N_SMALL if small else N_FULL
    n_frontage = N_FRONTAGE_SMALL if small else N_FRONTAGE_FULL
    # the compiler's time is nobody's
    warm = patrols.usable_part(patrols.cambridge(), "walking")
    with tempfile.TemporaryDirectory() as folder:
        net = matching.network(warm, on_foot=True)
        route = patrols.patrol(net, warm, "walking", 500.0, np.random.default_rng(0))
        matching.match(patrols.observed(route, 1, 5.0, warm.crs, np.random.default_rng(0)), net)
        rows = [row for case in CASES for row in _case(case, n, Path(folder))]
    missed = sum("MISSED" in _line(row) for row in rows)
    return "\n".join(
        [
            "# Coverage",
            "",
            f"{n} routes a row, 4 km on foot or 12 km driven, between random places by each patrol's own",
            "taste; first-order autoregressive error, correlation time 20 s; seeds "
            f"{SEED_ROUTES} and {SEED_ERRORS}.",
            f"Peer: Valhalla (pyvalhalla-weekly {meili.PIN}), the same streets, the true accuracy and mode;",
            "time is that of the processor; making and reading JSON is not counted in the peer's, ours is",
            "from frame to frame.  The peer's map has no classes of streets; ours knows access and slip",
            "roads where the data tell them, which those of Cambridge do not.",
            f"Rows that miss something: {missed} of {len(rows)}; *within chance*: the 95 % interval of the",
            "difference from Valhalla over routes holds zero.",
            "",
            "| city | mode | error m | every s | recall | Valhalla | precision | Valhalla "
            "| both at least Valhalla's | at least 0.99, 0.97 at 30 s | points/s, Valhalla = 1 |",
            "|---|---|---|---|---|---|---|---|---|---|---|",
            *(_line(row) for row in rows),
            "",
            "What `cover` claims (posterior at least 0.8; the rest is *unknown*), share of its length with a",
            "side named and named rightly, and how often the block of a fix is right where its p is at",
            "least 0.8 and below:",
            "",
            "| city | mode | error m | every s | recall | precision | side named | side right "
            "| fixes with p >= 0.8 | right there | right below |",
            "|---|---|---|---|---|---|---|---|---|---|---|",
            *(_sure_line(row) for row in rows),
            "",
            "Walked along a service road beside an avenue: a road 5 m wide whose line is 18 m from that of",
            f"an avenue 14 m wide, {n_frontage} walks a row, 560 m each, error 5 m, seed {SEED_FRONTAGE}.",
            "A road of the class residential is not minor and shows what the fixes alone tell.  Shares of",
            "the length beside the avenue:",
            "",
            *frontage(n_frontage),
            "",
        ]
    )
