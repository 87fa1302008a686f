"""The pages of schools and rules, as HTTP answers."""

import io
import re
from collections.abc import Callable
from datetime import datetime, timedelta

import geopandas as gpd
import pandas as pd
import shapely
from flask.testing import FlaskClient

from layers.city import clearance_rules, key_points
from layers.field import findings
from layers.people import Account
from layers.site import Site
from tests.conftest import in_town, report

Enter = Callable[[Account], FlaskClient]


def school(site: Site) -> int:
    with site.store.read() as conn:
        return int(key_points.read(conn, ("primary",))["fid"].iloc[0])


def figure(page: str, name: str) -> int:
    """Return the number that a page prints large above a name."""
    found = re.search(rf"<b>(\d+)</b><span>(<svg.*?</svg> )?{re.escape(name)}<", page)
    assert found, name
    return int(found[1])


def test_the_list_names_each_school_with_its_status(
    town: Site, enter: Enter, supervisor: Account, inspector: Account, now: datetime
) -> None:
    client = enter(supervisor)
    page = client.get("/school-surroundings").text
    assert "普育小学" in page and figure(page, "unverified: nobody looked") == 1
    assert "Setting of this site" in page
    findings.put_many(town, inspector, [report(1, 70, 130, now)], now=now)
    assert figure(client.get("/school-surroundings").text, "breached") == 1
    assert "普育小学" not in client.get("/school-surroundings?status=clear").text
    page = client.get("/school-surroundings?order=since").text
    assert '<td class="when">2026-08-23</td>' in page and 'aria-current="true">Since' in page
    history = client.get(f"/school-surroundings/{school(town)}").text
    assert history.count('<li title="') == 13 and "2026-08-16 · no data yet" in history


def test_the_page_of_a_school_says_what_each_verdict_is_based_on(
    town: Site, enter: Enter, supervisor: Account, inspector: Account, now: datetime
) -> None:
    findings.put_many(town, inspector, [report(1, 70, 130, now)], now=now)
    page = enter(supervisor).get(f"/school-surroundings/{school(town)}").text
    assert "SITE-SCHOOLS · version 1" in page and "boundary to mapped point, straight line" in page
    assert f'/findings/{report(1, 70, 130, now).uuid}">trading on the road' in page
    # 07:00 UTC is 15:00 there, on a Sunday: no bell rings
    assert "0 of 1 findings lie within 45 minutes of a bell (07:30, 11:40, 13:30, 16:30)" in page
    assert '<td class="when">2026-08-17</td><td class="number">1</td><td class="number">0</td>' in page
    assert "北仓道" in page and "not seen" in page and "xuncha.surroundings(" in page
    assert "data-print" in page and "street inspected within 14 days" in page
    assert enter(supervisor).get("/school-surroundings/99999").status_code == 404


def test_a_licence_kept_on_the_page_of_premises_tolerates_them_at_the_school(
    town: Site, enter: Enter, supervisor: Account, viewer: Account, now: datetime
) -> None:
    shop = gpd.GeoDataFrame(
        {"source_id": ["s"], "kind": ["tobacco"], "name": ["烟酒店"]},
        geometry=in_town([shapely.Point(100, -20)]),
        crs=4326,
    )
    key_points.replace(town, "shops", shop, now=now)
    rule = {**clearance_rules.site_setting(200.0), "valid_from": "2021-06-01", "grandfathering": "stays"}
    clearance_rules.change(town, rule, now=now)
    client = enter(supervisor)
    page = client.get(f"/school-surroundings/{school(town)}").text
    assert "might be tolerated" in page and figure(page, "breaches") == 1
    address = re.search(r'<a href="(/surroundings/\d+)">烟酒店', page)
    assert address
    form = client.get(address[1]).text
    assert "Nothing is known of a licence." in form
    token = form.split('name="csrf_token" value="')[1].split('"')[0]
    sent = {"csrf_token": token, "version": "0", "licensed_on": "2010-05-01", "licence_until": "2030-01-01"}
    assert client.post(address[1], data={**sent, "licence_until": "2009-01-01"}).status_code == 422
    assert client.post(address[1], data=sent).status_code == 303
    assert client.post(address[1], data={**sent, "licensed_on": "2011-01-01"}).status_code == 422
    assert "licensed from 2010-05-01 to 2030-01-01" in client.get(address[1]).text
    page = client.get(f"/school-surroundings/{school(town)}").text
    assert "tolerated until 2030-01-01" in page and figure(page, "breaches") == 0
    seen = enter(viewer).get(address[1]).text
    assert (
        "licensed from 2010-05-01" in seen and "Keep the licence" not in seen and supervisor.name not in seen
    )


def test_pages_say_of_which_trades_a_rule_says_nothing(
    town: Site, enter: Enter, supervisor: Account, now: datetime
) -> None:
    said = "no premises of this trade are recorded: it says nothing about them"
    client = enter(supervisor)
    assert said in client.get("/rules/CN-TJ-ECIG-200").text and said not in client.get("/rules").text
    assert "no premises are recorded of: internet cafe" in client.get("/rules").text
    assert "only schools and kindergartens are judged" in client.get("/rules/US-TX-ALC-300-church").text
    clearance_rules.use(town, "CN-TJ-ECIG-200", True, now=now)
    assert said in client.get("/rules").text
    assert said in client.get(f"/school-surroundings/{school(town)}").text


def test_a_school_without_a_rule_is_not_said_to_be_overlooked(
    town: Site, enter: Enter, supervisor: Account, now: datetime
) -> None:
    clearance_rules.use(town, "SITE-SCHOOLS", False, now=now)
    client = enter(supervisor)
    page = client.get("/school-surroundings").text
    assert figure(page, "no rule in use applies") == 1 and figure(page, "unverified: nobody looked") == 0
    assert "0 %" not in page
    page = client.get(f"/school-surroundings/{school(town)}").text
    assert "no rule in use applies" in page and "0 %" not in page
    assert "普育小学" in client.get("/school-surroundings?status=no_rule").text


def test_rules_are_switched_by_supervisors_only(town: Site, enter: Enter, supervisor: Account) -> None:
    client = enter(supervisor)
    token = client.get("/rules").text.split('name="csrf_token" value="')[1].split('"')[0]
    form = {"csrf_token": token, "rule": "CN-NET-200-gate-walk", "use": "1"}
    assert client.post("/rules", data=form).status_code == 303
    with town.store.read() as conn:
        kept = clearance_rules.newest(clearance_rules.versions(conn, 200.0))
    assert kept["CN-NET-200-gate-walk"].in_use
    assert client.get("/rules.csv").text.count("CN-NET-200-gate-walk") == 1


def test_inspectors_see_the_rules_but_not_what_others_found(
    town: Site, enter: Enter, inspector: Account
) -> None:
    client = enter(inspector)
    page = client.get("/rules")
    assert page.status_code == 200
    token = page.text.split('name="csrf_token" value="')[1].split('"')[0]
    form = {"csrf_token": token, "rule": "SITE-SCHOOLS", "use": "0"}
    assert client.post("/rules", data=form).status_code == 403
    assert client.get("/school-surroundings").status_code == 403


def test_the_words_of_rules_are_chinese_on_the_chinese_page(
    town: Site, enter: Enter, supervisor: Account
) -> None:
    client = enter(supervisor)
    with client.session_transaction() as session:
        session["language"] = "zh"
    page = client.get("/rules").text
    assert "步行距离" in page and "天津市电子烟零售点布局规划" in page
    words = ("euclidean", "network_walk", "published", "boundary", "gate to", "unspecified", "Tianjin")
    assert [word for word in words if word in page.split("<main")[1]] == []
    page = client.get("/rules/CN-NET-200-gate-walk").text
    assert "<dt>条文表述</dt><dd>不少于200米</dd>" in page
    assert "<dt>条款（原文）</dt><dd>minimum walking distance" in page


def test_a_rule_is_changed_by_its_form_and_its_versions_are_listed(
    town: Site, enter: Enter, supervisor: Account, inspector: Account
) -> None:
    client = enter(supervisor)
    page = client.get("/rules/CN-TJ-ECIG-200").text
    assert "Tianjin layout plan" in page and "as shipped" in page
    token = page.split('name="csrf_token" value="')[1].split('"')[0]
    form = {
        "csrf_token": token,
        "distance_m": "150",
        "inclusive": "0",
        "measured_from": "boundary",
        "measured_to": "premises",
        "measure": "euclidean",
        "status": "published",
        "valid_from": "2026-01-01",
        "valid_to": "",
        "hours": "07:00-08:30, 16:00-18:00",
        "days": ["mon", "fri"],
        "exclude_gates": ["fire_exit"],
        "source": "文件",
    }
    assert client.post("/rules/CN-TJ-ECIG-200", data=form).status_code == 303
    page = client.get("/rules/CN-TJ-ECIG-200").text
    assert "less than 150 m" in page and "Mon Fri 07:00–08:30 16:00–18:00" in page and "fire exit" in page
    assert "from 2022-05-20" in page and "from 2026-01-01" in page
    wrong = client.post("/rules/CN-TJ-ECIG-200", data={**form, "hours": "soon"})
    assert wrong.status_code == 422 and "Hours are pairs" in wrong.text and 'value="soon"' in wrong.text
    assert client.post("/rules/CN-TJ-ECIG-200", data={**form, "distance_m": "far"}).status_code == 422
    assert client.get("/rules/nowhere").status_code == 404
    assert "Save as a new version" not in enter(inspector).get("/rules/CN-TJ-ECIG-200").text


def test_an_edited_spreadsheet_is_taken_and_its_refused_rows_are_named(
    town: Site, enter: Enter, supervisor: Account
) -> None:
    client = enter(supervisor)
    token = client.get("/rules").text.split('name="csrf_token" value="')[1].split('"')[0]
    for ending in ("csv", "xlsx"):
        sent = {
            "csrf_token": token,
            "file": (io.BytesIO(client.get(f"/rules.{ending}").data), f"r.{ending}"),
        }
        answer = client.post("/rules/upload", data=sent)
        assert "32 rules read, 0 changed, 0 refused." in answer.text
    table = pd.read_csv(io.BytesIO(client.get("/rules.csv").data))
    table.loc[0, "distance_m"], table.loc[1, "measure"] = 77, "by ear"
    sent = {"csrf_token": token, "file": (io.BytesIO(table.to_csv(index=False).encode()), "r.csv")}
    answer = client.post("/rules/upload", data=sent)
    assert answer.status_code == 422
    assert "31 rules read, 1 changed, 1 refused." in answer.text and "Row 3 refused" in answer.text
    table = pd.read_csv(io.BytesIO(client.get("/rules.csv").data))
    table["in_use"] = "是"
    sent = {"csrf_token": token, "file": (io.BytesIO(table.to_csv(index=False).encode("gb18030")), "r.csv")}
    answer = client.post("/rules/upload", data=sent)
    assert answer.status_code == 200 and "32 rules read, 0 changed, 0 refused." in answer.text
    assert "Row 2: in_use is not taken from a spreadsheet" in answer.text
    sent = {"csrf_token": token, "file": (io.BytesIO(b"x"), "r.pdf")}
    assert client.post("/rules/upload", data=sent).status_code == 422
    assert client.post("/rules/upload", data={"csrf_token": token}).status_code == 422


def test_every_shipped_rule_has_its_page(town: Site, enter: Enter, supervisor: Account) -> None:
    client = enter(supervisor)
    for rule in clearance_rules.shipped():
        assert client.get(f"/rules/{rule['id']}").status_code == 200, rule["id"]


def test_other_places_are_listed_by_kind_with_what_changed_around_them(
    town: Site, enter: Enter, supervisor: Account, inspector: Account, now: datetime
) -> None:
    market = gpd.GeoDataFrame(
        {"source_id": ["m"], "kind": ["market"], "name": ["北仓集贸市场"]},
        geometry=in_town([shapely.Point(405, 400)]),
        crs=4326,
    )
    key_points.replace(town, "markets", market, now=now)
    days = [1, 2, 20]
    reports = [report(k, 410, 400, now, observed_at=now - timedelta(days=day)) for k, day in enumerate(days)]
    findings.put_many(town, inspector, reports, now=now)
    client = enter(supervisor)
    page = client.get("/surroundings?kind=market&metres=50").text
    assert "北仓集贸市场" in page and ">+100 %<" in page and "trading on the road" in page
    with town.store.read() as conn:
        markets = key_points.read(conn, ("market",))
    fid = int(markets.loc[markets["source_id"].eq("m"), "fid"].iloc[0])
    page = client.get(f"/surroundings/{fid}?metres=50").text
    assert figure(page, "findings in the last 14 days") == 2 and "+100 %" in page
    assert "At bell times" not in page
    assert client.get(f"/surroundings/{school(town)}").headers["Location"] == (
        f"/school-surroundings/{school(town)}"
    )
    assert client.get("/surroundings/99999").status_code == 404
    assert enter(inspector).get("/surroundings").status_code == 403


def test_a_finding_leads_to_the_places_near_it(
    town: Site, enter: Enter, supervisor: Account, inspector: Account, now: datetime
) -> None:
    one = report(1, 70, 130, now)
    findings.put_many(town, inspector, [one], now=now)
    link = f'href="/surroundings/{school(town)}"'
    assert link in enter(supervisor).get(f"/findings/{one.uuid}").text
    assert link not in enter(inspector).get(f"/findings/{one.uuid}").text
