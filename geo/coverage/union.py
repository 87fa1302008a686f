"""Unions of intervals, and the partition of every block by its strongest state."""

import numpy as np
import pandas as pd
from numba import njit
from numpy.typing import NDArray

from geo.coverage.passes import COLUMNS, SIDES, STATES, block_table
from geo.errors import GeoError, MissingColumnError
from geo.recordings import seconds

Ints = NDArray[np.int64]

_NEVER = np.iinfo(np.int64).min
# Longer than any block in millimetres, so that a place is one number: block · this + millimetre
_BLOCK_STEP = 1 << 34


def merge(*parts: pd.DataFrame) -> pd.DataFrame:
    """Return the union of intervals from any number of recordings.

    Rows are equal if all their values are; each is kept once, in an order that depends on values alone.  So
    the union is associative, commutative and idempotent, exactly.

    Parameters
    ----------
    *parts : DataFrame
        As from `cover` and `checked`.  None at all gives an empty table.

    Raises
    ------
    MissingColumnError

    Examples
    --------
    >>> one = pd.DataFrame({"block_id": ["a"], "side": "both", "from_m": 0.0, "to_m": 5.0,
    ...     "state": "inspected", "started_at": pd.Timestamp(0, tz="UTC"), "p": 1.0, "p_side": 1.0,
    ...     "ended_at": pd.Timestamp(9, tz="UTC"), "recording": "r", "pass_no": 0})
    >>> len(merge(one, one)), merge(one, merge()).equals(merge(one))
    (1, True)
    """
    for part in parts:
        for column in COLUMNS:
            if column not in part:
                raise MissingColumnError("intervals have no column %(column)s", column=column)
    filled = [part[list(COLUMNS)] for part in parts if len(part)]
    if not filled:
        return _empty()
    joined = pd.concat(filled, ignore_index=True).drop_duplicates()
    for column in ("started_at", "ended_at"):
        joined[column] = joined[column].dt.as_unit("ms")
    return joined.sort_values(list(COLUMNS), ignore_index=True)


def _empty() -> pd.DataFrame:
    """Return a table of no intervals."""
    kinds = dict.fromkeys(("from_m", "to_m", "p", "p_side"), "float64")
    kinds |= dict.fromkeys(("started_at", "ended_at"), "datetime64[ms, UTC]") | {"pass_no": "int64"}
    return pd.DataFrame({column: pd.Series(dtype=kinds.get(column, object)) for column in COLUMNS})


def stretches(
    intervals: pd.DataFrame,
    blocks: pd.DataFrame,
    *,
    side: str | None = None,
    since: pd.Timestamp | None = None,
    until: pd.Timestamp | None = None,
) -> pd.DataFrame:
    """Cut every block where something changes and give each stretch its strongest state.

    Parameters
    ----------
    intervals : DataFrame
        As from `merge`.  Blocks that are not in `blocks` (of another network version) are an error.
    blocks : GeoDataFrame
        `block_id`, `geometry`; every block is in the answer, visited or not.
    side : {"left", "right"}, optional
        Count what covers this side (the side itself, or both); default: count everything.
    since, until : aware Timestamp, optional
        Count what ended at or after `since` and started before `until`.

    Returns
    -------
    DataFrame
        `block_id, from_m, to_m, state, inspected_at` (end of the latest inspection, or NaT): stretches of
        a block follow each other without gap from 0 to its length, in whole millimetres.

    Examples
    --------
    >>> import geopandas, shapely
    >>> from geo.coverage.passes import checked
    >>> line = geopandas.GeoDataFrame({"block_id": ["a"]}, geometry=[shapely.LineString([(0, 0), (80, 0)])])
    >>> said = pd.DataFrame({"check_id": ["n1"], "block_id": ["a"], "to_m": [50.0],
    ...                      "at": pd.to_datetime(["2020-09-25T08:00:00Z"])})
    >>> stretches(checked(said, line), line)[["from_m", "to_m", "state"]].to_numpy().tolist()
    [[0.0, 50.0, 'inspected'], [50.0, 80.0, 'not visited']]
    """
    if side is not None and side not in SIDES[:2]:
        raise GeoError("%(given)s is no side: left or right", given=side)
    known = block_table(blocks)
    counted = _counted(intervals, side, since, until)
    number = known.index.get_indexer(pd.Index(counted["block_id"]))
    if (number < 0).any():
        raise GeoError("there is no block %(block)s", block=counted["block_id"][number < 0].iloc[0])
    return _partition(known, counted, number.astype(np.int64))


def _counted(
    intervals: pd.DataFrame, side: str | None, since: pd.Timestamp | None, until: pd.Timestamp | None
) -> pd.DataFrame:
    """Return the intervals of a side and period."""
    chosen = pd.Series(True, index=intervals.index)
    if side is not None:
        chosen &= intervals["side"].isin((side, "both"))
    if since is not None:
        chosen &= intervals["ended_at"] >= since
    if until is not None:
        chosen &= intervals["started_at"] < until
    return intervals[chosen]


def _partition(known: pd.DataFrame, counted: pd.DataFrame, number: Ints) -> pd.DataFrame:
    """Sweep over the ends of all intervals of all blocks at once."""
    length = known["length_mm"].to_numpy()
    low = np.round(counted["from_m"].to_numpy() * 1000).astype(np.int64)
    high = np.minimum(np.round(counted["to_m"].to_numpy() * 1000).astype(np.int64), length[number])
    base = np.arange(len(known), dtype=np.int64) * _BLOCK_STEP
    places = np.unique(np.concatenate([base, base + length, base[number] + low, base[number] + high]))
    block = places // _BLOCK_STEP
    first, last = np.searchsorted(places, base[number] + low), np.searchsorted(places, base[number] + high)
    state = pd.Categorical(counted["state"], categories=STATES).codes.astype(np.int64)
    ended = np.round(seconds(counted["ended_at"]) * 1000).astype(np.int64)
    strongest, seen = _painted(len(places), first, last, state, ended)
    whole = np.flatnonzero(block[:-1] == block[1:])
    at = pd.Series(seen[whole].astype("datetime64[ms]")).where(seen[whole] != _NEVER)
    return pd.DataFrame(
        {
            "block_id": known.index.to_numpy()[block[whole]],
            "from_m": (places[whole] - base[block[whole]]) / 1000,
            "to_m": (places[whole + 1] - base[block[whole]]) / 1000,
            "state": np.array(STATES, dtype=object)[strongest[whole]],
            "inspected_at": at.dt.tz_localize("UTC"),
        }
    )


@njit(cache=True, nogil=True)
def _painted(n: int, first: Ints, last: Ints, state: Ints, ended: Ints) -> tuple[Ints, Ints]:
    """Return the strongest state of each piece and the end of its latest inspection."""
    strongest = np.full(n, 3, dtype=np.int64)
    seen = np.full(n, _NEVER, dtype=np.int64)
    for i in range(len(first)):
        for piece in range(first[i], last[i]):
            strongest[piece] = min(strongest[piece], state[i])
            if state[i] == 0:
                seen[piece] = max(seen[piece], ended[i])
    return strongest, seen
