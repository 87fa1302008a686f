"""Checked, nothing found: exactly once, and where it counts."""

import pytest

from layers.field import coverage
from layers.site import Site
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
