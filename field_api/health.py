"""Whether the server and its store answer; for anybody, and without a word about what they hold."""

from flask import Response
from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag

from field_api import answers, described
from field_api.service import now, site
from field_api.wire.people import Health

health = APIBlueprint("health", __name__, abp_tags=[Tag(name="health")])


@health.get("/health", responses={200: Health, **described.OPEN})
def state() -> Response:
    """Ask whether the server works; no token is needed."""
    site().facts()
    return answers.json(Health(server_time=now()))
