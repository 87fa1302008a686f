"""The status of a school week by week."""

from datetime import datetime, timedelta

from layers.analysis import school_history, surroundings
from layers.analysis.questions import Analyst
from layers.city import clearance_rules
from layers.field import findings
from layers.people import Account
from layers.site import Site
from tests.conftest import report
from tests.layers.analysis.test_surroundings import patrol, shop


def test_a_school_was_breached_while_a_stall_was_recent_and_clear_while_somebody_had_been_round(
    town: Site, inspector: Account, now: datetime
) -> None:
    stall = report(1, 70, 130, now, observed_at=now - timedelta(days=50))
    findings.put_many(town, inspector, [stall], now=now)
    patrol(town, inspector, now - timedelta(days=10))
    analyst = Analyst(town)
    by_week = school_history.weeks(analyst, now, 14)
    told = by_week.iloc[0].tolist()
    assert len(told) == school_history.WEEKS + 1
    # until 56 days ago nothing was known; 49 and 42 days ago the stall was recent; 7 days ago the patrol was
    assert told == [*["no_data"] * 5, *["breached"] * 2, *["unverified"] * 4, "clear", "clear"]
    assert told[-1] == surroundings.status(analyst, now, 14).schools["status"].iloc[0]
    assert school_history.since(by_week).iloc[0] == by_week.columns[-2]


def test_the_rules_of_each_day_decide_it(town: Site, inspector: Account, now: datetime) -> None:
    own = clearance_rules.site_setting(200.0)
    begin = (now - timedelta(days=25)).date()
    clearance_rules.change(town, {**own, "distance_m": 5, "valid_from": str(begin)}, now=now)
    stalls = [
        report(k, 70, 150, now, observed_at=now - timedelta(days=day)) for k, day in enumerate((36, 20, 4))
    ]
    findings.put_many(town, inspector, stalls, now=now)
    told = school_history.weeks(Analyst(town), now, 14).iloc[0].tolist()
    assert told[-6:] == ["breached", "breached", "unverified", "unverified", "unverified", "unverified"]


def test_a_rule_changed_today_leaves_the_weeks_before_as_they_were(
    town: Site, inspector: Account, now: datetime
) -> None:
    stalls = [report(k, 70, 150, now, observed_at=now - timedelta(days=day)) for k, day in enumerate((36, 8))]
    findings.put_many(town, inspector, stalls, now=now)
    analyst = Analyst(town)
    before = school_history.weeks(analyst, now, 14).iloc[0].tolist()
    assert before.count("breached") == 4
    later = now + timedelta(minutes=5)
    clearance_rules.change(town, {**clearance_rules.site_setting(200.0), "distance_m": 5}, now=later)
    assert school_history.weeks(analyst, later, 14).iloc[0].tolist() == before
    # what is seen from now on is judged by the new one
    new = report(9, 70, 150, now, observed_at=later + timedelta(minutes=1))
    findings.put_many(town, inspector, [new], now=later + timedelta(minutes=2))
    found = surroundings.status(analyst, later + timedelta(hours=1), 14).verdicts
    assert found.loc[found["uuid"].eq(new.uuid), "verdict"].tolist() == ["clear"]


def test_what_was_computed_is_made_again_when_something_came(
    town: Site, inspector: Account, now: datetime
) -> None:
    analyst = Analyst(town)
    assert set(school_history.weeks(analyst, now, 14).iloc[0]) == {"no_data", "unverified"}
    late = report(1, 70, 130, now, observed_at=now - timedelta(days=30))
    findings.put_many(town, inspector, [late], now=now)
    assert "breached" in set(school_history.weeks(analyst, now, 14).iloc[0])


def test_shops_of_today_breach_no_week_before_the_first_data(
    town: Site, inspector: Account, now: datetime
) -> None:
    shop(town, "tobacco", 100, -20, now)
    patrol(town, inspector, now - timedelta(days=10))
    told = school_history.weeks(Analyst(town), now, 14).iloc[0].tolist()
    assert told == [*["no_data"] * 11, "breached", "breached"]
