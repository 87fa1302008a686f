"""Cleaning of a patrol's recordings: what is taken out before matching, and why."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numba import njit
from numpy.typing import NDArray

from geo.recordings import Floats, Mode, Recording, mode_named, read

SD_LIMIT_M = 50.0
STOP_AFTER_S = 20.0

REASONS = ("", "repeat", "impossible", "outside", "inaccurate", "clock", "spike", "stop")
"""Why a fix was taken out; the empty text means that it was kept."""

_REPEAT, _IMPOSSIBLE, _OUTSIDE, _INACCURATE, _CLOCK, _SPIKE, _STOP = range(1, 8)


@dataclass(frozen=True)
class Cleaned:
    """What cleaning made of a recording: arrays with one entry per row.

    `reason` indexes `REASONS`; `dwell_s` is how long a kept fix stood; `segment` numbers the stretches
    between jumps of the clock in a track, `chain` those of all tracks; `order` lists the rows kept, merged
    or repeated by track, segment and time.
    """

    reason: NDArray[np.int64]
    dwell_s: Floats
    segment: NDArray[np.int64]
    chain: NDArray[np.int64]
    order: NDArray[np.int64]


def clean(
    fixes: pd.DataFrame, crs: Any, *, mode: str = "walking", outing: tuple[float, float] | None = None
) -> pd.DataFrame:
    """Return the fixes worth matching in order, and beside each row why it was taken out.

    A fix is taken out as *repeat* (same track, time and place), *impossible* (no place or no time),
    *outside* (its time is not within the outing), *inaccurate* (above 50 m per axis), *clock* (its time
    disagrees with both neighbours in the sequence), *spike* (it needs more than three times the mode's
    speed from both neighbours, noise allowed for) or *stop* (merged into the first fix of a stop: at
    least 20 s within twice the standard deviation of their mean and without drift).  A clock that is set
    back starts a new segment.  Nothing is moved or invented; cleaning what was kept changes nothing.

    Parameters
    ----------
    fixes : DataFrame
        As `read` takes it; `dwell_s` of an earlier cleaning is kept.
    crs : anything pyproj reads
        Metric.
    mode : {"walking", "cycling", "driving"}
    outing : (start, end), optional
        Seconds since 1970, both included.

    Returns
    -------
    DataFrame
        `fixes` in its own order with `reason` (empty: kept), `dwell_s` and `segment`.

    Examples
    --------
    >>> walk = pd.DataFrame({"time": [0, 10, 20, 30], "lon": [117.0, 117.0001, 117.02, 117.0003],
    ...                      "lat": 39.0, "accuracy_m": 5.0})
    >>> clean(walk, "EPSG:4548")["reason"].tolist()
    ['', '', 'spike', '']
    """
    cleaned = cleaned_arrays(read(fixes, crs), mode_named(mode), outing, _known_dwell(fixes))
    return fixes.assign(
        reason=np.array(REASONS, dtype=object)[cleaned.reason],
        dwell_s=cleaned.dwell_s,
        segment=cleaned.segment,
    )


def _known_dwell(fixes: pd.DataFrame) -> Floats:
    """Return the dwell of an earlier cleaning, or zeros."""
    known = fixes["dwell_s"].to_numpy(np.float64) if "dwell_s" in fixes else np.zeros(len(fixes))
    return np.nan_to_num(known)


def cleaned_arrays(
    recording: Recording, mode: Mode, outing: tuple[float, float] | None = None, dwell_s: Floats | None = None
) -> Cleaned:
    """Clean arrays; see `clean`.

    What one rule takes out can make another rule speak, so all are asked until none does: that is why
    cleaning twice is cleaning once.
    """
    reason = _hopeless(recording, outing)
    dwell = np.zeros(len(reason)) if dwell_s is None else dwell_s.copy()
    order = _ordered(recording, np.flatnonzero(reason == 0))
    _repeats(recording, order, reason)
    usable = order
    while True:
        kept = usable[reason[usable] == 0]
        before = len(kept)
        kept = kept[
            ~_marked(
                reason, kept, _CLOCK, _wrong_clock(recording.t[kept], dwell[kept], recording.track[kept])
            )
        ]
        chain = _chains(recording, usable, reason, dwell)
        kept = kept[~_marked(reason, kept, _SPIKE, _spikes(recording, kept, chain[kept], mode))]
        kept = _without_stops(recording, kept, chain, reason, dwell)
        usable = usable[np.isin(reason[usable], (0, _REPEAT, _STOP))]
        if len(kept) == before:
            break
    chain = _chains(recording, usable, reason, dwell)
    return Cleaned(reason, dwell, _segments(recording, usable, chain), chain, usable)


def _marked(
    reason: NDArray[np.int64], rows: NDArray[np.int64], why: int, found: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Write the reason of the rows found, and return which they are."""
    reason[rows[found]] = why
    return found


def _hopeless(recording: Recording, outing: tuple[float, float] | None) -> NDArray[np.int64]:
    """Mark fixes that are wrong by themselves."""
    reason = np.zeros(len(recording.t), dtype=np.int64)
    reason[recording.s > SD_LIMIT_M] = _INACCURATE
    if outing is not None:
        reason[(recording.t < outing[0]) | (recording.t > outing[1])] = _OUTSIDE
    placed = np.isfinite(recording.x) & np.isfinite(recording.y) & np.isfinite(recording.t)
    reason[~placed] = _IMPOSSIBLE
    return reason


def _ordered(recording: Recording, rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """Order rows by track and sequence, or by track and time where the device counted nothing.

    Position decides between equals, so that the order of the rows never matters.
    """
    if recording.sequence is None and _in_time(recording, rows):
        return rows
    later = (recording.y[rows], recording.x[rows], recording.s[rows])
    first = (
        (recording.t[rows],) if recording.sequence is None else (recording.t[rows], recording.sequence[rows])
    )
    return np.asarray(rows[np.lexsort((*later, *first, recording.track[rows]))])


def _in_time(recording: Recording, rows: NDArray[np.int64]) -> bool:
    """Tell whether the rows are by track and then by time, without two of the same time."""
    track, t = recording.track[rows], recording.t[rows]
    return bool(((np.diff(track) > 0) | ((np.diff(track) == 0) & (np.diff(t) > 0))).all())


def _wrong_clock(t: Floats, dwell: Floats, track: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Find fixes whose time alone is out of line: their neighbours agree with each other."""
    wrong = np.zeros(len(t), dtype=bool)
    if len(t) >= 3:
        before, here, after = (t + dwell)[:-2], t[1:-1], t[2:]
        alone = (before <= after) & ((here < before) | ((t + dwell)[1:-1] > after))
        wrong[1:-1] = alone & (track[:-2] == track[1:-1]) & (track[1:-1] == track[2:])
        wrong[1:] &= ~wrong[:-1]
    return wrong


def _repeats(recording: Recording, order: NDArray[np.int64], reason: NDArray[np.int64]) -> None:
    """Mark the second and later of fixes with the same track, time and place."""
    if _in_time(recording, order):
        return
    columns = np.column_stack(
        [recording.track[order], recording.t[order], recording.x[order], recording.y[order]]
    )
    again = pd.DataFrame(columns).duplicated().to_numpy()
    reason[order[again]] = _REPEAT


def _chains(
    recording: Recording, usable: NDArray[np.int64], reason: NDArray[np.int64], dwell: Floats
) -> NDArray[np.int64]:
    """Give the stretches between tracks and between backward jumps of the clock numbers, in order.

    Rows merged or repeated belong to the kept row before them.
    """
    chain = np.full(len(reason), -1, dtype=np.int64)
    kept = reason[usable] == 0
    rows = usable[kept]
    until, t, track = (recording.t + dwell)[rows], recording.t[rows], recording.track[rows]
    new = np.ones(len(rows), dtype=bool)
    new[1:] = (t[1:] < until[:-1]) | (track[1:] != track[:-1])
    number = np.cumsum(new) - 1
    chain[usable] = number[np.maximum(np.cumsum(kept) - 1, 0)] if len(rows) else -1
    return chain


def _segments(recording: Recording, usable: NDArray[np.int64], chain: NDArray[np.int64]) -> NDArray[np.int64]:
    """Count the chains of each track from 0."""
    segment = np.zeros(len(chain), dtype=np.int64)
    if len(usable):
        track = recording.track[usable]
        segment[usable] = chain[usable] - chain[usable][np.searchsorted(track, track)]
    return segment


def _spikes(
    recording: Recording, kept: NDArray[np.int64], chain: NDArray[np.int64], mode: Mode
) -> NDArray[np.bool_]:
    """Find fixes that are too far from both neighbours while these are near each other."""
    spiky = np.zeros(len(kept), dtype=bool)
    if len(kept) < 3:
        return spiky
    fast = 3.0 * mode.inspecting_mps[1]
    beyond = _beyond(recording, kept, 1, fast) & (chain[1:] == chain[:-1])
    spiky[1:-1] = beyond[:-1] & beyond[1:] & ~_beyond(recording, kept, 2, fast)
    spiky[1:] &= ~spiky[:-1]
    return spiky


def _without_stops(
    recording: Recording,
    kept: NDArray[np.int64],
    chain: NDArray[np.int64],
    reason: NDArray[np.int64],
    dwell: Floats,
) -> NDArray[np.int64]:
    """Merge stops into their first fix, which keeps how long they took."""
    x, y, t, s = recording.x[kept], recording.y[kept], recording.t[kept], recording.s[kept]
    head = _stops(x, y, t, s, chain[kept], dwell[kept])
    merged = head != np.arange(len(kept))
    _marked(reason, kept, _STOP, merged)
    np.maximum.at(dwell, kept[head], t - t[head])
    return np.asarray(kept[~merged])


def _beyond(recording: Recording, kept: NDArray[np.int64], step: int, fast: float) -> NDArray[np.bool_]:
    """Tell between which fixes `step` apart the way is longer than `fast` and twice the noise explain."""
    here, there = kept[:-step], kept[step:]
    way = np.hypot(recording.x[there] - recording.x[here], recording.y[there] - recording.y[here])
    noise = 2.0 * np.hypot(recording.s[there], recording.s[here])
    return np.asarray(way - noise > fast * (recording.t[there] - recording.t[here]))


@njit(cache=True, nogil=True)
def _stops(  # noqa: PLR0917
    x: Floats, y: Floats, t: Floats, s: Floats, chain: NDArray[np.int64], dwell: Floats
) -> NDArray[np.int64]:
    """Return for each fix the first fix of its stop, or itself."""
    n = len(x)
    head = np.arange(n)
    i = 0
    while i < n:
        sum_x, sum_y, n_in, j = x[i], y[i], 1, i + 1
        # a stop that an earlier cleaning merged is never merged again
        while j < n and chain[j] == chain[i] and dwell[i] == 0.0 and dwell[j] == 0.0:
            off_x, off_y = x[j] * n_in - sum_x, y[j] * n_in - sum_y
            if off_x * off_x + off_y * off_y > (2.0 * s[j] * n_in) ** 2:
                break
            sum_x += x[j]
            sum_y += y[j]
            n_in += 1
            j += 1
        third = (j - i) // 3
        stood = t[j - 1] - t[i]
        if stood >= STOP_AFTER_S and third >= 1:
            drift_x = x[j - third : j].mean() - x[i : i + third].mean()
            drift_y = y[j - third : j].mean() - y[i : i + third].mean()
            if np.hypot(drift_x, drift_y) < 0.2 * stood:
                head[i:j] = i
                i = j
                continue
        i += 1
    return head
