"""Patrol plans over twenty simulated weeks of one team, beside the two usual ways to walk.

The streets are those of the demo district, a beat of 90 km around its middle; one shift of four hours each
working day from one station, 1 m/s, looking at every street walked.  Problems come up at each block's own
rate (log-normal, sd 0.8), in two planted spots five times as often; they vanish after 7 days on average, and
a pass finds one with probability 0.8.  What was found is due for a re-check five days later: three minutes
at the place.  Targets are 3, 7, 14 and 30 days by class of street.  Every street around each of three
schools has to be looked at in the 40 minutes before the bell once a week, all at once or some at a time.  No
way of walking knows the rates: all see what they found.

*plan* is `geo.patrols.plan`; *nearest* walks to the nearest block that is overdue, due for a re-check, or
around a school whose bell is near, until it is time to go home; *habit* walks the five shifts of nearest's
first week again and again, stopping for the re-checks that it comes by.  The same problems, day by day, for
all three.  Only the plan spends a part of its time on blocks drawn by lot (7.5 %, and what the last
of them takes more).

*Around schools seen* is the share of metres looked at before a bell of the last week, mean over shifts and
schools; *seen all round* the share of schools of which all are.  A ring of 1.3 to 2.9 km takes most of the 40
minutes, the longest two of them.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from geo.patrols import Bell, Shift, plan, renewed, worth
from geo.patrols.ways import Floats, Ints, Ways
from tests.prove import patrols

SEEDS = (20261101, 20261102, 20261103)
BEAT_M, SHIFT_S = 90_000.0, 4 * 3600.0
LIFE_DAYS, FOUND, RECHECK_DAYS, RECHECK_S = 7.0, 0.8, 5.0, 180.0
PER_KM_DAY, SPOT_TIMES, SPOT_M = 0.5, 5.0, 220.0
BELL_S, BEFORE_BELL_S, SCHOOL_M, SCHOOL_DAYS = 9000.0, 2400.0, 180.0, 7.0
TARGET_DAYS = {"primary": 3.0, "secondary": 7.0, "tertiary": 7.0, "residential": 14.0}
WARM_UP_DAYS = 10
Walk = list[tuple[int, float]]
"""Blocks by number with the second at which each is left."""


@dataclass(eq=False)
class World:
    """A beat, what goes wrong in it, and what a team knows of it."""

    blocks: gpd.GeoDataFrame
    station: object
    schools: list[Ints]
    spot: np.ndarray
    rate: Floats
    target: Floats
    born: list[tuple[int, float, float]]
    last: Floats = field(init=False)
    found: Floats = field(init=False)
    passed_m: Floats = field(init=False)
    due: list[tuple[float, int]] = field(default_factory=list)
    bell_seen: list[Floats] = field(init=False)
    open_problems: list[tuple[int, float, float]] = field(default_factory=list)

    def __post_init__(self) -> None:
        n = len(self.blocks)
        self.last, self.found, self.passed_m = np.full(n, -np.inf), np.zeros(n), np.zeros(n)
        self.bell_seen = [np.full(len(zone), -np.inf) for zone in self.schools]
        self.open_problems = list(self.born)

    def rechecks(self, day: float) -> Floats:
        """Return how many re-checks are due on each block."""
        return np.bincount([b for at, b in self.due if at <= day], minlength=len(self.blocks)).astype(float)

    def waited(self, day: float) -> Floats:
        """Return how many days those have waited, together."""
        late = [(block, day - at) for at, block in self.due if at <= day]
        return np.bincount([b for b, _ in late], [days for _, days in late], len(self.blocks)).astype(float)

    def bells(self, day: float) -> list[Bell]:
        """Return the streets around each school that nobody looked at before the bell for a week."""
        ids = self.blocks["block_id"].to_numpy()
        unseen = [zone[~self.heard(k, day)] for k, zone in enumerate(self.schools)]
        windows = [(BELL_S - BEFORE_BELL_S, BELL_S)]
        return [Bell(ids[zone].tolist(), windows) for zone in unseen if len(zone)]

    def heard(self, school: int, day: float) -> np.ndarray:
        """Tell which streets around a school were looked at before a bell of the last week."""
        return np.asarray(day - self.bell_seen[school] < SCHOOL_DAYS)


def world(blocks: gpd.GeoDataFrame, seed: int, weeks: int) -> World:
    """Draw a beat's rates and problems."""
    rng = np.random.default_rng(seed)
    middles = shapely.get_coordinates(
        shapely.line_interpolate_point(blocks.geometry.to_numpy(), 0.5, normalized=True)
    )
    near = np.argsort(np.hypot(*(middles - np.median(middles, axis=0)).T), kind="stable")
    beat = near[np.cumsum(blocks["length_m"].to_numpy()[near]) <= BEAT_M]
    blocks, middles = blocks.iloc[beat].reset_index(drop=True), middles[beat]
    length = blocks["length_m"].to_numpy()
    # two spots and three schools, well inside and apart
    places = middles[_apart(middles, rng, 5)]
    far = np.hypot(*(middles[:, None] - places[None]).transpose(2, 0, 1))
    spot = (far[:, :2] < SPOT_M).any(axis=1)
    rate = (
        PER_KM_DAY / 1000 * length * rng.lognormal(-0.32, 0.8, len(blocks)) * np.where(spot, SPOT_TIMES, 1.0)
    )
    born = [
        (block, float(at), float(at + rng.exponential(LIFE_DAYS)))
        for block in range(len(blocks))
        for at in rng.uniform(-LIFE_DAYS, weeks * 7, rng.poisson(rate[block] * (weeks * 7 + LIFE_DAYS)))
    ]
    target = blocks["class"].map(TARGET_DAYS).fillna(30.0).to_numpy(np.float64)
    schools = [np.flatnonzero(far[:, k] < SCHOOL_M) for k in (2, 3, 4)]
    return World(
        blocks, blocks["start_node"].iloc[0], schools, spot, rate, target, sorted(born, key=lambda p: p[1])
    )


def _apart(middles: Floats, rng: np.random.Generator, n: int) -> Ints:
    chosen = [int(rng.integers(len(middles)))]
    while len(chosen) < n:
        far = np.hypot(*(middles[:, None] - middles[chosen][None]).transpose(2, 0, 1)).min(axis=1)
        chosen.append(int(rng.choice(np.flatnonzero(far > 3 * SPOT_M))))
    return np.array(chosen)


def planned(world: World, day: float) -> Walk:
    """Walk as `geo.patrols` plans it, rates shrunk towards the beat's own."""
    mean = max(world.found.sum(), 1.0) / max(world.passed_m.sum(), 1000.0)
    ids = world.blocks["block_id"].to_numpy()
    wanted = worth(
        world.blocks,
        rate_per_m=(world.found + 1.0) / (world.passed_m + 1.0 / mean),
        age_days=day - world.last,
        target_days=world.target,
        rechecks=world.rechecks(day),
        waited_days=world.waited(day),
    )
    shift = Shift(world.station, SHIFT_S, lot=int(day))
    [route] = plan(world.blocks, wanted, [shift], bells=world.bells(day))
    number = pd.Index(ids).get_indexer(route.walk["block_id"])
    return list(zip(number.tolist(), route.walk["until_s"].tolist(), strict=True))


def nearest(world: World, day: float) -> Walk:
    """Walk to the nearest wanted block again and again."""
    ways = Ways.of(world.blocks)
    station, due = ways.node(world.station), world.rechecks(day)
    home = ways.far_from(station, np.inf)
    wanted = (day - world.last > world.target) | (due > 0)
    zones = [world.blocks.index[world.blocks["block_id"].isin(bell.block_ids)] for bell in world.bells(day)]
    here, clock, walk = station, 0.0, []
    while True:
        now = wanted.copy()
        if clock + 600 >= BELL_S - BEFORE_BELL_S and clock < BELL_S:
            for zone in zones:
                now[zone] = True
        now[[block for block, _ in walk]] &= False
        far = ways.far_from(here, SHIFT_S)
        to = np.minimum(far[ways.start], far[ways.end])
        cost = to + ways.length + due * RECHECK_S
        back = np.where(far[ways.start] <= far[ways.end], home[ways.end], home[ways.start])
        can = np.flatnonzero(now & (clock + cost + back <= SHIFT_S))
        if not len(can):
            break
        block = int(can[np.argmin(to[can])])
        door = int(ways.start[block] if far[ways.start[block]] <= far[ways.end[block]] else ways.end[block])
        clock = _go(ways, walk, here, door, clock)
        clock += float(ways.length[block] + due[block] * RECHECK_S)
        walk.append((block, clock))
        here = int(ways.end[block] if door == ways.start[block] else ways.start[block])
    _go(ways, walk, here, station, clock)
    return walk


def _go(ways: Ways, walk: Walk, here: int, there: int, clock: float) -> float:
    from scipy.sparse.csgraph import dijkstra  # noqa: PLC0415

    _, before = dijkstra(ways.graph, indices=here, return_predecessors=True)
    way, node = [], there
    while node != here:
        way.append(ways.between[int(before[node]), node][0])
        node = int(before[node])
    for block in reversed(way):
        clock += float(ways.length[block])
        walk.append((block, clock))
    return clock


class Habit:
    """Nearest's first week, again and again, as far as the time lasts that re-checks leave."""

    def __init__(self) -> None:
        self.week: dict[int, Walk] = {}

    def __call__(self, world: World, day: float) -> Walk:
        """Walk as a week ago."""
        weekday = int(day) % 7
        if weekday not in self.week:
            self.week[weekday] = nearest(world, day)
        due, walk, stopped = world.rechecks(day), [], 0.0
        for block, until in self.week[weekday]:
            stopped += RECHECK_S * due[block]
            due[block] = 0.0
            if until + stopped > SHIFT_S:
                break
            walk.append((block, until + stopped))
        return walk


def lived(world: World, walker: Callable[[World, float], Walk], weeks: int, seed: int) -> dict[str, float]:
    """Let a team walk for some weeks; return what it reached."""
    rng = np.random.default_rng(seed + 7)
    length = world.blocks["length_m"].to_numpy()
    reached_spot = reached = overdue = n_shifts = late = done = around = whole = 0.0
    for day in range(weeks * 7):
        if day % 7 >= 5:
            continue
        due_before = world.rechecks(day)
        walk = walker(world, float(day))
        assert not walk or walk[-1][1] <= SHIFT_S + 1e-6, walk[-1]
        counted = day >= WARM_UP_DAYS
        seen = np.array(sorted({block for block, _ in walk}), dtype=np.int64)
        for block, at, gone in [one for one in world.open_problems if one[1] <= day < one[2]]:
            passes = sum(1 for walked, _ in walk if walked == block)
            if passes and rng.random() < 1 - (1 - FOUND) ** passes:
                world.open_problems.remove((block, at, gone))
                world.found[block] += 1
                world.due.append((day + RECHECK_DAYS, block))
                reached += counted
                reached_spot += counted and world.spot[block]
        # a pass soon after another finds what came up since: it tells of as many metres less
        world.passed_m[seen] += length[seen] * renewed(day - world.last[seen])
        here = set(seen.tolist())
        if counted:
            done += float(due_before[seen].sum())
            late += sum(day - at for at, block in world.due if at <= day and block in here)
        world.due = [(at, block) for at, block in world.due if at > day or block not in here]
        world.last[seen] = day
        in_time = {b for b, until in walk if BELL_S - BEFORE_BELL_S <= until <= BELL_S + 300}
        for k, zone in enumerate(world.schools):
            world.bell_seen[k][np.isin(zone, list(in_time))] = day
            around += counted * float(length[zone] @ world.heard(k, day) / length[zone].sum())
            whole += counted * bool(world.heard(k, day).all())
        if counted:
            n_shifts += 1
            overdue += float(length[day + 1 - world.last > world.target].sum())
    born = [one for one in world.born if one[2] > WARM_UP_DAYS]
    in_spot = sum(bool(world.spot[block]) for block, *_ in born)
    return {
        "planted problems reached": reached_spot / in_spot,
        "all problems reached": reached / len(born),
        "overdue m after a shift": overdue / n_shifts,
        "re-checks a shift": done / n_shifts,
        "days late": late / max(done, 1.0),
        "around schools seen": around / n_shifts / len(world.schools),
        "schools seen all round": whole / n_shifts / len(world.schools),
    }


def run(small: bool) -> str:
    """Let the three ways of walking live through the same weeks; the plan is best in what the issue names."""
    blocks = patrols.demo_city()
    weeks, seeds = (4, SEEDS[:1]) if small else (20, SEEDS)
    rows = []
    for seed in seeds:
        walkers: dict[str, Callable[[World, float], Walk]] = {
            "plan": planned,
            "nearest": nearest,
            "habit": Habit(),
        }
        for name, walker in walkers.items():
            rows.append({"seed": seed, "way": name, **lived(world(blocks, seed, weeks), walker, weeks, seed)})
    found = pd.DataFrame(rows)
    mean = found.drop(columns="seed").groupby("way", sort=False).mean()
    if not small:
        for other, most in (("nearest", 1.05), ("habit", 1.0)):
            assert mean.loc["plan", "planted problems reached"] > mean.loc[other, "planted problems reached"]
            overdue = mean["overdue m after a shift"]
            assert overdue["plan"] < most * overdue[other], mean.to_string()
    head = f"# Patrol plans\n\n{__doc__}\n{weeks} weeks, seeds {', '.join(map(str, seeds))}."
    return "\n\n".join([head, _table(found), _table(mean.reset_index().assign(seed="mean"))])


def _table(found: pd.DataFrame) -> str:
    names = [name for name in found.columns if name not in {"seed", "way"}]
    lines = ["| seed | way | " + " | ".join(names) + " |", "|---" * (len(names) + 2) + "|"]
    for row in found.to_dict("records"):
        cells = [
            f"{row[name]:.3f}" if "reached" in name or "seen" in name else f"{row[name]:,.1f}"
            for name in names
        ]
        lines.append(f"| {row['seed']} | {row['way']} | " + " | ".join(cells) + " |")
    return "\n".join(lines)
