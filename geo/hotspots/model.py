"""What a patrol of this length should have found: negative binomial regression, robust to few data."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import xlogy

from geo.hotspots.noise import POISSON, Noise, likely

Floats = NDArray[np.float64]

# Spread of the weak normal priors on the log scale.  They matter only where data are few: a class that
# was never found with anything keeps a finite rate, and one finding does not set an elasticity.
_ELASTICITY_SD = 0.5
_LENGTH_SD = 0.5
_CURVATURE_SD = 0.1
_CLASS_SD = 1.0
_LEVEL_SD = 100.0
# The search for the coefficients stops when none moves more than this
_TOLERANCE = 1e-8


@dataclass(frozen=True, slots=True)
class Exposure:
    """What is known of each block before anything is counted.

    `length_m` above 0; `passes`, how often the block was inspected end to end (or any declared exposure
    per metre), above 0; `block_class`, a code from 0.
    """

    length_m: Floats
    passes: Floats
    block_class: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Fit:
    """A fitted model: expected count per block, what is unsure about it, and the overdispersion."""

    expected: Floats
    design: Floats
    coefficient: Floats
    covariance: Floats
    noise: Noise

    def elasticity(self, z: float = 1.645) -> tuple[float, float, float]:
        """Return the elasticity of findings to passes with its 90 % interval; below 1 is saturation."""
        middle, sd = 1.0 + self.coefficient[1], float(np.sqrt(self.covariance[1, 1]))
        return float(middle), float(middle - z * sd), float(middle + z * sd)


def fit(count: Floats, exposure: Exposure, used: NDArray[np.bool_] | None = None) -> Fit:
    """Fit ``count_b ~ NB(mu_b, phi)`` with variance ``mu + phi mu^2``.

    ``log mu_b = level + length^(1 + c) + passes^(1 + d) + curvature + class`` on the log scale: findings
    grow in proportion to length and passes unless the data say otherwise.  The curvature (square of the
    log passes) lets detection saturate.  Coefficients are the posterior mode under weak normal priors, by
    Fisher scoring (iteratively reweighted least squares); phi is averaged over its posterior on a grid,
    since a plugged-in estimate makes tests too sure [1]_.  The two are information-orthogonal [2]_, so
    phi's posterior is taken at the fitted means.

    Parameters
    ----------
    count : float array, shape (n,)
        Findings per block; weighted findings give fractions.
    exposure : Exposure
        Of the same n blocks.
    used : bool array, shape (n,), optional
        The blocks to learn from; the expected count is given for all.

    References
    ----------
    .. [1] Hilbe, J. M. (2011), "Negative Binomial Regression", 2nd ed., doi 10.1017/CBO9780511973420.
    .. [2] Lawless, J. F. (1987), "Negative binomial and mixed Poisson regression", doi 10.2307/3314912.

    Examples
    --------
    >>> plain = Exposure(np.full(50, 100.0), np.ones(50), np.zeros(50, np.int64))
    >>> fitted = fit(np.tile([0.0, 1.0, 2.0, 1.0, 1.0], 10), plain)
    >>> round(float(fitted.expected[0]), 2), fitted.noise.mean_phi < 0.1
    (1.0, True)
    """
    rows = np.ones(len(count), np.bool_) if used is None else used
    design, offset, precision = _design(exposure)
    x, y, base = design[rows], count[rows], offset[rows]
    coefficient = np.zeros(design.shape[1])
    coefficient[0] = np.log(max(y.sum(), 0.5) / np.exp(base).sum())
    noise = POISSON
    for _ in range(4):
        previous = noise.mean_phi
        coefficient = _coefficients(_Rows(x, y, base, precision), coefficient, previous)
        noise = likely(y, _mean(x, base, coefficient), (False,))
        if abs(noise.mean_phi - previous) <= 0.05 * (0.01 + previous):
            break
    mu = _mean(x, base, coefficient)
    noise = likely(y, mu)
    information = (x.T * (mu / (1.0 + noise.mean_phi * mu))) @ x + np.diag(precision)
    covariance = np.linalg.inv(information).astype(np.float64)
    return Fit(_mean(design, offset, coefficient), design, coefficient, covariance, noise)


def _design(exposure: Exposure) -> tuple[Floats, Floats, Floats]:
    """Return the columns, the offset and the prior precision of each column."""
    log_passes, log_length = np.log(exposure.passes), np.log(exposure.length_m)
    bend = log_passes - np.median(log_passes)
    n_classes = int(exposure.block_class.max(initial=0)) + 1
    classes = np.zeros((len(bend), n_classes if n_classes > 1 else 0))
    if n_classes > 1:
        classes[np.arange(len(bend)), exposure.block_class] = 1.0
    columns = [np.ones(len(bend)), bend, bend**2, log_length - np.median(log_length)]
    spread = [_LEVEL_SD, _ELASTICITY_SD, _CURVATURE_SD, _LENGTH_SD] + [_CLASS_SD] * classes.shape[1]
    return np.column_stack([*columns, classes]), log_passes + log_length, np.array(spread) ** -2.0


def _mean(design: Floats, offset: Floats, coefficient: Floats) -> Floats:
    """Return the expected counts, kept within what a float can square."""
    return np.asarray(np.exp(np.clip(design @ coefficient + offset, -80.0, 80.0)))


@dataclass(frozen=True, slots=True)
class _Rows:
    """What the coefficients are learned from."""

    x: Floats
    y: Floats
    base: Floats
    precision: Floats


def _coefficients(rows: _Rows, start: Floats, phi: float) -> Floats:
    """Climb to the posterior mode by Fisher scoring; a step that leads down is halved."""
    x, y, base, precision = rows.x, rows.y, rows.base, rows.precision
    coefficient, height = start, _height(rows, start, phi)
    for _ in range(100):
        mu = _mean(x, base, coefficient)
        slope = x.T @ ((y - mu) / (1.0 + phi * mu)) - precision * coefficient
        step = np.linalg.solve((x.T * (mu / (1.0 + phi * mu))) @ x + np.diag(precision), slope)
        share = 1.0
        higher = _height(rows, coefficient + step, phi)
        while higher < height - 1e-9 * abs(height) and share > 1e-6:
            share *= 0.5
            higher = _height(rows, coefficient + share * step, phi)
        coefficient, height = coefficient + share * step, higher
        if np.abs(share * step).max() <= _TOLERANCE:
            break
    return coefficient


def _height(rows: _Rows, coefficient: Floats, phi: float) -> float:
    """Log posterior density up to a constant."""
    mu, y = _mean(rows.x, rows.base, coefficient), rows.y
    likelihood = xlogy(y, mu) - mu if phi == 0 else xlogy(y, mu) - (y + 1 / phi) * np.log1p(phi * mu)
    return float(likelihood.sum() - 0.5 * rows.precision @ coefficient**2)
