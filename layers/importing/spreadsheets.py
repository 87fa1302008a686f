"""Workbooks for GDAL, which takes a cell for a date and time only where its style is of few it knows."""

import html
import re
import shutil
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

STYLES = "xl/styles.xml"
# GDAL reads both; so does every spreadsheet, and everybody in one way
DATE_AND_TIME = r"yyyy\-mm\-dd\ hh:mm:ss"
_FORMAT = re.compile(r"""(\bformatCode=(["']))(.*?)(\2)""", re.DOTALL)
_DECLARED = re.compile(r'<(?:\w+:)?numFmt\b[^>]*?\bnumFmtId="(\d+)"')
_USED = re.compile(r'(<(?:\w+:)?xf\b[^>]*?\bnumFmtId=")(\d+)(")')
# What formats hold beside their letters: texts, escaped signs, colours and locales
_ASIDE = re.compile(r'"[^"]*"|\\.|\[[^\]]*\]')
# Dates as spreadsheets in Chinese number them without saying so (ECMA-376, part 1, section 18.8.30)
_EAST_ASIAN_DATES = frozenset(map(str, (27, 28, 29, 30, 31, 36, 50, 51, 52, 53, 54, 57, 58)))
_DATE = "14"


def timed(code: str) -> str:
    """Return the format of a cell, one that GDAL knows in place of any other of dates with times.

    >>> timed("yyyy/m/d h:mm") == DATE_AND_TIME, timed('m"月"d"日"'), timed("[h]:mm"), timed("0.00")
    (True, 'm"月"d"日"', '[h]:mm', '0.00')
    """
    letters = _ASIDE.sub("", code).lower()
    is_both = "h" in letters and ("y" in letters or "d" in letters)
    return DATE_AND_TIME if is_both else code


def restyled(styles: str, change: Callable[[str], str] = timed) -> str:
    """Return the styles of a workbook with the formats of cells changed."""
    declared = set(_DECLARED.findall(styles))

    def code(found: re.Match[str]) -> str:
        given = html.unescape(found[3])
        changed = change(given)
        return found[0] if changed == given else found[1] + html.escape(changed) + found[4]

    def number(found: re.Match[str]) -> str:
        is_date = found[2] in _EAST_ASIAN_DATES - declared
        return found[1] + (_DATE if is_date else found[2]) + found[3]

    return _USED.sub(number, _FORMAT.sub(code, styles))


@contextmanager
def readable(path: Path) -> Iterator[Path]:
    """Give a workbook whose dates keep their time of day when GDAL reads it: itself, or a copy."""
    try:
        with zipfile.ZipFile(path) as book:
            styles = book.read(STYLES).decode("utf-8")
    except (zipfile.BadZipFile, KeyError, UnicodeDecodeError, OSError, NotImplementedError):
        # GDAL says what is wrong with it
        yield path
        return
    changed = restyled(styles)
    if changed == styles:
        yield path
        return
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / path.name
        rewrite(path, copy, changed)
        yield copy


def restyle(path: Path, target: Path) -> None:
    """Write a workbook again with its dates and times as everybody reads them: year first."""
    with zipfile.ZipFile(path) as book:
        styles = book.read(STYLES).decode("utf-8")
    rewrite(path, target, restyled(styles))


def rewrite(path: Path, target: Path, styles: str) -> None:
    """Write a workbook again with other styles."""
    packed = zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=1)
    with zipfile.ZipFile(path) as book, packed as copy:
        for entry in book.infolist():
            if entry.filename == STYLES:
                copy.writestr(STYLES, styles)
                continue
            with book.open(entry) as part, copy.open(entry.filename, "w", force_zip64=True) as written:
                shutil.copyfileobj(part, written)
