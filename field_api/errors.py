"""From what went wrong to what the client hears: one table, one shape, never a stack trace."""

import logging

from flask import Blueprint, Flask, Response, current_app, g, request
from flask.typing import ResponseReturnValue
from pydantic import ValidationError
from werkzeug.exceptions import HTTPException

from field_api import answers, auth
from field_api.bodies import NotJSONError
from field_api.service import PREFIX
from field_api.wire.errors import ErrorAnswer, Problem, invalid
from geo.errors import Explained, GeoError
from layers import errors
from layers.language import explain, gettext

log = logging.getLogger("field_api")

# A minute's allowance says itself when it is filled again; a store too busy for its own time limit is
# given about as long again; space is not made as quickly
RETRY_AFTER_S = {429: 60, 503: 5, 507: 60}

# Error class → status and word; the most telling ancestor of an error decides
TABLE: dict[type[Explained], tuple[int, str]] = {
    NotJSONError: (400, "malformed"),
    errors.InvalidError: (422, "invalid"),
    errors.UnreadableFileError: (422, "unreadable"),
    GeoError: (422, "invalid"),
    errors.NotFoundError: (404, "not_found"),
    errors.ConflictError: (409, "conflict"),
    errors.ForbiddenError: (403, "forbidden"),
    errors.UnauthorisedError: (401, "unauthorised"),
    errors.TooLargeError: (413, "too_large"),
    errors.TooManyError: (429, "too_many_requests"),
    errors.BusyError: (503, "busy"),
    errors.NoSpaceError: (507, "no_space"),
}
UNEXPECTED = (500, "internal")

# What the web framework itself refuses, before any of our own code is asked
HTTP = {
    400: ("malformed", "The request could not be read"),
    404: ("not_found", "There is nothing at this address"),
    405: ("method_not_allowed", "%(method)s is not possible at this address"),
    413: ("too_large", "This is more than the site is set to take"),
    415: ("unsupported_media_type", "Content of this type cannot be taken here"),
    429: ("too_many_requests", "Too many requests; wait a little"),
    431: ("too_large", "This is more than the site is set to take"),
    500: ("internal", "Something went wrong on our side; it has been noted"),
}


def problem_of(error: Explained) -> tuple[int, Problem]:
    """Return the status and the description of one of our own errors."""
    status, code = next((TABLE[kind] for kind in type(error).__mro__ if kind in TABLE), UNEXPECTED)
    field, row = getattr(error, "field", None), getattr(error, "row", None)
    message = explain(error) if status != 500 else gettext(HTTP[500][1])
    return status, Problem(code=code, message=message, field=field, row=row)


def answer(status: int, problem: Problem) -> Response:
    """Return an error as JSON, with the headers that belong to its status."""
    body = ErrorAnswer(error=problem).model_dump_json(exclude_none=True)
    response = Response(body, status, content_type="application/json")
    if status == 401:
        response.headers["WWW-Authenticate"] = _challenge()
    if status in RETRY_AFTER_S:
        response.headers["Retry-After"] = str(g.get("retry_after_s", RETRY_AFTER_S[status]))
    return response


def _challenge() -> str:
    # RFC 6750 section 3: say that the token is bad only to who has sent one
    sent = request.authorization is not None
    return 'Bearer realm="xuncha"' + (', error="invalid_token"' if sent else "")


def of_ours(error: Explained) -> Response:
    """Answer one of our own errors; what is our fault is also logged, with its trace."""
    status, problem = problem_of(error)
    if status >= 500:
        log.error("%s %r: %s", request.method, request.path, error, exc_info=error)
    return answer(status, problem)


def of_http(error: HTTPException) -> ResponseReturnValue:
    """Answer what the framework refused; Flask has logged a 500 with its trace by now."""
    status = error.code or 500
    if error.response is not None or status < 400:
        return error.get_response()
    code, message = HTTP.get(status, ("refused", error.description or error.name))
    response = answer(status, Problem(code=code, message=gettext(message, method=request.method)))
    response.headers.extend(_kept(error))
    return response


def _kept(error: HTTPException) -> list[tuple[str, str]]:
    """Return the header that belongs to a refused method."""
    return [(name, value) for name, value in error.get_headers() if name.lower() == "allow"]


def of_model(error: ValidationError) -> Response:
    """Answer a body, path or query that is not what the model asks."""
    return answer(422, invalid(error))


def refuse_invalid(error: ValidationError) -> None:
    """Pass on what the OpenAPI layer found; the handler above answers it."""
    raise error


def _unknown_address() -> ResponseReturnValue | None:
    """Answer wrong addresses under the API in JSON, whatever page the rest of the site shows for them."""
    wrong = request.routing_exception
    if wrong is None or not request.path.startswith(PREFIX.rsplit("/", 1)[0] + "/"):
        return None
    auth.speak()
    return answers.finish(current_app.make_response(of_http(wrong)))


def register(api: Blueprint) -> None:
    """Let `api` answer its errors in this shape."""
    api.register_error_handler(Explained, of_ours)
    api.register_error_handler(HTTPException, of_http)
    api.register_error_handler(ValidationError, of_model)


def register_on_app(app: Flask) -> None:
    """Let `app` answer wrong addresses under the API in the same shape."""
    # First in the row: a login gate in front of pages must not answer for addresses of the API
    app.before_request_funcs.setdefault(None, []).insert(0, _unknown_address)
    # flask-openapi3 asks the app for this by name
    app.validation_error_callback = refuse_invalid  # type: ignore[attr-defined]
