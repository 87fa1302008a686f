"""A photo in parts: announce it, ask how far it is, send on from there."""

from flask import Response
from flask_openapi3.blueprint import APIBlueprint

from field_api import answers, described, errors
from field_api.auth import asker
from field_api.bodies import PART, whole
from field_api.service import now, site
from field_api.wire.kinds import ById
from field_api.wire.photos import ByUpload, PartQuery, UploadAnswer, UploadIn
from layers.field import photo_parts
from layers.field.findings import Outcome
from layers.field.photo_parts import OffsetError, Upload

uploads = APIBlueprint("uploads", __name__, **described.noun("photos"))

# Empty, it asks to attach what is whole
_PART = described.body(dict.fromkeys(sorted(PART), described.BYTES), required=False)
_BEGUN: described.Responses = {201: UploadAnswer, 200: UploadAnswer, **described.WRITE}


@uploads.post("/findings/<uuid>/uploads", responses=_BEGUN)
def post_upload(path: ById, body: UploadIn) -> Response:
    """Announce a photo by its SHA-256 and size; announced before, the answer tells how far it is.

    A photo that the finding has already is answered with its receipt: nothing needs to be sent.
    """
    outcome, upload = photo_parts.begin(
        site(),
        asker(),
        path.id,
        sha256=body.sha256,
        n_bytes=body.n_bytes,
        role=body.role,
        now=now(),
    )
    return _told(upload, 201 if outcome is Outcome.CREATED else 200)


@uploads.get("/findings/<uuid>/uploads/<sha256>", responses={200: UploadAnswer, **described.READ})
def get_upload(path: ByUpload) -> Response:
    """Read how far a photo is; HEAD tells it too, in `Upload-Offset` and `Upload-Length`."""
    return _told(photo_parts.state(site(), asker(), path.id, path.sha256))


@uploads.patch("/findings/<uuid>/uploads/<sha256>", responses=_BEGUN, openapi_extensions=_PART)
def patch_upload(path: ByUpload, query: PartQuery) -> Response:
    """Send a part that begins at `offset`; 200 while more is to come, 201 when the photo is attached.

    One that begins elsewhere than the last one ended is refused with 409, and `Upload-Offset` tells where
    to go on.  If the SHA-256 of the whole is another, all of it is thrown away: announce it again.
    """
    part = whole()
    try:
        outcome, upload = photo_parts.add(
            site(), asker(), path.id, path.sha256, offset=query.offset, data=part, now=now()
        )
    except OffsetError as error:
        refused = errors.of_ours(error)
        refused.headers["Upload-Offset"] = str(error.offset)
        return refused
    return _told(upload, 201 if outcome is Outcome.CREATED else 200)


@uploads.delete("/findings/<uuid>/uploads/<sha256>", responses={204: None, **described.WRITE})
def delete_upload(path: ByUpload) -> Response:
    """Give up a photo that is not whole; one that is whole stays."""
    photo_parts.give_up(site(), asker(), path.id, path.sha256)
    return Response(status=204)


def _told(upload: Upload, status: int = 200) -> Response:
    headers = {"Upload-Offset": str(upload.offset), "Upload-Length": str(upload.n_bytes)}
    return answers.json(UploadAnswer.model_validate(upload), status, headers)
