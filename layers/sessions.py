"""Sessions of people in browsers: where they begin, what they are good for, how they end.

A session is what the signed cookie of a browser says.  The store knows the sessions that somebody ended
before their time, and since when an account's are good; all server processes ask it, with one query.  So
somebody who knows the password comes in where nothing can be written, and no session outlives its account.

A session ends when its account is shut out, when the password changes, or when somebody ends it; when it
was not used for long; and when it is old (OWASP ASVS 5.0, 7.3.1, 7.3.2, 7.4.1 to 7.4.3).
"""

import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy import Connection, bindparam, delete, exists, insert, or_, select

from layers import people
from layers.errors import UnauthorisedError
from layers.people import Account
from layers.settings import Settings
from layers.store.schema import account, ended_session

# Its last use is said no more often than this, so that few answers carry a new cookie
_USE_SAID_EVERY = timedelta(minutes=5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """A session; one that began with a scanned token names it, and ends with it.

    `spared_at` is when it was last left out as all the others of the account ended.
    """

    secret: str
    account_id: int
    began_at: datetime
    spared_at: datetime
    used_at: datetime
    token_id: int | None = None

    def said(self) -> dict[str, str | int | None]:
        """Return what a cookie keeps of it."""
        return {
            "secret": self.secret,
            "account": self.account_id,
            "began": self.began_at.isoformat(),
            "spared": self.spared_at.isoformat(),
            "used": self.used_at.isoformat(),
            "token": self.token_id,
        }

    def used(self, now: datetime) -> "Session":
        """Return it as used at `now`; itself where that was said of late."""
        return self if now - self.used_at < _USE_SAID_EVERY else replace(self, used_at=now)

    def spared(self, now: datetime) -> "Session":
        """Return it as good after all sessions of its account have ended at `now`; no younger than before."""
        return replace(self, spared_at=now)


def begin(account_id: int, now: datetime, token_id: int | None = None) -> Session:
    """Return a new session."""
    secret = secrets.token_urlsafe(32)
    return Session(
        secret=secret, account_id=account_id, began_at=now, spared_at=now, used_at=now, token_id=token_id
    )


def of_cookie(said: object) -> Session | None:
    """Return the session that a cookie keeps; None for one that keeps none, or an older program's.

    >>> one = begin(7, datetime.fromisoformat("2026-08-23T08:00:00+00:00"))
    >>> of_cookie(one.said()) == one, of_cookie({"account": 7}), of_cookie(None)
    (True, None, None)
    """
    if not isinstance(said, Mapping):
        return None
    try:
        return Session(
            secret=said["secret"],
            account_id=said["account"],
            began_at=datetime.fromisoformat(said["began"]),
            spared_at=datetime.fromisoformat(said["spared"]),
            used_at=datetime.fromisoformat(said["used"]),
            token_id=said["token"],
        )
    except (KeyError, TypeError, ValueError):
        return None


def is_over(session: Session, settings: Settings, now: datetime) -> bool:
    """Tell whether a session was not used for as long as the site allows, or is as old.

    A phone that scanned a code has times of its own.

    >>> from pathlib import Path
    >>> morning = datetime.fromisoformat("2026-08-23T08:00:00+00:00")
    >>> one, site = begin(7, morning), Settings(home=Path("."), session_idle_hours=12, session_days=7)
    >>> [is_over(one, site, morning + timedelta(hours=hours)) for hours in (12, 13)]
    [False, True]
    >>> kept_busy = replace(one, used_at=morning + timedelta(days=8))
    >>> is_over(kept_busy, site, morning + timedelta(days=8))
    True
    """
    idle = timedelta(hours=settings.session_idle_hours)
    if session.token_id is not None:
        idle = timedelta(days=settings.phone_idle_days)
    return now - session.used_at > idle or now > _latest_end(session, settings)


def _latest_end(session: Session, settings: Settings) -> datetime:
    is_phone = session.token_id is not None
    return session.began_at + timedelta(
        days=settings.phone_session_days if is_phone else settings.session_days
    )


_HOLDER = select(account).where(
    account.c.id == bindparam("account_id"),
    account.c.disabled_at.is_(None),
    or_(account.c.sessions_since.is_(None), account.c.sessions_since <= bindparam("spared_at")),
    ~exists().where(ended_session.c.digest == bindparam("digest")),
)


def holder(conn: Connection, session: Session, settings: Settings, now: datetime) -> Account:
    """Return whose session this is, if it has not ended by `now`.

    Whether the token that it began with is still good is asked of `layers.tokens`.
    """
    asked = {
        "account_id": session.account_id,
        "spared_at": session.spared_at,
        "digest": _digest(session.secret),
    }
    row = None if is_over(session, settings, now) else conn.execute(_HOLDER, asked).first()
    if row is None:
        raise UnauthorisedError("The session has ended")
    return people.of_row(conn, row)


def end(conn: Connection, session: Session, settings: Settings, now: datetime) -> None:
    """End a session wherever its cookie is; forget those that would have ended by now.

    Raises
    ------
    ConflictError
        It was ended before.
    """
    conn.execute(delete(ended_session).where(ended_session.c.until < now))
    until = _latest_end(session, settings)
    conn.execute(insert(ended_session).values(digest=_digest(session.secret), until=until))
    people.sign_out(conn, session.account_id, now)


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
