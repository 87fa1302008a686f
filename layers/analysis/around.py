"""What is found around one place, and how it changes: by week beside the looking, by hour, by kind."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from geo import clearance
from layers.analysis import coverage, selection, zone_streets
from layers.analysis.questions import Analyst
from layers.field.asking import FindingFilter

WEEKS = 13
# From Monday to Friday, as Python and pandas count them
BELL_DAYS = frozenset(range(5))


@dataclass(frozen=True, slots=True)
class Around:
    """`near`: the findings of the last weeks within the distance, with `distance_m`, `recent` and `at_bell`.

    `weeks`: `monday`, `n`, `at_bell`, `inspected_m`, the oldest first; the last one is not over.  `hours`:
    `n` and `inspected_m` in each hour of the day over the same weeks.  `kinds`: `scheme, code, n, n_before,
    at_bell`: in the last days and in as many before, as `window` says.
    """

    near: pd.DataFrame
    weeks: pd.DataFrame
    hours: pd.DataFrame
    kinds: pd.DataFrame


def window(now: datetime, zone: Any, days: int) -> tuple[datetime, datetime]:
    """Return when the last days begin, and as many before: midnights there, so that today's answers agree."""
    end = now.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
    return end - timedelta(days=days), end - timedelta(days=2 * days)


def look(analyst: Analyst, place: Any, within_m: float, now: datetime) -> Around:
    """Return what was found within a distance of a place (degrees) in the last weeks; all kinds count."""
    settings = analyst.site.settings
    today = now.astimezone(settings.zone).replace(hour=0, minute=0, second=0, microsecond=0)
    mondays = [today - timedelta(days=today.weekday(), weeks=WEEKS - 1 - k) for k in range(WEEKS + 1)]
    cut, begin = window(now, settings.zone, settings.surroundings_days)
    west, south, east, north = shapely.bounds(clearance.zone(place, within_m + 1.0)).tolist()
    box = (west, south, east, north)
    found = selection.read(analyst.site, FindingFilter(observed_from=min(mondays[0], begin), bbox=box))
    metres = clearance.distances_m(place, found[["lon", "lat"]].to_numpy(dtype=float))
    near = found.assign(distance_m=metres)[metres <= within_m].sort_values("observed_at", ascending=False)
    local = near["observed_at"].dt.tz_convert(settings.zone).dt.tz_localize(None)
    near = near.assign(
        at_bell=at_bell(local, settings.bells, settings.bell_minutes),
        recent=(near["observed_at"] >= pd.Timestamp(cut)).to_numpy(),
    )
    begins = pd.DatetimeIndex([day.replace(tzinfo=None) for day in mondays])
    week = np.searchsorted(begins.to_numpy(), local.to_numpy(), side="right") - 1
    shown, rings = (week >= 0) & (week < WEEKS), near["at_bell"].to_numpy()
    inspected = _inspected(analyst, place, within_m, mondays[0]).reshape(WEEKS, 7, 24)
    weeks = pd.DataFrame(
        {
            "monday": begins[:-1].date,
            "n": np.bincount(week[shown], minlength=WEEKS),
            "at_bell": np.bincount(week[shown & rings], minlength=WEEKS),
            "inspected_m": inspected.sum(axis=(1, 2)),
        }
    )
    n_by_hour = np.bincount(local.dt.hour.to_numpy(dtype=int)[shown], minlength=24)
    hours = pd.DataFrame({"n": n_by_hour, "inspected_m": inspected.sum(axis=(0, 1))})
    return Around(near, weeks, hours, _kinds(near, begin))


def at_bell(local: "pd.Series[Any]", bells: tuple[str, ...], minutes: int) -> np.ndarray[Any, Any]:
    """Tell of local times whether a bell rings within so many minutes, on a day from Monday to Friday."""
    clock = (local.dt.hour * 60 + local.dt.minute).to_numpy()
    rings = np.array([int(bell[:2]) * 60 + int(bell[3:]) for bell in bells], dtype=int)
    close = (np.abs(clock[:, None] - rings[None, :]) <= minutes).any(axis=1)
    return np.asarray(close & local.dt.day_of_week.isin(BELL_DAYS).to_numpy(), dtype=bool)


def _inspected(analyst: Analyst, place: Any, within_m: float, since: datetime) -> Any:
    """Return how many metres of street around the place patrols inspected, pass by pass, hour by hour."""
    network, n_hours = analyst.site.network_or_none(), WEEKS * 7 * 24
    if network is None:
        return np.zeros(n_hours)
    alone = gpd.GeoDataFrame({"fid": [0]}, geometry=[place], crs=4326)
    within = zone_streets.inside(analyst, alone, np.array([within_m]))
    inside_m = (within["to_m"] - within["from_m"]).groupby(within["block_id"]).sum()
    length = network.blocks.set_index("block_id")["length_m"].reindex(inside_m.index)
    cuts = [since + timedelta(hours=hour) for hour in range(n_hours + 1)]
    by_hour = coverage.effort_by_period(analyst, cuts, block_ids=inside_m.index.tolist())
    share = inside_m.to_numpy() / length.to_numpy()
    return np.asarray(by_hour @ np.minimum(share, 1.0))


def _kinds(near: pd.DataFrame, begin: datetime) -> pd.DataFrame:
    before = ~near["recent"] & (near["observed_at"] >= pd.Timestamp(begin))
    counted = near.assign(n=near["recent"], n_before=before, at_bell=near["at_bell"] & near["recent"])
    by_kind = counted.groupby(["scheme", "code"])[["n", "n_before", "at_bell"]].sum().astype(int)
    some = by_kind[(by_kind["n"] > 0) | (by_kind["n_before"] > 0)].reset_index()
    kinds: pd.DataFrame = some.sort_values(
        ["n", "n_before", "scheme", "code"], ascending=[False, False, True, True], ignore_index=True
    )
    return kinds
