"""Where vehicles went after something was done on a street: before and after, there and around it."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from geo import neighbours
from geo import parking as statistics
from layers.analysis import coverage, hotspots, parking, parking_weeks
from layers.analysis.hotspots import Asked

if TYPE_CHECKING:
    from layers.analysis.questions import Analyst

# So many days before are set against as many after; the day itself is after
DAYS = 28
# With fewer mean passes on either side nothing is said, nor of fewer vehicles before
FEWEST_PASSES_SPOT, FEWEST_PASSES_RING, FEWEST_BEFORE = 3.0, 1.0, 5.0
# The columns of what is counted are the spot, the ring, and then
_REST = 2


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Displacement:
    """What was seen at the spot, in the ring around it, and in the rest of the city, before and after.

    `vehicles` and `km` have a row for before and after, a column for spot, ring, rest; `length_km` one for
    each place.  `thin` says why nothing can be said: "no tracks", "spot", "ring" (too few passes there),
    "few" (too few vehicles before); None where `change` tells, as from `geo.parking.displacement`.
    """

    acted_on: date
    since: datetime | None
    until: datetime | None
    vehicles: NDArray[np.float64]
    km: NDArray[np.float64]
    length_km: NDArray[np.float64]
    spread: float
    thin: str | None
    change: dict[str, float] | None


def find(
    analyst: "Analyst", vehicle: str, block_ids: Sequence[str], acted_on: date, account_id: int | None = None
) -> Displacement:
    """Return what changed on these blocks and around them with the day on which something was done."""
    asked = {"vehicle": vehicle, **_asked(block_ids, acted_on, account_id)}

    def reported(during: Asked) -> pd.DataFrame:
        return parking.find(analyst, during, vehicle).findings

    return analyst.kept(
        "displacement", asked, lambda: _find(analyst, reported, block_ids, acted_on, account_id)
    )


def of_findings(
    analyst: "Analyst",
    categories: tuple[tuple[str, str], ...] | None,
    block_ids: Sequence[str],
    acted_on: date,
    account_id: int | None = None,
) -> Displacement:
    """Return the same of what patrols found of some categories (None: all), each finding counting one."""
    asked = {"categories": categories, **_asked(block_ids, acted_on, account_id)}

    def reported(during: Asked) -> pd.DataFrame:
        found = analyst.findings(replace(during, categories=categories).wanted)
        watched = hotspots.watched_from_until(analyst, during)
        own = hotspots.within(found[found["channel"].ne(hotspots.PUBLIC)], analyst, watched)
        return own.assign(n_items=1.0)

    return analyst.kept(
        "before and after", asked, lambda: _find(analyst, reported, block_ids, acted_on, account_id)
    )


def _asked(block_ids: Sequence[str], acted_on: date, account_id: int | None) -> dict[str, object]:
    return {"blocks": " ".join(sorted(block_ids)), "day": str(acted_on), "account_id": account_id}


def _find(
    analyst: "Analyst",
    reported: Callable[[Asked], pd.DataFrame],
    block_ids: Sequence[str],
    acted_on: date,
    account_id: int | None,
) -> Displacement:
    blocks = analyst.site.network.blocks
    zone = analyst.site.settings.zone
    acted_at = datetime.combine(acted_on, time(), zone)
    spot = blocks["block_id"].isin(block_ids).to_numpy()
    near = neighbours.find(blocks, parking.REACH_M)
    ring = (near.sums(spot.astype(np.float64)) > 0) & ~spot
    place = np.where(spot, 0, np.where(ring, 1, _REST)).astype(np.int64)
    length_km = np.bincount(place, blocks["length_m"], minlength=3) / 1000
    watched = hotspots.watched_from_until(analyst, Asked(account_id=account_id))
    nothing = np.zeros((2, 3))
    if watched is None or not watched[0] < acted_at < watched[1]:
        return Displacement(
            acted_on=acted_on,
            since=None,
            until=None,
            vehicles=nothing,
            km=nothing,
            length_km=length_km,
            spread=1.0,
            thin="no tracks",
            change=None,
        )
    since = max(parking_weeks.midnight(watched[0], zone), acted_at - timedelta(days=DAYS))
    until = min(parking_weeks.midnight(watched[1] + timedelta(days=1), zone), acted_at + timedelta(days=DAYS))
    cuts = [instant.astimezone(UTC) for instant in (since, acted_at, until)]
    asked = Asked(since=since, until=until, account_id=account_id)
    seen_there = reported(asked)
    seen = coverage.effort_by_period(analyst, cuts, account_id)
    # what lies where nobody walked has no effort to be set against
    found = np.where(seen > 0, parking_weeks.by_period(seen_there, cuts, blocks), 0.0)
    vehicles = np.array([np.bincount(place, row, minlength=3) for row in found])
    km = np.array([np.bincount(place, row, minlength=3) for row in seen]) / 1000
    spread = _spread(analyst, seen_there, (since, until), place == _REST, account_id)
    thin = _thin(vehicles, km, length_km)
    change = None if thin else statistics.displacement(vehicles[0], vehicles[1], km[0], km[1], spread)
    return Displacement(
        acted_on=acted_on,
        since=since,
        until=until,
        vehicles=vehicles,
        km=km,
        length_km=length_km,
        spread=spread,
        thin=thin,
        change=change,
    )


def _spread(
    analyst: "Analyst",
    reported: pd.DataFrame,
    since_until: tuple[datetime, datetime],
    rest: NDArray[np.bool_],
    account_id: int | None,
) -> float:
    """Return by how much weekly counts of a street scatter; what is asked about itself does not tell that."""
    since, until = since_until
    n = max(1, math.ceil((until - since) / timedelta(days=7)))
    cuts = [(since + (until - since) * k / n).astimezone(UTC) for k in range(n + 1)]
    blocks = analyst.site.network.blocks
    weekly = parking_weeks.by_period(reported, cuts, blocks)
    walked = coverage.effort_by_period(analyst, cuts, account_id)
    return parking_weeks.spread_of(weekly, walked, blocks, rest)


def _thin(
    vehicles: NDArray[np.float64], km: NDArray[np.float64], length_km: NDArray[np.float64]
) -> str | None:
    """Return why nothing can be said; None where something can."""
    passes = (km / np.where(length_km > 0, length_km, np.inf)).min(axis=0).round(1)
    if passes[0] < FEWEST_PASSES_SPOT:
        return "spot"
    if passes[1] < FEWEST_PASSES_RING or passes[2] <= 0:
        return "ring"
    return "few" if vehicles[0, 0] < FEWEST_BEFORE else None


def block_ids_of(analyst: "Analyst", street_id: str) -> list[str]:
    """Return the blocks of a street; none where there is no such street."""
    blocks: pd.DataFrame = analyst.site.network.blocks
    return blocks.loc[blocks["street_id"].fillna(blocks["block_id"]) == street_id, "block_id"].tolist()
