"""Tours over stops: insertion, reversal, taking out and putting back; times in seconds."""

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from geo.patrols.ways import Floats, Ints, Legs, Step

Stops = tuple[tuple[int, bool], ...]

# A visit that costs no time is still only as good as one that costs so many seconds
_LEAST_S = 5.0
_TAKEN_OUT = (0.1, 0.4)
_NOISE = (0.75, 1.3)


@dataclass(frozen=True, eq=False)
class Tasks:
    """Blocks that a tour may stop at.

    `block` by number, `ends` places of their junctions in `legs`, shape (n, 2); `seconds` to walk and dwell;
    `opens` and `closes` bound when a stop may begin; `sampled` were drawn by lot.  Of all blocks, by
    number: `value`, and `passing`, whether passing is as good as stopping.  `between` are seconds among
    junctions.
    """

    block: Ints
    ends: Ints
    seconds: Floats
    opens: Floats
    closes: Floats
    sampled: NDArray[np.bool_]
    passing: NDArray[np.bool_]
    value: Floats
    legs: Legs
    between: Floats
    station: int
    budget: float

    @cached_property
    def arrays(self) -> tuple[Ints, Floats, Floats, Floats, Floats]:
        """What the kernels read of the tasks, in their order."""
        return self.ends, self.seconds, self.opens, self.closes, self.between

    @cached_property
    def task_of(self) -> dict[int, int]:
        """The task of a block."""
        return {int(block): task for task, block in enumerate(self.block)}

    def gate(self, stop: tuple[int, bool], *, out: bool) -> int:
        """Return the place of the junction where a stop is entered, or left."""
        task, turned = stop
        return int(self.ends[task, int(out != turned)])

    def way_to(self, tour: "Tour", at: int) -> tuple[Step, ...]:
        """Return the blocks between a stop of a tour and the one before it; past the last, the way home."""
        one = self.gate(tour.stops[at - 1], out=True) if at else self.station
        other = self.gate(tour.stops[at], out=False) if at < len(tour.stops) else self.station
        return self.legs.steps(one, other)


@dataclass(frozen=True, eq=False)
class Tour:
    """Stops in order, each a task and whether it is walked against its drawing; what it is worth, its end."""

    stops: Stops = ()
    value: float = 0.0
    seconds: float = 0.0


class _Clock(NamedTuple):
    """When a tour is where: by gap, where and when it leaves the stop before, and what follows."""

    possible: bool
    out: Ints
    leaves: Floats
    into: Ints
    begins: Floats
    opens: Floats
    latest: Floats


@njit(cache=True, nogil=True)
def _timed(  # noqa: PLR0917
    task: Ints,
    turned: Ints,
    ends: Ints,
    seconds: Floats,
    opens: Floats,
    closes: Floats,
    between: Floats,
    station: int,
    budget: float,
) -> _Clock:
    """Time a tour forwards, and backwards how late it may be."""
    n = len(task)
    out, into = np.empty(n + 1, dtype=np.int64), np.empty(n + 1, dtype=np.int64)
    leaves, begins = np.zeros(n + 1), np.zeros(n + 1)
    earliest, latest = np.zeros(n + 1), np.empty(n + 1)
    out[0], into[n], latest[n] = station, station, budget
    for i in range(n):
        into[i], out[i + 1] = ends[task[i], turned[i]], ends[task[i], 1 - turned[i]]
        earliest[i], latest[i] = opens[task[i]], closes[task[i]]
    possible = True
    for i in range(n + 1):
        begins[i] = max(leaves[i] + between[out[i], into[i]], earliest[i])
        possible = possible and begins[i] <= latest[i]
        if i < n:
            leaves[i + 1] = begins[i] + seconds[task[i]]
    for i in range(n - 1, -1, -1):
        onward = between[out[i + 1], into[i + 1]] + seconds[task[i]]
        latest[i] = min(latest[i], latest[i + 1] - onward)
    return _Clock(possible, out, leaves, into, begins, earliest, latest)


@njit(cache=True, nogil=True)
def _best_insertion(  # noqa: PLR0917
    clock: _Clock,
    worth: Floats,
    ends: Ints,
    seconds: Floats,
    opens: Floats,
    closes: Floats,
    between: Floats,
) -> tuple[int, int, int, float]:
    """Return the task, sense and gap that give most worth per second, and the seconds; task -1 if none."""
    best, found, cost_of_best = 0.0, (-1, 0, 0), 0.0
    for k in range(len(worth)):
        if worth[k] <= 0:
            continue
        for turned in range(2):
            enter, leave = ends[k, turned], ends[k, 1 - turned]
            for gap in range(len(clock.out)):
                to, on = between[clock.out[gap], enter], between[leave, clock.into[gap]]
                begins = max(clock.leaves[gap] + to, opens[k])
                if begins > closes[k]:
                    continue
                onward = max(begins + seconds[k] + on, clock.opens[gap])
                if onward > clock.latest[gap]:
                    continue
                # time that would be waited through is not free: something nearer may fill it
                walked = to + seconds[k] + on - between[clock.out[gap], clock.into[gap]]
                cost = max(onward - clock.begins[gap], walked, 0.0)
                if worth[k] / (cost + _LEAST_S) > best:
                    best, found, cost_of_best = worth[k] / (cost + _LEAST_S), (k, turned, gap), cost
    return found[0], found[1], found[2], cost_of_best


def _clock(tasks: Tasks, stops: Stops) -> _Clock:
    codes = np.array(stops, dtype=np.int64).reshape(-1, 2)
    return _timed(codes[:, 0], codes[:, 1], *tasks.arrays, tasks.station, tasks.budget)


def _legs(tasks: Tasks, stops: Stops) -> list[set[int]]:
    """Return the blocks walked between a tour's stops."""
    tour = Tour(stops)
    return [{block for block, _ in tasks.way_to(tour, at)} for at in range(len(stops) + 1)]


def _passed(tasks: Tasks, stops: Stops) -> set[int]:
    """Return the blocks that a tour passes between its stops, where passing will do."""
    return {block for block in set().union(*_legs(tasks, stops)) if tasks.passing[block]}


def _valued(tasks: Tasks, stops: Stops) -> Tour:
    blocks = _passed(tasks, stops) | {int(tasks.block[task]) for task, _ in stops}
    return Tour(stops, float(tasks.value[sorted(blocks)].sum()), float(_clock(tasks, stops).begins[-1]))


def _with(stops: Stops, task: int, turned: int, gap: int) -> Stops:
    return (*stops[:gap], (task, bool(turned)), *stops[gap:])


def _filled(tasks: Tasks, stops: Stops, worth: Floats) -> Stops:
    """Put the tasks that are worth most per second into a tour until no more fits."""
    done = list(_passed(tasks, stops) | {int(tasks.block[task]) for task, _ in stops})
    rest = np.where(np.isin(tasks.block, done), 0.0, worth)
    while True:
        task, turned, gap, _ = _best_insertion(_clock(tasks, stops), rest, *tasks.arrays)
        if task < 0:
            return stops
        stops = _with(stops, task, turned, gap)
        rest[task] = 0.0
        around = Tour(stops)
        for at in (gap, gap + 1):
            for block, _ in tasks.way_to(around, at):
                if tasks.passing[block] and block in tasks.task_of:
                    rest[tasks.task_of[block]] = 0.0


def _without_passed(tasks: Tasks, stops: Stops) -> Stops:
    """Leave out the stops whose block the tour passes without them."""
    legs = _legs(tasks, stops)
    for stop in stops:
        block = int(tasks.block[stop[0]])
        if not tasks.passing[block] or tasks.sampled[stop[0]]:
            continue
        at = stops.index(stop)
        fewer = (*stops[:at], *stops[at + 1 :])
        direct = {step[0] for step in tasks.way_to(Tour(fewer), at)}
        elsewhere = any(block in leg for n, leg in enumerate(legs) if n not in {at, at + 1})
        if (block in direct or elsewhere) and _clock(tasks, fewer).possible:
            stops, legs = fewer, [*legs[:at], direct, *legs[at + 2 :]]
    return stops


def free_seconds(tasks: Tasks, tour: Tour) -> float:
    """Return the seconds free before the first stop of a tour or after the last, whichever are more."""
    clock = _clock(tasks, tour.stops)
    before = clock.latest[0] - tasks.between[tasks.station, clock.into[0]]
    return float(max(before, tasks.budget - clock.begins[-1]))


def _sampled(tasks: Tasks, stops: Stops) -> Stops:
    """Put the blocks drawn by lot into a tour, each where it costs least, while there is time.

    In the order drawn and none skipped, or those that are costly to reach were never seen.
    """
    for task in np.flatnonzero(tasks.sampled):
        alone = (np.arange(len(tasks.block)) == task).astype(np.float64)
        chosen, turned, gap, _ = _best_insertion(_clock(tasks, stops), alone, *tasks.arrays)
        if chosen < 0:
            break
        stops = _with(stops, chosen, turned, gap)
    return _shortened(tasks, stops)


def _shortened(tasks: Tasks, stops: Stops) -> Stops:
    """Turn stretches of a tour round as long as that saves time."""
    while len(stops) > 1:
        out = np.array([tasks.station, *(tasks.gate(stop, out=True) for stop in stops)])
        into = np.array([*(tasks.gate(stop, out=False) for stop in stops), tasks.station])
        way, n = tasks.between, len(stops)
        first, last = np.triu_indices(n)
        now = way[out[first], into[first]] + way[out[last + 1], into[last + 1]]
        then = way[out[first], out[last + 1]] + way[into[first], into[last + 1]]
        order = np.argsort(then - now, kind="stable")
        for pair in order[:20]:
            if then[pair] - now[pair] > -1e-6:
                return stops
            i, j = int(first[pair]), int(last[pair])
            turned = tuple((task, not sense) for task, sense in reversed(stops[i : j + 1]))
            trial = (*stops[:i], *turned, *stops[j + 1 :])
            if _clock(tasks, trial).possible:
                stops = trial
                break
        else:
            return stops
    return stops


def _improved(tasks: Tasks, stops: Stops, worth: Floats) -> Tour:
    """Fill a tour, shorten it, and use the time that is left again."""
    for _ in range(2):
        stops = _without_passed(tasks, _shortened(tasks, _filled(tasks, stops, worth)))
    return _valued(tasks, _filled(tasks, stops, worth))


def _taken_out(n_stops: int, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Choose stops to take out: a stretch of the tour, or a handful from all over it."""
    n_out = max(1, round(n_stops * rng.uniform(*_TAKEN_OUT)))
    if rng.random() < 0.5:
        first = int(rng.integers(0, n_stops - n_out + 1))
        return (np.arange(n_stops) >= first) & (np.arange(n_stops) < first + n_out)
    out: NDArray[np.bool_] = rng.permutation(n_stops) < n_out
    return out


def search(tasks: Tasks, owed: Stops, effort: int, seed: int) -> Tour:
    """Return the best tour found; stops that are owed, and those drawn by lot, stay in it."""
    owed = _sampled(tasks, owed)
    stay = tasks.sampled | np.isin(np.arange(len(tasks.block)), [task for task, _ in owed])
    worth = np.where(stay, 0.0, tasks.value[tasks.block])
    best = _improved(tasks, owed, worth)
    rng = np.random.default_rng(seed)
    for _ in range(effort):
        if not best.stops:
            break
        out = _taken_out(len(best.stops), rng)
        left = tuple(stop for stop, gone in zip(best.stops, out, strict=True) if stay[stop[0]] or not gone)
        trial = _improved(tasks, left, worth * rng.uniform(*_NOISE, len(worth)))
        if (trial.value, -trial.seconds) > (best.value, -best.seconds):
            best = trial
    return best
