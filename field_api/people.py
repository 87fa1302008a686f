"""Who I am."""

from flask import Response
from flask_openapi3.blueprint import APIBlueprint

from field_api import answers, described
from field_api.auth import asker, per_minute
from field_api.service import now, site
from field_api.wire.findings import MAX_BATCH, MAX_PAGE
from field_api.wire.kinds import Nothing
from field_api.wire.people import Limits, Me

people = APIBlueprint("people", __name__, **described.noun("people"))


@people.get("/me", responses={200: Me, **described.LIST})
def me(query: Nothing) -> Response:
    """Read whose token this is, the server's clock, and how much is taken at once."""
    who, rules = asker(), site().settings
    limits = Limits(
        batch_findings=MAX_BATCH,
        page_entries=MAX_PAGE,
        upload_bytes=rules.max_upload_bytes,
        photo_pixels=rules.max_photo_pixels,
        requests_per_minute=per_minute(),
    )
    known = {name: getattr(who, name) for name in ("login", "name", "role", "language")}
    return answers.json(Me(**known, time_zone=rules.time_zone, server_time=now(), limits=limits))
