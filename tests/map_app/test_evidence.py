"""The pages of findings say what speaks against a report and its photos."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from flask.testing import FlaskClient
from playwright.sync_api import expect

from layers.field import findings, photos
from layers.people import Account
from layers.site import Site
from tests.conftest import at, report
from tests.layers.field.test_evidence import exif_of, scene
from tests.map_app.conftest import City, Watched
from tests.map_app.test_gate import csrf_of


def put(site: Site, account: Account, number: int, now: datetime) -> str:
    """Report a finding with a photo taken 340 m away, two days earlier."""
    sent = report(number, 90, 205, now)
    findings.put(site, account, sent, now=now)
    exif = exif_of(sent.observed_at - timedelta(days=2), at(430, 205))
    photos.attach(site, account, sent.uuid, scene(5, exif), now=now)
    return sent.uuid


def test_the_page_tells_how_far_and_how_long_ago_and_where_else(
    town: Site, inspector: Account, now: datetime, enter: Callable[[Account], FlaskClient]
) -> None:
    uuids = [put(town, inspector, number, now) for number in (1, 2)]
    page = enter(inspector).get(f"/findings/{uuids[0]}").text
    for told in ("taken 340 m away", "taken 2 days earlier", "photo used before", "photo from elsewhere"):
        assert told in page
    assert f'href="/findings/{uuids[1]}"' in page


def test_a_photo_without_a_word_of_its_own_raises_no_doubt(
    town: Site, inspector: Account, now: datetime, enter: Callable[[Account], FlaskClient]
) -> None:
    sent = report(1, 90, 205, now)
    findings.put(town, inspector, sent, now=now)
    photos.attach(town, inspector, sent.uuid, scene(5), now=now)
    page = enter(inspector).get(f"/findings/{sent.uuid}").text
    assert "the photo says neither place nor time" in page
    assert "tag warn" not in page.partition('class="photos"')[2].partition("</section>")[0]


def test_what_was_observed_long_before_it_came_is_said_and_can_be_listed(
    town: Site,
    inspector: Account,
    supervisor: Account,
    now: datetime,
    enter: Callable[[Account], FlaskClient],
) -> None:
    old = report(1, 90, 205, now, observed_at=datetime(1971, 5, 1, tzinfo=UTC))
    fresh = report(2, 90, 205, now, note="of today")
    findings.put_many(town, inspector, [old, fresh], now=now)
    client, told = enter(supervisor), "received 20,203 days after it was observed"
    assert told in client.get(f"/findings/{old.uuid}").text
    assert "after it was observed" not in client.get(f"/findings/{fresh.uuid}").text
    listed = client.get("/findings").text
    assert told in listed
    assert "of today" in listed
    only = client.get("/findings?late=1").text
    assert told in only
    assert "of today" not in only
    assert "late=1" in only.partition("exports soft")[2]
    client.post("/language", data={"csrf_token": csrf_of(client), "language": "zh"})
    assert "发现 20,203 天后才上报" in client.get(f"/findings/{old.uuid}").text


@pytest.mark.browser
@pytest.mark.parametrize(("language", "told"), [("zh", "拍摄点距上报点 340 米"), ("en", "taken 340 m away")])
def test_the_doubts_are_to_be_seen(
    visit: Callable[..., Watched], city: City, language: str, told: str
) -> None:
    now = datetime.now().astimezone()
    uuid = put(city.site, city.accounts["inspector"], 3301 + (language == "en"), now)
    watched = visit("supervisor", language)
    watched.open(f"/findings/{uuid}")
    expect(watched.page.locator(".photos figcaption")).to_contain_text(told)
    watched.page.locator(".photos").scroll_into_view_if_needed()
    watched.shot(f"evidence-desktop-{language}")
    watched.check()
