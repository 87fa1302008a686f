"""The fixes of a stored track: raw for ever, read in WGS-84."""

import zlib
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geo.assign import sd_of
from geo.crs import LonLat
from geo.datum import to_wgs84
from layers.field.corrections import Corrections

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Fixes:
    """The fixes of one track by time, in WGS-84, with the standard deviation per axis (NaN if not said)."""

    lonlat: LonLat
    time: Floats
    sd_m: Floats


def fixes_of(row: Any, corrections: Corrections) -> Fixes:
    """Return the fixes of a row of the table (a mapping), read in their true frame."""
    raw = unpack(row["fixes"])
    frame = corrections.frame(row["device"], row["started_at"], row["frame"])
    lonlat = to_wgs84(raw[:, :2], frame)
    return Fixes(LonLat(lonlat), raw[:, 2], sd_of(raw[:, 3], row["accuracy_kind"]))


def unpack(packed: bytes) -> Floats:
    """Return the raw fixes, shape (n, 4): lon, lat in the track's frame, Unix time, accuracy."""
    fixes: Floats = np.frombuffer(zlib.decompress(packed), dtype="<f8").reshape(4, -1).T
    return fixes
