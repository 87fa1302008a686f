"""What is asked about positions, and what is answered: plain arrays on both sides of the kernel."""

from collections.abc import Sequence
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING, Any, TypedDict

import numpy as np
from numpy.typing import ArrayLike, NDArray

from geo.assign import kernels
from geo.assign.accuracy import SourceError
from geo.assign.model import Model
from geo.assign.network import Floats, Ints
from geo.errors import AccuracyError
from geo.names import normalise

if TYPE_CHECKING:
    from geo.assign.index import BlockIndex

# Below this speed a bearing is noise
_MOVING_MS = 1.0
# So many positions are worth waking the other threads
_MANY = 2048
# Numba's workqueue layer aborts the process when two parallel loops run at the same time
_one_parallel_loop = Lock()


class Track(TypedDict):
    """Smoothed block probabilities of the tracks on which findings were made.

    Finding i was made on blocks `block[begin[i]:begin[i + 1]]` (numbers of the index) with probabilities
    `p` in the same places; an empty run means no track.
    """

    begin: NDArray[np.int64]
    block: NDArray[np.int64]
    p: Floats


class Evidence(TypedDict, total=False):
    """What is known about positions beside where they are; scalars hold for all.

    `heading_deg`: direction of travel, degrees clockwise from true north, NaN unknown; ignored below 1 m/s
    of `speed_ms` (a photo's azimuth is not a heading).  `driving`: with the traffic, so that one-way
    streets have one sense.  `name_hint`: street name as the reporter gave it, None for none.  `offset_m`,
    `offset_sd_m`: where true positions lie off the centre line, NaN for the kerb of each block.  `track`: see
    `Track`.  `model`: parameters.  `parallel`: all threads, default from two thousand positions on.
    """

    heading_deg: ArrayLike | None
    speed_ms: ArrayLike | None
    driving: ArrayLike | None
    name_hint: str | Sequence[str | None] | None
    offset_m: ArrayLike | None
    offset_sd_m: ArrayLike
    source: SourceError
    track: Track | None
    model: Model
    parallel: bool | None


@dataclass(frozen=True, eq=False)
class Placement:
    """Where positions lie on the network, one item per position in every array.

    `block` and `runner_up` are numbers of the index, -1 for none.  `side` is left or right looking along
    the block's chainage, None below the model's `side_sure`; `p_side` is kept.  `ambiguous` asks for a
    review or for weights; it is not an error.  `outside`: no block within reach.  `placed` is False for
    positions that are none.  Lengths in metres, NaN where nothing was placed.
    """

    index: "BlockIndex"
    model: Model
    floats: Floats
    ints: Ints
    s_used_m: Floats

    @property
    def block(self) -> Ints:
        """Return the number of the best block, -1 for none."""
        return self.ints[:, kernels.BLOCK]

    @property
    def runner_up(self) -> Ints:
        """Return the number of the second block, -1 for none."""
        return self.ints[:, kernels.RUNNER]

    @property
    def block_id(self) -> NDArray[np.object_]:
        """Return the id of the best block, None for none."""
        return _named(self.index.block_id, self.block)

    @property
    def runner_up_block(self) -> NDArray[np.object_]:
        """Return the id of the second block, None for none."""
        return _named(self.index.block_id, self.runner_up)

    @property
    def street_id(self) -> NDArray[np.object_]:
        """Return the street of the best block."""
        return _named(self.index.street_id, self.block)

    @property
    def corridor_id(self) -> NDArray[np.object_]:
        """Return the corridor of the best block."""
        return _named(self.index.corridor_id, self.block)

    @property
    def street_name(self) -> NDArray[np.object_]:
        """Return the name of the best block's street, None if it has none."""
        return _named(self.index.name, self.block)

    @property
    def chainage_m(self) -> Floats:
        """Return the posterior mean of the metres along the block from its start."""
        return self.floats[:, kernels.CHAINAGE]

    @property
    def chainage_sd_m(self) -> Floats:
        """Return the standard deviation of the chainage."""
        return self.floats[:, kernels.CHAINAGE_SD]

    @property
    def distance_m(self) -> Floats:
        """Return the distance from the position as given to the best block's centre line."""
        return self.floats[:, kernels.DISTANCE]

    @property
    def p_block(self) -> Floats:
        """Return the probability of the best block."""
        return self.floats[:, kernels.P_BLOCK]

    @property
    def p_street(self) -> Floats:
        """Return the probability of its street."""
        return self.floats[:, kernels.P_STREET]

    @property
    def p_corridor(self) -> Floats:
        """Return the probability of its corridor."""
        return self.floats[:, kernels.P_CORRIDOR]

    @property
    def p_side(self) -> Floats:
        """Return the probability of the likelier side, given the block."""
        return self.floats[:, kernels.P_SIDE]

    @property
    def p_none(self) -> Floats:
        """Return the probability of having nothing to do with any block nearby."""
        return self.floats[:, kernels.P_NONE]

    @property
    def runner_up_p(self) -> Floats:
        """Return the probability of the second block."""
        return self.floats[:, kernels.RUNNER_P]

    @property
    def likelier_side(self) -> NDArray[np.int64]:
        """Return 1 left, -1 right, 0 none, however sure."""
        return self.ints[:, kernels.SIDE]

    @property
    def side(self) -> NDArray[np.object_]:
        """Return left or right where it is sure, else None."""
        sure = self.p_side >= self.model.side_sure
        words = np.array([None, "left", "right"], dtype=object)
        return words[np.where(sure, self.likelier_side, 0)]

    @property
    def outside(self) -> NDArray[np.bool_]:
        """Tell which positions have no block within reach."""
        return np.asarray(self.ints[:, kernels.OUTSIDE] == 1)

    @property
    def placed(self) -> NDArray[np.bool_]:
        """Tell which positions were placed on a block."""
        return self.block >= 0

    @property
    def ambiguous(self) -> NDArray[np.bool_]:
        """Tell which placements no statistic should take at face value."""
        doubt = (self.p_block < self.model.sure) | (self.p_none > self.model.none_limit)
        return np.asarray(self.placed & (doubt | (self.ints[:, kernels.CUT_SHORT] != 0)))

    def __len__(self) -> int:
        return len(self.floats)


def _named(names: NDArray[np.object_], numbers: Ints) -> NDArray[np.object_]:
    """Return the names of numbers, None for -1."""
    out = np.full(len(numbers), None, dtype=object)
    known = numbers >= 0
    out[known] = names[numbers[known]]
    return out


@dataclass(frozen=True, eq=False)
class Request:
    """The arrays that the kernel reads about positions."""

    index: "BlockIndex"
    model: Model
    rows: Floats
    hints: tuple[Any, ...]
    tracks: tuple[Any, ...]
    parallel: bool | None

    @classmethod
    def of(cls, xy: Floats, sd_m: ArrayLike, evidence: Evidence, index: "BlockIndex") -> "Request":
        """Bring positions and evidence into the kernel's shape."""
        n, source = len(xy), evidence.get("source", SourceError(sd_m=np.nan))
        rows = np.zeros((n, kernels.N_GIVEN))
        rows[:, kernels.X : kernels.Y + 1] = xy
        rows[:, kernels.SD] = _positive(sd_m)
        offset = evidence.get("offset_m", source.offset_m)
        rows[:, kernels.OFFSET] = np.nan if offset is None else offset
        rows[:, kernels.SPREAD] = evidence.get("offset_sd_m", source.offset_sd_m)
        _set_heading(rows, evidence, index.north_deg)
        hints, rows[:, kernels.HINT] = _hints(evidence.get("name_hint"), n, index)
        tracks = _tracks(evidence.get("track"), rows)
        model = evidence.get("model", _DEFAULT)
        return cls(index, model, rows, hints, tracks, evidence.get("parallel"))

    def weighed(self) -> tuple[Ints, Floats, float]:
        """Return candidates of the first position: blocks, weights (left, right, distance²), their sum."""
        index, (blocks, weights) = self.index, _scratch(self.index.n_max)
        floats, ints = np.empty((1, kernels.N_FLOATS)), np.empty((1, kernels.N_INTS), dtype=np.int64)
        x, y, *own = self.rows[0].tolist()
        own = (*own[:6], *map(int, own[6:]))
        given: tuple[Any, ...] = (*index.arrays, *self.hints, *self.tracks, self._vector(), blocks, weights)
        n = int(kernels.place_one(*(x, y, own, *given, floats, ints, 0)))
        none = float(floats[0, kernels.P_NONE]) if n else 0.0
        total = float(weights[:n, :2].sum()) / max(1.0 - none, 1e-300)
        return blocks[:n, 0], weights[:n], total

    def placed(self) -> Placement:
        """Run the kernel: serially for a few, on all threads for many."""
        n, index = len(self.rows), self.index
        floats, ints = np.empty((n, kernels.N_FLOATS)), np.empty((n, kernels.N_INTS), dtype=np.int64)
        given: tuple[Any, ...] = (self.rows, *index.arrays, *self.hints, *self.tracks, self._vector())
        if self.parallel is True or (self.parallel is None and n >= _MANY):
            order = kernels.neighbours_together(self.rows, *index.arrays[-2:])
            with _one_parallel_loop:
                kernels.place_batch(*(order, *given, index.n_max, floats, ints))
        else:
            kernels.place_range(*(0, n, np.arange(n), *given, *_scratch(index.n_max), floats, ints))
        return Placement(index, self.model, floats, ints, self.rows[:, kernels.SD])

    def _vector(self) -> Floats:
        """Return the model's parameters with what they need of the network."""
        return self.model.vector(self.index.kerb_m, float(self.index.length_m.sum()))


def nearest(index: "BlockIndex", xy: Floats, within_m: float, parallel: bool | None) -> tuple[Ints, Floats]:
    """Return the number of the nearest block within reach, -1 for none, and its distance."""
    n, arrays = len(xy), index.arrays
    blocks, distances = np.empty(n, dtype=np.int64), np.empty(n)
    within = min(within_m, float(arrays[2][-1, kernels.RADIUS]))
    streets: tuple[Any, ...] = arrays[:4]
    if parallel is True or (parallel is None and n >= _MANY):
        order = kernels.neighbours_together(xy, *arrays[-2:])
        with _one_parallel_loop:
            kernels.nearest_batch(*(order, xy, within, *streets, blocks, distances))
    else:
        kernels.nearest_range(*(0, n, np.arange(n), xy, within, *streets, blocks, distances))
    return blocks, distances


def _scratch(n_max: int) -> tuple[Ints, Floats]:
    """Return room for the candidates of one position."""
    return np.empty((n_max, 3), dtype=np.int64), np.empty((n_max, 3))


_DEFAULT = Model()
_NO_HINTS = (np.zeros(1, dtype=np.int64), np.empty(0, dtype=np.int64), np.empty(0))
_NO_TRACKS = (np.empty(0, dtype=np.int64), np.empty(0))


def _positive(sd_m: ArrayLike) -> Floats:
    """Return position errors, refusing any that is not positive; NaN means none."""
    sd = np.asarray(sd_m, dtype=np.float64)
    bad = np.atleast_1d(sd <= 0)
    if bad.any():
        raise AccuracyError("row %(row)d: position error must be positive", row=int(np.argmax(bad)))
    return sd


def _set_heading(rows: Floats, evidence: Evidence, north_deg: float) -> None:
    """Write unit vectors of grid headings where there is one at a speed that means something."""
    heading = evidence.get("heading_deg")
    if heading is None:
        rows[:, kernels.HEADING_X : kernels.HEADING_Y + 1] = np.nan
        return
    angle = np.radians(np.asarray(heading, dtype=np.float64) - north_deg)
    speed = evidence.get("speed_ms")
    if speed is not None:
        angle = np.where(np.asarray(speed, dtype=np.float64) < _MOVING_MS, np.nan, angle)
    rows[:, kernels.HEADING_X], rows[:, kernels.HEADING_Y] = np.sin(angle), np.cos(angle)
    driving = evidence.get("driving")
    rows[:, kernels.DRIVING] = False if driving is None else np.asarray(driving, dtype=np.bool_)


def _hints(
    given: str | Sequence[str | None] | None, n: int, index: "BlockIndex"
) -> tuple[tuple[Any, ...], Ints | int]:
    """Return how alike each distinct hint is to the names of the network, and each position's hint."""
    if given is None:
        return _NO_HINTS, -1
    texts = (
        [given] * n if isinstance(given, str) else [one if isinstance(one, str) else None for one in given]
    )
    key_of = {text: normalise(text, index.names) for text in set(texts)}
    keys = sorted(set(key_of.values()) - {""})
    row_of = {key: row for row, key in enumerate(keys)}
    return index.matcher.alike(keys), np.array(
        [row_of.get(key_of[text], -1) for text in texts], dtype=np.int64
    )


def _tracks(track: Track | None, rows: Floats) -> tuple[Any, ...]:
    """Return the track prior's arrays, each position's run written into `rows`."""
    if track is None:
        return _NO_TRACKS
    rows[:, kernels.TRACK_BEGIN], rows[:, kernels.TRACK_END] = track["begin"][:-1], track["begin"][1:]
    # a read-only array, as pandas gives them, is another type to numba: it would compile in a request
    return np.require(track["block"], np.int64, ["C", "W"]), np.require(track["p"], np.float64, ["C", "W"])
