"""The statistics that others use, to show beside ours: Gi and Gi*, and Marshall's shrunk rates."""

import numpy as np
from numpy.typing import NDArray

from geo.neighbours import Neighbourhoods

Floats = NDArray[np.float64]


def getis_ord(values: Floats, near: Neighbourhoods, *, star: bool = True) -> Floats:
    """Return Getis and Ord's Gi* (or Gi, without the place itself) as a standard deviate [1]_.

    Binary weights.  It knows nothing of effort: where patrols differ, it finds the patrols.

    Parameters
    ----------
    values : float array, shape (n,)
    near : Neighbourhoods
        Each place its own neighbour, as `geo.neighbours.find` returns them.
    star : bool
        Count the place itself in.

    Returns
    -------
    float array, shape (n,)
        NaN where there is no other value to compare with or all are equal.

    References
    ----------
    .. [1] Ord, J. K. and Getis, A. (1995), doi 10.1111/j.1538-4632.1995.tb00912.x, equations 14.

    Examples
    --------
    >>> line = Neighbourhoods(np.array([0, 2, 5, 7]), np.array([0, 1, 0, 1, 2, 1, 2], np.int32), np.zeros(7))
    >>> getis_ord(np.array([0.0, 0.0, 3.0]), line).round(3).tolist()
    [-1.414, nan, 0.707]
    """
    own = 0.0 if star else values
    n = len(values) - (0 if star else 1)
    total, square = values.sum() - own, (values**2).sum() - own**2
    mean = total / n
    variance = square / n - mean**2
    size = np.diff(near.offsets) - (0 if star else 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        deviate = (near.sums(values) - own - size * mean) / np.sqrt(variance * (n * size - size**2) / (n - 1))
    return np.where(np.isfinite(deviate), deviate, np.nan)


def marshall(cases: Floats, at_risk: Floats, near: Neighbourhoods | None = None) -> Floats:
    """Return rates shrunk towards the mean of all places, or of each place's neighbourhood [1]_.

    Moment estimates; where the rates differ no more than chance makes them, all are the mean.

    Parameters
    ----------
    cases, at_risk : float array, shape (n,)
        `at_risk` above 0.
    near : Neighbourhoods, optional
        Shrink towards the neighbourhood, the place itself included.

    References
    ----------
    .. [1] Marshall, R. J. (1991), "Mapping disease and mortality rates using empirical Bayes
       estimators", doi 10.2307/2347593.

    Examples
    --------
    >>> marshall(np.array([0.0, 10.0]), np.array([10.0, 10.0])).round(3).tolist()
    [0.1, 0.9]
    """

    def add(values: Floats) -> Floats:
        return np.full(len(values), values.sum()) if near is None else near.sums(values)

    rate, mean, size = cases / at_risk, add(cases) / add(at_risk), add(np.ones(len(cases)))
    scatter = add(at_risk * (rate - mean) ** 2) / add(at_risk)
    between = np.maximum(0.0, scatter - mean * size / add(at_risk))
    return np.asarray(mean + between / (between + mean / at_risk) * (rate - mean))
