"""Planning: which blocks a shift can reach, and the best walk over them."""

from collections.abc import Sequence
from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from geo.errors import GeoError
from geo.patrols.tours import Tasks, Tour, search
from geo.patrols.ways import Floats, Ints, Legs, Ways

# An inspector who looks at both sides and writes things down, metres per second
PACE_M_S = 1.0
# Of the blocks in reach so many, the most worth per second, become stops; the others are seen in passing
MOST_STOPS = 300
# Of a shift's time, on blocks drawn by lot
SAMPLE_SHARE = 0.075


@dataclass(frozen=True, slots=True)
class Shift:
    """One walk to plan: the junction where it begins and ends, its seconds, and blocks drawn by lot for it.

    `sample` are block ids in the order drawn; as many are walked as make `SAMPLE_SHARE` of the time.
    `own` are the blocks that it may stop at; None for any.
    """

    station: object
    seconds: float
    sample: Sequence[str] = ()
    own: Sequence[str] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Route:
    """One planned walk.

    `walk` has a row per block walked, in order: `block_id, direction` (1 as drawn, -1 against), `from_s,
    until_s` (seconds into the shift; a stop's dwelling and waiting included), `stop` ("worth", "sample", or
    "" on the way), `value` (the first time a block is walked, within its window; else 0).
    `left_out` are the block ids in reach that are worth something and were not walked, the worthiest first.
    """

    walk: pd.DataFrame
    left_out: list[str]
    length_m: float
    seconds: float
    value: float


def plan(
    blocks: gpd.GeoDataFrame, worth: pd.DataFrame, shifts: Sequence[Shift], *, effort: int = 60
) -> list[Route]:
    """Return a walk for each shift; what an earlier one walks is worth nothing to a later one.

    Parameters
    ----------
    blocks : GeoDataFrame
        As `geo.blocks.build` makes them: `block_id, start_node, end_node, length_m`.
    worth : DataFrame
        As `worth` makes it: a row per block, in any order; blocks that are not in it are worth nothing.
    shifts : sequence of Shift
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
    >>> wanted = pd.DataFrame({"block_id": ["c"], "value": 1.0, "dwell_s": 60.0,
    ...     "opens_s": np.nan, "closes_s": np.nan})
    >>> [route] = plan(street, wanted, [Shift(station=0, seconds=700.0)])
    >>> route.walk["block_id"].tolist(), route.seconds, route.value
    (['a', 'b', 'c', 'c', 'b', 'a'], 660.0, 1.0)
    """
    city = _City(Ways.of(blocks), pd.Index(blocks["block_id"]), worth)
    value = city.worth["value"].fillna(0.0).to_numpy(np.float64).copy()
    routes = []
    for number, shift in enumerate(shifts):
        if shift.seconds <= 0:
            raise GeoError("shift %(number)d has no time", number=number)
        tasks = _tasks(city, value, shift)
        route = _route(city, shift, tasks, search(tasks, effort, number))
        value[city.numbers(route.walk["block_id"].tolist())] = 0.0
        routes.append(route)
    return routes


class _City:
    """Streets and what looking at them is worth, block by block."""

    def __init__(self, ways: Ways, index: pd.Index, worth: pd.DataFrame) -> None:
        self.ways, self.index = ways, index
        self.worth = worth.set_index("block_id").reindex(index)
        self.dwell = self.worth["dwell_s"].fillna(0.0).to_numpy(np.float64)
        self.opens = self.worth["opens_s"].to_numpy(np.float64)
        self.closes = self.worth["closes_s"].to_numpy(np.float64)
        self.seconds = ways.length / PACE_M_S + self.dwell

    def numbers(self, block_ids: Sequence[str]) -> Ints:
        """Return the numbers of blocks, unknown ones left out."""
        found = self.index.get_indexer(pd.Index(np.array(block_ids, dtype=object)))
        return np.asarray(found[found >= 0], np.int64)

    def reachable(self, shift: Shift) -> NDArray[np.bool_]:
        """Tell which blocks a shift may stop at and be back in time."""
        far = self.ways.far_from(self.ways.node(shift.station), shift.seconds * PACE_M_S / 2)
        walked = (far[self.ways.start] + far[self.ways.end]) / PACE_M_S
        can: NDArray[np.bool_] = walked + self.seconds <= shift.seconds
        if shift.own is not None:
            can &= self.index.isin(list(shift.own))
        return can


def _tasks(city: _City, value: Floats, shift: Shift) -> Tasks:
    """Choose what a shift could stop at, and measure the ways between."""
    ways, station = city.ways, city.ways.node(shift.station)
    reachable, seconds = city.reachable(shift), city.seconds
    sample = city.numbers(shift.sample)
    sample = sample[reachable[sample]]
    enough = np.cumsum(seconds[sample]) < SAMPLE_SHARE * shift.seconds
    sample = sample[: int(enough.sum()) + 1]
    wanted = np.flatnonzero(reachable & (value > 0))
    best = wanted[np.argsort(-value[wanted] / (seconds[wanted] + 30.0), kind="stable")][:MOST_STOPS]
    stops = np.concatenate([sample, np.setdiff1d(best, sample)])
    nodes = np.unique(np.concatenate([[station], ways.start[stops], ways.end[stops]]))
    near = np.isfinite(ways.far_from(station, shift.seconds * PACE_M_S / 2))
    legs = Legs.among(ways, nodes, np.union1d(np.flatnonzero(near), nodes), shift.seconds * PACE_M_S)
    return Tasks(
        block=stops,
        ends=np.searchsorted(nodes, np.column_stack([ways.start[stops], ways.end[stops]])),
        seconds=seconds[stops],
        opens=np.nan_to_num(city.opens[stops], nan=0.0),
        closes=np.nan_to_num(city.closes[stops], nan=np.inf),
        sampled=np.arange(len(stops)) < len(sample),
        passing=np.isnan(city.opens) & (city.dwell <= 0),
        value=value,
        legs=legs,
        between=legs.metres / PACE_M_S,
        station=int(np.searchsorted(nodes, station)),
        budget=shift.seconds,
        sample_s=SAMPLE_SHARE * shift.seconds,
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
        why = "sample" if tasks.sampled[task] else "worth"
        rows.append((int(tasks.block[task]), -1 if turned else 1, begun, clock, why))
    on_the_way(len(tour.stops))
    return pd.DataFrame(rows, columns=["block", "direction", "from_s", "until_s", "stop"])


def _route(city: _City, shift: Shift, tasks: Tasks, tour: Tour) -> Route:
    walk = _walked(city, tasks, tour)
    block = walk["block"].to_numpy(np.int64)
    # a block is worth its value once: at its stop, or where it is passed if passing will do
    counts = walk["stop"].ne("").to_numpy() | tasks.passing[block]
    first = ~pd.Series(np.where(counts, block, -1)).duplicated().to_numpy() & counts
    walk["value"] = np.where(first, tasks.value[block], 0.0)
    rest = np.where(city.reachable(shift), tasks.value, 0.0)
    rest[block[counts]] = 0.0
    missed = np.flatnonzero(rest > 0)
    walk.insert(0, "block_id", city.index.to_numpy()[block])
    return Route(
        walk=walk.drop(columns="block"),
        left_out=city.index.to_numpy()[missed[np.argsort(-rest[missed], kind="stable")]].tolist(),
        length_m=float(city.ways.length[block].sum()),
        seconds=float(walk["until_s"].iloc[-1]) if len(walk) else 0.0,
        value=float(walk["value"].sum()),
    )
