"""What the OpenAPI document says of every operation: its noun, the token, bodies, what can go wrong."""

from typing import Any

from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.media_type import MediaType
from flask_openapi3.models.tag import Tag
from flask_openapi3.utils import parse_body
from pydantic import BaseModel

from field_api.wire.errors import ErrorAnswer

Responses = dict[Any, Any]

ERROR = ErrorAnswer
_ALWAYS = (401, 422, 429, 500, 503)
READ: Responses = dict.fromkeys((*_ALWAYS, 404), ErrorAnswer)
LIST: Responses = dict.fromkeys(_ALWAYS, ErrorAnswer)
WRITE: Responses = dict.fromkeys((*_ALWAYS, 400, 403, 404, 409, 413, 415, 507), ErrorAnswer)
OPEN: Responses = dict.fromkeys((500, 503), ErrorAnswer)

BYTES: dict[str, Any] = {"schema": {"type": "string", "format": "binary"}}
FEATURES: dict[str, Any] = {
    "schema": {
        "type": "object",
        "required": ["type", "features"],
        "properties": {
            "type": {"const": "FeatureCollection"},
            "features": {"type": "array", "items": {"type": "object"}},
        },
    }
}
JPEG = {"content": {"image/jpeg": BYTES}}


def noun(name: str) -> dict[str, Any]:
    """Return what the operations on one noun share."""
    return {"abp_tags": [Tag(name=name)], "abp_security": [{"token": []}]}


def body(content: dict[str, Any], *, required: bool = True) -> dict[str, Any]:
    """Return the description of a body that is not JSON alone, by media type."""
    return {"requestBody": {"required": required, "content": content}}


def text(example: str) -> dict[str, Any]:
    """Return the description of a body of text."""
    return {"schema": {"type": "string"}, "example": example}


def part(name: str) -> dict[str, Any]:
    """Return the description of a form with one file."""
    file = {"type": "string", "format": "binary"}
    return {"schema": {"type": "object", "required": [name], "properties": {name: file}}}


def json_of(model: type[BaseModel], blueprint: APIBlueprint) -> dict[str, Any]:
    """Return the description of a JSON body that a handler reads itself, kept with those of `blueprint`."""
    content, schemas = parse_body(model)
    blueprint.components_schemas.update(schemas)
    body_of: MediaType = content["application/json"]
    return body_of.model_dump(by_alias=True, exclude_unset=True)
