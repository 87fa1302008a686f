"""Would yesterday's map have led tomorrow's patrols: hotspots tested on periods they have not seen."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from geo import backtest
from layers.analysis import coverage, hotspots
from layers.analysis.hotspots import Asked

if TYPE_CHECKING:
    from layers.analysis.questions import Analyst

# Share of the streets' length that a forecast may choose, and how much of the past it knows at least
SHARE = 0.05
FIRST = 3
FEWEST_PERIODS, MOST_PERIODS, PERIOD_DAYS = 8, 26, 7
NAMES = ("patrol-corrected", "last period", "moving average")


@dataclass(frozen=True, slots=True, eq=False)
class Tested:
    """Means over the tested periods by forecast, and each period.

    `means` has `pai`, `pei`, `found_per_km`, `n_periods`; `periods` is as from `geo.backtest.rolling_origin`.
    """

    means: pd.DataFrame
    periods: pd.DataFrame
    days_a_period: float


def test(analyst: "Analyst", asked: Asked) -> Tested | None:
    """Return how well three forecasts did, period by period from what was known before each.

    What was asked for, as far as tracks are known, is cut into equal periods: weeks, or shorter ones where
    there are not eight; None where these would be under a day, and where the exposure is declared.
    """
    return analyst.kept("hotspot_forecasts", asked.parameters, lambda: _test(analyst, asked))


def _test(analyst: "Analyst", asked: Asked) -> Tested | None:
    found = hotspots.find(analyst, asked)
    cuts = periods(analyst, asked)
    if found.declared or not cuts:
        return None
    blocks = analyst.site.network.blocks
    history = backtest.History(
        counts_by_period(found.findings, blocks, cuts),
        coverage.effort_by_period(analyst, cuts, asked.account_id),
        blocks["length_m"].to_numpy(np.float64),
    )
    if not history.counts.sum():
        return None
    classes = pd.factorize(blocks["class"], use_na_sentinel=False)[0].astype(np.int64)
    forecasts = {
        NAMES[0]: backtest.patrol_corrected(history.length_m, classes),
        NAMES[1]: backtest.last_period,
        NAMES[2]: backtest.moving_average(),
    }
    table = backtest.rolling_origin(history, forecasts, share=SHARE, first=FIRST)
    measures = ["pai", "pei", "found_per_km"]
    means = table.groupby("forecast")[measures].mean().reindex(list(NAMES))
    means["n_periods"] = table["period"].nunique()
    days = (cuts[1] - cuts[0]).total_seconds() / 86400
    return Tested(means, table.assign(since=[cuts[int(k)] for k in table["period"]]), days)


def periods(analyst: "Analyst", asked: Asked) -> list[datetime]:
    """Return the bounds of the periods; none where there would be less than a day to each."""
    watched = hotspots.watched_from_until(analyst, asked)
    if watched is None:
        return []
    since = max(asked.since or watched[0], watched[0])
    until = min(asked.until or watched[1], watched[1] + timedelta(seconds=1))
    days = (until - since).total_seconds() / 86400
    n = int(np.clip(days // PERIOD_DAYS, FEWEST_PERIODS, MOST_PERIODS))
    return [since + (until - since) * k / n for k in range(n + 1)] if days >= n else []


def counts_by_period(
    findings: pd.DataFrame, blocks: pd.DataFrame, cuts: list[datetime]
) -> NDArray[np.float64]:
    """Return the findings that each block carries, shape (periods, blocks)."""
    at = findings["observed_at"]
    during = (findings[(at >= since) & (at < until)] for since, until in pairwise(cuts))
    return np.array([hotspots.carried(some, blocks) for some in during])
