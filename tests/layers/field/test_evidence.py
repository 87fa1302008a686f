"""What a photo says of place and time, held against its report; and files that belong to nothing."""

import hashlib
import os
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from io import BytesIO
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from PIL import ExifTags, Image

from layers import checking
from layers.errors import NotFoundError
from layers.field import findings, orphans, photos
from layers.field.records import Photo
from layers.people import Account
from layers.settings import Settings
from layers.site import Site
from layers.terminal.running import run
from tests.conftest import add_account, at, report
from tests.layers.field.test_photos import tagged

BEIJING = ZoneInfo("Asia/Shanghai")
Attach = Callable[..., Photo]


def scene(seed: int, exif: Image.Exif | None = None, quality: int = 90) -> bytes:
    """Return a photo of something that can be told from another."""
    rough = np.random.default_rng(seed).integers(0, 255, (12, 16, 3), dtype=np.uint8)
    out = BytesIO()
    image = Image.fromarray(rough).resize((640, 480), Image.Resampling.BICUBIC)
    image.save(out, "JPEG", quality=quality, **({"exif": exif} if exif else {}))
    return out.getvalue()


def exif_of(taken_at: datetime | None, place: tuple[float, float] | None) -> Image.Exif:
    exif = tagged()
    inner, gps = exif.get_ifd(ExifTags.IFD.Exif), exif.get_ifd(ExifTags.IFD.GPSInfo)
    if taken_at is not None:
        inner[ExifTags.Base.DateTimeOriginal] = taken_at.astimezone(BEIJING).strftime("%Y:%m:%d %H:%M:%S")
    gps.clear()
    if place is not None:
        lon, lat = place
        gps[ExifTags.GPS.GPSLatitudeRef], gps[ExifTags.GPS.GPSLongitudeRef] = "N", "E"
        gps[ExifTags.GPS.GPSLatitude], gps[ExifTags.GPS.GPSLongitude] = (lat, 0.0, 0.0), (lon, 0.0, 0.0)
    return exif


@pytest.fixture
def attach(town: Site, inspector: Account, now: datetime) -> Attach:
    """Give who reports at (90, 205) with 9 m accuracy and attaches a photo."""

    def attached(
        number: int,
        *,
        hours: float | None = None,
        metres: float | None = None,
        role: str = "close_up",
        seed: int = 1,
    ) -> Photo:
        sent = report(number, 90, 205, now)
        findings.put(town, inspector, sent, now=now)
        taken = None if hours is None else sent.observed_at + timedelta(hours=hours)
        place = None if metres is None else at(90 + metres, 205)
        data = scene(seed, exif_of(taken, place))
        return photos.attach(town, inspector, sent.uuid, data, role, now=now)[1]

    return attached


def test_a_photo_of_here_and_now_raises_no_doubt(attach: Attach) -> None:
    kept = attach(1, hours=-0.5, metres=30)
    assert kept.away_m == pytest.approx(30, abs=2)
    assert kept.apart_s == pytest.approx(-1800, abs=1)
    assert kept.doubts == ()


@pytest.mark.parametrize(
    ("hours", "metres", "role", "doubts"),
    [
        (None, None, "close_up", ()),
        (None, 340, "close_up", ("far",)),
        # 150 m and the 9 m of the position itself
        (None, 155, "close_up", ()),
        (None, 170, "close_up", ("far",)),
        (-48, None, "wide", ("early",)),
        (-23, None, "wide", ()),
        (30, None, "wide", ("late",)),
        (30, None, "after", ()),
        (-1, None, "after", ("early",)),
        (-72, 900, "before", ("far", "early")),
    ],
)
def test_doubts_are_raised_beyond_the_limits(
    attach: Attach,
    hours: float | None,
    metres: float | None,
    role: str,
    doubts: tuple[str, ...],
) -> None:
    assert attach(1, hours=hours, metres=metres, role=role).doubts == doubts


def test_the_limits_are_settings_of_the_site(attach: Attach, town: Site) -> None:
    kept = attach(1, hours=-30, metres=340)
    assert kept.doubts == ("far", "early")
    town.settings = replace(town.settings, photo_far_m=400.0, photo_apart_h=36.0)
    uuid = report(1, 90, 205, datetime.now(BEIJING)).uuid
    assert findings.get(town, uuid).photos[0].doubts == ()


def test_a_photo_used_before_is_told_with_the_finding_that_has_it(
    attach: Attach,
    town: Site,
    inspector: Account,
    now: datetime,
) -> None:
    first, second = attach(1, seed=7), attach(2, seed=7)
    other = attach(3, seed=8)
    assert (second.doubts, other.doubts) == (("reused",), ())
    found = findings.get(town, report(2, 0, 0, now).uuid)
    assert photos.also_on(town, inspector, found) == {second.sha256: [report(1, 0, 0, now).uuid]}
    assert first.sha256 == second.sha256
    # the same scene, saved anew: another file, and known again by what it shows
    again = photos.attach(town, inspector, report(3, 0, 0, now).uuid, scene(7, quality=60), now=now)[1]
    assert again.sha256 != first.sha256
    assert "reused" in again.doubts
    stranger = add_account(town, "li", "inspector", now)
    assert photos.also_on(town, stranger, found) == {second.sha256: []}


def test_the_sweep_takes_what_no_row_names_and_nothing_else(
    attach: Attach,
    town: Site,
    now: datetime,
) -> None:
    kept = attach(1)
    root = photos.folder(town)
    sha256 = hashlib.sha256(b"left").hexdigest()
    left = [
        root / "original" / sha256[:2] / f"{sha256}.jpg",
        root / "public" / sha256[:2] / f"{sha256}.jpg",
        root / "original" / kept.sha256[:2] / ".0123456789abcdef",
        root / "parts" / ".fedcba9876543210",
    ]
    for path in left:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"left")
    just_now = datetime.now(BEIJING)
    found = orphans.find(town, now=just_now)
    assert (found.n, found.n_bytes, found.old) == (4, 16, ())
    assert orphans.sweep(town, now=just_now) == 0
    tomorrow = just_now + timedelta(hours=25)
    assert orphans.sweep(town, now=tomorrow) == 4
    assert not [path for path in left if path.exists()]
    assert orphans.find(town, now=tomorrow).n == 0
    assert checking.soundness(town).lost_photos == []


def test_a_file_that_is_wanted_again_is_not_swept(
    attach: Attach,
    town: Site,
    inspector: Account,
    now: datetime,
) -> None:
    data = scene(5)
    sha256 = hashlib.sha256(data).hexdigest()
    path = photos.folder(town) / "original" / sha256[:2] / f"{sha256}.jpg"
    path.parent.mkdir(parents=True)
    path.write_bytes(data)
    long_ago = datetime.now(BEIJING).timestamp() - 10 * 86400
    os.utime(path, (long_ago, long_ago))
    assert orphans.find(town, now=datetime.now(BEIJING)).old == (path,)
    attach(1)
    photos.attach(town, inspector, report(1, 0, 0, now).uuid, data, now=now)
    assert orphans.sweep(town, now=datetime.now(BEIJING) + timedelta(days=9)) == 0
    assert photos.open_original(town, inspector, sha256) == path


def test_a_lost_original_is_told(attach: Attach, town: Site, inspector: Account) -> None:
    kept = attach(1)
    photos.open_original(town, inspector, kept.sha256).unlink()
    assert checking.soundness(town).lost_photos == [kept.sha256]
    with pytest.raises(NotFoundError):
        photos.open_public(town, kept.sha256, thumbnail=True)


@pytest.mark.parametrize("written", [b"another picture", b""])
def test_a_damaged_original_is_told_apart_from_a_lost_one(
    attach: Attach, town: Site, inspector: Account, written: bytes
) -> None:
    kept = attach(1)
    path = photos.open_original(town, inspector, kept.sha256)
    path.write_bytes(written or path.read_bytes()[:-1])
    found = checking.soundness(town)
    assert (found.lost_photos, found.damaged_photos) == ([], [kept.sha256])
    assert not found.is_sound


def test_the_command_tells_of_orphans_and_sweeps_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home = ["--home", str(tmp_path / "home")]
    assert run(["init", str(tmp_path / "home")]) == 0
    folder = Settings.read(tmp_path / "home").home / "photos" / "public" / "ab"
    folder.mkdir(parents=True)
    (folder / f"{'ab' * 32}.jpg").write_bytes(bytes(2_000_000))
    capsys.readouterr()
    assert run(["check", *home]) == 0
    assert "有 1 个文件（2.0 MB）不属于任何照片，其中 0 个已超过一天" in capsys.readouterr().out
    os.utime(folder / f"{'ab' * 32}.jpg", (1e9, 1e9))
    assert run(["check", "--sweep", *home]) == 0
    assert "已删除 1 个不属于任何照片的文件" in capsys.readouterr().out
    assert list(folder.iterdir()) == []
