from datetime import datetime, timedelta

import pytest

from layers import history, targets
from layers.analysis import coverage_tables
from layers.analysis.coverage_choice import Asked
from layers.analysis.questions import Analyst
from layers.errors import ConflictError, InvalidError
from layers.people import Account
from layers.site import Site


def test_the_usual_targets_hold_until_somebody_decides(
    town: Site, supervisor: Account, now: datetime
) -> None:
    with town.store.write() as conn:
        assert targets.in_force(conn).of("primary") == 3.0
        wanted = {"primary": 1.0, "service": None, "secondary": 7.0}
        assert targets.decide(conn, wanted, looked_at=0, now=now, by=supervisor.id) == 2
        known = targets.in_force(conn)
        assert [known.of(name) for name in ("primary", "service", "secondary", "track")] == [1, None, 7, 30]
        targets.decide(
            conn, {"service": 9.0}, looked_at=known.version, now=now + timedelta(hours=1), by=supervisor.id
        )
        assert targets.in_force(conn).of("service") == 9.0
        said = [(one.street_class, one.days, one.by) for one in targets.decisions(conn)]
        assert len(history.of(conn, "target", "service")) == 2
    assert said == [("service", 9, "Wang"), ("service", None, "Wang"), ("primary", 1, "Wang")]


def test_two_who_decide_at_once_are_told(town: Site, supervisor: Account, now: datetime) -> None:
    with town.store.write() as conn:
        targets.decide(conn, {"primary": 1.0}, looked_at=0, now=now, by=supervisor.id)
    with pytest.raises(ConflictError), town.store.write() as conn:
        targets.decide(conn, {"primary": 2.0}, looked_at=0, now=now, by=supervisor.id)


@pytest.mark.parametrize("days", [0.0, -1.0, 4000.0, float("nan")])
def test_a_target_is_some_days(town: Site, now: datetime, days: float) -> None:
    with pytest.raises(InvalidError), town.store.write() as conn:
        targets.decide(conn, {"primary": days}, looked_at=0, now=now, by=None)


def test_what_has_no_target_is_never_overdue(town: Site, now: datetime) -> None:
    analyst = Analyst(town)
    classes = town.network.blocks["class"].fillna("unclassified").unique()
    assert len(coverage_tables.overdue(analyst, Asked(), now))
    with town.store.write() as conn:
        targets.decide(conn, dict.fromkeys(map(str, classes)), looked_at=0, now=now, by=None)
    assert coverage_tables.overdue(analyst, Asked(), now).empty
    assert (coverage_tables.by_class(analyst, Asked(), now)["overdue_m"] == 0).all()
