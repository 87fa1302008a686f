"""What may be in a body: JSON to the letter, of the right type, of a bearable size."""

from json import dumps
from typing import Any

import pytest
from werkzeug.test import TestResponse

from tests.field_api.conftest import ONE_STORE, Person, finding, uuid

pytestmark = ONE_STORE
WHERE = f"/findings/{uuid(1)}"
JSON = "application/json"


def refused(answer: TestResponse, status: int, code: str) -> None:
    assert (answer.status_code, answer.json["error"]["code"]) == (status, code), answer.text
    assert answer.json["error"]["message"]


def test_json_that_is_not_json_is_malformed(me: Person) -> None:
    bodies: list[bytes] = [
        b"",
        b"{",
        b'{"note": "a"',
        b"{'note': 'a'}",
        b'{"note": NaN}',
        b'{"note": Infinity}',
        b'{"note": -Infinity}',
        b'{"note": "\xff"}',
        b'{"note": "\\ud800"}',
        "\ufeff{}".encode(),
        b"{} {}",
        "{}".encode("utf-16"),
        b'{"note": ' + b"9" * 5000 + b"}",
        b"\x00",
    ]
    for body in bodies:
        refused(me.put(WHERE, data=body, content_type=JSON), 400, "malformed")


def test_numbers_beyond_the_largest_are_no_positions(me: Person) -> None:
    lon = dumps(finding()["position"]["lon"])
    for wrong in ("1e999", "-1e999"):
        body = dumps(finding()).replace(lon, wrong)
        answer = me.put(WHERE, data=body.encode(), content_type=JSON)
        assert (answer.status_code, answer.json["error"]["field"]) == (422, "position.lon")


@pytest.mark.parametrize("brackets", [("[", "]"), ('{"a":', "}")])
def test_deep_json_is_refused(me: Person, brackets: tuple[str, str]) -> None:
    deep = brackets[0] * 10_000 + "1" + brackets[1] * 10_000
    refused(me.put(WHERE, data=deep[:60_000], content_type=JSON), 400, "malformed")


@pytest.mark.parametrize("brackets", [("[", "]"), ('{"a":', "}")])
def test_json_a_hundred_thousand_deep_is_refused_where_so_much_may_come(
    me: Person, brackets: tuple[str, str]
) -> None:
    deep = brackets[0] * 100_000 + "1" + brackets[1] * 100_000
    refused(me.post("/findings", data=deep, content_type=JSON), 400, "malformed")
    refused(me.put(f"/tracks/{uuid(1)}", data=deep, content_type=JSON), 400, "malformed")


def test_of_two_members_of_one_name_the_last_counts(me: Person) -> None:
    body = dumps(finding(note="last"))
    twice = '{"note": "first", ' + body[1:]
    assert me.put(WHERE, data=twice.encode(), content_type=JSON).status_code == 201
    assert me.get(WHERE).json["note"] == "last"
    assert me.put(WHERE, data=body.encode(), content_type=JSON).status_code == 200


def test_a_zero_in_a_text_is_refused_with_its_field(me: Person) -> None:
    for name in ("note", "street_hint", "device"):
        answer = me.put(WHERE, json=finding(**{name: "a\0b"}))
        assert (answer.status_code, answer.json["error"]["field"]) == (422, name)


def test_one_finding_has_64_kib_and_a_batch_4_mib(me: Person) -> None:
    refused(me.put(WHERE, json=finding(note="x" * 70_000)), 413, "too_large")
    refused(me.post("/findings", data=b" " * (4 * 1024 * 1024 + 1), content_type=JSON), 413, "too_large")


def test_a_chunked_body_over_the_limit_is_refused_and_not_cut(me: Person) -> None:
    padded = b"{}" + b" " * 70_000
    answer = me.put(
        WHERE,
        data=padded,
        content_type=JSON,
        environ_overrides={"wsgi.input_terminated": True, "HTTP_TRANSFER_ENCODING": "chunked"},
    )
    refused(answer, 413, "too_large")


@pytest.mark.parametrize(
    "options", [{"data": b"{}"}, {"data": {"note": "a"}}, {"data": b"{}", "content_type": "text/plain"}]
)
def test_another_type_is_refused(me: Person, options: dict[str, Any]) -> None:
    for answer in (me.put(WHERE, **options), me.post("/findings", **options)):
        refused(answer, 415, "unsupported_media_type")


def test_json_with_a_charset_is_json(me: Person) -> None:
    body = dumps(finding()).encode()
    assert me.put(WHERE, data=body, content_type="application/json; charset=utf-8").status_code == 201


def test_the_type_is_looked_at_before_anything_is_read_or_written(me: Person) -> None:
    refused(
        me.put(f"/tracks/{uuid(1)}", data=b"<gpx/>", content_type="text/xml"), 415, "unsupported_media_type"
    )
    refused(
        me.put(f"/findings/{uuid(1)}/photos", data=b"<svg/>", content_type="text/html"),
        415,
        "unsupported_media_type",
    )


def test_a_thousand_wrong_members_are_told_on_one_screen(me: Person) -> None:
    body = {**finding(), **{f"x{number}": 1 for number in range(1000)}}
    error = me.put(WHERE, json=body).json["error"]
    assert len(error["details"]) == 20


def test_a_percent_sign_in_what_was_sent_does_no_harm(me: Person) -> None:
    answer = me.put(WHERE, json=finding(**{"100%(field)d": 1}))
    assert (answer.status_code, answer.json["error"]["field"]) == (422, "100%(field)d")
