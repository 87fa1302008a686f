"""Patrols: who walks when, along which streets, on which side, and what their phones record of it."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
import shapely
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import connected_components, dijkstra

from data.demo.ground import Ground
from data.demo.ground.kerb import uses_beside
from data.demo.ground.network import Ints
from data.demo.life.people import Staff, Walker
from data.demo.life.phones import CANYON, OPEN_SKY_SD_M, ErrorLaw, wander
from data.demo.plane import Floats
from data.demo.town.areas import Areas

HOURS = (7.0, 9.0, 14.0, 16.2, 18.6)
HOUR_SHARES = (0.22, 0.24, 0.2, 0.18, 0.16)
EFFORT = {"primary": 1.6, "secondary": 2.0, "tertiary": 1.5, "residential": 1.0, "living_street": 0.9,
          "service": 0.3, "unclassified": 0.4, "track": 0.08, "trunk": 0.5, "trunk_link": 0.0}  # fmt: skip
HEIGHT_M = {"commerce": 34.0, "estate": 26.0, "old": 7.0, "industry": 11.0, "town": 15.0, "village": 4.0}
WALK_M_S, RIDE_M_S = 1.2, 3.4
FASTEST_WALK_M_S = 2.0
REACH_M = 900.0
FAVOURITE_SHARE = 0.07
"""Share of the shifts that walk the false spot over and over."""


@dataclass(frozen=True)
class Beat:
    """The streets of one duty area: nodes, shortest ways between them, and how much each is wanted."""

    nodes: Ints
    distance: Floats
    before: NDArray[np.int32]
    street: dict[tuple[int, int], int]
    wanted: Floats


@dataclass(frozen=True)
class Outing:
    """One shift of one walker as it truly was; times in seconds since the first day's midnight.

    `street`, `direction` (+1 along the street piece), `side` (+1 left of the piece), `enters` and `leaves`
    have one item per street piece walked; fixes have times, points, errors and standard deviations.
    """

    track_id: str
    walker: Walker
    start_s: float
    speed: float
    street: Ints
    direction: Ints
    side: Ints
    enters: Floats
    leaves: Floats
    fix_at: Floats = field(repr=False)
    fix_points: Floats = field(repr=False)
    fix_error: Floats = field(repr=False)
    fix_sd: Floats = field(repr=False)


@dataclass(frozen=True)
class Rounds:
    """What stays the same from day to day: beats, how canyon-like each street is, and the walkers."""

    ground: Ground
    staff: Staff
    beats: list[Beat]
    favourite: Beat
    canyon: Floats
    law: ErrorLaw


def prepare(
    ground: Ground, areas: Areas, staff: Staff, favourite: NDArray[np.bool_], law: ErrorLaw
) -> Rounds:
    """Return the rounds of a district; the `favourite` street pieces have patrols of their own, every day."""
    duty = _duty_of_streets(ground, areas)
    effort = ground.streets["class"].map(EFFORT).fillna(0.0).to_numpy()
    beats = [_beat(ground, np.flatnonzero(duty == n), effort) for n in range(int(areas.duty.max()) + 1)]
    return Rounds(
        ground, staff, beats, _beat(ground, np.flatnonzero(favourite), effort + 0.1), canyon(ground), law
    )


def canyon(ground: Ground) -> Floats:
    """Return how much worse positions are in each street than under open sky: 1 and more."""
    shapes = np.array([parcel.shape for parcel in ground.parcels], dtype=object)
    uses = np.array([parcel.use.removesuffix("_ground") for parcel in ground.parcels], dtype=object)
    beside = uses_beside(ground.network, shapes, uses)
    height = np.array([[HEIGHT_M.get(use, 0.0) for use in row] for row in beside]).mean(axis=1)
    return np.asarray(1.0 + 1.1 * np.minimum(height / (ground.streets["width_m"].to_numpy() + 14.0), 1.6))


def _duty_of_streets(ground: Ground, areas: Areas) -> Ints:
    middles = shapely.line_interpolate_point(ground.streets.geometry.to_numpy(), 0.5, normalized=True)
    return np.asarray(areas.duty[shapely.STRtree(areas.pieces.shapes).nearest(middles)])


def _beat(ground: Ground, streets: Ints, effort: Floats) -> Beat:
    """Return the connected streets of a duty area with all ways between their nodes."""
    first, last = (ground.streets[end].to_numpy()[streets] for end in ("u", "v"))
    nodes, number = np.unique(np.concatenate([first, last]), return_inverse=True)
    a, b = number.reshape(2, -1)
    length = ground.network.lengths[streets]
    order = np.lexsort((length, np.maximum(a, b), np.minimum(a, b)))
    street = {}
    for n in order[::-1].tolist():  # the shortest of parallel pieces is entered last and stays
        street[int(a[n]), int(b[n])] = street[int(b[n]), int(a[n])] = int(streets[n])
    pairs = np.array(sorted(street)).reshape(-1, 2)
    cost = np.array([ground.network.lengths[street[int(p), int(q)]] for p, q in pairs])
    graph = csr_matrix((cost, (pairs[:, 0], pairs[:, 1])), shape=(len(nodes), len(nodes)))
    _, part = connected_components(graph, directed=False)
    distance, before = dijkstra(graph, return_predecessors=True)
    wanted = np.bincount(np.concatenate([a, b]), np.tile(effort[streets] * np.sqrt(length), 2))
    wanted[part != np.bincount(part).argmax()] = 0.0
    return Beat(nodes, distance, before, street, np.asarray(wanted, dtype=np.float64))


def outings(rounds: Rounds, day: int) -> Iterator[Outing]:
    """Yield the shifts of one day; at weekends about half as many."""
    size, rng = rounds.ground.size, rounds.ground.site.rng
    weekday = (size.first_day.weekday() + day) % 7
    count = size.shifts_a_day if weekday < 5 else round(size.shifts_a_day * 0.55)
    chosen = rng.permutation(len(rounds.staff.walkers))[:count]
    for k, n in enumerate(chosen.tolist()):
        walker = rounds.staff.walkers[n]
        beat = rounds.favourite if k < count * FAVOURITE_SHARE else rounds.beats[walker.duty]
        hour = (
            float(rng.choice(HOURS, p=HOUR_SHARES))
            if size.shift_hours < 5
            else float(rng.choice([7.0, 9.0, 13.0]))
        )
        start = day * 86400.0 + hour * 3600.0 + float(rng.uniform(0, 1500))
        hours = size.shift_hours * (0.6 if walker.channel == "volunteer" else 1.0)
        outing = _outing(rounds, walker, beat, start, hours * float(rng.uniform(0.8, 1.1)))
        if outing is not None:
            yield outing


def _outing(rounds: Rounds, walker: Walker, beat: Beat, start: float, hours: float) -> Outing | None:
    rng = rounds.ground.site.rng
    speed = RIDE_M_S if rng.random() < 0.22 else WALK_M_S * float(rng.uniform(0.85, 1.15))
    steps = _route(beat, hours * 3600.0 * speed * 0.86, rng)
    if not steps:
        return None
    nodes = np.array(steps)
    street = np.array([beat.street[p, q] for p, q in pairwise(steps)])
    ahead = rounds.ground.streets["u"].to_numpy()[street] == beat.nodes[nodes[:-1]]
    direction = np.where(ahead, 1, -1)
    side = direction * _sides(len(street), rng)
    length = rounds.ground.network.lengths[street]
    pause = np.where(rng.random(len(street)) < 0.07, rng.uniform(40, 260, len(street)), 0.0)
    leaves = start + np.cumsum(length / speed + pause)
    enters = np.concatenate([[start], leaves[:-1]])
    track_id = uuid(rng)
    fixes = _fixes(rounds, walker, (street, direction, side), enters, (leaves - pause, leaves))
    return Outing(track_id, walker, start, speed, street, direction, side, enters, leaves - pause, *fixes)


def _route(beat: Beat, length: float, rng: np.random.Generator) -> list[int]:
    """Return the nodes of a walk from wish to wish, the last places visited being less wanted."""
    if beat.wanted.sum() <= 0:
        return []
    wish = beat.wanted * rng.lognormal(0, 0.6, len(beat.wanted))
    here = int(rng.choice(len(wish), p=wish / wish.sum()))
    steps, walked = [here], 0.0
    while walked < length:
        near = np.where((beat.distance[here] < REACH_M) & (beat.distance[here] > 0), wish, 0.0)
        near = (
            near
            if near.sum() > 0
            else np.where(np.isfinite(beat.distance[here]) & (beat.distance[here] > 0), beat.wanted, 0.0)
        )
        if near.sum() <= 0:
            break
        target = int(rng.choice(len(near), p=near / near.sum()))
        walked += float(beat.distance[here, target])
        steps.extend(_way(beat, here, target))
        wish[steps[-12:]] *= 0.25
        here = target
    return steps if len(steps) > 1 else []


def _way(beat: Beat, here: int, target: int) -> list[int]:
    """Return the nodes from here (left out) to the target."""
    way = [target]
    while way[-1] != here:
        way.append(int(beat.before[here, way[-1]]))
    return way[-2::-1]


def _sides(count: int, rng: np.random.Generator) -> Ints:
    """Return which side is walked, seen along the way: mostly the right (-1), changed now and then."""
    change = np.flatnonzero(rng.random(count) < 0.2)
    bounds = np.concatenate([[0], change[change > 0], [count]])
    picks = np.where(rng.random(len(bounds) - 1) < 0.68, -1, 1)
    return np.repeat(picks, np.diff(bounds))


def _fixes(
    rounds: Rounds,
    walker: Walker,
    walk: tuple[Ints, Ints, Ints],
    enters: Floats,
    times: tuple[Floats, Floats],
) -> tuple[Floats, Floats, Floats, Floats]:
    """Return times, true points, errors and standard deviations of the fixes of an outing."""
    rng, gap = rounds.ground.site.rng, rounds.ground.size.fix_every_s
    (street, direction, side), (arrives, leaves) = walk, times
    at = np.arange(enters[0], leaves[-1], gap)
    step = np.minimum(np.searchsorted(leaves, at, side="right"), len(street) - 1)
    share = np.clip((at - enters[step]) / np.maximum(arrives[step] - enters[step], 1e-6), 0.0, 1.0)
    points, normal = points_on(rounds.ground, street[step], np.where(direction[step] > 0, share, 1.0 - share))
    width = rounds.ground.streets["width_m"].to_numpy()[street[step]]
    points = points + (side[step] * (width / 2 + 1.5))[:, None] * normal
    factor = rounds.canyon[street[step]]
    sd = OPEN_SKY_SD_M * walker.device.worse * factor * float(rng.uniform(0.9, 1.15))
    error = wander(rounds.law, sd, rng, across=normal, gap_s=gap, canyon=factor > CANYON)
    return at, points, error, sd


def points_on(ground: Ground, street: Ints, share: Floats) -> tuple[Floats, Floats]:
    """Return points at a share of street pieces' lengths, and the unit normals to their left."""
    lines = ground.streets.geometry.to_numpy()[street]
    length = ground.network.lengths[street]
    here = shapely.get_coordinates(shapely.line_interpolate_point(lines, share * length))
    low, high = np.clip(share * length - 1.0, 0, None), np.minimum(share * length + 1.0, length)
    step = shapely.get_coordinates(shapely.line_interpolate_point(lines, high)) - shapely.get_coordinates(
        shapely.line_interpolate_point(lines, low)
    )
    unit = step / np.maximum(np.hypot(*step.T), 1e-9)[:, None]
    return here, np.column_stack([-unit[:, 1], unit[:, 0]])


def uuid(rng: np.random.Generator) -> str:
    """Return a version 4 UUID from the city's own random numbers."""
    raw = bytearray(rng.bytes(16))
    raw[6], raw[8] = raw[6] & 0x0F | 0x40, raw[8] & 0x3F | 0x80
    text = raw.hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
