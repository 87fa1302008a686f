import errno
import hashlib
import os
import shutil
import struct
import threading
import zlib
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from PIL import ExifTags, Image
from sqlalchemy import func, select

from layers import checking, history
from layers.errors import (
    BusyError,
    ForbiddenError,
    InvalidError,
    NoSpaceError,
    NotFoundError,
    TooLargeError,
    UnreadableFileError,
)
from layers.field import findings, photos, pictures, shelf
from layers.field.findings import Outcome
from layers.people import Account
from layers.site import Site
from layers.store import schema
from tests.conftest import report, shared

BEIJING = ZoneInfo("Asia/Shanghai")
LIMIT = 60_000_000


def jpeg(size: tuple[int, int] = (64, 48), exif: Image.Exif | None = None, colour: str = "red") -> bytes:
    out = BytesIO()
    image = Image.new("RGB", size, colour)
    image.save(out, "JPEG", comment=b"secret comment", **({"exif": exif} if exif else {}))
    return out.getvalue()


def tagged(**own: str) -> Image.Exif:
    exif = Image.Exif()
    exif[ExifTags.Base.Make] = "Secret Phone"
    inner = exif.get_ifd(ExifTags.IFD.Exif)
    for name, value in own.items():
        inner[ExifTags.Base[name]] = value
    gps = exif.get_ifd(ExifTags.IFD.GPSInfo)
    gps[ExifTags.GPS.GPSLatitudeRef], gps[ExifTags.GPS.GPSLatitude] = "N", (39.0, 13.0, 30.0)
    gps[ExifTags.GPS.GPSLongitudeRef], gps[ExifTags.GPS.GPSLongitude] = "E", (117.0, 8.0, 6.0)
    return exif


def read(data: bytes) -> pictures.Picture:
    return pictures.read(data, max_pixels=LIMIT, zone=BEIJING)


@pytest.fixture
def uuid(town: Site, inspector: Account, now: datetime) -> str:
    sent = report(1, 90, 205, now)
    findings.put(town, inspector, sent, now=now)
    return sent.uuid


def shown(data: bytes) -> Image.Image:
    return Image.open(BytesIO(pictures.copies(data, max_pixels=LIMIT).public))


def test_a_photo_becomes_a_row_and_a_file(town: Site, inspector: Account, uuid: str, now: datetime) -> None:
    data = jpeg((640, 480), tagged(DateTimeOriginal="2026:08:23 15:30:00"))
    outcome, kept = photos.attach(town, inspector, uuid, data, "wide", now=now)
    assert outcome is Outcome.CREATED
    assert kept.sha256 == hashlib.sha256(data).hexdigest()
    assert (kept.media_type, kept.width_px, kept.height_px) == ("image/jpeg", 640, 480)
    assert (kept.role, kept.n_bytes) == ("wide", len(data))
    assert kept.taken_at == datetime(2026, 8, 23, 7, 30, tzinfo=UTC)
    assert (kept.exif_lon, kept.exif_lat) == pytest.approx((117.135, 39.225))
    assert findings.get(town, uuid).photos == (kept,)
    assert photos.open_original(town, inspector, kept.sha256).read_bytes() == data


def test_the_public_copies_carry_nothing_but_pixels(
    town: Site, inspector: Account, uuid: str, now: datetime
) -> None:
    data = jpeg((3000, 1000), tagged()) + b"PK\x03\x04 a zip hidden behind"
    _, kept = photos.attach(town, inspector, uuid, data, now=now)
    for thumbnail, longest in ((False, 2048), (True, 320)):
        path = photos.open_public(town, kept.sha256, thumbnail=thumbnail)
        copy = path.read_bytes()
        assert b"Secret" not in copy
        assert b"secret" not in copy
        assert b"PK\x03\x04" not in copy
        with Image.open(path) as image:
            assert not image.getexif()
            assert image.size == (longest, pytest.approx(longest / 3, abs=1))


def test_copies_are_made_in_passing_and_again_when_they_are_gone(
    town: Site, inspector: Account, uuid: str, now: datetime
) -> None:
    _, kept = photos.attach(town, inspector, uuid, jpeg((640, 480)), now=now)
    folders = [photos.folder(town) / kind / kept.sha256[:2] for kind in ("public", "thumbnail")]
    assert not any(folder.exists() for folder in folders)
    photos.copy_in_passing(town, now=now)
    assert [len(list(folder.iterdir())) for folder in folders] == [1, 1]
    for folder in folders:
        shutil.rmtree(folder)
    assert photos.open_public(town, kept.sha256).stat().st_size > 0
    assert checking.soundness(town).is_sound


def test_a_photo_whose_original_is_lost_does_not_stop_the_copying_of_others(
    town: Site, inspector: Account, uuid: str, now: datetime
) -> None:
    _, kept = photos.attach(town, inspector, uuid, jpeg((640, 480)), now=now)
    _, lost = photos.attach(town, inspector, uuid, jpeg((320, 240)), now=now)
    photos.open_original(town, inspector, lost.sha256).unlink()
    photos.copy_in_passing(town, now=now)
    assert shelf.has(photos.folder(town), "thumbnail", kept.sha256, "jpg")
    with pytest.raises(NotFoundError):
        photos.open_public(town, lost.sha256)


def test_the_same_photo_again_is_the_same(town: Site, inspector: Account, uuid: str, now: datetime) -> None:
    _, first = photos.attach(town, inspector, uuid, jpeg(), now=now)
    outcome, second = photos.attach(town, inspector, uuid, jpeg(), now=now + timedelta(hours=1))
    assert (outcome, second) == (Outcome.SAME, first)
    with town.store.read() as conn:
        assert conn.execute(select(func.count()).select_from(schema.photo)).scalar_one() == 1
        assert [line["action"] for line in history.of(conn, "finding", uuid)] == ["create", "attach_photo"]


def test_parallel_twins_of_a_photo_become_one(
    town: Site, inspector: Account, uuid: str, now: datetime
) -> None:
    told, barrier = [], threading.Barrier(6)

    def send() -> None:
        barrier.wait()
        told.append(photos.attach(town, inspector, uuid, jpeg(), now=now)[0])

    threads = [threading.Thread(target=send) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(told) == [Outcome.CREATED] + [Outcome.SAME] * 5


def test_one_photo_may_belong_to_two_findings(
    town: Site, inspector: Account, uuid: str, now: datetime
) -> None:
    other = report(2, 95, 205, now)
    findings.put(town, inspector, other, now=now)
    _, first = photos.attach(town, inspector, uuid, jpeg(), now=now)
    outcome, second = photos.attach(town, inspector, other.uuid, jpeg(), now=now)
    assert outcome is Outcome.CREATED
    assert first.sha256 == second.sha256
    assert first.id != second.id


def test_a_colleague_can_neither_attach_nor_see_the_original(  # noqa: PLR0917  three people
    town: Site, inspector: Account, colleague: Account, supervisor: Account, uuid: str, now: datetime
) -> None:
    with pytest.raises(NotFoundError):
        photos.attach(town, colleague, uuid, jpeg(), now=now)
    _, kept = photos.attach(town, supervisor, uuid, jpeg(), now=now)
    with pytest.raises(ForbiddenError):
        photos.open_original(town, colleague, kept.sha256)
    assert photos.open_original(town, supervisor, kept.sha256).exists()


def test_photos_of_unknown_findings_and_in_unknown_roles_are_refused(
    town: Site, inspector: Account, uuid: str, now: datetime
) -> None:
    with pytest.raises(NotFoundError):
        photos.attach(town, inspector, "11111111-2222-4333-8444-555555555555", jpeg(), now=now)
    with pytest.raises(InvalidError) as caught:
        photos.attach(town, inspector, uuid, jpeg(), "selfie", now=now)
    assert caught.value.field == "role"


@pytest.mark.parametrize("sha256", ["0" * 64, "../../secret.key", "", "A" * 64])
def test_a_hash_that_is_none_opens_nothing(town: Site, inspector: Account, sha256: str) -> None:
    with pytest.raises((NotFoundError, InvalidError)):
        photos.open_public(town, sha256)
    with pytest.raises(NotFoundError):
        photos.open_original(town, inspector, sha256)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"\xff\xd8\xff", id="a mark alone"),
        pytest.param(b"<html><script>alert(1)</script></html>", id="a page"),
        pytest.param(b"%PDF-1.7\n", id="paper"),
        pytest.param(b"GIF89a" + b"\x00" * 100, id="a moving picture"),
        pytest.param(b"\x00" * 1000, id="zeros"),
        pytest.param(jpeg()[:200], id="a cut header"),
        pytest.param(jpeg((400, 400))[:-900], id="a cut body"),
        pytest.param(b"\x89PNG\r\n\x1a\n" + b"\x00" * 50, id="a mark and zeros"),
        pytest.param(b"RIFF\x00\x00\x00\x00WEBPVP8 ", id="an empty frame"),
    ],
)
def test_what_is_not_a_whole_photo_is_refused(data: bytes) -> None:
    with pytest.raises(UnreadableFileError):
        read(data)


def test_a_refused_photo_leaves_neither_row_nor_file(
    town: Site, inspector: Account, uuid: str, now: datetime
) -> None:
    with pytest.raises(UnreadableFileError):
        photos.attach(town, inspector, uuid, jpeg((400, 400))[:-900], now=now)
    assert findings.get(town, uuid).photos == ()
    assert not any(path.is_file() for path in (town.settings.home / "photos").rglob("*"))


def test_pixels_are_counted_before_anything_is_decoded() -> None:
    with pytest.raises(TooLargeError):
        pictures.read(jpeg((100, 100)), max_pixels=9_999, zone=BEIJING)
    assert pictures.read(jpeg((100, 100)), max_pixels=10_000, zone=BEIJING).width_px == 100


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def test_a_bomb_is_recognised_by_its_header() -> None:
    header = struct.pack(">IIBBBBB", 30_000, 30_000, 1, 0, 0, 0, 0)
    bomb = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\x00" * 1000))
    with pytest.raises(TooLargeError):
        read(bomb)


def test_bytes_are_counted_too(town: Site, inspector: Account, uuid: str, now: datetime) -> None:
    with pytest.raises(TooLargeError):
        photos.attach(town, inspector, uuid, jpeg() + b"\x00" * town.settings.max_upload_bytes, now=now)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_photo_is_turned_upright(orientation: int) -> None:
    upright = Image.new("RGB", (60, 40), "white")
    upright.paste("black", (0, 0, 20, 20))
    turns = {
        2: [Image.Transpose.FLIP_LEFT_RIGHT],
        3: [Image.Transpose.ROTATE_180],
        4: [Image.Transpose.FLIP_TOP_BOTTOM],
        5: [Image.Transpose.TRANSPOSE],
        6: [Image.Transpose.ROTATE_90],
        7: [Image.Transpose.TRANSVERSE],
        8: [Image.Transpose.ROTATE_270],
    }
    image = upright
    for turn in turns.get(orientation, []):
        image = image.transpose(turn)
    exif, out = Image.Exif(), BytesIO()
    exif[ExifTags.Base.Orientation] = orientation
    image.save(out, "PNG", exif=exif)
    picture = read(out.getvalue())
    assert (picture.width_px, picture.height_px) == (60, 40)
    with shown(out.getvalue()) as copy:
        assert copy.size == (60, 40)
        assert sum(copy.getpixel((5, 5))) < 60
        assert sum(copy.getpixel((50, 30))) > 700


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGBA", "LA", "CMYK", "I;16"])
def test_every_kind_of_pixel_becomes_a_plain_copy(mode: str) -> None:
    out = BytesIO()
    Image.new(mode, (30, 20)).save(out, "JPEG" if mode == "CMYK" else "PNG")
    with shown(out.getvalue()) as copy:
        assert (copy.mode, copy.size) == ("RGB", (30, 20))


def test_a_stated_zone_beats_satellites_and_those_beat_the_site() -> None:
    stated = tagged(DateTimeOriginal="2026:08:23 15:30:00", OffsetTimeOriginal="+09:00")
    assert read(jpeg(exif=stated)).taken.at == datetime(2026, 8, 23, 6, 30, tzinfo=UTC)
    by_satellite = tagged(DateTimeOriginal="2026:08:23 15:30:00")
    gps = by_satellite.get_ifd(ExifTags.IFD.GPSInfo)
    gps[ExifTags.GPS.GPSDateStamp], gps[ExifTags.GPS.GPSTimeStamp] = "2026:08:23", (7.0, 29.0, 58.0)
    assert read(jpeg(exif=by_satellite)).taken.at == datetime(2026, 8, 23, 7, 29, 58, tzinfo=UTC)


def test_nonsense_in_the_metadata_is_no_reason_to_refuse() -> None:
    exif = tagged(DateTimeOriginal="0000:00:00 00:00:00", OffsetTimeOriginal="soon")
    gps = exif.get_ifd(ExifTags.IFD.GPSInfo)
    gps[ExifTags.GPS.GPSLatitude] = (1000.0, 0.0, 0.0)
    taken = read(jpeg(exif=exif)).taken
    assert taken == pictures.Taken()


def test_a_real_camera_is_read() -> None:
    picture = read(shared("photos", "DSCN0010.jpg").read_bytes())
    assert picture.media_type == "image/jpeg"
    assert picture.taken.lon == pytest.approx(11.885, abs=0.001)
    assert picture.taken.lat == pytest.approx(43.467, abs=0.001)
    assert picture.taken.at == datetime(2008, 10, 23, 14, 27, 7, 240_000, tzinfo=UTC)


def test_a_folder_that_is_gone_keeps_the_row_out(
    town: Site, inspector: Account, uuid: str, now: datetime
) -> None:
    folder = town.settings.home / "photos"
    folder.rename(folder.with_name("elsewhere"))
    with pytest.raises(BusyError):
        photos.attach(town, inspector, uuid, jpeg(), now=now)
    assert findings.get(town, uuid).photos == ()
    folder.with_name("elsewhere").rename(folder)
    assert photos.attach(town, inspector, uuid, jpeg(), now=now)[0] is Outcome.CREATED


def test_a_full_disk_keeps_the_row_out(
    town: Site, inspector: Account, uuid: str, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(NoSpaceError):
        shelf.keep(town.settings.home / "photos", "original", "a" * 64, "jpg", b"data")
    monkeypatch.undo()
    left = [path for path in (town.settings.home / "photos").rglob("*") if path.is_file()]
    assert left == []


def test_a_file_is_on_disk_before_it_has_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    order: list[str] = []
    fsync, replace_ = os.fsync, Path.replace

    def note_sync(descriptor: int) -> None:
        kind = "folder" if os.path.isdir(f"/proc/self/fd/{descriptor}") else "file"
        order.append(f"sync {kind}")
        fsync(descriptor)

    def note_replace(self: Path, target: Path) -> Path:
        order.append("name")
        return replace_(self, target)

    monkeypatch.setattr(os, "fsync", note_sync)
    monkeypatch.setattr(Path, "replace", note_replace)
    (tmp_path / "photos").mkdir()
    path = shelf.keep(tmp_path / "photos", "original", "b" * 64, "jpg", b"data")
    assert path.read_bytes() == b"data"
    assert order == ["sync folder", "sync folder", "sync file", "name", "sync folder"]
