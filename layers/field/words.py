"""What people call the words of a finding's record: in both languages, and back."""

from collections.abc import Mapping
from functools import cache

from layers import language
from layers.language import gettext

SOURCES: Mapping[str, str] = {
    "phone": "phone",
    "geocoded": "address",
    "parcel": "parcel",
    "map": "map",
    "exif": "photo",
}
CHANNELS: Mapping[str, str] = {
    "inspection": "inspection",
    "third_party": "third party",
    "volunteer": "volunteer",
    "higher_level": "higher level",
    "public": "the public",
}
ACCURACIES: Mapping[str, str] = {
    "r68": "radius of 68 %",
    "r95": "radius of 95 %",
    "rms2d": "root mean square in the plane",
    "cep50": "radius of 50 %",
    "sd": "deviation per axis",
    "unknown": "unknown",
}
SIDES: Mapping[str, str] = {"left": "left side", "right": "right side"}


def said(words: Mapping[str, str], code: str | None) -> str | None:
    """Return what a word of a record is called in the language in use; an unknown one by itself.

    >>> with language.using("zh"):
    ...     said(SOURCES, "geocoded"), said(SOURCES, "moon"), said(SOURCES, None)
    ('地址', 'moon', None)
    """
    return code if code is None else gettext(words.get(code, code))


def meant(words: Mapping[str, str], text: str | None) -> str | None:
    """Return the word of a record that a text in any of our languages means; any other as it is.

    >>> meant(SOURCES, "地址"), meant(SOURCES, "address"), meant(SOURCES, "geocoded"), meant(SOURCES, "moon")
    ('geocoded', 'geocoded', 'geocoded', 'moon')
    """
    if text is None or text in words:
        return text
    return _by_text(tuple(words.items())).get(text, text)


@cache
def _by_text(words: tuple[tuple[str, str], ...]) -> Mapping[str, str]:
    found: dict[str, str] = {}
    for one in language.LANGUAGES:
        with language.using(one):
            found |= {gettext(english): code for code, english in words}
    return found
