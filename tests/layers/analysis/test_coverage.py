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


def test_stretches_tell_what_was_seen_and_when(analyst: Analyst, now: datetime) -> None:
    cut = coverage.stretches(analyst, None, now)
    metres = (cut["to_m"] - cut["from_m"]).groupby(cut["state"]).sum()
    assert metres.sum() == pytest.approx(analyst.site.network.blocks.length.sum(), abs=0.1)
    assert metres["inspected"] == pytest.approx(300, abs=12)
