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


@dataclass(frozen=True, slots=True)
class Around:
    """`near`: the findings of the last weeks within the distance, with `distance_m`, `recent` and `at_bell`.

    `weeks`: `monday`, `n`, `at_bell`, `inspected_m`, the oldest first; the last one is not over.  `hours`:
    findings in each hour of the day.  `kinds`: `scheme, code, n, n_before, at_bell`: the last days,
    and as many before.
    """

    near: pd.DataFrame
    weeks: pd.DataFrame
    hours: list[int]
    kinds: pd.DataFrame


def look(analyst: Analyst, place: Any, within_m: float, now: datetime) -> Around:
    """Return what was found within a distance of a place (degrees) in the last weeks; all kinds count."""
    settings = analyst.site.settings
    today = now.astimezone(settings.zone).replace(hour=0, minute=0, second=0, microsecond=0)
    mondays = [today - timedelta(days=today.weekday(), weeks=WEEKS - 1 - k) for k in range(WEEKS + 1)]
    west, south, east, north = shapely.bounds(clearance.zone(place, within_m + 1.0)).tolist()
    box = (west, south, east, north)
    found = selection.read(analyst.site, FindingFilter(observed_from=mondays[0], bbox=box))
    metres = clearance.distances_m(place, found[["lon", "lat"]].to_numpy(dtype=float))
    near = found.assign(distance_m=metres)[metres <= within_m].sort_values("observed_at", ascending=False)
    local = near["observed_at"].dt.tz_convert(settings.zone).dt.tz_localize(None)
    near = near.assign(
        at_bell=at_bell(local, settings.bells, settings.bell_minutes),
        recent=(
            near["observed_at"] >= pd.Timestamp(now - timedelta(days=settings.surroundings_days))
        ).to_numpy(),
    )
    begins = pd.DatetimeIndex([day.replace(tzinfo=None) for day in mondays])
    week = np.searchsorted(begins.to_numpy(), local.to_numpy(), side="right") - 1
    weeks = pd.DataFrame(
        {
            "monday": begins[:-1].date,
            "n": np.bincount(week, minlength=WEEKS)[:WEEKS],
            "at_bell": np.bincount(week[near["at_bell"].to_numpy()], minlength=WEEKS)[:WEEKS],
            "inspected_m": _inspected(analyst, place, within_m, mondays),
        }
    )
    hours = np.bincount(local.dt.hour.to_numpy(dtype=int), minlength=24).tolist()
    return Around(near, weeks, hours, _kinds(near, now, settings.surroundings_days))


def at_bell(local: "pd.Series[Any]", bells: tuple[str, ...], minutes: int) -> np.ndarray[Any, Any]:
    """Tell of local times whether a bell rings within so many minutes, on a day from Monday to Friday."""
    clock = (local.dt.hour * 60 + local.dt.minute).to_numpy()
    rings = np.array([int(bell[:2]) * 60 + int(bell[3:]) for bell in bells], dtype=int)
    close = (np.abs(clock[:, None] - rings[None, :]) <= minutes).any(axis=1)
    return np.asarray(close & (local.dt.day_of_week < 5).to_numpy(), dtype=bool)


def _inspected(analyst: Analyst, place: Any, within_m: float, mondays: list[datetime]) -> Any:
    """Return how many metres of street around the place patrols inspected in each week, pass by pass."""
    network = analyst.site.network_or_none()
    if network is None:
        return np.zeros(WEEKS)
    alone = gpd.GeoDataFrame({"fid": [0]}, geometry=[place], crs=4326)
    within = zone_streets.inside(analyst, alone, np.array([within_m]))
    inside_m = (within["to_m"] - within["from_m"]).groupby(within["block_id"]).sum()
    length = network.blocks.set_index("block_id")["length_m"].reindex(inside_m.index)
    by_week = coverage.effort_by_period(analyst, mondays, block_ids=inside_m.index.tolist())
    share = inside_m.to_numpy() / length.to_numpy()
    return np.asarray(by_week @ np.minimum(share, 1.0))


def _kinds(near: pd.DataFrame, now: datetime, days: int) -> pd.DataFrame:
    before = near["observed_at"] < pd.Timestamp(now - timedelta(days=days))
    before &= near["observed_at"] >= pd.Timestamp(now - timedelta(days=2 * days))
    counted = near.assign(n=near["recent"], n_before=before, at_bell=near["at_bell"] & near["recent"])
    by_kind = counted.groupby(["scheme", "code"])[["n", "n_before", "at_bell"]].sum().astype(int)
    some = by_kind[(by_kind["n"] > 0) | (by_kind["n_before"] > 0)].reset_index()
    kinds: pd.DataFrame = some.sort_values(
        ["n", "n_before", "scheme", "code"], ascending=[False, False, True, True], ignore_index=True
    )
    return kinds
