"""Neighbourhood totals against the model: mid-p, shrunk ratio, and q over everything asked together."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import gammaincinv, ndtri

from geo.hotspots.model import Exposure, Fit, Floats, fit
from geo.hotspots.noise import outside
from geo.hotspots.places import alike, false_places, grow, independent
from geo.hotspots.tails import FEW, THREADS, mid_p
from geo.neighbours import Neighbourhoods

# The model is fitted again without the flagged streets only while most blocks stay in
_MOST_LEFT_OUT = 0.5
# Scatter between neighbourhoods is beyond chance from two standard errors on, each about 1.3 over the
# root of the number of neighbourhoods that do not overlap; with fewer than 20 nothing is known
_BEYOND_CHANCE = 2.6
_FEWEST_APART = 20
# No neighbourhood turns the slopes by more than this, on the log scale of the level
_FURTHEST = 0.5


@dataclass(frozen=True, slots=True)
class Question:
    """Counts of one category on the observed blocks, and the neighbourhoods they are asked about."""

    count: Floats
    near: Neighbourhoods


@dataclass(frozen=True, slots=True)
class Answer:
    """What one question found, per observed block; `background` is the usual spread of the ratio."""

    fitted: Fit
    observed: Floats
    expected: Floats
    p: Floats
    background: float = 0.0


@dataclass(frozen=True, slots=True)
class _Family:
    """Questions asked together: how alike the tests of neighbours are, for each, and what all are worth."""

    nears: list[Neighbourhoods]
    both: list[Floats]
    n_tests: float

    @classmethod
    def of(cls, questions: list[Question], alpha: float) -> "_Family":
        """Measure how neighbourhoods overlap, once for all categories that share them."""
        n_asked = sum(len(question.count) for question in questions)
        level = float(np.clip(alpha / n_asked, 1e-12, 0.25))
        nears = [question.near for question in questions]
        known = {id(near): near for near in nears}
        both = {key: alike(near, level) for key, near in known.items()}
        worth = {key: independent(near, both[key]) for key, near in known.items()}
        return cls(nears, [both[id(near)] for near in nears], sum(worth[id(near)] for near in nears))

    def together(self, answers: list[Answer]) -> list[Floats]:
        """Return q values of all answers as one family."""
        each = zip(answers, self.nears, self.both, strict=True)
        return false_places([grow(answer.p, near, both, self.n_tests) for answer, near, both in each])


def ask(questions: list[Question], exposure: Exposure, alpha: float) -> tuple[list[Answer], list[Floats]]:
    """Answer all questions as one family; return the answers and their q values.

    A true hotspot raises the level and the overdispersion that it is judged by, and so hides itself and
    others.  So whatever is flagged is left out, the model fitted again and everything tested once more.
    Where there is no hotspot, the first round alone decides if anything is flagged.
    """
    answers = _each(
        lambda question: _answer(question, exposure, np.ones(len(question.count), np.bool_)), questions
    )
    family = _Family.of(questions, alpha)
    q = family.together(answers)
    used = [_unflagged(question, values <= alpha) for question, values in zip(questions, q, strict=True)]
    if all(rows.all() for rows in used):
        return answers, q
    answers = _each(
        lambda question, answer, rows: answer if rows.all() else _answer(question, exposure, rows),
        questions,
        answers,
        used,
    )
    return answers, family.together(answers)


def _each(answer: Callable[..., Answer], questions: list[Question], *besides: list[Any]) -> list[Answer]:
    """Answer the questions of a large city side by side: most of the work lets go of the interpreter."""
    if len(questions) < 2 or len(questions[0].count) < FEW:
        return list(map(answer, questions, *besides))
    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(answer, questions, *besides))


def false_discovery(p: Floats) -> Floats:
    """Return Benjamini and Hochberg's adjusted p [1]_; what is not a number stays so and is not counted.

    Neighbourhoods overlap and their totals rise together, for which the procedure holds [2]_.

    References
    ----------
    .. [1] Benjamini, Y. and Hochberg, Y. (1995), doi 10.1111/j.2517-6161.1995.tb02031.x.
    .. [2] Benjamini, Y. and Yekutieli, D. (2001), doi 10.1214/aos/1013699998.

    Examples
    --------
    >>> false_discovery(np.array([0.01, np.nan, 0.02, 0.9])).tolist()
    [0.03, nan, 0.03, 0.9]
    """
    q = np.full(len(p), np.nan)
    asked = np.flatnonzero(~np.isnan(p))
    order = asked[np.argsort(p[asked], kind="stable")]
    stepped = p[order] * len(order) / np.arange(1, len(order) + 1)
    q[order] = np.minimum(1.0, np.minimum.accumulate(stepped[::-1])[::-1])
    return q


def ratios(question: Question, answer: Answer) -> tuple[Floats, Floats, Floats]:
    """Return the shrunk ratio of observed to expected and its 90 % interval, per block.

    Gamma posterior of the ratio under a gamma prior of mean 1 that is worth one expected finding [1]_:
    where next to nothing was due, nothing is claimed, and a hotspot in an even city is not shrunk away.
    Overdispersion makes a finding worth less than one.

    References
    ----------
    .. [1] Clayton, D. and Kaldor, J. (1987), "Empirical Bayes estimates of age-standardized relative
       risks for use in disease mapping", doi 10.2307/2532003.
    """
    near, worth, mu = question.near, _worth(answer.fitted), answer.fitted.expected
    level = answer.expected / np.maximum(near.sums(mu), 1e-300)
    shape = 1.0 + near.sums(worth * question.count)
    rate = 1.0 + near.sums(worth * mu) * level
    return shape / rate, gammaincinv(shape, 0.05) / rate, gammaincinv(shape, 0.95) / rate


def _answer(question: Question, exposure: Exposure, used: NDArray[np.bool_]) -> Answer:
    """Fit on the used blocks and test every neighbourhood."""
    near, observed = question.near, question.near.sums(question.count)
    fitted = fit(question.count, exposure, used)
    if not question.count.sum():
        return Answer(fitted, observed, np.zeros(len(observed)), np.ones(len(observed)))
    worth = _worth(fitted)
    level, spread = _outside(question, fitted, used)
    weighted, weight = (
        near.sums(worth * question.count),
        outside(fitted.noise, question.count, fitted.expected * used, near),
    )

    def tested(background: float) -> Floats:
        return mid_p(
            near,
            fitted.expected,
            worth,
            weighted,
            scale=level,
            spread=spread + background,
            noise=fitted.noise,
            weight=weight,
        )

    p = tested(0.0)
    background = _background(p, near, fitted, used)
    p = tested(background) if background else p
    return Answer(fitted, observed, near.sums(fitted.expected) * level, p, float(np.sqrt(background)))


def _worth(fitted: Fit) -> Floats:
    """Return what one finding on each block tells: the weight of the score test for a raised level.

    Where counts are overdispersed, a block with a thousand findings tells no more than one with ``1/phi``.
    """
    return np.asarray(1.0 / (1.0 + fitted.noise.mean_phi * fitted.expected))


def _outside(question: Question, fitted: Fit, used: NDArray[np.bool_]) -> tuple[Floats, Floats]:
    """Return the level due in each neighbourhood by all others over the fitted one, and its variance.

    Level and slopes are those of a fit without the neighbourhood: the level exactly, since a neighbourhood
    may hold most of what was found, the slopes by one step of the scoring from the whole fit [1]_.

    References
    ----------
    .. [1] Pregibon, D. (1981), "Logistic regression diagnostics", doi 10.1214/aos/1176345513.
    """
    near, design, covariance = question.near, fitted.design, fitted.covariance
    worth = _worth(fitted)
    due, seen = worth * fitted.expected * used, worth * question.count * used
    here_due, here_seen = near.sums(due), near.sums(seen)
    left = 1.0 + np.maximum(0.0, due.sum() - here_due)
    level = (1.0 + np.maximum(0.0, seen.sum() - here_seen)) / left
    weight = worth * fitted.expected
    slope = near.sums(weight[:, None] * design) / near.sums(weight)[:, None]
    step = -near.sums(design * (seen - due)[:, None]) @ covariance
    # what the same step makes of the level alone is in the level already
    turned = np.einsum("bi,bi->b", slope, step) + (here_seen - here_due) / (1.0 + due.sum())
    variance = np.einsum("bi,ij,bj->b", slope, covariance, slope) * (1.0 + due.sum()) / left
    return level * np.exp(np.clip(turned, -_FURTHEST, _FURTHEST)), variance


def _background(p: Floats, near: Neighbourhoods, fitted: Fit, used: NDArray[np.bool_]) -> float:
    """Return the variance of the ratio from place to place that the whole city shows.

    Rates that vary smoothly for reasons nobody recorded make every second street "hot".  The scatter
    of the lower half of the neighbourhoods, which hotspots hardly touch, tells how much they vary
    (an empirical null [1]_).  Used only where the scatter is larger than chance leaves it.

    References
    ----------
    .. [1] Efron, B. (2004), "Large-scale simultaneous hypothesis testing: the choice of a null
       hypothesis", doi 10.1198/016214504000000089.
    """
    n_apart = (1.0 / np.diff(near.offsets)[used]).sum()
    deviate = ndtri(np.clip(1.0 - p[used], 1e-12, 1.0 - 1e-12))
    if n_apart < _FEWEST_APART or _lower_scatter(deviate) <= 1.0 + _BEYOND_CHANCE / np.sqrt(n_apart):
        return 0.0
    due = near.sums(fitted.expected * _worth(fitted))[used]

    def excess(background: float) -> float:
        # the variance of the weighted total is its mean: worth^2 (mu + phi mu^2) = worth mu
        return _lower_scatter(deviate / np.sqrt(1.0 + background * due)) - 1.0

    return float(brentq(excess, 0.0, 100.0)) if excess(100.0) < 0 else 100.0


def _lower_scatter(deviate: Floats) -> float:
    """Return the standard deviation that the lower half of a normal sample suggests."""
    low, middle = np.quantile(deviate, [0.16, 0.5])
    return float((middle - low) / 0.99446)


def _unflagged(question: Question, hot: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the blocks outside every flagged neighbourhood, or all if too little would be left."""
    inside = question.near.sums(hot.astype(np.float64)) > 0
    if inside.mean() > _MOST_LEFT_OUT or not question.count[~inside].sum():
        return np.ones(len(hot), np.bool_)
    return ~inside
