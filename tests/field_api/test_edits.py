"""Corrections and withdrawals over HTTP."""

import pytest

from tests.field_api.conftest import ONE_STORE, Person, finding, uuid

pytestmark = ONE_STORE
PATH = f"/findings/{uuid(1)}"


@pytest.fixture(autouse=True)
def sent(me: Person) -> None:
    assert me.put(PATH, json=finding()).status_code == 201


def test_a_correction_names_the_version_in_the_header_or_in_the_body(me: Person) -> None:
    first = me.ask("PATCH", PATH, json={"note": "两处", "n_items": 2}, headers={"If-Match": '"1"'})
    assert (first.status_code, first.json["version"], first.json["note"]) == (200, 2, "两处")
    assert first.headers["ETag"] == '"2"'
    second = me.ask("PATCH", PATH, json={"version": 2, "category": "gbt30428-2013-event.0101", "note": None})
    assert (second.status_code, second.json["code"], second.json["note"]) == (200, "0101", None)
    assert second.json["n_items"] == 2
    assert me.get(PATH).headers["ETag"] == '"3"'


def test_an_older_version_is_a_conflict(me: Person) -> None:
    me.ask("PATCH", PATH, json={"version": 1, "note": "a"})
    late = me.ask("PATCH", PATH, json={"version": 1, "note": "b"})
    assert (late.status_code, late.json["error"]["field"]) == (409, "version")
    assert me.ask("DELETE", PATH, headers={"If-Match": '"1"'}).status_code == 409
    assert me.get(PATH).json["note"] == "a"


@pytest.mark.parametrize(
    ("body", "headers", "field"),
    [
        ({"note": "a"}, {}, "version"),
        ({"note": "a"}, {"If-Match": "*"}, "If-Match"),
        ({"note": "a"}, {"If-Match": 'W/"1"'}, "If-Match"),
        ({"note": "a", "version": 2}, {"If-Match": '"1"'}, "version"),
        ({"category": None, "version": 1}, {}, "category"),
        ({"channel": None, "version": 1}, {}, "channel"),
        ({"position": {}, "version": 1}, {}, "position"),
        ({"category": "gbt30428-2013-event.9999", "version": 1}, {}, None),
    ],
)
def test_what_cannot_be_is_named(
    me: Person, body: dict[str, object], headers: dict[str, str], field: str | None
) -> None:
    answer = me.ask("PATCH", PATH, json=body, headers=headers)
    assert answer.status_code == 422
    if field:
        assert answer.json["error"]["field"] == field
    assert me.get(PATH).json["version"] == 1


def test_who_withdraws_says_which_version_was_looked_at(me: Person, other: Person) -> None:
    assert me.ask("PATCH", PATH, json={"version": 1, "note": "a"}).status_code == 200
    blind = me.ask("DELETE", PATH)
    assert (blind.status_code, blind.json["error"]["field"]) == (422, "If-Match")
    assert other.ask("DELETE", PATH).status_code == 404
    assert me.get(PATH).json["withdrawn_at"] is None
    assert me.ask("DELETE", PATH, headers={"If-Match": '"2"'}).status_code == 200


def test_the_header_with_the_version_is_documented(me: Person) -> None:
    described = me.get("/openapi.json").json["paths"]["/api/v1/findings/{uuid}"]
    for method in ("patch", "delete"):
        assert ("If-Match", "header") in [(one["name"], one["in"]) for one in described[method]["parameters"]]


def test_a_withdrawn_finding_is_listed_no_more_but_can_be_read(me: Person) -> None:
    gone = me.ask("DELETE", PATH, headers={"If-Match": '"1"'})
    assert (gone.status_code, gone.json["withdrawn_at"]) == (200, "2026-08-23T08:00:00Z")
    assert me.ask("DELETE", PATH).json == gone.json
    assert me.get("/findings").json["features"] == []
    assert me.get(PATH).json == gone.json
    assert me.ask("PATCH", PATH, json={"version": 2, "note": "a"}).status_code == 409
    assert me.put(PATH, json=finding()).status_code == 200


def test_each_may_do_what_is_his(me: Person, other: Person, boss: Person, stranger: Person) -> None:
    for who, status in ((stranger, 401), (other, 404), (boss, 200)):
        change = {"version": 1, "note": "von oben"}
        assert who.ask("PATCH", PATH, json=change).status_code == status
    for who, status in ((stranger, 401), (other, 404), (boss, 200)):
        assert who.ask("DELETE", PATH, headers={"If-Match": '"2"'}).status_code == status
    assert me.get(PATH).json["withdrawn_at"] is not None
    assert me.ask("PATCH", f"/findings/{uuid(9)}", json={"version": 1}).status_code == 404
