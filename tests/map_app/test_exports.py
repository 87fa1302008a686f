"""The list of findings as files, with the filters of the page."""

from collections.abc import Callable
from datetime import datetime
from html import unescape

import pytest
from flask.testing import FlaskClient

from layers.exporting import orders
from layers.field import findings
from layers.people import Account
from layers.site import Site
from layers.worker import Worker, ticking
from tests.conftest import report

Enter = Callable[[Account], FlaskClient]


@pytest.fixture
def client(enter: Enter, supervisor: Account, inspector: Account, town: Site, now: datetime) -> FlaskClient:
    reports = [report(1, 300, 2, now), report(2, 70, 130, now, code="0201", note="+1")]
    findings.put_many(town, inspector, reports, now=now)
    return enter(supervisor)


def test_the_list_leads_to_files_with_its_filters(client: FlaskClient) -> None:
    page = unescape(client.get("/findings?category=gbt30428-2013-event.0201").get_data(as_text=True))
    addresses = [part.split('"')[0] for part in page.split('href="') if part.startswith("/findings/export/")]
    assert len(addresses) == 6
    text = client.get(addresses[0]).get_data().decode("utf-8-sig").splitlines()
    assert text[0].startswith("Id,Observed,")
    assert len(text) == 2
    assert ",'+1," in text[1]
    for address in addresses[1:]:
        answer = client.get(address)
        assert answer.status_code == 200, address
        assert "attachment; filename=findings-2026-08-23." in answer.headers["Content-Disposition"]
    assert client.get("/findings/export/exe").status_code == 400


def test_an_inspector_exports_their_own(client: FlaskClient, enter: Enter, colleague: Account) -> None:
    assert len(client.get("/findings/export/csv").get_data().splitlines()) == 3
    assert len(enter(colleague).get("/findings/export/csv").get_data().splitlines()) == 1


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let two findings be many."""
    monkeypatch.setattr(orders, "SHORT", 1)


@pytest.mark.usefixtures("patient")
def test_a_long_export_is_made_beside_the_answers(
    client: FlaskClient,
    enter: Enter,
    colleague: Account,
    town: Site,
    now: datetime,
) -> None:
    answer = client.get("/findings/export/xlsx")
    assert answer.status_code == 303
    there = answer.headers["Location"]
    assert 'data-busy="true"' in client.get(there).get_data(as_text=True)
    assert client.get(f"{there}/file").status_code == 409
    Worker(town, ticking(now)).run_all()
    assert "Fetch findings-2026-08-23.xlsx" in client.get(there).get_data(as_text=True)
    assert client.get(f"{there}/file").get_data().startswith(b"PK")
    assert enter(colleague).get(there).status_code == 404
