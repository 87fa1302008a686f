"""From p per block to q per place: blocks of one hotspot vouch for each other, not for another one."""

import math
from dataclasses import dataclass

import numba
import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import minimum_spanning_tree
from scipy.special import ndtr, ndtri

from geo.neighbours import Neighbourhoods

Floats = NDArray[np.float64]

# At how many excesses and correlations joint chances are worked out
_N_EXCESS, _N_APART = 8, 400


@dataclass(frozen=True, slots=True)
class Places:
    """How often chance would make places like these, per block, and when each place begins and ends.

    `chance` is the number of places as conspicuous as the block's own that one city without a hotspot shows;
    a place exists from the level `begins` until it is part of a larger one at `ends`.
    """

    chance: Floats
    begins: Floats
    ends: Floats


def grow(p: Floats, near: Neighbourhoods, both: Floats, n_tests: float) -> Places:
    """Let blocks join in order of p, neighbours as one place, and judge each place by its own blocks.

    A place worth `k` independent tests with p up to `x` has Simes' value ``n_tests * x / k`` [1]_, which is
    the least it takes for Benjamini and Hochberg's procedure to flag it with no help from elsewhere.  A block
    has the least value of all places that it comes to belong to.  It adds to what a place is worth the part
    of a test that the block most like it there has not told already: a hamlet whose neighbourhoods are all
    the same street is one test, however many blocks it has.

    Parameters
    ----------
    p : float array, shape (n,)
    near : Neighbourhoods
        Of the same n blocks.
    both : float array, shape of ``near.members``
        What `alike` returned for them.
    n_tests : float
        How many independent tests the whole family is worth.

    References
    ----------
    .. [1] Simes, R. J. (1986), "An improved Bonferroni procedure for multiple tests of significance",
       doi 10.1093/biomet/73.3.751.

    Examples
    --------
    The first two blocks are neighbours, the third is alone.

    >>> pair = Neighbourhoods(np.array([0, 2, 4, 5]), np.array([0, 1, 0, 1, 2], np.int32), np.zeros(5))
    >>> p = np.array([0.01, 0.02, 0.02])
    >>> grow(p, pair, np.zeros(5), 3).chance.round(3).tolist()
    [0.03, 0.03, 0.06]
    >>> grow(p, pair, np.ones(5), 2).chance.round(3).tolist()
    [0.02, 0.04, 0.04]
    """
    order = np.argsort(p, kind="stable")
    chance, least, beyond = _grow(p, order, near.offsets, near.members, both)
    own = least < beyond
    return Places(n_tests * chance, np.sort(n_tests * least[own]), np.sort(n_tests * beyond[own]))


def false_places(places: list[Places]) -> list[Floats]:
    """Return q per block: the share of chance among all places that are as conspicuous as its own.

    Benjamini and Hochberg's procedure on blocks holds down the share of false blocks: a true hotspot of
    forty blocks buys two more anywhere, each an evening of a team.  Here places are counted, not blocks
    [1]_ [2]_: expected by chance over found, at the least favourable level from the block's own on.  Without
    neighbours the two are the same.

    References
    ----------
    .. [1] Benjamini, Y. and Heller, R. (2007), "False discovery rates for spatial signals",
       doi 10.1198/016214507000000941.
    .. [2] Chumbley, J. R. and Friston, K. J. (2009), "False discovery rate revisited: FDR and topological
       inference using Gaussian random fields", doi 10.1016/j.neuroimage.2008.05.021.

    Examples
    --------
    >>> alone = Neighbourhoods(np.arange(4), np.arange(3, dtype=np.int32), np.zeros(3))
    >>> false_places([grow(np.array([0.01, 0.02, 0.9]), alone, np.ones(3), 3)])[0].round(3).tolist()
    [0.03, 0.03, 0.9]
    """
    begins = np.sort(np.concatenate([one.begins for one in places]))
    ends = np.sort(np.concatenate([one.ends for one in places]))
    level = np.unique(begins)
    found = np.searchsorted(begins, level, "right") - np.searchsorted(ends, level, "right")
    share = np.minimum.accumulate((level / np.maximum(found, 1))[::-1])[::-1]
    return [np.minimum(1.0, share[np.searchsorted(level, one.chance)]) for one in places]


def alike(near: Neighbourhoods, level: float) -> Floats:
    """Return, for each block and each of its neighbours, how likely both reject if one does.

    Two totals reject together as two normal deviates do that have the correlation of the blocks they share,
    taken to be alike.

    Parameters
    ----------
    near : Neighbourhoods
    level : float
        Probability at which one test rejects, below 0.5.

    Returns
    -------
    float array, shape of ``near.members``

    Examples
    --------
    >>> twins = Neighbourhoods(np.array([0, 2, 4]), np.array([0, 1, 0, 1], np.int32), np.zeros(4))
    >>> alike(twins, 1e-4).round(3).tolist()
    [1.0, 1.0, 1.0, 1.0]
    """
    both: Floats = np.interp(np.sqrt(_apart(near.offsets, near.members)), *_both(level))
    return both


def independent(near: Neighbourhoods, both: Floats) -> float:
    """Return how many independent tests the totals of overlapping neighbourhoods are worth, at most.

    That any of n tests rejects is as likely as the sum says, less what neighbours along a tree through all of
    them reject together [1]_.  The tree is the one with the most in common.

    Parameters
    ----------
    near : Neighbourhoods
    both : float array, shape of ``near.members``
        What `alike` returned for them.

    References
    ----------
    .. [1] Worsley, K. J. (1982), "An improved Bonferroni inequality and applications",
       doi 10.1093/biomet/69.2.297.

    Examples
    --------
    >>> alone = Neighbourhoods(np.arange(4), np.arange(3, dtype=np.int32), np.zeros(3))
    >>> independent(alone, np.ones(3))
    3.0
    >>> twins = Neighbourhoods(np.array([0, 2, 4]), np.array([0, 1, 0, 1], np.int32), np.zeros(4))
    >>> independent(twins, np.array([1.0, 0.75, 0.75, 1.0]))
    1.25
    """
    n = near.n_blocks
    # a link of nothing would be no link: what is together costs 1, what is apart 2
    tree = minimum_spanning_tree(csr_array((2.0 - both, near.members, near.offsets), shape=(n, n)))
    return float(n - (2.0 - tree.data).sum())


def _both(level: float) -> tuple[Floats, Floats]:
    """Return, by the root of one less the correlation, how likely a second deviate is beyond the level.

    Given that a first one is, which then is beyond it by about an exponential excess.
    """
    excess, weight = np.polynomial.laguerre.laggauss(_N_EXCESS)
    u = -float(ndtri(level))
    weight = weight * np.exp(-0.5 * (excess / u) ** 2)
    apart = np.linspace(1e-9, 1.0, _N_APART)
    gap = (1.0 - apart[:, None] ** 2) * (u + excess / u) - u
    return apart, ndtr(gap / (apart * np.sqrt(2.0 - apart**2))[:, None]) @ weight / weight.sum()


@numba.njit(cache=True, nogil=True)
def _apart(offsets, members):  # type: ignore[no-untyped-def]
    """Return for each block and neighbour one less the correlation of the two totals."""
    n = len(offsets) - 1
    apart = np.empty(len(members))
    inside = np.zeros(n, np.bool_)
    for b in range(n):
        around = members[offsets[b] : offsets[b + 1]]
        inside[around] = True
        for k in range(offsets[b], offsets[b + 1]):
            other = members[offsets[members[k]] : offsets[members[k] + 1]]
            apart[k] = 1.0 - inside[other].sum() / math.sqrt(len(around) * len(other))
        inside[around] = False
    return np.maximum(apart, 0.0)


@numba.njit(cache=True, nogil=True)
def _top(root, step):  # type: ignore[no-untyped-def]
    """Return the place that a step belongs to by now."""
    while root[step] != step:
        root[step] = root[root[step]]
        step = root[step]
    return step


@numba.njit(cache=True, nogil=True)
def _grow(p, order, offsets, members, both):  # type: ignore[no-untyped-def]
    """Join blocks in order; return per block and per step the least value, and that of the larger places."""
    n = len(p)
    step_of = np.full(n, -1)
    root, larger = np.arange(n), np.full(n, -1)
    size, value, told = np.ones(n), np.empty(n), np.zeros(n)
    for step in range(n):
        b = order[step]
        around = range(offsets[b], offsets[b + 1])
        # how much of this block's test the one most like it in each place has told
        for k in around:
            if step_of[members[k]] >= 0:
                top = _top(root, step_of[members[k]])
                told[top] = max(told[top], both[k])
        step_of[b] = step
        for k in around:
            top = _top(root, step_of[members[k]]) if step_of[members[k]] >= 0 else step
            if top != step:
                root[top], larger[top] = step, step
                size[step] += size[top] - told[top]
        value[step] = p[b] / size[step]
    chance, least, beyond = np.empty(n), np.empty(n), np.full(n, np.inf)
    for step in range(n - 1, -1, -1):
        if larger[step] >= 0:
            beyond[step] = least[larger[step]]
        least[step] = min(value[step], beyond[step])
        chance[order[step]] = least[step]
    return chance, value, beyond
