"""Tellings to a real receiver, on both stores."""

import hashlib
import hmac
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from layers import history, jobs, language
from layers.errors import ForbiddenError, InvalidError, NotFoundError
from layers.field import findings
from layers.people import Account
from layers.site import Site
from layers.webhooks import deliveries, hooks
from layers.webhooks.deliveries import MOST_ATTEMPTS
from layers.webhooks.sending import Telling, UndeliveredError, check_url, send
from layers.worker import Worker, ticking
from tests.conftest import report
from tests.layers.webhooks.receiving import Receiver, receiving


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as one:
        yield one


@pytest.fixture
def near(town: Site) -> Site:
    """Give the town, allowed to tell programs on its own machine."""
    town.settings = replace(town.settings, webhook_private=True)
    return town


def tell(site: Site, now: datetime) -> None:
    """Do what the worker does in one round."""
    deliveries.look(site, now=now)
    Worker(site, ticking(now)).run_all()


def events(receiver: Receiver) -> list[str]:
    return [headers["Xuncha-Event"] for headers, _ in receiver.came]


def states(site: Site) -> list[str]:
    return [one.state for one in reversed(deliveries.newest(site))]


def test_every_change_is_told_once_signed_and_without_its_content(
    near: Site, inspector: Account, now: datetime, receiver: Receiver
) -> None:
    findings.put(near, inspector, report(1, 90, 205, now), now=now)
    hook = hooks.add(near, receiver.url + "/hook?a=1", by=inspector.id, now=now)
    findings.put(near, inspector, report(2, 90, 205, now, note="geheim"), now=now)
    tell(near, now)
    tell(near, now)
    assert events(receiver) == ["finding.create"]
    headers, body = receiver.came[0]
    told = json.loads(body)
    uuid = report(2, 0, 0, now).uuid
    assert (told["id"], told["noun"], told["version"]) == (uuid, "finding", 1)
    assert told["address"] == f"/api/v1/findings/{uuid}"
    assert b"geheim" not in body
    stamp, _, digest = headers["Xuncha-Signature"].partition(",v1=")
    signed = stamp.removeprefix("t=").encode() + b"." + body
    assert digest == hmac.new(hook.secret.encode(), signed, hashlib.sha256).hexdigest()
    assert states(near) == ["done"]


def test_an_address_is_told_of_what_it_asked_for(
    near: Site, inspector: Account, now: datetime, receiver: Receiver
) -> None:
    hooks.add(near, receiver.url, ["track.*", "finding.place_on_track"], by=None, now=now)
    findings.put(near, inspector, report(1, 90, 205, now), now=now)
    tell(near, now)
    assert receiver.came == []
    hooks.add(near, receiver.url, ["finding.*"], by=None, now=now)
    findings.put(near, inspector, report(2, 90, 205, now), now=now)
    tell(near, now)
    assert events(receiver) == ["finding.create"]


def test_accounts_and_webhooks_are_nobody_s_business(near: Site, now: datetime, receiver: Receiver) -> None:
    first = hooks.add(near, receiver.url, by=None, now=now)
    hooks.add(near, receiver.url, by=None, now=now)
    hooks.switch(near, first.id, active=False, by=None, now=now)
    tell(near, now)
    assert receiver.came == []


def test_what_does_not_arrive_is_tried_again_later_with_the_same_number(
    near: Site, inspector: Account, now: datetime, receiver: Receiver
) -> None:
    hooks.add(near, receiver.url, by=None, now=now)
    receiver.status = 500
    findings.put(near, inspector, report(1, 90, 205, now), now=now)
    tell(near, now)
    tell(near, now + timedelta(seconds=5))
    assert len(receiver.came) == 1
    with language.using("en"):
        assert deliveries.newest(near)[0].reason == "127.0.0.1 answered 500"
    receiver.status = 200
    tell(near, now + timedelta(seconds=30))
    assert len(receiver.came) == 2
    numbers = {headers["Xuncha-Delivery"] for headers, _ in receiver.came}
    assert len(numbers) == 1
    assert states(near) == ["done"]


def test_one_that_cannot_be_reached_does_not_hold_up_the_others(
    near: Site, inspector: Account, now: datetime, receiver: Receiver
) -> None:
    with receiving() as gone:
        hooks.add(near, gone.url, by=None, now=now)
    hooks.add(near, receiver.url, by=None, now=now)
    for number in (1, 2, 3):
        findings.put(near, inspector, report(number, 90, 205, now), now=now)
    tell(near, now)
    assert len(receiver.came) == 3
    assert sorted(states(near)) == ["done"] * 3 + ["waiting"] * 3


def test_it_is_given_up_at_last_and_sent_again_when_asked(
    near: Site, inspector: Account, now: datetime, receiver: Receiver
) -> None:
    hook = hooks.add(near, receiver.url, by=None, now=now)
    receiver.status = 503
    findings.put(near, inspector, report(1, 90, 205, now), now=now)
    for hour in range(MOST_ATTEMPTS + 5):
        tell(near, now + timedelta(hours=2 * hour))
    assert states(near) == ["failed"]
    assert len(receiver.came) == MOST_ATTEMPTS
    receiver.status = 200
    later = now + timedelta(days=9)
    assert deliveries.replay(near, hook.id, by=inspector.id, now=later) == 1
    tell(near, later)
    assert states(near) == ["done"]
    assert deliveries.replay(near, hook.id, by=None, now=later) == 0
    assert deliveries.replay(near, hook.id, by=None, now=later, since=now) == 1
    tell(near, later)
    assert len(receiver.came) == MOST_ATTEMPTS + 2
    with pytest.raises(NotFoundError):
        deliveries.replay(near, hook.id, by=None, now=later, delivery_id=999)
    with near.store.read() as conn:
        told = [line["action"] for line in history.of(conn, "webhook", str(hook.id))]
    assert told == ["create", "replay", "replay"]


def test_a_redirect_is_not_followed(
    near: Site, inspector: Account, now: datetime, receiver: Receiver
) -> None:
    hooks.add(near, receiver.url, by=None, now=now)
    receiver.status = 302
    findings.put(near, inspector, report(1, 90, 205, now), now=now)
    tell(near, now)
    assert len(receiver.came) == 1
    assert states(near) == ["waiting"]


def test_a_private_network_is_not_told_unless_the_setting_says_so(
    town: Site, inspector: Account, now: datetime, receiver: Receiver
) -> None:
    hooks.add(town, receiver.url, by=None, now=now)
    hooks.add(town, receiver.url.replace("127.0.0.1", "localhost"), by=None, now=now)
    findings.put(town, inspector, report(1, 90, 205, now), now=now)
    tell(town, now)
    assert receiver.came == []
    with language.using("en"):
        assert "inside a private network" in str(deliveries.newest(town)[0].reason)


def test_an_address_that_is_switched_off_is_told_nothing_of_that_time(
    near: Site, inspector: Account, now: datetime, receiver: Receiver
) -> None:
    hook = hooks.add(near, receiver.url, by=None, now=now)
    hooks.switch(near, hook.id, active=False, by=None, now=now)
    findings.put(near, inspector, report(1, 90, 205, now), now=now)
    tell(near, now)
    hooks.switch(near, hook.id, active=True, by=None, now=now)
    findings.put(near, inspector, report(2, 90, 205, now), now=now)
    tell(near, now)
    assert [json.loads(body)["id"] for _, body in receiver.came] == [report(2, 0, 0, now).uuid]


def test_tellings_leave_one_job_behind(
    near: Site, inspector: Account, now: datetime, receiver: Receiver
) -> None:
    hooks.add(near, receiver.url, by=None, now=now)
    for number in (1, 2, 3):
        findings.put(near, inspector, report(number, 90, 205, now), now=now)
        tell(near, now)
    assert len(receiver.came) == 3
    assert len(jobs.newest(near, kind="webhooks")) == 1


@pytest.mark.parametrize(
    "url",
    [
        *(
            "ftp://a.example/",
            "file:///etc/passwd",
            "http://",
            "https://u:p@a.example/",
            "http://a.example:x/",
        ),
        *("javascript:alert(1)", "http://a.example/#x", "http://a b/", "http://例.example/", ""),
    ],
)
def test_only_plain_web_addresses_are_taken(url: str) -> None:
    with pytest.raises(InvalidError):
        check_url(url)


def test_events_are_named_as_they_are(near: Site, now: datetime) -> None:
    with pytest.raises(InvalidError):
        hooks.add(near, "https://a.example/", ["Finding!"], by=None, now=now)


@pytest.mark.parametrize(
    "url", ["http://[::1]:9/", "http://[::ffff:127.0.0.1]:9/", "http://0x7f000001:9/", "http://2130706433:9/"]
)
def test_a_private_address_is_known_however_it_is_written(url: str) -> None:
    with pytest.raises((ForbiddenError, UndeliveredError)) as told:
        send(url, "s", Telling(1, "e", b"{}"), at=1, private=False)
    assert "reached" not in str(told.value)
