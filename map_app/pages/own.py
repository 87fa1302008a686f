"""What is mine: my account, and the phones and programs that act for me."""

from collections.abc import Mapping

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from layers import people, tokens
from layers.errors import InvalidError, XunchaError
from layers.language import explain
from map_app.pages import account, devices
from map_app.pages.gate import held, hold, visitor
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


@blueprint.post("/account/password")
def password() -> ResponseReturnValue:
    """Choose a new password; every session of mine but this one ends."""
    given, me = request.form, visitor()
    account.hold_off(me.login)
    try:
        with site().store.read() as conn:
            people.authenticate(conn, me.login, given.get("old", ""))
        _check(given.get("new", ""), given)
        with site().store.write() as conn:
            people.set_password(conn, me.id, given.get("new", ""), now())
            renewed = people.by_id(conn, me.id)
    except XunchaError as error:
        return _page(message=explain(error)), 422
    account.forgive(me.login)
    account.begin(renewed)
    return redirect(url_for(".page", done="password"), 303)


def _check(new: str, given: Mapping[str, str]) -> None:
    if new != given.get("again"):
        raise InvalidError("The two new passwords differ", field="again")
    if new == given.get("old"):
        raise InvalidError("The new password is the old one", field="new")


@blueprint.post("/account/sessions")
def end_sessions() -> ResponseReturnValue:
    """End every session of mine but this one."""
    with site().store.write() as conn:
        people.end_sessions(conn, visitor().id, by=visitor().id, now=now())
    hold(held().spared(now()))
    return redirect(url_for(".page", done="sessions"), 303)


def _page(secret: str | None = None, message: str | None = None) -> str:
    with site().store.read() as conn:
        mine = tokens.of_account(conn, visitor().id)
    return render_template(
        "map_app/own.html",
        tokens=mine,
        message=message,
        done=request.args.get("done"),
        new=devices.shown(secret),
        revoke_at=lambda token_id: url_for("pages.own.revoke", token_id=token_id),
    )
