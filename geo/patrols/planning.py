"""Planning: which blocks a shift can reach, and the best walk over them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import geopandas as gpd
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from geo.errors import GeoError
from geo.patrols.lots import SAMPLE_SHARE, Lot, drawn, in_reach
from geo.patrols.tours import Stops, Tasks, Tour, free_seconds, search
from geo.patrols.ways import Floats, Ints, Legs, Ways

# An inspector who looks at both sides and writes things down, metres per second
PACE_M_S = 1.0
# Of the blocks in reach so many, the most worth per second, become stops; the others are seen in passing
MOST_STOPS = 300
# Schools are tried until so many were in reach; a tour around one is taken apart so often
MOST_SCHOOLS, SCHOOL_EFFORT = 6, 20


@dataclass(frozen=True, slots=True)
class Bell:
    """The blocks around a school that nobody vouches for, and when to look.

    `windows` are seconds into the shift, from and until, one for each time the bell rings in it.
    """

    block_ids: Sequence[str]
    windows: Sequence[tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Shift:
    """One walk to plan: the junction where it begins and ends, and its seconds.

    `lot` is the seed of the lot that it draws, None for none: blocks for `SAMPLE_SHARE` of its time.  `own`
    are the blocks that it may stop at, `lot_from` those that it may draw; None for any.
    """

    station: object
    seconds: float
    lot: int | None = None
    own: Sequence[str] | None = None
    lot_from: Sequence[str] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Route:
    """One planned walk.

    `walk` has a row per block walked, in order: `block_id, direction` (1 as drawn, -1 against), `from_s,
    until_s` (seconds into the shift; a stop's dwelling and waiting included), `stop` ("worth", "sample",
    "school", or "" on the way), `value` (the first time a block is walked, within its window; else 0).
    `left_out` are the block ids in reach that are worth something and were not walked, the worthiest first.
    `value` is that of the blocks and of the school looked after: `bell`, its number among those asked for,
    or None.  `lot` tells from what blocks were drawn, and their share.
    """

    walk: pd.DataFrame
    left_out: list[str]
    length_m: float
    seconds: float
    value: float
    bell: int | None = None
    lot: Lot = field(default_factory=Lot)


def plan(
    blocks: gpd.GeoDataFrame,
    worth: pd.DataFrame,
    shifts: Sequence[Shift],
    *,
    bells: Sequence[Bell] = (),
    effort: int = 60,
) -> list[Route]:
    """Return a walk for each shift; what an earlier one walks is worth nothing to a later one.

    Half a look around three schools vouches for none: a shift looks after one, before one of its bells, that
    of which it can see the largest share in time, or after none where that costs more than it is worth.

    Parameters
    ----------
    blocks : GeoDataFrame
        As `geo.blocks.build` makes them: `block_id, start_node, end_node, length_m`.
    worth : DataFrame
        As `worth` makes it: a row per block, in any order; blocks that are not in it are worth nothing.
    shifts : sequence of Shift
    bells : sequence of Bell
        Schools to be looked after, who has waited longest first; of those in reach so many are tried.
    effort : int
        How often a tour is taken apart and mended.

    Returns
    -------
    list of Route
        In the order of the shifts; a shift that can reach nothing stays where it is.

    Raises
    ------
    GeoError
        A station is no junction of the blocks, or a shift has no time.

    Examples
    --------
    A street of three blocks of 100 m; there is time to walk to its end and back, and one to look closely:

    >>> street = gpd.GeoDataFrame({"block_id": ["a", "b", "c"], "start_node": [0, 1, 2],
    ...     "end_node": [1, 2, 3], "length_m": 100.0})
    >>> wanted = pd.DataFrame({"block_id": ["c"], "value": 1.0, "dwell_s": 60.0})
    >>> [route] = plan(street, wanted, [Shift(station=0, seconds=700.0)])
    >>> route.walk["block_id"].tolist(), route.seconds, route.value
    (['a', 'b', 'c', 'c', 'b', 'a'], 660.0, 1.0)
    """
    city = _City(Ways.of(blocks), pd.Index(blocks["block_id"]), worth)
    value = city.worth["value"].fillna(0.0).to_numpy(np.float64).copy()
    waiting = dict(enumerate(bells))
    routes = []
    for number, shift in enumerate(shifts):
        if shift.seconds <= 0:
            raise GeoError("shift %(number)d has no time", number=number)
        outing = _outing(city, shift, value)
        # without a school first: of equals the first is taken, and where none is chosen both are one
        either = dict.fromkeys((_School(), _school(outing, waiting)))
        route = max((_route(outing, one, effort, number) for one in either), key=lambda route: route.value)
        routes.append(route)
        value[city.numbers(route.walk["block_id"].tolist())] = 0.0
        if route.bell is not None:
            del waiting[route.bell]
    return routes


class _City:
    """Streets and what looking at them is worth, block by block."""

    def __init__(self, ways: Ways, index: pd.Index, worth: pd.DataFrame) -> None:
        self.ways, self.index = ways, index
        self.worth = worth.set_index("block_id").reindex(index)
        self.dwell = self.worth["dwell_s"].fillna(0.0).to_numpy(np.float64)
        self.school = self.worth.get("school", pd.Series(0.0, index)).fillna(0.0).to_numpy(np.float64)
        self.seconds = ways.length / PACE_M_S + self.dwell

    def numbers(self, block_ids: Sequence[str]) -> Ints:
        """Return the numbers of blocks, unknown ones left out."""
        found = self.index.get_indexer(pd.Index(np.array(block_ids, dtype=object)))
        return np.asarray(found[found >= 0], np.int64)

    def among(self, block_ids: Sequence[str] | None) -> NDArray[np.bool_]:
        """Tell which blocks are named; all, where nothing is."""
        if block_ids is None:
            return np.ones(len(self.index), np.bool_)
        return np.asarray(self.index.isin(list(block_ids)), np.bool_)


@dataclass(frozen=True, slots=True, eq=False)
class _Outing:
    """A shift in a city: the way to each block and back, those it may stop at, what each is still worth."""

    city: _City
    shift: Shift
    way_s: Floats
    reachable: NDArray[np.bool_]
    value: Floats

    def lot(self, school: "_School") -> Ints:
        """Return the blocks that can be drawn beside a school."""
        city, shift = self.city, self.shift
        if shift.lot is None:
            return np.zeros(0, np.int64)
        near = in_reach(self.way_s, city.seconds, shift.seconds, school.free_s)
        may = self.reachable & city.among(shift.lot_from)
        may[[block for block, _ in school.blocks]] = False
        return near[may[near]]


def _outing(city: _City, shift: Shift, value: Floats) -> _Outing:
    ways = city.ways
    far = ways.far_from(ways.node(shift.station), shift.seconds * PACE_M_S / 2)
    way_s = (far[ways.start] + far[ways.end]) / PACE_M_S
    return _Outing(city, shift, way_s, (way_s + city.seconds <= shift.seconds) & city.among(shift.own), value)


@dataclass(frozen=True, slots=True)
class _School:
    """The school of a shift: its number, the blocks to look at around it in order, each with its sense.

    `free_s` are the seconds that it leaves in one piece.
    """

    bell: int | None = None
    blocks: tuple[tuple[int, bool], ...] = ()
    opens_s: float = 0.0
    closes_s: float = np.inf
    free_s: float = np.inf

    def stops(self, tasks: Tasks) -> Stops:
        """Return the stops of a tour around it."""
        return tuple((tasks.task_of[block], turned) for block, turned in self.blocks)


def _school(outing: _Outing, waiting: Mapping[int, Bell]) -> _School:
    """Choose the school and bell of which a shift sees the largest share in time, the first of equals."""
    city, best, most, tried = outing.city, _School(), 0.0, 0
    for number, bell in waiting.items():
        around = city.numbers(bell.block_ids)
        within = around[outing.reachable[around]]
        windows = [window for window in bell.windows if window[0] < outing.shift.seconds]
        if not len(within) or not windows or tried == MOST_SCHOOLS:
            continue
        tried += 1
        for window in windows:
            school, seen_m = _around(outing, number, within, window)
            share = seen_m / max(float(city.ways.length[around].sum()), 1e-9)
            if share > most:
                best, most = school, share
    return best


def _around(outing: _Outing, number: int, within: Ints, window: tuple[float, float]) -> tuple[_School, float]:
    """Return a tour of as much around a school as is seen in time, and its metres."""
    city = outing.city
    metres = np.zeros(len(city.index))
    metres[within] = city.ways.length[within]
    all_of_it = _School(number, tuple((int(block), False) for block in within), *window)
    tasks = _tasks(replace(outing, shift=replace(outing.shift, lot=None), value=metres), all_of_it)
    tour = search(tasks, (), SCHOOL_EFFORT, 0)
    blocks = tuple((int(tasks.block[task]), turned) for task, turned in tour.stops)
    return replace(all_of_it, blocks=blocks, free_s=free_seconds(tasks, tour)), tour.value


def _tasks(outing: _Outing, school: _School) -> Tasks:
    """Choose what a shift could stop at, and measure the ways between."""
    city, shift, reachable, value = outing.city, outing.shift, outing.reachable, outing.value
    ways, station, seconds = city.ways, city.ways.node(shift.station), city.seconds
    around = np.array([block for block, _ in school.blocks], dtype=np.int64)
    sample = drawn(ways, outing.lot(school), shift.lot or 0)
    enough = np.cumsum(ways.length[sample]) / PACE_M_S < SAMPLE_SHARE * shift.seconds
    sample = sample[: int(enough.sum()) + 1]
    wanted = np.flatnonzero(reachable & (value > 0))
    best = wanted[np.argsort(-value[wanted] / (seconds[wanted] + 30.0), kind="stable")][:MOST_STOPS]
    owed = np.concatenate([sample, around])
    stops = np.concatenate([owed, np.setdiff1d(best, owed)])
    nodes = np.unique(np.concatenate([[station], ways.start[stops], ways.end[stops]]))
    near = np.isfinite(ways.far_from(station, shift.seconds * PACE_M_S / 2))
    legs = Legs.among(ways, nodes, np.union1d(np.flatnonzero(near), nodes), shift.seconds * PACE_M_S)
    passing = city.dwell <= 0
    passing[around] = False
    before_bell = np.isin(stops, around)
    return Tasks(
        block=stops,
        ends=np.searchsorted(nodes, np.column_stack([ways.start[stops], ways.end[stops]])),
        seconds=seconds[stops],
        opens=np.where(before_bell, school.opens_s, 0.0),
        closes=np.where(before_bell, school.closes_s, np.inf),
        sampled=np.arange(len(stops)) < len(sample),
        passing=passing,
        value=value,
        legs=legs,
        between=legs.metres / PACE_M_S,
        station=int(np.searchsorted(nodes, station)),
        budget=shift.seconds,
    )


def _walked(city: _City, tasks: Tasks, tour: Tour) -> pd.DataFrame:
    """Write a tour out block by block: `block` by number, `direction, from_s, until_s, stop`."""
    rows: list[tuple[int, int, float, float, str]] = []
    clock = 0.0

    def on_the_way(at: int) -> None:
        nonlocal clock
        for block, direction in tasks.way_to(tour, at):
            begun, clock = clock, clock + float(city.ways.length[block]) / PACE_M_S
            rows.append((block, direction, begun, clock, ""))

    for at, (task, turned) in enumerate(tour.stops):
        on_the_way(at)
        begun, clock = clock, max(clock, float(tasks.opens[task])) + float(tasks.seconds[task])
        why = "sample" if tasks.sampled[task] else "school" if np.isfinite(tasks.closes[task]) else "worth"
        rows.append((int(tasks.block[task]), -1 if turned else 1, begun, clock, why))
    on_the_way(len(tour.stops))
    return pd.DataFrame(rows, columns=["block", "direction", "from_s", "until_s", "stop"])


def _route(outing: _Outing, school: _School, effort: int, seed: int) -> Route:
    city, tasks = outing.city, _tasks(outing, school)
    tour = search(tasks, school.stops(tasks), effort, seed)
    walk = _walked(city, tasks, tour)
    block = walk["block"].to_numpy(np.int64)
    # a block is worth its value once: at its stop, or where it is passed if passing will do
    counts = walk["stop"].ne("").to_numpy() | tasks.passing[block]
    first = ~pd.Series(np.where(counts, block, -1)).duplicated().to_numpy() & counts
    walk["value"] = np.where(first, tasks.value[block], 0.0)
    rest = np.where(outing.reachable, tasks.value, 0.0)
    rest[block[counts]] = 0.0
    missed, could = np.flatnonzero(rest > 0), outing.lot(school)
    look_s = float(city.ways.length[block[walk["stop"] == "sample"]].sum()) / PACE_M_S
    walk.insert(0, "block_id", city.index.to_numpy()[block])
    return Route(
        walk=walk.drop(columns="block"),
        left_out=city.index.to_numpy()[missed[np.argsort(-rest[missed], kind="stable")]].tolist(),
        length_m=float(city.ways.length[block].sum()),
        seconds=float(walk["until_s"].iloc[-1]) if len(walk) else 0.0,
        value=float(walk["value"].sum() + city.school[[block for block, _ in school.blocks]].sum()),
        bell=school.bell,
        lot=Lot(len(could), float(city.ways.length[could].sum()), look_s / outing.shift.seconds),
    )
