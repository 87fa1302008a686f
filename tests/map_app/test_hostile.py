"""Whatever people or programs put into forms and addresses: an answer in words, never a fault."""

import re
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from layers.field import findings
from layers.people import Account
from layers.site import Site
from tests.conftest import add_account, report

TEMPLATES = Path(__file__).parents[2] / "map_app" / "templates" / "map_app"
VALUES = {
    "zero byte": "a\0b",
    "surrogate": "\ud800",
    "huge number": "9" * 400,
    "beyond 64 bits": str(2**63),
    "negative": "-1",
    "not a number": "NaN",
    "infinite": "1e999",
    "other digits": "１２３٤",
    "long": "x" * 100_000,
    "path": "../../../../etc/passwd",
    "device": "CON:..\\..\\NUL",
    "statement": "'; DROP TABLE finding; --",
    "template": "{{ 7*7 }}${7*7}#{7*7}%(x)s%s%d{0}{x.__class__}",
    "script": "<script>alert(1)</script>",
    "line": "a\r\nSet-Cookie: b=c\r\n\r\n",
    "direction": "\u202e\u2066\ufeff",
}
# Shuts the person out that asks
ENDING = {"pages.account.logout"}


def names() -> list[str]:
    """Return the name of every field of every form."""
    texts = [path.read_text(encoding="utf-8") for path in TEMPLATES.glob("*.html")]
    found = {name for text in texts for name in re.findall(r'name="([a-z_]+)"', text)}
    return sorted((found | {"uuid", "finding", "block", "page", "metres", "kind", "job"}) - {"csrf_token"})


@pytest.fixture
def admin_page(
    site: Site, town: Site, enter: Callable[[Account], FlaskClient], inspector: Account, now: datetime
) -> FlaskClient:
    findings.put_many(town, inspector, [report(1, 300, 204, now), report(2, 205, 205, now)], now=now)
    return enter(add_account(town, "root", "admin", now))


def addresses(app: Flask, method: str, text: str) -> list[str]:
    """Return an address of every page that takes a method, with `text` wherever one may be put."""
    made, adapter = set(), app.url_map.bind("localhost")
    for rule in app.url_map.iter_rules():
        if rule.endpoint in ENDING or method not in (rule.methods or ()):
            continue
        values = {
            name: 7 if type(converter).__name__ == "IntegerConverter" else text
            for name, converter in rule._converters.items()
        }
        made.add(adapter.build(rule.endpoint, values, method=method))
    return sorted(made)


@pytest.mark.parametrize("which", ["zero byte", "beyond 64 bits", "not a number", "template"])
def test_no_page_falls_over_what_it_is_asked(app: Flask, admin_page: FlaskClient, which: str) -> None:
    value = VALUES[which]
    asked = dict.fromkeys(names(), value.encode("utf-8", "surrogatepass").decode("utf-8", "replace"))
    text = re.sub(r"[\ud800-\udfff]", "", value)[:200].replace("/", "") or "x"
    app.config["PROPAGATE_EXCEPTIONS"] = False
    app.testing = False
    fell = []
    for where in addresses(app, "GET", text):
        query = {name: given[:200] for name, given in asked.items()}
        status = admin_page.get(where, query_string=query).status_code
        if status >= 500:
            fell.append((where, status))
    assert fell == []


@pytest.mark.parametrize("which", VALUES)
def test_no_form_falls_over_what_it_is_given(app: Flask, admin_page: FlaskClient, which: str) -> None:
    value = VALUES[which]
    given = dict.fromkeys(names(), value.encode("utf-8", "surrogatepass").decode("utf-8", "replace"))
    text = re.sub(r"[\ud800-\udfff]", "", value)[:200].replace("/", "") or "x"
    app.config |= {"PROPAGATE_EXCEPTIONS": False, "WTF_CSRF_ENABLED": False}
    app.testing = False
    fell = []
    for where in addresses(app, "POST", text):
        status = admin_page.post(where, data=given).status_code
        if status >= 500:
            fell.append((where, status))
    assert fell == []
