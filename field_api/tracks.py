"""Tracks: put one as JSON or GPX, read one."""

from flask import Response, request
from flask_openapi3.blueprint import APIBlueprint

from field_api import answers, described
from field_api.auth import asker
from field_api.bodies import whole
from field_api.service import now, site
from field_api.wire.kinds import ById
from field_api.wire.tracks import GPX, GPX_EXAMPLE, GPXQuery, TrackAnswer, TrackIn
from layers.errors import InvalidError
from layers.field import access
from layers.field import tracks as records
from layers.field.findings import Outcome
from layers.field.tracks import Track

tracks = APIBlueprint("tracks", __name__, **described.noun("tracks"))
_TAKEN = described.body(
    {"application/json": described.json_of(TrackIn, tracks), GPX: described.text(GPX_EXAMPLE)}
)


@tracks.put(
    "/tracks/<uuid>",
    responses={201: TrackAnswer, 200: TrackAnswer, **described.WRITE},
    openapi_extensions=_TAKEN,
)
def put_track(path: ById, query: GPXQuery) -> Response:
    """Hand in one track under the id that the device gave it, as JSON or as GPX.

    The same again gets 200 and the same answer; the same id with other content 409.
    """
    outcome = records.put(site(), asker(), _sent(path.id, query), now=now())
    status = 201 if outcome is Outcome.CREATED else 200
    return answers.json(TrackAnswer.of(records.get(site(), path.id)), status)


@tracks.get("/tracks/<uuid>", responses={200: TrackAnswer, **described.READ})
def get_track(path: ById) -> Response:
    """Read one track."""
    return answers.json(TrackAnswer.of(access.track(site(), asker(), path.id)))


def _sent(uuid: str, query: GPXQuery) -> Track:
    if request.mimetype == GPX:
        return query.track(uuid, whole())
    for name in query.model_fields_set:
        raise InvalidError("%(field)s of a track in JSON stands in its body", field=name)
    return TrackIn.model_validate(request.get_json()).track(uuid)
