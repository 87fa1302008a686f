"""Exports on both stores, read back with what people open them with."""

import csv
import io
import json
import zipfile
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import geopandas as gpd
import pyogrio
import pytest

from geo.assign import ACCURACY_KINDS
from layers import jobs
from layers.errors import ConflictError, InvalidError, NotFoundError
from layers.exporting import files, orders, rows
from layers.exporting.files import FORMATS, Export
from layers.field import decisions, findings, words
from layers.field.asking import FindingFilter
from layers.field.reports import CHANNELS
from layers.formulas import guarded
from layers.importing import field
from layers.importing import findings as importing
from layers.importing.options import ImportOptions
from layers.people import Account
from layers.settings import SOURCE_ERRORS
from layers.site import Site
from layers.worker import Worker, ticking
from tests.conftest import report

FORMULA = '=HYPERLINK("http://evil.example","占道")'


@pytest.fixture
def filled(town: Site, inspector: Account, now: datetime) -> Site:
    """Give the town with three findings, one of them with a note that a spreadsheet would run."""
    reports = [
        report(1, 90, 205, now, note=FORMULA, n_items=3),
        report(2, 300, 2, now, code="0201", note="<script>alert(1)</script>"),
        report(3, 5000, 5000, now, note=None),
    ]
    findings.put_many(town, inspector, reports, now=now)
    return town


def export(kind: str, wanted: FindingFilter | None = None, **more: bool) -> Export:
    return Export(kind=kind, wanted=wanted or FindingFilter(), speak="zh", **more)


def table(site: Site, **more: bool) -> list[dict[str, str]]:
    text = b"".join(files.stream(site, export("csv", **more))).decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(text)))


def test_a_table_says_what_where_and_how_sure(filled: Site) -> None:
    first, second, far = table(filled)
    assert list(first) == list(rows.NAMES)
    assert (first["street"], first["ambiguous"], first["n_items"]) == ("光荣道", "false", "3")
    assert first["category"] == "gbt30428-2013-event.0406"
    assert first["subdistrict"] == "果园新村街道"
    assert first["observed_at"] == "2026-08-23T15:00:00+08:00"
    assert float(first["p_street"]) > 0.9
    assert second["community"] == "西社区"
    assert (far["street"], far["outside"], far["note"]) == ("", "true", "")
    assert list(table(filled, in_words=True)[0])[1] == "发现时间"


def test_a_note_is_never_a_formula(filled: Site, tmp_path: Path) -> None:
    assert table(filled)[0]["note"] == f"'{FORMULA}"
    path = tmp_path / "f.xlsx"
    assert files.write(filled, export("xlsx"), path) == 3
    with zipfile.ZipFile(path) as sheet:
        assert b"<f>" not in sheet.read("xl/worksheets/sheet1.xml")
    assert f"'{FORMULA}" in pyogrio.read_dataframe(path)["说明"].tolist()


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "＝"])
def test_every_beginning_of_a_formula_is_known(start: str) -> None:
    assert guarded(f"{start}1") == f"'{start}1"


def test_a_decision_stands_in_the_place_of_the_doubt(
    filled: Site, supervisor: Account, now: datetime
) -> None:
    block = filled.network.blocks.iloc[0]
    decisions.decide(filled, supervisor, report(3, 0, 0, now).uuid, block["block_id"], now=now)
    far = table(filled)[2]
    assert (far["decided"], far["block_id"], far["outside"]) == ("true", block["block_id"], "false")
    assert (far["decided_by"], far["decided_at"]) == (supervisor.name, "2026-08-23T16:00:00+08:00")
    near = table(filled)[0]
    assert (near["decided"], near["decided_by"], near["decided_at"]) == ("false", "", "")


@pytest.mark.parametrize("kind", ["gpkg", "xlsx", "geojson"])
def test_every_kind_of_table_says_who_decided(
    filled: Site, supervisor: Account, now: datetime, tmp_path: Path, kind: str
) -> None:
    decisions.decide(filled, supervisor, report(3, 0, 0, now).uuid, None, now=now)
    path = tmp_path / f"findings.{kind}"
    files.write(filled, Export(kind=kind, wanted=FindingFilter(), speak="en"), path)
    found = pyogrio.read_dataframe(path)
    by, at = ("Who decided", "When decided") if kind == "xlsx" else ("decided_by", "decided_at")
    assert found[by].isna().tolist() == [True, True, False]
    assert found[by][2] == supervisor.name
    assert str(found[at][2]).startswith("2026-08-23")


def test_geojson_streams_one_collection(filled: Site) -> None:
    parts = list(files.stream(filled, export("geojson")))
    found = json.loads(b"".join(parts))
    assert len(parts) == 3
    assert [one["properties"]["note"] for one in found["features"]][1] == "<script>alert(1)</script>"
    assert found["features"][0]["geometry"]["coordinates"][0] == pytest.approx(117.128, abs=0.01)
    assert (
        json.loads(b"".join(files.stream(filled, export("geojson", FindingFilter(uuids=())))))["features"]
        == []
    )


@pytest.mark.parametrize("kind", ["gpkg", "kml", "gpx"])
def test_a_file_is_read_back_with_every_place(filled: Site, tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"findings.{kind}"
    assert files.write(filled, export(kind), path) == 3
    back = pyogrio.read_dataframe(path, layer={"gpx": "waypoints"}.get(kind, "findings"))
    assert len(back) == 3
    assert back.crs == "EPSG:4326"
    place = findings.get(filled, str(report(1, 0, 0, datetime.now()).uuid))
    assert (back.geometry.x[0], back.geometry.y[0]) == pytest.approx((place.lon, place.lat), abs=1e-6)
    assert {one.name for one in tmp_path.iterdir()} == {path.name, "home"}
    if kind == "gpkg":
        assert back["note"][0] == FORMULA
        assert back["observed_at"].dt.tz_convert("UTC")[0] == place.observed_at
    if kind == "kml":
        assert back["description"][1] == "&lt;script&gt;alert(1)&lt;/script&gt;"


@pytest.mark.parametrize("kind", list(FORMATS))
def test_nothing_to_export_is_an_empty_file_with_its_columns(site: Site, tmp_path: Path, kind: str) -> None:
    assert files.write(site, export(kind), tmp_path / f"f.{kind}") == 0
    assert (tmp_path / f"f.{kind}").stat().st_size > 0


def test_more_than_a_page_comes_whole_and_in_order(
    town: Site, inspector: Account, now: datetime, tmp_path: Path
) -> None:
    many = [report(n, n % 800, 5, now, note=str(n)) for n in range(1, 2301)]
    findings.put_many(town, inspector, many, now=now)
    assert [row["note"] for row in table(town)] == [str(n) for n in range(1, 2301)]
    files.write(town, export("gpkg"), tmp_path / "f.gpkg")
    assert gpd.read_file(tmp_path / "f.gpkg")["note"].tolist() == [str(n) for n in range(1, 2301)]


def test_an_unknown_format_is_refused() -> None:
    with pytest.raises(InvalidError):
        export("exe")


@pytest.fixture
def ordered(filled: Site, supervisor: Account, now: datetime) -> Callable[..., int]:
    """Order exports of the town."""

    def order(kind: str = "xlsx", account: Account = supervisor) -> int:
        return orders.order(filled, account, export(kind), now=now)

    return order


def test_an_order_is_made_by_the_worker_and_fetched_by_its_owner_only(
    filled: Site, ordered: Callable[..., int], supervisor: Account, colleague: Account, now: datetime
) -> None:
    job = ordered()
    with pytest.raises(ConflictError):
        orders.file_of(filled, supervisor, job)
    Worker(filled, ticking(now)).run_all()
    path = orders.file_of(filled, supervisor, job)
    assert path.name == "findings-2026-08-23.xlsx"
    assert (jobs.get(filled, job).result or {})["n"] == 3
    with pytest.raises(NotFoundError):
        orders.file_of(filled, colleague, job)


def test_the_same_export_is_made_once_until_something_changes(
    filled: Site, ordered: Callable[..., int], inspector: Account, colleague: Account, now: datetime
) -> None:
    job = ordered()
    assert ordered() == job
    Worker(filled, ticking(now)).run_all()
    assert ordered() == job
    assert ordered("kml") != job
    assert ordered("xlsx", colleague) != job
    findings.put(filled, inspector, report(9, 100, 5, now), now=now)
    assert ordered() != job


def test_files_go_after_a_day(
    filled: Site, ordered: Callable[..., int], supervisor: Account, now: datetime
) -> None:
    job = ordered()
    Worker(filled, ticking(now)).run_all()
    assert orders.forget_old(filled, now=now + timedelta(hours=23)) == 0
    assert orders.forget_old(filled, now=now + timedelta(hours=25)) == 1
    with pytest.raises(NotFoundError, match="export again"):
        orders.file_of(filled, supervisor, job)
    assert ordered() != job


def test_a_workbook_is_in_the_reader_s_words_with_dates_as_dates(filled: Site, tmp_path: Path) -> None:
    path = tmp_path / "f.xlsx"
    files.write(filled, export("xlsx"), path)
    assert pyogrio.list_layers(path)[0][0] == "问题"
    found = pyogrio.read_dataframe(path)
    first = found.iloc[0]
    assert str(first["发现时间"]) == "2026-08-23 15:00:00"
    told = [first[name] for name in ("位置来源", "来源渠道", "精度含义", "人工裁定", "类别")]
    assert told == ["手机", "巡查", "68% 半径", "否", "占道经营"]
    with zipfile.ZipFile(path) as sheet:
        assert r"yyyy\-mm\-dd\ hh:mm:ss" in sheet.read("xl/styles.xml").decode()
    assert {one.name for one in tmp_path.iterdir()} == {"f.xlsx", "home"}


@pytest.mark.parametrize("speak", ["zh", "en"])
@pytest.mark.parametrize("way", ["xlsx", "csv in words", "csv"])
def test_what_was_exported_comes_in_again_as_it_was(
    filled: Site, now: datetime, tmp_path: Path, speak: str, way: str
) -> None:
    kind = way.split(" ", maxsplit=1)[0]
    path = tmp_path / f"f.{kind}"
    asked = Export(kind=kind, wanted=FindingFilter(), speak=speak, in_words=way.endswith("words"))
    files.write(filled, asked, path)
    # names for machines say nothing of the frame
    frame = "wgs84" if way == "csv" else None
    (batch,) = importing.read(
        path, ImportOptions(frame=frame), taxonomy=filled.taxonomy, local=filled.settings.zone
    )
    assert batch.refused == []
    for back, number in zip(batch.reports, (1, 2, 3), strict=True):
        there = findings.get(filled, str(report(number, 0, 0, now).uuid))
        place = there.position
        assert (back.position.x, back.position.y) == pytest.approx((there.lon, there.lat), abs=1e-7)
        same = ("uuid", "scheme", "code", "observed_at", "note", "n_items", "channel")
        assert [getattr(back, name) for name in same] == [getattr(there, name) for name in same]
        known = ("accuracy_m", "accuracy_kind", "source")
        assert [getattr(back.position, name) for name in known] == [getattr(place, name) for name in known]


def test_what_was_exported_is_known_by_its_own_site_and_what_was_changed_in_it_is_named(
    town: Site, supervisor: Account, inspector: Account, now: datetime, tmp_path: Path
) -> None:
    made = now.replace(microsecond=734_000)
    said = [report(number, 90.03 * number, 205, made, note=f"{number}") for number in (1, 2, 3)]
    findings.put_many(town, inspector, said, now=now)
    path = tmp_path / "f.csv"
    asked = Export(kind="csv", wanted=FindingFilter(), speak="zh", in_words=True)
    files.write(town, asked, path)
    for dry_run in (True, False):
        done = field.import_findings(town, supervisor, path, ImportOptions(), now=now, dry_run=dry_run)
        assert (done.n_read, done.n_added, done.n_same, done.refused) == (3, 0, 3, [])
    text = path.read_text(encoding="utf-8-sig").replace(",2,", ",二,").replace("0406", "0409", 1)
    path.write_text(text, encoding="utf-8")
    done = field.import_findings(town, supervisor, path, ImportOptions(), now=now)
    assert (done.n_added, done.n_same) == (0, 1)
    assert [one.reason.field for one in done.refused] == ["code", "note"]


def test_every_word_of_a_record_has_its_name() -> None:
    assert set(words.SOURCES) == set(SOURCE_ERRORS)
    assert set(words.CHANNELS) == set(CHANNELS)
    assert set(words.ACCURACIES) == set(ACCURACY_KINDS)
