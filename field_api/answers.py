"""How an answer is put: JSON from a model, GeoJSON for features, nothing kept by caches in between."""

from collections.abc import Mapping

from flask import Blueprint, Response

from field_api.wire.features import MEDIA_TYPE
from field_api.wire.kinds import Outgoing

# An answer is data, never a page: nothing in it may run, whatever it is opened with
_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
}


def json(answer: Outgoing, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Answer a model as JSON."""
    body = answer.model_dump_json(by_alias=True)
    return Response(body, status, headers=dict(headers or {}), content_type="application/json")


def geojson(answer: Outgoing) -> Response:
    """Answer a feature or a collection of them."""
    return Response(answer.model_dump_json(by_alias=True), content_type=MEDIA_TYPE)


def finish(response: Response) -> Response:
    """Return the response with the headers of data; those that are there stay."""
    for name, value in _HEADERS.items():
        response.headers.setdefault(name, value)
    return response


def register(api: Blueprint) -> None:
    """Give every answer of `api` the headers of data."""
    api.after_request(finish)
