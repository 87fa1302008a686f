"""Coordinates as people write them: in one cell, in degrees and minutes, with letters of the compass."""

from pathlib import Path

import pytest

from layers.errors import InvalidError
from layers.importing import angles, vector
from layers.importing.options import ImportOptions
from tests.conftest import at
from tests.layers.importing.books import workbook
from tests.layers.importing.test_findings import read, row, write

LON, LAT = at(90, 205)


def sexagesimal(value: float, letter: str) -> str:
    """Return an angle as GPS sets show it, to a hundredth of a second."""
    whole, rest = divmod(round(value * 360_000), 360_000)
    minutes, hundredths = divmod(rest, 6000)
    return f"{whole}°{minutes}′{hundredths / 100:.2f}″{letter}"


def place(path: Path, **options: object) -> tuple[float, float]:
    report = read(path, **options).reports[0]
    return pytest.approx((report.position.x, report.position.y), abs=2e-6)


def cell(tmp_path: Path, text: str, name: str = "位置") -> Path:
    return write(tmp_path, [{name: text, "time": "2026-08-22 16:00"}])


@pytest.mark.parametrize(
    ("text", "degrees"),
    [
        ("117°12'30.5\"", 117 + 12.5 / 60 + 0.5 / 3600),
        ("117º12′30″", 117 + 12.5 / 60),
        ("117度12分30秒", 117 + 12.5 / 60),
        ("117 12 30", 117 + 12.5 / 60),
        ("117:12:30", 117 + 12.5 / 60),
        ("117° 12.5'", 117 + 12.5 / 60),
        ("东经117.25°", 117.25),
        ("W87°38'", -(87 + 38 / 60)),
        ("117,25", 117.25),
    ],
)
def test_an_angle_is_understood(text: str, degrees: float) -> None:
    found = angles.degrees(text)
    assert found is not None
    assert found[0] == pytest.approx(degrees, abs=1e-12)


@pytest.mark.parametrize(
    "text", ["", "x", "117°61'", "117°12'60\"", "-117W", "E117W", "117.5°30'", "1 2 3 4"]
)
def test_what_is_no_angle_is_none(text: str) -> None:
    assert angles.degrees(text) is None


def test_columns_of_degrees_and_minutes(tmp_path: Path) -> None:
    rows = [
        {"lon": sexagesimal(LON, "E"), "lat": sexagesimal(LAT, "N"), "time": "2026-08-22 16:00"},
        {"lon": sexagesimal(LAT, "N"), "lat": sexagesimal(LON, "E"), "time": "2026-08-22 16:00"},
    ]
    batch = read(write(tmp_path, rows))
    assert (batch.reports[0].position.x, batch.reports[0].position.y) == pytest.approx((LON, LAT), abs=2e-6)
    assert [(one.row, one.field) for one in batch.refused] == [(2, "position")]


@pytest.mark.parametrize(
    "text",
    [
        f"{LON},{LAT}",
        f"{LAT} {LON}",
        f"{LON}，{LAT}",
        f"POINT ({LON} {LAT})",
        f"（{LAT}、{LON}）",
        f"{sexagesimal(LAT, 'N')} {sexagesimal(LON, 'E')}",
        f"E{LON} N{LAT}",
        f"东经{LON}°，北纬{LAT}°",
    ],
)
def test_one_column_holds_both(tmp_path: Path, text: str) -> None:
    assert place(cell(tmp_path, text), columns={"lonlat": "位置"}) == (LON, LAT)
    assert place(cell(tmp_path, text, "坐标")) == (LON, LAT)


def test_the_order_is_asked_for_where_nothing_tells_it(tmp_path: Path) -> None:
    path = cell(tmp_path, "41.8, -87.6", "coordinates")
    with pytest.raises(InvalidError, match="say which comes first with --coordinate-order") as caught:
        read(path)
    assert caught.value.field == "coordinate_order"
    assert place(path, coordinate_order="latlon") == (-87.6, 41.8)
    assert place(cell(tmp_path, "41.8, -87.6", "lat/lon")) == (-87.6, 41.8)
    assert place(cell(tmp_path, "41.8N, 87.6W", "coordinates")) == (-87.6, 41.8)


def test_two_columns_go_before_one(tmp_path: Path) -> None:
    path = write(tmp_path, [row(坐标="1, 2")])
    assert place(path) == (LON, LAT)
    assert place(path, columns={"lonlat": "坐标"}, coordinate_order="lonlat") == (1, 2)


def test_a_layer_of_a_workbook_with_both_in_one_cell(tmp_path: Path) -> None:
    path = workbook(tmp_path / "a.xlsx", [["名称", "经纬度"], ["甲", f"{LON} {LAT}"], ["乙", "无"]])
    found = vector.read(path, ImportOptions(frame="wgs84"), vector.POINTS)
    assert found.rows.geometry.iloc[0].coords[0] == pytest.approx((LON, LAT))
    assert found.options.coordinate_order == "lonlat"
    assert [one.row for one in found.refused] == [2]
