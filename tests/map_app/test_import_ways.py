"""Files that can be read in several ways: the page asks, says what it assumed and shows the first rows."""

import warnings
import zipfile
from collections.abc import Callable
from datetime import datetime
from io import BytesIO
from pathlib import Path

import geopandas as gpd
import pytest
import shapely
from flask.testing import FlaskClient

from layers import jobs
from layers.field.asking import FindingFilter
from layers.field.findings import page
from layers.people import Account
from layers.site import Site
from tests.conftest import at
from tests.layers.importing.books import workbook
from tests.map_app.test_uploads import token, work

LON, LAT = at(90, 205)
CODE = {"frame": "wgs84", "all_scheme": "gbt30428-2013-event", "all_code": "0406"}
Look = Callable[..., tuple[str, str]]


@pytest.fixture
def client(enter: Callable[[Account], FlaskClient], supervisor: Account, town: Site) -> FlaskClient:
    return enter(supervisor)


@pytest.fixture
def look(client: FlaskClient, town: Site, now: datetime) -> Look:
    """Give what hands in a file, or the same again with more said, and returns its address and page."""

    def looked(file: Path | str, **said: str) -> tuple[str, str]:
        if isinstance(file, Path):
            data = {"csrf_token": token(client), "file": (BytesIO(file.read_bytes()), file.name)}
            file = client.post("/imports/upload", data=data).headers["Location"]
            work(town, now)
            if not said:
                return file, client.get(file).get_data(as_text=True)
        there = client.post(file, data={"csrf_token": token(client), "act": "look", **said}).headers[
            "Location"
        ]
        work(town, now)
        return there, client.get(there).get_data(as_text=True)

    return looked


def csv(tmp_path: Path, *lines: str) -> Path:
    path = tmp_path / "a.csv"
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def test_day_or_month_is_asked_for_and_shown_before_anything_is_written(
    look: Look, client: FlaskClient, town: Site, now: datetime, tmp_path: Path
) -> None:
    file = csv(tmp_path, "台账", "时间,坐标,小类代码", f'05/03/2026 8:30,"{LAT}, {LON}",406')
    there, text = look(file, **CODE)
    assert "05/03/2026 8:30 can begin with the day or the month. Choose how dates are written." in text
    assert 'name="date_format"' in text
    assert 'name="header_row" min="1" max="20" value="2"' in text
    there, text = look(there, **CODE, date_format="dmy")
    assert "Dates are written day/month/year." in text
    assert "Times without a zone are those of Asia/Shanghai." in text
    assert "In the column of both coordinates: latitude, longitude." in text
    assert '<option value="dmy" selected>' in text
    first = text.split('id="first"')[1].split("</table>")[0]
    assert "2026-03-05 08:30" in first
    assert str(round(LON, 6)) in first
    assert page(town, FindingFilter()).findings == []
    said = {**CODE, "all_code": "", "date_format": "dmy", "time_zone": "UTC"}
    there, text = look(there, **said)
    assert "2026-03-05 16:30" in text.split('id="first"')[1]
    assert "Codes that had lost their leading zeros were understood: 406 → 0406." in text
    client.post(there, data={"csrf_token": token(client), "act": "import", **said})
    work(town, now)
    (found,) = page(town, FindingFilter()).findings
    assert (found.code, found.observed_at.isoformat()) == ("0406", "2026-03-05T08:30:00+00:00")


def test_the_headings_of_a_workbook_are_found_and_can_be_moved(
    look: Look, town: Site, tmp_path: Path
) -> None:
    rows = [
        ["题目"],
        ["一月", "二月", "三月"],
        ["时间", "经度", "纬度"],
        [datetime(2026, 3, 5, 8, 30), LON, LAT],
    ]
    there, text = look(workbook(tmp_path / "a.xlsx", rows))
    assert "<option>二月</option>" in text
    seen, _ = look(there, **CODE, header_row="2")
    assert "header_row" not in jobs.get(town, int(seen.rsplit("/", 1)[1])).payload["options"]
    _, text = look(there, **CODE, header_row="3")
    assert "2026-03-05 08:30" in text.split('id="first"')[1]
    assert "The headings were found in row 3." in text
    _, text = look(there, **CODE, header_row="9")
    assert "Row 9 holds no headings" in text


@pytest.mark.parametrize("declared", [None, "EPSG:4326", "EPSG:32651"])
def test_a_layer_without_its_reference_system_or_with_a_wrong_one(
    look: Look, tmp_path: Path, declared: str | None
) -> None:
    there_it_lies = gpd.GeoSeries(shapely.points([(LON, LAT)]), crs=4326).to_crs("EPSG:4548")
    frame = gpd.GeoDataFrame({"时间": ["2026-03-05 08:30"]}, geometry=there_it_lies.to_numpy(), crs=declared)
    path = tmp_path / "a.gpkg"
    with warnings.catch_warnings():
        # that nothing is said of the system is the point
        warnings.simplefilter("ignore")
        frame.to_file(path, driver="GPKG")
    there, text = look(path, **CODE)
    assert 'name="crs"' in text
    said = "The file says of its reference system: " + (declared or "")
    assert (said if declared else "The file does not say its reference system.") in text
    assert "As read now the rows lie outside the city" in text
    assert "EPSG:4548 (CGCS2000 / 3-degree Gauss-Kruger CM 117E)" in text
    _, text = look(there, **{**CODE, "frame": ""}, crs="EPSG:4548")
    assert "1 new" in text
    assert str(round(LON, 5)) in text.split('id="first"')[1]
    assert "As read now" not in text


def test_the_folders_of_a_kmz_are_offered_and_all_read_unless_one_is_chosen(
    look: Look, tmp_path: Path
) -> None:
    path = tmp_path / "a.kmz"
    seen = f"<TimeStamp><when>2026-03-05T08:30:00Z</when></TimeStamp><Point><coordinates>{LON},{LAT}"
    one = f"<Placemark><name>摊</name>{seen}</coordinates></Point></Placemark>"
    folders = "".join(f"<Folder><name>{name}</name>{one}</Folder>" for name in ("东街", "西街"))
    with zipfile.ZipFile(path, "w") as archive:
        head = '<kml xmlns="http://www.opengis.net/kml/2.2"><Document>'
        archive.writestr("doc.kml", f"{head}{folders}</Document></kml>")
    there, text = look(path, **CODE)
    assert "<option>东街</option>" in text
    assert "2 rows: 2 new" in text
    _, text = look(there, **CODE, layer="西街")
    assert "1 rows: 1 new" in text


def test_bad_rows_name_their_row_and_field_and_the_rest_goes_through(
    look: Look, client: FlaskClient, town: Site, now: datetime, tmp_path: Path
) -> None:
    rows = [f"2026-03-05 08:30,{LON},{LAT},0406", f"soon,{LON},{LAT},0406", "2026-03-05 08:30,x,39,0406"]
    there, text = look(
        csv(tmp_path, "时间,经度,纬度,code", *rows, f"2026-03-05 08:30,{LON},{LAT},9"),
        **{**CODE, "all_code": ""},
    )
    assert "4 rows: 1 new, 0 there already, 3 refused." in text
    refused = text.split("Refused rows")[1]
    for row, field in ((2, "Observed"), (3, "Position"), (4, "Category code")):
        assert f"<td>{row}</td><td>{field}: " in refused
    client.post(there, data={"csrf_token": token(client), "act": "import", **CODE, "all_code": ""})
    work(town, now)
    assert len(page(town, FindingFilter()).findings) == 1


def test_a_table_in_metres_is_asked_for_its_reference_system(look: Look, tmp_path: Path) -> None:
    (east, north), when = (511_090.0, 4_343_205.0), "2026-03-05 08:30"
    there, text = look(csv(tmp_path, "时间,x,y", f"{when},{east},{north}"), **CODE)
    assert "As read now the rows lie outside the city" in text
    assert '<option value="EPSG:4548">EPSG:4548 (CGCS2000 / 3-degree Gauss-Kruger CM 117E)</option>' in text
    _, text = look(there, **{**CODE, "frame": ""}, crs="EPSG:4548")
    assert f"<td>{round(LON, 6)}</td><td>{round(LAT, 6)}</td>" in text
