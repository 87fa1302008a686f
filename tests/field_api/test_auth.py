"""Who gets in: a stranger nowhere, a colleague not to what is mine, nobody more often than allowed."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest
from flask import Flask

import field_api
from layers import people, tokens
from layers.people import Account
from layers.site import Site
from layers.store import Store
from tests.conftest import add_account
from tests.field_api.conftest import ONE_STORE, Person, check, finding, track, uuid
from tests.field_api.test_photos import jpeg

# What a stranger may see, said here once more: a new address is closed unless somebody changes this too
OPEN = {
    "/api/v1/health",
    "/api/v1/openapi.json",
    "/api/v1/docs",
    "/api/v1/docs/static/<path:filename>",
    "/api/v1/docs/assets/<path:filename>",
}
SHA256 = "0" * 64


def addresses(app: Flask) -> list[tuple[str, str, str]]:
    """Return (rule, method, path) of everything that the API answers."""
    found = []
    for rule in app.url_map.iter_rules():
        if rule.rule.startswith("/api/"):
            path = rule.rule.replace("<uuid>", uuid(1)).replace("<sha256>", SHA256)
            path = path.replace("<kind>", "csv").replace("<number>", "1")
            for method in sorted((rule.methods or set()) - {"OPTIONS"}):
                found.append((rule.rule, method, path.replace("<path:filename>", "try.js")))
    return found


@ONE_STORE
def test_the_walk_knows_every_kind_of_address(app: Flask) -> None:
    walked = addresses(app)
    assert len(walked) >= 20
    assert not [path for rule, _, path in walked if "<" in path]


@pytest.fixture
def revoked(town: Site, inspector: Account, now: datetime) -> str:
    with town.store.write() as conn:
        token = tokens.issue(conn, inspector.id, "lost phone", now=now)
        tokens.revoke(conn, tokens.bearer(conn, token, now).token_id, by=inspector.id, now=now)
    return token


def test_a_stranger_sees_nothing_at_any_address(
    app: Flask, stranger: Person, me: Person, revoked: str
) -> None:
    me.put(f"/findings/{uuid(1)}", json=finding(note="geheim"))
    token = str(me.token)
    bad = [
        None,
        "Bearer",
        "Bearer ",
        "Bearer wrong",
        f"Bearer {token}x",
        f"Bearer {token[:-1]}",
        f"Bearer {revoked}",
        f"Basic {token}",
        f"Token {token}",
        token,
        "Bearer \xe4\xf6\xfc",
    ]
    for rule, method, path in addresses(app):
        if rule in OPEN:
            continue
        for header in bad:
            headers = {"Authorization": header} if header is not None else {}
            answer = stranger.client.open(
                path, method=method, headers=headers, json={} if method in ("PUT", "POST") else None
            )
            assert answer.status_code == 401, (method, rule, header)
            assert answer.headers["WWW-Authenticate"].startswith('Bearer realm="xuncha"')
            assert "geheim" not in answer.text


@ONE_STORE
def test_a_token_in_the_address_or_a_cookie_is_no_token(stranger: Person, me: Person) -> None:
    assert stranger.get(f"/me?access_token={me.token}").status_code == 401
    stranger.client.set_cookie("Authorization", f"Bearer {me.token}")
    assert stranger.get("/me").status_code == 401


@ONE_STORE
def test_a_bad_token_is_told_apart_from_none(stranger: Person) -> None:
    assert "error=" not in stranger.get("/me").headers["WWW-Authenticate"]
    wrong = stranger.get("/me", headers={"Authorization": "Bearer wrong"})
    assert 'error="invalid_token"' in wrong.headers["WWW-Authenticate"]


def test_what_is_open_says_nothing_of_the_site(app: Flask, stranger: Person, me: Person, town: Site) -> None:
    me.put(f"/findings/{uuid(1)}", json=finding(note="geheim"))
    secrets = ["geheim", "zhang", str(town.settings.home), town.settings.secret_key(), "光荣道", "普育"]
    for rule, method, path in addresses(app):
        if rule in OPEN:
            answer = stranger.client.open(path, method=method, buffered=True)
            assert answer.status_code in (200, 404)
            assert not [secret for secret in secrets if secret in answer.text]


def test_a_colleague_gets_nothing_of_mine_at_any_address(app: Flask, me: Person, other: Person) -> None:
    me.put(f"/findings/{uuid(1)}", json=finding(note="geheim"))
    me.put(f"/tracks/{uuid(1)}", json=track(device="geheim"))
    me.put(f"/checks/{uuid(1)}", json=check(note="geheim"))
    sha256 = me.put(f"/findings/{uuid(1)}/photos", data=jpeg(), content_type="image/jpeg").json["sha256"]
    bodies: dict[str, dict[str, Any]] = {
        "/api/v1/findings/<uuid>": {"json": finding(note="mine now")},
        "/api/v1/findings": {"json": {"findings": [finding(uuid=uuid(1))]}},
        "/api/v1/tracks/<uuid>": {"json": track(device="mine now")},
        "/api/v1/checks/<uuid>": {"json": check(note="mine now")},
        "/api/v1/checks/<uuid>/withdrawal": {"json": {"reason": "mine now"}},
        "/api/v1/findings/<uuid>/photos": {"data": jpeg("blue"), "content_type": "image/jpeg"},
        "/api/v1/findings/<uuid>/uploads": {"json": {"sha256": sha256, "n_bytes": 9}},
    }
    changes: dict[str, dict[str, Any]] = {
        "/api/v1/findings/<uuid>": {"json": {"version": 1, "note": "mine now"}},
        "/api/v1/findings/<uuid>/uploads/<sha256>": {
            "data": b"x",
            "content_type": "application/octet-stream",
            "query_string": "offset=0",
        },
    }
    seen = {}
    for rule, method, path in addresses(app):
        body = bodies[rule] if method in ("PUT", "POST") else changes[rule] if method == "PATCH" else {}
        answer = other.ask(method, path.removeprefix("/api/v1").replace(SHA256, sha256), **body)
        assert "geheim" not in answer.text, (method, rule)
        seen[method, rule] = answer.status_code
    mine = {key: status for key, status in seen.items() if "<uuid>" in key[1] or "<sha256>" in key[1]}
    assert set(mine.values()) <= {403, 404, 409}, mine
    assert me.get(f"/findings/{uuid(1)}").json["note"] == "geheim"
    assert len(me.get(f"/findings/{uuid(1)}").json["photos"]) == 1


def test_who_only_reads_is_refused_what_writes(
    me: Person, person: Callable[[Account], Person], town: Site, now: datetime
) -> None:
    me.put(f"/findings/{uuid(1)}", json=finding())
    viewer = person(add_account(town, "viewer", "viewer", now))
    unit = person(add_account(town, "unit", "unit", now))
    assert viewer.get("/me").json["role"] == "viewer"
    assert viewer.get(f"/findings/{uuid(1)}").status_code == 200
    assert unit.get(f"/findings/{uuid(1)}").status_code == 404
    assert unit.get("/findings").json["features"] == []
    for reader in (viewer, unit):
        assert reader.put(f"/findings/{uuid(2)}", json=finding()).status_code == 403
        assert reader.put(f"/tracks/{uuid(2)}", json=track()).status_code == 403
    assert viewer.ask("PATCH", f"/findings/{uuid(1)}", json={"version": 1, "note": "x"}).status_code == 403
    assert viewer.ask("DELETE", f"/findings/{uuid(1)}", headers={"If-Match": '"1"'}).status_code == 403


def test_an_account_that_is_shut_out_is_a_stranger_at_once(
    me: Person, town: Site, now: datetime, inspector: Account
) -> None:
    assert me.get("/me").status_code == 200
    with town.store.write() as conn:
        people.disable(conn, inspector.id, by=None, now=now)
    assert me.get("/me").status_code == 401


def test_me_says_who_i_am_and_what_time_it_is(me: Person) -> None:
    found = me.get("/me").json
    assert (found["login"], found["role"], found["server_time"]) == (
        "zhang",
        "inspector",
        "2026-08-23T08:00:00Z",
    )
    assert found["limits"]["batch_findings"] == 500


def test_health_is_for_everybody(stranger: Person) -> None:
    assert stranger.get("/health").json == {"status": "ok", "server_time": "2026-08-23T08:00:00Z"}


@pytest.fixture
def strict(town: Site, now: datetime) -> Any:
    """The API with an allowance of five requests a minute."""
    settings = replace(town.settings, requests_per_minute=5)
    site = Site(settings, Store.open(settings.store_place))
    app = Flask("xuncha")
    app.testing = True
    field_api.register(app, site, clock=lambda: now)
    yield app
    site.close()


@ONE_STORE
def test_each_token_has_its_allowance_and_strangers_share_that_of_their_address(
    strict: Flask, me: Person, other: Person
) -> None:
    mine, theirs, nobody = (Person(strict.test_client(), each) for each in (me.token, other.token, None))
    assert [mine.get("/me").status_code for _ in range(6)] == [200] * 5 + [429]
    assert theirs.get("/me").status_code == 200
    told = mine.get("/categories")
    assert (told.status_code, told.json["error"]["code"]) == (429, "too_many_requests")
    assert int(told.headers["Retry-After"]) > 0
    guesses = [nobody.get("/me", headers={"Authorization": f"Bearer {n}"}).status_code for n in range(6)]
    assert guesses == [401] * 5 + [429]
    assert nobody.get("/health").status_code == 200


@ONE_STORE
def test_a_token_may_have_a_limit_of_its_own_and_its_use_is_noted(
    strict: Flask, town: Site, inspector: Account, me: Person, now: datetime
) -> None:
    with town.store.write() as conn:
        secret = tokens.issue(conn, inspector.id, "dashboard", now, per_minute=2)
    program, phone = Person(strict.test_client(), secret), Person(strict.test_client(), me.token)
    assert [program.get("/me").status_code for _ in range(3)] == [200, 200, 429]
    assert 0 < int(program.get("/me").headers["Retry-After"]) <= 60
    assert phone.get("/me").json["limits"]["requests_per_minute"] == 5
    with town.store.read() as conn:
        assert [one.last_used_at for one in tokens.of_account(conn, inspector.id)] == [now, now]
