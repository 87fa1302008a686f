"""How surprising a sum of overdispersed counts is: saddlepoint mid-p of a neighbourhood's total."""

import math

import numba
import numpy as np
from numpy.typing import NDArray

from geo.hotspots.noise import POISSON, Noise
from geo.neighbours import Neighbourhoods


def mid_p(
    near: Neighbourhoods,
    expected: NDArray[np.float64],
    observed: NDArray[np.float64],
    *,
    scale: NDArray[np.float64],
    spread: NDArray[np.float64],
    noise: Noise,
) -> NDArray[np.float64]:
    """Return ``P(Y > O) + P(Y = O)/2`` for the total `Y` of each neighbourhood.

    ``Y = sum y_b`` with independent overdispersed `y_b` of mean ``scale * expected_b`` and variance
    ``mean + phi mean^2``; the whole sum shares a gamma factor of mean 1 and variance `spread`, which
    stands for what is not known about the mean.  Sums of negative binomials with different means are not
    negative binomial, and matching two moments makes the tail too light; the cumulant function is known
    exactly, so the tail comes from it by the formula of Lugannani and Rice [1]_, its two continuity
    corrections averaged, which gives the mid-p [2]_.  The result is averaged over the values of `noise`.

    Parameters
    ----------
    near : Neighbourhoods
    expected : float array, shape (n,)
        Mean of each block's count, above 0.
    observed : float array, shape (n,)
        Total of each neighbourhood, at least 0; fractions are allowed (weighted findings).
    scale, spread : float array, shape (n,)
        Per neighbourhood; `scale` above 0, `spread` at least 0.
    noise : Noise
        How much the counts scatter.

    Returns
    -------
    float array, shape (n,)

    References
    ----------
    .. [1] Lugannani, R. and Rice, S. (1980), "Saddle point approximation for the distribution of the sum
       of independent random variables", doi 10.2307/1426607.
    .. [2] Lancaster, H. O. (1961), "Significance tests in discrete distributions",
       doi 10.1080/01621459.1961.10482105.

    Examples
    --------
    One Poisson block of mean 1: ``P(Y > 3) + P(Y = 3)/2 = 0.0190 + 0.0307 = 0.0497``.

    >>> alone = Neighbourhoods(np.array([0, 1]), np.array([0], np.int32), np.zeros(1))
    >>> one, zero = np.ones(1), np.zeros(1)
    >>> p = mid_p(alone, one, 3 * one, scale=one, spread=zero, noise=POISSON)
    >>> round(float(p[0]), 3)
    0.05
    """
    p: NDArray[np.float64] = _mid_p(
        near.offsets, near.members, expected, observed, scale, spread, noise.phi, noise.heavy, noise.weight
    )
    return p


@numba.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _cumulants(mu, s, phi, heavy, spread):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Return K, K', K'' of the sum at s, or ok = False where they do not exist."""
    grown, t = math.exp(s), math.expm1(s)
    k0 = k1 = k2 = 0.0
    for m in mu:
        if phi == 0.0:
            k0 += m * t
            k1 += m * grown
            k2 += m * grown
        elif heavy:
            d = 1.0 - 2.0 * phi * m * t
            if d <= 0.0:
                return False, 0.0, 0.0, 0.0
            root = math.sqrt(d)
            g = m * grown / root
            k0 += 2.0 * m * t / (1.0 + root)
            k1 += g
            k2 += g + phi * g * g / root
        else:
            d = 1.0 - phi * m * t
            if d <= 0.0:
                return False, 0.0, 0.0, 0.0
            g = m * grown / d
            k0 -= math.log(d) / phi
            k1 += g
            k2 += g + phi * g * g
    if spread > 0.0:
        d = 1.0 - spread * k0
        if d <= 0.0:
            return False, 0.0, 0.0, 0.0
        k2 = k2 / d + spread * k1 * k1 / (d * d)
        k1 /= d
        k0 = -math.log(d) / spread
    return True, k0, k1, k2


@numba.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _saddle(mu, observed, phi, heavy, spread):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Return s with K'(s) = observed, and K, K'' there; Newton on the logarithm inside a bracket."""
    lo, hi, s = -700.0, 700.0, 0.0
    k0 = k2 = 1.0
    for _ in range(200):
        ok, k0, k1, k2 = _cumulants(mu, s, phi, heavy, spread)
        if not ok or k1 > observed:
            hi = s
        else:
            lo = s
        if ok and abs(k1 - observed) <= 1e-10 * observed:
            break
        step = s + math.log(observed / k1) * k1 / k2 if ok and k1 > 0.0 else hi
        s = step if lo < step < hi else 0.5 * (lo + hi)
    return s, k0, k2


@numba.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _upper(mu, observed, phi, heavy, spread):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Mid-p away from the mean (there both terms in brackets grow without limit and cancel)."""
    s, k0, k2 = _saddle(mu, observed, phi, heavy, spread)
    w = math.copysign(math.sqrt(max(0.0, 2.0 * (s * observed - k0))), s)
    normal = 0.5 * math.erfc(w / math.sqrt(2.0))
    density = math.exp(-0.5 * w * w) / math.sqrt(2.0 * math.pi)
    return normal + density * (0.5 / math.tanh(0.5 * s) / math.sqrt(k2) - 1.0 / w)


@numba.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _one(mu, observed, phi, heavy, spread):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Mid-p of one total for one value of phi."""
    if observed <= 0.0:
        _, k0, _, _ = _cumulants(mu, -700.0, phi, heavy, spread)
        return 1.0 - 0.5 * math.exp(k0)
    _, _, mean, variance = _cumulants(mu, 0.0, phi, heavy, spread)
    # closer to the mean than a twentieth of the standard deviation the formula loses its digits
    gap = 0.05 * math.sqrt(variance)
    if abs(observed - mean) >= gap:
        return _upper(mu, observed, phi, heavy, spread)
    below, above = _upper(mu, mean - gap, phi, heavy, spread), _upper(mu, mean + gap, phi, heavy, spread)
    share = (observed - mean + gap) / (2.0 * gap)
    return below + share * (above - below)


@numba.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _mid_p(offsets, members, expected, observed, scale, spread, phi, heavy, weight):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Mid-p of every neighbourhood."""
    n = len(offsets) - 1
    p = np.empty(n)
    for b in range(n):
        mu = expected[members[offsets[b] : offsets[b + 1]]] * scale[b]
        total = 0.0
        for k in range(len(phi)):
            total += weight[k] * _one(mu, observed[b], phi[k], heavy[k], spread[b])
        p[b] = min(1.0, max(0.0, total))
    return p
