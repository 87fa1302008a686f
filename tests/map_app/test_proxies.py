"""Behind proxies: what they tell is believed by setting, of as many as there are, and nobody else."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime

import pytest
from flask import Flask, request
from flask.testing import FlaskClient

import xuncha
from layers.people import Account
from layers.site import Site
from layers.store import Store

TOLD = {
    "X-Forwarded-For": "203.0.113.7",
    "X-Forwarded-Proto": "https",
    "X-Forwarded-Host": "xuncha.beichen.example",
}


@pytest.fixture
def behind(town: Site, now: datetime) -> Iterator[Callable[[int], Flask]]:
    """Give the app as it is behind some proxies, with a page that tells how a request looks to it."""
    opened = []

    def made(proxies: int) -> Flask:
        settings = replace(town.settings, proxies=proxies, requests_per_minute=3)
        site = Site(settings, Store.open(settings.store_place))
        opened.append(site)
        app = xuncha.create_app(site, clock=lambda: now)
        app.add_url_rule("/seen", view_func=lambda: {"from": request.remote_addr, "base": request.host_url})
        return app

    yield made
    for site in opened:
        site.close()


def seen(client: FlaskClient, **headers: str) -> tuple[str, str]:
    answer = client.get("/seen", headers={**TOLD, **headers})
    return answer.json["from"], answer.json["base"]


def test_nobody_is_believed_unless_the_site_says_so(behind: Callable[[int], Flask]) -> None:
    client = behind(0).test_client()
    assert seen(client) == ("127.0.0.1", "http://localhost/")
    answer = client.get("/login", headers=TOLD)
    assert "Strict-Transport-Security" not in answer.headers
    assert "Secure" not in answer.headers["Set-Cookie"]


def test_one_proxy_is_believed_and_what_a_stranger_put_before_it_is_not(
    behind: Callable[[int], Flask],
) -> None:
    client = behind(1).test_client()
    assert seen(client) == ("203.0.113.7", "https://xuncha.beichen.example/")
    spoofed = {"X-Forwarded-For": "198.51.100.1, 203.0.113.7"}
    assert seen(client, **spoofed)[0] == "203.0.113.7"
    assert seen(behind(2).test_client(), **spoofed)[0] == "198.51.100.1"


def test_what_came_by_https_to_the_proxy_stays_with_https(behind: Callable[[int], Flask]) -> None:
    answer = behind(1).test_client().get("/login", headers=TOLD)
    assert "Secure" in answer.headers["Set-Cookie"]
    assert answer.headers["Strict-Transport-Security"].startswith("max-age=")
    plain = behind(1).test_client().get("/login", headers={**TOLD, "X-Forwarded-Proto": "http"})
    assert "Secure" not in plain.headers["Set-Cookie"]


def test_strangers_behind_a_proxy_have_each_an_allowance_of_their_own(
    behind: Callable[[int], Flask], town: Site, inspector: Account, now: datetime
) -> None:
    client = behind(1).test_client()

    def guess(address: str) -> int:
        return client.get("/api/v1/me", headers={**TOLD, "X-Forwarded-For": address}).status_code

    assert [guess("203.0.113.7") for _ in range(4)] == [401, 401, 401, 429]
    assert guess("203.0.113.8") == 401
    direct = behind(0).test_client()
    spoofing = [
        direct.get("/api/v1/me", headers={"X-Forwarded-For": f"203.0.113.{n}"}).status_code for n in range(4)
    ]
    assert spoofing == [401, 401, 401, 429]


def test_the_code_for_a_phone_leads_through_the_proxy(
    behind: Callable[[int], Flask], inspector: Account
) -> None:
    client = behind(1).test_client()
    text = client.get("/phone", headers=TOLD).get_data(as_text=True)
    assert "https://xuncha.beichen.example/field" in text
    assert "--tls" not in text
