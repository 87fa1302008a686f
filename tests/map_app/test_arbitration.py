import re
from collections.abc import Callable
from datetime import UTC, datetime

import geopandas as gpd
import pytest
import shapely
from flask.testing import FlaskClient

from layers import history
from layers.city import networks
from layers.field import decisions, edits, findings
from layers.field.findings import FindingFilter
from layers.people import Account
from layers.site import Site
from map_app import subjects
from tests.conftest import report
from tests.map_app.conftest import HOSTILE, City, Watched

UUID, FAR = (report(number, 0, 0, datetime.now()).uuid for number in (1, 2))


@pytest.fixture
def client(
    enter: Callable[[Account], FlaskClient],
    supervisor: Account,
    inspector: Account,
    town: Site,
    now: datetime,
) -> FlaskClient:
    """Give a supervisor's client in a town with a finding at a crossing and one far from all."""
    reports = [report(1, 205, 205, now, note=HOSTILE), report(2, 5000, 5000, now)]
    findings.put_many(town, inspector, reports, now=now)
    return enter(supervisor)


def token(text: str) -> str:
    found = re.search(r'name="csrf_token" value="([^"]+)"', text)
    assert found
    return found[1]


def test_the_page_shows_one_finding_with_its_candidates(client: FlaskClient, town: Site) -> None:
    text = client.get("/arbitration").get_data(as_text=True)
    assert "2 findings in doubt" in text
    assert HOSTILE not in text
    for block in decisions.candidates(town, UUID)["block_id"][:2]:
        assert f'name="block" value="{block}"' in text
    assert f"finding={FAR}" in text


def test_a_decision_goes_on_to_the_next_and_can_be_taken_back(client: FlaskClient, town: Site) -> None:
    csrf = token(client.get("/arbitration").get_data(as_text=True))
    block = decisions.candidates(town, UUID)["block_id"][1]
    answer = client.post(f"/arbitration/{UUID}", data={"csrf_token": csrf, "block": block})
    assert answer.status_code == 303
    assert f"finding={FAR}" in answer.location
    assert decisions.queue(town, FindingFilter()).left == 1
    basis = dict(client.get("/data/maps/density").json["basis"])
    assert "1 decided by a person" in basis["On a street"]
    page = client.get(f"/findings/{UUID}").get_data(as_text=True)
    assert "decided by a person" in page
    assert "By the evidence alone" in page
    assert '<span class="tag warn">ambiguous</span>' not in page
    again = client.post(f"/arbitration/{UUID}", data={"csrf_token": csrf, "block": ""})
    assert again.status_code == 409
    text = client.get(f"/arbitration?finding={UUID}").get_data(as_text=True)
    key = re.search(r'name="decision" value="(\d+)"', text)
    assert key
    back = {"csrf_token": csrf, "decision": key[1]}
    assert client.post(f"/arbitration/{UUID}/take-back", data=back).status_code == 303
    assert decisions.queue(town, FindingFilter()).left == 2


def test_where_a_placement_is_shown_so_is_the_decision(
    client: FlaskClient, town: Site, supervisor: Account, now: datetime
) -> None:
    second = decisions.candidates(town, UUID).iloc[1]
    decisions.decide(town, supervisor, UUID, second["block_id"], now=now)
    decisions.decide(town, supervisor, FAR, None, now=now)
    listed = client.get("/findings").get_data(as_text=True)
    assert listed.count("decided by a person") == 2
    of_block = client.get(f"/findings?block={second['block_id']}").get_data(as_text=True)
    assert second["street_name"] in of_block
    fid = findings.get(town, UUID).fid
    card = dict(client.get(f"/data/findings/{fid}").json["rows"])["Street"]
    assert card.startswith(f"{second['street_name']} · ")
    assert card.endswith("decided by a person")
    start = client.get("/").get_data(as_text=True)
    assert "1, of these 0 ambiguous, 1 decided by a person" in start
    assert f"<td>{second['street_name']}</td>" in start


def test_maps_say_how_findings_count_and_how_many_a_person_decided(
    client: FlaskClient, town: Site, supervisor: Account, now: datetime
) -> None:
    decisions.decide(town, supervisor, FAR, None, now=now)
    for name in subjects.NAMES:
        basis = dict(client.get(f"/data/maps/{name}").json["basis"])
        if name == "coverage":
            continue
        by_weights = name in {"density", "hotspots", "parking"}
        assert basis["How they count"].startswith("by weights" if by_weights else "each once"), name
        assert "decided by a person" in basis["On a street"], name
    everything = dict(client.get("/data/maps/findings").json["basis"])
    assert everything["Outside the streets"] == "1, of these 1 decided by a person"


def test_far_from_all_streets_the_nearest_can_be_chosen_and_so_can_none(
    client: FlaskClient, town: Site
) -> None:
    page = client.get(f"/arbitration?finding={FAR}").get_data(as_text=True)
    near = decisions.nearest(town, FAR)
    assert len(near) == 3
    assert near["distance_m"].is_monotonic_increasing
    for block_id in near["block_id"]:
        assert f'name="block" value="{block_id}"' in page
    assert page.count("beyond reach, only the nearest") == 3
    assert f"{near['distance_m'][0] / 1000:.1f} km" in page
    assert 'name="block" value=""' in page
    csrf = token(page)
    answer = client.post(f"/arbitration/{FAR}", data={"csrf_token": csrf, "block": near["block_id"][0]})
    assert answer.status_code == 303
    done = client.get(answer.location).get_data(as_text=True)
    assert f"Decided just now: <b>{near['street_name'][0]}</b>" in done


def test_a_block_without_a_name_is_decided_without_one(
    client: FlaskClient, streets: gpd.GeoDataFrame, town: Site, supervisor: Account, now: datetime
) -> None:
    unnamed = streets.copy()
    unnamed["name"] = None
    networks.add(town, unnamed, "unnamed", "by hand", now=now)
    page = client.get(f"/arbitration?finding={UUID}").get_data(as_text=True)
    assert "(no name)" in page
    assert "nan" not in re.findall(r"<b>[^<]*<svg.*?</svg> ([^<]*)</b>", page)
    decisions.decide(town, supervisor, UUID, decisions.nearest(town, UUID)["block_id"][0], now=now)
    made = decisions.of(town, UUID)
    assert made is not None
    assert made.street_name is None


def test_the_page_says_by_what_the_probabilities_came_about(client: FlaskClient) -> None:
    page = client.get(f"/arbitration?finding={UUID}").get_data(as_text=True)
    based_on = page[page.index("Based on") :]
    assert re.search(r"<dt>Evidence</dt><dd>phone, σ [0-9.]+ m</dd>", based_on)
    assert "<dt>Streets</dt><dd>version 1:" in based_on


def test_an_empty_queue_says_why_and_where_to_go(
    client: FlaskClient, town: Site, supervisor: Account, now: datetime
) -> None:
    chosen = client.get("/arbitration?from=2020-01-01&until=2020-01-02").get_data(as_text=True)
    assert "Nothing is in doubt." in chosen
    assert '<a href="/arbitration">All findings in doubt</a>' in chosen
    for uuid in (UUID, FAR):
        decisions.decide(town, supervisor, uuid, None, now=now)
    assert "Every finding lies clearly on one block" in client.get("/arbitration").get_data(as_text=True)


def test_the_map_shows_a_far_finding_and_its_nearest_blocks_together(
    visit: Callable[..., Watched], city: City
) -> None:
    far, inspector = report(9077, 4000, 300, datetime.now(UTC)), city.accounts["inspector"]
    findings.put(city.site, inspector, far, now=datetime.now(UTC))
    for language in ("en", "zh"):
        seen = visit(language=language)
        seen.open(f"/arbitration?finding={far.uuid}")
        seen.page.wait_for_load_state("networkidle")
        inside = seen.page.evaluate(
            """() => {
              const shown = xuncha.theMap.getBounds(), all = [];
              xuncha.theMap.eachLayer((one) => one.getLatLng && all.push(shown.contains(one.getLatLng())));
              return all;
            }"""
        )
        # the point and the numbers of three blocks
        assert inside == [True] * len(inside)
        assert len(inside) >= 4
        seen.shot(f"arbitration-far-{language}")
        seen.check()
    edits.withdraw(city.site, inspector, far.uuid, now=datetime.now(UTC))


def test_by_keys_one_decides_sees_it_again_and_takes_it_back(
    visit: Callable[..., Watched], city: City
) -> None:
    uuid = decisions.queue(city.site, FindingFilter()).uuid
    assert uuid
    seen = visit(language="en")
    seen.open(f"/arbitration?finding={uuid}")
    seen.page.wait_for_load_state("networkidle")
    seen.page.keyboard.press("r")
    # typed into the reason: neither digits nor Enter decide there
    seen.page.keyboard.type("1n0")
    seen.page.keyboard.press("Enter")
    assert decisions.of(city.site, uuid) is None
    seen.page.locator("input[name=reason]").blur()
    for key, is_decided in (("0", True), ("u", True), ("t", False)):
        with seen.page.expect_navigation():
            seen.page.keyboard.press(key)
        seen.page.wait_for_load_state("networkidle")
        made = decisions.of(city.site, uuid)
        assert (made is not None) == is_decided
    with city.site.store.read() as conn:
        lines = history.of(conn, "finding", uuid)
    assert [line["action"] for line in lines][-2:] == ["decide", "take back"]
    seen.check()


def test_inspectors_and_forms_without_a_token_decide_nothing(
    client: FlaskClient, enter: Callable[[Account], FlaskClient], inspector: Account, town: Site
) -> None:
    assert enter(inspector).get("/arbitration").status_code == 403
    assert client.post(f"/arbitration/{UUID}", data={"block": ""}).status_code == 400
    assert client.get("/arbitration?finding=nobody").status_code == 404
    assert decisions.queue(town, FindingFilter()).left == 2


def test_without_streets_nothing_is_in_doubt(
    enter: Callable[[Account], FlaskClient], supervisor: Account
) -> None:
    assert "Nothing is in doubt" in enter(supervisor).get("/arbitration").get_data(as_text=True)


def test_a_click_on_a_block_of_the_map_decides(visit: Callable[..., Watched], city: City) -> None:
    uuid = decisions.queue(city.site, FindingFilter()).uuid
    while uuid and len(decisions.candidates(city.site, uuid)) < 2:
        uuid = decisions.queue(city.site, FindingFilter(), uuid).after
    assert uuid
    block = decisions.candidates(city.site, uuid)["block_id"][1]
    found, network = findings.get(city.site, uuid), city.site.network
    line = network.index.tree.geometries[network.index.code_of[block]]
    here = shapely.Point(network.projection.to_metres([[found.lon, found.lat]])[0])
    foot = line.interpolate(min(max(line.project(here), 12.0), line.length - 12.0))
    lon, lat = network.projection.to_lonlat([[foot.x, foot.y]])[0]
    seen = visit(language="en")
    seen.open(f"/arbitration?finding={uuid}")
    seen.page.wait_for_load_state("networkidle")
    at = seen.page.evaluate(
        "([lat, lon]) => { const p = xuncha.theMap.latLngToContainerPoint([lat, lon]); return [p.x, p.y]; }",
        [float(lat), float(lon)],
    )
    seen.shot("arbitration")
    with seen.page.expect_navigation():
        seen.page.locator(".finding-map .folium-map").click(position={"x": at[0], "y": at[1]})
    seen.page.wait_for_load_state("networkidle")
    made = decisions.of(city.site, uuid)
    assert made is not None
    assert made.block_id == block
    with seen.page.expect_navigation():
        seen.page.get_by_text("Show it again to take it back").click()
    seen.page.wait_for_load_state("networkidle")
    with seen.page.expect_navigation():
        seen.page.get_by_role("button", name="Take back").click()
    seen.page.wait_for_load_state("networkidle")
    assert decisions.of(city.site, uuid) is None
    seen.check()
