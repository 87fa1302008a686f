"""A phone comes in by scanning its token, on whatever page the token was issued."""

from dataclasses import dataclass

from flask import Blueprint, Response, jsonify, render_template, request, url_for
from flask.typing import ResponseReturnValue
from markupsafe import Markup

from layers import people, tokens
from layers.errors import UnauthorisedError
from layers.language import explain
from map_app import qr
from map_app.pages import account, phone
from map_app.pages.service import now, site

blueprint = Blueprint("devices", __name__)

_LONGEST_LABEL = 100


@dataclass(frozen=True, slots=True)
class New:
    """A new token as it is shown, once."""

    secret: str
    address: str
    picture: Markup


def label(text: str) -> str:
    """Return what a token is called."""
    return " ".join(text.split())[:_LONGEST_LABEL]


def shown(secret: str | None) -> New | None:
    """Return a new token as it is shown.

    It follows the sign in an address that browsers send to no server, so that no log keeps it.
    """
    if secret is None:
        return None
    address = f"{phone.base()}{url_for('pages.devices.page')}#{secret}"
    return New(secret, address, qr.picture(address))


@blueprint.get("/enter")
def page() -> ResponseReturnValue:
    """Show the page that reads the token from the address that was scanned."""
    return render_template("map_app/enter.html")


@blueprint.post("/enter")
def enter() -> ResponseReturnValue:
    """Let in who scanned a token, and hand over what the device keeps in its place."""
    account.hold_off_from_here()
    try:
        with site().store.write() as conn:
            who, secret = tokens.enter(conn, request.form.get("token", ""), now())
    except UnauthorisedError as error:
        return _refused(explain(error))
    account.begin(who.account, who.token_id)
    may_report = people.may(who.account, "report")
    leads_to = url_for("pages.field.page") if may_report else url_for("pages.start.start")
    return jsonify(account=who.account.id, token=secret, leads_to=leads_to)


def _refused(message: str) -> tuple[Response, int]:
    return jsonify(message=message), 401
