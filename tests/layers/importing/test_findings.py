import csv
import gzip
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import geopandas as gpd
import numpy as np
import pytest
import shapely
from sqlalchemy import func, select

from geo.crs import LonLat
from geo.datum import from_wgs84
from layers.city import taxonomy
from layers.errors import InvalidError
from layers.field import findings as store
from layers.field.findings import FindingFilter
from layers.importing import field, findings, tables
from layers.importing.findings import Batch
from layers.importing.options import ImportOptions
from layers.importing.runs import Done
from layers.people import Account
from layers.site import Site
from layers.store import schema
from tests.conftest import at, shared

SHANGHAI = ZoneInfo("Asia/Shanghai")
CODE = {"constants": {"code": "gbt30428-2013-event.0406"}, "frame": "wgs84"}


def write(tmp_path: Path, rows: list[dict[str, Any]], name: str = "findings.csv") -> Path:
    path = tmp_path / name
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def row(east: float = 90, north: float = 205, **more: Any) -> dict[str, Any]:
    lon, lat = at(east, north)
    return {"lon": lon, "lat": lat, "time": "2026-08-22 16:00", **more}


def read(path: Path, **options: Any) -> Batch:
    batches = list(
        findings.read(path, ImportOptions(**{**CODE, **options}), taxonomy=taxonomy.shipped(), local=SHANGHAI)
    )
    assert len(batches) == 1
    return batches[0]


def test_a_plain_row_becomes_a_report(tmp_path: Path) -> None:
    path = write(tmp_path, [row(备注="占道经营", number="007", acc="9")])
    report = read(path, columns={"accuracy_m": "acc"}, key=("number",)).reports[0]
    assert (report.scheme, report.code, report.note) == ("gbt30428-2013-event", "0406", "占道经营")
    assert report.observed_at.isoformat() == "2026-08-22T08:00:00+00:00"
    assert (report.position.x, report.position.y) == at(90, 205)
    assert (report.position.frame, report.position.accuracy_m, report.position.source) == (
        "wgs84",
        9.0,
        "phone",
    )
    assert report.street_hint is None


def test_a_category_is_known_by_its_name_as_hotlines_write_it(tmp_path: Path) -> None:
    words = ["店外经营", "gbt30428-2013-event.0406", "trading outside the shop", "没有这一类"]
    batch = read(write(tmp_path, [row(小类名称=word) for word in words]), constants={})
    assert [report.code for report in batch.reports] == ["0405", "0406", "0405"]
    assert [(one.row, one.field) for one in batch.refused] == [(4, "category")]


def test_an_address_is_a_hint_only_where_somebody_says_so(tmp_path: Path) -> None:
    path = write(tmp_path, [row(street="光荣道", address="光荣道7号")])
    assert read(path).reports[0].street_hint is None
    assert read(path, columns={"street_hint": "street"}).reports[0].street_hint == "光荣道"


@pytest.mark.parametrize(
    ("east", "north", "frame", "told"),
    [
        ("经度（WGS 84）", "纬度（WGS 84）", "gcj02", "wgs84"),
        ("lon_gcj02", "lat_gcj02", "wgs84", "gcj02"),
        ("Bd-09 lng", "Bd-09 lat", "gcj02", "bd09"),
    ],
    ids=["own export as gcj02", "gcj02 as wgs84", "bd09 as gcj02"],
)
def test_a_column_that_names_its_frame_is_not_read_in_another(
    tmp_path: Path, east: str, north: str, frame: str, told: str
) -> None:
    lon, lat = at(90, 205)
    path = write(tmp_path, [{east: lon, north: lat, "time": "2026-08-22 16:00"}])
    with pytest.raises(InvalidError, match="would be moved wrongly"):
        read(path, columns={"lon": east, "lat": north}, frame=frame)
    position = read(path, columns={"lon": east, "lat": north}, frame=told).reports[0].position
    assert (position.x, position.y, position.frame) == (lon, lat, told)


def test_without_a_frame_nothing_is_read(tmp_path: Path) -> None:
    path = write(tmp_path, [row()])
    with pytest.raises(
        InvalidError, match="in which frame the positions are; name it with --frame"
    ) as caught:
        read(path, frame=None)
    assert caught.value.field == "frame"


def test_a_layer_that_declares_degrees_still_needs_a_frame_and_one_in_metres_does_not(tmp_path: Path) -> None:
    points = gpd.GeoDataFrame(
        {"time": ["2026-08-22 16:00"]}, geometry=[shapely.Point(at(90, 205))], crs="EPSG:4326"
    )
    path = tmp_path / "points.geojson"
    points.to_file(path)
    with pytest.raises(InvalidError, match="--frame"):
        read(path, frame=None)
    assert read(path, frame="gcj02").reports[0].position.frame == "gcj02"
    projected = tmp_path / "points.gpkg"
    points.to_crs("EPSG:4548").to_file(projected)
    position = read(projected, frame=None).reports[0].position
    assert (position.x, position.y) == pytest.approx(at(90, 205), abs=1e-8)
    with pytest.raises(InvalidError, match="in metres or feet have none"):
        read(projected, frame="gcj02")


def test_coordinates_in_feet_are_brought_to_degrees(tmp_path: Path) -> None:
    feet = gpd.GeoSeries([shapely.Point(-87.63, 41.88)], crs="EPSG:4326").to_crs("EPSG:3435")
    path = write(tmp_path, [{"X_Coordinate": feet.x[0], "Y_Coordinate": feet.y[0], "date": "2013-01-02"}])
    position = read(path, frame=None, crs="EPSG:3435").reports[0].position
    assert (position.x, position.y) == pytest.approx((-87.63, 41.88), abs=1e-8)


def test_without_category_or_time_nothing_is_read(tmp_path: Path) -> None:
    path = write(tmp_path, [row()])
    with pytest.raises(InvalidError, match="says code; say it with --set code=scheme"):
        read(path, constants={})
    without_time = write(tmp_path, [{"lon": 117, "lat": 39}])
    with pytest.raises(InvalidError, match="says observed_at"):
        read(without_time)


def test_values_are_translated_and_what_is_not_named_is_refused_or_taken_by_the_star(tmp_path: Path) -> None:
    path = write(tmp_path, [row(nature="Garbage"), row(nature="Graffiti"), row(nature="")])
    own: dict[str, Any] = {"constants": {}, "columns": {"code": "nature"}}
    batch = read(path, **own, values={"code": {"Garbage": "gbt30428-2013-event.0110"}})
    assert [report.code for report in batch.reports] == ["0110"]
    assert [(one.row, one.field) for one in batch.refused] == [(2, "category"), (3, "code")]
    assert "Graffiti" in str(batch.refused[0].reason)
    star = {"Garbage": "gbt30428-2013-event.0110", "*": "gbt30428-2013-event.0111"}
    assert [report.code for report in read(path, **own, values={"code": star}).reports] == [
        "0110",
        "0111",
        "0111",
    ]


def test_each_bad_cell_refuses_its_row_and_names_it(tmp_path: Path) -> None:
    rows = [
        row(acc="9"),
        row(acc="wide"),
        {**row(acc=""), "lon": ""},
        {**row(acc=""), "time": "yesterday"},
        {**row(acc=""), "time": ""},
    ]
    batch = read(write(tmp_path, rows), columns={"accuracy_m": "acc"})
    assert len(batch.reports) == 1
    assert [(one.row, one.field, str(one.reason)) for one in batch.refused] == [
        (2, "accuracy_m", "wide is not a number"),
        (3, "position", "the position is missing or not a number"),
        (
            4,
            "observed_at",
            "yesterday is no time we can read; describe it with --date-format, as in strftime",
        ),
        (5, "observed_at", "the time is missing"),
    ]
    assert batch.refused[0].values["acc"] == "wide"


def test_a_date_without_a_time_is_counted_as_such(tmp_path: Path) -> None:
    rows = [{**row(), "time": "2026-08-22"}, row()]
    batch = read(write(tmp_path, rows))
    assert batch.date_only.tolist() == [True, False]
    assert batch.reports[0].observed_at.isoformat() == "2026-08-21T16:00:00+00:00"


def test_ids_stay_with_the_key_or_with_the_content(tmp_path: Path) -> None:
    path = write(tmp_path, [row(number="7", note="a"), row(number="7", note="b"), row(number="8", note="a")])
    by_key = [report.uuid for report in read(path, key=("number",)).reports]
    assert by_key[0] == by_key[1] != by_key[2]
    by_content = [report.uuid for report in read(path).reports]
    assert len(set(by_content)) == 3
    renamed = write(tmp_path, [row(number="7", note="changed")], "later.csv")
    assert read(renamed, key=("number",)).reports[0].uuid == by_key[0]
    assert read(renamed, key=("number",), series="other").reports[0].uuid != by_key[0]
    with pytest.raises(InvalidError, match="no column nummer"):
        read(path, key=("nummer",))


def test_a_column_of_uuids_is_used_and_a_wrong_one_refused(tmp_path: Path) -> None:
    known = "A9F5C1D2-0000-4000-8000-000000000001"
    batch = read(write(tmp_path, [row(uuid=known), row(uuid="7")]))
    assert [report.uuid for report in batch.reports] == [known.lower()]
    assert str(batch.refused[0].reason) == "7 is not a UUID"


# into a site


def n_rows(site: Site) -> int:
    with site.store.read() as conn:
        return int(conn.execute(select(func.count()).select_from(schema.finding)).scalar_one())


def n_runs(site: Site) -> int:
    with site.store.read() as conn:
        return int(conn.execute(select(func.count()).select_from(schema.import_run)).scalar_one())


@pytest.fixture
def take(town: Site, supervisor: Account, now: datetime) -> Callable[..., Done]:
    def import_(path: Path, *, dry_run: bool = False, **options: Any) -> Done:
        return field.import_findings(
            town, supervisor, path, ImportOptions(**{**CODE, **options}), now=now, dry_run=dry_run
        )

    return import_


def test_good_rows_go_in_placed_and_the_same_file_again_adds_nothing(
    town: Site, take: Callable[..., Done], tmp_path: Path
) -> None:
    path = write(
        tmp_path, [row(90, 205, number="1"), row(300, 5, number="2"), {**row(number="3"), "lat": "x"}]
    )
    done = take(path)
    assert (done.n_read, done.n_added, done.n_same, len(done.refused)) == (3, 2, 0, 1)
    found = store.page(town, FindingFilter(), limit=10).findings
    assert [one.placement.street_name for one in found if one.placement] == ["光荣道", "北仓道"]
    assert all(one.import_run_id == found[0].import_run_id is not None for one in found)
    again = take(path)
    assert (again.n_added, again.n_same, len(again.refused)) == (0, 2, 1)
    assert n_rows(town) == 2
    assert n_runs(town) == 1


def test_the_run_tells_what_was_read_and_how(town: Site, take: Callable[..., Done], tmp_path: Path) -> None:
    take(write(tmp_path, [{**row(), "time": "2026-08-22"}, {**row(), "lon": ""}]))
    with town.store.read() as conn:
        run = conn.execute(select(schema.import_run)).one()
    assert (run.kind, run.file_name, run.n_read, run.n_added, run.n_refused) == (
        "findings",
        "findings.csv",
        2,
        1,
        1,
    )
    assert run.options["frame"] == "wgs84"
    assert run.finished_at is not None
    assert len(run.content_hash) == 64


def test_a_dry_run_counts_the_same_and_writes_nothing(
    town: Site, take: Callable[..., Done], tmp_path: Path
) -> None:
    rows = [
        row(number="1"),
        row(number="1"),
        row(91, 205, number="1"),
        row(number="2"),
        {**row(number="3"), "time": "x"},
    ]
    path = write(tmp_path, rows)
    dry = take(path, dry_run=True, key=("number",))
    assert n_rows(town) == n_runs(town) == 0
    wet = take(path, key=("number",))
    assert (dry.n_added, dry.n_same) == (wet.n_added, wet.n_same) == (2, 1)
    assert [one.row for one in dry.refused] == [one.row for one in wet.refused] == [3, 5]
    assert "Row 1 has the same key and says something else; --key none" in str(wet.refused[0].reason)


def test_a_key_known_with_other_content_is_refused_in_a_later_file(
    town: Site, take: Callable[..., Done], tmp_path: Path
) -> None:
    take(write(tmp_path, [row(number="1")]), key=("number",))
    done = take(write(tmp_path, [row(300, 5, number="1")], "later.csv"), key=("number",))
    assert (done.n_added, len(done.refused)) == (0, 1)
    assert "is here with other content (position)" in str(done.refused[0].reason)
    assert n_rows(town) == 1


def test_impossible_places_and_times_are_refused_row_by_row(
    town: Site, take: Callable[..., Done], tmp_path: Path, now: datetime
) -> None:
    lon, lat = at(90, 205)
    later = (now + timedelta(days=1)).isoformat()
    rows = [
        {**row(), "lon": lat, "lat": lon},
        {**row(), "lon": 0, "lat": 0},
        {**row(), "lon": 511_000, "lat": 4_343_000},
        {**row(), "time": later},
        {**row(), "time": "1901-01-01"},
        row(),
    ]
    done = take(write(tmp_path, rows))
    assert done.n_added == 1
    reasons = [str(one.reason) for one in done.refused]
    assert [one.row for one in done.refused] == [1, 2, 3, 4, 5]
    assert "swapped" in reasons[0]
    assert "without a fix" in reasons[1]
    assert "metres" in reasons[2]
    assert "future" in reasons[3]
    assert "1970" in reasons[4]


def test_positions_of_a_chinese_map_service_land_where_they_were_seen(
    town: Site, take: Callable[..., Done], tmp_path: Path
) -> None:
    shifted = from_wgs84(LonLat(np.array([at(90, 205)])), "gcj02")[0]
    take(write(tmp_path, [{**row(), "lon": shifted[0], "lat": shifted[1]}]), frame="gcj02")
    found = store.page(town, FindingFilter(), limit=10).findings[0]
    assert (found.lon, found.lat) == pytest.approx(at(90, 205), abs=1e-9)
    assert (found.position.x, found.position.frame) == (shifted[0], "gcj02")


def test_source_and_accuracy_reach_the_placement(
    town: Site, take: Callable[..., Done], tmp_path: Path
) -> None:
    said = {**CODE["constants"], "source": "geocoded", "accuracy_m": "15", "accuracy_kind": "sd"}
    take(write(tmp_path, [row()]), constants=said)
    found = store.page(town, FindingFilter(), limit=10).findings[0]
    assert found.position.source == "geocoded"
    assert found.placement is not None
    assert found.placement.s_used_m == 15.0


def test_an_unknown_source_is_refused_in_each_row(take: Callable[..., Done], tmp_path: Path) -> None:
    done = take(write(tmp_path, [row()]), constants={**CODE["constants"], "source": "guess"})
    assert done.n_added == 0
    assert "guess" in str(done.refused[0].reason)


def test_an_interrupted_import_leaves_whole_findings_and_is_completed_by_repeating(
    town: Site, supervisor: Account, tmp_path: Path, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tables, "CHUNK_ROWS", 10)
    path = write(tmp_path, [row(90 + n, 205, number=str(n)) for n in range(25)])
    parts = []

    def stop(step: str, done: int, total: int | None) -> None:
        parts.append(step)
        if len(parts) == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        field.import_findings(town, supervisor, path, ImportOptions(**CODE), now=now, progress=stop)
    assert n_rows(town) == 20
    with town.store.read() as conn:
        run = conn.execute(select(schema.import_run)).one()
    assert (run.finished_at, run.n_added) == (None, 20)
    done = field.import_findings(town, supervisor, path, ImportOptions(**CODE), now=now)
    assert (done.n_added, done.n_same) == (5, 20)


def test_compressed_tables_come_in(town: Site, take: Callable[..., Done], tmp_path: Path) -> None:
    plain = write(tmp_path, [row()])
    packed = tmp_path / "findings.csv.gz"
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    assert take(packed).n_added == 1


def test_chicago_s_violations_are_read_with_their_repeats_and_gaps() -> None:
    path = shared("chicago", "sanitation_violations_to_2013.csv.gz")
    options = ImportOptions(
        frame="wgs84",
        columns={"code": "What_is_the_Nature_of_this_Code_Violation", "observed_at": "Creation_Date"},
        values={"code": {"*": "gbt30428-2013-event.0110"}},
        constants={"source": "geocoded"},
        key=("Service_Request_Number",),
    )
    batches = list(
        findings.read(path, options, taxonomy=taxonomy.shipped(), local=ZoneInfo("America/Chicago"))
    )
    reports = [report for batch in batches for report in batch.reports]
    refused = [one for batch in batches for one in batch.refused]
    assert (len(reports), len(refused)) == (55_319, 24)
    assert {one.field for one in refused} == {"position"}
    assert len({report.uuid for report in reports}) == 55_319 - 176
    assert sum(int(batch.date_only.sum()) for batch in batches) == 55_319
    assert sum(batch.n_read for batch in batches) == 55_343


def test_a_code_that_lost_its_zeros_is_understood_and_told(tmp_path: Path) -> None:
    constants = {"scheme": "gbt30428-2013-event"}
    path = write(tmp_path, [row(code=one) for one in ("406", "0406", "201.0", "店外经营", "9406")])
    batch = read(path, constants=constants)
    assert [report.code for report in batch.reports] == ["0406", "0406", "0201", "0405"]
    assert batch.mended == {"406": "0406", "201.0": "0201"}
    assert [(one.row, one.field) for one in batch.refused] == [(5, "code")]


def test_a_code_of_several_lists_is_refused_until_its_list_is_named(tmp_path: Path) -> None:
    path = write(tmp_path, [row(code="101"), row(code="gbt30428-2013-event.101"), row(code="x402")])
    batch = read(path, constants={})
    assert [(one.row, one.field) for one in batch.refused] == [(1, "code")]
    assert "gbt30428-2013-part.0101" in str(batch.refused[0].reason)
    assert [(one.scheme[:4], one.code) for one in batch.reports] == [("gbt3", "0101"), ("xunc", "X402")]
