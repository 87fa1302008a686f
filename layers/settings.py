"""The settings of a site: one frozen object, read once from `HOME/xuncha.toml`, loud on nonsense."""

import json
import os
import re
import secrets
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from geo.assign import SOURCES, SourceError
from layers.errors import NotFoundError, SettingError
from layers.language import LANGUAGES, gettext

FILE_NAME = "xuncha.toml"
SECRET_NAME = "secret.key"  # noqa: S105  the name of the file, not a secret
# Where positions come from, and how far they lie from the truth until a site knows better
SOURCE_ERRORS: Mapping[str, SourceError] = MappingProxyType(
    {
        "phone": SOURCES["phone"],
        "geocoded": SOURCES["geocoded"],
        "parcel": SOURCES["parcel"],
        "map": SOURCES["map_tap"],
        "exif": SOURCES["exif"],
    }
)
# This computer alone
HERE = "127.0.0.1"
_PARTS = {one.name for one in fields(SourceError)}
_AT_KERB = "kerb"
_HOUR = re.compile(r"([01]\d|2[0-3]):[0-5]\d")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What a site may choose; everything has a default that suits a laptop."""

    home: Path
    store_url: str | None = None
    language: str = "zh"
    time_zone: str = "Asia/Shanghai"
    tile_url: str | None = None
    tile_attribution: str | None = None
    host: str = HERE
    port: int = 8737
    tls_names: tuple[str, ...] = ()
    max_upload_bytes: int = 20_000_000
    max_photo_pixels: int = 60_000_000
    photo_far_m: float = 150.0
    photo_apart_h: float = 24.0
    late_days: int = 14
    busy_timeout_s: float = 10.0
    outside_m: float = 100.0
    key_point_reach_m: float = 300.0
    school_radius_m: float = 200.0
    surroundings_days: int = 14
    foot_checked_version: int = 0
    bells: tuple[str, ...] = ("07:30", "11:40", "13:30", "16:30")
    bell_minutes: int = 45
    requests_per_minute: int = 600
    webhook_private: bool = False
    track_days: int | None = None
    remind_hours: float = 24.0
    session_idle_hours: float = 12.0
    session_days: int = 7
    phone_idle_days: int = 30
    phone_session_days: int = 90
    proxies: int = 0
    source_errors: Mapping[str, SourceError] = field(default_factory=lambda: SOURCE_ERRORS)

    def __post_init__(self) -> None:
        for name, (holds, expected) in _RULES.items():
            if not holds(getattr(self, name)):
                raise _nonsense(name, getattr(self, name), expected)

    @classmethod
    def read(cls, home: Path) -> "Settings":
        """Read the settings of the site in the folder `home`."""
        path = home / FILE_NAME
        if not path.exists():
            raise NotFoundError(
                "There is no site in %(home)s: %(file)s is missing", home=home, file=FILE_NAME
            )
        try:
            given = tomllib.loads(path.read_text(encoding="utf-8"))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise SettingError("%(path)s cannot be read: %(reason)s", path=path, reason=error) from error
        return cls(home=home, **_checked(given))

    def write(self) -> None:
        """Write what differs from the defaults; the file may hold a password, so it is the owner's alone."""
        default = Settings(home=self.home)
        chosen = [
            f"{name} = {json.dumps(getattr(self, name), ensure_ascii=False)}"
            for name in sorted(_NAMES - {"source_errors"})
            if getattr(self, name) != getattr(default, name)
        ]
        errors = [
            f"\n[source_errors.{source}]\n" + "\n".join(_lines_of(error))
            for source, error in self.source_errors.items()
            if error != SOURCE_ERRORS[source]
        ]
        heading = "# Settings of this site; what is not named here has its default."
        _write_private(self.home / FILE_NAME, "\n".join([heading, *chosen, *errors]) + "\n")

    @property
    def store_place(self) -> Path | str:
        """Return where the store is: a URL, or the GeoPackage in the site's folder."""
        return self.store_url or self.home / "site.gpkg"

    @property
    def zone(self) -> ZoneInfo:
        """Return the time zone in which people read and give dates."""
        return ZoneInfo(self.time_zone)

    def secret_key(self) -> str:
        """Return the key that signs sessions; it is made by `make_secret_key` when the site is."""
        path = self.home / SECRET_NAME
        if not path.exists():
            raise NotFoundError(
                "There is no site in %(home)s: %(file)s is missing", home=self.home, file=path.name
            )
        key = path.read_text(encoding="ascii").strip()
        if len(key) < 32:
            raise SettingError("%(path)s is too short to be a secret", path=path)
        return key

    def make_secret_key(self) -> None:
        """Make the secret key unless there is one."""
        path = self.home / SECRET_NAME
        if not path.exists():
            _write_private(path, secrets.token_hex(32) + "\n")


def _lines_of(error: SourceError) -> list[str]:
    offset = f'"{_AT_KERB}"' if error.offset_m is None else error.offset_m
    return [f"sd_m = {error.sd_m}", f"offset_m = {offset}", f"offset_sd_m = {error.offset_sd_m}"]


def _write_private(path: Path, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)


def _nonsense(name: str, given: object, expected: str) -> SettingError:
    return SettingError(
        "Setting %(name)s: expected %(expected)s, found %(given)s",
        field=name,
        name=name,
        expected=gettext(expected),
        given=repr(given),
    )


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _positive(value: object) -> bool:
    return _is_number(value) and 0 < float(value) < float("inf")  # type: ignore[arg-type]


def _count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def _whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 10


def _text_or_none(value: object) -> bool:
    return value is None or (isinstance(value, str) and bool(value))


def _are_texts(value: object) -> bool:
    return isinstance(value, tuple) and all(isinstance(one, str) and bool(one) for one in value)


def _version(value: object) -> bool:
    return value == 0 or _count(value)


def _are_hours(value: object) -> bool:
    return isinstance(value, tuple) and all(isinstance(one, str) and _HOUR.fullmatch(one) for one in value)


def _is_zone(value: object) -> bool:
    try:
        return isinstance(value, str) and bool(ZoneInfo(value))
    except (ZoneInfoNotFoundError, ValueError):
        return False


def _are_errors(value: object) -> bool:
    return isinstance(value, Mapping) and all(
        isinstance(error, SourceError)
        and _positive(error.sd_m)
        and (error.offset_m is None or _is_number(error.offset_m))
        and _positive(error.offset_sd_m)
        for error in value.values()
    )


_METRES = (_positive, "a number of metres above 0")
_DAYS = (_count, "a whole number of days above 0")
_RULES: dict[str, tuple[Callable[[object], bool], str]] = {
    "store_url": (_text_or_none, "an address such as postgresql+psycopg://user:password@host/database"),
    "language": (lambda value: value in LANGUAGES, "zh or en"),
    "time_zone": (_is_zone, "a zone such as Asia/Shanghai"),
    "tile_url": (_text_or_none, "an address with {z}, {x} and {y}"),
    "tile_attribution": (_text_or_none, "a text"),
    "host": (lambda value: isinstance(value, str) and bool(value), "an address such as 127.0.0.1"),
    "port": (lambda value: _count(value) and value < 65536, "a whole number from 1 to 65535"),  # type: ignore[operator]
    "tls_names": (_are_texts, "a list of names and addresses"),
    "max_upload_bytes": (_count, "a whole number above 0"),
    "max_photo_pixels": (_count, "a whole number above 0"),
    "photo_far_m": _METRES,
    "photo_apart_h": (_positive, "a number of hours above 0"),
    "late_days": _DAYS,
    "busy_timeout_s": (_positive, "a number of seconds above 0"),
    "outside_m": _METRES,
    "key_point_reach_m": _METRES,
    "school_radius_m": _METRES,
    "surroundings_days": (_count, "a whole number above 0"),
    "foot_checked_version": (_version, "a version of the streets, or 0"),
    "bells": (_are_hours, 'times such as "07:30"'),
    "bell_minutes": (_count, "a whole number above 0"),
    "requests_per_minute": (_count, "a whole number above 0"),
    "proxies": (_whole, "how many proxies of yours stand before the server, 0 to 9"),
    "track_days": (lambda value: value is None or _count(value), "a whole number of days above 0"),
    "remind_hours": (_positive, "a number of hours above 0"),
    "session_idle_hours": (_positive, "a number of hours above 0"),
    "session_days": _DAYS,
    "phone_idle_days": _DAYS,
    "phone_session_days": _DAYS,
    "webhook_private": (lambda value: isinstance(value, bool), "true or false"),
    "source_errors": (
        _are_errors,
        'for each source sd_m above 0, offset_m (a number or "kerb") and offset_sd_m above 0, in metres',
    ),
}
_NAMES = {one.name for one in fields(Settings)} - {"home"}


def _checked(given: dict[str, Any]) -> dict[str, Any]:
    """Return what the constructor takes; an unknown key is named."""
    for name in given.keys() - _NAMES:
        raise SettingError("Setting %(name)s is not known", field=name, name=name)
    plain = {name: tuple(value) if isinstance(value, list) else value for name, value in given.items()}
    if "source_errors" not in plain:
        return plain
    return {**plain, "source_errors": _source_errors(plain["source_errors"])}


def _source_errors(given: object) -> Mapping[str, SourceError]:
    if not isinstance(given, dict):
        raise _nonsense("source_errors", given, _RULES["source_errors"][1])
    errors = dict(SOURCE_ERRORS)
    for source, parts in given.items():
        name = f"source_errors.{source}"
        if source not in SOURCE_ERRORS:
            raise SettingError("Setting %(name)s is not known", field=name, name=name)
        if not isinstance(parts, dict) or parts.keys() - _PARTS:
            raise _nonsense(name, parts, _RULES["source_errors"][1])
        at_kerb = {"offset_m": None} if parts.get("offset_m") == _AT_KERB else {}
        errors[source] = replace(errors[source], **{**parts, **at_kerb})
    return MappingProxyType(errors)
