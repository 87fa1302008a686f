"""Checked, nothing found: exactly once, and where it counts; withdrawn, and it counts no more."""

from collections.abc import Callable
from datetime import datetime

import pytest
from sqlalchemy import select

from layers import history, people
from layers.analysis import coverage_choice
from layers.analysis.questions import Analyst
from layers.field import coverage
from layers.people import Account, Scope
from layers.site import Site
from layers.store.schema import district
from tests.field_api.conftest import ONE_STORE, Person, check, uuid


def test_a_check_is_created_then_the_same_then_a_conflict(me: Person, other: Person, boss: Person) -> None:
    first, again = (me.put(f"/checks/{uuid(1)}", json=check()) for _ in range(2))
    changed = me.put(f"/checks/{uuid(1)}", json=check(extent="block"))
    assert [each.status_code for each in (first, again, changed)] == [201, 200, 409]
    assert (
        first.json == again.json == me.get(f"/checks/{uuid(1)}").json == boss.get(f"/checks/{uuid(1)}").json
    )
    assert other.get(f"/checks/{uuid(1)}").status_code == 404
    assert other.put(f"/checks/{uuid(1)}", json=check()).status_code == 409


def test_a_place_counts_some_metres_and_a_block_as_a_whole(me: Person, town: Site) -> None:
    place = me.put(f"/checks/{uuid(1)}", json=check()).json["stretch"]
    assert (place["street_name"], place["to_m"] - place["from_m"]) == ("光荣道", 50.0)
    block = me.put(f"/checks/{uuid(2)}", json=check(100, 404, extent="block")).json["stretch"]
    assert (block["from_m"], block["to_m"]) == (0.0, 200.0)
    found = coverage.intervals(town)
    assert found["state"].tolist() == ["inspected", "inspected"]
    assert found["side"].tolist() == ["both", "both"]
    assert (found["to_m"] - found["from_m"]).sum() == pytest.approx(250)


def test_a_check_in_doubt_is_kept_and_does_not_count(me: Person, town: Site) -> None:
    # at a crossing nobody can tell on which street somebody stands
    answer = me.put(f"/checks/{uuid(1)}", json=check(200, 200))
    assert answer.status_code == 201
    assert answer.json["stretch"] is None
    assert answer.json["p_block"] < 0.8
    assert coverage.intervals(town).empty


def test_a_withdrawn_check_stays_and_counts_nowhere(me: Person, town: Site, now: datetime) -> None:
    me.put(f"/checks/{uuid(1)}", json=check())
    me.put(f"/checks/{uuid(2)}", json=check(100, 404, extent="block"))
    analyst = Analyst(town)
    assert len(coverage_choice.passes(analyst)) == 2
    first, again = (
        me.put(f"/checks/{uuid(1)}/withdrawal", json={"reason": reason}) for reason in ("点错路段", "又一次")
    )
    assert (first.status_code, again.status_code) == (200, 200)
    assert first.json == again.json == me.get(f"/checks/{uuid(1)}").json
    assert first.json["withdrawn"]["reason"] == "点错路段"
    assert datetime.fromisoformat(first.json["withdrawn"]["at"]) == now.replace(microsecond=0)
    assert coverage.intervals(town)["recording"].tolist() == [f"check:{uuid(2)}"]
    assert coverage_choice.passes(analyst)["recording"].tolist() == [f"check:{uuid(2)}"]
    # the same check sent once more by a phone that lost the answer is still withdrawn
    late = me.put(f"/checks/{uuid(1)}", json=check())
    assert (late.status_code, late.json) == (200, first.json)
    with town.store.read() as conn:
        told = history.of(conn, "check", uuid(1))
    assert [line["action"] for line in told] == ["create", "withdraw"]
    assert told[1]["details"] == {"reason": "点错路段"}


def test_what_was_worked_out_before_a_withdrawal_is_old(me: Person, town: Site) -> None:
    me.put(f"/checks/{uuid(1)}", json=check())
    analyst = Analyst(town)
    before = analyst.versions()
    me.put(f"/checks/{uuid(1)}/withdrawal", json={})
    assert analyst.versions() != before


def test_only_who_made_it_and_who_looks_after_the_area_withdraw_a_check(
    me: Person, other: Person, person: Callable[[Account], Person], town: Site, now: datetime
) -> None:
    with town.store.write() as conn:
        areas = {
            name: conn.execute(select(district.c.fid).where(district.c.name == name)).scalar_one()
            for name in ("西社区", "东社区")
        }
        desks = {}
        for name, fid in areas.items():
            made = people.create(conn, f"desk-{fid}", name, "desk", password=None, now=now)
            people.limit(conn, made.id, Scope((fid,)), by=None, now=now)
            desks[name] = people.by_id(conn, made.id)
    path = f"/checks/{uuid(1)}"
    me.put(path, json=check())
    east = person(desks["东社区"])
    for stranger in (other, east):
        assert stranger.get(path).status_code == 404
        assert stranger.put(f"{path}/withdrawal", json={}).status_code == 404
    assert me.get(path).json["withdrawn"] is None
    west = person(desks["西社区"])
    assert west.get(path).status_code == 200
    answer = west.put(f"{path}/withdrawal", json={"reason": "现场有摊贩"})
    assert (answer.status_code, answer.json["withdrawn"]["by"]) == (200, "西社区")


@ONE_STORE
def test_a_withdrawal_that_cannot_be_is_named(me: Person) -> None:
    me.put(f"/checks/{uuid(1)}", json=check())
    path = f"/checks/{uuid(1)}/withdrawal"
    answers = [me.put(path, json=body) for body in ({"reason": "\x00"}, {"why": "x"}, {"reason": "x" * 5000})]
    assert {answer.status_code for answer in answers} <= {400, 422}
    assert [answer.json["error"]["field"] for answer in answers] == ["reason", "why", "reason"]
    assert me.put(f"/checks/{uuid(9)}/withdrawal", json={}).status_code == 404
    assert me.get(f"/checks/{uuid(1)}").json["withdrawn"] is None


@ONE_STORE
@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"extent": "city"}, "extent"),
        ({"observed_at": "2030-01-01T00:00:00Z"}, "observed_at"),
        ({"note": "\x00"}, "note"),
        ({"code": "0406"}, "code"),
    ],
    ids=["extent", "future", "control", "more"],
)
def test_what_cannot_be_is_named(me: Person, changes: dict[str, str], field: str) -> None:
    answer = me.put(f"/checks/{uuid(1)}", json=check(**changes))
    assert answer.status_code in (400, 422)
    assert answer.json["error"]["field"] == field
    assert me.get(f"/checks/{uuid(1)}").status_code == 404
