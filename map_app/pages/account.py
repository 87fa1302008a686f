"""Coming in, going out, and the language."""

from urllib.parse import urlsplit

from flask import Blueprint, Flask, abort, current_app, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address
from flask_login import current_user, login_user, logout_user
from limits import parse

from layers import people
from layers.errors import UnauthorisedError
from layers.language import LANGUAGES, explain
from map_app.pages.gate import Visitor
from map_app.pages.service import site

blueprint = Blueprint("account", __name__)

# Guessing is slowed for one login from anywhere, and for one address whatever the login
_PER_LOGIN, _PER_ADDRESS = parse("10 per 15 minutes"), parse("60 per 15 minutes")


def throttle(app: Flask) -> None:
    """Keep count of attempts to log in; nothing else of the app is counted here."""
    limiter = Limiter(get_remote_address, storage_uri="memory://")
    limiter.init_app(app)
    app.extensions["map_app_login_limit"] = limiter


@blueprint.get("/login")
def login() -> ResponseReturnValue:
    """Show the door."""
    if current_user.is_authenticated:
        return redirect(url_for("pages.start.start"))
    return render_template("map_app/login.html", message=None, login="")


@blueprint.post("/login")
def enter() -> ResponseReturnValue:
    """Let a person in who knows login and password."""
    name, password = request.form.get("login", "").strip(), request.form.get("password", "")
    if not _may_try(name):
        abort(429)
    try:
        with site().store.read() as conn:
            account = people.authenticate(conn, name, password)
    except UnauthorisedError as error:
        return render_template("map_app/login.html", message=explain(error), login=name), 401
    _forgive(name)
    forget_all_but_language()
    login_user(Visitor(account))
    return redirect(_own_path(request.args.get("next")) or url_for("pages.start.start"))


@blueprint.post("/logout")
def leave() -> ResponseReturnValue:
    """Forget who this was."""
    logout_user()
    forget_all_but_language()
    return redirect(url_for("pages.account.login"))


@blueprint.post("/language")
def choose_language() -> ResponseReturnValue:
    """Speak another language on this device from now on."""
    wanted = request.form.get("language", "")
    if wanted in LANGUAGES:
        session["language"] = wanted
    return redirect(_own_path(request.form.get("back")) or url_for("pages.start.start"))


def forget_all_but_language() -> None:
    """Begin a session anew; the language was chosen for the device."""
    chosen = session.get("language")
    session.clear()
    if chosen:
        session["language"] = chosen


def _own_path(text: str | None) -> str | None:
    """Return a path on this server, or None: an address elsewhere is never followed."""
    if not text or "\\" in text or not text.isprintable():
        return None
    parts = urlsplit(text)
    is_own = not parts.scheme and not parts.netloc and text.startswith("/") and not text.startswith("//")
    return text if is_own else None


def _may_try(name: str) -> bool:
    return _limiter().limiter.hit(_PER_LOGIN, "login", name.casefold()) and may_try_from_here()


def may_try_from_here() -> bool:
    """Take one from the attempts that are left to whoever has this address."""
    return _limiter().limiter.hit(_PER_ADDRESS, "login", get_remote_address())


def _forgive(name: str) -> None:
    _limiter().limiter.clear(_PER_LOGIN, "login", name.casefold())


def _limiter() -> Limiter:
    found: Limiter = current_app.extensions["map_app_login_limit"]
    return found
