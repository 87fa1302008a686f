"""Chromium finds nothing to object to under the content policy, on any page of the URL map."""

from collections.abc import Callable

import pytest
from sqlalchemy import select
from werkzeug.routing import Rule

import xuncha
from layers.store.schema import finding, key_point
from tests.map_app.conftest import City, Watched

# Answers for scripts and downloads, and a door that leads elsewhere once somebody is in
NO_PAGES = ("/data/", "/tiles/", "/assets/", "/api/", "/photos/", "/static/")


def pages(city: City) -> list[str]:
    """Return an address of every page of the app, with something there to show."""
    app = xuncha.create_app(city.site)
    with city.site.store.read() as conn:
        uuid = conn.execute(select(finding.c.uuid).order_by(finding.c.fid)).scalar()
        school = conn.execute(select(key_point.c.fid).where(key_point.c.kind == "primary")).scalar()
    known = {
        "uuid": uuid,
        "name": "findings",
        "account_id": str(city.accounts["supervisor"].id),
        "key_point_id": str(school),
        "fid": str(school),
    }
    found = []
    for rule in app.url_map.iter_rules():
        if "GET" in (rule.methods or ()) and not rule.rule.startswith(NO_PAGES):
            found.append(address(rule, known))
    return sorted(set(found))


def address(rule: Rule, known: dict[str, str]) -> str:
    text = rule.rule
    for name in rule.arguments:
        for converter in ("", "int:", "path:", "uuid:"):
            text = text.replace(f"<{converter}{name}>", known.get(name, "1"))
    return text


@pytest.mark.parametrize("login", ["admin", None], ids=["admin", "stranger"])
def test_no_page_is_objected_to(visit: Callable[..., Watched], city: City, login: str | None) -> None:
    watched = visit(login)
    objections: list[str] = []
    told = "e => console.error('CSP ' + e.violatedDirective + ' ' + e.blockedURI)"
    watched.context.add_init_script(f"document.addEventListener('securitypolicyviolation', {told})")
    shown = 0
    for path in pages(city):
        before = len(watched.complaints)
        answer = watched.context.request.get(watched.url + path)
        kind = answer.headers.get("content-type", "")
        if not kind.startswith("text/html"):
            continue
        watched.page.goto(watched.url + path, wait_until="load")
        if path.startswith("/maps/") and login:
            watched.drawn()
        watched.page.wait_for_timeout(150)
        shown += 1
        for complaint in watched.complaints[before:]:
            if "Content Security Policy" in complaint or complaint.startswith("CSP "):
                objections.append(f"{path}: {complaint}")
    assert objections == []
    assert shown > 20


def test_what_the_policy_forbids_is_heard(visit: Callable[..., Watched], city: City) -> None:
    """The test above would hear it."""
    watched = visit("supervisor")
    watched.open("/findings")
    watched.page.evaluate(
        "() => { const s = document.createElement('script'); s.textContent = 'window.x = 1';"
        " document.body.append(s); }"
    )
    watched.page.wait_for_timeout(200)
    assert any("Content Security Policy" in one for one in watched.complaints)
    assert watched.page.evaluate("window.x") is None
