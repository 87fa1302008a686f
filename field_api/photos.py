"""Photos: attach one to a finding, read its clean copy."""

from flask import Response, request, send_file
from flask_openapi3.blueprint import APIBlueprint

from field_api import answers, described
from field_api.auth import asker
from field_api.bodies import FORM, PHOTO, whole
from field_api.service import now, site
from field_api.wire.answers import PhotoAnswer
from field_api.wire.kinds import ById
from field_api.wire.photos import ByHash, CopyQuery, PhotoQuery
from layers.errors import InvalidError
from layers.field import access
from layers.field import photos as records
from layers.field.findings import Outcome

photos = APIBlueprint("photos", __name__, **described.noun("photos"))

_TAKEN = described.body({**dict.fromkeys(sorted(PHOTO), described.BYTES), FORM: described.part("photo")})
_ANSWERS: described.Responses = {201: PhotoAnswer, 200: PhotoAnswer, **described.WRITE}


@photos.post("/findings/<uuid>/photos", responses=_ANSWERS, openapi_extensions=_TAKEN)
def post_photo(path: ById, query: PhotoQuery) -> Response:
    """Attach a photo: its bytes as the body, or as the part `photo` of a form.

    The answer is a receipt with the SHA-256 of what arrived; the same photo again gets 200 and the same one.
    """
    return _attached(path, query)


@photos.put("/findings/<uuid>/photos", responses=_ANSWERS, openapi_extensions=_TAKEN)
def put_photo(path: ById, query: PhotoQuery) -> Response:
    """Attach a photo, exactly as POST does: sending again is safe either way."""
    return _attached(path, query)


@photos.get("/photos/<sha256>", responses={200: described.JPEG, **described.READ})
def get_photo(path: ByHash, query: CopyQuery) -> Response:
    """Read the clean copy of a photo: JPEG, upright, without place and time written into it."""
    copy = access.photo(site(), asker(), path.sha256, thumbnail=query.size == "thumbnail")
    response = send_file(copy, mimetype="image/jpeg", etag=f"{path.sha256}-{query.size}")
    response.headers["Cache-Control"] = "private, max-age=31536000, immutable"
    return response


def _attached(path: ById, query: PhotoQuery) -> Response:
    outcome, photo = records.attach(site(), asker(), path.id, _sent(), query.role, now=now())
    status = 201 if outcome is Outcome.CREATED else 200
    return answers.json(PhotoAnswer.model_validate(photo), status)


def _sent() -> bytes:
    if request.mimetype != FORM:
        return whole()
    photo = request.files.get("photo")
    if photo is None:
        raise InvalidError("The form needs a part %(field)s with the photo", field="photo")
    data: bytes = photo.read()
    return data
