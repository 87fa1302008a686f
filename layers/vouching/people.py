"""Accounts and tokens held against the history: who may what, and who may come in."""

from collections.abc import Iterator

from sqlalchemy import Connection, select

from layers.history import seal_of_secret
from layers.store.schema import account, token
from layers.vouching.deviations import Deviation, compare, differing, lines, seal_of

_PASSWORDS = ("set_password", "reset_password")
_OF_ACCOUNTS = ("create", "change", "disable", "readmit", "erase", *_PASSWORDS)


def deviations(conn: Connection) -> Iterator[Deviation]:
    """Give the accounts and tokens that are not what the history says of them."""
    yield from _accounts(conn)
    yield from _tokens(conn)


def _accounts(conn: Connection) -> Iterator[Deviation]:
    """Give the accounts that were made, or whose role or shutting-out was changed, without the program."""
    roles: dict[str, str | None] = {}
    passwords: dict[str, str | None] = {}
    shut: set[str] = set()
    for line in lines(conn, "account", _OF_ACCOUNTS):
        if line.action in {"create", *_PASSWORDS}:
            passwords[line.noun_id] = seal_of(line)
        if line.action in {"disable", "erase"}:
            shut.add(line.noun_id)
        elif line.action == "readmit":
            shut.discard(line.noun_id)
        elif line.action in {"create", "change"}:
            said = line.details if line.action == "create" else line.details.get("after", {})
            if "role" in said:
                roles[line.noun_id] = said["role"]
            elif line.action == "create" or line.erased_at is not None:
                # what was erased is not known any more; who only joined a team has the role of before
                roles[line.noun_id] = None
    there: dict[str, None] = {}
    for row in conn.execute(select(account)):
        key = str(row.id)
        there[key] = None
        if key in roles:
            held = {
                "role": roles[key] in {None, row.role},
                "disabled_at": (row.disabled_at is not None) == (key in shut),
                "password": passwords[key] in {None, seal_of_secret(row.password_hash)},
            }
            yield from differing("account", key, held)
    yield from compare("account", there, roles)


def _tokens(conn: Connection) -> Iterator[Deviation]:
    """Give the tokens that were made, let in again or given to somebody else without the program."""
    whose: dict[str, int | None] = {}
    secrets: dict[str, str | None] = {}
    revoked: set[str] = set()
    for line in lines(conn, "token", ("issue", "enter", "revoke")):
        if line.action != "revoke":
            secrets[line.noun_id] = seal_of(line)
        if line.action == "issue":
            whose[line.noun_id] = line.details.get("of")
        elif line.action == "revoke":
            revoked.add(line.noun_id)
    there: dict[str, None] = {}
    for row in conn.execute(
        select(*(token.c[name] for name in ("id", "account_id", "digest", "revoked_at")))
    ):
        key = str(row.id)
        there[key] = None
        if key in whose:
            held = {
                "digest": secrets[key] in {None, seal_of_secret(row.digest)},
                "account_id": whose[key] in {None, row.account_id},
                "revoked_at": (row.revoked_at is not None) == (key in revoked),
            }
            yield from differing("token", key, held)
    yield from compare("token", there, whose)
