"""What is found around a place, by week beside the looking, by hour and by kind."""

from datetime import datetime, timedelta

import numpy as np
import pandas as pd
import pytest
import shapely

from geo import clearance
from layers.analysis import around, busy_places, zone_streets
from layers.analysis.questions import Analyst
from layers.field import findings
from layers.people import Account
from layers.site import Site
from tests.conftest import report
from tests.layers.analysis.test_surroundings import patrol


def monday(now: datetime, hour: int, minute: int) -> datetime:
    """Return an instant on the Monday of the week before, in the time of the town (UTC + 8)."""
    day = now - timedelta(days=now.weekday() + 7)
    return day.replace(hour=hour - 8, minute=minute, second=0, microsecond=0)


def test_weeks_stand_beside_the_metres_that_were_inspected(
    town: Site, inspector: Account, now: datetime
) -> None:
    observed = [monday(now, 12, 10), monday(now, 12, 40), now - timedelta(hours=1)]
    reports = [report(k, 70, 130, now, observed_at=at) for k, at in enumerate(observed)]
    findings.put_many(town, inspector, reports, now=now)
    patrol(town, inspector, now)
    analyst = Analyst(town)
    place = analyst.schools().geometry.iloc[0]
    found = around.look(analyst, place, 200.0, now)
    assert found.weeks["n"].tolist()[-2:] == [2, 1]
    assert found.weeks["at_bell"].tolist()[-2:] == [1, 0]
    assert found.weeks["inspected_m"].tolist()[-2] == 0 < found.weeks["inspected_m"].tolist()[-1]
    assert found.hours["n"][12] == 2 and found.hours["n"].sum() == 3
    assert found.hours["inspected_m"].sum() == pytest.approx(found.weeks["inspected_m"].sum())
    hour = found.hours["inspected_m"].idxmax()
    assert found.hours["inspected_m"][hour] > 0 and (found.hours["inspected_m"] > 0).sum() <= 2
    assert found.kinds[["code", "n", "n_before", "at_bell"]].to_numpy().tolist() == [["0406", 3, 0, 1]]
    assert around.look(analyst, place, 1.0, now).near["distance_m"].le(1.0).all()


@pytest.mark.parametrize(
    ("instant", "rings"),
    [("2026-08-24 07:30", True), ("2026-08-24 08:16", False), ("2026-08-22 07:30", False)],
)
def test_a_bell_rings_from_monday_to_friday(instant: str, rings: bool) -> None:
    local = pd.Series([pd.Timestamp(instant)])
    assert around.at_bell(local, ("07:30",), 45).tolist() == [rings]
    assert not around.at_bell(local, (), 45).any()


def test_streets_in_a_zone_are_as_long_as_what_is_cut_out_of_them(town: Site) -> None:
    analyst = Analyst(town)
    places = analyst.schools()
    rng = np.random.default_rng(1)
    for metres in rng.uniform(20, 500, 8):
        within = zone_streets.inside(analyst, places, np.full(len(places), metres))
        network = town.network
        zone = shapely.transform(
            clearance.zone(places.geometry.iloc[0], metres), network.projection.to_metres
        )
        cut = shapely.length(shapely.intersection(network.blocks.geometry.to_numpy(), zone))
        assert (within["to_m"] - within["from_m"]).sum() == pytest.approx(cut[cut > 0.5].sum(), abs=1e-6)


def test_the_list_and_the_page_count_the_same_days(town: Site, inspector: Account, now: datetime) -> None:
    zone, days = town.settings.zone, town.settings.surroundings_days
    midnight = now.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0)
    cut = midnight - timedelta(days=days - 1)
    instants = [cut - timedelta(minutes=1), cut + timedelta(minutes=1), cut - timedelta(days=days - 1)]
    reports = [report(k, 70, 130, now, observed_at=at) for k, at in enumerate(instants)]
    findings.put_many(town, inspector, reports, now=now)
    analyst = Analyst(town)
    listed = busy_places.look(analyst, "primary", 200.0, days, now).iloc[0]
    page = around.look(analyst, listed["geom"], 200.0, now).kinds
    assert (listed["n"], listed["n_before"]) == (page["n"].sum(), page["n_before"].sum()) == (1, 2)
