"""What is mine: my account, and the phones and programs that act for me."""

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from layers import tokens
from map_app.pages import devices
from map_app.pages.gate import visitor
from map_app.pages.service import now, site

blueprint = Blueprint("own", __name__)


@blueprint.get("/account")
def page() -> ResponseReturnValue:
    """Show my account."""
    return _page()


@blueprint.post("/account/token")
def token() -> ResponseReturnValue:
    """Give a phone or a program of mine a token, shown this once."""
    label = devices.label(request.form.get("label", ""))
    with site().store.write() as conn:
        secret = tokens.issue(conn, visitor().id, label, now())
    return _page(secret)


@blueprint.post("/account/tokens/<int:token_id>/revoke")
def revoke(token_id: int) -> ResponseReturnValue:
    """Shut out a phone or a program of mine."""
    with site().store.write() as conn:
        tokens.revoke(conn, token_id, by=visitor().id, now=now(), of=visitor().id)
    return redirect(url_for(".page"), 303)


def _page(secret: str | None = None) -> str:
    with site().store.read() as conn:
        mine = tokens.of_account(conn, visitor().id)
    return render_template(
        "map_app/own.html",
        tokens=mine,
        new=devices.shown(secret),
        revoke_at=lambda token_id: url_for("pages.own.revoke", token_id=token_id),
    )
