"""What was done on a stretch: noted, shown beside what was found, compared, taken back."""

import re
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from layers.field import findings, measures
from layers.people import Account
from layers.site import Site
from tests.conftest import EAST_WEST, report
from tests.layers.analysis.test_hotspots import walk_everywhere
from tests.map_app.conftest import HOSTILE

DAYS = (24, 20, 16, 12, 8, 4, 1)


@pytest.fixture
def client(
    enter: Callable[[Account], FlaskClient],
    supervisor: Account,
    inspector: Account,
    town: Site,
    now: datetime,
) -> FlaskClient:
    """Give a supervisor's client where stalls left one street after the fourth walk."""
    stalls = []
    for number, back in enumerate(DAYS):
        at = now - timedelta(days=back)
        walk_everywhere(town, inspector, at, first=1000 + 100 * number)
        here = ((300, 403), (305, 403), (310, 403)) if number < 4 else ()
        stalls += [report(100 * number + n, x, y, at) for n, (x, y) in enumerate(here, 1)]
        stalls += [report(100 * number + 10 + n, x, 3, at) for n, x in enumerate((300, 500, 700))]
    findings.put_many(town, inspector, stalls, now=now)
    return enter(supervisor)


def sent(client: FlaskClient, path: str, data: dict[str, str] | None = None) -> TestResponse:
    """Send a form with the token that every page with a form carries."""
    text = client.get("/account").get_data(as_text=True)
    token = text.split('csrf_token" value="')[1].split('"')[0]
    return client.post(path, data={"csrf_token": token, **(data or {})})


def block_of(town: Site, place: int) -> str:
    blocks = town.network.blocks
    middle = blocks.geometry.interpolate(0.5, normalized=True)
    named = blocks["name"].eq(EAST_WEST[place])
    return str(blocks.loc[named].assign(x=middle.x).sort_values("x")["block_id"].iloc[1])


def test_a_measure_stands_beside_the_findings_and_says_what_changed(
    client: FlaskClient, town: Site, supervisor: Account, now: datetime
) -> None:
    block = block_of(town, 2)
    acted_on = (now - timedelta(days=10)).date()
    form = {"kind": "enforced", "done_on": acted_on.isoformat(), "blocks": block, "note": HOSTILE}
    answer = sent(client, "/measures", {**form, "back": f"/hotspots/{block}?stream=patrol"})
    assert answer.headers["Location"] == f"/hotspots/{block}?stream=patrol#done"
    text = client.get(f"/hotspots/{block}").get_data(as_text=True)
    assert "What was done here" in text
    assert f"{acted_on} enforcement: towed or fined" in text
    assert "Here fewer findings, around it no change beyond chance." in text
    assert HOSTILE not in text
    assert "nan" not in text
    elsewhere = client.get(f"/hotspots/{block_of(town, 0)}").get_data(as_text=True)
    assert "Nothing is noted." in elsewhere
    street = town.network.blocks.set_index("block_id").at[block, "street_id"]
    parked = client.get(f"/parking/streets/{street}").get_data(as_text=True)
    assert f"acted_on={acted_on}" in parked
    (one,) = measures.on(town, [block])
    assert (one.kind, one.by, one.block_ids) == ("enforced", supervisor.name, (block,))


def test_what_was_noted_by_mistake_is_taken_back_once(client: FlaskClient, town: Site, now: datetime) -> None:
    block = block_of(town, 2)
    form = {"kind": "bays", "done_on": (now - timedelta(days=3)).date().isoformat(), "blocks": block}
    sent(client, "/measures", form)
    text = client.get(f"/hotspots/{block}").get_data(as_text=True)
    assert "Nothing can be said: this street was passed fewer than 3 times" in text
    found = re.search(r'action="(/measures/\d+/take-back)"', text)
    assert found
    assert sent(client, found[1], {"back": "https://example.org/hotspots/"}).headers["Location"] == (
        "/maps/hotspots"
    )
    assert measures.on(town, [block]) == []
    assert sent(client, found[1]).status_code == 409


@pytest.mark.parametrize(
    ("field", "value"),
    [("kind", "magic"), ("done_on", "soon"), ("done_on", "2030-01-01"), ("blocks", "x"), ("blocks", "")],
)
def test_what_cannot_be_is_refused(
    client: FlaskClient, town: Site, now: datetime, field: str, value: str
) -> None:
    form = {"kind": "bays", "done_on": now.date().isoformat(), "blocks": block_of(town, 2)}
    assert sent(client, "/measures", {**form, field: value}).status_code == 400
    assert measures.on(town, [block_of(town, 2)]) == []


def test_only_who_oversees_the_city_notes_measures(
    enter: Callable[[Account], FlaskClient], inspector: Account, town: Site, now: datetime
) -> None:
    form = {"kind": "bays", "done_on": now.date().isoformat(), "blocks": block_of(town, 2)}
    assert sent(enter(inspector), "/measures", form).status_code == 403
    assert "Note what was done" not in enter(inspector).get(f"/hotspots/{block_of(town, 2)}").get_data(
        as_text=True
    )
