"""Passwords: which are good, how they are kept, and those that are good once."""

import secrets
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerifyMismatchError

from layers.errors import InvalidError

_SHORTEST, _LONGEST = 8, 256
# What is tried first, wherever it is; digits alone and runs are refused by rule
_COMMON = frozenset(
    {
        "password",
        "passw0rd",
        "password1",
        "password123",
        "p@ssw0rd",
        "p@ssword",
        "iloveyou",
        "woaini1314",
        "woaini520",
        "5201314a",
        "a5201314",
        "admin123",
        "admin888",
        "administrator",
        "root1234",
        "abc12345",
        "abcd1234",
        "a1234567",
        "a12345678",
        "a123456789",
        "aa123456",
        "aa12345678",
        "123456aa",
        "123456abc",
        "12345678a",
        "123456789a",
        "1q2w3e4r",
        "1q2w3e4r5t",
        "1qaz2wsx",
        "1qaz2wsx3edc",
        "qazwsxedc",
        "q1w2e3r4",
        "qwer1234",
        "asdf1234",
        "zxcv1234",
        "qwerty123",
        "qwertyuiop",
        "welcome1",
        "welcome123",
        "changeme",
        "letmein1",
        "football",
        "baseball",
        "sunshine",
        "princess",
        "xuncha123",
        "xuncha888",
    }
)
_RUNS = ("abcdefghijklmnopqrstuvwxyz", "qwertyuiop", "asdfghjkl", "zxcvbnm")
# Letters and digits that are not taken for each other when read out
_CLEAR = "abcdefghjkmnpqrstuvwxyz23456789"
_PARTS, _PART = 4, 4


def check(login: str, password: str, *, name: str = "") -> None:
    """Refuse a password that others would try first; its length matters, not which signs are in it."""
    if len(password) < _SHORTEST:
        raise InvalidError("A password has at least %(n)s characters", field="password", n=_SHORTEST)
    if len(password) > _LONGEST:
        raise InvalidError("A password has at most %(n)s characters", field="password", n=_LONGEST)
    plain = password.casefold()
    if plain == login.casefold():
        raise InvalidError("The password must not be the login", field="password")
    if plain in _COMMON or _is_simple(plain) or _is_named(plain, login, name):
        raise InvalidError(
            "This password is one of the first that others try: take several words", field="password"
        )


def _is_simple(plain: str) -> bool:
    """Tell whether a password is digits alone, few signs again and again, or a run of the keyboard."""
    if plain.isdigit() and len(plain) < 15:
        return True
    if len(set(plain)) < 4:
        return True
    return any(plain in run or plain in run[::-1] for run in _RUNS)


def _is_named(plain: str, login: str, name: str) -> bool:
    """Tell whether a password is a login or a name with little around it."""
    said = (login.casefold(), *name.casefold().split())
    return any(len(one) > 2 and one in plain and len(plain) - len(one) < 5 for one in said)


def one_time() -> str:
    """Return a password that is read out or written down, and changed when it is first used."""
    parts = ("".join(secrets.choice(_CLEAR) for _ in range(_PART)) for _ in range(_PARTS))
    return "-".join(parts)


@cache
def _hasher() -> PasswordHasher:
    return PasswordHasher()


@cache
def _nobodys() -> str:
    """Return a hash to check against when there is no account, so that both cases take as long."""
    return _hasher().hash(secrets.token_hex(16))


def hashed(password: str) -> str:
    """Return what is kept of a password."""
    return _hasher().hash(password)


def fits(password: str, kept: str | None) -> bool:
    """Tell whether a password is the one of which this was kept; nothing kept takes as long to refuse."""
    try:
        _hasher().verify(kept or _nobodys(), password[: _LONGEST + 1])
    except (VerifyMismatchError, InvalidHashError):
        return False
    return bool(kept)
