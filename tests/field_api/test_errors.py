"""One shape for every error; ours are logged with their trace and shown without it."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest
from flask import Flask, redirect, request
from flask.testing import FlaskClient
from flask_wtf.csrf import CSRFProtect
from sqlalchemy import event, func, select, text
from werkzeug import Response
from werkzeug.test import TestResponse

import field_api
from field_api.errors import HTTP
from field_api.wire.errors import MESSAGES, UNKNOWN
from layers import language
from layers.site import Site
from layers.store import Store, schema
from tests.field_api.conftest import ONE_STORE, Person, finding, uuid
from tests.field_api.test_findings import count

WHERE = f"/findings/{uuid(1)}"


def shape(answer: TestResponse) -> dict[str, Any]:
    assert answer.mimetype == "application/json"
    assert set(answer.json) == {"error"}
    error: dict[str, Any] = answer.json["error"]
    assert {"code", "message"} <= set(error) <= {"code", "message", "field", "row", "details"}
    assert "Traceback" not in answer.text
    return error


@ONE_STORE
@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nothing", 404, "not_found"),
        ("GET", "", 404, "not_found"),
        ("GET", "/findings/", 404, "not_found"),
        ("DELETE", "/findings", 405, "method_not_allowed"),
        ("PATCH", "/me", 405, "method_not_allowed"),
    ],
)
def test_wrong_addresses_under_the_api_are_answered_in_json(
    me: Person, method: str, path: str, status: int, code: str
) -> None:
    answer = me.ask(method, path)
    assert (answer.status_code, shape(answer)["code"]) == (status, code)
    assert status != 405 or "Allow" in answer.headers


@ONE_STORE
def test_wrong_addresses_elsewhere_are_left_to_the_pages(me: Person) -> None:
    answer = me.client.get("/nothing")
    assert (answer.status_code, answer.mimetype) == (404, "text/html")
    assert me.client.get("/api/v2/findings").mimetype == "application/json"


@ONE_STORE
def test_messages_come_in_the_language_that_is_asked_for(me: Person) -> None:
    def told(wanted: str | None) -> str:
        headers = {"Accept-Language": wanted} if wanted else {}
        body = finding()
        del body["position"]["frame"]
        message: str = shape(me.put(WHERE, json=body, headers=headers))["message"]
        return message

    assert told(None) == told("zh-CN,zh;q=0.9") == told("fr") == "缺少 position.frame"
    assert told("en-GB,en;q=0.9,zh;q=0.5") == "position.frame is missing"
    assert shape(me.get("/nothing", headers={"Accept-Language": "en"}))["message"].startswith("There is")
    assert shape(me.get("/nothing"))["message"] == "此地址没有内容"


@ONE_STORE
def test_every_text_of_the_api_is_there_in_chinese(me: Person) -> None:
    texts = {*MESSAGES.values(), UNKNOWN, *(message for _, message in HTTP.values())}
    with language.using("zh"):
        assert [each for each in texts if language.gettext(each) == each] == []


@pytest.fixture
def impatient(town: Site, now: datetime) -> Iterator[Flask]:
    """The API on the same site with a store that waits for a lock no longer than a moment."""
    settings = replace(town.settings, busy_timeout_s=0.3)
    site = Site(settings, Store.open(settings.store_place, busy_timeout_s=settings.busy_timeout_s))
    app = Flask("xuncha")
    field_api.register(app, site, clock=lambda: now)
    yield app
    site.close()


def test_a_locked_store_is_busy_and_says_when_to_come_again(
    impatient: Flask, me: Person, town: Site, caplog: pytest.LogCaptureFixture
) -> None:
    hurried = Person(impatient.test_client(), me.token)
    lock = select(schema.site.c.value).with_for_update()
    with town.store.write() as conn:
        conn.execute(lock).all()
        with caplog.at_level(logging.ERROR):
            answer = hurried.put(WHERE, json=finding())
    assert (answer.status_code, shape(answer)["code"]) == (503, "busy")
    assert int(answer.headers["Retry-After"]) > 0
    assert len(caplog.records) == 1
    assert caplog.records[0].exc_info
    assert hurried.put(WHERE, json=finding()).status_code == 201


@ONE_STORE
def test_a_full_store_says_so_and_nothing_is_half_written(
    me: Person, town: Site, caplog: pytest.LogCaptureFixture
) -> None:
    with town.store.read() as conn:
        pages = conn.execute(text("PRAGMA page_count")).scalar_one()

    @event.listens_for(town.store.engine, "connect")
    def _fill(connection: Any, _: Any) -> None:
        connection.execute(f"PRAGMA max_page_count = {pages + 8}")

    town.store.engine.dispose()
    answers = []
    with caplog.at_level(logging.CRITICAL):
        while not answers or answers[-1].status_code == 201:
            number = len(answers) + 1
            answers.append(me.put(f"/findings/{uuid(number)}", json=finding(note="长" * 1000)))
    assert (answers[-1].status_code, shape(answers[-1])["code"]) == (507, "no_space")
    assert "Retry-After" in answers[-1].headers
    n_taken = len(answers) - 1
    assert count(town, schema.finding) == count(town, schema.placement) == n_taken
    with town.store.read() as conn:
        told = select(func.count()).where(schema.history.c.noun == "finding")
        assert conn.execute(told).scalar_one() == n_taken


@contextmanager
def renamed(site: Site, table: str, other: str) -> Iterator[None]:
    """Take a table away for a while."""
    with site.store.write() as conn:
        conn.execute(text(f"ALTER TABLE {table} RENAME TO {other}"))
    yield
    with site.store.write() as conn:
        conn.execute(text(f"ALTER TABLE {other} RENAME TO {table}"))


def test_a_fault_of_ours_is_logged_with_its_trace_and_shown_without(
    app: Flask, me: Person, town: Site, caplog: pytest.LogCaptureFixture
) -> None:
    app.testing = False
    with renamed(town, "finding_district", "lost"), caplog.at_level(logging.ERROR):
        answer = me.put(WHERE, json=finding())
    assert (answer.status_code, shape(answer)["code"]) == (500, "internal")
    assert "finding_district" not in answer.text
    assert [bool(record.exc_info) for record in caplog.records] == [True]


@ONE_STORE
def test_a_mistake_of_the_client_is_not_logged_as_an_error(
    me: Person, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        me.put(WHERE, json={})
    assert caplog.records == []


@ONE_STORE
def test_answers_are_data_and_are_not_kept(me: Person) -> None:
    for answer in (me.get("/me"), me.get("/findings"), me.put(WHERE, json={}), me.get("/nothing")):
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'")


@ONE_STORE
def test_the_pages_gates_do_not_stand_before_the_api(town: Site, me: Person, now: datetime) -> None:
    app = Flask("xuncha")
    app.secret_key = "a" * 32
    app.testing = True

    @app.before_request
    def gate() -> Response | None:
        return None if request.path.startswith("/api/v1/") else redirect("/login")

    CSRFProtect(app)
    field_api.register(app, town, clock=lambda: now)
    client: FlaskClient = app.test_client()
    assert Person(client, me.token).put(WHERE, json=finding()).status_code == 201
    assert client.get("/api/nothing").status_code == 404
