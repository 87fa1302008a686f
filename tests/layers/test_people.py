from datetime import datetime, timedelta

import pytest
from sqlalchemy import select

from layers import history, people, tokens
from layers.errors import ConflictError, InvalidError, NotFoundError, UnauthorisedError
from layers.people import Account
from layers.site import Site
from layers.store import schema


@pytest.fixture
def wang(site: Site, now: datetime) -> Account:
    with site.store.write() as conn:
        return people.create(conn, "wang", "王芳", "supervisor", password="correct horse", now=now)


def test_who_knows_the_password_comes_in(site: Site, wang: Account) -> None:
    with site.store.read() as conn:
        assert people.authenticate(conn, "wang", "correct horse") == wang
        assert people.by_id(conn, wang.id) == people.by_login(conn, "wang") == wang


@pytest.mark.parametrize(
    ("login", "password"),
    [("wang", "correct hors"), ("wang", ""), ("nobody", "correct horse"), ("wang", "x" * 10_000)],
)
def test_everybody_else_is_told_the_same(site: Site, wang: Account, login: str, password: str) -> None:
    with site.store.read() as conn, pytest.raises(UnauthorisedError) as caught:
        people.authenticate(conn, login, password)
    assert str(caught.value) == "Login or password is wrong"


def test_the_password_itself_is_nowhere(site: Site, wang: Account) -> None:
    with site.store.read() as conn:
        kept = conn.execute(select(schema.account.c.password_hash)).scalar_one()
    assert kept.startswith("$argon2id$")
    assert "correct horse" not in kept


def test_an_account_without_a_password_cannot_log_in(site: Site, inspector: Account) -> None:
    with site.store.read() as conn, pytest.raises(UnauthorisedError):
        people.authenticate(conn, inspector.login, "")


@pytest.mark.parametrize(
    ("login", "role", "password", "field"),
    [
        ("", "inspector", None, "login"),
        ("two words", "inspector", None, "login"),
        ("x" * 65, "inspector", None, "login"),
        ("a\n", "inspector", None, "login"),
        ("zhao", "king", None, "role"),
        ("zhao", "inspector", "short", "password"),
        ("zhao", "inspector", "x" * 257, "password"),
        ("Zhaowei1", "inspector", "zhaoWEI1", "password"),
    ],
)
def test_an_account_that_cannot_be_is_refused(  # noqa: PLR0917  cases
    site: Site, now: datetime, login: str, role: str, password: str | None, field: str
) -> None:
    with site.store.write() as conn, pytest.raises(InvalidError) as caught:
        people.create(conn, login, "赵", role, password=password, now=now)
    assert caught.value.field == field


def test_a_login_is_given_once(site: Site, wang: Account, now: datetime) -> None:
    with site.store.write() as conn, pytest.raises(ConflictError):
        people.create(conn, "wang", "另一个", "inspector", password=None, now=now)


def test_a_token_is_shown_once_and_kept_as_a_digest(site: Site, wang: Account, now: datetime) -> None:
    with site.store.write() as conn:
        secret = tokens.issue(conn, wang.id, "phone", now)
    with site.store.read() as conn:
        assert tokens.bearer(conn, secret, now).account == wang
        row = conn.execute(select(schema.token)).mappings().one()
    assert len(secret) >= 43
    assert secret not in str(dict(row))


@pytest.mark.parametrize("secret", ["", "guess", "\x00", "密"])
def test_a_token_that_is_none_lets_nobody_in(site: Site, wang: Account, now: datetime, secret: str) -> None:
    with site.store.read() as conn, pytest.raises(UnauthorisedError):
        tokens.bearer(conn, secret, now)


def test_a_revoked_token_is_dead(site: Site, wang: Account, now: datetime) -> None:
    with site.store.write() as conn:
        secret = tokens.issue(conn, wang.id, "phone", now)
        other = tokens.issue(conn, wang.id, "tablet", now)
        number = tokens.bearer(conn, secret, now).token_id
        tokens.revoke(conn, number, by=wang.id, now=now)
        with pytest.raises(NotFoundError):
            tokens.revoke(conn, number, by=wang.id, now=now)
    with site.store.read() as conn:
        with pytest.raises(UnauthorisedError):
            tokens.bearer(conn, secret, now)
        assert tokens.bearer(conn, other, now).account == wang


def test_who_is_shut_out_is_out_by_every_door(site: Site, wang: Account, now: datetime) -> None:
    with site.store.write() as conn:
        secret = tokens.issue(conn, wang.id, "phone", now)
        people.disable(conn, wang.id, by=None, now=now)
    with site.store.read() as conn:
        with pytest.raises(UnauthorisedError):
            people.authenticate(conn, "wang", "correct horse")
        with pytest.raises(UnauthorisedError):
            tokens.bearer(conn, secret, now)
        with pytest.raises(NotFoundError):
            people.by_id(conn, wang.id)
        assert people.all_accounts(conn) == []


def test_a_new_password_takes_the_place_of_the_old(site: Site, wang: Account, now: datetime) -> None:
    with site.store.write() as conn:
        people.set_password(conn, wang.id, "battery staple", now)
    with site.store.read() as conn:
        assert people.authenticate(conn, "wang", "battery staple") == wang
        with pytest.raises(UnauthorisedError):
            people.authenticate(conn, "wang", "correct horse")


def test_use_is_noted_once_an_hour(site: Site, wang: Account, now: datetime) -> None:
    with site.store.write() as conn:
        secret = tokens.issue(conn, wang.id, "phone", now)
        number = tokens.bearer(conn, secret, now).token_id
        assert tokens.note_use(conn, number, now)
        assert not tokens.note_use(conn, number, now + timedelta(minutes=59))
        assert tokens.note_use(conn, number, now + timedelta(minutes=61))


def test_a_scanned_token_is_of_no_use_to_who_scans_it_next(site: Site, wang: Account, now: datetime) -> None:
    with site.store.write() as conn:
        scanned = tokens.issue(conn, wang.id, "phone", now)
        who, kept = tokens.enter(conn, scanned, now)
        assert (who.account, kept != scanned) == (wang, True)
        assert tokens.bearer(conn, kept, now).token_id == who.token_id
        for used in (scanned, kept):
            with pytest.raises(UnauthorisedError):
                tokens.enter(conn, used, now)
        with pytest.raises(UnauthorisedError):
            tokens.bearer(conn, scanned, now)
        old = tokens.issue(conn, wang.id, "phone", now)
        with pytest.raises(UnauthorisedError):
            tokens.enter(conn, old, now + timedelta(hours=25))
        (last, first) = tokens.of_account(conn, wang.id)
        assert (first.last_used_at, last.last_used_at) == (now, None)


def test_a_colleague_cannot_revoke_my_token(site: Site, wang: Account, now: datetime) -> None:
    with site.store.write() as conn:
        li = people.create(conn, "li", "李", "inspector", password=None, now=now)
        number = tokens.bearer(conn, tokens.issue(conn, wang.id, "phone", now), now).token_id
        with pytest.raises(NotFoundError):
            tokens.revoke(conn, number, by=li.id, of=li.id, now=now)
        tokens.revoke(conn, number, by=wang.id, of=wang.id, now=now)


def test_what_is_done_to_accounts_is_history(site: Site, wang: Account, now: datetime) -> None:
    with site.store.write() as conn:
        tokens.issue(conn, wang.id, "phone", now)
        people.disable(conn, wang.id, by=wang.id, now=now)
    with site.store.read() as conn:
        lines = history.of(conn, "account", str(wang.id))
        assert [line["action"] for line in lines] == ["create", "disable"]
        assert [line["action"] for line in history.of(conn, "token", "1")] == ["issue"]
