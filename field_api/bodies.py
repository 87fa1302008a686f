"""What a request may bring: which types, how much of it, and JSON that is JSON."""

from dataclasses import dataclass

from flask import request
from pydantic_core import from_json
from werkzeug.exceptions import RequestEntityTooLarge, UnsupportedMediaType

from field_api.service import site
from layers.errors import XunchaError

KIB = 1024
JSON = frozenset({"application/json"})
TRACK = JSON | {"application/gpx+xml"}
FORM = "multipart/form-data"
PART = frozenset({"application/octet-stream", "application/offset+octet-stream"})
# Cameras and browsers name the type of a photo badly; what it is, its bytes say
PHOTO = frozenset({"image/*", "application/octet-stream", FORM})


class NotJSONError(XunchaError):
    """A body that says it is JSON and is not, by the letter of RFC 8259."""


@dataclass(frozen=True, slots=True)
class Intake:
    """The media types an operation takes; `max_bytes` None leaves the limit to the site's setting."""

    types: frozenset[str]
    max_bytes: int | None

    def takes(self, type_: str) -> bool:
        """Tell whether a media type is taken; without one a body is but bytes (RFC 9110 section 8.3)."""
        given = type_ or "application/octet-stream"
        return not self.types.isdisjoint({given, f"{given.split('/')[0]}/*"})


# By endpoint.  A finding is well under 8 KiB, so a batch of 500 fits; what is not listed takes no body
INTAKES = {
    "api.findings.put_finding": Intake(JSON, 64 * KIB),
    "api.findings.patch_finding": Intake(JSON, 64 * KIB),
    "api.findings.post_findings": Intake(JSON, 4096 * KIB),
    "api.photos.put_photo": Intake(PHOTO, None),
    "api.photos.post_photo": Intake(PHOTO, None),
    "api.uploads.post_upload": Intake(JSON, 4 * KIB),
    "api.uploads.patch_upload": Intake(PART, 8192 * KIB),
    "api.checks.put_check": Intake(JSON, 64 * KIB),
    "api.checks.put_withdrawal": Intake(JSON, 64 * KIB),
    "api.tracks.put_track": Intake(TRACK, None),
}
NOTHING = Intake(frozenset(), 1)


class _Strict:
    """JSON without NaN, lone surrogates or bottomless nesting."""

    @staticmethod
    def loads(data: bytes) -> object:
        try:
            return from_json(data, allow_inf_nan=False)
        except ValueError as error:
            raise NotJSONError("The body is not JSON: %(reason)s", reason=error) from None


def admit() -> None:
    """Refuse a body of the wrong type or size before any of it is read; then read JSON strictly."""
    if request.method not in ("POST", "PUT", "PATCH"):
        return
    intake = INTAKES.get(request.endpoint or "", NOTHING)
    if not intake.takes(request.mimetype):
        raise UnsupportedMediaType
    _limit(intake.max_bytes or site().settings.max_upload_bytes)
    if request.is_json:
        whole()
        request.json_module = _Strict
        request.get_json()


def _limit(max_bytes: int) -> None:
    """Let no more than `max_bytes` of the body in, declared or chunked."""
    if (request.content_length or 0) > max_bytes:
        raise RequestEntityTooLarge
    # Werkzeug cuts a chunked body at the limit without a word: one byte more shows that it was cut
    request.max_content_length = max_bytes + 1
    request.max_form_memory_size = 64 * KIB
    request.max_form_parts = 10


def whole() -> bytes:
    """Return the body, all of it or none."""
    data = request.get_data()
    if len(data) >= (request.max_content_length or 0):
        raise RequestEntityTooLarge
    return data
