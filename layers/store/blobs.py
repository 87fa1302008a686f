"""Geometries as the stores write them: GeoPackage blobs and PostGIS's EWKB, whole arrays at a time.

A GeoPackage blob is a header (OGC 12-128r18, 2.1.3) before plain WKB: magic ``GP``, version, flags,
the srs_id, and, for all but points, the envelope.
"""

from collections.abc import Iterable, Sequence
from struct import Struct
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

WGS84 = 4326
_HEAD = Struct("<2sBBi")
_BARE, _ENVELOPE, _EMPTY = 0x01, 0x03, 0x11
# bytes of the envelope by its indicator in the flags: none, xy, xyz, xym, xyzm
_ENVELOPE_BYTES = (0, 32, 48, 48, 64)
_XY = {True: Struct("<2d"), False: Struct(">2d")}
_XXYY = {True: Struct("<4d"), False: Struct(">4d")}


def _head(flags: int) -> bytes:
    return _HEAD.pack(b"GP", 0, flags, WGS84)


def _wkb(geometries: Iterable[BaseGeometry]) -> tuple[NDArray[np.object_], NDArray[Any]]:
    flat = shapely.force_2d(np.asarray(list(geometries), dtype=object))
    return flat, shapely.to_wkb(flat, byte_order=1, flavor="iso")


def encode(geometries: Iterable[BaseGeometry]) -> list[bytes]:
    """Return GeoPackage blobs; points go without an envelope, as GDAL writes them."""
    flat, wkb = _wkb(geometries)
    points = shapely.get_type_id(flat) == shapely.GeometryType.POINT
    empty = shapely.is_empty(flat)
    if bool(np.all(points & ~empty)):
        head = _head(_BARE)
        return [head + body for body in wkb]
    envelopes = shapely.bounds(flat)[:, [0, 2, 1, 3]].astype("<f8")
    heads = {kind: _head(flags) for kind, flags in (("bare", _BARE), ("boxed", _ENVELOPE), ("empty", _EMPTY))}
    return [
        heads["empty"] + body
        if is_empty
        else heads["bare"] + body
        if is_point
        else heads["boxed"] + envelope.tobytes() + body
        for body, envelope, is_point, is_empty in zip(wkb, envelopes, points, empty, strict=True)
    ]


def _body(blob: bytes) -> bytes:
    return blob[8 + _ENVELOPE_BYTES[(blob[3] >> 1) & 7] :]


def decode(blobs: Sequence[bytes | None]) -> NDArray[np.object_]:
    """Return the geometries of GeoPackage blobs; None stays None."""
    geometries: NDArray[np.object_] = shapely.from_wkb(
        np.array([None if blob is None else _body(blob) for blob in blobs], dtype=object)
    )
    return geometries


def to_ewkb(geometries: Iterable[BaseGeometry]) -> list[str]:
    """Return EWKB as PostGIS reads it in text: hexadecimal, with the reference system inside."""
    flat, _ = _wkb(geometries)
    return list(shapely.to_wkb(shapely.set_srid(flat, WGS84), hex=True, include_srid=True))


def from_wkb(values: Sequence[Any]) -> NDArray[np.object_]:
    """Return the geometries of WKB or EWKB, bytes or hexadecimal; None stays None."""
    geometries: NDArray[np.object_] = shapely.from_wkb(np.array(list(values), dtype=object))
    return geometries


def is_empty(blob: bytes) -> bool:
    """Tell whether a GeoPackage blob says that its geometry is empty."""
    return bool(blob[3] & 0x10)


def envelope(blob: bytes) -> tuple[float, float, float, float] | None:
    """Return min x, max x, min y, max y of a GeoPackage blob; None for an empty geometry."""
    if is_empty(blob):
        return None
    flags = blob[3]
    if flags & 0x0E:
        return _XXYY[bool(flags & 1)].unpack_from(blob, 8)
    little = blob[8] == 1
    # 2-D, Z, M and ZM points begin with the same two numbers
    if int.from_bytes(blob[9:13], "little" if little else "big") % 1000 == 1:
        x, y = _XY[little].unpack_from(blob, 13)
        return x, x, y, y
    west, south, east, north = shapely.from_wkb(blob[8:]).bounds
    return west, east, south, north
