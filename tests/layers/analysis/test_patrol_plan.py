"""Patrol plans of a site: what is due is told from facts, and the walk goes there."""

from datetime import date, datetime, time, timedelta
from itertools import pairwise

import pandas as pd
import pytest

from layers.analysis import patrol_plan, surroundings
from layers.analysis.patrol_plan import Asked
from layers.analysis.questions import Analyst
from layers.city import limits, taxonomy
from layers.errors import InvalidError
from layers.field import findings
from layers.people import Account
from layers.site import Site
from tests.conftest import report

# lasts until somebody puts it right; a passing act
LASTING, PASSING = "0110", "0401"


@pytest.fixture
def analyst(town: Site) -> Analyst:
    return Analyst(town)


def tomorrow(now: datetime) -> Asked:
    return Asked(day=(now + timedelta(days=1)).date(), begins=time(14, 0), hours=1.0)


def test_a_finding_past_its_limit_that_nobody_passed_since_is_to_be_checked_again(
    town: Site, inspector: Account, analyst: Analyst, now: datetime
) -> None:
    old, new = now - timedelta(days=30), now - timedelta(hours=2)
    reports = [
        report(901, 300, 400, now, code=LASTING, observed_at=old),
        report(902, 300, 400, now, code=PASSING, observed_at=old),
        report(903, 300, 400, now, code=LASTING, observed_at=new),
    ]
    findings.put_many(town, inspector, reports, now=now)
    plan = patrol_plan.plan(analyst, tomorrow(now), now)
    [walk] = plan.walks
    assert reports[0].uuid in set(walk.rechecks["uuid"])
    assert not {reports[1].uuid, reports[2].uuid} & set(walk.rechecks["uuid"])
    assert plan.n_rechecks >= walk.legs["n_rechecks"].sum() == len(walk.rechecks) >= 1
    assert (walk.legs.loc[walk.legs["n_rechecks"] > 0, "reason"] == "recheck").any()


def test_what_was_passed_after_it_was_due_is_not_due(
    town: Site, inspector: Account, analyst: Analyst, now: datetime
) -> None:
    findings.put_many(
        town,
        inspector,
        [report(901, 300, 400, now, code=LASTING, observed_at=now - timedelta(days=30))],
        now=now,
    )
    begins = now + timedelta(days=1)
    [block] = analyst.findings(patrol_plan.FindingFilter(uuids=(report(901, 0, 0, now).uuid,)))["block_id"]
    never = pd.Series([pd.NaT], index=[block], dtype="datetime64[us, UTC]")
    assert len(patrol_plan.due_rechecks(analyst, never, begins)) == 1
    assert patrol_plan.due_rechecks(analyst, never.fillna(pd.Timestamp(now)), begins).empty


def test_the_walk_is_in_the_shift_and_overdue_streets_get_fewer(analyst: Analyst, now: datetime) -> None:
    asked = tomorrow(now)
    plan = patrol_plan.plan(analyst, asked, now)
    [walk] = plan.walks
    assert walk.legs["begins_at"].iloc[0] == plan.begins_at
    assert walk.legs["ends_at"].iloc[-1] <= plan.begins_at + timedelta(hours=asked.hours)
    assert walk.route.seconds > 0.9 * 3600 * asked.hours
    before, after = plan.overdue_m
    assert 0 <= after < before
    assert set(walk.legs["reason"]) <= {*patrol_plan.REASONS, ""}
    lines = walk.legs.geometry
    assert all(a.coords[-1] == b.coords[0] for a, b in pairwise(lines))


def test_the_same_day_has_the_same_plan_and_teams_go_apart(town: Site, now: datetime) -> None:
    asked = Asked(day=date(2026, 3, 4), begins=time(9, 0), hours=0.5, teams=2)
    one, other = (patrol_plan.plan(Analyst(town), asked, now) for _ in range(2))
    for walk, again in zip(one.walks, other.walks, strict=True):
        assert walk.legs["block_id"].tolist() == again.legs["block_id"].tolist()
    first, second = (set(walk.legs.loc[walk.legs["stop"] == "worth", "block_id"]) for walk in one.walks)
    assert first.isdisjoint(second)


@pytest.mark.parametrize(
    ("wrong", "field"), [({"teams": 0}, "teams"), ({"hours": 30.0}, "hours")], ids=["teams", "hours"]
)
def test_a_shift_that_cannot_be_is_refused_by_field(wrong: dict[str, float], field: str) -> None:
    with pytest.raises(InvalidError) as caught:
        Asked(day=date(2026, 3, 4), **wrong)  # type: ignore[arg-type]
    assert caught.value.field == field


def test_an_area_without_streets_is_named(analyst: Analyst, now: datetime) -> None:
    with pytest.raises(InvalidError, match="No street"):
        patrol_plan.plan(analyst, Asked(day=date(2026, 3, 4), district_id=10**6), now)


def test_limits_are_of_what_lasts(town: Site) -> None:
    known = taxonomy.shipped()
    lasting = [one for one in known.all() if limits.of(one) is not None]
    assert {one.kind for one in lasting} == {"state", "part"}
    zone = town.settings.zone
    saturday = datetime(2026, 11, 28, 10, tzinfo=zone)
    assert limits.Limit(4, "working_hour").due_at(saturday, zone) == datetime(2026, 11, 30, 14, tzinfo=zone)


@pytest.mark.parametrize("hours", [0.5, 1.0])
def test_short_shifts_have_their_share_by_lot(analyst: Analyst, now: datetime, hours: float) -> None:
    for ahead in range(1, 6):
        asked = Asked(day=(now + timedelta(days=ahead)).date(), begins=time(20, 0), hours=hours)
        [walk] = patrol_plan.plan(analyst, asked, now).walks
        share = walk.legs.loc[walk.legs["stop"] == "sample", "length_m"].sum() / (3600 * hours)
        assert share == pytest.approx(walk.route.lot.share)
        assert share >= 0.05


def test_every_bell_of_a_shift_is_a_window(analyst: Analyst, now: datetime) -> None:
    schools = surroundings.status(analyst, now, analyst.site.settings.surroundings_days)
    begins = datetime(2026, 3, 4, 7, 0, tzinfo=analyst.site.settings.zone)
    bells = patrol_plan._bells(schools, ("07:30", "11:40", "13:30"), begins, 8.0)
    assert bells
    # half past seven is too soon: nobody can be there forty minutes before
    assert {tuple(bell.windows) for bell in bells} == {((14400.0, 16800.0), (21000.0, 23400.0))}
