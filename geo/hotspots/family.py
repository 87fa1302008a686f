"""Neighbourhood totals against the model: mid-p, shrunk ratio, and flags over everything asked together."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaincinv

from geo.hotspots.model import Exposure, Fit, Floats, fit
from geo.hotspots.tails import mid_p
from geo.neighbours import Neighbourhoods

# A refit without the flagged streets is tried only while most of the findings stay in
_MOST_LEFT_OUT = 0.5
# Bounds of the weight of the prior on a neighbourhood's ratio, in expected findings
_PRIOR_WEIGHT = (0.5, 10.0)


@dataclass(frozen=True, slots=True)
class Question:
    """Counts of one category on the observed blocks, and the neighbourhoods they are asked about."""

    count: Floats
    near: Neighbourhoods


@dataclass(frozen=True, slots=True)
class Answer:
    """What one question found, per observed block."""

    fitted: Fit
    observed: Floats
    expected: Floats
    p: Floats


def ask(questions: list[Question], exposure: Exposure, alpha: float) -> tuple[list[Answer], list[Floats]]:
    """Answer all questions as one family; return the answers and their q values.

    A true hotspot raises the level, the overdispersion and the elasticity that it is judged by, and so
    hides itself.  So whatever is flagged is left out, the model fitted again and everything tested once
    more.  Where there is no hotspot, the first round alone decides if anything is flagged.
    """
    answers = [_answer(question, exposure, np.ones(len(question.count), np.bool_)) for question in questions]
    q = family(answers)
    for _ in range(2):
        used = [_unflagged(one, values <= alpha) for one, values in zip(questions, q, strict=True)]
        if all(mask.all() for mask in used):
            break
        answers = [
            answer if mask.all() else _answer(one, exposure, mask)
            for one, answer, mask in zip(questions, answers, used, strict=True)
        ]
        q = family(answers)
    return answers, q


def family(answers: list[Answer]) -> list[Floats]:
    """Return q values of all answers together."""
    sizes = np.cumsum([len(answer.p) for answer in answers])[:-1]
    return np.split(false_discovery(np.concatenate([answer.p for answer in answers])), sizes)


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


def ratios(answer: Answer, near: Neighbourhoods) -> tuple[Floats, Floats, Floats]:
    """Return the shrunk ratio of observed to expected and its 90 % interval.

    Gamma posterior of the ratio under a gamma prior of mean 1 whose weight is estimated over all
    neighbourhoods (empirical Bayes after Clayton and Kaldor [1]_) and bounded, so that one hotspot in an
    even city is not shrunk to nothing.  Overdispersion makes a finding worth less than one.

    References
    ----------
    .. [1] Clayton, D. and Kaldor, J. (1987), doi 10.2307/2532003.
    """
    expected, observed = answer.expected, answer.observed
    square = near.sums(answer.fitted.expected**2)
    worth = expected / (expected + answer.fitted.noise.mean_phi * square)
    weight = _prior_weight(observed * worth, expected * worth)
    shape, rate = weight + observed * worth, weight + expected * worth
    return shape / rate, gammaincinv(shape, 0.05) / rate, gammaincinv(shape, 0.95) / rate


def _prior_weight(observed: Floats, expected: Floats) -> float:
    """Moment estimate of the weight of the prior, within its bounds."""
    between = ((observed - expected) ** 2 - expected).sum() / max((expected**2).sum(), 1e-300)
    low, high = _PRIOR_WEIGHT
    return float(np.clip(1.0 / between if between > 0 else np.inf, low, high))


def _answer(question: Question, exposure: Exposure, used: NDArray[np.bool_]) -> Answer:
    """Fit on the used blocks and test every neighbourhood."""
    fitted, near = fit(question.count, exposure, used), question.near
    observed = near.sums(question.count)
    if not question.count.sum():
        return Answer(fitted, observed, np.zeros(len(observed)), np.ones(len(observed)))
    scale, known = _outside(question, fitted, used)
    fitted_sum = near.sums(fitted.expected)
    spread = _spread(fitted, near, fitted_sum) / known
    p = mid_p(near, fitted.expected, observed, scale=scale, spread=spread, noise=fitted.noise)
    return Answer(fitted, observed, fitted_sum * scale, p)


def _outside(question: Question, fitted: Fit, used: NDArray[np.bool_]) -> tuple[Floats, Floats]:
    """Return the level seen outside each neighbourhood over the fitted one, and the share of what is known.

    A block counts by what it tells: an overdispersed giant no more than ``1/phi`` findings.
    """
    worth = used / (1.0 + fitted.noise.mean_phi * fitted.expected)
    seen, due = question.count * worth, fitted.expected * worth
    level = 1.0 + np.maximum(0.0, due.sum() - question.near.sums(due))
    return (1.0 + np.maximum(0.0, seen.sum() - question.near.sums(seen))) / level, level / (1.0 + due.sum())


def _spread(fitted: Fit, near: Neighbourhoods, total: Floats) -> Floats:
    """Return the relative variance of each expected total."""
    slope = near.sums(fitted.expected[:, None] * fitted.design) / total[:, None]
    return np.asarray(np.einsum("bi,ij,bj->b", slope, fitted.covariance, slope))


def _unflagged(question: Question, hot: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the blocks outside every flagged neighbourhood, or all if too little would be left."""
    inside = question.near.sums(hot.astype(np.float64)) > 0
    left_out = question.count[inside].sum()
    if left_out > _MOST_LEFT_OUT * question.count.sum():
        return np.ones(len(hot), np.bool_)
    return ~inside


