"""A file of findings from a browser: looked at, its columns named, imported, taken back."""

import re
import zipfile
from collections.abc import Callable
from datetime import datetime, timedelta
from io import BytesIO
from pathlib import Path

import geopandas as gpd
import pytest
from flask.testing import FlaskClient
from sqlalchemy import func, select
from werkzeug.test import TestResponse

from layers import people, teams
from layers.city import kerbs
from layers.field.asking import FindingFilter
from layers.field.findings import page
from layers.importing import profiles, undoing, uploads
from layers.people import Account
from layers.site import Site
from layers.store import schema
from layers.worker import Worker, ticking
from tests.conftest import at
from tests.layers.field.test_evidence import exif_of, scene
from tests.layers.importing.test_fitting import houses
from tests.layers.importing.test_tracks_and_photos import walk
from tests.map_app.conftest import HOSTILE

FIXES = [at(20 + 7 * k, 200) for k in range(5)]
Enter = Callable[[Account], FlaskClient]
LON, LAT = at(90, 205)
TABLE = (
    f"编号,东经,北纬,何时,问题\n1,{LON},{LAT},2026-08-22 10:00,占道\n"
    f"2,999,{LAT},2026-08-22 11:00,{HOSTILE!r}\n"
)
COLUMNS = {"column_lon": "东经", "column_lat": "北纬", "column_observed_at": "何时", "column_note": "问题"}
REST = {"frame": "wgs84", "all_code": "gbt30428-2013-event.0406", "key": "编号", "save_as": "热线"}


@pytest.fixture
def client(enter: Enter, supervisor: Account, town: Site) -> FlaskClient:
    return enter(supervisor)


def token(client: FlaskClient) -> str:
    return client.get("/imports").get_data(as_text=True).split('name="csrf_token" value="')[1].split('"')[0]


def send(client: FlaskClient, name: str = "热线.csv", text: str = TABLE, **more: str) -> TestResponse:
    data = {"csrf_token": token(client), "file": (BytesIO(text.encode()), name), **more}
    return client.post("/imports/upload", data=data, content_type="multipart/form-data")


def work(site: Site, now: datetime) -> None:
    Worker(site, ticking(now)).run_all()


def test_a_file_is_looked_at_mapped_imported_and_taken_back(
    client: FlaskClient, town: Site, now: datetime
) -> None:
    there = send(client).headers["Location"]
    assert "upload.js" in client.get(there).get_data(as_text=True)
    work(town, now)
    text = client.get(there).get_data(as_text=True)
    assert "Still to be chosen: Observed, Category code, Frame of the positions." in text
    assert "<td>占道</td>" in text
    assert "--" not in text.split('id="jobs"')[1].split("</div>")[0]
    assert "<option>东经</option>" in text
    said = {"csrf_token": token(client), **COLUMNS, **REST, "act": "look"}
    there = client.post(there, data=said).headers["Location"]
    work(town, now)
    text = client.get(there).get_data(as_text=True)
    assert "2 rows: 1 new, 0 there already, 1 refused." in text
    points = text.split('"points": ')[1].split("]]")[0]
    assert points.startswith("[[117.")
    assert points.count("[") == 2
    assert "<img src=x" not in text
    assert page(town, FindingFilter()).findings == []
    assert profiles.get(town, "findings", "热线").columns["note"] == "问题"
    there = client.post(there, data={**said, "act": "import"}).headers["Location"]
    work(town, now)
    assert "1 new" in client.get(there).get_data(as_text=True)
    (found,) = page(town, FindingFilter()).findings
    assert (found.note, found.account_name) == ("占道", "Wang")
    run = undoing.every(town)[0]
    assert run.file_name == "热线.csv"
    assert undoing.undo(town, run.id, by=None, now=now) == 1
    assert page(town, FindingFilter()).findings == []


def test_a_profile_reads_the_next_file(client: FlaskClient, town: Site, now: datetime) -> None:
    first = send(client).headers["Location"]
    client.post(first, data={"csrf_token": token(client), **COLUMNS, **REST, "act": "look"})
    there = send(client, profile="findings:热线").headers["Location"]
    work(town, now)
    assert "1 new" in client.get(there).get_data(as_text=True)


def test_a_file_of_addresses_tells_how_they_lie_about_the_streets(
    client: FlaskClient, town: Site, now: datetime
) -> None:
    lines = [f"{one['number']},{one['lon']},{one['lat']},2026-08-22 10:00," for one in houses()]
    there = send(client, text="\n".join(["编号,东经,北纬,何时,问题", *lines])).headers["Location"]
    said = {"csrf_token": token(client), **COLUMNS, **REST, "all_source": "geocoded"}
    there = client.post(there, data={**said, "act": "look"}).headers["Location"]
    work(town, now)
    text = client.get(there).get_data(as_text=True)
    fitted = re.search(r"Position error fitted: address, (1[12]\.\d) ± 0\.\d m from the centre line", text)
    assert fitted
    assert '<option value="geocoded" selected>' in text
    assert "Position error fitted" not in client.get("/imports").get_data(as_text=True)
    client.post(there, data={**said, "act": "import"})
    work(town, now)
    assert fitted[0] in client.get("/imports").get_data(as_text=True)


@pytest.mark.parametrize("name", ["x.exe", "x", "../../etc/passwd", "x.csv.gz", "x.vrt"])
def test_other_files_are_not_taken(client: FlaskClient, town: Site, name: str) -> None:
    assert send(client, name=name).status_code == 400
    folder = town.settings.home / uploads.FOLDER
    assert not folder.exists() or not list(folder.iterdir())


def test_a_file_that_is_not_what_it_says_fails_with_a_reason(
    client: FlaskClient, town: Site, now: datetime
) -> None:
    there = send(client, name="x.gpkg", text="not a database", frame="wgs84").headers["Location"]
    work(town, now)
    assert client.get(there).status_code == 200
    assert "x.gpkg" in client.get(there).get_data(as_text=True)


def test_files_of_others_and_old_ones_are_not_there(
    client: FlaskClient, enter: Enter, town: Site, inspector: Account, now: datetime
) -> None:
    there = send(client).headers["Location"]
    assert enter(inspector).get(there).status_code == 403
    assert uploads.forget_old(town, now=datetime.now(now.tzinfo) + timedelta(hours=23)) == 0
    assert uploads.forget_old(town, now=datetime.now(now.tzinfo) + timedelta(hours=25)) == 1
    said = {"csrf_token": token(client), "act": "import", "frame": "wgs84"}
    assert client.post(there, data=said).status_code == 404


def sent(client: FlaskClient, *files: tuple[str, bytes], **more: str) -> TestResponse:
    data = {"csrf_token": token(client), "file": [(BytesIO(data), name) for name, data in files], **more}
    return client.post("/imports/upload", data=data, content_type="multipart/form-data")


def geotagged(now: datetime) -> list[tuple[str, bytes]]:
    """Return two photos of here, and one that does not say where it was taken."""
    then = now - timedelta(hours=3)
    places = [(LON, LAT), at(120, 205), None]
    return [(f"现场{k}.jpg", scene(k, exif_of(then, place))) for k, place in enumerate(places)]


def test_a_folder_of_photos_is_looked_at_imported_and_taken_back(
    client: FlaskClient, town: Site, now: datetime
) -> None:
    there = sent(client, *geotagged(now)).headers["Location"]
    work(town, now)
    said = {"csrf_token": token(client), "all_code": "gbt30428-2013-event.0406", "act": "look"}
    there = client.post(there, data=said).headers["Location"]
    work(town, now)
    text = client.get(there).get_data(as_text=True)
    assert "3 photos: 2 new, 0 there already, 1 refused." in text
    assert "the photo does not say where it was taken" in text
    assert "现场2.jpg" in text
    assert str(town.settings.home) not in text
    assert text.split('"points": ')[1].split("]]")[0].count("[") == 3
    there = client.post(there, data={**said, "act": "import"}).headers["Location"]
    work(town, now)
    assert "2 new" in client.get(there).get_data(as_text=True)
    assert [len(one.photos) for one in page(town, FindingFilter()).findings] == [1, 1]
    assert undoing.undo(town, undoing.every(town)[0].id, by=None, now=now) == 2
    assert page(town, FindingFilter()).findings == []


def layer(kind: str, tmp_path: Path) -> list[tuple[str, bytes]]:
    """Return the files of a layer with two findings, one of them without a time."""
    rows = gpd.GeoDataFrame(
        {"time": ["2026-08-22 10:00", None], "note": ["占道", "没有时间"]},
        geometry=gpd.points_from_xy([LON, LON], [LAT, LAT]),
        crs=4326,
    )
    drivers = {"geojson": "GeoJSON", "gpkg": "GPKG", "kml": "LIBKML", "shp": "ESRI Shapefile"}
    rows.to_file(tmp_path / f"layer.{kind}", driver=drivers[kind], engine="pyogrio", encoding="UTF-8")
    return [(path.name, path.read_bytes()) for path in sorted(tmp_path.glob("layer.*"))]


@pytest.mark.parametrize("kind", ["geojson", "gpkg", "shp", "zip"])
def test_layers_of_every_kind_are_read_on_the_page(
    client: FlaskClient, town: Site, now: datetime, tmp_path: Path, kind: str
) -> None:
    files = layer("shp" if kind == "zip" else kind, tmp_path)
    if kind == "zip":
        packed = BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            for name, data in files:
                archive.writestr(f"folder/{name}", data)
        files = [("layer.zip", packed.getvalue())]
    there = sent(client, *files).headers["Location"]
    work(town, now)
    said = {"csrf_token": token(client), "all_code": "gbt30428-2013-event.0406", "frame": "wgs84"}
    there = client.post(there, data={**said, "act": "look"}).headers["Location"]
    work(town, now)
    text = client.get(there).get_data(as_text=True)
    assert "2 rows: 1 new, 0 there already, 1 refused." in text
    there = client.post(there, data={**said, "act": "import"}).headers["Location"]
    work(town, now)
    assert "1 new" in client.get(there).get_data(as_text=True)
    assert [one.note for one in page(town, FindingFilter()).findings] == ["占道"]


def test_archives_of_nothing_and_mixed_files_are_refused(
    client: FlaskClient, town: Site, now: datetime
) -> None:
    assert sent(client, ("a.csv", b"x"), ("b.csv", b"x")).status_code == 400
    empty = BytesIO()
    with zipfile.ZipFile(empty, "w") as archive:
        archive.writestr("../../secret.txt", "x")
    for data, told in (
        (empty.getvalue(), "neither a shapefile nor a photo"),
        (b"PK no zip", "cannot be read"),
    ):
        there = sent(client, ("a.zip", data)).headers["Location"]
        work(town, now)
        assert told in client.get(there).get_data(as_text=True)


def watch(*tracks: str) -> str:
    return f"<gpx>{''.join(tracks)}</gpx>"


def n_tracks(site: Site) -> list[tuple[int, int]]:
    """Return the owner of each track, and how many pieces of street were read from all of them."""
    with site.store.read() as conn:
        n = conn.execute(select(func.count()).select_from(schema.coverage)).scalar_one()
        return [(one, n) for one in conn.execute(select(schema.track.c.account_id)).scalars()]


def test_a_walk_of_a_watch_is_looked_at_imported_once_and_taken_back(
    client: FlaskClient, town: Site, inspector: Account, now: datetime
) -> None:
    with town.store.write() as conn:
        teams.join(conn, inspector.id, "Team <1>", since=now - timedelta(days=365), now=now, by=None)
    text = watch(walk("Morning &lt;b&gt;", 200), walk("drawn", 400, timed=False))
    there = send(client, "watch.gpx", text).headers["Location"]
    work(town, now)
    seen = client.get(there).get_data(as_text=True)
    assert "10 fixes. Tracks: 1 new, 0 there already; 1 refusals." in seen
    assert "the track says where somebody went and not when" in seen
    assert seen.split('"lines": ')[1].split("]]]")[0].count("[") == 7
    said = {"csrf_token": token(client), "what": "tracks", "all_person": inspector.login, "all_mode": "foot"}
    there = client.post(there, data={**said, "act": "look"}).headers["Location"]
    work(town, now)
    seen = client.get(there).get_data(as_text=True)
    assert "<td>Team &lt;1&gt;</td>" in seen
    assert "Morning &lt;b&gt; (1)" in seen
    assert n_tracks(town) == []
    there = client.post(there, data={**said, "act": "import"}).headers["Location"]
    work(town, now)
    assert "Tracks: 1 new" in client.get(there).get_data(as_text=True)
    ((owner, covered),) = n_tracks(town)
    assert owner == inspector.id
    assert covered > 0
    again = send(client, "same.gpx", text).headers["Location"]
    work(town, now)
    assert "This very file was imported before" in client.get(again).get_data(as_text=True)
    again = client.post(again, data={**said, "act": "import"}).headers["Location"]
    work(town, now)
    assert "Tracks: 0 new, 1 there already" in client.get(again).get_data(as_text=True)
    (run,) = undoing.every(town)
    assert (run.kind, run.file_name) == ("tracks", "watch.gpx")
    assert undoing.undo(town, run.id, by=None, now=now) == 1
    assert n_tracks(town) == []


def test_a_table_of_fixes_is_taken_as_tracks_when_the_page_says_so(
    client: FlaskClient, town: Site, inspector: Account, now: datetime
) -> None:
    lines = [f"{lon},{lat},2026-08-22 08:00:{5 * k:02d},甲" for k, (lon, lat) in enumerate(FIXES)]
    text = "\n".join(["东经,北纬,何时,谁", *lines])
    there = send(client, "轨迹.csv", text, what="tracks").headers["Location"]
    work(town, now)
    assert "Still to be chosen: Time of the fix, Frame of the positions." in client.get(there).get_data(
        as_text=True
    )
    columns = {"column_lon": "东经", "column_lat": "北纬", "column_time": "何时", "column_person": "谁"}
    said = {"csrf_token": token(client), **columns, "frame": "gcj02", "what": "tracks"}
    there = client.post(there, data={**said, "act": "look"}).headers["Location"]
    work(town, now)
    seen = client.get(there).get_data(as_text=True)
    assert "Nobody who patrols is called 甲" in seen
    said |= {"column_person": "", "all_person": inspector.login, "save_as": "手表"}
    there = client.post(there, data={**said, "act": "import"}).headers["Location"]
    work(town, now)
    with town.store.read() as conn:
        kept = conn.execute(select(schema.track)).one()
    assert (kept.frame, kept.account_id, kept.n_fixes) == ("gcj02", inspector.id, 5)
    assert profiles.get(town, "tracks", "手表").columns["time"] == "何时"


def test_a_second_recording_of_the_same_walk_is_told(
    client: FlaskClient, town: Site, inspector: Account, now: datetime
) -> None:
    said = {"csrf_token": token(client), "what": "tracks", "all_person": inspector.login}
    for y, is_told in ((200, False), (202, True)):
        there = send(client, f"{y}.gpx", watch(walk("a", y))).headers["Location"]
        there = client.post(there, data={**said, "act": "look"}).headers["Location"]
        work(town, now)
        assert ("overlap in time with a track" in client.get(there).get_data(as_text=True)) == is_told
        client.post(there, data={**said, "act": "import"})
        work(town, now)


def test_a_hotline_s_own_words_need_nothing_but_the_frame(
    client: FlaskClient, town: Site, now: datetime
) -> None:
    text = f"案件编号,上报时间,小类名称,问题描述,经度,纬度\nT1,2026/8/1 8:00,店外经营,堆放,{LON},{LAT}\n"
    there = send(client, "热线.csv", text).headers["Location"]
    work(town, now)
    seen = client.get(there).get_data(as_text=True)
    assert "Still to be chosen: Frame of the positions." in seen
    assert "<option selected>小类名称</option>" in seen
    there = send(client, "热线.csv", text, frame="gcj02").headers["Location"]
    work(town, now)
    assert "1 rows: 1 new" in client.get(there).get_data(as_text=True)
    said = {"csrf_token": token(client), "frame": "gcj02", "key": "案件编号"}
    client.post(there, data={**said, "act": "import"})
    work(town, now)
    more = text + f"T2,2026/8/1 9:00,店外经营,堆放,{LON},{LAT}\n"
    for held, told in (
        (text, "1 rows: 0 new, 1 there already, 0 refused."),
        (more, "2 rows: 1 new, 1 there already, 0 refused."),
        (
            more.replace("T1,2026/8/1", "T1,2026/8/2"),
            "This row came before and says something else now (Observed)",
        ),
    ):
        there = send(client, "热线.csv", held, frame="gcj02").headers["Location"]
        there = client.post(there, data={**said, "act": "look"}).headers["Location"]
        work(town, now)
        assert told in client.get(there).get_data(as_text=True)


def test_of_several_layers_one_is_chosen(
    client: FlaskClient, town: Site, now: datetime, tmp_path: Path
) -> None:
    path = tmp_path / "several.gpkg"
    for name in ("工单", "说明"):
        rows = gpd.GeoDataFrame(
            {"time": ["2026-08-22 10:00"]}, geometry=gpd.points_from_xy([LON], [LAT]), crs=4326
        )
        rows.to_file(path, layer=name, engine="pyogrio")
    there = sent(client, (path.name, path.read_bytes())).headers["Location"]
    work(town, now)
    seen = client.get(there).get_data(as_text=True)
    assert "The file holds several sheets or layers. Choose one." in seen
    assert "<option>说明</option>" in seen
    said = {"csrf_token": token(client), "frame": "wgs84", "all_code": "店外经营", "layer": "工单"}
    there = client.post(there, data={**said, "act": "look"}).headers["Location"]
    work(town, now)
    assert "1 rows: 1 new" in client.get(there).get_data(as_text=True)


def test_a_table_in_another_encoding_is_read_when_it_is_named(
    client: FlaskClient, town: Site, now: datetime
) -> None:
    there = sent(client, ("热线.csv", TABLE.encode("gb18030"))).headers["Location"]
    work(town, now)
    text = client.get(there).get_data(as_text=True)
    assert "The text is not UTF-8." in text
    assert '<option value="gb18030" selected>' in text
    said = {"csrf_token": token(client), **REST, "encoding": "gb18030", "act": "look"}
    there = client.post(there, data=said).headers["Location"]
    work(town, now)
    assert "<option>东经</option>" in client.get(there).get_data(as_text=True)


KERBS = (
    "类型,车位数,名称,WKT\n"
    f"停车场,40,北门,POINT ({LON} {LAT})\n"
    f'禁停路段,,光荣道,"LINESTRING ({LON} {LAT}, {LON + 0.001} {LAT})"\n'
    f"机库,,x,POINT ({LON} {LAT})\n"
)


def test_kerbs_are_looked_at_imported_and_taken_back(
    client: FlaskClient, town: Site, now: datetime, tmp_path: Path
) -> None:
    there = send(client, "停车.csv", KERBS, what="kerbs", frame="wgs84").headers["Location"]
    work(town, now)
    seen = client.get(there).get_data(as_text=True)
    assert "3 rows: 2 new, 0 changed, 0 removed, 0 as before, 1 refused." in seen
    assert "机库 is not known" in seen
    assert "before from “停车”" in seen
    assert '"points": [[117.' in seen
    assert '"lines": [[[117.' in seen
    said = {"csrf_token": token(client), "what": "kerbs", "frame": "wgs84", "source_name": "市政"}
    there = client.post(there, data={**said, "act": "import"}).headers["Location"]
    work(town, now)
    assert "2 new" in client.get(there).get_data(as_text=True)
    with town.store.read() as conn:
        assert set(conn.execute(select(schema.kerb.c.kind, schema.kerb.c.source)).all()) == {
            ("lot", "市政"),
            ("no_parking", "市政"),
        }
    there = send(client, "停车.csv", KERBS, what="kerbs", frame="wgs84").headers["Location"]
    there = client.post(there, data={**said, "act": "look"}).headers["Location"]
    work(town, now)
    seen = client.get(there).get_data(as_text=True)
    assert "0 new, 0 changed, 0 removed, 2 as before" in seen
    assert "This very file was imported before" in seen
    assert 'value="import"' not in seen
    run = undoing.every(town)[0]
    assert (run.kind, run.file_name) == ("kerbs", "停车.csv")
    page_ = client.get("/imports").get_data(as_text=True)
    assert f'/imports/{run.id}/undo"' in page_
    client.post(f"/imports/{run.id}/undo", data={"csrf_token": token(client)})
    work(town, now)
    with town.store.read() as conn:
        assert len(kerbs.in_force(conn)) == 0


def test_areas_are_for_who_keeps_accounts_and_key_points_say_which_kind_they_are(
    client: FlaskClient, enter: Enter, town: Site, now: datetime
) -> None:
    text = f"名称,经度,纬度\n普育小学,{LON},{LAT}\n"
    there = send(client, "学校.csv", text, what="key_points", frame="wgs84").headers["Location"]
    work(town, now)
    assert "Still to be chosen: Kind." in client.get(there).get_data(as_text=True)
    said = {"csrf_token": token(client), "what": "key_points", "frame": "wgs84", "all_kind": "school"}
    there = client.post(there, data={**said, "act": "look"}).headers["Location"]
    work(town, now)
    assert "1 rows: 1 new" in client.get(there).get_data(as_text=True)
    assert send(client, "区.csv", text, what="districts").status_code == 403
    assert '<option value="districts"' not in client.get("/imports").get_data(as_text=True)
    assert client.post(there, data={**said, "what": "districts", "act": "look"}).status_code == 403
    ring = f"(({LON} {LAT}, {LON + 0.01} {LAT}, {LON} {LAT + 0.01}, {LON} {LAT}))"
    area = f'名称,级别,WKT\n一网格,grid,"POLYGON {ring}"\n'
    with town.store.write() as conn:
        admin = people.create(conn, "root", "Root", "admin", password=None, now=now)
    own = enter(admin)
    there = send(own, "网格.csv", area, what="districts", frame="wgs84").headers["Location"]
    work(town, now)
    seen = own.get(there).get_data(as_text=True)
    assert "1 rows: 1 new" in seen
    assert '"areas": [[[117.' in seen
