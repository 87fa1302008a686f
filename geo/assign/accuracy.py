"""How wrong a position may be: from what a device reports to one standard deviation per axis."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from geo.errors import AccuracyError

AccuracyKind = Literal["r68", "r95", "rms2d", "cep50", "sd", "unknown"]
ACCURACY_KINDS: tuple[AccuracyKind, ...] = get_args(AccuracyKind)

# radius / sd of an isotropic normal error: sqrt(-2 ln(1 - share)); Android documents 68 %, the W3C
# Geolocation API 95 %, iOS reports sqrt(east² + north²); an unknown kind is read as Android's
_RADIUS_PER_SD = {
    "r68": float(np.sqrt(-2 * np.log(1 - 0.68))),
    "r95": float(np.sqrt(-2 * np.log(1 - 0.95))),
    "rms2d": float(np.sqrt(2)),
    "cep50": float(np.sqrt(-2 * np.log(1 - 0.5))),
    "sd": 1.0,
    "unknown": float(np.sqrt(-2 * np.log(1 - 0.68))),
}
# Phones report less than they err: multipath is the same for all satellites of a street
FLOOR_M = 3.0


def sd_of(
    accuracy_m: ArrayLike, accuracy_kind: str | Sequence[str], *, floor_m: float = FLOOR_M
) -> NDArray[np.float64]:
    """Return the standard deviation per axis of positions with a reported accuracy.

    For an isotropic normal error P(distance < r) = 1 - exp(-r²/(2 s²)).

    Parameters
    ----------
    accuracy_m : float array, shape (n,), or float
        Reported radius in metres.  NaN, zero and negative mean *not reported* and give NaN.
    accuracy_kind : str or sequence of n str
        `r68` (Android), `r95` (browsers), `rms2d` (iOS), `cep50`, `sd` (already per axis), `unknown`.
    floor_m : float
        Nothing is believed to be better than this.

    Returns
    -------
    float array, shape (n,)
        Metres.

    Raises
    ------
    AccuracyError
        An unknown kind.

    Examples
    --------
    >>> sd_of([15.1, 24.48, 1.0], ["r68", "r95", "sd"]).round(2).tolist()
    [10.0, 10.0, 3.0]
    """
    radius = np.atleast_1d(np.asarray(accuracy_m, dtype=np.float64))
    kinds = {accuracy_kind} if isinstance(accuracy_kind, str) else set(accuracy_kind)
    unknown = sorted({str(kind) for kind in kinds} - set(ACCURACY_KINDS))
    if unknown:
        raise AccuracyError(
            "%(given)s is no kind of accuracy; say one of %(kinds)s",
            given=", ".join(unknown),
            kinds=", ".join(ACCURACY_KINDS),
        )
    if isinstance(accuracy_kind, str):
        sd = radius / _RADIUS_PER_SD[accuracy_kind]
    else:
        sd = radius / np.array([_RADIUS_PER_SD[kind] for kind in accuracy_kind])
    reported = np.isfinite(radius) & (radius > 0)
    return np.where(reported, np.maximum(sd, floor_m), np.nan)


@dataclass(frozen=True, slots=True)
class SourceError:
    """How positions of one source lie about the street that they belong to.

    `sd_m` is the position error per axis where a record has none of its own.  `offset_m` is the
    distance from the centre line at which true positions lie: None means at the kerb (from the
    width of each block), a number holds for all blocks (the set-back of buildings).  `offset_sd_m` is how
    much that distance varies.
    """

    sd_m: float
    offset_m: float | None = None
    offset_sd_m: float = 1.5


# Defaults of a site; each is an input that reports state.  A geocoder that interpolates house numbers
# along its own centre lines answers with points on the line; one that knows parcels or roofs answers
# with points set back behind the building line.
SOURCES = {
    "phone": SourceError(sd_m=6.0),
    "map_tap": SourceError(sd_m=4.0),
    "exif": SourceError(sd_m=10.0),
    "geocoded": SourceError(sd_m=5.0, offset_m=0.0, offset_sd_m=1.5),
    "parcel": SourceError(sd_m=5.0, offset_m=18.0, offset_sd_m=8.0),
}
