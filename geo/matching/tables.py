"""What matching answers: tables per fix, per stretch travelled, of all blocks that are possible."""

from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Literal

import numpy as np
import pandas as pd

from geo.matching.model import Model
from geo.matching.network import Floats, Ints, Network
from geo.recordings import Recording
from geo.tracks import REASONS, Cleaned


@dataclass(frozen=True, eq=False)
class Trace:
    """A matched recording.

    Attributes
    ----------
    fixes : DataFrame
        One row per fix, see `geo.matching.match`.
    legs : DataFrame
        The stretches travelled, in order: `track_id, chain, block_id, from_m, to_m` (to below from:
        against the block; equal: a stop), `started_at, ended_at` (seconds since 1970), `p` (posterior of
        the visit to the block), `matched` (False: a guess across a gap).
    chances : DataFrame
        `fix` (row number), `block_id, p`: the posterior of all blocks at the fixes that the model used.
    mode : str
    recordings : dict
        For each `track_id` a digest of its fixes, the network and the parameters: the same recording
        matched the same way has the same digest, whatever the order of its rows and however often each
        is there.
    """

    fixes: pd.DataFrame
    legs: pd.DataFrame
    chances: pd.DataFrame
    mode: str
    recordings: dict[Any, str]


@dataclass(eq=False)
class Answer:
    """Arrays over all fixes, and the pieces of the two other tables."""

    block: Ints
    at: Floats
    away: Floats
    p: Floats
    direction: Ints
    chain: Ints
    legs: list[dict[str, Any]] = field(default_factory=list)
    chances: list[tuple[Ints, Ints, Floats]] = field(default_factory=list)


def fix_table(
    net: Network, recording: Recording, cleaned: Cleaned, answer: Answer, index: "pd.Index"
) -> pd.DataFrame:
    """Put the row per fix together."""
    on = answer.block >= 0
    ids = np.full(len(on), None, dtype=object)
    ids[on] = net.block_ids[answer.block[on]]
    direction = np.where(on, 1 - 2 * answer.direction, 0)
    columns: dict[str, Any] = {
        "track_id": np.asarray(recording.track_ids)[recording.track] if len(on) else [],
        "time_s": recording.t,
        "block_id": pd.Series(ids, index=index, dtype=object),
        "chainage_m": answer.at,
        "p": answer.p,
        "offset_m": answer.away,
        "direction": direction,
        "s_m": recording.s,
        "chain": answer.chain,
        "reason": np.array(REASONS, dtype=object)[cleaned.reason],
    }
    return pd.DataFrame(columns, index=index)


def leg_table(net: Network, recording: Recording, answer: Answer) -> pd.DataFrame:
    """Put the stretches together."""
    names = ("track", "chain", "block", "from_m", "to_m", "started_at", "ended_at", "p", "matched")
    columns: dict[str, Any] = {
        name: np.concatenate([legs[name] for legs in answer.legs] or [np.empty(0)]) for name in names
    }
    track, block = columns.pop("track").astype(np.int64), columns.pop("block").astype(np.int64)
    table = pd.DataFrame(columns).astype({"chain": np.int64, "matched": bool})
    table.insert(0, "track_id", np.asarray(recording.track_ids)[track] if len(track) else track)
    table.insert(2, "block_id", pd.Series(net.block_ids[block], dtype=object))
    return table


def chance_table(net: Network, answer: Answer) -> pd.DataFrame:
    """Put the posteriors together, without what is practically impossible."""
    nothing = (np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64), np.empty(0))
    row, block, p = (np.concatenate(part) for part in zip(nothing, *answer.chances, strict=True))
    likely = p > 1e-6
    return pd.DataFrame(
        {
            "fix": row[likely],
            "block_id": pd.Series(net.block_ids[block[likely]], dtype=object),
            "p": p[likely],
        }
    )


def digests(net: Network, model: Model, recording: Recording, gap_s: float, mode: str) -> dict[Any, str]:
    """Return a digest for each track."""
    ways = [net.digest, mode, repr(gap_s), *(repr(value) for value in model)]
    columns = np.column_stack([recording.t, recording.x, recording.y, recording.s])
    whole = np.round(np.nan_to_num(columns, nan=-1.0) * 1000.0).astype("<i8")
    ordered = (np.diff(recording.track) > 0) | ((np.diff(recording.track) == 0) & (np.diff(whole[:, 0]) > 0))
    order = np.arange(len(whole)) if ordered.all() else _each_once(whole, recording.track)
    parts = np.split(order, np.searchsorted(recording.track[order], np.arange(1, len(recording.track_ids))))
    known = sha256("\n".join(ways).encode())
    found = {}
    for name, rows in zip(recording.track_ids, parts, strict=False):
        digest = known.copy()
        digest.update(f"{name}\n".encode() + whole[rows].tobytes())
        found[name] = digest.hexdigest()[:32]
    return found


def _each_once(whole: Ints, track: Ints) -> Ints:
    """Return the rows in order, one of each: a file that was joined to itself tells nothing new."""
    order = np.lexsort((*whole.T[::-1], track))
    new = np.ones(len(order), dtype=bool)
    new[1:] = (np.diff(track[order]) != 0) | (np.diff(whole[order], axis=0) != 0).any(axis=1)
    return np.asarray(order[new])


def context(
    trace: Trace, asked: pd.DataFrame, *, apart_s: float = 5.0, within_s: float = 30.0, trust: float = 1.0
) -> pd.DataFrame:
    """Return how probable each block was at given moments of the tracks, to place findings by.

    Between two fixes that the model used the posterior is mixed by time.  Fixes within `apart_s` of the
    moment are left out: the finding's own position would be counted twice.

    Parameters
    ----------
    trace : Trace
    asked : DataFrame
        `track_id`, `time_s` (seconds since 1970).
    apart_s, within_s : float
        How near in time fixes may and must be; without one on either side a moment has no answer.
    trust : float
        Power to which the probabilities of a moment are raised, keeping their sum: below 1 where the error
        of the finding is much like that of the fixes beside it, which tell little that is new.

    Returns
    -------
    DataFrame
        `row` (number of the row asked), `block_id`, `p`; p adds up to at most 1 a row.

    Examples
    --------
    >>> fixes = pd.DataFrame({"track_id": 1, "time_s": [0.0, 20.0], "chain": 0})
    >>> chances = pd.DataFrame({"fix": [0, 1], "block_id": ["a", "b"], "p": [1.0, 1.0]})
    >>> trace = Trace(fixes, pd.DataFrame(), chances, "walking", {})
    >>> context(trace, pd.DataFrame({"track_id": [1], "time_s": [15.0]})).to_numpy().tolist()
    [[0, 'a', 0.25], [0, 'b', 0.75]]
    """
    rows = np.unique(trace.chances["fix"])
    used = trace.fixes.iloc[rows][["track_id", "time_s", "chain"]].assign(fix=rows)
    used = used.assign(when=used["time_s"]).sort_values("time_s", kind="stable")
    moments = asked[["track_id", "time_s"]].astype({"time_s": float}).assign(row=np.arange(len(asked)))
    before = _nearest_fix(moments, used, "backward", -apart_s, within_s)
    after = _nearest_fix(moments, used, "forward", apart_s, within_s)
    return _trusted(_mixed(trace, moments, before, after), trust)


def _trusted(mixed: pd.DataFrame, trust: float) -> pd.DataFrame:
    """Return the probabilities of each moment flattened by a power, with the sum that they had."""
    flat = mixed["p"] ** trust
    of_moment = mixed["row"]
    whole = mixed["p"].groupby(of_moment).transform("sum") / flat.groupby(of_moment).transform("sum")
    return mixed.assign(p=flat * whole)


def _nearest_fix(
    moments: pd.DataFrame,
    used: pd.DataFrame,
    direction: Literal["backward", "forward"],
    shift_s: float,
    within_s: float,
) -> pd.DataFrame:
    """Return the last or next fix around each moment, by its row."""
    at = moments.assign(time_s=moments["time_s"] + shift_s).sort_values("time_s", kind="stable")
    found = pd.merge_asof(at, used, on="time_s", by="track_id", direction=direction)
    near = (found["when"] - found["time_s"]).abs() <= within_s
    columns = found[["fix", "when", "chain"]].where(near)
    return columns.set_index(found["row"]).reindex(moments["row"])


def _mixed(trace: Trace, moments: pd.DataFrame, before: pd.DataFrame, after: pd.DataFrame) -> pd.DataFrame:
    """Mix the posteriors of the fixes before and after by time."""
    both = before["fix"].notna() & after["fix"].notna() & (before["chain"] == after["chain"])
    span = (after["when"] - before["when"]).where(both)
    share = ((moments.set_index("row")["time_s"] - before["when"]) / span.where(span > 0)).clip(0.0, 1.0)
    mixed = []
    for fixes, weight in ((before, 1.0 - share), (after, share)):
        part = pd.DataFrame({"fix": fixes["fix"], "weight": weight}).rename_axis("row").reset_index()
        joined = part[both.to_numpy()].merge(trace.chances, on="fix")
        mixed.append(joined.assign(p=joined["p"] * joined["weight"])[["row", "block_id", "p"]])
    table = pd.concat(mixed).groupby(["row", "block_id"])["p"].sum().reset_index()
    return table.query("p > 0").reset_index(drop=True)
