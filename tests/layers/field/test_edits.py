from datetime import datetime, timedelta
from threading import Barrier, Thread
from typing import Any

import pytest

from layers import checking, history
from layers.errors import ConflictError, InvalidError, NotFoundError
from layers.field import edits, findings
from layers.field.findings import FindingFilter, Outcome
from layers.people import Account
from layers.site import Site
from tests.conftest import report


@pytest.fixture
def uuid(town: Site, inspector: Account, now: datetime) -> str:
    sent = report(1, 90, 205, now)
    findings.put(town, inspector, sent, now=now)
    return sent.uuid


def lines(site: Site, uuid: str) -> list[dict[str, Any]]:
    with site.store.read() as conn:
        return history.of(conn, "finding", uuid)


def test_what_was_said_is_corrected_and_what_was_before_is_kept(
    town: Site, inspector: Account, uuid: str, now: datetime
) -> None:
    later = now + timedelta(minutes=5)
    changes = {"note": "两处", "n_items": 2, "channel": "inspection"}
    found = edits.edit(town, inspector, uuid, changes, version=1, now=later)
    assert (found.version, found.note, found.n_items) == (2, "两处", 2)
    assert findings.get(town, uuid) == found
    line = lines(town, uuid)[-1]
    assert (line["action"], line["version"], line["at"], line["account_id"]) == (
        "edit",
        2,
        later,
        inspector.id,
    )
    assert line["details"] == {
        "before": {"note": "占道经营", "n_items": None},
        "after": {"note": "两处", "n_items": 2},
    }
    assert checking.soundness(town).is_sound


def test_a_correction_that_changes_nothing_is_none(
    town: Site, inspector: Account, uuid: str, now: datetime
) -> None:
    found = edits.edit(town, inspector, uuid, {"note": "占道经营"}, version=1, now=now)
    assert found.version == 1
    assert len(lines(town, uuid)) == 1


def test_who_looked_at_an_older_version_is_told(
    town: Site, inspector: Account, uuid: str, now: datetime
) -> None:
    edits.edit(town, inspector, uuid, {"note": "a"}, version=1, now=now)
    with pytest.raises(ConflictError, match="version 2"):
        edits.edit(town, inspector, uuid, {"note": "b"}, version=1, now=now)
    with pytest.raises(ConflictError):
        edits.withdraw(town, inspector, uuid, version=1, now=now)
    assert findings.get(town, uuid).note == "a"


def test_of_two_at_once_one_is_told(town: Site, inspector: Account, uuid: str, now: datetime) -> None:
    told: list[object] = []
    together = Barrier(4)

    def change(note: str) -> None:
        together.wait()
        try:
            told.append(edits.edit(town, inspector, uuid, {"note": note}, version=1, now=now).version)
        except ConflictError as error:
            told.append(error)

    people = [Thread(target=change, args=(note,)) for note in "abcd"]
    for one in people:
        one.start()
    for one in people:
        one.join()
    assert sum(answer == 2 for answer in told) == 1
    assert len(lines(town, uuid)) == 2


def test_another_street_hint_places_it_anew(town: Site, inspector: Account, now: datetime) -> None:
    sent = report(1, 196, 196, now, street_hint="京津公路")
    findings.put(town, inspector, sent, now=now)
    before = findings.get(town, sent.uuid).placement
    found = edits.edit(town, inspector, sent.uuid, {"street_hint": "光荣道"}, version=1, now=now)
    assert found.placement is not None
    assert found.placement.street_name == "光荣道"
    _, alike = findings.put(town, inspector, report(2, 196, 196, now, street_hint="光荣道"), now=now)
    assert alike.placement is not None
    assert found.placement.p_street == pytest.approx(alike.placement.p_street)
    assert found.placement != before


def test_a_street_hint_can_be_changed_where_there_are_no_streets(
    site: Site, inspector: Account, now: datetime
) -> None:
    sent = report(1, 90, 205, now)
    findings.put(site, inspector, sent, now=now)
    assert edits.edit(site, inspector, sent.uuid, {"street_hint": "x"}, version=1, now=now).version == 2


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"code": "9999"}, "code"),
        ({"channel": "rumour"}, "channel"),
        ({"n_items": 0}, "n_items"),
        ({"note": "x" * 4001}, "note"),
        ({"note": "\0"}, "note"),
        ({"observed_at": None}, "observed_at"),
        ({"account_id": 1}, "account_id"),
    ],
)
def test_what_cannot_be_is_refused_and_named(
    town: Site, inspector: Account, uuid: str, now: datetime, *, changes: dict[str, Any], field: str
) -> None:
    with pytest.raises(InvalidError) as refused:
        edits.edit(town, inspector, uuid, changes, version=1, now=now)
    assert refused.value.field == field
    assert findings.get(town, uuid).version == 1


def test_a_colleague_does_not_learn_that_it_is_there_and_a_supervisor_may(
    town: Site, colleague: Account, supervisor: Account, uuid: str, now: datetime
) -> None:
    with pytest.raises(NotFoundError):
        edits.edit(town, colleague, uuid, {"note": "a"}, version=1, now=now)
    with pytest.raises(NotFoundError):
        edits.withdraw(town, colleague, uuid, now=now)
    assert edits.edit(town, supervisor, uuid, {"note": "a"}, version=1, now=now).version == 2
    assert lines(town, uuid)[-1]["account_id"] == supervisor.id


def test_what_is_withdrawn_counts_no_more_and_stays(
    town: Site, inspector: Account, uuid: str, now: datetime
) -> None:
    found = edits.withdraw(town, inspector, uuid, version=1, now=now)
    assert (found.version, found.withdrawn_at) == (2, now)
    assert findings.page(town, FindingFilter()).findings == []
    assert findings.get(town, uuid) == found
    again = edits.withdraw(town, inspector, uuid, now=now + timedelta(hours=1))
    assert again == found
    assert [line["action"] for line in lines(town, uuid)] == ["create", "withdraw"]
    with pytest.raises(ConflictError, match="withdrawn"):
        edits.edit(town, inspector, uuid, {"note": "a"}, version=2, now=now)


def test_what_is_sent_again_after_a_correction_is_known(
    town: Site, inspector: Account, uuid: str, now: datetime
) -> None:
    edits.edit(town, inspector, uuid, {"note": "a"}, version=1, now=now)
    outcome, found = findings.put(town, inspector, report(1, 90, 205, now), now=now)
    assert (outcome, found.note, found.version) == (Outcome.SAME, "a", 2)
