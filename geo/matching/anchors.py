"""Which fixes of a chain the model uses, and what they say of the pace."""

import numpy as np
from numba import njit

from geo.matching.model import Model
from geo.matching.network import Floats, Ints

# A pace is told by so many ways of so many seconds: within shorter ones it is the noise that moves
_PACE_S, _PACE_N = 20.0, 8


@njit(cache=True, nogil=True)
def anchors(x: Floats, y: Floats, s: Floats, usable: Ints) -> Ints:
    """Thin a chain to fixes at least max(2 s, 5 m) apart, the first and last usable ones kept.

    Nearer fixes have nearly the same error: they would be counted as new evidence that they are not.
    """
    chosen = np.empty(len(x), dtype=np.int64)
    n, last = 0, -1
    for k in range(len(x)):
        if not usable[k]:
            continue
        last = k
        if n == 0:
            chosen[0] = k
            n = 1
            continue
        a = chosen[n - 1]
        if np.hypot(x[k] - x[a], y[k] - y[a]) >= max(2.0 * s[k], 5.0):
            chosen[n] = k
            n += 1
    if n and last != chosen[n - 1]:
        chosen[n] = last
        n += 1
    return chosen[:n].copy()


def usual_pace(model: Model, x: Floats, y: Floats, t: Floats) -> float:
    """Return how fast a patrol usually moves, m/s, by straight ways of 20 s and more between its fixes."""
    later = np.searchsorted(t, t + _PACE_S)
    begun = np.flatnonzero(later < len(t))
    if len(begun) < _PACE_N:
        return model.pace
    later = later[begun]
    gone = np.hypot(x[later] - x[begun], y[later] - y[begun]) / (t[later] - t[begun])
    return float(max(np.quantile(gone, 0.6), 0.5 * model.pace))
