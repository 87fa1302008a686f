"""What a person, or a script of a page, sees when something is wrong."""

import logging

from flask import Blueprint, Flask, Response, g, jsonify, make_response, render_template, request
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import HTTPException

from geo.errors import Explained, GeoError
from layers import errors
from layers.language import explain, gettext
from map_app.pages import gate, speech
from map_app.pages.gate import JSON_PATHS

log = logging.getLogger("map_app")

TABLE: dict[type[Explained], int] = {
    errors.InvalidError: 400,
    errors.UnreadableFileError: 400,
    GeoError: 400,
    errors.NotFoundError: 404,
    errors.ConflictError: 409,
    errors.ForbiddenError: 403,
    errors.UnauthorisedError: 401,
    errors.TooLargeError: 413,
    errors.TooManyError: 429,
    errors.BusyError: 503,
    errors.NoSpaceError: 507,
}
HTTP = {
    400: "The request could not be understood",
    401: "Please log in again",
    403: "Your account may not do this",
    404: "There is nothing at this address",
    405: "This is not possible at this address",
    413: "This is more than the site is set to take",
    429: "Too many attempts; wait a little and try again",
    500: "Something went wrong on our side; it has been noted",
}


def prepare(app: Flask, pages: Blueprint) -> None:
    """Answer the errors of the pages, and addresses of the app that lead nowhere."""
    pages.register_error_handler(Explained, of_ours)
    pages.register_error_handler(HTTPException, of_http)
    app.register_error_handler(404, of_http)


def of_ours(error: Explained) -> ResponseReturnValue:
    """Show one of our own errors in the reader's language."""
    status = next((TABLE[kind] for kind in type(error).__mro__ if kind in TABLE), 500)
    if status >= 500:
        log.error("%s %s: %s", request.method, request.path, error, exc_info=error)
    return _shown(status, explain(error) if status != 500 else gettext(HTTP[500]))


def of_http(error: HTTPException) -> ResponseReturnValue:
    """Show what the web framework refused."""
    status = error.code or 500
    if error.response is not None or status < 400:
        return error.get_response()
    speech.choose()
    return _shown(status, gettext(HTTP.get(status, HTTP[400 if status < 500 else 500])))


def _page(status: int, message: str) -> Response:
    """Return the page of an error; an address that leads nowhere has no blueprint to say the rest."""
    gate.begin_nonce()
    said = speech.said_on_every_page()
    page = render_template("map_app/error.html", status=status, message=message, **said)
    return gate.guard(make_response(page))


def _shown(status: int, message: str) -> ResponseReturnValue:
    for_script = request.path.startswith(JSON_PATHS)
    response = jsonify(message=message) if for_script else _page(status, message)
    if status in (503, 507):
        response.headers["Retry-After"] = "5"
    elif status == 429:
        response.headers["Retry-After"] = str(g.get("retry_after_s", 60))
    return response, status
