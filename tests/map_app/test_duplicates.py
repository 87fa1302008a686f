import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from flask.testing import FlaskClient

from layers.field import findings, measures, photos, twins
from layers.field.findings import FindingFilter
from layers.people import Account
from layers.site import Site
from tests.conftest import report
from tests.layers.field.test_twins import jpeg, scene
from tests.map_app.conftest import HOSTILE, City, Watched

FIRST, AGAIN = (report(number, 0, 0, datetime.now()).uuid for number in (1, 2))


@pytest.fixture
def client(
    enter: Callable[[Account], FlaskClient],
    supervisor: Account,
    inspector: Account,
    town: Site,
    now: datetime,
) -> FlaskClient:
    """Give a supervisor's client in a town with one stall reported twice, with one photo."""
    later = now - timedelta(minutes=20)
    reports = [
        report(1, 300, 206, now, note=HOSTILE),
        report(2, 303, 206, now, observed_at=later),
        report(3, 700, 606, now, observed_at=later),
    ]
    findings.put_many(town, inspector, reports, now=now)
    photos.attach(town, inspector, FIRST, jpeg(scene(1)), now=now)
    photos.attach(town, inspector, AGAIN, jpeg(scene(1), quality=60), now=now)
    return enter(supervisor)


def page(client: FlaskClient, address: str = "/duplicates") -> str:
    answer = client.get(address)
    assert answer.status_code == 200
    return answer.get_data(as_text=True)


def form(text: str, **given: str) -> dict[str, str]:
    found = re.search(r'name="csrf_token" value="([^"]+)"', text)
    assert found
    return {"csrf_token": found[1], **given}


def test_a_pair_stands_side_by_side_with_what_speaks_for_it(client: FlaskClient) -> None:
    text = page(client)
    assert "1 pair of findings is probably one thing" in text
    assert HOSTILE not in text
    assert text.count("What speaks for it") == 1
    assert "of 64 bits differ" in text
    assert f'name="first" value="{FIRST}"' in text
    assert text.count("/photos/") == 4
    assert "photo used before" in page(client, f"/findings/{AGAIN}")


def test_merging_counts_once_and_can_be_undone(client: FlaskClient, town: Site) -> None:
    text = page(client)
    sent = form(text, first=FIRST, second=AGAIN, verdict="same")
    assert client.post("/duplicates/decide", data=sent).status_code == 303
    assert client.post("/duplicates/decide", data=sent).status_code == 409
    text = page(client)
    assert "0 pairs" in text
    assert len(findings.page(town, FindingFilter()).findings) == 2
    assert "merged with an earlier one" in page(client, f"/findings/{AGAIN}")
    assert f"/findings/{AGAIN}" in page(client, f"/findings/{FIRST}")
    key = re.search(r'name="link" value="(\d+)"', text)
    assert key
    undone = client.post("/duplicates/undo", data=form(text, link=key[1]))
    assert undone.status_code == 303
    assert "1 pair of" in page(client)


def test_what_is_not_the_same_is_remembered(client: FlaskClient, town: Site) -> None:
    sent = form(page(client), first=FIRST, second=AGAIN, verdict="apart")
    assert client.post("/duplicates/decide", data=sent).status_code == 303
    assert "0 pairs" in page(client)
    assert len(findings.page(town, FindingFilter()).findings) == 3


def test_nonsense_and_strangers_decide_nothing(
    client: FlaskClient, enter: Callable[[Account], FlaskClient], inspector: Account, town: Site
) -> None:
    text = page(client)
    assert client.post("/duplicates/decide", data=form(text, verdict="perhaps")).status_code == 400
    swapped = form(text, first=AGAIN, second=FIRST, verdict="same")
    assert client.post("/duplicates/decide", data=swapped).status_code == 409
    assert client.post("/duplicates/undo", data=form(text, link="x")).status_code == 400
    assert client.post("/duplicates/undo", data=form(text, link="99")).status_code == 409
    assert client.post("/duplicates/decide", data={"verdict": "same"}).status_code == 400
    assert enter(inspector).get("/duplicates").status_code == 403
    assert twins.n_links(town) == 0


def test_a_period_and_a_category_narrow_what_is_proposed(client: FlaskClient, now: datetime) -> None:
    day = now.date() + timedelta(days=3)
    assert "0 pairs" in page(client, f"/duplicates?from={day}")
    assert "1 pair of" in page(client, "/duplicates?category=gbt30428-2013-event.0406")


def test_without_findings_nothing_looks_like_a_duplicate(
    enter: Callable[[Account], FlaskClient], supervisor: Account
) -> None:
    assert "Nothing looks like a duplicate" in page(enter(supervisor))


def test_a_supervisor_merges_and_undoes_in_the_browser(visit: Callable[..., Watched], city: City) -> None:
    now = datetime.now(UTC)
    reports = [
        report(900 + k, 412 + 2 * k, 606, now, code="0301", observed_at=now - timedelta(minutes=90 - 30 * k))
        for k in range(2)
    ]
    findings.put_many(city.site, city.accounts["inspector"], reports, now=now)
    for one in reports:
        photos.attach(city.site, city.accounts["inspector"], one.uuid, jpeg(scene(7)), now=now)
    seen = visit(language="en")
    seen.open("/duplicates?category=gbt30428-2013-event.0301")
    seen.shot("duplicates")
    with seen.page.expect_navigation():
        seen.page.get_by_role("button", name="The same: merge").first.click()
    assert findings.get(city.site, reports[1].uuid).duplicate_of == reports[0].uuid
    with seen.page.expect_navigation():
        seen.page.get_by_role("button", name="Undo").first.click()
    assert findings.get(city.site, reports[1].uuid).duplicate_of is None
    seen.check()


def test_what_came_back_is_asked_for_by_itself_and_pairs_have_pages(
    client: FlaskClient, town: Site, supervisor: Account, inspector: Account, now: datetime
) -> None:
    block = findings.get(town, FIRST).placement.block_id
    measures.note(town, supervisor, "fixed", now.astimezone(town.settings.zone).date(), [block], now=now)
    back = [report(100 + k, 300 + k, 206, now, observed_at=now + timedelta(days=2 + k)) for k in range(6)]
    findings.put_many(town, inspector, back, now=now + timedelta(days=9))
    whole = page(client, "/duplicates?until=")
    assert "came back after they were closed" in whole
    first, second = (page(client, f"/duplicates?until=&relation=relapse&begin={begin}") for begin in (0, 10))
    assert first.count('<span class="tag warn">Relapse</span>') == first.count("What speaks for it") == 10
    assert second.count('<span class="tag warn">Relapse</span>') == 2
    assert ("1 to 10 of 12" in first, "11 to 12 of 12" in second) == (True, True)
    duplicates = page(client, "/duplicates?until=&relation=duplicate")
    assert "Relapse</span>" not in duplicates
    assert client.get("/duplicates?begin=x").status_code == 400
