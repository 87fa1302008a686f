"""Where to patrol tomorrow: for each team of a shift a walk, and why it goes where it goes."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from geo import patrols
from geo.patrols import Bell, Route, Shift
from layers.analysis import around, coverage_choice, coverage_tables, deadlines, hotspots, surroundings
from layers.errors import InvalidError
from layers.field.asking import FindingFilter

if TYPE_CHECKING:
    from layers.analysis.questions import Analyst

# Findings and effort of so many days say what is likely; re-checks older than that are beyond this plan
MEMORY_DAYS = 60
MOST_TEAMS, MOST_HOURS = 6, 10.0
# A school is looked after in so many minutes before its bell
BEFORE_BELL = timedelta(minutes=40)
# A school without a verdict because nobody looked, or not all round
_OPEN = frozenset({"unverified", "partly"})
_PARTS = ("recheck", "overdue", "likely")
REASONS = ("recheck", "school", "overdue", "likely", "sample")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A day, when the shift begins, its hours, how many teams, and the area they walk in (None: anywhere)."""

    day: date
    begins: time = time(14, 0)
    hours: float = 4.0
    teams: int = 1
    district_id: int | None = None

    def __post_init__(self) -> None:
        if not 1 <= self.teams <= MOST_TEAMS:
            raise InvalidError("From 1 to %(most)s teams can be planned for", field="teams", most=MOST_TEAMS)
        if not 0.5 <= self.hours <= MOST_HOURS:
            raise InvalidError(
                "A shift has from half an hour to %(most)s hours", field="hours", most=MOST_HOURS
            )


@dataclass(frozen=True, slots=True, eq=False)
class Walk:
    """One team's walk.

    `legs`: a row per block walked, in order: what `geo.patrols.Route.walk` says, `begins_at` and `ends_at`,
    `name`, `length_m`, `reason` (one of `REASONS`, "" on the way), `n_rechecks`, `geometry` (as walked).
    """

    route: Route
    legs: gpd.GeoDataFrame
    rechecks: pd.DataFrame


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """The walks of a shift, and what they rest on.

    `overdue_m` before and after; `n_rechecks` due in the area; `unplaced`, those due besides that lie on no
    street, as `due_rechecks` returns them; `n_schools` without a verdict, of those `n_bells` with a bell in
    the shift; `declared`: no tracks, so that what is likely is by length.
    """

    asked: Asked
    begins_at: datetime
    walks: list[Walk]
    worth: pd.DataFrame
    overdue_m: tuple[float, float]
    n_rechecks: int
    unplaced: pd.DataFrame
    n_schools: int
    n_bells: int
    declared: bool
    km: float


def plan(analyst: "Analyst", asked: Asked, now: datetime) -> Plan:
    """Return the plan of a shift, the same for the same day and data."""
    today = now.astimezone(analyst.site.settings.zone).date()
    known: dict[str, object] = {name: str(getattr(asked, name)) for name in asked.__slots__}
    known |= {"today": str(today), "targets": coverage_tables.target_days(analyst).version}
    return analyst.kept("patrol plan", known, lambda: _plan(analyst, asked, now))


def _plan(analyst: "Analyst", asked: Asked, now: datetime) -> Plan:
    settings = analyst.site.settings
    zone = settings.zone
    begins_at = datetime.combine(asked.day, asked.begins, zone)
    blocks = coverage_choice.streets(analyst, coverage_choice.Asked(district_id=asked.district_id))
    if not len(blocks):
        raise InvalidError("No street lies in this area", field="district")
    last_at = deadlines.last_inspected(analyst, now).reindex(blocks["block_id"])
    age = ((pd.Timestamp(begins_at) - last_at).dt.total_seconds() / 86400).clip(lower=0).fillna(np.inf)
    days = coverage_tables.target_days(analyst)
    target = np.array([days.of(name) or np.inf for name in blocks["class"].fillna("unclassified")])
    due = due_rechecks(analyst, last_at, begins_at)
    found = hotspots.find(analyst, hotspots.Asked(since=_midnight(now, zone) - timedelta(days=MEMORY_DAYS)))
    schools = surroundings.status(analyst, now, settings.surroundings_days)
    bells = _bells(schools, settings.bells, begins_at, asked.hours)
    worth = patrols.worth(
        blocks,
        rate_per_m=_rates(found, analyst.site.network.blocks).reindex(blocks["block_id"]).to_numpy(),
        age_days=age.to_numpy(),
        target_days=target,
        rechecks=due.groupby("block_id").size().reindex(blocks["block_id"], fill_value=0).to_numpy(),
        waited_days=_waited_days(due, begins_at).reindex(blocks["block_id"], fill_value=0.0).to_numpy(),
    )
    routes = patrols.plan(analyst.site.network.blocks, worth, _shifts(asked, blocks), bells=bells)
    seen = blocks["block_id"].isin({one for route in routes for one in route.walk["block_id"]}).to_numpy()
    late = blocks["length_m"].to_numpy() * (age.to_numpy() > target)
    return Plan(
        asked=asked,
        begins_at=begins_at,
        walks=[_walk(analyst, route, worth, due, begins_at) for route in routes],
        worth=worth,
        overdue_m=(float(late.sum()), float(late[~seen].sum())),
        n_rechecks=len(due),
        unplaced=unplaced(analyst, begins_at, asked.district_id),
        n_schools=int(schools.schools["status"].isin(_OPEN).sum()),
        n_bells=len(bells),
        declared=found.declared,
        km=float(blocks["length_m"].sum()) / 1000,
    )


def _midnight(now: datetime, zone: object) -> datetime:
    """Return when the day began at the site, so that an answer is the same all day."""
    return now.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0)  # type: ignore[arg-type]


def due_rechecks(analyst: "Analyst", last_at: "pd.Series[pd.Timestamp]", begins_at: datetime) -> pd.DataFrame:
    """Return the findings whose time is up and that nobody has passed since: `fid, uuid, block_id, due_at`.

    Of categories that last until somebody puts them right, placed on the blocks of `last_at`; limits are
    typical ones (`layers.city.limits`).
    """
    every = _over(analyst, begins_at)
    due = every[every["block_id"].isin(last_at.index)]
    passed = last_at.reindex(due["block_id"]).set_axis(due.index)
    return due[~(passed > due["due_at"])].reset_index(drop=True)


def unplaced(analyst: "Analyst", begins_at: datetime, district_id: int | None) -> pd.DataFrame:
    """Return the findings of an area whose time is up and that lie on no street: no walk leads there."""
    every = _over(analyst, begins_at, district_id)
    return every[every["block_id"].isna()].sort_values(["due_at", "fid"]).reset_index(drop=True)


def _over(analyst: "Analyst", begins_at: datetime, district_id: int | None = None) -> pd.DataFrame:
    recent = FindingFilter(observed_from=begins_at - timedelta(days=MEMORY_DAYS), district_id=district_id)
    every = deadlines.lasting(analyst, recent)
    return every[every["due_at"] <= pd.Timestamp(begins_at)]


def _waited_days(due: pd.DataFrame, begins_at: datetime) -> "pd.Series[float]":
    """Return the days since the time of findings was up, added up by block."""
    days = (pd.Timestamp(begins_at) - due["due_at"]).dt.total_seconds() / 86400
    waited: pd.Series[float] = days.groupby(due["block_id"]).sum()
    return waited


def _rates(found: hotspots.Hotspots, blocks: gpd.GeoDataFrame) -> "pd.Series[float]":
    """Return findings per metre and pass by block id: of its class, times its neighbourhood's ratio."""
    table, whole = found.blocks, blocks.set_index("block_id")
    amount = whole["length_m"] if found.declared else table["effort_m"]
    street_class = whole["class"].fillna("unclassified")
    n, metres = table["block_observed"].groupby(street_class).sum(), amount.groupby(street_class).sum()
    mean = (n.sum() + 1.0) / (metres.sum() + 1.0)
    by_class = (n + 1.0) / (metres + 1.0 / mean)
    rates: pd.Series[float] = table["ratio"].fillna(1.0) * street_class.map(by_class)
    return rates


def _bells(
    found: surroundings.Surroundings, bells: Sequence[str], begins_at: datetime, hours: float
) -> list[Bell]:
    """Return the streets not seen around each school without a verdict, before the bells of the shift."""
    windows: list[tuple[float, float]] = []
    for bell in bells if begins_at.weekday() in around.BELL_DAYS else ():
        after = datetime.combine(begins_at.date(), time.fromisoformat(bell), begins_at.tzinfo) - begins_at
        if after >= BEFORE_BELL and after <= timedelta(hours=hours):
            windows.append(((after - BEFORE_BELL).total_seconds(), after.total_seconds()))
    if not windows:
        return []
    still_open = found.schools[found.schools["status"].isin(_OPEN)]
    unseen = found.stretches[(found.stretches["seen"] < 1) & found.stretches["fid"].isin(still_open["fid"])]
    return [
        Bell(group["block_id"].unique().tolist(), windows) for _, group in unseen.groupby("fid", sort=True)
    ]


def _shifts(asked: Asked, blocks: gpd.GeoDataFrame) -> list[Shift]:
    """Return a shift for each team; its station lies in the middle of its share of the streets."""
    middles = shapely.get_coordinates(
        shapely.line_interpolate_point(blocks.geometry.to_numpy(), 0.5, normalized=True)
    )
    own = blocks["block_id"].tolist()
    shifts = []
    for number, share in enumerate(_shares(middles, asked.teams)):
        part = blocks[share]
        far = np.hypot(*(middles[share] - np.median(middles[share], axis=0)).T)
        station = part["start_node"].iloc[int(np.argmin(far))]
        seed = asked.day.toordinal() * MOST_TEAMS + number
        drawn_from = part["block_id"].tolist()
        shifts.append(Shift(station, asked.hours * 3600, lot=seed, own=own, lot_from=drawn_from))
    return shifts


def _shares(middles: NDArray[np.float64], n: int) -> Sequence[NDArray[np.bool_]]:
    """Cut places into n shares of like number, along the longer side."""
    along = middles[:, int(np.argmax(np.ptp(middles, axis=0)))]
    rank = np.argsort(np.argsort(along, kind="stable"), kind="stable")
    share = rank * n // len(middles)
    return [share == k for k in range(n)]


def _walk(
    analyst: "Analyst", route: Route, worth: pd.DataFrame, due: pd.DataFrame, begins_at: datetime
) -> Walk:
    blocks = analyst.site.network.blocks.set_index("block_id")
    legs = route.walk.copy()
    own = blocks.loc[legs["block_id"]]
    lines = own.geometry.to_numpy()
    against = legs["direction"].to_numpy() < 0
    lines = np.where(against, shapely.reverse(lines), lines)
    why = worth.set_index("block_id").reindex(legs["block_id"])
    parts = why[list(_PARTS)].fillna(0.0).to_numpy()
    reason = np.array(_PARTS, dtype=object)[parts.argmax(axis=1)]
    reason[legs["value"].to_numpy() <= 0] = ""
    for owed in ("sample", "school"):
        reason[legs["stop"].to_numpy() == owed] = owed
    stopped = legs["stop"].ne("").to_numpy()
    legs["reason"] = reason
    n_due = due.groupby("block_id").size().reindex(legs["block_id"], fill_value=0).to_numpy()
    legs["n_rechecks"] = np.where(stopped & (reason != ""), n_due, 0)
    legs["name"] = own["name"].to_numpy()
    legs["length_m"] = own["length_m"].to_numpy()
    for name, seconds in (("begins_at", "from_s"), ("ends_at", "until_s")):
        legs[name] = pd.Timestamp(begins_at) + pd.to_timedelta(legs[seconds], unit="s")
    visited = due[due["block_id"].isin(legs["block_id"][legs["n_rechecks"] > 0])]
    return Walk(route, gpd.GeoDataFrame(legs, geometry=lines, crs=blocks.crs), visited)
