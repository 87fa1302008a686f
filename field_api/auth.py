"""Who is asking: a bearer token per inspector, nobody else past the open addresses."""

from collections.abc import Callable

from flask import Flask, g, request
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address

from field_api import service
from layers import language, people
from layers.errors import UnauthorisedError
from layers.people import Account

# What a stranger may see: that the server lives, and how to speak to it
OPEN = frozenset(
    {
        "api.health.state",
        "api.documentation.openapi",
        "api.documentation.page",
        "api.documentation.static",
        "api.documentation.assets.static",
    }
)


def asker() -> Account:
    """Return the account behind this request."""
    account: Account = g.account
    return account


def speak() -> None:
    """Answer in the language asked for, else the site's."""
    wanted = request.accept_languages.best_match(list(language.LANGUAGES))
    language.choose(wanted or service.site().settings.language)


def identify() -> None:
    """Refuse everybody without a good token, whatever address of the API is asked for."""
    if request.endpoint in OPEN:
        return
    g.account = _by_token()
    service.service().charge()
    if g.account is None:
        raise UnauthorisedError("A token is needed: Authorization: Bearer <token>")


def _by_token() -> Account | None:
    """Return who carries the token of this request; None for a stranger."""
    given = request.authorization
    if given is None or given.type != "bearer" or not given.token:
        return None
    site = service.site()
    try:
        with site.store.read() as conn:
            return people.by_token(conn, given.token, now=service.now())
    except UnauthorisedError:
        return None


def _payer() -> str:
    """Return whose allowance this request is taken from: the account's, else the address's."""
    account: Account | None = g.account
    return f"account {account.id}" if account else f"address {get_remote_address()}"


def allowance(app: Flask, per_minute: int) -> Callable[[], None]:
    """Return what takes one request from the asker's allowance; more than `per_minute` are refused."""
    limiter = Limiter(_payer, app=app, storage_uri="memory://")

    @limiter.shared_limit(f"{per_minute} per minute", scope="api")
    def charge() -> None:
        """Pass, unless the allowance is used up."""

    return charge
