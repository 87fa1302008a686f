from datetime import datetime

import geopandas as gpd
import pytest

from layers import history
from layers.analysis.questions import Analyst
from layers.city import networks
from layers.errors import ConflictError, ForbiddenError, InvalidError
from layers.field import decisions, findings, placements
from layers.field.findings import FindingFilter
from layers.people import Account
from layers.site import Site
from tests.conftest import report

DOUBTFUL, CLEAR, OUTSIDE = (report(number, 0, 0, datetime.now()).uuid for number in (1, 2, 3))


@pytest.fixture
def doubtful(town: Site, inspector: Account, now: datetime) -> Site:
    """Give the town a finding at a crossing, one along a street, and one far from all."""
    reports = [report(1, 205, 205, now), report(2, 300, 204, now), report(3, 5000, 5000, now)]
    findings.put_many(town, inspector, reports, now=now)
    return town


def row(site: Site, uuid: str) -> gpd.pd.Series:
    found = Analyst(site).findings(FindingFilter())
    return found[found["uuid"] == uuid].iloc[0]


def test_the_queue_holds_what_is_in_doubt_and_pages_through_it(doubtful: Site) -> None:
    place = decisions.queue(doubtful, FindingFilter())
    assert (place.left, place.uuid, place.before, place.after) == (2, DOUBTFUL, None, OUTSIDE)
    place = decisions.queue(doubtful, FindingFilter(), OUTSIDE)
    assert (place.before, place.after) == (DOUBTFUL, None)
    assert decisions.queue(doubtful, FindingFilter(uuids=(CLEAR,))).left == 0


def test_candidates_agree_with_the_placement(doubtful: Site) -> None:
    for uuid in (DOUBTFUL, CLEAR):
        every, placed = decisions.candidates(doubtful, uuid), findings.get(doubtful, uuid).placement
        assert placed is not None
        assert every["block_id"][0] == placed.block_id
        assert every["p"][0] == pytest.approx(placed.p_block, abs=1e-12)
    assert decisions.candidates(doubtful, OUTSIDE).empty


def test_a_decision_counts_and_leaves_the_evidence(
    doubtful: Site, supervisor: Account, now: datetime
) -> None:
    before = findings.get(doubtful, DOUBTFUL).placement
    second = decisions.candidates(doubtful, DOUBTFUL)["block_id"][1]
    decisions.decide(doubtful, supervisor, DOUBTFUL, second, reason=" seen on the photo ", now=now)
    assert findings.get(doubtful, DOUBTFUL).placement == before
    found = row(doubtful, DOUBTFUL)
    assert (found["block_id"], found["p_block"]) == (second, 1.0)
    assert (bool(found["ambiguous"]), bool(found["decided"])) == (False, True)
    assert Analyst(doubtful).density(FindingFilter()).loc[second, "n"] >= 1
    on_it = findings.page(doubtful, FindingFilter(block_id=second)).findings
    assert DOUBTFUL in [one.uuid for one in on_it]
    assert before is not None
    off_it = findings.page(doubtful, FindingFilter(block_id=before.block_id)).findings
    assert DOUBTFUL not in [one.uuid for one in off_it]
    assert decisions.queue(doubtful, FindingFilter()).left == 1
    made = decisions.of(doubtful, DOUBTFUL)
    assert made is not None
    assert (made.reason, made.account_id) == ("seen on the photo", supervisor.id)


def test_none_of_these_is_outside(doubtful: Site, supervisor: Account, now: datetime) -> None:
    decisions.decide(doubtful, supervisor, DOUBTFUL, None, now=now)
    found = row(doubtful, DOUBTFUL)
    assert bool(found["outside"])
    assert found["block_id"] is None


def test_a_decision_can_be_taken_back_and_stays_in_the_history(
    doubtful: Site, supervisor: Account, now: datetime
) -> None:
    before = row(doubtful, DOUBTFUL)
    key = decisions.decide(doubtful, supervisor, DOUBTFUL, None, now=now)
    decisions.take_back(doubtful, supervisor, DOUBTFUL, key, now=now)
    assert row(doubtful, DOUBTFUL).drop("decided").equals(before.drop("decided"))
    assert decisions.of(doubtful, DOUBTFUL) is None
    with doubtful.store.read() as conn:
        actions = [line["action"] for line in history.of(conn, "finding", DOUBTFUL)]
    assert actions == ["create", "decide", "take back"]
    with pytest.raises(ConflictError):
        decisions.take_back(doubtful, supervisor, DOUBTFUL, key, now=now)


def test_who_comes_second_is_told(
    doubtful: Site, supervisor: Account, inspector: Account, now: datetime
) -> None:
    decisions.decide(doubtful, supervisor, DOUBTFUL, None, now=now)
    with pytest.raises(ConflictError):
        decisions.decide(doubtful, supervisor, DOUBTFUL, None, now=now)
    with pytest.raises(ForbiddenError):
        decisions.decide(doubtful, inspector, OUTSIDE, None, now=now)
    with pytest.raises(InvalidError):
        decisions.decide(doubtful, supervisor, OUTSIDE, "no block", now=now)


def test_on_new_streets_a_block_that_is_there_still_keeps_its_decision(
    doubtful: Site, supervisor: Account, streets: gpd.GeoDataFrame, now: datetime
) -> None:
    block = decisions.candidates(doubtful, DOUBTFUL)["block_id"][1]
    decisions.decide(doubtful, supervisor, DOUBTFUL, block, now=now)
    decisions.decide(doubtful, supervisor, OUTSIDE, None, now=now)
    wider = streets.assign(width_m=30.0)
    version, _ = networks.add(doubtful, wider, "town", now=now)
    placements.add_for(doubtful, version, now=now)
    assert block in set(doubtful.network.blocks["block_id"])
    assert decisions.of(doubtful, DOUBTFUL) is not None
    assert decisions.of(doubtful, OUTSIDE) is None
    assert OUTSIDE in {decisions.queue(doubtful, FindingFilter()).uuid}
