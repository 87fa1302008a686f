"""How much counts of equal expectation scatter, and how heavy their tail is."""

import math
from dataclasses import dataclass

import numba
import numpy as np
from numpy.typing import NDArray

from geo.neighbours import Neighbourhoods

Floats = NDArray[np.float64]

# Prior density of the overdispersion is 1/(1 + phi)^2, median 1; the heavy law is held to be true of one
# city in five.  A few thousand counts tell the two apart, fewer leave it at that
_HEAVY_BEFORE = 0.2
_GRID = np.concatenate([[0.0], np.geomspace(1e-3, 50.0, 24)])
_LEAST = 1e-6
_N_FINE = 32
_N_NODES = 5
# A law less likely than this is left out
_NEGLIGIBLE = 3e-3


@dataclass(frozen=True, slots=True)
class Noise:
    """Likely laws of the scatter: overdispersion, heavy tail or not, and weight, adding up to 1.

    A count has mean `mu` and variance ``mu + phi mu^2``: Poisson around a mean that is itself scattered,
    by a gamma law (negative binomial) or, where `heavy`, by an inverse Gaussian law [1]_, which is close
    to a lognormal one.

    References
    ----------
    .. [1] Dean, C., Lawless, J. F. and Willmot, G. E. (1989), "A mixed Poisson-inverse-Gaussian
       regression model", doi 10.2307/3314846.
    """

    phi: Floats
    heavy: NDArray[np.bool_]
    weight: Floats

    @property
    def mean_phi(self) -> float:
        """Posterior mean of the overdispersion."""
        return float(self.phi @ self.weight)

    def interval(self) -> tuple[float, float]:
        """Return the smallest and largest of the likely values."""
        return float(self.phi.min()), float(self.phi.max())


POISSON = Noise(np.zeros(1), np.zeros(1, np.bool_), np.ones(1))


def likely(count: Floats, expected: Floats, laws: tuple[bool, ...] = (False, True)) -> Noise:
    """Return the laws of scatter that the counts make likely, averaged over instead of chosen.

    Parameters
    ----------
    count, expected : float array, shape (n,)
        Findings per block (weighted findings are rounded) and what the model expects there.
    laws : tuple of bool
        Which laws to weigh: the gamma one, the heavy one, or both.

    Examples
    --------
    >>> even = likely(np.tile([4.0, 6.0], 100), np.full(200, 5.0))
    >>> even.mean_phi < 0.02
    True
    """
    known = [_posterior(np.round(count), expected, heavy) for heavy in laws]
    best = max(evidence for _, _, evidence in known)
    before = [_HEAVY_BEFORE if heavy else 1.0 - _HEAVY_BEFORE for heavy in laws]
    share = np.array(before) * np.exp([evidence - best for _, _, evidence in known])
    share = np.where(share / share.sum() < _NEGLIGIBLE, 0.0, share / share.sum())
    kept = [(nodes, heavy, part) for (nodes, heavy, _), part in zip(known, share, strict=True) if part > 0]
    return Noise(
        np.concatenate([nodes for nodes, _, _ in kept]),
        np.repeat([heavy for _, heavy, _ in kept], _N_NODES),
        np.repeat([part / share.sum() / _N_NODES for _, _, part in kept], _N_NODES),
    )


def outside(noise: Noise, count: Floats, expected: Floats, near: Neighbourhoods) -> Floats:
    """Return the weights of the values of `noise` without what each neighbourhood had to say about them.

    A hotspot scatters, and whoever learns from it how much counts scatter finds it less surprising.
    The counts are independent given the law, so a neighbourhood's own likelihood is divided out.

    Parameters
    ----------
    noise : Noise
        Learned from all counts.
    count, expected : float array, shape (n,)
        Blocks that `noise` was not learned from expect nothing.
    near : Neighbourhoods
        Of the same n blocks.

    Returns
    -------
    float array, shape (n, values of `noise`)
    """
    told = near.sums(
        _each_log_likelihood(np.round(count), expected, np.maximum(noise.phi, _LEAST), noise.heavy)
    )
    log_weight = np.log(noise.weight) - told
    weight = np.exp(log_weight - log_weight.max(axis=1, keepdims=True))
    return np.asarray(weight / weight.sum(axis=1, keepdims=True))


def _posterior(count: Floats, expected: Floats, heavy: bool) -> tuple[Floats, bool, float]:
    """Return nodes that share the posterior of phi equally, the law, and its log evidence."""
    coarse = _log_mass(_GRID, count, expected, heavy)
    close = np.flatnonzero(coarse > coarse.max() - 14.0)
    low, high = _GRID[max(0, close[0] - 1)], _GRID[min(len(_GRID) - 1, close[-1] + 1)]
    fine = np.linspace(low, high, _N_FINE)
    log_mass = _log_mass(fine, count, expected, heavy)
    mass = np.exp(log_mass - log_mass.max())
    return _equal_shares(fine, mass / mass.sum()), heavy, float(log_mass.max() + np.log(mass.sum()))


def _log_mass(grid: Floats, count: Floats, expected: Floats, heavy: bool) -> Floats:
    """Log of likelihood times prior times cell width at each value of phi."""
    likelihood = _log_likelihood(np.maximum(grid, _LEAST), count, expected, heavy)
    return np.asarray(likelihood + np.log(np.gradient(grid)) - 2.0 * np.log1p(grid))


def _equal_shares(value: Floats, mass: Floats) -> Floats:
    """Summarise a distribution on a grid by a few equally likely values."""
    below = np.concatenate([[0.0], np.cumsum(mass)])
    moment = np.concatenate([[0.0], np.cumsum(mass * value)])
    cuts = np.linspace(0.0, below[-1], _N_NODES + 1)
    return np.asarray(np.diff(np.interp(cuts, below, moment)) * _N_NODES / below[-1])


@numba.njit(cache=True, nogil=True)
def _log_likelihood(grid, count, expected, heavy):  # type: ignore[no-untyped-def]
    """Log likelihood of all counts at each phi, up to a constant that does not depend on law or phi."""
    out = np.empty(len(grid))
    for k in range(len(grid)):
        total = 0.0
        for b in range(len(count)):
            if heavy:
                total += _log_inverse_gaussian(count[b], expected[b], grid[k])
            else:
                total += _log_gamma(count[b], expected[b], grid[k])
        out[k] = total
    return out


@numba.njit(cache=True, nogil=True)
def _each_log_likelihood(count, expected, phi, heavy):  # type: ignore[no-untyped-def]
    """Log likelihood of each count at each phi, up to a constant; of what expects nothing, 0."""
    out = np.zeros((len(count), len(phi)))
    for b in range(len(count)):
        if expected[b] > 0.0:
            for k in range(len(phi)):
                if heavy[k]:
                    out[b, k] = _log_inverse_gaussian(count[b], expected[b], phi[k])
                else:
                    out[b, k] = _log_gamma(count[b], expected[b], phi[k])
    return out


@numba.njit(cache=True, nogil=True)
def _log_gamma(y, mu, phi):  # type: ignore[no-untyped-def]
    """Log of y! P(y) under the negative binomial law."""
    r = 1.0 / phi
    rising = 0.0
    if y <= 40.0:
        for j in range(int(y)):
            rising += math.log1p(phi * j)
    else:
        rising = math.lgamma(y + r) - math.lgamma(r) - y * math.log(r)
    return rising + y * math.log(mu) - (y + r) * math.log1p(phi * mu)


@numba.njit(cache=True, nogil=True)
def _log_inverse_gaussian(y, mu, phi):  # type: ignore[no-untyped-def]
    """Log of y! P(y) under the Poisson-inverse-Gaussian law.

    With root = sqrt(1 + 2 phi mu): P(0) = exp((1 - root)/phi), P(1) = mu/root P(0), and the ratios
    q_y = y! P(y) / ((y-1)! P(y-1)) follow q_{y+1} = phi (2y - 1)/root^2 mu + mu^2 / root^2 / q_y; for many
    counts the ratio settles and its logarithms are added by the integral of its closed limit.
    """
    root = math.sqrt(1.0 + 2.0 * phi * mu)
    total = -2.0 * mu / (1.0 + root)
    if y <= 0.0:
        return total
    ratio = mu / root
    total += math.log(ratio)
    if y > 400.0:
        return total + _log_bessel_step(y, mu, phi, root)
    for j in range(1, int(y)):
        ratio = (phi * (2.0 * j - 1.0) * mu + mu * mu / ratio) / (root * root)
        total += math.log(ratio)
    return total


@numba.njit(cache=True, nogil=True)
def _log_bessel_step(y, mu, phi, root):  # type: ignore[no-untyped-def]
    """Log of y! P(y) / P(1) for large y, from Debye's expansion of the Bessel function of order y - 1/2."""
    x = root / phi
    order = y - 0.5
    z = x / order
    bend = math.sqrt(1.0 + z * z)
    log_bessel = 0.5 * math.log(math.pi / (2.0 * order)) - 0.5 * math.log(bend)
    log_bessel -= order * (bend + math.log(z / (1.0 + bend)))
    u = 1.0 / bend
    log_bessel += math.log1p(-(3.0 * u - 5.0 * u**3) / (24.0 * order))
    first = 0.5 * math.log(math.pi / (2.0 * x)) - x
    return (y - 1.0) * math.log(mu / root) + log_bessel - first
