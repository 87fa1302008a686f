"""Parked vehicles over the weeks: what lasts, what moved next door, and what nobody can say."""

from datetime import datetime, timedelta

import numpy as np
import pandas as pd
import pytest

from geo import parking as statistics
from layers.analysis import parking_displacement, parking_streets, parking_weeks
from layers.analysis.hotspots import Asked
from layers.analysis.questions import Analyst
from layers.field import findings
from layers.people import Account
from layers.site import Site
from tests.conftest import EAST_WEST, report
from tests.layers.analysis.test_hotspots import walk_everywhere

DAYS = (24, 20, 16, 12, 8, 4, 1)


@pytest.fixture
def analyst(town: Site, inspector: Account, now: datetime) -> Analyst:
    """Give a town walked seven times: cars at one place, and after the fourth walk round the corner."""
    cars = []
    for number, back in enumerate(DAYS):
        at = now - timedelta(days=back)
        walk_everywhere(town, inspector, at, first=1000 + 100 * number)
        where = ((300, 403), (310, 403)) if number < 4 else ((203, 300), (203, 310))
        cars += [
            report(100 * number + n, x, y, at, code="0409", n_items=3) for n, (x, y) in enumerate(where, 1)
        ]
        cars += [report(100 * number + 10 + n, x, 3, at, code="0409") for n, x in enumerate((500, 600, 700))]
    findings.put_many(town, inspector, cars, now=now)
    return Analyst(town)


def of_street(analyst: Analyst, place: int) -> list[str]:
    blocks = analyst.site.network.blocks
    street = blocks.loc[blocks["name"] == EAST_WEST[place], "street_id"].iloc[0]
    return parking_displacement.block_ids_of(analyst, str(street))


def test_vehicles_that_went_round_the_corner_are_seen_to(analyst: Analyst, now: datetime) -> None:
    acted_on = (now - timedelta(days=10)).date()
    moved = parking_displacement.find(analyst, "car", of_street(analyst, 2), acted_on)
    assert moved.thin is None
    assert moved.change is not None
    assert moved.change["spot_high"] < 1
    assert moved.change["ring"] > 1
    assert moved.vehicles[:, 0] == pytest.approx([24, 0], abs=0.5)
    assert moved.vehicles[:, 1].sum() == pytest.approx(18, abs=0.5)


def test_of_few_passes_few_vehicles_and_days_without_tracks_nothing_is_said(
    analyst: Analyst, now: datetime
) -> None:
    def why(back: int, place: int) -> str | None:
        day = (now - timedelta(days=back)).date()
        found = parking_displacement.find(analyst, "car", of_street(analyst, place), day)
        assert (found.change is None) == (found.thin is not None)
        return found.thin

    assert (why(100, 2), why(18, 2), why(10, 4)) == ("no tracks", "spot", "few")


def test_weeks_hold_all_vehicles_and_metres_and_a_street_that_lasts_is_told(analyst: Analyst) -> None:
    found = parking_streets.find(analyst, Asked(), "car")
    weeks = found.weeks
    assert weeks is not None
    assert all(one.weekday() == 0 for one in weeks.first_days[1:])
    assert weeks.vehicles.sum() == pytest.approx(found.parking.blocks["vehicles"].sum())
    assert weeks.metres.sum() == pytest.approx(found.parking.blocks["effort_m"].sum())
    table = found.table.set_index("name")
    assert table.loc[EAST_WEST[0], "is_persistent"]
    assert found.week_vehicles.sum(axis=1) == pytest.approx(found.table["vehicles"].to_numpy())
    assert (found.table["per_km_low"] <= found.table["per_km"]).all()


def test_what_stands_at_a_pass_of_a_stretch_lies_within_its_interval(analyst: Analyst) -> None:
    found = parking_streets.find(analyst, Asked(), "car")
    places = pd.concat([found.paint, found.tow])
    assert len(places) > 0
    passes = places["effort_m"] / places["length_m"]
    np.testing.assert_allclose(places["standing"], places["vehicles"] / passes)
    assert (places["standing_low"] <= places["standing"]).all()
    assert (places["standing"] <= places["standing_high"]).all()


def test_a_site_without_tracks_has_no_weeks(town: Site, now: datetime) -> None:
    assert parking_weeks.find(Analyst(town), Asked(), "car") is None
    assert len(parking_streets.find(Analyst(town), Asked(), "car").table) == 0


def test_counts_in_groups_are_known_to_scatter_and_independent_ones_do_not() -> None:
    rng = np.random.default_rng(7)
    walked = np.ones((40, 200))
    single, groups = rng.poisson(3.0, walked.shape), 4 * rng.poisson(0.75, walked.shape)
    assert statistics.spread(single.astype(float), walked) < 1.1
    assert statistics.spread(groups.astype(float), walked) == pytest.approx(4, abs=0.3)
