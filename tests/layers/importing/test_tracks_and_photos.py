import gzip
import json
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import geopandas as gpd
import pandas as pd
import pytest
from PIL import Image
from shapely import LineString
from sqlalchemy import func, select

from layers import history
from layers.errors import InvalidError, UnreadableFileError
from layers.field import findings as store
from layers.field.findings import FindingFilter
from layers.importing import field, tracks
from layers.importing.options import ImportOptions
from layers.importing.runs import Done
from layers.people import Account
from layers.site import Site
from layers.store import schema
from tests.conftest import at, shared

CODE = {"code": "gbt30428-2013-event.0406"}


def table(tmp_path: Path, name: str = "tracks.csv", **more: Any) -> Path:
    """Write two outings along a street, ten fixes each, five seconds apart."""
    rows = []
    for trip in ("007", "8"):
        for n in range(10):
            lon, lat = at(20 + 7 * n, 200 + 200 * (trip == "8"))
            rows.append({"trip_id": trip, "lon": lon, "lat": lat, "unix_time": 1_780_000_000 + 5 * n} | more)
    frame = pd.DataFrame(rows)
    path = tmp_path / name
    if path.suffix == ".parquet":
        frame.to_parquet(path)
    else:
        frame.to_csv(path, index=False)
    return path


def gpx(tmp_path: Path, head: str = "", name: str = "patrol.gpx") -> Path:
    fixes = ""
    for n in range(5):
        lon, lat = at(20 + 7 * n, 200)
        fixes += f'<trkpt lon="{lon:.7f}" lat="{lat:.7f}"><time>2026-08-22T08:00:{5 * n:02d}Z</time></trkpt>'
    path = tmp_path / name
    text = f'<?xml version="1.0"?>{head}<gpx><trk><trkseg>{fixes}</trkseg></trk></gpx>'
    path.write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
    return path


@pytest.fixture
def take(town: Site, supervisor: Account, now: datetime) -> Callable[..., Done]:
    def import_(path: Path, *, dry_run: bool = False, **options: Any) -> Done:
        return field.import_tracks(
            town, supervisor, path, ImportOptions(**{"frame": "wgs84", **options}), now=now, dry_run=dry_run
        )

    return import_


def n_tracks(site: Site) -> int:
    with site.store.read() as conn:
        return int(conn.execute(select(func.count()).select_from(schema.track)).scalar_one())


@pytest.mark.parametrize("name", ["tracks.csv", "tracks.parquet"])
def test_outings_are_told_apart_and_the_same_file_again_adds_nothing(
    town: Site, take: Callable[..., Done], tmp_path: Path, name: str
) -> None:
    path = table(tmp_path, name)
    done = take(path, constants={"mode": "foot"})
    assert (done.n_read, done.n_added, done.facts["n_tracks"]) == (20, 2, 2)
    with town.store.read() as conn:
        kept = conn.execute(select(schema.track).order_by(schema.track.c.fid)).all()
        covered = conn.execute(select(func.count()).select_from(schema.coverage)).scalar_one()
    assert [(one.mode, one.n_fixes) for one in kept] == [("foot", 10), ("foot", 10)]
    assert covered >= 2
    again = take(path, constants={"mode": "foot"})
    assert (again.n_added, again.n_same) == (0, 2)
    assert n_tracks(town) == 2


def test_a_dry_run_writes_nothing(town: Site, take: Callable[..., Done], tmp_path: Path) -> None:
    done = take(table(tmp_path), dry_run=True)
    assert done.n_added == 2
    assert n_tracks(town) == 0


def test_a_track_without_frame_or_time_is_not_read(take: Callable[..., Done], tmp_path: Path) -> None:
    with pytest.raises(InvalidError, match="--frame"):
        take(table(tmp_path), frame=None)
    with pytest.raises(InvalidError, match="says time"):
        take(table(tmp_path), columns={"time": ""})


def test_bad_fixes_are_refused_one_by_one_and_outings_that_are_too_short_as_a_whole(
    take: Callable[..., Done], tmp_path: Path
) -> None:
    path = table(tmp_path)
    lines = path.read_text(encoding="utf-8").splitlines()
    lines[1] = "007,0,0,1780000000"
    lines[2] = "007,117,39,x"
    lines[3] = "007,117,39,4102444800"
    lines.append("9,117.1,39.2,1780000000")
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    done = take(path)
    assert done.n_added == 2
    assert [(one.row, one.field) for one in done.refused] == [
        (1, "position"),
        (2, "time"),
        (3, "time"),
        (21, "track"),
    ]


def test_gpx_is_an_outing_and_knows_its_frame(town: Site, take: Callable[..., Done], tmp_path: Path) -> None:
    done = take(gpx(tmp_path), frame=None)
    assert (done.n_read, done.n_added) == (5, 1)
    assert take(gpx(tmp_path, name="same.gpx.gz"), frame=None).n_same == 1


def walk(name: str, at_y: float, *, timed: bool = True, n: int = 5) -> str:
    """Return a track of a watch: a name, and fixes along a street."""
    fixes = ""
    for k in range(n):
        lon, lat = at(20 + 7 * k, at_y)
        time = f"<time>2026-08-22T08:00:{5 * k:02d}.000Z</time>" if timed else ""
        fixes += f'<trkpt lat="{lat:.7f}" lon="{lon:.7f}"><ele>3.2</ele>{time}</trkpt>'
    return f"<trk><name>{name}</name><trkseg>{fixes}</trkseg></trk>"


def test_each_track_of_gpx_is_an_outing_and_each_refusal_has_its_reason(
    town: Site, take: Callable[..., Done], tmp_path: Path
) -> None:
    path = tmp_path / "watch.gpx"
    broken = walk("c", 200).replace("2026-08-22T08:00:10.000Z", "tomorrow", 1)
    parts = [walk("a", 200), walk("drawn", 200, timed=False), walk("short", 400, n=1), broken]
    path.write_text(f"<gpx>{''.join(parts)}</gpx>", encoding="utf-8")
    done = take(path, frame=None)
    assert (done.n_read, done.n_added, n_tracks(town)) == (16, 2, 2)
    assert [(one.row, one.field, str(one.reason)) for one in done.refused] == [
        (6, "time", "the track says where somebody went and not when"),
        (11, "track", "the outing has fewer than two fixes"),
        (14, "time", "tomorrow is no time we can read"),
    ]


@pytest.mark.parametrize("suffix", ["geojson", "gpkg"])
def test_a_line_with_a_time_for_each_vertex_is_an_outing_and_one_without_is_refused(
    town: Site, take: Callable[..., Done], tmp_path: Path, suffix: str
) -> None:
    line = [at(20 + 7 * k, 200) for k in range(5)]
    times = [f"2026-08-22T08:00:{5 * k:02d}Z" for k in range(5)]
    told = times if suffix == "geojson" else json.dumps(times)
    rows = [({"coordTimes": told, "mode": "foot"}, line), ({"coordTimes": None, "mode": "foot"}, line)]
    path = tmp_path / f"walks.{suffix}"
    frame = gpd.GeoDataFrame([p for p, _ in rows], geometry=[LineString(g) for _, g in rows], crs=4326)
    frame.to_file(path, engine="pyogrio")
    done = take(path)
    assert (done.n_read, done.n_added, n_tracks(town)) == (6, 1, 1)
    assert [str(one.reason) for one in done.refused] == [
        "the line does not say when each of its points was passed"
    ]
    only_without = tmp_path / f"drawn.{suffix}"
    frame.iloc[1:].to_file(only_without, engine="pyogrio")
    done = take(only_without)
    assert (done.n_added, len(done.refused)) == (0, 1)


def test_a_file_says_who_walked_and_a_stranger_is_refused_with_his_track(
    town: Site, take: Callable[..., Done], inspector: Account, tmp_path: Path
) -> None:
    path = table(tmp_path)
    people = {"007": inspector.name, "8": "nobody"}
    frame = pd.read_csv(path, dtype=str).assign(巡查员=lambda rows: rows["trip_id"].map(people))
    frame.to_csv(path, index=False)
    done = take(path)
    assert (done.n_added, n_tracks(town)) == (1, 1)
    assert [(one.row, one.values["n_fixes"], str(one.reason)) for one in done.refused] == [
        (11, 10, "Nobody who patrols is called nobody")
    ]
    with town.store.read() as conn:
        kept = conn.execute(select(schema.track)).one()
        made = history.of(conn, "track", kept.uuid)
    assert kept.account_id == inspector.id
    assert [line["account_id"] for line in made] != [inspector.id]
    assert take(path, dry_run=True).n_same == 1


def test_gpx_with_entities_is_refused_before_they_are_expanded(
    town: Site, take: Callable[..., Done], tmp_path: Path
) -> None:
    bomb = '<!DOCTYPE gpx [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]>'
    with pytest.raises(UnreadableFileError, match="This is not GPX"):
        take(gpx(tmp_path, bomb))
    for content in (b"", b"<kml/>", b"<gpx>"):
        path = tmp_path / "other.gpx"
        path.write_bytes(content)
        with pytest.raises(UnreadableFileError):
            take(path)
    assert n_tracks(town) == 0


def test_shuttles_in_metres_and_in_degrees_are_the_same_outings(now: datetime) -> None:
    path = shared("chicago", "shuttle_gps_odd_trips.csv.gz")
    zone = ZoneInfo("America/Chicago")
    degrees = tracks.read(path, ImportOptions(frame="wgs84"), now=now, local=zone)
    metres = tracks.read(
        path, ImportOptions(crs="EPSG:32616", columns={"x": "utm_x", "y": "utm_y"}), now=now, local=zone
    )
    assert (degrees.n_read, len(degrees.tracks), degrees.refused) == (59_259, 444, [])
    assert degrees.columns == {"lon": "lon", "lat": "lat", "track": "trip_id", "time": "unix_time"}
    for one, other in zip(degrees.tracks, metres.tracks, strict=True):
        assert one.lon == pytest.approx(other.lon, abs=1e-5)
        assert one.lat == pytest.approx(other.lat, abs=1e-5)


# photos


def photo(tmp_path: Path, name: str, *, position: bool = True, time: bool = True) -> Path:
    exif = Image.Exif()
    lon, lat = at(90, 205)
    if position:
        gps = exif.get_ifd(0x8825)
        gps.update({1: "N", 2: _dms(lat), 3: "E", 4: _dms(lon)})
    if time:
        exif.get_ifd(0x8769)[0x9003] = "2026:08:22 16:00:00"
    path = tmp_path / name
    Image.new("RGB", (40, 30), "grey").save(path, exif=exif)
    return path


def _dms(degrees: float) -> tuple[float, float, float]:
    whole = int(degrees)
    minutes = int((degrees - whole) * 60)
    return float(whole), float(minutes), round((degrees - whole - minutes / 60) * 3600, 4)


def take_photos(site: Site, account: Account, paths: list[Path], now: datetime, **options: Any) -> Done:
    return field.import_photos(site, account, paths, ImportOptions(**{"constants": CODE, **options}), now=now)


def test_a_geotagged_photo_is_a_finding_with_its_photo(
    town: Site, supervisor: Account, now: datetime, tmp_path: Path
) -> None:
    paths = [photo(tmp_path, "a.jpg")]
    assert take_photos(town, supervisor, paths, now).n_added == 1
    found = store.page(town, FindingFilter(), limit=10).findings[0]
    assert (found.lon, found.lat) == pytest.approx(at(90, 205), abs=1e-7)
    assert found.observed_at.isoformat() == "2026-08-22T08:00:00+00:00"
    assert (found.position.source, found.position.frame) == ("exif", "wgs84")
    assert found.placement is not None
    assert found.placement.street_name == "光荣道"
    assert len(found.photos) == 1
    assert take_photos(town, supervisor, paths, now).n_same == 1


def test_photos_that_say_too_little_or_are_none_are_refused_by_name(
    town: Site, supervisor: Account, now: datetime, tmp_path: Path
) -> None:
    text = tmp_path / "text.jpg"
    text.write_text("no photo", encoding="utf-8")
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(photo(tmp_path, "whole.jpg").read_bytes()[:300])
    paths = [
        photo(tmp_path, "nowhere.jpg", position=False),
        photo(tmp_path, "never.jpg", time=False),
        text,
        broken,
        tmp_path / "missing.jpg",
        photo(tmp_path, "good.jpg"),
    ]
    done = take_photos(town, supervisor, paths, now)
    assert done.n_added == 1
    reasons = {Path(str(one.values["file"])).name: str(one.reason) for one in done.refused}
    assert reasons["nowhere.jpg"] == "the photo does not say where it was taken"
    assert reasons["never.jpg"] == "the photo does not say when it was taken"
    assert "not a JPEG" in reasons["text.jpg"]
    assert "There is no file" in reasons["missing.jpg"]
    assert set(reasons) == {"nowhere.jpg", "never.jpg", "text.jpg", "broken.jpg", "missing.jpg"}
    with town.store.read() as conn:
        assert conn.execute(select(func.count()).select_from(schema.photo)).scalar_one() == 1


def test_photos_without_a_category_are_refused(
    town: Site, supervisor: Account, now: datetime, tmp_path: Path
) -> None:
    done = take_photos(town, supervisor, [photo(tmp_path, "a.jpg")], now, constants={})
    assert "--set code=scheme.code" in str(done.refused[0].reason)


def test_real_photos_lie_in_arezzo(town: Site, supervisor: Account, now: datetime) -> None:
    paths = sorted(shared("photos").glob("*.jpg"))
    done = take_photos(town, supervisor, paths, now)
    assert (done.n_added, len(done.refused)) == (9, 0)
    found = store.page(town, FindingFilter(), limit=10).findings
    assert all(11.8 < one.lon < 11.9 and 43.4 < one.lat < 43.5 for one in found)
    assert all(one.placement is not None and one.placement.outside for one in found)
