"""Cut recordings into unbroken chains, match each, and put the answers together."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import ndtr

from geo.matching.anchors import anchors, usual_pace
from geo.matching.chain import Chain, Path, find
from geo.matching.kernels import scratch_for
from geo.matching.legs import Legs, bridged, p_passed, placed, travelled
from geo.matching.model import Model
from geo.matching.network import Floats, Ints, Network
from geo.matching.posterior import solve
from geo.matching.tables import Answer, Trace, chance_table, digests, fix_table, leg_table
from geo.recordings import Recording
from geo.tracks import REASONS, Cleaned

GAP_S = 30.5
"""A longer silence between two fixes is a gap: the route across it is a guess and covers nothing."""

# Across a longer silence the patrol may have been anywhere: no stretch is called unknown, all are not visited
_GUESS_S = 600.0


# Cleaning takes somebody who goes a little way in and back for standing: where its fixes tell, they count
_STOP = REASONS.index("stop")

# A visit less probable than this, over no more fixes than that, is computed and not read off its fixes
_KNOWN, _FEW = 0.8, 5


@dataclass(frozen=True, eq=False)
class _End:
    """The last state of a chain, from which a gap may be guessed across."""

    track: int
    row: int
    block: int
    at: float
    direction: int


def matched(  # noqa: PLR0917
    net: Network,
    model: Model,
    recording: Recording,
    cleaned: Cleaned,
    index: "pd.Index",
    gap_s: float,
    mode: str,
) -> Trace:
    """Match every chain of a cleaned recording."""
    n = len(recording.t)
    nothing = np.full(n, -1, dtype=np.int64)
    answer = Answer(
        nothing.copy(), np.full(n, np.nan), np.full(n, np.nan), np.zeros(n), nothing.copy(), nothing.copy()
    )
    scratch = scratch_for(net.streets)
    end: _End | None = None
    for number, rows in enumerate(_chains(recording, cleaned, gap_s)):
        end = _match_chain(net, model, scratch, recording, cleaned, rows, number, answer, end)
    return Trace(
        fix_table(net, recording, cleaned, answer, index),
        leg_table(net, recording, answer),
        chance_table(net, answer),
        mode,
        digests(net, model, recording, gap_s, mode),
    )


def _chains(recording: Recording, cleaned: Cleaned, gap_s: float) -> list[Ints]:
    """Cut the usable rows where the track, the clock or the silence says so."""
    rows = cleaned.order
    if not len(rows):
        return []
    silence = recording.t[rows][1:] - (recording.t + cleaned.dwell_s)[rows][:-1]
    cut = (np.diff(cleaned.chain[rows]) != 0) | (silence > gap_s)
    return np.split(rows, np.flatnonzero(cut) + 1)


def _match_chain(  # noqa: PLR0917
    net: Network,
    model: Model,
    scratch: Any,
    recording: Recording,
    cleaned: Cleaned,
    rows: Ints,
    number: int,
    answer: Answer,
    before: _End | None,
) -> _End | None:
    """Match one chain into the answer; return its last state, or the one before if it has none."""
    x, y, s = recording.x[rows], recording.y[rows], recording.s[rows]
    answer.chain[rows] = number
    usable = np.isin(cleaned.reason[rows], (0, _STOP)).astype(np.int64)
    at = anchors(x, y, s, usable)
    if not len(at):
        return before
    held = rows[at]
    t = recording.t[held]
    chain = find(net.streets, scratch, model, x[at], y[at], s[at], recording.heading[held])
    pace = usual_pace(model, x[at], y[at], t)
    path = solve(net.streets, scratch, model, chain, x[at], y[at], t, s[at], pace)
    legs = travelled(net.streets, scratch, model, chain, path, x[at], y[at], t, s[at], pace)
    _write_anchors(recording, chain, path, legs, held, answer)
    guess = _gap(
        net, model, scratch, recording, cleaned, before, _end(chain, path, held, recording, first=True)
    )
    if guess is not None:
        answer.legs.append(guess)
    _write_between(net, recording, rows, at, legs, path, answer)
    seen = np.column_stack([x[at], y[at], t, s[at]])
    p = _visit_p(net, model, scratch, chain, path, legs, seen, pace)
    answer.legs.append(_timed(recording, cleaned, held, legs, path, chain, number, p))
    row = np.repeat(held, np.diff(chain.first))
    _, once = np.unique(row * len(net.block_ids) + chain.block, return_index=True)
    answer.chances.append((row[once], chain.block[once], path.p_block[once]))
    return _end(chain, path, held, recording, first=False) or before


def _write_anchors(  # noqa: PLR0917
    recording: Recording, chain: Chain, path: Path, legs: Legs, held: Ints, answer: Answer
) -> None:
    """Write the answer for the fixes that the model used.

    The model puts each on the nearest place of a block: how far along is not better known than the fix.
    """
    on = np.flatnonzero(path.state >= 0)
    candidate = chain.first[on] + path.state[on] // 2
    answer.block[held[on]] = chain.block[candidate]
    answer.at[held[on]] = chain.at[candidate]
    answer.away[held[on]] = chain.away[candidate]
    answer.direction[held[on]] = path.state[on] % 2
    answer.p[held[on]] = path.p[on]
    which = np.searchsorted(legs.step, on, side="right") - 1
    ended = which >= 0
    which, on, candidate = which[ended], on[ended], candidate[ended]
    same = legs.block[which] == chain.block[candidate]
    which, on, candidate = which[same], on[same], candidate[same]
    if len(on):
        within = _p_within(legs, which, chain.at[candidate], recording.s[held[on]])
        answer.p[held[on]] = np.minimum(path.p[on], within)


def _write_between(  # noqa: PLR0917
    net: Network, recording: Recording, rows: Ints, at: Ints, legs: Legs, path: Path, answer: Answer
) -> None:
    """Write the answer for the fixes between: the nearest point of the leg that passes them.

    How far along the leg a fix was is known as well as the fix: near the end of a block it may be the next.
    """
    between = np.ones(len(rows), dtype=bool)
    between[at] = False
    step = np.searchsorted(at, np.flatnonzero(between))
    inside = (step > 0) & (step < len(at))
    step, who = step[inside], rows[between][inside]
    sure = (path.state[step] >= 0) & (path.state[step - 1] >= 0)
    step, who = step[sure], who[sure]
    block, chainage, away, which = placed(net.streets, legs, step, recording.x[who], recording.y[who])
    found = which >= 0
    who, which, step, chainage = who[found], which[found], step[found], chainage[found]
    answer.block[who], answer.at[who], answer.away[who] = block[found], chainage, away[found]
    answer.direction[who] = (legs.high[which] < legs.low[which]).astype(np.int64)
    if not len(who):
        return
    answer.p[who] = path.p_step[step] * _p_within(legs, which, chainage, recording.s[who])


def _p_within(legs: Legs, which: Ints, chainage: Floats, s: Floats) -> Floats:
    """Return how probable it is that a fix on a stretch was not before or after the visit to its block."""
    visit = _visits(legs)
    first = np.searchsorted(visit, visit[which])
    last = np.searchsorted(visit, visit[which], side="right") - 1
    since = np.where(first > 0, np.abs(chainage - legs.low[first]), np.inf)
    until = np.where(last < len(visit) - 1, np.abs(chainage - legs.high[last]), np.inf)
    return np.asarray(ndtr(since / s) + ndtr(until / s) - 1.0)


def _timed(  # noqa: PLR0917
    recording: Recording,
    cleaned: Cleaned,
    held: Ints,
    legs: Legs,
    path: Path,
    chain: Chain,
    number: int,
    p: Floats,
) -> dict[str, Any]:
    """Give the stretches of a chain their times, by length within each leg, and add the stops."""
    on = np.flatnonzero(path.state >= 0)
    before = np.full(len(held), -1, dtype=np.int64)
    before[on[1:]] = on[:-1]
    leave = (recording.t + cleaned.dwell_s)[held][before[legs.step]]
    leave = np.minimum(leave, recording.t[held][legs.step])
    started, ended = _shared_time(legs, leave, recording.t[held][legs.step])
    stood = on[cleaned.dwell_s[held[on]] > 0]
    where = chain.first[stood] + path.state[stood] // 2
    since = recording.t[held[stood]]
    block = np.concatenate([legs.block, chain.block[where]])
    started = np.concatenate([started, since])
    order = np.argsort(started, kind="stable")
    columns: dict[str, Any] = {
        "track": recording.track[held[0]],
        "chain": number,
        "block": block,
        "from_m": np.concatenate([legs.low, chain.at[where]]),
        "to_m": np.concatenate([legs.high, chain.at[where]]),
        "started_at": started,
        "ended_at": np.concatenate([ended, since + cleaned.dwell_s[held[stood]]]),
        "p": np.concatenate([p, path.p[stood]]),
        "matched": np.concatenate([before[legs.step] == legs.step - 1, np.ones(len(stood), dtype=bool)]),
    }
    return {
        key: value[order] if np.ndim(value) else np.full(len(block), value) for key, value in columns.items()
    }


def _visit_p(  # noqa: PLR0917
    net: Network, model: Model, scratch: Any, chain: Chain, path: Path, legs: Legs, seen: Floats, pace: float
) -> Floats:
    """Return for each stretch how probable the visit to its block is.

    Near a junction the block of a single fix is doubtful although the way is not: a visit is as probable as
    the block is at the fix that knows it best.  Where that is not much, over few fixes, it is computed.
    """
    n = len(legs.block)
    if not n:
        return np.empty(0)
    on = np.flatnonzero(path.state >= 0)
    before = np.full(len(path.state), -1, dtype=np.int64)
    before[on[1:]] = on[:-1]
    run = _visits(legs)
    starts = np.ones(n, dtype=bool)
    starts[1:] = legs.step[1:] != legs.step[:-1]
    ends = np.append(starts[1:], True)
    p = np.zeros(run[-1] + 1)
    np.maximum.at(p, run, np.where(starts, path.p[before[legs.step]], 0.0))
    np.maximum.at(p, run, np.where(ends, path.p[legs.step], 0.0))
    first = np.searchsorted(run, np.arange(len(p)))
    last = np.searchsorted(run, np.arange(len(p)), side="right") - 1
    since, until = legs.step[first], legs.step[last]
    asked = np.flatnonzero((p < _KNOWN) & (until - since <= _FEW))
    middle = (
        np.minimum.reduceat(np.minimum(legs.low, legs.high), first)
        + np.maximum.reduceat(np.maximum(legs.low, legs.high), first)
    ) / 2
    begin = np.maximum(since[asked] - 2, 0)
    end = np.minimum(until[asked] + 1, len(path.state) - 1)
    block = legs.block[first[asked]]
    x, y, t, sd = (np.ascontiguousarray(column) for column in seen.T)
    where = (pace, block, middle[asked], begin, end)
    passed = p_passed(net.streets, scratch, model, chain, path, x, y, t, sd, *where)
    p[asked] = np.maximum(p[asked], passed)
    return np.asarray(p[run])


def _visits(legs: Legs) -> Ints:
    """Give numbers to the visits: stretches that follow each other on one block without a jump."""
    new = np.ones(len(legs.block), dtype=bool)
    new[1:] = (legs.block[1:] != legs.block[:-1]) | (np.abs(legs.low[1:] - legs.high[:-1]) > 1e-6)
    return np.asarray(np.cumsum(new) - 1)


def _shared_time(legs: Legs, leave: Floats, arrive: Floats) -> tuple[Floats, Floats]:
    """Divide the time of each leg among its stretches by length; a leg without length takes it whole."""
    if not len(legs.step):
        return np.empty(0), np.empty(0)
    length = np.abs(legs.high - legs.low)
    first = np.searchsorted(legs.step, legs.step)
    last = np.searchsorted(legs.step, legs.step, side="right") - 1
    total = np.concatenate([[0.0], np.cumsum(length)])
    whole = total[last + 1] - total[first]
    safe = np.where(whole > 0, whole, 1.0)
    position = np.arange(len(length))
    low = np.where(
        whole > 0, (total[position] - total[first]) / safe, (position - first) / (last - first + 1)
    )
    high = np.where(
        whole > 0, (total[position + 1] - total[first]) / safe, (position - first + 1) / (last - first + 1)
    )
    return leave + low * (arrive - leave), leave + high * (arrive - leave)


def _end(chain: Chain, path: Path, held: Ints, recording: Recording, *, first: bool) -> _End | None:
    """Return the first or last state on the network."""
    on = np.flatnonzero(path.state >= 0)
    if not len(on):
        return None
    t = on[0] if first else on[-1]
    candidate = chain.first[t] + path.state[t] // 2
    row = int(held[t])
    return _End(
        int(recording.track[row]),
        row,
        int(chain.block[candidate]),
        float(chain.at[candidate]),
        int(path.state[t] % 2),
    )


def _gap(  # noqa: PLR0917
    net: Network,
    model: Model,
    scratch: Any,
    recording: Recording,
    cleaned: Cleaned,
    before: _End | None,
    after: _End | None,
) -> dict[str, Any] | None:
    """Return the likeliest stretches across a gap of one track, marked as a guess."""
    if before is None or after is None or before.track != after.track:
        return None
    a, b = before.row, after.row
    leave, arrive = recording.t[a] + cleaned.dwell_s[a], recording.t[b]
    if not 0 <= arrive - leave <= _GUESS_S:
        return None
    straight = float(np.hypot(recording.x[b] - recording.x[a], recording.y[b] - recording.y[a]))
    noise = float(max(recording.s[a], recording.s[b]))
    ends = (before.block, before.at, before.direction, after.block, after.at, after.direction)
    legs = bridged(net.streets, scratch, model, straight, float(arrive - leave), noise, *ends)
    n = len(legs.block)
    started, ended = _shared_time(legs, np.full(n, leave), np.full(n, arrive))
    return {
        "track": np.full(n, before.track),
        "chain": np.full(n, -1),
        "block": legs.block,
        "from_m": legs.low,
        "to_m": legs.high,
        "started_at": started,
        "ended_at": ended,
        "p": np.zeros(n),
        "matched": np.zeros(n, dtype=bool),
    }
