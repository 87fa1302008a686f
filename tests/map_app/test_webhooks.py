"""The page of those who are told of changes."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from html import unescape

from flask.testing import FlaskClient

from layers.field import findings
from layers.people import Account
from layers.site import Site
from layers.webhooks import deliveries, hooks
from layers.worker import Worker, ticking
from tests.conftest import report
from tests.layers.webhooks.receiving import receiving

Enter = Callable[[Account], FlaskClient]


def token(client: FlaskClient) -> str:
    text = client.get("/webhooks").get_data(as_text=True)
    return text.split('name="csrf_token" value="')[1].split('"')[0]


def test_an_address_is_added_told_switched_off_and_told_again(
    enter: Enter, supervisor: Account, inspector: Account, town: Site, now: datetime
) -> None:
    town.settings = replace(town.settings, webhook_private=True)
    client = enter(supervisor)
    with receiving() as receiver:
        given = {"csrf_token": token(client), "url": receiver.url, "events": "finding.*, track.*"}
        shown = unescape(client.post("/webhooks", data=given).get_data(as_text=True))
        (hook,) = hooks.every(town)
        assert hook.secret in shown
        assert hook.events == ("finding.*", "track.*")
        assert hook.secret not in client.get("/webhooks").get_data(as_text=True)
        findings.put(town, inspector, report(1, 90, 205, now), now=now)
        deliveries.look(town, now=now)
        Worker(town, ticking(now)).run_all()
        assert 'data-state="done"' in client.get("/webhooks").get_data(as_text=True)
        one = deliveries.newest(town)[0]
        again = {"csrf_token": token(client), "delivery": str(one.id)}
        assert client.post(f"/webhooks/{hook.id}/replay", data=again).status_code == 303
        Worker(town, ticking(now)).run_all()
        assert len(receiver.came) == 2
    off = {"csrf_token": token(client), "on": "0"}
    assert client.post(f"/webhooks/{hook.id}/switch", data=off).status_code == 303
    assert not hooks.get(town, hook.id).active
    bad = {"csrf_token": token(client), "url": "ftp://x"}
    assert client.post("/webhooks", data=bad).status_code in (400, 422)


def test_an_inspector_does_not_tell_others(enter: Enter, inspector: Account, site: Site) -> None:
    assert enter(inspector).get("/webhooks").status_code == 403
