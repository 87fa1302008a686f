"""Blocks drawn by lot: what is seen there, whatever was found before, is an honest sample."""

from dataclasses import dataclass

import numpy as np

from geo.patrols.ways import Floats, Ints, Ways

# Of a shift's time, on blocks drawn by lot; with less than the least there is no sample to speak of
SAMPLE_SHARE, LEAST_SHARE = 0.075, 0.05
# The way to them and back may take so much of the shift; what lies along it is looked at as well
MOST_FOR_SAMPLE = 0.6


@dataclass(frozen=True, slots=True)
class Lot:
    """What a shift drew from, and what came of it.

    `n_blocks` of `length_m` could be drawn, each as likely as any other; `share` of the shift's time goes to
    a look at those that were, re-checks there not counted.
    """

    n_blocks: int = 0
    length_m: float = 0.0
    share: float = 0.0

    @property
    def is_missing(self) -> bool:
        """Tell if the shift has no sample to speak of."""
        return self.share < LEAST_SHARE


def in_reach(way_s: Floats, seconds: Floats, shift_s: float, free_s: float) -> Ints:
    """Return the blocks that can be drawn for a shift: of which it can go to any, look, and be back.

    Around it others are looked at too, each there and back, until they make the sample.

    Parameters
    ----------
    way_s, seconds : float array, shape (n,)
        Of each block: the way from the station to it and back, and a look at it with its re-checks.
    shift_s, free_s : float
        Of the shift, and of those the seconds that nothing else takes.

    Returns
    -------
    int array
        Block numbers, ascending.

    Examples
    --------
    An hour has 2160 s for the sample: 100 s for the first block, twice 270 s around it, and the way.

    >>> in_reach(np.array([1520.0, 1521.0]), np.array([100.0, 100.0]), 3600.0, np.inf).tolist()
    [0]
    """
    around = 2.0 * SAMPLE_SHARE * shift_s
    return np.flatnonzero(way_s + seconds + around <= min(MOST_FOR_SAMPLE * shift_s, free_s))


def drawn(ways: Ways, among: Ints, seed: int) -> Ints:
    """Return blocks in the order drawn: one, each as likely as any other, then the others, the nearest first.

    A walk to one corner costs a shift less than blocks scattered over the beat.  What is seen there is a
    cluster sample: every corner in reach has its turn, whatever was found there before.

    Parameters
    ----------
    ways : Ways
    among : int array
        Block numbers, in an order that is always the same.
    seed : int
        Of the day and the shift, so that the lot can be drawn again.

    Returns
    -------
    int array
        Those of `among` that can be walked to from the first.

    Examples
    --------
    >>> import pandas as pd
    >>> street = Ways.of(pd.DataFrame({"start_node": [0, 1, 2], "end_node": [1, 2, 3], "length_m": 100.0}))
    >>> sorted({tuple(drawn(street, np.arange(3), seed).tolist()) for seed in range(30)})
    [(0, 1, 2), (1, 0, 2), (2, 1, 0)]
    """
    if not len(among):
        return among
    first = int(among[np.random.default_rng(seed).integers(len(among))])
    far = np.minimum(*(ways.far_from(int(end[first]), np.inf) for end in (ways.start, ways.end)))
    nearest = far[ways.start] + far[ways.end]
    nearest[first] = -1.0
    found = among[np.isfinite(nearest[among])]
    return np.asarray(found[np.argsort(nearest[found], kind="stable")], np.int64)
