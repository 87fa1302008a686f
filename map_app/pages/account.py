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

from layers import people, sessions
from layers.allowances import Allowances
from layers.errors import BusyError, ConflictError, NoSpaceError, UnauthorisedError
from layers.language import LANGUAGES, explain
from layers.people import Account
from map_app.pages.gate import Visitor, held, hold
from map_app.pages.service import now, site

blueprint = Blueprint("account", __name__)

# Guessing is slowed for one login from anywhere, and for one address whatever the login
_PER_LOGIN, _PER_ADDRESS = 10, 60
_WINDOW_S = 15 * 60


def throttle(app: Flask) -> None:
    """Keep count of attempts to log in; nothing else of the app is counted here."""
    app.extensions["map_app_logins"] = Allowances("logins", str(app.secret_key).encode(), _WINDOW_S)


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


def begin(account: Account, token_id: int | None = None) -> None:
    """Begin a session anew."""
    forget_all_but_language()
    mine = sessions.begin(account.id, now(), token_id)
    login_user(Visitor(account, mine))
    session.permanent = token_id is not None
    hold(mine)


@blueprint.post("/logout")
def leave() -> ResponseReturnValue:
    """End this session, wherever else its cookie may be, and forget who this was."""
    # the page may have been sent twice
    with suppress(ConflictError), site().store.write() as conn:
        sessions.end(conn, held(), site().settings, now())
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
    login = f"login {name.casefold()}"
    left_s = _attempts().charge(login, _PER_LOGIN, time.time())
    if left_s is not None:
        if _attempts().charge(f"told {login}", 1, time.time()) is None:
            _note(name, "throttle")
        _refuse(left_s)
    hold_off_from_here()


def hold_off_from_here() -> None:
    """Take one from the attempts that are left to whoever has this address."""
    left_s = _attempts().charge(f"address {request.remote_addr}", _PER_ADDRESS, time.time())
    if left_s is not None:
        _refuse(left_s)


def _refuse(left_s: float) -> NoReturn:
    g.retry_after_s = max(1, math.ceil(left_s))
    abort(429)


def _note(name: str, action: str) -> None:
    """Write it into the history, if that can be: who knows the password comes in to a full disk too."""
    with suppress(BusyError, NoSpaceError), site().store.write() as conn:
        people.note(conn, name, action, now())


def forgive(name: str) -> None:
    """Forget the attempts for a login; somebody knew the password."""
    _attempts().forgive(f"login {name.casefold()}", time.time())


def _attempts() -> Allowances:
    found: Allowances = current_app.extensions["map_app_logins"]
    return found
