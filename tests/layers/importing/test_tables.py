import gzip
from pathlib import Path

import pytest

from layers import language
from layers.errors import InvalidError, UnreadableFileError
from layers.importing import refusals, tables
from layers.importing.refusals import Refusal


def write(tmp_path: Path, content: bytes, name: str = "rows.csv") -> Path:
    path = tmp_path / name
    path.write_bytes(content)
    return path


def test_values_stay_text_as_they_stand(tmp_path: Path) -> None:
    path = write(tmp_path, b'code,note\n007,"a, b"\n1e5, NA \n')
    chunk = next(tables.chunks(path))
    assert chunk.rows.to_numpy().tolist() == [["007", "a, b"], ["1e5", " NA "]]
    assert chunk.rows.index.tolist() == [1, 2]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_seen_in_the_heading(tmp_path: Path, delimiter: str) -> None:
    path = write(tmp_path, f"a{delimiter}b\n1{delimiter}2\n".encode())
    assert list(next(tables.chunks(path)).rows.columns) == ["a", "b"]


def test_a_byte_order_mark_is_no_part_of_the_first_name(tmp_path: Path) -> None:
    path = write(tmp_path, "\ufeff经度,纬度\n117,39\n".encode())
    assert list(next(tables.chunks(path)).rows.columns) == ["经度", "纬度"]


def test_compressed_tables_read_the_same(tmp_path: Path) -> None:
    path = write(tmp_path, gzip.compress(b"a\n1\n"), "rows.csv.gz")
    assert next(tables.chunks(path)).rows["a"].tolist() == ["1"]


def test_rows_of_the_wrong_length_are_refused_by_number(tmp_path: Path) -> None:
    path = write(tmp_path, b"a,b\n1,2\n3\n4,5,6\n7,8\n")
    chunk = next(tables.chunks(path))
    assert chunk.rows["a"].tolist() == ["1", "7"]
    assert [(one.row, str(one.reason)) for one in chunk.refused] == [
        (2, "1 values for 2 columns"),
        (3, "3 values for 2 columns"),
    ]


def test_large_tables_come_in_chunks_whose_rows_count_on(tmp_path: Path) -> None:
    path = write(tmp_path, b"a\n" + b"".join(b"%d\n" % n for n in range(25)))
    parts = list(tables.chunks(path, size=10))
    assert [part.rows.index[0] for part in parts] == [1, 11, 21]
    assert parts[2].rows["a"].tolist() == ["20", "21", "22", "23", "24"]


def test_another_encoding_is_refused_with_the_line_and_taken_when_named(tmp_path: Path) -> None:
    path = write(tmp_path, "name\nEast Street\n京津公路\n".encode("gb18030"))
    with pytest.raises(
        UnreadableFileError, match=r"not UTF-8 text near line \d.*--encoding.*gb18030"
    ) as caught:
        next(tables.chunks(path))
    assert caught.value.field == "encoding"
    assert next(tables.chunks(path, encoding="gb18030")).rows["name"].tolist() == ["East Street", "京津公路"]


def test_an_encoding_that_is_wrong_late_in_the_file_gives_no_row_at_all(tmp_path: Path) -> None:
    path = write(tmp_path, b"name\n" + b"plain\n" * 100_000 + "京津公路\n".encode("gb18030"))
    with pytest.raises(UnreadableFileError, match="UTF-8"):
        next(tables.chunks(path, size=10))


@pytest.mark.parametrize(
    ("content", "name", "message"),
    [
        (b"", "rows.csv", "is empty"),
        (gzip.compress(b"", mtime=0), "rows.csv.gz", "is empty"),
        (gzip.compress(b"a\n1\n" * 1000, mtime=0)[:30], "rows.csv.gz", "damaged or cut short"),
        (b"plain text", "rows.csv.gz", "damaged or cut short"),
        (b"\x89PNG\r\n\0\0\0", "rows.csv", "not a text file|not UTF-8"),
        (b"a,b,a\n1,2,3\n", "rows.csv", "two columns called a"),
    ],
)
def test_what_is_no_table_is_refused(tmp_path: Path, content: bytes, name: str, message: str) -> None:
    with pytest.raises(UnreadableFileError, match=message):
        list(tables.chunks(write(tmp_path, content, name)))


def test_an_encoding_that_does_not_exist_is_named(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFileError, match="no encoding klingon"):
        list(tables.chunks(write(tmp_path, b"a\n1\n"), encoding="klingon"))


def test_a_quote_that_never_ends_does_not_hang_or_crash(tmp_path: Path) -> None:
    path = write(tmp_path, b'a,b\n1,"2\n' + b"3,4\n" * 50_000)
    chunk = next(tables.chunks(path))
    assert len(chunk.rows) + len(chunk.refused) == 1


def test_refused_rows_are_written_with_reason_and_can_be_imported_again(tmp_path: Path) -> None:
    path = write(tmp_path, "编号,lon\n007,x\n".encode())
    chunk = next(tables.chunks(path))

    refused = [
        Refusal(1, InvalidError("%(given)s is not a number", field="lon", given="x"), row)
        for row in ({"编号": "007", "lon": "x"},)
    ]
    out = refusals.place_for(path)
    with language.using("en"):
        assert refusals.write(out, refused) == 1
    again = next(tables.chunks(out)).rows
    assert list(again.columns) == [*refusals.OURS, *chunk.rows.columns]
    assert again.iloc[0].tolist() == ["1", "lon", "x is not a number", "007", "x"]
    assert refusals.write(out, []) == 0
    assert not out.exists()
