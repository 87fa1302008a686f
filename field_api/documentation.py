"""How to speak to the API: the OpenAPI document and a page to try it, all from our own origin."""

from pathlib import Path
from typing import Any

import flask_openapi3_swagger
from flask import Blueprint, Response, jsonify, make_response, render_template
from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.info import Info
from flask_openapi3.openapi import OpenAPI

from field_api.service import service
from field_api.wire import checks, findings, tracks
from field_api.wire.checks import CheckIn, WithdrawalIn
from field_api.wire.errors import ErrorAnswer
from field_api.wire.features import MEDIA_TYPE
from field_api.wire.findings import Batch, FindingIn
from field_api.wire.tracks import TrackIn
from layers.language import current

VERSION = "1.0.0"
DESCRIPTION = """\
Findings of inspectors, placed on street blocks and beside the key points that matter.

Every address but `/health` and this document needs `Authorization: Bearer <token>`.  Coordinates that come
in name their frame; coordinates that go out are longitude and latitude on WGS 84.  Every error has the one
shape `{"error": {"code", "message", "field", "row", "details"}}`, its message in the language of
`Accept-Language` (`zh` or `en`).
"""
SECURITY: dict[str, Any] = {"token": {"type": "http", "scheme": "bearer"}}
# What the page offers to send; flask-openapi3 leaves out what models say of this themselves
EXAMPLES: dict[str, dict[str, Any]] = {
    FindingIn.__name__: findings.EXAMPLE,
    Batch.__name__: {"findings": [{"uuid": "5f0d7a52-3c1e-4d7b-8a55-1c2f9be0a6d4", **findings.EXAMPLE}]},
    TrackIn.__name__: tracks.EXAMPLE,
    CheckIn.__name__: checks.EXAMPLE,
    WithdrawalIn.__name__: checks.EXAMPLE_WITHDRAWAL,
}

# Nothing from elsewhere and no inline script.  Swagger UI writes style attributes and has its icons inside
# its style sheet
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

documentation = Blueprint(
    "documentation",
    __name__,
    template_folder="templates",
    static_folder="static",
    static_url_path="/docs/static",
)
assets = Blueprint(
    "assets",
    __name__,
    static_folder=Path(flask_openapi3_swagger.__file__).parent / "templates" / "swagger",
    static_url_path="/docs/assets",
)
documentation.register_blueprint(assets)


def describe(api: APIBlueprint) -> dict[str, Any]:
    """Return the OpenAPI 3.1 document of `api`, read from its models and docstrings."""
    info = Info(title="Xuncha 巡查", version=VERSION, description=DESCRIPTION)
    collector = OpenAPI(
        __name__, info=info, security_schemes=SECURITY, doc_ui=False, validation_error_model=ErrorAnswer
    )
    collector.register_api(api)
    document: dict[str, Any] = collector.api_doc
    for name, example in EXAMPLES.items():
        document["components"]["schemas"][name]["examples"] = [example]
    for path in document["paths"].values():
        for operation in path.values():
            _corrected(operation)
    return document


def _corrected(operation: dict[str, Any]) -> None:
    """Say what flask-openapi3 cannot: paragraphs, parameters left out instead of null, GeoJSON."""
    if "description" in operation:
        operation["description"] = operation["description"].replace("<br/>", "\n").strip()
    for parameter in operation.get("parameters", ()):
        parameter["schema"] = _without_null(parameter["schema"])
    for response in operation["responses"].values():
        content = response.get("content", {})
        if content.get("application/json", {}).get("schema", {}).get("$ref", "").endswith("Collection"):
            content[MEDIA_TYPE] = content.pop("application/json")


def _without_null(schema: dict[str, Any]) -> dict[str, Any]:
    kinds = [kind for kind in schema.get("anyOf", ()) if kind != {"type": "null"}]
    if len(kinds) != 1:
        return schema
    return {**{key: value for key, value in schema.items() if key not in ("anyOf", "default")}, **kinds[0]}


@documentation.get("/openapi.json")
def openapi() -> Response:
    """Return the OpenAPI document."""
    return jsonify(service().document)


@documentation.get("/docs")
def page() -> Response:
    """Show the document as a page from which every call can be tried."""
    response = make_response(render_template("field_api/try.html", language=current()))
    response.headers["Content-Security-Policy"] = POLICY
    return response
