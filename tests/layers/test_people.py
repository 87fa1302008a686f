from datetime import datetime, timedelta

import pytest
from sqlalchemy import select

from layers import history, people
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
        secret = people.issue_token(conn, wang.id, "phone", now)
    with site.store.read() as conn:
        assert people.by_token(conn, secret, now) == wang
        row = conn.execute(select(schema.token)).mappings().one()
    assert len(secret) >= 43
    assert secret not in str(dict(row))


@pytest.mark.parametrize("secret", ["", "guess", "\x00", "密"])
def test_a_token_that_is_none_lets_nobody_in(site: Site, wang: Account, now: datetime, secret: str) -> None:
    with site.store.read() as conn, pytest.raises(UnauthorisedError):
        people.by_token(conn, secret, now)


def test_a_revoked_token_is_dead(site: Site, wang: Account, now: datetime) -> None:
    with site.store.write() as conn:
        secret = people.issue_token(conn, wang.id, "phone", now)
        other = people.issue_token(conn, wang.id, "tablet", now)
        people.revoke_token(conn, secret, by=wang.id, now=now)
        with pytest.raises(NotFoundError):
            people.revoke_token(conn, secret, by=wang.id, now=now)
    with site.store.read() as conn:
        with pytest.raises(UnauthorisedError):
            people.by_token(conn, secret, now)
        assert people.by_token(conn, other, now) == wang


def test_who_is_shut_out_is_out_by_every_door(site: Site, wang: Account, now: datetime) -> None:
    with site.store.write() as conn:
        secret = people.issue_token(conn, wang.id, "phone", now)
        people.disable(conn, wang.id, by=None, now=now)
    with site.store.read() as conn:
        with pytest.raises(UnauthorisedError):
            people.authenticate(conn, "wang", "correct horse")
        with pytest.raises(UnauthorisedError):
            people.by_token(conn, secret, now)
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
        secret = people.issue_token(conn, wang.id, "phone", now)
        assert people.note_use(conn, secret, now)
        assert not people.note_use(conn, secret, now + timedelta(minutes=59))
        assert people.note_use(conn, secret, now + timedelta(minutes=61))


def test_what_is_done_to_accounts_is_history(site: Site, wang: Account, now: datetime) -> None:
    with site.store.write() as conn:
        people.issue_token(conn, wang.id, "phone", now)
        people.disable(conn, wang.id, by=wang.id, now=now)
    with site.store.read() as conn:
        lines = history.of(conn, "account", str(wang.id))
        assert [line["action"] for line in lines] == ["create", "disable"]
        assert [line["action"] for line in history.of(conn, "token", "1")] == ["issue"]
