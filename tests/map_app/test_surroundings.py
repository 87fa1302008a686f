"""The pages of schools and rules, as HTTP answers."""

from collections.abc import Callable
from datetime import datetime

from flask.testing import FlaskClient

from layers.city import clearance_rules, key_points
from layers.field import findings
from layers.people import Account
from layers.site import Site
from tests.conftest import report

Enter = Callable[[Account], FlaskClient]


def school(site: Site) -> int:
    with site.store.read() as conn:
        return int(key_points.read(conn, ("primary",))["fid"].iloc[0])


def test_the_list_names_each_school_with_its_status(
    town: Site, enter: Enter, supervisor: Account, inspector: Account, now: datetime
) -> None:
    client = enter(supervisor)
    page = client.get("/school-surroundings").text
    assert "普育小学" in page and "unverified: nobody looked: 1" in page and "site setting" in page
    findings.put_many(town, inspector, [report(1, 70, 130, now)], now=now)
    assert "breached: 1" in client.get("/school-surroundings").text
    assert "普育小学" not in client.get("/school-surroundings?status=clear").text


def test_the_page_of_a_school_says_what_each_verdict_is_based_on(
    town: Site, enter: Enter, supervisor: Account, inspector: Account, now: datetime
) -> None:
    findings.put_many(town, inspector, [report(1, 70, 130, now)], now=now)
    page = enter(supervisor).get(f"/school-surroundings/{school(town)}").text
    assert "SITE-SCHOOLS · 1 · site setting" in page and "boundary → point, euclidean" in page
    # 07:00 UTC is 15:00 there: outside 45 minutes of every bell
    assert "<td>2026-08</td><td>1</td><td>0</td>" in page
    assert "北仓道" in page and "not seen" in page and "xuncha.surroundings(" in page
    assert enter(supervisor).get("/school-surroundings/99999").status_code == 404


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
