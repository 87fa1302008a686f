"""Texts that a spreadsheet would run, wherever they came from."""

from typing import Any

# A spreadsheet takes a cell that begins so for a formula
_BEGINNINGS = tuple("=+-@\t\r\n＝＋－＠")
_MARK = "'"


def guarded(value: Any) -> Any:
    """Return a value as a spreadsheet may have it: a text is never a formula.

    >>> guarded("=HYPERLINK(1)"), guarded("占道"), guarded(-1.5)
    ("'=HYPERLINK(1)", '占道', -1.5)
    """
    return f"{_MARK}{value}" if isinstance(value, str) and value.startswith(_BEGINNINGS) else value


def unguarded(text: str | None) -> str | None:
    """Return a text of a spreadsheet as it was before it was guarded.

    >>> unguarded("'=1"), unguarded("'tis"), unguarded(None)
    ('=1', "'tis", None)
    """
    if text and text.startswith(_MARK) and text[1:].startswith(_BEGINNINGS):
        return text[1:]
    return text
