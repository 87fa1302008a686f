"""The page of checks: one's own or one's areas', and withdrawing them there."""

import re
from collections.abc import Callable
from datetime import datetime
from uuid import UUID

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from layers import people
from layers.field import checks, coverage
from layers.field.checks import Check
from layers.field.reports import Position
from layers.people import Account
from layers.site import Site
from layers.store.schema import district
from tests.conftest import at
from tests.map_app.conftest import HOSTILE

MINE, OTHERS, DOUBTFUL = (str(UUID(int=number, version=4)) for number in (1, 2, 3))


@pytest.fixture
def checked(town: Site, inspector: Account, colleague: Account, now: datetime) -> Site:
    """Give the town three checks: of two people, and one at a crossing."""
    for uuid, whose, east, north, note in (
        (MINE, inspector, 100, 204, HOSTILE),
        (OTHERS, colleague, 300, 204, "colleague"),
        (DOUBTFUL, inspector, 200, 200, None),
    ):
        lon, lat = at(east, north)
        position = Position(x=lon, y=lat, frame="wgs84", accuracy_m=9, accuracy_kind="r68")
        sent = Check(uuid=uuid, observed_at=now, position=position, note=note)
        checks.put(town, whose, sent, now=now)
    return town


def page(client: FlaskClient, address: str = "/checks") -> str:
    answer = client.get(address)
    assert answer.status_code == 200
    return answer.get_data(as_text=True)


def token(text: str) -> str:
    found = re.search(r'name="csrf_token" value="([^"]+)"', text)
    assert found
    return found[1]


def test_everybody_sees_his_own_and_who_oversees_all(
    checked: Site, enter: Callable[[Account], FlaskClient], inspector: Account, supervisor: Account
) -> None:
    own, every = page(enter(inspector)), page(enter(supervisor))
    assert [f"check-{uuid}" in own for uuid in (MINE, OTHERS, DOUBTFUL)] == [True, False, True]
    assert [f"check-{uuid}" in every for uuid in (MINE, OTHERS, DOUBTFUL)] == [True, True, True]
    assert "光荣道 · 50 m" in own
    assert "street in doubt: does not count" in own
    assert HOSTILE not in every


def test_a_desk_sees_and_withdraws_those_of_its_area(
    checked: Site, enter: Callable[[Account], FlaskClient], now: datetime
) -> None:
    seen = {}
    for name in ("西社区", "东社区"):
        with checked.store.write() as conn:
            fid = conn.execute(select(district.c.fid).where(district.c.name == name)).scalar_one()
            made = people.create(conn, f"desk-{fid}", name, "desk", password=None, now=now)
            people.limit(conn, made.id, people.Scope((fid,)), by=None, now=now)
            client = enter(people.by_id(conn, made.id))
        text = page(client)
        seen[name] = {uuid for uuid in (MINE, OTHERS, DOUBTFUL) if f"check-{uuid}" in text}
        sent = {"csrf_token": token(page(client, "/account"))}
        answer = client.post(f"/checks/{MINE}/withdraw", data=sent)
        assert answer.status_code == (303 if MINE in seen[name] else 404)
    assert MINE in seen["西社区"]
    assert MINE not in seen["东社区"]


def test_a_check_is_withdrawn_on_the_page_and_counts_no_more(
    checked: Site, enter: Callable[[Account], FlaskClient], supervisor: Account
) -> None:
    client = enter(supervisor)
    before = coverage.intervals(checked)["recording"].tolist()
    text = page(client, f"/checks?check={MINE}")
    assert OTHERS not in text
    sent = {"csrf_token": token(text), "reason": HOSTILE}
    answer = client.post(f"/checks/{MINE}/withdraw?check={MINE}", data=sent)
    assert answer.status_code == 303
    assert answer.headers["Location"] == f"/checks?check={MINE}#check-{MINE}"
    text = page(client, f"/checks?check={MINE}")
    assert "withdrawn" in text
    assert supervisor.name in text
    assert HOSTILE not in text
    assert "Withdraw this check" not in text
    assert set(before) - set(coverage.intervals(checked)["recording"]) == {f"check:{MINE}"}


def test_the_card_of_a_block_leads_to_its_checks(
    checked: Site, enter: Callable[[Account], FlaskClient], supervisor: Account
) -> None:
    client = enter(supervisor)
    block = checks.get(checked, MINE)["block_id"]
    numbers = checked.network.blocks["block_id"].tolist()
    cards = [client.get(f"/data/coverage/blocks/{n}").json for n in range(len(numbers))]
    links = [card["links"] for card in cards if card["links"]]
    assert ["Checks made", f"/checks?block={block}"] in [one for some in links for one in some]
    text = page(client, f"/checks?block={block}")
    assert MINE in text
    assert OTHERS not in text
