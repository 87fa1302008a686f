"""Coming in, going out, and the language."""

import math
import time
from contextlib import suppress
from typing import NoReturn
from urllib.parse import urlsplit

from flask import (
    Blueprint,
    Flask,
    abort,
    current_app,
    g,
    redirect,
    render_template,
    request,
    session,
    url_for,
)
from flask.typing import ResponseReturnValue
from flask_login import current_user, login_user, logout_user
from limits import RateLimitItem, parse
from limits.storage import MemoryStorage
from limits.strategies import FixedWindowRateLimiter

from layers import people
from layers.errors import BusyError, NoSpaceError, UnauthorisedError
from layers.language import LANGUAGES, explain
from layers.people import Account
from map_app.pages.gate import SINCE, Visitor
from map_app.pages.service import now, site

blueprint = Blueprint("account", __name__)

# Guessing is slowed for one login from anywhere, and for one address whatever the login
_PER_LOGIN, _PER_ADDRESS = parse("10 per 15 minutes"), parse("60 per 15 minutes")
_TOLD_ONCE = parse("1 per 15 minutes")


def throttle(app: Flask) -> None:
    """Keep count of attempts to log in; nothing else of the app is counted here."""
    app.extensions["map_app_login_limit"] = FixedWindowRateLimiter(MemoryStorage())


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
    hold_off(name)
    try:
        with site().store.read() as conn:
            account = people.authenticate(conn, name, password, now())
    except UnauthorisedError as error:
        return render_template("map_app/login.html", message=explain(error), login=name), 401
    forgive(name)
    _note(name, "sign_in")
    begin(account)
    return redirect(_own_path(request.args.get("next")) or url_for("pages.start.start"))


def begin(account: Account) -> None:
    """Begin a session anew."""
    forget_all_but_language()
    login_user(Visitor(account))
    session[SINCE] = now().isoformat()


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


def hold_off(name: str) -> None:
    """Take one from the attempts that are left for a login and to an address; refuse when there are none.

    The first refusal for a login is history: somebody has been guessing.
    """
    login = name.casefold()
    if not _limiter().hit(_PER_LOGIN, "login", login):
        if _limiter().hit(_TOLD_ONCE, "told", login):
            _note(name, "throttle")
        _refuse(_PER_LOGIN, login)
    hold_off_from_here()


def hold_off_from_here() -> None:
    """Take one from the attempts that are left to whoever has this address."""
    if not _limiter().hit(_PER_ADDRESS, "login", str(request.remote_addr)):
        _refuse(_PER_ADDRESS, str(request.remote_addr))


def _refuse(limit: RateLimitItem, whose: str) -> NoReturn:
    again_at = _limiter().get_window_stats(limit, "login", whose).reset_time
    g.retry_after_s = max(1, math.ceil(again_at - time.time()))
    abort(429)


def _note(name: str, action: str) -> None:
    """Write it into the history, if that can be: who knows the password comes in to a full disk too."""
    with suppress(BusyError, NoSpaceError), site().store.write() as conn:
        people.note(conn, name, action, now())


def forgive(name: str) -> None:
    """Forget the attempts for a login; somebody knew the password."""
    _limiter().clear(_PER_LOGIN, "login", name.casefold())


def _limiter() -> FixedWindowRateLimiter:
    found: FixedWindowRateLimiter = current_app.extensions["map_app_login_limit"]
    return found
