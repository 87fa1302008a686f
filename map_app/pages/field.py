"""The page for the phone: report from the street, also without a network.

The page keeps what it takes in the browser and sends it to the API with a token of its own, so that the
outbox can be emptied after the session has ended.
"""

from flask import Blueprint, Response, jsonify, make_response, render_template, send_from_directory
from flask.typing import ResponseReturnValue

from layers import people
from layers.language import gettext
from map_app import assets, legend
from map_app.pages.gate import visitor
from map_app.pages.service import now, site

blueprint = Blueprint("field", __name__)

# The categories of an inspector's daily round, in the order of the buttons (GB/T 30428.2-2013)
_SCHEME = "gbt30428-2013-event"
_BUTTONS = ("0406", "0405", "0401", "0409", "0410", "0136", "0201", "0110", "0112", "0101", "0113", "0506")


@blueprint.get("/field")
def page() -> ResponseReturnValue:
    """Show the page; the service worker keeps it for when there is no network."""
    return render_template(
        "map_app/field.html",
        buttons=[(code, legend.name(site().taxonomy, _SCHEME, code)) for code in _BUTTONS],
        settings={
            "scheme": _SCHEME,
            "account": {"id": visitor().id, "name": visitor().name},
            "api": "/api/v1",
            "texts": _texts(),
        },
    )


@blueprint.post("/field/token")
def token() -> Response:
    """Give this device a token for the API: the session says who asks, the form token that our page does."""
    with site().store.write() as conn:
        secret = people.issue_token(conn, visitor().id, gettext("Phone page"), now=now())
    return jsonify(token=secret, account=visitor().id)


@blueprint.get("/field/worker.js")
def worker() -> Response:
    """Send the service worker; it may only look after the page for the phone."""
    response = make_response(send_from_directory(assets.STATIC, "field-worker.js"))
    response.headers["Service-Worker-Allowed"] = "/field"
    response.headers["Cache-Control"] = "no-cache"
    return response


def _texts() -> dict[str, str]:
    return {}
