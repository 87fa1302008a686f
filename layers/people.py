"""Accounts, roles and passwords; both apps ask here what somebody may do."""

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any

from sqlalchemy import Connection, Row, bindparam, delete, insert, select, update

from layers import history, passwords
from layers.errors import ConflictError, ForbiddenError, InvalidError, NotFoundError, UnauthorisedError
from layers.language import LANGUAGES
from layers.store.schema import account, account_scope, district

ROLES = ("inspector", "desk", "supervisor", "unit", "viewer", "admin")
# What each role may do, within the account's areas and categories; what is in `_OF_ALL` is of the whole
# city, and for accounts without such limits
_INSPECTOR, _UNIT = frozenset({"report"}), frozenset({"see all"})
_VIEWER = _UNIT | {"surroundings"}
_DESK = _INSPECTOR | _VIEWER | {"originals", "decide", "verify"}
_SUPERVISOR = _DESK | {"correct", "overview", "rules", "jobs", "datum"}
_MAY: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "inspector": _INSPECTOR,
        "desk": _DESK,
        "supervisor": _SUPERVISOR,
        "unit": _UNIT,
        "viewer": _VIEWER,
        "admin": _SUPERVISOR | {"accounts"},
    }
)
_OF_ALL = frozenset({"overview", "surroundings", "verify", "rules", "jobs", "datum", "accounts"})
_LOGIN = re.compile(r"[\w.@+-]{1,64}")
# A password that somebody else chose is good for this long
_ONE_TIME_FOR = timedelta(days=3)


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
    """A person who may ask; `language` is None where the site's holds.

    Whoever `must_change` the password may do nothing else before.
    """

    id: int
    login: str
    name: str
    role: str
    language: str | None = None
    scope: Scope = field(default_factory=Scope)
    must_change: bool = False


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


def of_row(conn: Connection, row: Row[Any]) -> Account:
    """Return the account of a row that has the columns of its table, and maybe others."""
    return _accounts(conn, [row])[0]


_LIMITS = (
    select(account_scope)
    .where(account_scope.c.account_id.in_(bindparam("ids", expanding=True)))
    .order_by(account_scope.c.id)
)


def _accounts(conn: Connection, rows: Sequence[Row[tuple[object, ...]]]) -> list[Account]:
    ids = [row.id for row in rows]
    districts: dict[int, list[int]] = defaultdict(list)
    categories: dict[int, list[tuple[str, str]]] = defaultdict(list)
    for limit in conn.execute(_LIMITS, {"ids": ids}):
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
            bool(row.must_change),
        )
        for row in rows
    ]


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
    must_change: bool = False,
) -> Account:
    """Create an account; without a password it can only use tokens.

    Whoever `must_change` it has a password that somebody else chose.
    """
    if not _LOGIN.fullmatch(login):
        raise InvalidError(
            "A login is 1 to 64 letters, digits or . @ + - _; this is %(given)s", field="login", given=login
        )
    if role not in ROLES:
        raise InvalidError("%(given)s is not a role; roles: %(known)s", field="role", given=role, known=ROLES)
    if language is not None and language not in LANGUAGES:
        raise InvalidError("%(given)s is not a language", field="language", given=language)
    if password is not None:
        passwords.check(login, password, name=name)
    if conn.execute(select(account.c.id).where(account.c.login == login)).first():
        raise ConflictError("There is an account %(login)s already", field="login", login=login)
    values: dict[str, Any] = {
        "login": login,
        "name": name.strip() or login,
        "role": role,
        "language": language,
        "created_at": now,
        "must_change": must_change,
        "sessions_since": now if must_change else None,
        "password_hash": passwords.hashed(password) if password is not None else None,
    }
    made = conn.execute(insert(account).values(**values).returning(account.c.id)).scalar_one()
    history.append(
        conn,
        at=now,
        account_id=by or made,
        action="create",
        noun="account",
        noun_id=str(made),
        details={"role": role, history.SEAL: history.seal_of_secret(values["password_hash"])},
    )
    return Account(made, login, str(values["name"]), role, language, must_change=must_change)


def by_id(conn: Connection, account_id: int) -> Account:
    """Return the account of an id, if it may still come in."""
    row = conn.execute(
        select(account).where(account.c.id == account_id, account.c.disabled_at.is_(None))
    ).first()
    if row is None:
        raise NotFoundError("There is no such account")
    return of_row(conn, row)


def by_login(conn: Connection, login: str) -> Account:
    """Return the account of a login."""
    row = conn.execute(select(account).where(account.c.login == login)).first()
    if row is None:
        raise NotFoundError("There is no account %(login)s", field="login", login=login)
    return of_row(conn, row)


def all_accounts(conn: Connection) -> list[Account]:
    """Return the accounts that may come in, by login."""
    rows = conn.execute(select(account).where(account.c.disabled_at.is_(None)).order_by(account.c.login))
    return _accounts(conn, rows.all())


def shut_out(conn: Connection) -> list[Account]:
    """Return the accounts that may come in no more, by login."""
    rows = conn.execute(select(account).where(account.c.disabled_at.is_not(None)).order_by(account.c.login))
    return _accounts(conn, rows.all())


def authenticate(conn: Connection, login: str, password: str, now: datetime | None = None) -> Account:
    """Return who this is, or refuse without telling whether login or password was wrong.

    A password that somebody else chose is good for three days, if it is said what `now` is.
    """
    row = conn.execute(
        select(account).where(account.c.login == login, account.c.disabled_at.is_(None))
    ).first()
    if not passwords.fits(password, row.password_hash if row is not None else None) or row is None:
        raise UnauthorisedError("Login or password is wrong")
    if row.must_change and now and row.sessions_since < now - _ONE_TIME_FOR:
        raise UnauthorisedError("This one-time password is too old: ask for another")
    return of_row(conn, row)


def set_password(conn: Connection, account_id: int, password: str, now: datetime) -> None:
    """Give an account a new password of its own choice; its sessions end."""
    found = by_id(conn, account_id)
    passwords.check(found.login, password, name=found.name)
    kept = passwords.hashed(password)
    _keep_password(conn, account_id, kept, must_change=False, now=now)
    _tell(conn, account_id, "set_password", account_id, now, **{history.SEAL: history.seal_of_secret(kept)})


def give_password(conn: Connection, account_id: int, kept: str, *, by: int | None, now: datetime) -> None:
    """Give an account a one-time password; its sessions end.

    `kept` is what `passwords.hashed` returned of it.
    """
    _keep_password(conn, by_id(conn, account_id).id, kept, must_change=True, now=now)
    _tell(conn, account_id, "reset_password", by, now, **{history.SEAL: history.seal_of_secret(kept)})


def _keep_password(conn: Connection, account_id: int, kept: str, *, must_change: bool, now: datetime) -> None:
    conn.execute(
        update(account)
        .where(account.c.id == account_id)
        .values(password_hash=kept, must_change=must_change, sessions_since=now)
    )


def end_sessions(conn: Connection, account_id: int, *, by: int | None, now: datetime) -> None:
    """End every session of an account; its tokens stay good."""
    conn.execute(update(account).where(account.c.id == account_id).values(sessions_since=now))
    _tell(conn, account_id, "end_sessions", by, now)


def change(conn: Connection, account_id: int, *, name: str, role: str, by: int | None, now: datetime) -> None:
    """Give an account another name or role; the last administrator stays one."""
    before = by_id(conn, account_id)
    if role not in ROLES:
        raise InvalidError("%(given)s is not a role; roles: %(known)s", field="role", given=role, known=ROLES)
    chosen = {"name": name.strip() or before.login, "role": role}
    if before.role == "admin" and role != "admin" and _n_admins(conn) == 1:
        raise ConflictError("This is the last administrator", field="role")
    told = {"before": {"name": before.name, "role": before.role}, "after": chosen}
    if told["before"] == told["after"]:
        return
    conn.execute(update(account).where(account.c.id == account_id).values(**chosen))
    _tell(conn, account_id, "change", by, now, **told)


def _n_admins(conn: Connection) -> int:
    every = select(account.c.id).where(account.c.role == "admin", account.c.disabled_at.is_(None))
    return len(conn.execute(every).all())


def note(conn: Connection, login: str, action: str, now: datetime) -> None:
    """Write into the history that somebody came in by a login, or tried it too often."""
    found = conn.execute(select(account.c.id).where(account.c.login == login)).scalar()
    if found is not None:
        _tell(conn, found, action, found if action == "sign_in" else None, now)


def sign_out(conn: Connection, account_id: int, now: datetime) -> None:
    """Write into the history that somebody ended a session of his own."""
    _tell(conn, account_id, "sign_out", account_id, now)


def _tell(
    conn: Connection, account_id: int, action: str, by: int | None, now: datetime, **details: object
) -> None:
    history.append(
        conn, at=now, account_id=by, action=action, noun="account", noun_id=str(account_id), details=details
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
    _tell(conn, account_id, "disable", by, now)


def readmit(conn: Connection, account_id: int, *, by: int | None, now: datetime) -> None:
    """Let an account in again that was shut out; a person who was forgotten stays so."""
    back = conn.execute(
        update(account)
        .where(account.c.id == account_id, account.c.disabled_at.is_not(None), account.c.erased_at.is_(None))
        .values(disabled_at=None, sessions_since=now)
    )
    if not back.rowcount:
        raise NotFoundError("There is no such account")
    _tell(conn, account_id, "readmit", by, now)
