"""Where the headings of a table stand: below a title, the name of an office, an empty line."""

import re
from collections import Counter
from collections.abc import Sequence

from layers.errors import InvalidError, UnreadableFileError

# So many rows are looked through
PROBED = 20
_DIGIT = re.compile(r"^[\W\d_]*\d[\W\d_]*$")


def row_of(rows: Sequence[Sequence[str]], said: int | None = None) -> int:
    """Return the position in `rows` of the headings: the row that was said (from 1), else as it shows.

    A title fills few cells: the headings are the first row that fills more than half as many as most rows
    and holds names alone, no number or date.  Where none does they are the first row that is not empty.

    Raises
    ------
    InvalidError
        If there is no such row.

    Examples
    --------
    >>> row_of([["八月巡查", "", ""], ["时间", "经度", "纬度"], ["2026-08-22", "117.1", "39.1"]])
    1
    >>> row_of([["a", "b"], ["1", "2"]]), row_of([["1", "2"]]), row_of([["t", ""], ["a", "b"]], 1)
    (0, 0, 0)
    """
    if said is not None:
        if not 1 <= said <= len(rows) or not _filled(rows[said - 1]):
            raise InvalidError("Row %(given)s holds no headings", field="header_row", given=said)
        return said - 1
    counts = [len(_filled(row)) for row in rows]
    # a single row that is broken must not tell how wide a table is
    wide = Counter(n for n in counts if n > 1)
    usual = max(wide, key=lambda n: (wide[n], n), default=1)
    named = (at for at, row in enumerate(rows) if 2 * counts[at] > usual and holds_names(row))
    first = next((at for at, row in enumerate(rows) if _filled(row)), 0)
    return next(named, first)


def holds_names(row: Sequence[str]) -> bool:
    """Tell whether the cells of a row can be names of columns: each another, none a number or a date.

    >>> holds_names(["时间", "X1"]), holds_names(["2026/8/22 10:30", "a"]), holds_names(["a", "a"])
    (True, False, False)
    """
    filled = _filled(row)
    return bool(filled) and len(set(filled)) == len(filled) and not any(map(_DIGIT.match, filled))


def names_of(row: Sequence[str], file: str = "") -> list[str]:
    """Return the names of the columns; one without gets its number.

    Raises
    ------
    UnreadableFileError
        If two columns of `file` have one name.

    Examples
    --------
    >>> names_of([" lon ", ""])
    ['lon', 'column 2']
    """
    names = [name.strip() or f"column {n}" for n, name in enumerate(row, 1)]
    if repeated := sorted({name for name in names if names.count(name) > 1}):
        raise UnreadableFileError(
            "%(file)s has two columns called %(names)s", file=file, names=", ".join(repeated)
        )
    return names


def _filled(row: Sequence[str]) -> list[str]:
    return [one for one in (cell.strip() for cell in row) if one]
