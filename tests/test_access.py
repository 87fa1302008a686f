"""Every address of the server, asked by everybody: a new one has to be classified here before it is let in.

The town has one finding that says a secret, with a photo, and the track of who reported it.  Asked by nine
people, no address may tell it to whom it does not concern, none may answer a fault, and who may not do
something is told so in the way that belongs to the address.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import pytest
from flask import Flask
from itsdangerous import URLSafeTimedSerializer
from sqlalchemy import select
from werkzeug.routing import Rule
from werkzeug.test import TestResponse

import xuncha
from layers import people, sessions, tokens
from layers.field import findings, photos, tracks
from layers.people import Account, Scope
from layers.site import Site
from layers.store.schema import district, finding
from map_app import assets
from map_app.pages.gate import HELD
from tests.conftest import report
from tests.field_api.test_photos import jpeg
from tests.layers.field.test_tracks import along, walk

SECRET = "geheim"
UUID = str(report(7, 0, 0, datetime(2026, 8, 23)).uuid)
PEOPLE = (
    *("owner", "colleague", "responsible unit", "other unit", "unit of nothing"),
    *("viewer", "desk elsewhere", "supervisor", "admin", "nobody"),
)
# Who may see the finding
CONCERNED = {"owner", "responsible unit", "viewer", "supervisor", "admin"}

LIMITED = {"responsible unit", "other unit", "unit of nothing", "desk elsewhere"}

# What each address is: for `anybody`; for `people` who have come in, each shown what concerns them; of one
# `record`, or of the `owner` alone, as if it were not there for all others; or named by what one must be
# allowed to do
ADDRESSES: dict[str, str] = {
    **dict.fromkeys(
        [
            *("api.documentation.assets.static", "api.documentation.openapi", "api.documentation.page"),
            *("api.documentation.static", "api.health.state", "pages.account.choose_language"),
            *("pages.account.enter", "pages.account.login", "pages.devices.enter", "pages.devices.page"),
            *("pages.field.worker", "pages.phone.page", "pages.phone.root", "pages.static"),
        ],
        "anybody",
    ),
    **dict.fromkeys(
        [
            *("api.city.blocks", "api.city.categories", "api.city.districts", "api.city.key_points"),
            *("api.exports.export_findings", "api.findings.list_findings", "api.people.me"),
            "api.exports.export_coverage",
            *("pages.account.leave", "pages.coverage.card", "pages.coverage.file", "pages.coverage.lines"),
            *("pages.coverage.tables", "pages.exports.export", "pages.findings.listed"),
            *("pages.maps.block_card", "pages.maps.coverage", "pages.maps.data", "pages.maps.density"),
            *("pages.maps.findings", "pages.maps.heat", "pages.maps.hotspots", "pages.maps.parking"),
            *("pages.maps.streets", "pages.own.page", "pages.own.revoke"),
            *("pages.own.end_sessions", "pages.own.password", "pages.targets.page"),
            *("pages.own.token", "pages.rules.listed", "pages.rules.one", "pages.rules.sheet"),
            *("pages.start.start", "pages.tiles.archive", "pages.tiles.heat", "pages.tour.first_visit"),
        ],
        "people",
    ),
    **dict.fromkeys(
        [
            *("api.findings.get_finding", "api.photos.get_photo", "pages.findings.one"),
            *("pages.findings.photo", "pages.maps.finding_card"),
        ],
        "record",
    ),
    "api.tracks.get_track": "track",
    "api.checks.get_check": "nothing there",
    "api.checks.put_withdrawal": "nothing there",
    **dict.fromkeys(
        [
            *("api.exports.get_export", "api.exports.get_export_file", "pages.exports.fetched"),
            *("pages.exports.ordered",),
        ],
        "nothing there",
    ),
    **dict.fromkeys(["api.findings.delete_finding", "api.findings.patch_finding"], "change"),
    **dict.fromkeys(
        [
            *("api.findings.post_findings", "api.findings.put_finding", "api.tracks.put_track"),
            *("api.photos.post_photo", "api.photos.put_photo", "api.uploads.post_upload"),
            *("api.checks.put_check", "pages.field.page", "pages.field.token"),
            *("pages.checks.listed", "pages.checks.withdraw"),
            *("pages.team_walk.gpx", "pages.team_walk.page"),
        ],
        "report",
    ),
    **dict.fromkeys(
        ["api.uploads.delete_upload", "api.uploads.get_upload", "api.uploads.patch_upload"], "own upload"
    ),
    **dict.fromkeys(
        [
            *("pages.arbitration.decide", "pages.arbitration.page", "pages.arbitration.take_back"),
            *("pages.duplicates.decide", "pages.duplicates.page", "pages.duplicates.undo"),
        ],
        "decide",
    ),
    **dict.fromkeys(
        [
            *("pages.accounts.create", "pages.accounts.disable", "pages.accounts.limit"),
            *("pages.accounts.listed", "pages.accounts.one", "pages.accounts.revoke"),
            *("pages.accounts.team", "pages.accounts.token", "pages.personnel.change"),
            *("pages.population.page", "pages.population.take_back", "pages.population.upload"),
            *("pages.personnel.end_sessions", "pages.personnel.readmit", "pages.personnel.reset"),
        ],
        "accounts",
    ),
    **dict.fromkeys(
        [
            *("pages.datum_doctor.apply", "pages.datum_doctor.finish", "pages.datum_doctor.page"),
            *("pages.datum_doctor.take_back",),
        ],
        "datum",
    ),
    **dict.fromkeys(
        [
            *("pages.imports.page", "pages.imports.undo", "pages.jobs.page", "pages.jobs.retry"),
            *("pages.uploads.again", "pages.uploads.looked_at", "pages.uploads.upload"),
            *("pages.webhooks.add", "pages.webhooks.page", "pages.webhooks.replay"),
            *("pages.webhooks.switch",),
        ],
        "jobs",
    ),
    **dict.fromkeys(
        ["pages.rules.change", "pages.rules.switch", "pages.rules.upload", "pages.targets.decide"], "rules"
    ),
    **dict.fromkeys(
        [
            *("pages.places.listed", "pages.places.one"),
            *("pages.surroundings.listed", "pages.surroundings.one"),
        ],
        "surroundings",
    ),
    **dict.fromkeys(
        [
            *("pages.measures.note", "pages.measures.take_back"),
            *("pages.parking.file", "pages.parking.one", "pages.parking.page"),
            *("pages.patrol_plan.give", "pages.patrol_plan.gpx", "pages.patrol_plan.page"),
        ],
        "overview",
    ),
    **dict.fromkeys(["pages.places.licence", "pages.ways.page", "pages.ways.say"], "verify"),
    **dict.fromkeys(
        [
            *("pages.hotspots.forecasts", "pages.hotspots.geopackage", "pages.hotspots.heat_file"),
            *("pages.hotspots.one", "pages.maps.hotspot_card", "pages.maps.parking_card"),
        ],
        "whole city",
    ),
}


@pytest.fixture(scope="module", autouse=True)
def _vendored() -> None:
    assets.install()


@dataclass(frozen=True)
class City:
    """The server, everybody who asks, and the finding."""

    app: Flask
    accounts: dict[str, Account]
    tokens: dict[str, str]
    values: dict[str, str]
    now: datetime

    def ask(self, who: str, rule: Rule, method: str) -> TestResponse:
        client = self.app.test_client()
        raw, signer = "0" * 40, URLSafeTimedSerializer(self.app.secret_key, salt="wtf-csrf-token")
        with client.session_transaction() as session:
            session["csrf_token"] = raw
        asked: dict[str, Any] = {"method": method, "buffered": True, "headers": {}}
        if who in self.accounts and rule.endpoint.startswith("api."):
            asked["headers"]["Authorization"] = f"Bearer {self.tokens[who]}"
        elif who in self.accounts:
            with client.session_transaction() as session:
                number = self.accounts[who].id
                session.update({"_user_id": str(number), HELD: sessions.begin(number, self.now).said()})
        if method in ("POST", "PUT", "PATCH") and rule.endpoint.startswith("api."):
            asked["json"] = {}
        asked["headers"]["X-CSRFToken"] = signer.dumps(raw)
        return client.open(self.path(rule), **asked)

    def path(self, rule: Rule) -> str:
        defaults = dict(rule.defaults or {})
        values = {name: self.values.get(name, "1") for name in rule.arguments} | defaults
        own = {
            "pages.static": {"filename": "app.css"},
            "pages.maps.data": {"name": "findings"},
            "api.documentation.static": {"filename": "try.js"},
            # whoever orders coverage here has an export of his own
            "api.exports.get_export": {"number": "999"},
            "api.exports.get_export_file": {"number": "999"},
            "pages.exports.fetched": {"job_id": "999"},
            "pages.exports.ordered": {"job_id": "999"},
        }
        return self.app.url_map.bind("localhost").build(
            rule.endpoint, values | own.get(rule.endpoint, {}), force_external=False
        )

    def may(self, who: str, act: str) -> bool:
        return who in self.accounts and people.may(self.accounts[who], act)


@pytest.fixture
def city(town: Site, now: datetime) -> Iterator[City]:
    with town.store.write() as conn:
        area = {
            name: conn.execute(select(district.c.fid).where(district.c.name == name)).scalar_one()
            for name in ("西社区", "东社区")
        }
        west, east = Scope((area["西社区"],)), Scope((area["东社区"],))
        given: dict[str, tuple[str, Scope]] = {
            "owner": ("inspector", Scope()),
            "colleague": ("inspector", Scope()),
            "responsible unit": ("unit", west),
            "other unit": ("unit", east),
            "unit of nothing": ("unit", Scope()),
            "viewer": ("viewer", Scope()),
            "desk elsewhere": ("desk", east),
            "supervisor": ("supervisor", Scope()),
            "admin": ("admin", Scope()),
        }
        accounts, secrets = {}, {}
        for number, (name, (role, scope)) in enumerate(given.items()):
            made = people.create(conn, f"login{number}", name, role, password=None, now=now)
            people.limit(conn, made.id, scope, by=None, now=now)
            accounts[name] = people.by_id(conn, made.id)
            secrets[name] = tokens.issue(conn, made.id, "proof", now)
    said = replace(report(7, 100, 204, now), note=SECRET, device=SECRET)
    findings.put(town, accounts["owner"], said, now=now)
    _, photo = photos.attach(town, accounts["owner"], UUID, jpeg("teal"), now=now)
    course = walk(along(200, 20, 380, 40), now, uuid=UUID, device=SECRET)
    tracks.put(town, accounts["owner"], course, now=now)
    with town.store.read() as conn:
        fid = conn.execute(select(finding.c.fid)).scalar_one()
    values = {
        "uuid": UUID,
        "sha256": photo.sha256,
        "number": str(fid),
        "kind": "csv",
        "ending": "csv",
        "block_id": str(town.network.blocks["block_id"].iloc[0]),
        "account_id": str(accounts["owner"].id),
        "key": "heat-" + "0" * 20,
        "name": "x",
        "rule_id": "x",
        "version": "1",
        "filename": "x",
    }
    app = xuncha.create_app(town, clock=lambda: now)
    yield City(app, accounts, secrets, values, now)


def test_every_address_is_classified(city: City) -> None:
    assert {rule.endpoint for rule in city.app.url_map.iter_rules()} == set(ADDRESSES)


def each(city: City, who: str) -> Iterator[tuple[Rule, str, TestResponse]]:
    """Give what somebody is answered at each address; what one may change is left alone."""
    for rule in sorted(city.app.url_map.iter_rules(), key=lambda rule: rule.endpoint):
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
            kind = ADDRESSES[rule.endpoint]
            if method != "GET" and (kind in ("anybody", "people") or who in ("owner", "supervisor", "admin")):
                continue
            yield rule, method, city.ask(who, rule, method)


def is_shut_out(rule: Rule, answer: TestResponse) -> bool:
    """Tell whether an answer is that to somebody who has not come in."""
    if rule.endpoint.startswith("api.") or rule.rule.startswith(("/data/", "/tiles/")):
        return answer.status_code == 401
    return answer.status_code == 302 and answer.headers["Location"].startswith("/login")


EXPECTED: dict[str, Callable[[City, str, int], bool]] = {
    "people": lambda city, who, status: status in (200, 202, 204, 303, 404),
    # what is compared with the rest of the city is not for those who see a part of it
    "whole city": lambda city, who, status: (
        status == 403 if who in LIMITED else status in (200, 204, 303, 404)
    ),
    "record": lambda city, who, status: status == (200 if who in CONCERNED else 404),
    "track": lambda city, who, status: status == (200 if who in ("owner", "supervisor", "admin") else 404),
    # the owner's photo is whole; others have none under way, and nothing of the owner's to give up
    "own upload": lambda city, who, status: (
        status in ((200, 204) if who in CONCERNED else (403,)) or status in (404, 415)
    ),
    "nothing there": lambda city, who, status: status == 404,
    "change": lambda city, who, status: status == (403 if who in CONCERNED else 404) or status in (422, 428),
}


def holds(city: City, who: str, rule: Rule, method: str, answer: TestResponse) -> bool:
    """Tell whether somebody was answered as belongs to the kind of the address."""
    kind = ADDRESSES[rule.endpoint]
    if kind == "anybody":
        return answer.status_code in (200, 302, 404)
    if who == "nobody":
        return is_shut_out(rule, answer)
    if kind in EXPECTED:
        return EXPECTED[kind](city, who, answer.status_code)
    if city.may(who, kind):
        return answer.status_code not in (401, 403)
    # what a phone sends is looked at before the store is asked whose it is
    return answer.status_code == 403 or (method != "GET" and answer.status_code in (400, 404, 415, 422))


@pytest.mark.parametrize("who", PEOPLE)
@pytest.mark.parametrize("store_kind", ["gpkg"], indirect=True)
def test_nobody_is_told_or_may_do_what_does_not_concern_them(city: City, who: str) -> None:
    told, wrong, n = [], [], 0
    for rule, method, answer in each(city, who):
        n += 1
        if answer.status_code >= 500 or not holds(city, who, rule, method, answer):
            wrong.append(f"{method} {rule.rule}: {answer.status}")
        # a page that refuses repeats the address that was asked for
        body = answer.get_data().replace(city.path(rule).encode(), b"")
        if answer.status_code == 302:
            continue
        if SECRET.encode() in body or city.values["sha256"].encode() in body:
            told.append(rule.endpoint)
    assert wrong == []
    assert n > 60
    if who in CONCERNED:
        assert {"api.findings.get_finding", "pages.findings.one", "api.findings.list_findings"} <= set(told)
    else:
        assert told == []


@pytest.mark.parametrize("store_kind", ["gpkg"], indirect=True)
def test_nothing_was_changed_by_all_that_asking(city: City, town: Site) -> None:
    before = findings.get(town, UUID)
    for who in PEOPLE:
        for _ in each(city, who):
            pass
    assert findings.get(town, UUID) == before
