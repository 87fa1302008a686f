"""Three people at the door: who owns the records, a colleague, a supervisor; and nobody at all."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

import field_api
from layers import tokens
from layers.people import Account
from layers.site import Site
from tests.conftest import at

V1 = "/api/v1"
# For what never reaches the store
ONE_STORE = pytest.mark.parametrize("store_kind", ["gpkg"], indirect=True)


@dataclass(frozen=True)
class Person:
    """Somebody with a client and perhaps a token."""

    client: FlaskClient
    token: str | None = None

    def headers(self, given: dict[str, str] | None = None) -> dict[str, str]:
        own = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        return {**own, **(given or {})}

    def ask(self, method: str, path: str, **options: Any) -> TestResponse:
        headers = self.headers(options.pop("headers", None))
        return self.client.open(V1 + path, method=method, headers=headers, buffered=True, **options)

    def get(self, path: str, **options: Any) -> TestResponse:
        return self.ask("GET", path, **options)

    def put(self, path: str, **options: Any) -> TestResponse:
        return self.ask("PUT", path, **options)

    def post(self, path: str, **options: Any) -> TestResponse:
        return self.ask("POST", path, **options)


@pytest.fixture
def app(town: Site, now: datetime) -> Flask:
    """Give the API of the town, on an app with nothing else, its clock standing still."""
    app = Flask("xuncha")
    app.testing = True
    field_api.register(app, town, clock=lambda: now)
    return app


@pytest.fixture
def person(app: Flask, town: Site, now: datetime) -> Callable[[Account], Person]:
    """Give a way to send an account to the API with a fresh token."""

    def with_token(account: Account) -> Person:
        with town.store.write() as conn:
            return Person(app.test_client(), tokens.issue(conn, account.id, "phone", now=now))

    return with_token


@pytest.fixture
def me(person: Callable[[Account], Person], inspector: Account) -> Person:
    return person(inspector)


@pytest.fixture
def other(person: Callable[[Account], Person], colleague: Account) -> Person:
    return person(colleague)


@pytest.fixture
def boss(person: Callable[[Account], Person], supervisor: Account) -> Person:
    return person(supervisor)


@pytest.fixture
def stranger(app: Flask) -> Person:
    return Person(app.test_client())


def uuid(number: int) -> str:
    return str(UUID(int=number, version=4))


def finding(east_m: float = 100, north_m: float = 204, **changes: Any) -> dict[str, Any]:
    """Return a finding as a phone sends it; changes to the position go under their own names."""
    lon, lat = at(east_m, north_m)
    position = {
        "lon": float(lon),
        "lat": float(lat),
        "frame": "wgs84",
        "accuracy_m": 9.0,
        "accuracy_kind": "r68",
    }
    for name in set(changes) & {*position, "source", "fixed_at", "heading_deg", "speed_ms", "is_mock"}:
        position[name] = changes.pop(name)
    plain = {
        "scheme": "gbt30428-2013-event",
        "code": "0406",
        "observed_at": "2026-08-23T15:00:00+08:00",
        "position": position,
        "note": "占道经营",
    }
    return {**plain, **changes}


def check(east_m: float = 100, north_m: float = 204, **changes: Any) -> dict[str, Any]:
    """Return what a phone sends of a place where nothing was found."""
    like = finding(east_m, north_m)
    return {"observed_at": like["observed_at"], "position": like["position"], **changes}


def without(body: dict[str, Any], *path: str) -> dict[str, Any]:
    """Return a body that lacks one member."""
    if len(path) == 1:
        return {name: value for name, value in body.items() if name != path[0]}
    return {**body, path[0]: without(body[path[0]], *path[1:])}


def track(n: int = 12, **changes: Any) -> dict[str, Any]:
    """Return a track along 光荣道, a fix each ten metres and five seconds."""
    fixes = []
    for step in range(n):
        lon, lat = at(20 + 10 * step, 200)
        moment = datetime.fromisoformat("2026-08-23T14:00:00+08:00") + timedelta(seconds=5 * step)
        fixes.append({"lon": float(lon), "lat": float(lat), "at": moment.isoformat(), "accuracy_m": 3.0})
    return {"frame": "wgs84", "accuracy_kind": "r68", "mode": "foot", "fixes": fixes, **changes}
