"""Accounts, roles and passwords; both apps ask here what somebody may do."""

import re
import secrets
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from functools import cache
from types import MappingProxyType
from typing import Any

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerifyMismatchError
from sqlalchemy import Connection, Row, delete, insert, select, update

from layers import history
from layers.errors import ConflictError, ForbiddenError, InvalidError, NotFoundError, UnauthorisedError
from layers.language import LANGUAGES
from layers.store.schema import account, account_scope, district

ROLES = ("inspector", "desk", "supervisor", "unit", "viewer", "admin")
# What each role may do, within the account's areas and categories; what is in `_OF_ALL` is of the whole
# city, and for accounts without such limits
_MAY: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "inspector": frozenset({"report"}),
        "desk": frozenset({"report", "see all", "originals", "decide"}),
        "supervisor": frozenset(
            {"report", "see all", "originals", "decide", "correct", "overview", "rules", "jobs", "datum"}
        ),
        "unit": frozenset({"see all"}),
        "viewer": frozenset({"see all"}),
        "admin": frozenset(
            {
                "report",
                "see all",
                "originals",
                "decide",
                "correct",
                "overview",
                "rules",
                "jobs",
                "datum",
                "accounts",
            }
        ),
    }
)
_OF_ALL = frozenset({"overview", "rules", "jobs", "datum", "accounts"})
_LOGIN = re.compile(r"[\w.@+-]{1,64}")
_SHORTEST_PASSWORD, _LONGEST_PASSWORD = 8, 256


@dataclass(frozen=True, slots=True)
class Scope:
    """The areas and categories (scheme, code) that an account is limited to; none means no limit."""

    districts: tuple[int, ...] = ()
    categories: tuple[tuple[str, str], ...] = ()

    @property
    def is_limited(self) -> bool:
        """Tell whether there is any limit."""
        return bool(self.districts or self.categories)


@dataclass(frozen=True, slots=True)
class Account:
    """A person who may ask; `language` is None where the site's holds."""

    id: int
    login: str
    name: str
    role: str
    language: str | None = None
    scope: Scope = field(default_factory=Scope)


def may(account: Account, act: str) -> bool:
    """Tell whether an account may do something.

    >>> may(Account(1, "li", "李", "viewer"), "report"), may(Account(1, "li", "李", "desk"), "decide")
    (False, True)
    >>> may(Account(1, "li", "李", "supervisor", scope=Scope(districts=(7,))), "overview")
    False
    """
    return act in _MAY[account.role] and not (act in _OF_ALL and account.scope.is_limited)


def demand(account: Account, act: str) -> None:
    """Refuse an account that may not do something."""
    if not may(account, act):
        raise ForbiddenError("This account may not do that")


@cache
def _hasher() -> PasswordHasher:
    return PasswordHasher()


@cache
def _nobodys_hash() -> str:
    """Return a hash to check against when there is no account, so that both cases take as long."""
    return _hasher().hash(secrets.token_hex(16))


def _account(conn: Connection, row: Row[tuple[object, ...]]) -> Account:
    return _accounts(conn, [row])[0]


def _accounts(conn: Connection, rows: Sequence[Row[tuple[object, ...]]]) -> list[Account]:
    ids = [row.id for row in rows]
    districts: dict[int, list[int]] = defaultdict(list)
    categories: dict[int, list[tuple[str, str]]] = defaultdict(list)
    chosen = select(account_scope).where(account_scope.c.account_id.in_(ids))
    for limit in conn.execute(chosen.order_by(account_scope.c.id)):
        if limit.district_id is not None:
            districts[limit.account_id].append(limit.district_id)
        else:
            categories[limit.account_id].append((limit.scheme, limit.code))
    return [
        Account(
            row.id,
            row.login,
            row.name,
            row.role,
            row.language,
            Scope(tuple(districts[row.id]), tuple(categories[row.id])),
        )
        for row in rows
    ]


def check_password(login: str, password: str) -> None:
    """Refuse a password that is too short, too long, or the login itself."""
    if len(password) < _SHORTEST_PASSWORD:
        raise InvalidError("A password has at least %(n)s characters", field="password", n=_SHORTEST_PASSWORD)
    if len(password) > _LONGEST_PASSWORD:
        raise InvalidError("A password has at most %(n)s characters", field="password", n=_LONGEST_PASSWORD)
    if password.casefold() == login.casefold():
        raise InvalidError("The password must not be the login", field="password")


def create(
    conn: Connection,
    login: str,
    name: str,
    role: str,
    *,
    password: str | None,
    now: datetime,
    language: str | None = None,
    by: int | None = None,
) -> Account:
    """Create an account; without a password it can only use tokens."""
    if not _LOGIN.fullmatch(login):
        raise InvalidError(
            "A login is 1 to 64 letters, digits or . @ + - _; this is %(given)s", field="login", given=login
        )
    if role not in ROLES:
        raise InvalidError("%(given)s is not a role; roles: %(known)s", field="role", given=role, known=ROLES)
    if language is not None and language not in LANGUAGES:
        raise InvalidError("%(given)s is not a language", field="language", given=language)
    if password is not None:
        check_password(login, password)
    if conn.execute(select(account.c.id).where(account.c.login == login)).first():
        raise ConflictError("There is an account %(login)s already", field="login", login=login)
    values = {
        "login": login,
        "name": name.strip() or login,
        "role": role,
        "language": language,
        "created_at": now,
        "password_hash": _hasher().hash(password) if password is not None else None,
    }
    made = conn.execute(insert(account).values(**values).returning(account.c.id)).scalar_one()
    history.append(
        conn,
        at=now,
        account_id=by or made,
        action="create",
        noun="account",
        noun_id=str(made),
        details={"role": role},
    )
    return Account(made, login, str(values["name"]), role, language)


def by_id(conn: Connection, account_id: int) -> Account:
    """Return the account of an id, if it may still come in."""
    row = conn.execute(
        select(account).where(account.c.id == account_id, account.c.disabled_at.is_(None))
    ).first()
    if row is None:
        raise NotFoundError("There is no such account")
    return _account(conn, row)


def by_login(conn: Connection, login: str) -> Account:
    """Return the account of a login."""
    row = conn.execute(select(account).where(account.c.login == login)).first()
    if row is None:
        raise NotFoundError("There is no account %(login)s", field="login", login=login)
    return _account(conn, row)


def all_accounts(conn: Connection) -> list[Account]:
    """Return the accounts that may come in, by login."""
    rows = conn.execute(select(account).where(account.c.disabled_at.is_(None)).order_by(account.c.login))
    return _accounts(conn, rows.all())


def shut_out(conn: Connection) -> list[Account]:
    """Return the accounts that may come in no more, by login."""
    rows = conn.execute(select(account).where(account.c.disabled_at.is_not(None)).order_by(account.c.login))
    return _accounts(conn, rows.all())


def authenticate(conn: Connection, login: str, password: str) -> Account:
    """Return who this is, or refuse without telling whether login or password was wrong."""
    row = conn.execute(
        select(account).where(account.c.login == login, account.c.disabled_at.is_(None))
    ).first()
    known = row.password_hash if row is not None and row.password_hash else _nobodys_hash()
    try:
        _hasher().verify(known, password[: _LONGEST_PASSWORD + 1])
    except (VerifyMismatchError, InvalidHashError) as error:
        raise UnauthorisedError("Login or password is wrong") from error
    if row is None or not row.password_hash:
        raise UnauthorisedError("Login or password is wrong")
    return _account(conn, row)


def set_password(conn: Connection, account_id: int, password: str, now: datetime) -> None:
    """Give an account a new password."""
    check_password(by_id(conn, account_id).login, password)
    conn.execute(
        update(account).where(account.c.id == account_id).values(password_hash=_hasher().hash(password))
    )
    history.append(
        conn, at=now, account_id=account_id, action="set_password", noun="account", noun_id=str(account_id)
    )


def limit(conn: Connection, account_id: int, scope: Scope, *, by: int | None, now: datetime) -> None:
    """Limit an account to areas and categories; an empty scope lifts every limit."""
    before = by_id(conn, account_id).scope
    known = set(conn.execute(select(district.c.fid).where(district.c.fid.in_(scope.districts))).scalars())
    for fid in scope.districts:
        if fid not in known:
            raise NotFoundError("There is no area %(given)s", field="district", given=fid)
    conn.execute(delete(account_scope).where(account_scope.c.account_id == account_id))
    rows: list[dict[str, Any]] = [
        {"district_id": fid, "scheme": None, "code": None} for fid in dict.fromkeys(scope.districts)
    ]
    rows += [
        {"district_id": None, "scheme": scheme, "code": code}
        for scheme, code in dict.fromkeys(scope.categories)
    ]
    if rows:
        conn.execute(insert(account_scope), [{"account_id": account_id, **row} for row in rows])
    history.append(
        conn,
        at=now,
        account_id=by,
        action="limit",
        noun="account",
        noun_id=str(account_id),
        details={"before": asdict(before), "after": asdict(scope)},
    )


def disable(conn: Connection, account_id: int, *, by: int | None, now: datetime) -> None:
    """Shut an account out, tokens and all; its records stay."""
    conn.execute(
        update(account)
        .where(account.c.id == account_id, account.c.disabled_at.is_(None))
        .values(disabled_at=now)
    )
    history.append(conn, at=now, account_id=by, action="disable", noun="account", noun_id=str(account_id))
