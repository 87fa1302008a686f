"""Batches of findings: an answer for each, the good ones taken whatever the bad ones are."""

from typing import Any

from layers.site import Site
from layers.store.schema import finding as finding_table
from tests.field_api.conftest import Person, finding, uuid, without
from tests.field_api.test_findings import count


def item(number: int, **changes: Any) -> dict[str, Any]:
    return finding(**{"uuid": uuid(number), **changes})


def test_each_finding_of_a_batch_gets_the_answer_it_would_have_got_alone(me: Person, town: Site) -> None:
    alone = me.put(f"/findings/{uuid(1)}", json=finding()).json
    sent = [
        item(1),
        item(1, note="other"),
        item(2),
        without(item(3), "position", "frame"),
        item(4, observed_at="2026-08-24T15:00:00+08:00"),
        item(5, fixed_at="2026-08-24T15:00:00+08:00"),
        without(item(6), "uuid"),
        item(7, uuid="seven"),
        "text",
        None,
        item(2),
    ]
    answer = me.post("/findings", json={"findings": sent})
    assert answer.status_code == 200
    told = answer.json
    assert (told["n_created"], told["n_same"], told["n_refused"]) == (1, 2, 8)
    assert [each["row"] for each in told["items"]] == list(range(11))
    assert [each["status"] for each in told["items"]] == [200, 409, 201, *[422] * 7, 200]
    assert told["items"][0]["finding"] == alone
    assert told["items"][2]["finding"]["placement"]["street_name"] == "光荣道"
    fields = [each["error"]["field"] for each in told["items"] if each["outcome"] == "refused"]
    assert fields == [
        *("uuid", "position.frame", "observed_at", "position.fixed_at"),
        *("uuid", "uuid", "body", "body"),
    ]
    assert count(town, finding_table) == 2


def test_a_batch_sent_again_changes_nothing(me: Person, town: Site) -> None:
    batch = {"findings": [item(number) for number in range(1, 51)]}
    first, again = me.post("/findings", json=batch).json, me.post("/findings", json=batch).json
    assert (first["n_created"], again["n_same"]) == (50, 50)
    assert [each["finding"] for each in first["items"]] == [each["finding"] for each in again["items"]]
    assert count(town, finding_table) == 50


def test_a_batch_holds_1_to_500_findings(me: Person, town: Site) -> None:
    whole = me.post("/findings", json={"findings": [item(number) for number in range(1, 501)]})
    assert whole.json["n_created"] == 500
    for n in (0, 501):
        answer = me.post("/findings", json={"findings": [item(1)] * n})
        assert (answer.status_code, answer.json["error"]["field"]) == (422, "findings")
    assert count(town, finding_table) == 500


def test_a_colleagues_finding_in_a_batch_is_refused_and_not_shown(me: Person, other: Person) -> None:
    me.put(f"/findings/{uuid(1)}", json=finding())
    refused = other.post("/findings", json={"findings": [item(1)]}).json["items"][0]
    assert (refused["status"], refused["finding"]) == (409, None)
