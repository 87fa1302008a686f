"""Coverage in numbers, of a town with one patrol."""

from datetime import datetime, timedelta

import pytest

from layers.analysis import coverage
from layers.analysis.questions import Analyst
from layers.field import tracks
from layers.people import Account
from layers.site import Site
from tests.layers.field.test_tracks import along, walk


@pytest.fixture
def analyst(town: Site, inspector: Account, now: datetime) -> Analyst:
    """Give a town where one street was driven through a minute ago."""
    tracks.put(town, inspector, walk(along(200, 50, 350, 31), now), now=now)
    return Analyst(town)


def test_effort_tells_passes_minutes_and_metres_of_every_block(analyst: Analyst, now: datetime) -> None:
    found = coverage.effort(analyst, now - timedelta(days=1), now)
    assert len(found) == len(analyst.site.network.blocks)
    assert found["n_passes"].sum() == 2
    assert found["minutes"].sum() == pytest.approx(2.5, abs=0.2)
    assert found["metres"].sum() == pytest.approx(300, abs=12)
    assert coverage.effort(analyst, now, now + timedelta(days=1))["n_passes"].sum() == 0


def test_shares_add_up_to_the_streets_and_only_what_was_seen_is_inspected(
    analyst: Analyst, now: datetime
) -> None:
    found = coverage.shares_by_class(analyst, None, now)
    assert found["length_m"].sum() == pytest.approx(analyst.site.network.blocks.length.sum(), abs=0.1)
    assert found["inspected"].sum() == pytest.approx(300, abs=12)


def test_what_was_never_seen_is_overdue_and_what_was_seen_becomes_so(analyst: Analyst, now: datetime) -> None:
    late = coverage.overdue(analyst, now)
    assert late["age_days"].isna().all()
    later = coverage.overdue(analyst, now + timedelta(days=40))
    assert later["over_days"].notna().any()
    assert (later["to_m"] - later["from_m"]).sum() > (late["to_m"] - late["from_m"]).sum()
    assert later["over_days"].isna().iloc[0]


def test_a_supervisor_is_told_how_much_was_not_seen(analyst: Analyst, now: datetime) -> None:
    not_seen, total = coverage.not_seen_km(analyst, 14, now)
    assert total - not_seen == pytest.approx(0.3, abs=0.012)
    assert coverage.not_seen_km(analyst, 14, now + timedelta(days=20)) == pytest.approx((total, total))


def test_shares_are_told_by_area(analyst: Analyst, now: datetime) -> None:
    level = analyst.site.districts.frame.set_index("name").loc["西社区", "level"]
    found = coverage.shares_by_area(analyst, str(level), None, now).set_index("name")
    assert found.loc["西社区", "inspected"] == pytest.approx(300, abs=12)
    assert found["length_m"].sum() <= analyst.site.network.blocks.length.sum() + 0.1
