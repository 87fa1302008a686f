"""Tables as text: CSV and its relatives, compressed or not, in chunks, nothing guessed about values."""

import csv
import gzip
import io
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import IO, Any, cast

import pandas as pd

from layers import unpacking
from layers.errors import UnreadableFileError
from layers.importing import headings
from layers.importing.progress import Progress, silent
from layers.importing.refusals import Faults, Refusal

TEXT_SUFFIXES = (".csv", ".tsv", ".txt")
CHUNK_ROWS = 10_000
_DELIMITERS = ",;\t|"
_PROBE = 1 << 16


@dataclass(frozen=True, slots=True)
class Chunk:
    """Some rows of a table, all values text as they stand in the file; the index counts rows from 1."""

    rows: pd.DataFrame
    refused: list[Refusal]


def suffix(path: Path) -> str:
    """Return the suffix that tells the kind of file, without that of the compression.

    >>> suffix(Path("violations.CSV.gz")), suffix(Path("streets.gpkg"))
    ('.csv', '.gpkg')
    """
    name = path.name.lower().removesuffix(".gz")
    return Path(name).suffix


def is_text_table(path: Path) -> bool:
    """Tell whether a file is read as a table of text."""
    return suffix(path) in TEXT_SUFFIXES


def check_there(path: Path) -> None:
    """Refuse a file that is missing, is a folder, or has nothing in it."""
    if not path.is_file():
        raise UnreadableFileError("There is no file %(file)s", file=str(path))
    if path.stat().st_size == 0:
        raise UnreadableFileError("%(file)s is empty", file=path.name)


def chunks(
    path: Path,
    *,
    encoding: str | None = None,
    header_row: int | None = None,
    size: int | None = None,
    progress: Progress = silent,
) -> Iterator[Chunk]:
    """Yield the rows of a text table; its headings stand in `header_row`, else where `headings` sees them.

    The encoding is checked over the whole file before the first chunk, so that nothing is taken from a
    file that turns out to be unreadable in the middle.

    Raises
    ------
    UnreadableFileError
        If the file is missing, empty, damaged, or not in `encoding` (UTF-8 where none is given).
    """
    check_there(path)
    encoding = check_encoding(path, encoding)
    total = path.stat().st_size
    with _opened(path) as (content, file), io.TextIOWrapper(content, encoding=encoding, newline="") as text:
        header, reader = _reader(text, path, header_row)
        first = 1
        progress("taking rows", 0, total)
        while batch := _take(reader, size or CHUNK_ROWS, path):
            chunk = _chunk(batch, header, first)
            first += len(batch)
            at = file.tell()
            yield chunk
            # told when whoever asked is done with it
            progress("taking rows", at, total)


def check_encoding(path: Path, encoding: str | None) -> str:
    """Return the encoding in which a whole file is good text, or refuse it naming the line.

    UTF-8 (with or without byte order mark) is all that is tried without being told: most other
    encodings take any bytes, and would turn names into rubbish in silence.
    """
    wanted = "utf-8-sig" if encoding is None or encoding.lower() in {"utf-8", "utf8"} else encoding
    n = 0
    try:
        with _opened(path) as (content, _file):
            _refuse_binary(content, path)
            with io.TextIOWrapper(content, encoding=wanted, newline="\n") as text:
                for _ in text:
                    n += 1
    except LookupError:
        raise UnreadableFileError(
            "There is no encoding %(given)s", field="encoding", given=encoding
        ) from None
    except UnicodeError as error:
        raise UnreadableFileError(
            "%(file)s is not %(encoding)s text near line %(line)d; name its encoding with --encoding"
            ", for Chinese texts often gb18030",
            field="encoding",
            file=path.name,
            encoding="UTF-8" if wanted == "utf-8-sig" else wanted,
            line=n + 1,
        ) from error
    except (gzip.BadGzipFile, EOFError, OSError) as error:
        raise _damaged(path, error) from error
    if n == 0:
        raise UnreadableFileError("%(file)s is empty", file=path.name)
    return wanted


def _refuse_binary(content: Any, path: Path) -> None:
    probe = content.read(_PROBE)
    content.seek(0)
    if b"\0" in probe and not probe.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise UnreadableFileError("%(file)s is not a text file", file=path.name)


def _damaged(path: Path, error: Exception) -> UnreadableFileError:
    return UnreadableFileError(
        "%(file)s is damaged or cut short: %(reason)s", file=path.name, reason=unpacking.reason(error, path)
    )


@contextmanager
def _opened(path: Path) -> Iterator[tuple[IO[bytes], IO[bytes]]]:
    """Give the content, unpacked if need be, and the file itself, whose place tells how far we are."""
    with path.open("rb") as file:
        if not path.name.lower().endswith(".gz"):
            yield file, file
            return
        with unpacking.Unpacked(file, path.name, path.stat().st_size) as content:
            yield cast("IO[bytes]", content), file


def header_row(path: Path, *, encoding: str | None = None, said: int | None = None) -> int:
    """Return which row of a text table holds its headings, from 1."""
    encoding = check_encoding(path, encoding)
    with _opened(path) as (content, _), io.TextIOWrapper(content, encoding=encoding, newline="") as text:
        return _head(text, said).row


@dataclass(frozen=True, slots=True)
class _Head:
    """The headings, the row in which they stand, what parts the cells, and the lines read below them."""

    names: list[str]
    row: int
    delimiter: str
    below: list[str]


def _head(text: IO[str], said: int | None) -> _Head:
    csv.field_size_limit(min(sys.maxsize, 2**31 - 1))
    lines = list(islice(text, headings.PROBED))
    delimiter = _delimiter(lines)
    reader = csv.reader(lines, delimiter=delimiter)
    rows = [(row, reader.line_num) for row in reader]
    at = headings.row_of([row for row, _ in rows], said)
    names, end = rows[at] if rows else ([], 0)
    return _Head(names, at + 1, delimiter, lines[end:])


def _reader(text: IO[str], path: Path, said: int | None) -> tuple[list[str], Any]:
    head = _head(text, said)
    return headings.names_of(head.names, path.name), csv.reader(
        chain(head.below, text), delimiter=head.delimiter
    )


def _delimiter(lines: list[str]) -> str:
    """Return what parts most of the first lines into equally many cells; else what the headings hold most."""
    heading = next((line for line in lines if line.strip()), "")

    def score(delimiter: str) -> tuple[int, int]:
        widths = [len(row) for row in csv.reader(lines, delimiter=delimiter) if len(row) > 1]
        return max(map(widths.count, widths), default=0), heading.count(delimiter)

    return max(_DELIMITERS, key=score)


def _take(reader: Any, size: int, path: Path) -> list[list[str]]:
    """Return up to `size` rows that are not blank."""
    batch: list[list[str]] = []
    try:
        for row in reader:
            if row:
                batch.append(row)
            if len(batch) == size:
                break
    except (csv.Error, EOFError, OSError) as error:
        raise _damaged(path, error) from error
    return batch


def _chunk(batch: list[list[str]], header: list[str], first: int) -> Chunk:
    width = len(header)
    counts = [len(row) for row in batch]
    padded = [
        row if n == width else (row + [""] * width)[:width] for row, n in zip(batch, counts, strict=True)
    ]
    index = pd.RangeIndex(first, first + len(batch))
    rows = pd.DataFrame(padded, columns=header, index=index, dtype=object)
    faults = Faults(rows)
    count = pd.Series(counts, index=index)
    faults.mark(count.ne(width), "%(given)d values for %(wanted)d columns", given=count, wanted=width)
    return Chunk(rows[faults.good], faults.refusals())
