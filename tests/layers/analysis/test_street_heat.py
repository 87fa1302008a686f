"""Heat along the streets of a town that was walked through once."""

from datetime import datetime, timedelta

import pytest

from layers.analysis import street_heat
from layers.analysis.hotspots import Asked
from layers.analysis.questions import Analyst
from layers.people import Account
from layers.site import Site
from tests.layers.analysis.test_hotspots import report_much_on_one_block, walk_everywhere


def test_the_rate_is_highest_where_much_was_found_and_falls_along_the_street(
    town: Site, inspector: Account, now: datetime
) -> None:
    walk_everywhere(town, inspector, now)
    report_much_on_one_block(town, inspector, now)
    rates = street_heat.per_block(Analyst(town), Asked())
    assert len(rates) == len(town.network.blocks)
    assert rates["per_km"].idxmax() == rates["n"].idxmax()
    assert (rates["per_km"] >= 0).all()
    # nothing is lost: the findings of the town over its inspected kilometres
    mean = (rates["per_km"] * rates["passes"]).sum() / rates["passes"].sum()
    assert mean == pytest.approx(rates["n"].sum() / rates["effort_m"].sum() * 1000, rel=0.1)


def test_where_nobody_looked_nothing_is_said(town: Site, inspector: Account, now: datetime) -> None:
    assert street_heat.per_block(Analyst(town), Asked()).empty
    walk_everywhere(town, inspector, now)
    before = Asked(until=now - timedelta(days=90))
    assert street_heat.per_block(Analyst(town), before).empty
