"""Devices whose positions are systematically shifted: which frame would put them back on the streets."""

from dataclasses import dataclass
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from geo.assign import BlockIndex, Model
from geo.datum import FRAMES, to_wgs84
from geo.errors import CoordinateError, MissingColumnError

Floats = NDArray[np.float64]

COLUMNS = (
    "device",
    "frame",
    "frame_guess",
    "shifted",
    "frame_ahead",
    "suspected",
    "n_fixes",
    "n_places",
    "n_stretches",
    "log_odds",
    "z",
    "near_share",
    "near_share_guess",
    "n_references",
    "reference_gap_m",
    "reference_gap_guess_m",
    "east_m",
    "north_m",
)

# Fixes this close together say the same; places this close together err together (one street)
_PLACE_M = 30.0
_STRETCH_M = 300.0
# A device is accused only with this many places on this many stretches, and this sure
_MIN_PLACES = 25
_MIN_STRETCHES = 6
_MIN_Z = 2.5
_MIN_MEAN_LOG_ODDS = 0.2
_MIN_LOG_ODDS = 30.0
# One place can speak for a frame with no more than this: a courtyard is no proof
_MOST_PER_PLACE = 4.0
# Known positions (photos' EXIF, gates) are good to this; a shift is several hundred metres
_REFERENCE_SD_M = 40.0
_NEAR_M = 20.0


def find_shifted(
    fixes: pd.DataFrame,
    blocks: gpd.GeoDataFrame | BlockIndex,
    *,
    references: pd.DataFrame | None = None,
    sd_m: float = 8.0,
) -> pd.DataFrame:
    """Return for every device the frame in which its positions fit the streets best.

    Each device's raw positions are read in every frame, `wgs84`, `gcj02` and `bd09`; the evidence of a
    place is the logarithm of how much likelier the streets make it than open country would, the
    outlier component included.  Fixes within 30 m are averaged to one place, and the standard error
    counts stretches of 300 m, because a whole street shifted onto its neighbour is one coincidence, not
    many.  A device is called shifted if another frame than the declared one is ahead by at least 30
    nats, 0.2 a place, and 2.5 standard errors, on 25 places and 6 stretches; otherwise the declared stands.
    It is suspected if only the first two hold: worth a look at the map, and no more.

    Parameters
    ----------
    fixes : DataFrame
        `device`, `lon`, `lat` as the device gave them (raw), `frame` as declared; optionally `sd_m`, the
        position error per axis.  One row per device and declared frame comes back.
    blocks : GeoDataFrame or BlockIndex
        Street blocks.
    references : DataFrame, optional
        Positions of which the truth is known (photos with EXIF, findings at a known gate): `device`,
        `frame`, `lon`, `lat` raw, and `true_lon`, `true_lat` in WGS-84.
    sd_m : float
        Position error where `fixes` has none.

    Returns
    -------
    DataFrame, by device and frame
        `frame_guess, shifted`; `frame_ahead`, sure or not, and whether it makes the device `suspected` (every
        shifted one is); the evidence: `n_fixes, n_places, n_stretches, log_odds` of the frame ahead against
        the declared one (its sum over places), `z` (in standard errors), `near_share` and
        `near_share_guess` (share of places within 20 m of a street, as declared and as guessed),
        `n_references, reference_gap_m, reference_gap_guess_m` (median distance to the truth), and
        `east_m, north_m`, the median correction that the guess means.

    Raises
    ------
    MissingColumnError, UnknownFrameError, CoordinateError

    Notes
    -----
    Pure evidence: a person decides, and the raw positions stay as they are.

    Examples
    --------
    >>> from shapely import LineString
    >>> line = LineString([(500_000, 4_343_000), (501_000, 4_343_000)])
    >>> blocks = gpd.GeoDataFrame({"block_id": ["a"]}, geometry=[line], crs="EPSG:4548")
    >>> fixes = pd.DataFrame({"device": ["p"], "lon": [117.0], "lat": [39.22], "frame": ["wgs84"]})
    >>> find_shifted(fixes, blocks)[["device", "frame_guess", "shifted"]].values.tolist()
    [['p', 'wgs84', False]]
    """
    _check(fixes, ("device", "lon", "lat", "frame"))
    if references is not None:
        _check(references, ("device", "frame", "lon", "lat", "true_lon", "true_lat"))
    index = blocks if isinstance(blocks, BlockIndex) else BlockIndex.of(blocks)
    rows = []
    for (device, frame), own in fixes.groupby(["device", "frame"], sort=True):
        known = None
        if references is not None:
            known = references[(references["device"] == device) & (references["frame"] == frame)]
        rows.append({"device": device, "frame": frame} | _examined(str(frame), own, known, index, sd_m))
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _check(frame: pd.DataFrame, columns: tuple[str, ...]) -> None:
    """Refuse a frame without the columns, or with positions that are none."""
    missing = [column for column in columns if column not in frame]
    if missing:
        raise MissingColumnError("fixes lack the columns %(columns)s", columns=", ".join(missing))
    positions = frame[[column for column in columns if column.endswith(("lon", "lat"))]]
    bad = ~np.isfinite(positions.to_numpy(dtype=np.float64)).all(axis=1)
    if bad.any():
        raise CoordinateError("row %(row)s: position is not a number", row=frame.index[int(np.argmax(bad))])


def _examined(
    frame: str, own: pd.DataFrame, known: pd.DataFrame | None, index: BlockIndex, sd_m: float
) -> dict[str, Any]:
    """Weigh the frames of one device against each other."""
    raw = own[["lon", "lat"]].to_numpy(dtype=np.float64)
    sd = own["sd_m"].to_numpy(dtype=np.float64) if "sd_m" in own else np.full(len(own), sd_m)
    metres = {one: _read(index, raw, one) for one in FRAMES} | {frame: _read(index, raw, frame)}
    place, stretch = _places(metres[frame])
    evidence = {one: _averaged(_log_evidence(index, xy, sd), place) for one, xy in metres.items()}
    gaps = _reference_gaps(known, index)
    against = {one: _against(evidence[one] - evidence[frame], stretch, gaps, one, frame) for one in metres}
    best = max(against, key=lambda one: (against[one].log_odds, one == frame))
    guess = best if against[best].sure or _references_decide(gaps, best, frame) else frame
    shift = metres[guess] - metres[frame]
    return {
        "frame_guess": guess,
        "shifted": guess != frame,
        "frame_ahead": best,
        "suspected": guess != frame or (best != frame and against[best].much),
        "n_fixes": len(own),
        "n_places": len(stretch),
        "n_stretches": len(set(stretch.tolist())),
        "log_odds": against[best].log_odds,
        "z": against[best].z,
        "near_share": _near_share(index, metres[frame]),
        "near_share_guess": _near_share(index, metres[best]),
        "n_references": len(gaps[frame]),
        "reference_gap_m": _median(gaps[frame]),
        "reference_gap_guess_m": _median(gaps[best]),
        "east_m": float(np.median(shift[:, 0])),
        "north_m": float(np.median(shift[:, 1])),
    }


@dataclass(frozen=True)
class _Against:
    """How far one frame is ahead of the declared one."""

    log_odds: float
    z: float
    much: bool
    sure: bool


def _against(
    ahead: Floats, stretch: NDArray[np.int64], gaps: dict[str, Floats], one: str, frame: str
) -> _Against:
    """Weigh one frame against the declared one, with standard errors by stretches."""
    by_stretch = np.bincount(stretch, weights=ahead - ahead.mean())
    error = float(np.sqrt((by_stretch**2).sum()))
    z = float(ahead.sum()) / error if error > 0 else 0.0
    much = float(ahead.mean()) >= _MIN_MEAN_LOG_ODDS and float(ahead.sum()) >= _MIN_LOG_ODDS
    enough = len(ahead) >= _MIN_PLACES and len(by_stretch) >= _MIN_STRETCHES
    sure = much and enough and z >= _MIN_Z
    return _Against(float(ahead.sum()) + _reference_odds(gaps, one, frame), z, much, sure)


def _read(index: BlockIndex, raw: Floats, frame: str) -> Floats:
    """Return raw positions in metres, read as being in a frame."""
    return np.asarray(index.projection.to_metres(to_wgs84(raw, frame)))


def _places(xy: Floats) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the place of each fix, and the stretch of each place."""
    cells, place = np.unique(np.floor(xy / _PLACE_M).astype(np.int64), axis=0, return_inverse=True)
    coarse = np.floor(cells * _PLACE_M / _STRETCH_M).astype(np.int64)
    return place.reshape(-1), np.unique(coarse, axis=0, return_inverse=True)[1].reshape(-1)


def _log_evidence(index: BlockIndex, xy: Floats, sd: Floats) -> Floats:
    """Return how much likelier streets make each position than open country does, as a logarithm."""
    placed = index.place_metres(xy, sd, model=Model())
    return -np.log(np.where(placed.placed, np.maximum(placed.p_none, 1e-12), 1.0))


def _averaged(values: Floats, place: NDArray[np.int64]) -> Floats:
    """Return the mean of each place, no place counting for too much."""
    mean = np.bincount(place, weights=values) / np.bincount(place)
    return np.minimum(mean, _MOST_PER_PLACE)


def _reference_gaps(known: pd.DataFrame | None, index: BlockIndex) -> dict[str, Floats]:
    """Return the distances between known positions and the raw ones read in each frame."""
    if known is None or len(known) == 0:
        return {one: np.empty(0) for one in FRAMES}
    raw = known[["lon", "lat"]].to_numpy(dtype=np.float64)
    truth = index.projection.to_metres(known[["true_lon", "true_lat"]].to_numpy(dtype=np.float64))
    return {one: np.asarray(np.hypot(*(_read(index, raw, one) - truth).T)) for one in FRAMES}


def _reference_odds(gaps: dict[str, Floats], one: str, other: str) -> float:
    """Return the log odds of two frames by known positions, no position counting for too much."""
    squares = gaps[other] ** 2 - gaps[one] ** 2
    return float(np.clip(squares / (2 * _REFERENCE_SD_M**2), -_MOST_PER_PLACE, _MOST_PER_PLACE).sum())


def _references_decide(gaps: dict[str, Floats], best: str, frame: str) -> bool:
    """Tell whether known positions alone are enough: three, near in one frame and far in the other."""
    if best == frame or len(gaps[frame]) < 3:
        return False
    return bool(
        np.median(gaps[best]) < 2 * _REFERENCE_SD_M and np.quantile(gaps[frame], 0.25) > 4 * _REFERENCE_SD_M
    )


def _near_share(index: BlockIndex, xy: Floats) -> float:
    """Return the share of positions within a few metres of a street."""
    block, _ = index.nearest(xy, within_m=_NEAR_M)
    return float((block >= 0).mean())


def _median(values: Floats) -> float:
    """Return the median, NaN of nothing."""
    return float(np.median(values)) if len(values) else float("nan")
