"""App tokens: a secret per device or program, shown once, of which the store keeps the digest alone.

A program sends its token with every request.  A phone scans it and enters: what it scanned is of no use
from then on, for it has been given another secret under the same token.
"""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Select, and_, bindparam, insert, or_, select, update

from layers import history, people
from layers.errors import InvalidError, NotFoundError, UnauthorisedError
from layers.people import Account
from layers.store.schema import account, token

# a token's last use is noted no more often than this, so that reading stays reading
_USE_NOTED_EVERY = timedelta(hours=1)
# a code that nobody scanned is of no use the next day
_MAY_ENTER_FOR = timedelta(hours=24)
_MOST_PER_MINUTE = 1_000_000


@dataclass(frozen=True, slots=True)
class Token:
    """A token as people see it; `per_minute` is None where the site's limit holds."""

    id: int
    label: str
    created_at: datetime
    last_used_at: datetime | None
    revoked_at: datetime | None
    per_minute: int | None


@dataclass(frozen=True, slots=True)
class Bearer:
    """Who carries a token, and how many requests a minute it is good for."""

    account: Account
    token_id: int
    per_minute: int | None
    last_used_at: datetime | None

    def is_noted(self, now: datetime) -> bool:
        """Tell whether its use was noted within the hour."""
        return self.last_used_at is not None and self.last_used_at >= now - _USE_NOTED_EVERY


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def issue(
    conn: Connection,
    account_id: int,
    label: str,
    now: datetime,
    *,
    by: int | None = None,
    per_minute: int | None = None,
) -> str:
    """Return a new token, to be shown this once."""
    if per_minute is not None and not 1 <= per_minute <= _MOST_PER_MINUTE:
        raise InvalidError("A limit is a whole number above 0", field="per_minute")
    secret = secrets.token_urlsafe(32)
    values: dict[str, Any] = {
        "account_id": account_id,
        "digest": _digest(secret),
        "label": label,
        "created_at": now,
        "per_minute": per_minute,
    }
    made = conn.execute(insert(token).values(**values).returning(token.c.id)).scalar_one()
    told = {"label": label, "of": account_id, "per_minute": per_minute}
    seal = {history.SEAL: history.seal_of_secret(values["digest"])}
    _tell(conn, made, "issue", by or account_id, now, **told, **seal)
    return secret


def of_account(conn: Connection, account_id: int) -> list[Token]:
    """Return the tokens of an account, the newest first."""
    columns = [token.c[name] for name in Token.__slots__]
    rows = conn.execute(select(*columns).where(token.c.account_id == account_id).order_by(token.c.id.desc()))
    return [Token(**row) for row in rows.mappings()]


def bearer(conn: Connection, secret: str, now: datetime) -> Bearer:
    """Return who carries this token, if neither token nor account has been shut out by `now`."""
    return _bearer(conn, _BY_DIGEST, now, digest=_digest(secret))


def bearer_of(conn: Connection, token_id: int, now: datetime) -> Bearer:
    """Return who entered with a token, if neither it nor the account has been shut out by `now`."""
    return _bearer(conn, _BY_ID, now, token_id=token_id)


_CARRIED = (
    select(account, token.c.id.label("token_id"), token.c.per_minute, token.c.last_used_at)
    .join(token, token.c.account_id == account.c.id)
    .where(
        or_(token.c.revoked_at.is_(None), token.c.revoked_at > bindparam("now")),
        account.c.disabled_at.is_(None),
    )
)
_BY_DIGEST = _CARRIED.where(token.c.digest == bindparam("digest"))
_BY_ID = _CARRIED.where(token.c.id == bindparam("token_id"))


def _bearer(conn: Connection, carried: Select[Any], now: datetime, **by: object) -> Bearer:
    row = conn.execute(carried, {"now": now, **by}).first()
    if row is None:
        raise UnauthorisedError("The token is not known or has been revoked")
    return Bearer(people.of_row(conn, row), row.token_id, row.per_minute, row.last_used_at)


def enter(conn: Connection, secret: str, now: datetime) -> tuple[Bearer, str]:
    """Return who scanned this token, and the secret that the phone keeps in its place.

    A token that was used already is in use elsewhere; one of yesterday has been lying about.
    """
    new = secrets.token_urlsafe(32)
    entered = conn.execute(
        update(token)
        .where(
            and_(
                token.c.digest == _digest(secret),
                token.c.last_used_at.is_(None),
                token.c.revoked_at.is_(None),
                token.c.created_at > now - _MAY_ENTER_FOR,
            )
        )
        .values(digest=_digest(new), last_used_at=now)
        .returning(token.c.id)
    ).scalar()
    if entered is None:
        raise UnauthorisedError("This code has been used, or is too old: ask for another")
    found = bearer_of(conn, entered, now)
    seal = {history.SEAL: history.seal_of_secret(_digest(new))}
    _tell(conn, entered, "enter", found.account.id, now, **seal)
    return found, new


def note_use(conn: Connection, token_id: int, now: datetime) -> bool:
    """Note that a token was used, unless that was noted within the hour; tell whether it was."""
    stale = or_(token.c.last_used_at.is_(None), token.c.last_used_at < now - _USE_NOTED_EVERY)
    noted = conn.execute(update(token).where(token.c.id == token_id, stale).values(last_used_at=now))
    return noted.rowcount == 1


def revoke(conn: Connection, token_id: int, *, by: int | None, now: datetime, of: int | None = None) -> None:
    """Shut out a token from now on; one of the account `of`, if that is said."""
    mine = [] if of is None else [token.c.account_id == of]
    revoked = conn.execute(
        update(token)
        .where(token.c.id == token_id, token.c.revoked_at.is_(None), *mine)
        .values(revoked_at=now)
    )
    if not revoked.rowcount:
        raise NotFoundError("There is no such token")
    _tell(conn, token_id, "revoke", by, now)


def _tell(
    conn: Connection, token_id: int, action: str, by: int | None, now: datetime, **details: object
) -> None:
    history.append(
        conn, at=now, account_id=by, action=action, noun="token", noun_id=str(token_id), details=details
    )
