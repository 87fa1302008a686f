"""What lies around the schools of a site by the rules in use, and whether anybody has looked."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import geopandas as gpd
import numpy as np
import pandas as pd

from layers.analysis import verdicts, zone_streets
from layers.analysis.questions import Analyst
from layers.city import clearance_rules
from layers.city.clearance_rules import Kept, may_protect
from layers.errors import NotFoundError
from layers.field.asking import FindingFilter

# Known to be wrong, looked at and open, not looked at, looked at in part, well, nothing to be judged by
STATUSES = ("breached", "to_measure", "undecided", "unverified", "partly", "clear", "no_rule")
ALL_ROUND = 0.95
"""Share of the length of street in a zone that must have been inspected for it to count as all of it."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """`schools`: a row each with `status`; `verdicts`: a row per school, finding or premises, and rule.

    `share_seen` of a school that no rule protects is not known: without a rule there is no zone.  `last_at`
    is when the stretch was inspected that was longest not, NaT if more never was than may be left of all.

    `stretches`: a row per school and stretch of a block in its zone: `fid`, `block_id`, `name`, `length_m`,
    `last_at`, `seen`.  `unrecorded`: for each rule that holds, by its id, the trades of which the site
    records nothing.
    """

    schools: gpd.GeoDataFrame
    verdicts: gpd.GeoDataFrame
    stretches: pd.DataFrame
    unrecorded: Mapping[str, tuple[str, ...]]


def reach_m(kept: Iterable[Kept], kind: str) -> float:
    """Return the widest distance that any of the rules keeps around this kind of place; 0 if none does."""
    limits = [rule.limit_m(None) for rule in (one.rule() for one in kept) if may_protect(rule, kind)]
    return max(limits, default=0.0)


def at_best(analyst: Analyst, kept: list[Kept], kinds: "pd.Series[str]") -> "pd.Series[str]":
    """Return the status of each kind of school around which all was seen and nothing is wrong.

    Clear; or no_rule where none protects it, undecided where one says nothing: none of its trades is
    recorded.
    """
    by_kind = {}
    for kind in kinds.unique():
        mine = [one for one in kept if may_protect(one.rule(), kind)]
        silent = any(len(verdicts.unrecorded(analyst, one)) == len(one.rule().activity) for one in mine)
        by_kind[kind] = "undecided" if silent else "clear" if mine else "no_rule"
    return kinds.map(by_kind).astype(object)


def status(analyst: Analyst, now: datetime, within_days: int, only: int | None = None) -> Surroundings:
    """Return every school with the status of its surroundings, the worst first; made once a day and version.

    Or `only` the one of this fid, which takes a fraction of the time.

    Breached: a breach by premises of today or by a finding of the last `within_days` days.  Otherwise nobody
    looked (unverified), or somebody did: then something is to be measured on site (to_measure), a verdict
    lacks what decides it (undecided), streets are left (partly), or none of this (clear).  A rule of whose
    trades nothing is recorded makes nothing clear: then it is undecided.  And no rule that holds may protect
    it (no_rule).
    """
    today = verdicts.local(analyst, now)
    held = clearance_rules.holding(verdicts.rules(analyst), today)
    asked: dict[str, object] = {
        "day": str(today.date()),
        "days": within_days,
        "rules": tuple(verdicts.keys(held)),
        "only": only,
    }
    return analyst.kept("surroundings", asked, lambda: _status(analyst, now, held, within_days, only))


def _status(
    analyst: Analyst, now: datetime, held: list[Kept], within_days: int, only: int | None
) -> Surroundings:
    # from midnight there, so that the answer is the same all day
    begin = now.astimezone(analyst.site.settings.zone).replace(hour=0, minute=0, second=0, microsecond=0)
    since = begin - timedelta(days=within_days)
    schools = chosen(analyst, only)
    judged = verdicts.audit(analyst, FindingFilter(observed_from=since), now, only)
    reach = np.array([reach_m(held, kind) for kind in schools["kind"]], dtype=float)
    asked: dict[str, object] = {"schools": schools["fid"].tolist(), "since": since, "reach": reach.tolist()}
    stretches = analyst.kept(
        "streets in zones",
        asked,
        lambda: zone_streets.read(analyst, schools, reach, since, now),
        besides=zone_streets.BESIDES,
    )
    fid = schools["fid"]
    n_breach, n_measure = counted(fid, judged, "breach"), counted(fid, judged, "measure_on_site")
    n_open = n_measure + counted(fid, judged, "indeterminate")
    by_school = stretches.assign(
        seen_m=stretches["length_m"] * stretches["seen"],
        never_m=stretches["length_m"].where(stretches["last_at"].isna(), 0.0),
    ).groupby("fid")
    total, seen = by_school["length_m"].sum(), by_school["seen_m"].sum()
    never = by_school["never_m"].sum() > (1 - ALL_ROUND) * total
    oldest = by_school["last_at"].min().mask(never)
    share = fid.map(seen / total).fillna(0.0).where(reach > 0)
    table = schools.assign(
        status=named(fid, judged, share, at_best(analyst, held, schools["kind"])),
        n_breach=n_breach,
        n_measure=n_measure,
        n_open=n_open,
        share_seen=share,
        unseen_m=fid.map(total - seen).fillna(0.0),
        # no zone may reach a street: then there is no group to map
        last_at=oldest.reindex(fid).array,
        reach_m=reach,
    )
    rank = table["status"].map({name: k for k, name in enumerate(STATUSES)})
    worst = table.assign(rank=rank).sort_values(
        ["rank", "n_breach", "share_seen", "fid"], ascending=[True, False, True, True]
    )
    unrecorded = {one.rule_id: verdicts.unrecorded(analyst, one) for one in held}
    return Surroundings(worst.drop(columns="rank").reset_index(drop=True), judged, stretches, unrecorded)


def chosen(analyst: Analyst, only: int | None) -> gpd.GeoDataFrame:
    """Return the schools in force, or the one of a fid."""
    schools = analyst.schools()
    if only is None:
        return schools
    mine = schools[schools["fid"].eq(only)]
    if not len(mine):
        raise NotFoundError("There is no such school")
    return mine.reset_index(drop=True)


def named(
    fid: "pd.Series[int]", judged: pd.DataFrame, share: "pd.Series[float]", best: "pd.Series[str]"
) -> "pd.Series[str]":
    """Return the status of each school by its verdicts and the share of its streets that was inspected.

    `best` is the best that it can have; see `at_best`.
    """
    n_breach, n_measure, n_open = (
        counted(fid, judged, verdict).to_numpy() for verdict in ("breach", "measure_on_site", "indeterminate")
    )
    seen, at_best = share.to_numpy(), best.to_numpy()
    found = np.select(
        [at_best == "no_rule", n_breach > 0, seen == 0, n_measure > 0, n_open > 0, seen < ALL_ROUND],
        ["no_rule", "breached", "unverified", "to_measure", "undecided", "partly"],
        at_best,
    )
    return pd.Series(found, index=fid.index)


def counted(fid: "pd.Series[int]", judged: pd.DataFrame, verdict: str) -> "pd.Series[int]":
    """Return for each school how many findings and premises have a verdict that is not tolerated."""
    hit = judged[~judged["tolerated"].astype(bool) & judged["verdict"].eq(verdict)]
    each = hit.groupby("place_id")["premises_id"].nunique()
    number: pd.Series[int] = fid.map(each).fillna(0).astype(int)
    return number
