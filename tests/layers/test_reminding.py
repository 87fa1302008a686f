from datetime import datetime, timedelta

import pytest
from sqlalchemy import select

from layers import checking, reminding
from layers.field import findings
from layers.people import Account
from layers.site import Site
from layers.store.schema import history
from layers.worker import DUTIES, Worker, ticking
from tests.conftest import report

# laundry along the street: five working days
LASTING = "0107"
# Monday, eight in the morning in Tianjin
MONDAY = "2026-08-17T00:00:00+00:00"


@pytest.fixture
def hung(town: Site, inspector: Account) -> Site:
    """Give the town laundry of a Monday, trading that drove away, and laundry of months ago."""
    monday = datetime.fromisoformat(MONDAY)
    reports = [
        report(1, 300, 204, monday, code=LASTING, observed_at=monday),
        report(2, 500, 204, monday, code="0401", observed_at=monday),
        report(3, 700, 204, monday, code=LASTING, observed_at=monday - timedelta(days=60)),
    ]
    findings.put_many(town, inspector, reports, now=monday + timedelta(hours=2))
    return town


def told(site: Site) -> list[tuple[str, str]]:
    chosen = select(history.c.action, history.c.noun_id).where(history.c.action.in_(["due_soon", "overdue"]))
    with site.store.read() as conn:
        return [(row.action, row.noun_id[-1]) for row in conn.execute(chosen.order_by(history.c.id))]


def look(site: Site, now: datetime) -> None:
    reminding.look(site, now=now)
    Worker(site, ticking(now)).run_all()


def test_each_is_told_of_once_before_and_once_after_its_limit(hung: Site) -> None:
    monday = datetime.fromisoformat(MONDAY)
    look(hung, monday + timedelta(days=3))
    assert told(hung) == []
    for hours in (6 * 24 + 1, 6 * 24 + 2):
        look(hung, monday + timedelta(hours=hours))
        assert told(hung) == [("due_soon", "1")]
    for hours in (7 * 24 + 1, 7 * 24 + 30, 20 * 24):
        look(hung, monday + timedelta(hours=hours))
        assert told(hung) == [("due_soon", "1"), ("overdue", "1")]
    assert checking.soundness(hung).is_sound


def test_what_was_late_long_ago_is_no_news(hung: Site) -> None:
    look(hung, datetime.fromisoformat(MONDAY) + timedelta(days=30))
    assert told(hung) == []


def test_the_worker_looks_by_itself() -> None:
    assert "layers.reminding:look" in [place for _, place in DUTIES]
