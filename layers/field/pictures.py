"""What is in the bytes of a photo: checked from the bytes alone, never from a name."""

import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from io import BytesIO
from typing import Any

import puremagic
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

from layers.errors import InvalidError, TooLargeError, UnreadableFileError
from layers.field import likeness

# What is taken; whatever else Pillow could read is not a phone's photo
FORMATS = {"JPEG": "image/jpeg", "PNG": "image/png", "WEBP": "image/webp"}
SUFFIXES = {"image/jpeg": "jpg", "image/png": "png", "image/webp": "webp"}
_BEGINNINGS = b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n"
PUBLIC_PX = 2048
THUMBNAIL_PX = 320
# Enough to tell what a photo shows
_TELLING_PX = 128
# What Pillow's readers raise on broken files
_BROKEN = (OSError, SyntaxError, ValueError, EOFError, IndexError, struct.error, zlib.error, OverflowError)
_UNREADABLE_TAG = (*_BROKEN, TypeError, KeyError, ZeroDivisionError, UnicodeDecodeError)


@dataclass(frozen=True, slots=True)
class Taken:
    """When and where a photo says it was taken; None where it does not say."""

    at: datetime | None = None
    lon: float | None = None
    lat: float | None = None


@dataclass(frozen=True, slots=True)
class Picture:
    """What a photo that could be read tells of itself, its size upright.

    `phash` tells what it shows; see `likeness`.
    """

    media_type: str
    width_px: int
    height_px: int
    taken: Taken
    phash: str


@dataclass(frozen=True, slots=True)
class Copies:
    """A photo to be shown, and a small one for lists: JPEG, upright, nothing in them but pixels."""

    public: bytes
    thumbnail: bytes


def read(data: bytes, *, max_pixels: int, zone: tzinfo) -> Picture:
    """Read a photo; refuse what is none, or too large to be decoded safely.

    Parameters
    ----------
    max_pixels : int
        Looked at before anything is decoded.
    zone : tzinfo
        Where the camera's clock is set, if the photo does not say.
    """
    image = _open(data, max_pixels)
    media_type = FORMATS[str(image.format)]
    taken = read_taken(image, zone)
    width, height = _upright_size(image)
    return Picture(media_type, width, height, taken, likeness.phash(_pixels(image, _TELLING_PX)))


def copies(data: bytes, *, max_pixels: int) -> Copies:
    """Return what is shown of a photo instead of the original."""
    whole = _pixels(_open(data, max_pixels), PUBLIC_PX)
    return Copies(_jpeg(_within(whole, PUBLIC_PX)), _jpeg(_within(whole, THUMBNAIL_PX)))


def _pixels(image: Image.Image, wanted_px: int) -> Image.Image:
    """Decode a photo to the end, upright; a JPEG no larger than is wanted, at no loss of what is."""
    try:
        image.draft("RGB", (wanted_px, wanted_px))
        image.load()
        ImageOps.exif_transpose(image, in_place=True)
        return _clean(image)
    except _BROKEN as error:
        raise UnreadableFileError("The photo is damaged: %(reason)s", field="photo", reason=error) from error


def require_photo(head: bytes) -> None:
    """Refuse what does not begin as a photo; `head` are its first bytes, at least twelve."""
    is_webp = head[:4] == b"RIFF" and head[8:12] == b"WEBP"
    if not (is_webp or head.startswith(_BEGINNINGS)):
        raise _no_photo(head)


def _no_photo(data: bytes) -> UnreadableFileError:
    return UnreadableFileError(
        "This is not a JPEG, PNG or WebP photo; it looks like %(kind)s", field="photo", kind=_kind_of(data)
    )


def _open(data: bytes, max_pixels: int) -> Image.Image:
    if not data:
        raise UnreadableFileError("The photo is empty", field="photo")
    try:
        image = Image.open(BytesIO(data), formats=list(FORMATS))
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise TooLargeError(
            "The photo has more than %(most)s pixels", field="photo", most=max_pixels
        ) from error
    except (UnidentifiedImageError, *_BROKEN) as error:
        raise _no_photo(data) from error
    if image.width * image.height > max_pixels:
        raise TooLargeError("The photo has more than %(most)s pixels", field="photo", most=max_pixels)
    if not image.width or not image.height:
        raise InvalidError("The photo has no pixels", field="photo")
    return image


def _kind_of(data: bytes) -> str:
    try:
        return str(puremagic.from_string(data[:4096]))
    except (puremagic.PureError, ValueError):
        return "?"


def _upright_size(image: Image.Image) -> tuple[int, int]:
    try:
        orientation = image.getexif().get(ExifTags.Base.Orientation, 1)
    except _UNREADABLE_TAG:
        orientation = 1
    # 5 to 8 lie on their side
    lying = isinstance(orientation, int) and 5 <= orientation <= 8
    return (image.height, image.width) if lying else (image.width, image.height)


def _clean(image: Image.Image) -> Image.Image:
    """Return the bare pixels, on white; everything else that the file carried stays behind."""
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        layered = image.convert("RGBA")
        bare = Image.new("RGB", image.size, "white")
        bare.paste(layered, mask=layered.getchannel("A"))
        return bare
    if image.mode != "RGB":
        return Image.frombytes("RGB", image.size, image.convert("RGB").tobytes())
    image.info.clear()
    return image


def _within(image: Image.Image, longest_px: int) -> Image.Image:
    """Return an image that is no longer than so many pixels, the same if it is not."""
    scale = longest_px / max(image.size)
    if scale >= 1:
        return image
    size = max(1, round(image.width * scale)), max(1, round(image.height * scale))
    return image.resize(size, Image.Resampling.LANCZOS, reducing_gap=1.0)


def _jpeg(image: Image.Image) -> bytes:
    out = BytesIO()
    image.save(out, "JPEG", quality=85)
    return out.getvalue()


def read_taken(image: Image.Image, zone: tzinfo) -> Taken:
    """Return what the EXIF block says of time and place; a broken block says nothing."""
    try:
        exif = image.getexif()
        own = exif.get_ifd(ExifTags.IFD.Exif)
        gps = exif.get_ifd(ExifTags.IFD.GPSInfo)
    except _UNREADABLE_TAG:
        return Taken()
    lon, lat = _place(gps)
    return Taken(_time(own, gps, zone), lon, lat)


def _time(own: Mapping[int, Any], gps: Mapping[int, Any], zone: tzinfo) -> datetime | None:
    """Return the camera's time if it says its zone, else the satellites', else the camera's in `zone`."""
    local = _local_time(own)
    offset = _offset(own)
    if local is not None and offset is not None:
        return _in_utc(local, offset)
    return _satellite_time(gps) or (_in_utc(local, zone) if local is not None else None)


def _in_utc(local: datetime, zone: tzinfo) -> datetime | None:
    try:
        return local.replace(tzinfo=zone).astimezone(UTC)
    except (OverflowError, ValueError):
        return None


def _local_time(own: Mapping[int, Any]) -> datetime | None:
    try:
        text = str(own[ExifTags.Base.DateTimeOriginal]).strip("\0 ")
        return datetime.strptime(text, "%Y:%m:%d %H:%M:%S")
    except (KeyError, ValueError):
        return None


def _offset(own: Mapping[int, Any]) -> tzinfo | None:
    try:
        text = str(own[ExifTags.Base.OffsetTimeOriginal]).strip("\0 ")
        return datetime.strptime(text, "%z").tzinfo
    except (KeyError, ValueError):
        return None


def _satellite_time(gps: Mapping[int, Any]) -> datetime | None:
    try:
        day = datetime.strptime(str(gps[ExifTags.GPS.GPSDateStamp]).strip("\0 "), "%Y:%m:%d")
        hours, minutes, seconds = (float(part) for part in gps[ExifTags.GPS.GPSTimeStamp])
        return day.replace(tzinfo=UTC) + timedelta(hours=hours, minutes=minutes, seconds=seconds)
    except _UNREADABLE_TAG:
        return None


def _place(gps: Mapping[int, Any]) -> tuple[float | None, float | None]:
    try:
        lat = _degrees(gps[ExifTags.GPS.GPSLatitude], gps[ExifTags.GPS.GPSLatitudeRef], "S")
        lon = _degrees(gps[ExifTags.GPS.GPSLongitude], gps[ExifTags.GPS.GPSLongitudeRef], "W")
    except _UNREADABLE_TAG:
        return None, None
    plausible = abs(lat) <= 90 and abs(lon) <= 180 and (lat, lon) != (0.0, 0.0)
    return (lon, lat) if plausible else (None, None)


def _degrees(parts: Any, reference: Any, negative: str) -> float:
    degrees, minutes, seconds = (float(part) for part in parts)
    value = degrees + minutes / 60 + seconds / 3600
    return -value if str(reference).strip("\0 ").upper().startswith(negative) else value
