from dataclasses import replace
from datetime import UTC, datetime

import pytest
from sqlalchemy import select

from layers import history
from layers.field import alongside, decisions, findings, tracks
from layers.field.records import Placement
from layers.people import Account
from layers.site import Site
from layers.store import schema
from tests.conftest import report
from tests.layers.field.test_tracks import along, walk


def placement(site: Site, uuid: str) -> Placement:
    found = findings.get(site, uuid).placement
    assert found is not None
    return found


def moment(track: tracks.Track, fix: int) -> datetime:
    return datetime.fromtimestamp(float(track.time[fix]), UTC)


def test_the_course_of_a_track_decides_between_two_streets(
    town: Site, inspector: Account, colleague: Account, now: datetime
) -> None:
    """At a crossing a position alone may be of either street; whoever walked one of them was on it."""
    course = walk(along(200, 60, 340, 57), now, mode="foot")
    seen = replace(report(7, 192, 208, now), observed_at=moment(course, 26))
    other = replace(report(8, 192, 208, now), observed_at=moment(course, 26))
    findings.put(town, inspector, seen, now=now)
    findings.put(town, colleague, other, now=now)
    before = placement(town, seen.uuid)
    assert before.track_id is None
    tracks.put(town, inspector, course, now=now)
    after = placement(town, seen.uuid)
    names = town.network.blocks.set_index("block_id")["name"]
    assert names[after.block_id] == "光荣道"
    assert after.p_street is not None
    assert before.p_street is not None
    assert after.p_street > max(before.p_street, 0.8)
    assert after.track_id is not None
    with town.store.read() as conn:
        assert [line["action"] for line in history.of(conn, "finding", seen.uuid)] == [
            "create",
            "place_on_track",
        ]
    assert placement(town, other.uuid).track_id is None


def test_the_candidates_of_a_finding_are_judged_by_the_same_track(
    town: Site, inspector: Account, now: datetime
) -> None:
    course = walk(along(200, 60, 340, 57), now, mode="foot")
    seen = replace(report(7, 192, 208, now), observed_at=moment(course, 26))
    findings.put(town, inspector, seen, now=now)
    alone = decisions.candidates(town, seen.uuid)
    tracks.put(town, inspector, course, now=now)
    best = placement(town, seen.uuid)
    judged = decisions.candidates(town, seen.uuid).set_index("block_id")["p"]
    assert judged[best.block_id] == pytest.approx(best.p_block, abs=1e-9)
    assert judged[best.block_id] > alone["p"].max()


def test_the_finding_itself_stays_as_it_came(town: Site, inspector: Account, now: datetime) -> None:
    course = walk(along(200, 60, 340, 57), now, mode="foot")
    seen = replace(report(7, 192, 208, now), observed_at=moment(course, 26))
    _, before = findings.put(town, inspector, seen, now=now)
    tracks.put(town, inspector, course, now=now)
    after = findings.get(town, seen.uuid)
    assert replace(after, placement=None) == replace(before, placement=None)
    assert findings.put(town, inspector, seen, now=now)[0] is findings.Outcome.SAME


def test_findings_that_came_after_their_track_are_caught_up_with_once(
    town: Site, inspector: Account, now: datetime
) -> None:
    course = walk(along(200, 60, 340, 57), now, mode="foot")
    tracks.put(town, inspector, course, now=now)
    seen = replace(report(7, 192, 208, now), observed_at=moment(course, 26))
    findings.put(town, inspector, seen, now=now)
    assert alongside.place_all(town, now=now) == 1
    assert placement(town, seen.uuid).track_id is not None
    assert alongside.place_all(town, now=now) == 0


def test_a_finding_from_another_phone_or_another_hour_is_left_alone(
    town: Site, inspector: Account, now: datetime
) -> None:
    course = replace(walk(along(200, 60, 340, 57), now, mode="foot"), device="one")
    late = report(7, 192, 208, now)
    strange = replace(report(8, 192, 208, now), observed_at=moment(course, 26), device="two")
    for each in (late, strange):
        findings.put(town, inspector, each, now=now)
    tracks.put(town, inspector, course, now=now)
    with town.store.read() as conn:
        assert set(conn.execute(select(schema.placement.c.track_id)).scalars()) == {None}
