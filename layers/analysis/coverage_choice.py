"""What is asked of coverage: which passes, on which streets; and those passes, kept ready."""

from dataclasses import asdict, dataclass
from datetime import datetime
from threading import Lock
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from layers import teams
from layers.field import checks
from layers.field import coverage as covered

if TYPE_CHECKING:
    from layers.analysis.questions import Analyst

# By the hour at which somebody began to look, local time: the first shift begins at its hour
SHIFTS = {"early": 5, "day": 11, "late": 17, "night": 22}
# What a class of streets is called where the source names none
NO_CLASS = "unclassified"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Which passes (began in [since, until), by whom, in which shift) on which streets (area, class)."""

    since: datetime | None = None
    until: datetime | None = None
    district_id: int | None = None
    # the areas that the asker is limited to; None: not limited
    within: tuple[int, ...] | None = None
    street_class: str | None = None
    team: str | None = None
    shift: str | None = None
    account_id: int | None = None


def kept(analyst: "Analyst", name: str, asked: dict[str, Any], make: Any) -> Any:
    """Return an answer about coverage, made anew only when tracks, teams or areas have changed."""
    site = analyst.site
    with site.store.read() as conn:
        at = {"tracks": covered.version(site), "teams": teams.version(conn), "checks": checks.version(site)}
    return analyst.kept_of(name, {**asked, **at, "areas": site.facts()["districts"]}, make)


def passes(analyst: "Analyst") -> pd.DataFrame:
    """Return all that was ever covered, with `account_id`, `team`, `shift`; see `layers.field.coverage`.

    `is_check` tells what somebody said to have checked from what a track covered.
    """
    site = analyst.site
    every, said = readings(analyst), checked(analyst)

    def make() -> pd.DataFrame:
        of_tracks = covered.without_twins(every).assign(is_check=False)
        found = pd.concat([of_tracks, said.assign(is_check=True, run_id=-1)], ignore_index=True)
        with site.store.read() as conn:
            known = teams.members(conn)
        found["team"] = team_at(found, known)
        hour = found["started_at"].dt.tz_convert(site.settings.zone).dt.hour.to_numpy()
        found["shift"] = shift_at(hour)
        return found

    found: pd.DataFrame = kept(analyst, "coverage passes", {}, make)
    return found


# By analyst what was read last, so that a new track costs its own rows alone
_read: "WeakKeyDictionary[Analyst, tuple[tuple[int, int, int], pd.DataFrame]]" = WeakKeyDictionary()
_reading = Lock()


def readings(analyst: "Analyst") -> pd.DataFrame:
    """Return all that tracks covered on the newest streets; what was read before is not read again.

    See `layers.field.coverage.table`.
    """
    covered.derive(analyst.site, analyst.site.network.version)
    with _reading:
        at = covered.version(analyst.site)
        streets, last, n = at
        before, known = _read.get(analyst, ((0, 0, 0), None))
        after = before[1] if known is not None and before[0] == streets and before[1] <= last else 0
        found = covered.table(analyst.site, streets, after, last)
        grown = after > 0 and n - before[2] == covered.n_after(analyst.site, streets, after)
        if after and not grown:
            # something was taken away, too
            found = covered.table(analyst.site, streets, 0, last)
        elif after:
            found = pd.concat([known, found], ignore_index=True)
        _read[analyst] = at, found
        return found


def checked(analyst: "Analyst") -> pd.DataFrame:
    """Return what checks cover on the newest streets; see `layers.field.checks.table`."""
    site = analyst.site
    at = {"network": site.network.version, "checks": checks.version(site)}
    found: pd.DataFrame = analyst.kept_of("checked", at, lambda: checks.table(site))
    return found


def teams_of(analyst: "Analyst") -> list[str]:
    """Return the teams that any pass was of, by name."""
    found: list[str] = kept(analyst, "teams", {}, lambda: sorted({*passes(analyst)["team"].unique()} - {""}))
    return found


def team_at(intervals: pd.DataFrame, members: pd.DataFrame) -> "NDArray[np.object_]":
    """Return the team that the account of each interval was in when it began; "" where it was in none.

    >>> at = pd.to_datetime(["2020-09-01T08:00Z", "2020-09-03T08:00Z"])
    >>> went = pd.DataFrame({"account_id": [1, 1], "started_at": at})
    >>> joined = pd.DataFrame({"account_id": [1], "team": ["north"], "since": at[1:]})
    >>> team_at(went, joined).tolist()
    ['', 'north']
    """
    if members.empty or intervals.empty:
        return np.full(len(intervals), "", dtype=object)
    went = intervals[["account_id", "started_at"]].assign(row=np.arange(len(intervals)))
    left = went.astype({"started_at": "datetime64[ms, UTC]"}).sort_values("started_at", kind="stable")
    right = members.astype({"since": "datetime64[ms, UTC]"}).sort_values("since", kind="stable")
    found = pd.merge_asof(left, right, left_on="started_at", right_on="since", by="account_id")
    teams_of = np.full(len(intervals), "", dtype=object)
    teams_of[found["row"].to_numpy()] = found["team"].where(found["team"].notna(), "").to_numpy()
    return teams_of


def shift_at(hour: "NDArray[Any]") -> "NDArray[np.object_]":
    """Return the shift that each hour of the day is in.

    >>> shift_at(np.array([4, 5, 12, 23])).tolist()
    ['night', 'early', 'day', 'night']
    """
    names = np.array(list(SHIFTS), dtype=object)
    found: NDArray[np.object_] = names[np.searchsorted(list(SHIFTS.values()), hour, side="right") - 1]
    return found


def chosen(analyst: "Analyst", asked: Asked) -> pd.DataFrame:
    """Return the intervals of the passes asked about, on the streets asked about."""
    found = passes(analyst)
    wanted = np.ones(len(found), dtype=bool)
    if asked.since is not None:
        wanted &= (found["started_at"] >= pd.Timestamp(asked.since)).to_numpy()
    if asked.until is not None:
        wanted &= (found["started_at"] < pd.Timestamp(asked.until)).to_numpy()
    for name in ("team", "shift", "account_id"):
        value = getattr(asked, name)
        if value is not None:
            wanted &= (found[name] == value).to_numpy()
    if _is_of_all(asked):
        return found[wanted]
    some = found[wanted]
    return some[some["block_id"].isin(streets(analyst, asked)["block_id"])]


def _is_of_all(asked: Asked) -> bool:
    return asked.district_id is None and asked.within is None and asked.street_class is None


def streets(analyst: "Analyst", asked: Asked) -> gpd.GeoDataFrame:
    """Return the blocks asked about; one that lies in several areas is in that of its middle."""
    blocks = analyst.site.network.blocks
    wanted = np.ones(len(blocks), dtype=bool)
    inside = areas(analyst)
    for fids in ((asked.district_id,) if asked.district_id is not None else None, asked.within):
        if fids is not None:
            wanted &= blocks["block_id"].isin(inside["block_id"][inside["fid"].isin(fids)]).to_numpy()
    if asked.street_class is not None:
        wanted &= (classes(analyst).loc[blocks["block_id"]] == asked.street_class).to_numpy()
    return blocks[wanted]


def areas(analyst: "Analyst") -> pd.DataFrame:
    """Return a row per block and area that its middle is in: `block_id, fid, level`; of a level only one."""
    site = analyst.site

    def make() -> pd.DataFrame:
        network, known = site.network, site.districts
        middles = shapely.line_interpolate_point(network.blocks.geometry.to_numpy(), 0.5, normalized=True)
        row, fid = known.containing(network.projection.to_lonlat(shapely.get_coordinates(middles)))
        level = known.frame.set_index("fid")["level"].reindex(fid).to_numpy()
        block = network.blocks["block_id"].to_numpy()[row]
        found = pd.DataFrame({"block_id": block, "fid": fid, "level": level})
        return found.drop_duplicates(["block_id", "level"], ignore_index=True)

    known = site.facts()
    versions = {"network": known["network"], "areas": known["districts"]}
    return analyst.kept_of("areas of blocks", versions, make)


def tracks(analyst: "Analyst", asked: Asked) -> pd.DataFrame:
    """Return the tracks that began in the period, of the team, shift and person, wherever they went.

    `started_at, ended_at, n_fixes, mode, account_id`, and `matched`: whether anything is known of their way.
    """

    def make() -> pd.DataFrame:
        with analyst.site.store.read() as conn:
            found, known = covered.tracks_read(conn, analyst.site.network.version), teams.members(conn)
        found["team"] = team_at(found, known)
        local = found["started_at"].dt.tz_convert(analyst.site.settings.zone)
        return found.assign(shift=shift_at(local.dt.hour.to_numpy()))

    found: pd.DataFrame = kept(analyst, "coverage tracks", {}, make)
    wanted = pd.Series(True, index=found.index)
    if asked.since is not None:
        wanted &= found["ended_at"] >= pd.Timestamp(asked.since)
    if asked.until is not None:
        wanted &= found["started_at"] < pd.Timestamp(asked.until)
    for name in ("team", "shift", "account_id"):
        value = getattr(asked, name)
        if value is not None:
            wanted &= found[name] == value
    return found[wanted]


def classes(analyst: "Analyst") -> "pd.Series[str]":
    """Return the class of each block, by block id."""
    blocks = analyst.site.network.blocks
    found: pd.Series[str] = blocks.set_index("block_id")["class"].fillna(NO_CLASS)
    return found


def words(asked: Asked) -> dict[str, object]:
    """Return what was asked as the parameters of an answer that is kept."""
    return asdict(asked)
