"""Every text in the reader's language: one catalogue for pages, API and command line.

The key of a text is its English sentence.  `translations/<language>.po` holds the others and is read as
it is: nothing has to be compiled.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from gettext import GNUTranslations, NullTranslations
from io import BytesIO
from pathlib import Path

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

from geo.errors import Explained

LANGUAGES = {"zh": "中文", "en": "English"}
_current: ContextVar[str] = ContextVar("language", default="zh")


@cache
def _catalogue(language: str) -> NullTranslations:
    path = Path(__file__).parent / "translations" / f"{language}.po"
    if not path.exists():
        return NullTranslations()
    compiled = BytesIO()
    with path.open("rb") as file:
        write_mo(compiled, read_po(file, locale=language))
    compiled.seek(0)
    return GNUTranslations(compiled)


def current() -> str:
    """Return the key of the language in use."""
    return _current.get()


def choose(language: str) -> None:
    """Use `language` from here on in this request, thread or command; unknown ones fall back to Chinese."""
    _current.set(language if language in LANGUAGES else "zh")


@contextmanager
def using(language: str) -> Iterator[None]:
    """Use `language` inside the block."""
    token = _current.set(language)
    try:
        yield
    finally:
        _current.reset(token)


def gettext(message: str, **params: object) -> str:
    """Return `message` in the language in use, its ``%(name)s`` placeholders filled from `params`."""
    text = _catalogue(current()).gettext(message)
    return text % params if params else text


def ngettext(one: str, many: str, n: int, **params: object) -> str:
    """Return the form of a counted message that fits `n`, which is also its parameter ``%(n)s``."""
    return _catalogue(current()).ngettext(one, many, n) % {"n": n, **params}


def explain(error: Explained) -> str:
    """Return what an error says, in the language in use."""
    return error.explain(gettext)


def from_locale(value: str) -> str:
    """Return the language of a POSIX locale such as ``zh_CN.UTF-8``; English where it names none of ours.

    >>> from_locale("zh_CN.UTF-8"), from_locale("C"), from_locale("")
    ('zh', 'en', 'en')
    """
    return "zh" if value.lower().startswith("zh") else "en"
