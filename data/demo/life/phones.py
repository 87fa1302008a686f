"""Phones and how they err: makes, accuracy in their own kind, frames, clocks, and two laws of error.

A fix is off by a correlated amount: an AR(1) process along the track whose scale grows in street canyons.
`AS_MODELLED` is what a placement model may assume (Gaussian, honest accuracy). `STREET_CANYON` is not: heavy
tails (Student t with 3 degrees of freedom), reflections that shift fixes across the street without the phone
noticing, and a few fixes that are simply elsewhere.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter

from data.demo.plane import Floats, to_lonlat
from geo.crs import LonLat
from geo.datum import from_wgs84

RADIUS_OF_SD = {"r68": 1.515, "r95": 2.448, "rms2d": 1.414}
"""Reported radius over the error's standard deviation per axis, for an isotropic Gaussian error."""

MAKES = (
    ("远山 Y5", "android", "r68", 1.0),
    ("青禾 Note 3", "android", "r68", 1.25),
    ("白鹭 X", "ios", "rms2d", 0.8),
    ("海岬 M2", "web", "r95", 1.1),
    ("磐石 P1", "android", "r68", 1.5),
)
"""Invented makes: name, system, kind of accuracy, how much worse than the best they are."""

OPEN_SKY_SD_M = 3.2
CANYON = 1.6
"""How much worse than open sky a street is whose walls reflect."""


@dataclass(frozen=True)
class ErrorLaw:
    """How positions err; lengths in metres, shares in [0, 1]."""

    name: str
    degrees_of_freedom: float
    scale: float
    shifted_share: float
    shift_sd_m: float
    outlier_share: float
    outlier_m: float
    memory_s: float
    report_spread: float


AS_MODELLED = ErrorLaw("as_modelled", np.inf, 1.0, 0.0, 0.0, 0.0, 0.0, 35.0, 0.0)
STREET_CANYON = ErrorLaw("street_canyon", 3.0, 0.8, 0.3, 12.0, 0.03, 150.0, 35.0, 0.25)
LAWS = {law.name: law for law in (AS_MODELLED, STREET_CANYON)}


@dataclass(frozen=True)
class Device:
    """One phone: what it says of itself, and what is true of it."""

    device_id: str
    make: str
    system: str
    accuracy_kind: str
    declared_frame: str
    true_frame: str
    worse: float
    clock_error_s: float = 0.0
    dark_day: int = -1


def issue(count: int, county: str, days: int, rng: np.random.Generator) -> list[Device]:
    """Return the phones: one in twelve silently in GCJ-02, one with a wrong clock, one dark for a day."""
    devices = []
    silent = set(rng.permutation(np.arange(3, count))[: max(1, count // 12)].tolist())
    for n in range(count):
        make, system, kind, worse = MAKES[int(rng.integers(len(MAKES)))]
        declared = "gcj02" if n == 1 else "bd09" if n == 2 else "wgs84"
        devices.append(
            Device(
                device_id=f"{county}-M{n + 1:03d}",
                make=make,
                system=system,
                accuracy_kind=kind,
                declared_frame=declared,
                true_frame="gcj02" if n in silent else declared,
                worse=worse,
                clock_error_s=-2220.0 if n == 0 else 0.0,
                dark_day=days // 2 if n == min(4, count - 1) else -1,
            )
        )
    return devices


def wander(
    law: ErrorLaw,
    sd: Floats,
    rng: np.random.Generator,
    *,
    across: Floats,
    gap_s: float,
    canyon: NDArray[np.bool_],
) -> Floats:
    """Return the error (n × 2, metres) of fixes `gap_s` apart; `sd` per axis, `across` unit normals."""
    count = len(sd)
    if not count:
        return np.zeros((0, 2))
    memory = float(np.exp(-gap_s / law.memory_s))
    steps = rng.normal(size=(count, 2)) * np.sqrt(1 - memory**2)
    steps[0] = rng.normal(size=2)
    unit = lfilter([1.0], [1.0, -memory], steps, axis=0)
    error = law.scale * sd[:, None] * unit * np.sqrt(_mixing(law, count, memory, rng))[:, None]
    spell = max(1, round(60.0 / gap_s))  # a reflection lasts about a minute of walking
    spells = (np.arange(count) + rng.integers(spell)) // spell
    shift = np.where(
        rng.random(spells[-1] + 1) < law.shifted_share, rng.normal(0, law.shift_sd_m, spells[-1] + 1), 0.0
    )
    error += (shift[spells] * canyon)[:, None] * across
    lost = rng.random(count) < law.outlier_share
    angle, far = rng.uniform(0, 2 * np.pi, count), law.outlier_m * np.sqrt(rng.random(count))
    error += (lost * far)[:, None] * np.column_stack([np.cos(angle), np.sin(angle)])
    return np.asarray(error)


def _mixing(law: ErrorLaw, count: int, memory: float, rng: np.random.Generator) -> Floats:
    """Return the variance factors that make a Gaussian a Student t; a minute of fixes shares one."""
    if not np.isfinite(law.degrees_of_freedom):
        return np.ones(count)
    share = max(1, round(-3.0 / np.log(memory))) if memory > 0 else 1
    draws = law.degrees_of_freedom / rng.chisquare(law.degrees_of_freedom, count // share + 2)
    return np.asarray(draws[(np.arange(count) + rng.integers(share)) // share])


def reported(law: ErrorLaw, sd: Floats, kind: str, rng: np.random.Generator) -> Floats:
    """Return the accuracy that the phone states, in its own kind, rounded to a decimetre."""
    spread = rng.lognormal(0.0, law.report_spread, len(sd)) if law.report_spread else 1.0
    return np.asarray(np.round(sd * RADIUS_OF_SD[kind] * spread, 1))


def readings(points: Floats, device: Device) -> Floats:
    """Return longitude and latitude as the device gives them, in its true frame, seven decimals."""
    lonlat = np.column_stack(to_lonlat(points[:, 0], points[:, 1]))
    if device.true_frame != "wgs84":
        lonlat = np.asarray(from_wgs84(LonLat(lonlat), device.true_frame))
    return np.round(lonlat, 7)
