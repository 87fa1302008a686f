"""Tables as offices keep them: a title above the headings, dates in the format of the house."""

from datetime import datetime
from pathlib import Path

import pytest

from layers.errors import InvalidError
from layers.field.reports import Report
from layers.importing import opening, tables
from layers.importing.options import ImportOptions
from tests.conftest import at
from tests.layers.importing.books import workbook
from tests.layers.importing.test_findings import read

LON, LAT = at(90, 205)
NAMES = ["时间", "经度", "纬度", "备注"]
WHEN = datetime(2026, 8, 22, 10, 30)
ROWS = [[WHEN, LON, LAT, "占道"], [datetime(2026, 8, 23), LON, LAT, "堆物"]]
TITLE = [["八月巡查台账"], ["单位：城管中队", None, None, "2026-08-31"], []]
FORMATS = [
    "yyyy/m/d h:mm",
    "yyyy-mm-dd h:mm:ss",
    'yyyy"年"m"月"d"日" h:mm',
    "[$-409]m/d/yy h:mm AM/PM;@",
    r"yyyy\-mm\-dd hh:mm:ss",
    22,
]


def times(reports: list[Report]) -> list[str]:
    return [one.observed_at.isoformat() for one in reports]


@pytest.mark.parametrize("title", [[], TITLE], ids=["plain", "title"])
@pytest.mark.parametrize("dates", FORMATS)
def test_a_workbook_keeps_the_time_of_day(tmp_path: Path, dates: str | int, title: list[list[str]]) -> None:
    path = workbook(tmp_path / "a.xlsx", [*title, NAMES, *ROWS], dates=dates)
    batch = read(path)
    assert times(batch.reports) == ["2026-08-22T02:30:00+00:00", "2026-08-22T16:00:00+00:00"]
    assert batch.reports[0].position.x == pytest.approx(LON, abs=1e-9)
    assert batch.rows.index.tolist() == [1, 2]


@pytest.mark.parametrize("dates", ["yyyy/m/d", 14, 31, 58])
def test_a_date_alone_is_one_also_where_chinese_software_only_numbers_its_format(
    tmp_path: Path, dates: str | int
) -> None:
    batch = read(workbook(tmp_path / "a.xlsx", [NAMES, *ROWS], dates=dates))
    assert times(batch.reports) == ["2026-08-21T16:00:00+00:00", "2026-08-22T16:00:00+00:00"]
    assert batch.date_only.all()


def test_blank_rows_of_a_sheet_are_no_rows(tmp_path: Path) -> None:
    batch = read(workbook(tmp_path / "a.xlsx", [NAMES, ROWS[0], [], ROWS[1], [], []]))
    assert (len(batch.reports), batch.refused, batch.rows.index.tolist()) == (2, [], [1, 3])


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_a_title_above_the_headings_of_a_text_table(tmp_path: Path, delimiter: str) -> None:
    path = tmp_path / "a.csv"
    lines = ["八月, 巡查台账", "", delimiter.join(NAMES), delimiter.join(["2026-8-22 10:30", "1", "2", "a"])]
    path.write_text("\n".join(lines), encoding="utf-8")
    chunk = next(tables.chunks(path))
    assert list(chunk.rows.columns) == NAMES
    assert chunk.rows.index.tolist() == [1]


def test_the_row_of_the_headings_can_be_said(tmp_path: Path) -> None:
    rows = [["第一组", "第二组", "丙", "丁"], NAMES, *ROWS]
    path = workbook(tmp_path / "a.xlsx", rows)
    assert list(opening.table(path, ImportOptions()).columns) == rows[0]
    assert times(read(path, header_row=2).reports)[0] == "2026-08-22T02:30:00+00:00"
    text = tmp_path / "a.csv"
    text.write_text("甲,乙\nlon,lat\n1,2\n", encoding="utf-8")
    assert list(next(tables.chunks(text, header_row=2)).rows.columns) == ["lon", "lat"]
    for one in (path, text):
        with pytest.raises(InvalidError, match="Row 9 holds no headings"):
            read(one, header_row=9)


def test_a_sheet_of_texts_alone_has_headings_too(tmp_path: Path) -> None:
    path = workbook(tmp_path / "a.xlsx", [NAMES, ["2026-08-22 10:30", str(LON), str(LAT), "占道"]])
    assert times(read(path).reports) == ["2026-08-22T02:30:00+00:00"]


def test_a_broken_row_does_not_pass_for_the_headings(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    rows = [f"2026-08-22 10:30,{LON},{LAT},占道"] * 3
    path.write_text("\n".join([",".join(NAMES), "a,b,c,d,e,f,g,h,i,j", *rows]), encoding="utf-8")
    batch = read(path)
    assert len(batch.reports) == 3
    assert [(one.row, str(one.reason)) for one in batch.refused] == [(1, "10 values for 4 columns")]
