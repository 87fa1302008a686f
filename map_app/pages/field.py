"""The page for the phone: report from the street, also without a network.

The page keeps what it takes in the browser and sends it to the API with a token of its own, so that the
outbox can be emptied after the session has ended.
"""

from flask import (
    Blueprint,
    Response,
    jsonify,
    make_response,
    render_template,
    request,
    send_from_directory,
    url_for,
)
from flask.typing import ResponseReturnValue
from flask_wtf.csrf import generate_csrf

from layers import tokens
from layers.language import current, gettext
from map_app import assets, legend
from map_app.maps import base
from map_app.maps.base import CityMap
from map_app.pages import checks
from map_app.pages.gate import allow, visitor
from map_app.pages.maps import archive, ground
from map_app.pages.service import analyst, now, site

blueprint = Blueprint("field", __name__)

# The categories of an inspector's daily round, in the order of the buttons (GB/T 30428.2-2013)
# Where the API of the same server is
_API = "/api/v1"
_SCHEME = "gbt30428-2013-event"
_BUTTONS = ("0406", "0405", "0401", "0409", "0410", "0136", "0201", "0110", "0112", "0101", "0113", "0506")


@blueprint.get("/field")
def page() -> ResponseReturnValue:
    """Show the page; the service worker keeps it for when there is no network."""
    allow("report")
    rules = site().settings
    names = {code: legend.name(site().taxonomy, _SCHEME, code) for code in _BUTTONS}
    return render_template(
        "map_app/field.html",
        parts=base.parts(CityMap(ground())),
        buttons=names.items(),
        settings={
            "scheme": _SCHEME,
            "names": names,
            "device": _device(),
            "worker": url_for("pages.field.worker"),
            "scope": url_for("pages.field.page"),
            "limits": {"bytes": rules.max_upload_bytes, "pixels": rules.max_photo_pixels},
            "archives": [archive(path.name) for path in analyst().archives().values()],
            "sending": {
                "api": _API,
                "account": visitor().id,
                "login": visitor().login,
                "tokenUrl": url_for("pages.field.token"),
                "csrf": generate_csrf(),
                "language": "zh-CN" if current() == "zh" else current(),
            },
            "texts": _texts(),
            "reasons": checks.reasons(),
        },
    )


def _device() -> str:
    """Return what the browser says it runs on; findings of one phone may share an error."""
    agent = request.user_agent.string
    return "".join(letter for letter in agent if letter.isprintable())[:200]


@blueprint.post("/field/token")
def token() -> Response:
    """Give this device a token for the API: the session says who asks, the form token that our page does."""
    allow("report")
    with site().store.write() as conn:
        secret = tokens.issue(conn, visitor().id, gettext("Phone page"), now=now())
    return jsonify(token=secret)


@blueprint.get("/field/worker.js")
def worker() -> Response:
    """Send the service worker; it may only look after the page for the phone."""
    response = make_response(send_from_directory(assets.STATIC, "field-worker.js"))
    response.headers["Service-Worker-Allowed"] = "/field"
    response.headers["Cache-Control"] = "no-cache"
    return response


def _texts() -> dict[str, str]:
    return {
        "searching": gettext("Looking for the position …"),
        "denied": gettext("This phone gives no position; tap the place on the map."),
        "accuracy": gettext("Position"),
        "byHand": gettext("Place tapped on the map"),
        "chooseCategory": gettext("Choose a category first"),
        "waitPosition": gettext("The position is old; wait for a new one or tap the map"),
        "saved": gettext("Saved on this phone"),
        "isFast": gettext("This phone's clock is {span} fast: times are put right when they are sent."),
        "isSlow": gettext("This phone's clock is {span} slow: times are put right when they are sent."),
        "wasFast": gettext("(The phone's clock was {span} fast; the time was put right.)"),
        "wasSlow": gettext("(The phone's clock was {span} slow; the time was put right.)"),
        "noPhoto": gettext(
            "this phone cannot show it, and the site takes JPEG, PNG and WebP only; it was left out"
        ),
        "remade": gettext("made a smaller JPEG; what the photo says of time and place is left behind"),
        "removePhoto": gettext("Remove this photo"),
        "unsent": gettext("Unsent:"),
        "allSent": gettext("All sent"),
        "track": gettext("Track"),
        "check": gettext("Checked, nothing found"),
        "checkReceived": gettext("Counted as inspected"),
        "checkDoubtful": gettext("Not clear which street: it does not count. Tap the place on the map."),
        "withdraw": gettext("Withdraw"),
        "keepCheck": gettext("Keep it"),
        "withdrawing": gettext("being withdrawn"),
        "withdrawn": gettext("Withdrawn: it does not count"),
        "withdrawalOfCheck": gettext("Withdrawal of a check"),
        "photo": gettext("sending photo"),
        "waiting": gettext("waiting to be sent"),
        "refused": gettext("refused"),
        "colleague": gettext("of another account on this phone"),
        "refusedPhoto": gettext("Refused: photo"),
        "arrived": gettext("The report has arrived"),
        "again": gettext("Try again"),
        "drop": gettext("Remove from this phone"),
        "dropForGood": gettext("Remove for good"),
        "keepIt": gettext("Keep it here"),
        "received": gettext("Received and understood"),
        "street": gettext("Street"),
        "zone": gettext("Zone"),
        "noName": gettext("(no name)"),
        "outside": gettext("outside the streets"),
        "ambiguous": gettext("ambiguous"),
        "decided": gettext("decided by a person"),
        "trackShort": gettext("The track has fewer than two fixes and was not kept"),
        "beginTrack": gettext("Begin a track"),
        "endTrack": gettext("End the track"),
        "fixes": gettext("fixes"),
    }
