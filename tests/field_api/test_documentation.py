"""The OpenAPI document, the page to try it, and the one page of prose."""

import re
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from openapi_spec_validator import validate

from field_api.bodies import INTAKES
from field_api.documentation import EXAMPLES
from field_api.errors import HTTP, TABLE
from field_api.wire import findings as wire
from field_api.wire.tracks import GPX
from geo.assign import ACCURACY_KINDS
from geo.datum import FRAMES
from layers.field.photos import ROLES
from layers.field.reports import CHANNELS
from layers.field.tracks import MODES
from layers.settings import SOURCE_ERRORS
from tests.field_api.conftest import ONE_STORE, Person, finding, uuid

pytestmark = ONE_STORE
PROSE = (Path(__file__).parents[2] / "docs" / "api.md").read_text(encoding="utf-8")
OURS = re.compile(r"https?://(?!127\.0\.0\.1|localhost)[^\"'\s)>]+")


@pytest.fixture
def document(stranger: Person) -> dict[str, Any]:
    found: dict[str, Any] = stranger.get("/openapi.json").json
    return found


def operations(document: dict[str, Any]) -> dict[tuple[str, str], dict[str, Any]]:
    return {
        (path, method): operation
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    }


def test_the_document_is_valid_openapi_3_1(document: dict[str, Any]) -> None:
    assert document["openapi"].startswith("3.1")
    validate(document)


def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    named = set(re.findall(r'"#/components/schemas/([^"]+)"', str(document).replace("'", '"')))
    assert named <= set(document["components"]["schemas"])


def test_every_address_is_described_and_nothing_else_is(app: Flask, document: dict[str, Any]) -> None:
    served = {
        (rule.rule.replace("<", "{").replace(">", "}"), method.lower())
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"OPTIONS", "HEAD"}
        if rule.rule.startswith("/api/") and not rule.endpoint.startswith("api.documentation")
    }
    assert set(operations(document)) == served


def test_all_but_health_ask_for_the_token_and_tell_every_error(document: dict[str, Any]) -> None:
    for (path, method), operation in operations(document).items():
        if path.endswith("/health"):
            assert "security" not in operation
            continue
        assert operation["security"] == [{"token": []}], (path, method)
        expected = {"401", "422", "429", "503"} | ({"409", "413", "415", "507"} if method != "get" else set())
        assert expected <= set(operation["responses"]), (path, method)
        for status in expected:
            content = operation["responses"][status]["content"]
            assert content["application/json"]["schema"]["$ref"].endswith("/ErrorAnswer")


def test_bodies_are_described_with_the_types_that_are_taken(app: Flask, document: dict[str, Any]) -> None:
    rules = {rule.endpoint: rule for rule in app.url_map.iter_rules()}
    for endpoint, intake in INTAKES.items():
        rule = rules[endpoint]
        method = next(iter((rule.methods or set()) & {"PUT", "POST", "PATCH"})).lower()
        operation = operations(document)[rule.rule.replace("<", "{").replace(">", "}"), method]
        assert set(operation["requestBody"]["content"]) == intake.types


def test_collections_are_described_as_geojson(document: dict[str, Any]) -> None:
    for path in ("/findings", "/blocks", "/key-points", "/districts"):
        assert list(document["paths"][f"/api/v1{path}"]["get"]["responses"]["200"]["content"]) == [
            "application/geo+json"
        ]


def test_the_words_on_the_wire_are_those_of_the_layers(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    position, track = schemas["Position"]["properties"], schemas["TrackIn"]["properties"]
    assert tuple(position["frame"]["enum"]) == tuple(FRAMES)
    assert tuple(position["accuracy_kind"]["enum"]) == tuple(ACCURACY_KINDS)
    assert set(position["source"]["enum"]) == set(SOURCE_ERRORS)
    assert tuple(schemas["FindingIn"]["properties"]["channel"]["enum"]) == CHANNELS
    assert tuple(track["mode"]["anyOf"][0]["enum"]) == MODES
    photo = document["paths"]["/api/v1/findings/{uuid}/photos"]["put"]["parameters"]
    assert tuple(next(each for each in photo if each["name"] == "role")["schema"]["enum"]) == ROLES
    assert schemas["Batch"]["properties"]["findings"]["maxItems"] == wire.MAX_BATCH


def test_the_examples_in_the_document_are_taken_as_they_are(me: Person, document: dict[str, Any]) -> None:
    example = {name: document["components"]["schemas"][name]["examples"][0] for name in EXAMPLES}
    gpx = document["paths"]["/api/v1/tracks/{uuid}"]["put"]["requestBody"]["content"][GPX]["example"]
    answers = [
        me.put(f"/findings/{uuid(1)}", json=example["FindingIn"]),
        me.post("/findings", json=example["Batch"]),
        me.put(f"/tracks/{uuid(1)}", json=example["TrackIn"]),
        me.put(f"/tracks/{uuid(2)}", data=gpx, content_type=GPX),
    ]
    assert [answer.status_code for answer in answers] == [201, 200, 201, 201]
    assert answers[1].json["n_created"] == 1


def test_the_page_has_its_own_policy_no_inline_script_and_no_foreign_host(stranger: Person) -> None:
    page = stranger.get("/docs")
    assert page.status_code == 200
    assert "'unsafe-inline'" not in page.headers["Content-Security-Policy"].split("style-src")[0]
    assert not OURS.search(page.text)
    assert not re.search(r"<script(?![^>]* src=)", page.text)
    assert not re.search(r" on\w+=", page.text)
    for asset in re.findall(r'(?:src|href)="([^"]+)"', page.text):
        assert asset.startswith("/api/v1/docs/")
        assert stranger.client.get(asset, buffered=True).status_code == 200


def test_the_page_of_prose_names_every_error_and_every_address(document: dict[str, Any]) -> None:
    codes = {code for _, code in TABLE.values()} | {HTTP[status][0] for status in (415, 429, 500)}
    assert [code for code in codes if f"`{code}`" not in PROSE] == []
    nouns = {path.split("/")[3] for path in document["paths"]}
    assert [noun for noun in nouns if f"/{noun}" not in PROSE] == []


def test_the_error_in_the_prose_is_the_one_that_comes(me: Person) -> None:
    body = finding()
    del body["position"]["frame"]
    told = me.put(f"/findings/{uuid(1)}", json=body).json["error"]
    assert f'"message": "{told["message"]}", "field": "{told["field"]}"' in PROSE
