"""Who is asking: a bearer token per device, nobody else past the open addresses."""

import math
import time
from collections.abc import Callable
from contextlib import suppress

from flask import abort, g, request

from field_api import service
from layers import language, tokens
from layers.allowances import Allowances
from layers.city import versions
from layers.errors import BusyError, NoSpaceError, UnauthorisedError
from layers.people import Account
from layers.tokens import Bearer

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
    bearer: Bearer = g.bearer
    return bearer.account


def per_minute() -> int:
    """Return how many requests a minute the token behind this request is good for."""
    bearer: Bearer = g.bearer
    return bearer.per_minute or service.site().settings.requests_per_minute


def speak() -> None:
    """Answer in the language asked for, else the site's."""
    wanted = request.accept_languages.best_match(list(language.LANGUAGES))
    language.choose(wanted or service.site().settings.language)


def identify() -> None:
    """Refuse everybody without a good token, whatever address of the API is asked for."""
    if request.endpoint in OPEN:
        return
    g.bearer = _bearer()
    service.service().charge()
    if g.bearer is None:
        raise UnauthorisedError("A token is needed: Authorization: Bearer <token>")
    _note_use(g.bearer)


def _bearer() -> Bearer | None:
    """Return who carries the token of this request; None for a stranger."""
    given = request.authorization
    if given is None or given.type != "bearer" or not given.token:
        return None
    site = service.site()
    try:
        with site.store.read() as conn:
            bearer = tokens.bearer(conn, given.token, now=service.now())
            g.facts = versions.read(conn)
            return bearer
    except UnauthorisedError:
        return None


def _note_use(bearer: Bearer) -> None:
    """Keep when the token was used last, once an hour; who asks is answered whether or not that can be."""
    if not bearer.is_noted(service.now()):
        with suppress(BusyError, NoSpaceError), service.site().store.write() as conn:
            tokens.note_use(conn, bearer.token_id, service.now())


def _payer() -> str:
    """Return whose allowance this request is taken from: the token's, else the address's."""
    bearer: Bearer | None = g.bearer
    return f"token {bearer.token_id}" if bearer else f"address {request.remote_addr}"


def allowance(per_minute: int, secret: bytes) -> Callable[[], None]:
    """Return what takes one request from the asker's allowance; more than it holds are refused.

    A token without a limit of its own is good for `per_minute`, and so is an address without a token.
    """
    taken = Allowances("requests", secret, 60)

    def charge() -> None:
        """Pass, unless the allowance is used up."""
        bearer: Bearer | None = g.bearer
        holds = (bearer and bearer.per_minute) or per_minute
        left_s = taken.charge(_payer(), holds, time.time())
        if left_s is not None:
            g.retry_after_s = max(1, math.ceil(left_s))
            abort(429)

    return charge
