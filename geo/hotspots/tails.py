# ruff: noqa: PLR0917 - compiled loops take arrays, not frames
"""How surprising a sum of overdispersed counts is: saddlepoint mid-p of a neighbourhood's total."""

import cmath
import math
from concurrent.futures import ThreadPoolExecutor

import numba
import numpy as np
from numpy.typing import NDArray

from geo.hotspots.noise import Noise
from geo.neighbours import Neighbourhoods

# The saddlepoint is within a few percent for gamma noise, but up to three times too small in the tail of
# the heavy law: there what looks unlikely is integrated
_INTEGRATE_BELOW = 0.02
_NOTHING = 1e-7
# Where phi is averaged over and not taken at its mean, and the weight that a value must have to count
_AVERAGE_BELOW = 0.1
_NO_WEIGHT = 1e-5
# Standard deviation (in findings) of the blur that makes the integral of a discrete law converge
_BLUR = 0.3
# A large city is tested in shares by several threads, a small one is not worth that
FEW, _SHARES = 2_000, 16
THREADS = 4


def mid_p(
    near: Neighbourhoods,
    expected: NDArray[np.float64],
    worth: NDArray[np.float64],
    observed: NDArray[np.float64],
    *,
    scale: NDArray[np.float64],
    spread: NDArray[np.float64],
    noise: Noise,
    weight: NDArray[np.float64] | None = None,
) -> NDArray[np.float64]:
    """Return ``P(Y > O) + P(Y = O)/2`` for the weighted total `Y` of each neighbourhood.

    ``Y = sum worth_b y_b`` with independent overdispersed `y_b` of mean ``scale * expected_b`` and variance
    ``mean + phi mean^2``; the whole sum shares a gamma factor of mean 1 and variance `spread`, which
    stands for what is not known about the mean.  Sums of negative binomials with different means are not
    negative binomial, and matching two moments makes the tail too light; the cumulant function is known
    exactly, so the tail comes from it by the formula of Lugannani and Rice [1]_, its two continuity
    corrections averaged, which gives the mid-p [2]_.  What looks unlikely is averaged over the values of
    `noise`; the rest takes the mean value of each law, which is as good there.

    Parameters
    ----------
    near : Neighbourhoods
    expected, worth : float array, shape (n,)
        Mean of each block's count and what one of its findings counts, both above 0.
    observed : float array, shape (n,)
        Weighted total of each neighbourhood, at least 0.
    scale, spread : float array, shape (n,)
        Per neighbourhood; `scale` above 0, `spread` at least 0.
    noise : Noise
        How much the counts scatter.
    weight : float array, shape (n, values of `noise`), optional
        What each neighbourhood makes of the values, in place of the weights of `noise`.

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

    >>> from geo.hotspots.noise import POISSON
    >>> alone = Neighbourhoods(np.array([0, 1]), np.array([0], np.int32), np.zeros(1))
    >>> one, zero = np.ones(1), np.zeros(1)
    >>> p = mid_p(alone, one, one, 3 * one, scale=one, spread=zero, noise=POISSON)
    >>> round(float(p[0]), 2)
    0.05
    """
    # neighbourhoods know nothing of each other: shares of like size, whatever the number of threads
    cuts = np.searchsorted(near.offsets, np.linspace(0, len(near.members), _SHARES + 1)[1:-1])
    bounds = [0, *cuts.tolist(), near.n_blocks]
    weights = np.tile(noise.weight, (near.n_blocks, 1)) if weight is None else weight

    def part(first: int, last: int) -> NDArray[np.float64]:
        tested: NDArray[np.float64] = _mid_p(
            near.offsets[first : last + 1],
            near.members,
            expected,
            worth,
            observed[first:last],
            scale[first:last],
            spread[first:last],
            noise.phi,
            noise.heavy,
            weights[first:last],
        )
        return tested

    if near.n_blocks < FEW:
        return part(0, near.n_blocks)
    # the compiled loop lets go of the interpreter, and is no parallel loop itself: any thread may call it
    with ThreadPoolExecutor(THREADS) as pool:
        return np.concatenate(list(pool.map(part, bounds[:-1], bounds[1:])))


@numba.njit(cache=True, nogil=True)
def _cumulants(mu, worth, s, phi, heavy, spread):  # type: ignore[no-untyped-def]
    """Return K, K', K'' of the sum at s, or ok = False where they do not exist."""
    k0 = k1 = k2 = 0.0
    for b in range(len(mu)):
        m, v = mu[b], worth[b]
        t = math.expm1(s * v)
        if phi == 0.0:
            g = v * m * (1.0 + t)
            k0 += m * t
            k1 += g
            k2 += v * g
        elif heavy:
            d = 1.0 - 2.0 * phi * m * t
            if d <= 0.0:
                return False, 0.0, 0.0, 0.0
            root = math.sqrt(d)
            g = v * m * (1.0 + t) / root
            k0 += 2.0 * m * t / (1.0 + root)
            k1 += g
            k2 += v * g + phi * g * g / root
        else:
            d = 1.0 - phi * m * t
            if d <= 0.0:
                return False, 0.0, 0.0, 0.0
            g = v * m * (1.0 + t) / d
            k0 -= math.log(d) / phi
            k1 += g
            k2 += v * g + phi * g * g
    if spread > 0.0:
        d = 1.0 - spread * k0
        if d <= 0.0:
            return False, 0.0, 0.0, 0.0
        k2 = k2 / d + spread * k1 * k1 / (d * d)
        k1 /= d
        k0 = -math.log(d) / spread
    return True, k0, k1, k2


@numba.njit(cache=True, nogil=True)
def _saddle(mu, worth, observed, phi, heavy, spread, s):  # type: ignore[no-untyped-def]
    """Return s with K'(s) = observed, and K, K'' there: Newton on the logarithm in a bracket, from s on."""
    lo, hi = -700.0, 700.0
    k0 = k2 = 1.0
    for _ in range(200):
        ok, k0, k1, k2 = _cumulants(mu, worth, s, phi, heavy, spread)
        if not ok or k1 > observed:
            hi = s
        else:
            lo = s
        if ok and abs(k1 - observed) <= 1e-8 * observed:
            break
        step = s + math.log(observed / k1) * k1 / k2 if ok and k1 > 0.0 else hi
        s = step if lo < step < hi else 0.5 * (lo + hi)
    return s, k0, k2


@numba.njit(cache=True, nogil=True)
def _upper(mu, worth, observed, phi, heavy, spread, start):  # type: ignore[no-untyped-def]
    """Mid-p away from the mean (there both terms in brackets grow without limit and cancel), and s."""
    s, k0, k2 = _saddle(mu, worth, observed, phi, heavy, spread, start)
    w = math.copysign(math.sqrt(max(0.0, 2.0 * (s * observed - k0))), s)
    normal = 0.5 * math.erfc(w / math.sqrt(2.0))
    density = math.exp(-0.5 * w * w) / math.sqrt(2.0 * math.pi)
    # half the step of the lattice on which the total moves, exact where every finding counts the same
    half = 0.5 * worth.mean()
    p = normal + density * (half / math.tanh(half * s) / math.sqrt(k2) - 1.0 / w)
    if not heavy or s <= 0.0 or p > _INTEGRATE_BELOW:
        return p, s
    return _integral(mu, worth, observed, phi, spread, s, k0, k2), s


@numba.njit(cache=True, nogil=True)
def _integral(mu, worth, observed, phi, spread, s, k0, k2):  # type: ignore[no-untyped-def]
    """Tail under the heavy law: ``(1/2 pi) int exp(K(z) - z O)/z dw`` along z = s + iw through the saddle.

    Trapezoid rule, exact but for the tilted law's mass beyond the period, until nothing is left to add.
    """
    turn = 2.0 * math.pi / (12.0 * math.sqrt(k2) + 48.0)
    total, step = 0.0, 0
    while True:
        z = complex(s, step * turn)
        k = 0j
        for b in range(len(mu)):
            t = cmath.exp(z * worth[b]) - 1.0
            k += 2.0 * mu[b] * t / (1.0 + cmath.sqrt(1.0 - 2.0 * phi * mu[b] * t))
        if spread > 0.0:
            k = -cmath.log(1.0 - spread * k) / spread
        value = cmath.exp(k - k0 + 0.5 * _BLUR * _BLUR * z * z - 1j * step * turn * observed)
        total += (1.0 if step else 0.5) * (value / z).real
        if abs(value) < _NOTHING:
            return total * turn / math.pi * math.exp(k0 - s * observed)
        step += 1


@numba.njit(cache=True, nogil=True)
def _step(mu, worth, observed, phi, heavy, spread, start):  # type: ignore[no-untyped-def]
    """Mid-p of a total of at least one finding."""
    _, _, mean, variance = _cumulants(mu, worth, 0.0, phi, heavy, spread)
    # closer to the mean than a twentieth of the standard deviation the formula loses its digits
    gap = 0.05 * math.sqrt(variance)
    if abs(observed - mean) >= gap:
        return _upper(mu, worth, observed, phi, heavy, spread, start)
    if gap >= mean:
        return 0.5, 0.0
    below, _ = _upper(mu, worth, mean - gap, phi, heavy, spread, 0.0)
    above, _ = _upper(mu, worth, mean + gap, phi, heavy, spread, 0.0)
    return below + (observed - mean + gap) / (2.0 * gap) * (above - below), 0.0


@numba.njit(cache=True, nogil=True)
def _one(mu, worth, observed, phi, heavy, spread, start):  # type: ignore[no-untyped-def]
    """Mid-p of one total for one value of phi, and the saddle point to start the next from."""
    # less than one finding (a share of one that lies elsewhere) is between nothing and one: the formula,
    # made for whole steps, would call a millionth of a finding impossible, and so a hotspot
    one = worth.mean()
    if observed >= one:
        return _step(mu, worth, observed, phi, heavy, spread, start)
    _, k0, _, _ = _cumulants(mu, worth, -700.0 / worth.min(), phi, heavy, spread)
    nothing = 1.0 - 0.5 * math.exp(k0)
    if observed <= 0.0:
        return nothing, 0.0
    p, _ = _step(mu, worth, one, phi, heavy, spread, start)
    return nothing + observed / one * (p - nothing), 0.0


@numba.njit(cache=True, nogil=True)
def _plain(mu, worth, observed, spread, phi, heavy, weight):  # type: ignore[no-untyped-def]
    """Mid-p with the mean phi of each law."""
    p = 0.0
    for law in (False, True):
        share = mean = 0.0
        for k in range(len(phi)):
            if heavy[k] == law:
                share += weight[k]
                mean += weight[k] * phi[k]
        if share > 0.0:
            p += share * _one(mu, worth, observed, mean / share, law, spread, 0.0)[0]
    return p


@numba.njit(cache=True, nogil=True)
def _mid_p(offsets, members, expected, worth, observed, scale, spread, phi, heavy, weight):  # type: ignore[no-untyped-def]
    """Mid-p of every neighbourhood."""
    n = len(offsets) - 1
    p = np.empty(n)
    for b in range(n):
        inside = members[offsets[b] : offsets[b + 1]]
        mu, value = expected[inside] * scale[b], worth[inside]
        total, s = _plain(mu, value, observed[b], spread[b], phi, heavy, weight[b]), 0.0
        if total < _AVERAGE_BELOW and len(phi) > 1:
            total = 0.0
            for k in range(len(phi)):
                if weight[b, k] > _NO_WEIGHT:
                    part, s = _one(mu, value, observed[b], phi[k], heavy[k], spread[b], s)
                    total += weight[b, k] * part
        p[b] = min(1.0, max(0.0, total))
    return p
