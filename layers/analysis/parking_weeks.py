"""Vehicles parked wrongly over the weeks: block by block, with the inspected metres of the same weeks."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING

import geopandas as gpd
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from geo import parking as statistics
from layers.analysis import coverage, hotspots, parking
from layers.analysis.hotspots import Asked

if TYPE_CHECKING:
    from layers.analysis.questions import Analyst

Floats = NDArray[np.float64]
# A week tells of a stretch if half its length was inspected; something stood there if that is likely
SEEN_SHARE, STOOD = 0.5, 0.5
# What stood there in so many weeks, and in half of those in which somebody looked, lasts
FEWEST_WEEKS, LASTING_SHARE = 3, 0.5


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Weeks:
    """`vehicles` and inspected `metres` of shape (weeks, blocks), in the order of the streets.

    `cuts` are the bounds of the weeks, Mondays at the site but for the ends; `spread` is by how much the
    counts of a street scatter more than chance (`geo.parking.spread`).
    """

    cuts: list[datetime]
    vehicles: Floats
    metres: Floats
    spread: float

    @property
    def first_days(self) -> list[date]:
        """Return the day on which each week begins."""
        return [cut.date() for cut in self.cuts[:-1]]


def find(analyst: "Analyst", asked: Asked, vehicle: str) -> Weeks | None:
    """Return the weeks of a period; None where nothing was tracked in it."""
    return analyst.kept(
        "parking weeks", {**asked.parameters, "vehicle": vehicle}, lambda: _find(analyst, asked, vehicle)
    )


def _find(analyst: "Analyst", asked: Asked, vehicle: str) -> Weeks | None:
    cuts = bounds(analyst, asked)
    if cuts is None:
        return None
    blocks = analyst.site.network.blocks
    reported = parking.find(analyst, asked, vehicle).findings
    vehicles = by_period(reported, cuts, blocks)
    metres = coverage.effort_by_period(analyst, [cut.astimezone(UTC) for cut in cuts], asked.account_id)
    everywhere = np.ones(len(blocks), np.bool_)
    spread = spread_of(vehicles, metres, blocks, everywhere)
    return Weeks(cuts=cuts, vehicles=vehicles, metres=metres, spread=spread)


def spread_of(vehicles: Floats, metres: Floats, blocks: gpd.GeoDataFrame, chosen: NDArray[np.bool_]) -> float:
    """Return by how much the counts of a street scatter more than chance, on the chosen blocks."""
    street = pd.factorize(blocks["street_id"].fillna(blocks["block_id"])[chosen])[0]
    return statistics.spread(grouped(vehicles[:, chosen], street), grouped(metres[:, chosen], street))


def bounds(analyst: "Analyst", asked: Asked) -> list[datetime] | None:
    """Return the beginnings of the weeks of a period as far as tracks are known, and its end."""
    watched = hotspots.watched_from_until(analyst, asked)
    if watched is None:
        return None
    zone = analyst.site.settings.zone
    # findings count by days: the first and the last are whole
    first = midnight(watched[0], zone)
    since = max(asked.since or first, first).astimezone(zone)
    last = midnight(watched[1] + timedelta(days=1), zone)
    until = min(asked.until or last, last).astimezone(zone)
    if since >= until:
        return None
    monday = since.date() + timedelta(days=7 - since.weekday())
    mondays = []
    while (at := datetime.combine(monday, time(), zone)) < until:
        mondays.append(at)
        monday += timedelta(days=7)
    return [since, *mondays, until]


def midnight(instant: datetime, zone: object) -> datetime:
    """Return when the day of an instant began at the site."""
    return datetime.combine(instant.astimezone(zone).date(), time(), zone)  # type: ignore[arg-type]


def by_period(reported: pd.DataFrame, cuts: list[datetime], blocks: gpd.GeoDataFrame) -> Floats:
    """Return the vehicles of each period on each block, shape (periods, blocks), by weights."""
    shares = parking.shares(reported)
    at = pd.DatetimeIndex(shares["observed_at"]).as_unit("ms").asi8
    edges = pd.DatetimeIndex([pd.Timestamp(cut).tz_convert("UTC") for cut in cuts]).as_unit("ms").asi8
    period = np.searchsorted(edges, at, side="right") - 1
    block = pd.Index(blocks["block_id"]).get_indexer(shares["block_id"])
    kept = (period >= 0) & (period < len(cuts) - 1) & (block >= 0)
    n = np.bincount(
        period[kept] * len(blocks) + block[kept],
        shares["n"].to_numpy(np.float64)[kept],
        minlength=(len(cuts) - 1) * len(blocks),
    )
    return np.asarray(n, np.float64).reshape(len(cuts) - 1, len(blocks))


def grouped(values: Floats, group: NDArray[np.int64]) -> Floats:
    """Add up the columns of each group."""
    n = int(group.max()) + 1 if len(group) else 0
    return np.array([np.bincount(group, row, minlength=n) for row in values]).reshape(len(values), n)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Lasting:
    """In how many weeks somebody looked at a stretch, and in how many something stood there."""

    looked: int
    stood: int

    @property
    def is_persistent(self) -> bool:
        """Tell if vehicles stood there week after week."""
        return self.stood >= FEWEST_WEEKS and self.stood >= LASTING_SHARE * self.looked


def lasting(weeks: Weeks, places: NDArray[np.int64], length_m: float) -> Lasting:
    """Return how lasting a stretch of these blocks (by place) is."""
    looked = weeks.metres[:, places].sum(axis=1) >= SEEN_SHARE * length_m
    stood = weeks.vehicles[:, places].sum(axis=1) >= STOOD
    return Lasting(looked=int((looked | stood).sum()), stood=int(stood.sum()))
