"""Who may come in, and what a browser may do with a page: asked for every address, not by each page."""

import secrets
from contextlib import suppress
from datetime import timedelta
from urllib.parse import urlsplit

from flask import Blueprint, Flask, Response, abort, g, redirect, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_login import LoginManager, UserMixin, current_user
from flask_wtf.csrf import CSRFProtect

from layers import people, sessions, tokens
from layers.errors import BusyError, NoSpaceError, UnauthorisedError
from layers.people import Account
from layers.sessions import Session
from map_app.pages.service import now, service, service_of, site

# What a stranger may see: the door itself, and what it is made of
OPEN = frozenset(
    {
        "pages.static",
        "pages.account.login",
        "pages.account.enter",
        "pages.account.choose_language",
        "pages.field.worker",
        "pages.phone.page",
        "pages.phone.root",
        "pages.devices.page",
        "pages.devices.enter",
    }
)
# An answer for a script is refused in its own way: a redirect to a form would only confuse it
JSON_PATHS = ("/data/", "/tiles/")

# Under which the cookie keeps whose session it is, beside the language of the device
HELD = "held"
# What is left to whoever has a password of somebody else's choice, until he has chosen one
BEFORE_CHOOSING = frozenset({"pages.own.page", "pages.own.password", "pages.account.leave"})

_csrf = CSRFProtect()


class Visitor(UserMixin):  # type: ignore[misc]
    """An account that has come in, as Flask-Login wants it, and its session."""

    def __init__(self, account: Account, held: Session) -> None:
        self.account, self.held = account, held

    def get_id(self) -> str:
        """Return the id of the account, by which alone nobody comes in."""
        return str(self.account.id)


def visitor() -> Account:
    """Return the account behind this request; the gate has made sure that there is one."""
    account: Account = current_user.account
    return account


def held() -> Session:
    """Return the session behind this request; the gate has made sure that there is one."""
    found: Session = current_user.held
    return found


def hold(mine: Session) -> None:
    """Let the browser keep this session."""
    session[HELD] = mine.said()


def allow(act: str) -> None:
    """Refuse a visitor who may not do this; see `layers.people.may`."""
    if not people.may(visitor(), act):
        abort(403)


def prepare(app: Flask, pages: Blueprint) -> None:
    """Set the gate in front of the pages; the API beside them keeps its own."""
    app.config.setdefault("WTF_CSRF_CHECK_DEFAULT", False)
    app.config.setdefault("WTF_CSRF_TIME_LIMIT", None)
    app.config["SESSION_COOKIE_SAMESITE"] = "Lax"
    app.permanent_session_lifetime = timedelta(days=service_of(app).site.settings.phone_session_days)
    _csrf.init_app(app)
    manager = LoginManager()
    manager.init_app(app)
    manager.user_loader(_load)
    pages.before_request(_begin)
    pages.after_request(guard)


def _load(_: str) -> Visitor | None:
    mine = sessions.of_cookie(session.get(HELD))
    if mine is None:
        return None
    try:
        with site().store.read() as conn:
            account = sessions.holder(conn, mine, site().settings, now())
            bearer = mine.token_id and tokens.bearer_of(conn, mine.token_id, now())
    except UnauthorisedError:
        return None
    if bearer and not bearer.is_noted(now()):
        # who comes in comes in, whether or not that can be noted
        with suppress(BusyError, NoSpaceError), site().store.write() as conn:
            tokens.note_use(conn, bearer.token_id, now())
    return Visitor(account, mine)


def begin_nonce() -> None:
    """Give this answer its nonce, which its inline scripts carry."""
    if "nonce" not in g:
        g.nonce = secrets.token_urlsafe(18)


def _begin() -> ResponseReturnValue | None:
    begin_nonce()
    _csrf.protect()
    if request.endpoint in OPEN:
        return None
    if current_user.is_authenticated:
        _say_used()
        return _choose_first()
    if request.path.startswith(JSON_PATHS):
        abort(401)
    wanted = request.full_path.rstrip("?") if request.method == "GET" else None
    return redirect(url_for("pages.account.login", next=wanted))


def _say_used() -> None:
    used = held().used(now())
    if used is not held():
        hold(used)


def _choose_first() -> ResponseReturnValue | None:
    """Lead whoever has a one-time password to where he chooses one; a phone with a token needs none."""
    if not visitor().must_change or held().token_id or request.endpoint in BEFORE_CHOOSING:
        return None
    if request.path.startswith(JSON_PATHS):
        abort(403)
    return redirect(url_for("pages.own.page"))


def guard(response: Response) -> Response:
    """Say what the browser may load: our own files, and inline scripts that carry this answer's nonce."""
    own = f"'self' 'nonce-{g.get('nonce', '')}'"
    tiles = service().site.settings.tile_url
    pictures = f" {tile_origin(tiles)}" if tiles else ""
    policy = (
        f"default-src 'none'; script-src {own}; style-src {own}; img-src 'self' data: blob:{pictures}; "
        "connect-src 'self'; worker-src 'self'; manifest-src 'self'; font-src 'self'; "
        "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    )
    headers = {
        "Content-Security-Policy": policy,
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
        "Referrer-Policy": "same-origin",
        "Permissions-Policy": "geolocation=(self), camera=(self), microphone=()",
        "Cross-Origin-Opener-Policy": "same-origin",
    }
    for name, value in headers.items():
        response.headers.setdefault(name, value)
    if "Cache-Control" not in response.headers and request.endpoint != "pages.static":
        response.headers["Cache-Control"] = "no-store"
    return response


def tile_origin(tile_url: str) -> str:
    """Return the origin of a tile address as a content policy names it, any subdomain if it has ``{s}``.

    >>> tile_origin("https://{s}.tiles.example/{z}/{x}/{y}.png"), tile_origin("/own/{z}/{x}/{y}.png")
    ('https://*.tiles.example', "'self'")
    """
    parts = urlsplit(tile_url)
    return f"{parts.scheme}://{parts.netloc.replace('{s}', '*')}" if parts.netloc else "'self'"
