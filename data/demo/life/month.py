"""The month, day by day: problems arise, are passed, found, fixed, seemingly fixed, and come back."""

from collections import defaultdict
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from data.demo.ground import Ground
from data.demo.ground.kerb import along
from data.demo.ground.network import Ints
from data.demo.life.patrols import Outing
from data.demo.life.problems import KINDS, Rates
from data.demo.plane import Floats

DAY_S = 86400.0
BELL = next(n for n, kind in enumerate(KINDS) if kind.key == "bell_vendor")
BELLS = ((7.2, 8.1), (11.4, 12.1), (16.5, 17.9))
MAKE_UP_SUNDAYS = ("2025-09-28",)
FAKE_SHARE, LATE_SHARE, RELAPSE_SHARE = 0.07, 0.2, 0.16


@dataclass
class Problem:
    """One thing wrong at one place; times in seconds since the first day's midnight, inf for not (yet)."""

    number: int
    kind: int
    street: int
    chainage: float
    side: int
    offset: float
    born: float
    gone: float
    relapse_of: int = -1
    reported: float = np.inf
    reporters: set[str] = field(default_factory=set)
    repair_at: float = np.inf
    repair_is_fake: bool = False


@dataclass(frozen=True)
class Sighting:
    """A problem reported on an outing at a time, as it was: before any phone blurs it."""

    problem: Problem
    outing: Outing
    at: float
    heading: float
    again: bool


@dataclass
class Month:
    """The running state of one district: what is there now, and what has happened so far."""

    ground: Ground
    rates: Rates
    here: dict[int, list[Problem]] = field(default_factory=lambda: defaultdict(list))
    history: list[tuple[int, float, str]] = field(default_factory=list)
    closeouts: list[tuple[int, float, float, bool, bool]] = field(default_factory=list)
    waiting: list[Problem] = field(default_factory=list)
    count: int = 0
    born_today: list[Problem] = field(default_factory=list)

    @property
    def rng(self) -> np.random.Generator:
        """The random numbers of this district."""
        return self.ground.site.rng


def begin(ground: Ground, rates: Rates) -> Month:
    """Return the city on the first midnight: as many lasting problems as their rates keep up."""
    month = Month(ground, rates)
    oldest = ground.size.settled_days
    life = np.array([min(kind.life_h / 24.0, oldest) if kind.hours is None else 0.0 for kind in KINDS])
    street, kind = _drawn(month.rng, rates.births * life)
    age = -month.rng.exponential(1.0, len(street)) * life[kind] * DAY_S
    left = month.rng.exponential(1.0, len(street)) * np.array([one.life_h for one in KINDS])[kind] * 3600.0
    _place(month, street, kind, age, np.maximum(left, 1.0))
    return month


def _drawn(rng: np.random.Generator, expected: Floats) -> tuple[Ints, Ints]:
    """Return street and kind of Poisson births."""
    counts = rng.poisson(expected)
    street, kind = np.nonzero(counts)
    times = counts[street, kind]
    return np.repeat(street, times), np.repeat(kind, times)


def _place(month: Month, street: Ints, kind: Ints, born: Floats, gone: Floats) -> None:
    """Put new problems beside their streets; shops' problems keep to sides where there may be shops."""
    rng = month.rng
    length = month.ground.network.lengths[street]
    chainage = np.round(rng.uniform(0.0, 1.0, len(street)) * length, 2)
    one_way = month.ground.streets["one_way"].to_numpy()[street]
    side = np.where(one_way, -1, rng.choice([-1, 1], len(street)))
    width = month.ground.streets["width_m"].to_numpy()[street]
    offset = np.round(np.maximum(width / 2 + 1.5 + rng.normal(0, 1.5, len(street)), 0.5), 2)
    columns = (kind, street, chainage, side, offset, born, gone)
    for row in zip(*(column.tolist() for column in columns), strict=True):
        _add(month, Problem(month.count, *row))


def _add(month: Month, problem: Problem) -> None:
    month.count += 1
    month.here[problem.street].append(problem)
    month.born_today.append(problem)
    month.history.append((problem.number, problem.born, "relapse" if problem.relapse_of >= 0 else "appear"))


def is_school_day(ground: Ground, day: int) -> bool:
    """Tell working days, make-up Sundays among them."""
    date = ground.size.first_day.toordinal() + day
    weekday = (ground.size.first_day.weekday() + day) % 7
    return weekday < 5 or type(ground.size.first_day).fromordinal(date).isoformat() in MAKE_UP_SUNDAYS


def pass_day(month: Month, day: int, outings: list[Outing]) -> list[Sighting]:
    """Let one day pass and return what its patrols saw, in order of time."""
    month.born_today = []
    _births(month, day)
    sightings = _patrol(month, outings)
    _sweep(month, (day + 1) * DAY_S)
    return sightings


def _births(month: Month, day: int) -> None:
    rng = month.rng
    street, kind = _drawn(rng, month.rates.births)
    hours = np.array([kind.hours or (0.0, 24.0) for kind in KINDS])[kind]
    born = day * DAY_S + 3600.0 * rng.uniform(hours[:, 0], hours[:, 1])
    life = rng.exponential(1.0, len(street)) * np.array([one.life_h for one in KINDS])[kind] * 3600.0
    closes = np.where(
        [KINDS[n].hours is not None for n in kind], day * DAY_S + 3600.0 * (hours[:, 1] + 0.3), np.inf
    )
    _place(month, street, kind, born, np.minimum(born + life, closes))
    if is_school_day(month.ground, day):
        _bell_vendors(month, day)


def _bell_vendors(month: Month, day: int) -> None:
    """Let vendors stand before the school gates when the bell rings."""
    for low, high in BELLS:
        count = month.rng.poisson(0.5, len(month.rates.school_streets))
        street = np.repeat(month.rates.school_streets, count)
        born = day * DAY_S + 3600.0 * month.rng.uniform(low, low + 0.4, len(street))
        gone = day * DAY_S + 3600.0 * month.rng.uniform(high - 0.3, high + 0.2, len(street))
        _place(month, street, np.full(len(street), BELL), born, gone)


def _patrol(month: Month, outings: list[Outing]) -> list[Sighting]:
    """Go along all passes of the day in order of time."""
    which = (
        np.repeat(np.arange(len(outings)), [len(one.street) for one in outings])
        if outings
        else np.zeros(0, int)
    )
    step = np.concatenate([np.arange(len(one.street)) for one in outings]) if outings else np.zeros(0, int)
    start = np.concatenate([one.enters for one in outings]) if outings else np.zeros(0)
    found: list[Sighting] = []
    lengths = month.ground.network.lengths
    for n in np.lexsort((which, start)).tolist():
        outing, k = outings[which[n]], int(step[n])
        street = int(outing.street[k])
        for problem in month.here.get(street, ()):
            share = problem.chainage / lengths[street]
            share = share if outing.direction[k] > 0 else 1.0 - share
            at = float(outing.enters[k] + share * (outing.leaves[k] - outing.enters[k]))
            if problem.born <= at < _end(problem) and month.rng.random() < _chance(month, problem, outing, k):
                found.append(_report(month, problem, outing, k, at))
    return sorted(found, key=lambda one: (one.at, one.problem.number))


def _end(problem: Problem) -> float:
    return problem.gone if problem.repair_is_fake else min(problem.gone, problem.repair_at)


def _chance(month: Month, problem: Problem, outing: Outing, step: int) -> float:
    """Return the chance of a report: seen or not, from this side or across the street, new or known."""
    chance = KINDS[problem.kind].seen * outing.walker.eye
    if outing.side[step] != problem.side:
        chance *= float(np.exp(-month.ground.streets["width_m"].iat[problem.street] / 16.0))
    if outing.speed > 2.0:
        chance *= 0.7
    if outing.walker.login in problem.reporters:
        return chance * 0.02
    open_now = problem.reported < np.inf and not (
        problem.repair_is_fake and problem.repair_at < outing.enters[step]
    )
    return chance * (0.22 if open_now else 1.0)


def _report(month: Month, problem: Problem, outing: Outing, step: int, at: float) -> Sighting:
    again = bool(problem.reporters)
    street = problem.street
    problem.reporters.add(outing.walker.login)
    month.history.append((problem.number, at, "found_again" if again else "found"))
    fake_seen = problem.repair_is_fake and problem.repair_at < at
    if problem.reported == np.inf or fake_seen:
        problem.reported = min(problem.reported, at)
        _plan_repair(month, problem, at, second=fake_seen)
    line = np.array([month.ground.streets.geometry.iat[street]], dtype=object)
    _, normal = along(line, np.array([problem.chainage]))
    east, north = normal[0, 1] * outing.direction[step], -normal[0, 0] * outing.direction[step]
    return Sighting(problem, outing, at, float(np.degrees(np.arctan2(east, north)) % 360.0), again)


def _plan_repair(month: Month, problem: Problem, at: float, *, second: bool) -> None:
    """Decide when the unit says it is done, and whether it is."""
    rng, limit = month.rng, KINDS[problem.kind].limit_h * 3600.0
    late = rng.random() < LATE_SHARE
    took = limit * (1.0 + float(rng.exponential(1.1)) if late else min(float(rng.lognormal(-0.9, 0.6)), 0.98))
    problem.repair_at = at + took
    problem.repair_is_fake = bool(not second and rng.random() < FAKE_SHARE)
    month.waiting.append(problem)
    month.closeouts.append((problem.number, at, problem.repair_at, problem.repair_is_fake, late))


def _sweep(month: Month, midnight: float) -> None:
    """Write down the day's repairs and disappearances, let some come back, and forget what is over."""
    still = []
    for problem in month.waiting:
        if problem.repair_at >= midnight:
            still.append(problem)
        elif problem.repair_is_fake:
            month.history.append((problem.number, problem.repair_at, "fake_repair"))
        elif problem.repair_at < problem.gone:
            month.history.append((problem.number, problem.repair_at, "repaired"))
            _relapse(month, problem)
    month.waiting = still
    for street in list(month.here):
        kept = []
        for problem in month.here[street]:
            if _end(problem) > midnight:
                kept.append(problem)
            elif problem.gone <= problem.repair_at or problem.repair_is_fake:
                month.history.append((problem.number, problem.gone, "vanished"))
        month.here[street] = kept


def _relapse(month: Month, problem: Problem) -> None:
    """Let some come back days later, at the same time of day where the kind keeps hours."""
    if problem.kind == BELL or month.rng.random() >= RELAPSE_SHARE:
        return
    kind = KINDS[problem.kind]
    days = 1.0 + float(month.rng.exponential(2.5))
    born = problem.born + DAY_S * np.ceil((problem.repair_at - problem.born) / DAY_S + days)
    born = float(born) if kind.hours else problem.repair_at + days * DAY_S
    gone = born + float(month.rng.exponential(kind.life_h)) * 3600.0
    place = (problem.kind, problem.street, problem.chainage, problem.side, problem.offset)
    _add(month, Problem(month.count, *place, born, gone, relapse_of=problem.number))


def places_of(ground: Ground, problems: list[Problem]) -> tuple[Floats, Floats, Floats]:
    """Return the true points of problems, the points of their streets' middle lines, and unit normals."""
    lines: NDArray[np.object_] = ground.streets.geometry.to_numpy()[[one.street for one in problems]]
    chainage = np.array([one.chainage for one in problems])
    side = np.array([one.side for one in problems])
    middle, normal = along(lines, chainage)
    point = middle + (side * np.array([one.offset for one in problems]))[:, None] * normal
    return point, middle, normal
