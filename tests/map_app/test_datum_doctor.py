import re
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import numpy as np
import pytest
from flask.testing import FlaskClient

from layers.field import datum, findings, tracks
from layers.people import Account
from layers.site import Site
from layers.worker import Worker, ticking
from tests.conftest import at
from tests.layers.field.test_datum import PHONE, derived, drive, shifted
from tests.layers.field.test_tracks import walk
from tests.map_app.conftest import HOSTILE, City, Watched


def _everywhere() -> list[tuple[float, float]]:
    """Return places along every street of the town."""
    steps, fixed = np.arange(20.0, 800.0, 25.0), np.arange(5) * 200.0
    return [(x, y + 2) for y in fixed for x in steps] + [(x + 2, y) for x in fixed for y in steps]


@pytest.fixture
def doctored(town: Site, inspector: Account, now: datetime) -> Site:
    """Give the town a shifted phone and an honest one."""
    tracks.put(town, inspector, drive(1, _everywhere(), now), now=now)
    tracks.put(town, inspector, walk(_everywhere(), now, 2, device="honest"), now=now)
    findings.put(town, inspector, shifted(3, 300, 204, now), now=now)
    return town


@pytest.fixture
def client(enter: Callable[[Account], FlaskClient], supervisor: Account, doctored: Site) -> FlaskClient:
    return enter(supervisor)


def form(client: FlaskClient, now: datetime, **changes: str) -> dict[str, str]:
    text = client.get("/datum-doctor").get_data(as_text=True)
    csrf = re.search(r'name="csrf_token" value="([^"]+)"', text)
    assert csrf
    first = (now - timedelta(days=3)).date().isoformat()
    plain = {"device": PHONE, "frame": "wgs84", "true_frame": "gcj02", "from": first, "reason": HOSTILE}
    return {"csrf_token": csrf[1], **plain, **changes}


def work(site: Site, now: datetime) -> None:
    Worker(site, ticking(now)).run_all()


def test_the_page_names_the_shifted_phone_with_its_evidence(client: FlaskClient) -> None:
    text = client.get("/datum-doctor").get_data(as_text=True)
    assert PHONE in text
    assert "honest" not in text
    assert "clear evidence" in text
    assert "within 20 m of a street if read as WGS-84" in text
    assert "On 1 of 1 days" in text
    assert "Log odds" in text
    assert "xuncha.shifts(" in text
    assert "Nothing was corrected." in text


def test_a_correction_is_applied_listed_and_taken_back(
    client: FlaskClient, doctored: Site, now: datetime
) -> None:
    before = derived(doctored)
    sent = form(client, now)
    assert client.post("/datum-doctor", data=sent).status_code == 303
    (one,) = datum.applied(doctored)
    assert one.evidence["guess"] == "gcj02"
    zone = doctored.settings.zone
    assert one.from_at.astimezone(zone).isoformat().startswith(f"{sent['from']}T00:00")
    assert derived(doctored) == before
    assert "not all derived yet" in client.get("/datum-doctor").get_data(as_text=True)
    work(doctored, now)
    assert derived(doctored) != before
    text = client.get("/datum-doctor").get_data(as_text=True)
    assert "No device is shifted" in text
    assert HOSTILE not in text
    assert "Take the correction back" in text
    assert client.post("/datum-doctor", data=sent).status_code == 409
    assert "not all derived yet" not in text
    assert client.post(f"/datum-doctor/{one.id}/take-back", data=sent).status_code == 303
    work(doctored, now)
    assert derived(doctored) == before
    assert "taken back" in client.get("/datum-doctor").get_data(as_text=True)
    assert client.post(f"/datum-doctor/{one.id}/take-back", data=sent).status_code == 409
    assert client.post("/datum-doctor/continue", data=sent).status_code == 303


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"from": ""}, 400),
        ({"from": "soon"}, 400),
        ({"until": "2020-01-01"}, 400),
        ({"true_frame": "wgs84"}, 400),
        ({"true_frame": "mars"}, 400),
        ({"reason": " "}, 400),
        ({"device": "nobody's"}, 404),
        ({"csrf_token": ""}, 400),
    ],
)
def test_a_correction_that_makes_no_sense_is_refused(
    client: FlaskClient, doctored: Site, now: datetime, changes: dict[str, str], status: int
) -> None:
    answer = client.post("/datum-doctor", data=form(client, now, **changes))
    assert answer.status_code == status
    assert datum.applied(doctored) == []


def test_a_wrong_correction_is_spoken_against(
    client: FlaskClient, doctored: Site, supervisor: Account, now: datetime
) -> None:
    what = datum.Prescription(
        device="honest", frame="wgs84", true_frame="gcj02", from_at=now - timedelta(days=3)
    )
    datum.apply(doctored, supervisor, what, reason="a mistake", now=now)
    text = client.get("/datum-doctor?device=honest&frame=wgs84").get_data(as_text=True)
    assert "speaks against a correction in force" in text


def test_inspectors_have_no_doctor(
    client: FlaskClient, enter: Callable[[Account], FlaskClient], inspector: Account, now: datetime
) -> None:
    sent = form(client, now)
    assert enter(inspector).get("/datum-doctor").status_code == 403
    assert "/datum-doctor" not in enter(inspector).get("/findings").get_data(as_text=True)
    assert "/datum-doctor" in client.get("/findings").get_data(as_text=True)
    assert enter(inspector).post("/datum-doctor", data=sent).status_code in (400, 403)


def test_without_streets_nobody_is_accused(
    enter: Callable[[Account], FlaskClient], supervisor: Account
) -> None:
    assert "No device is shifted" in enter(supervisor).get("/datum-doctor").get_data(as_text=True)


def test_a_browser_shows_both_readings_on_the_map_and_applies_one(
    visit: Callable[..., Watched], city: City
) -> None:
    now = datetime.now().astimezone()
    inspector = city.accounts["inspector"]
    sent = replace(drive(7077, _everywhere(), now), device=f"{PHONE}-seen")
    tracks.put(city.site, inspector, sent, now=now)
    seen = visit(language="en")
    seen.open("/datum-doctor")
    seen.page.wait_for_load_state("networkidle")
    middle = list(at(400, 400)[::-1])
    assert seen.page.evaluate("(place) => xuncha.theMap.getBounds().contains(place)", middle)
    seen.shot("datum-doctor")
    seen.page.fill("input[name=reason]", "fits the streets")
    with seen.page.expect_navigation():
        seen.page.get_by_role("button", name="Read it as GCJ-02").click()
    seen.page.wait_for_load_state("networkidle")
    Worker(city.site, lambda: datetime.now().astimezone()).run_all()
    seen.page.get_by_text("not all derived yet").wait_for(state="detached")
    seen.shot("datum-doctor-applied")
    (one,) = datum.applied(city.site)
    assert one.derived_at is not None
    with seen.page.expect_navigation():
        seen.page.get_by_role("button", name="Take the correction back").click()
    assert datum.applied(city.site)[0].withdrawn_at is not None
    seen.check()
