from datetime import datetime

import geopandas as gpd
import pytest

from layers import history
from layers.analysis import coverage_choice, coverage_tables
from layers.analysis.coverage_choice import Asked
from layers.analysis.questions import Analyst
from layers.city import networks
from layers.errors import ForbiddenError
from layers.field import checks, coverage
from layers.field.checks import Check
from layers.field.findings import Outcome
from layers.people import Account
from layers.site import Site
from tests.conftest import report


def said(number: int, east: float, north: float, now: datetime, extent: str = "block") -> Check:
    like = report(number, east, north, now)
    return Check(uuid=like.uuid, observed_at=like.observed_at, position=like.position, extent=extent)


def test_a_check_counts_as_an_inspection_but_not_as_effort(
    town: Site, inspector: Account, now: datetime
) -> None:
    analyst = Analyst(town)
    assert coverage_tables.rests(analyst, Asked()).n_checks == 0
    assert checks.put(town, inspector, said(1, 100, 204, now), now=now) is Outcome.CREATED
    told = coverage_tables.rests(analyst, Asked())
    assert (told.n_checks, told.effort_km, told.n_tracks) == (1, 0.0, 0)
    by_class = coverage_tables.by_class(analyst, Asked(), now)
    assert by_class["inspected"].sum() == pytest.approx(200)
    assert by_class["effort_m"].sum() == 0
    by_team = coverage_tables.by_team(analyst, Asked())
    assert (by_team.loc["", "n_checks"], by_team.loc["", "n_tracks"]) == (1, 0)
    assert coverage_choice.passes(analyst)["is_check"].all()
    assert coverage.intervals(town, with_checks=False).empty


def test_on_new_streets_a_check_is_placed_anew(
    town: Site, inspector: Account, streets: gpd.GeoDataFrame, now: datetime
) -> None:
    sent = said(1, 100, 204, now)
    checks.put(town, inspector, sent, now=now)
    before = checks.get(town, sent.uuid)["block_id"]
    networks.add(town, streets.assign(width_m=30.0), "town", now=now)
    assert checks.get(town, sent.uuid)["block_id"] is None
    assert checks.derive(town) == 1
    assert checks.derive(town) == 0
    assert checks.get(town, sent.uuid)["block_id"] is not None
    assert before is not None


def test_without_streets_a_check_waits_for_them(
    site: Site, inspector: Account, streets: gpd.GeoDataFrame, now: datetime
) -> None:
    checks.put(site, inspector, said(1, 100, 204, now), now=now)
    networks.add(site, streets, "town", now=now)
    assert len(coverage.intervals(site)) == 1


def test_the_same_check_again_is_one_line_of_history(town: Site, inspector: Account, now: datetime) -> None:
    sent = said(1, 100, 204, now)
    assert [checks.put(town, inspector, sent, now=now) for _ in range(2)] == [Outcome.CREATED, Outcome.SAME]
    with town.store.read() as conn:
        assert len(history.of(conn, "check", sent.uuid)) == 1


def test_who_only_reads_checks_nothing(town: Site, now: datetime) -> None:
    with pytest.raises(ForbiddenError):
        checks.put(town, Account(1, "v", "v", "viewer"), said(1, 100, 204, now), now=now)
