import stat
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from geo.assign import SourceError
from layers.errors import NotFoundError, SettingError
from layers.settings import SOURCE_ERRORS, Settings


def read(home: Path, text: str) -> Settings:
    (home / "xuncha.toml").write_text(text, encoding="utf-8")
    return Settings.read(home)


def test_a_laptop_needs_no_settings(tmp_path: Path) -> None:
    settings = read(tmp_path, "")
    assert settings == Settings(home=tmp_path)
    assert settings.store_place == tmp_path / "site.gpkg"
    assert settings.zone == ZoneInfo("Asia/Shanghai")


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    errors = {
        **SOURCE_ERRORS,
        "parcel": SourceError(4.0, None, 2.0),
        "phone": SourceError(7.5, 1.0),
    }
    chosen = Settings(
        home=tmp_path,
        store_url='postgresql+psycopg://a:b"c@host/db',
        language="en",
        tile_attribution="© 天地图 \\ \n",
        port=80,
        outside_m=50.0,
        source_errors=errors,
    )
    chosen.write()
    assert Settings.read(tmp_path) == chosen


def test_defaults_are_not_written_so_that_they_may_improve(tmp_path: Path) -> None:
    Settings(home=tmp_path).write()
    text = (tmp_path / "xuncha.toml").read_text(encoding="utf-8")
    assert [line for line in text.splitlines() if line and not line.startswith("#")] == []


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("colour = 1", "colour"),
        ("port = 0", "port"),
        ("port = 70000", "port"),
        ("port = true", "port"),
        ('port = "8737"', "port"),
        ('language = "de"', "language"),
        ('time_zone = "Beichen"', "time_zone"),
        ('time_zone = "../etc"', "time_zone"),
        ("outside_m = -1", "outside_m"),
        ("outside_m = nan", "outside_m"),
        ("outside_m = inf", "outside_m"),
        ("max_upload_bytes = 1.5", "max_upload_bytes"),
        ('store_url = ""', "store_url"),
        ("host = 1", "host"),
        ("source_errors = 1", "source_errors"),
        ("[source_errors.gps]\nsd_m = 1.0", "source_errors.gps"),
        ("[source_errors.phone]\nsigma = 1.0", "source_errors.phone"),
        ("[source_errors.phone]\nsd_m = 0.0", "source_errors"),
        ('[source_errors.phone]\noffset_m = "far"', "source_errors"),
        ("[source_errors]\nphone = 1", "source_errors.phone"),
    ],
)
def test_nonsense_is_refused_by_name(tmp_path: Path, line: str, name: str) -> None:
    with pytest.raises(SettingError) as caught:
        read(tmp_path, line)
    assert caught.value.field == name
    assert name in str(caught.value)


def test_a_source_may_change_one_number_and_stand_at_the_kerb(tmp_path: Path) -> None:
    settings = read(tmp_path, '[source_errors.geocoded]\nsd_m = 12\noffset_m = "kerb"')
    assert settings.source_errors["geocoded"] == SourceError(12, None, SOURCE_ERRORS["geocoded"].offset_sd_m)
    assert settings.source_errors["phone"] == SOURCE_ERRORS["phone"]


@pytest.mark.parametrize("text", [b"port = ", b"\xff\xfe"])
def test_a_file_that_is_no_toml_is_refused(tmp_path: Path, text: bytes) -> None:
    (tmp_path / "xuncha.toml").write_bytes(text)
    with pytest.raises(SettingError):
        Settings.read(tmp_path)


def test_no_file_is_no_site(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError):
        Settings.read(tmp_path)


def test_what_may_hold_a_secret_is_the_owners_alone(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    settings.write()
    settings.make_secret_key()
    for name in ("xuncha.toml", "secret.key"):
        assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o600


def test_the_secret_is_long_made_once_and_never_default(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    with pytest.raises(NotFoundError):
        settings.secret_key()
    settings.make_secret_key()
    first = settings.secret_key()
    settings.make_secret_key()
    assert settings.secret_key() == first
    assert len(first) == 64
    (tmp_path / "secret.key").write_text("short")
    with pytest.raises(SettingError):
        settings.secret_key()


def test_bells_are_times_of_the_day_and_may_be_none(tmp_path: Path) -> None:
    path = tmp_path / "xuncha.toml"
    path.write_text('bells = ["08:00", "15:45"]\n', encoding="utf-8")
    settings = Settings.read(tmp_path)
    assert settings.bells == ("08:00", "15:45")
    settings.write()
    assert Settings.read(tmp_path) == settings
    path.write_text("bells = []\n", encoding="utf-8")
    assert Settings.read(tmp_path).bells == ()
    path.write_text('bells = ["8 o\'clock"]\n', encoding="utf-8")
    with pytest.raises(SettingError, match="bells"):
        Settings.read(tmp_path)
