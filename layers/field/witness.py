"""What the track of an outing tells of the moment of a finding: did anybody look, how fast, how exactly."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from sqlalchemy import select

from geo import recordings
from layers.field import alongside
from layers.field.coverage import METHOD_VERSION
from layers.field.fixes import fixes_of
from layers.field.records import Finding
from layers.store import frames
from layers.store.schema import coverage as interval
from layers.store.schema import coverage_run, track

if TYPE_CHECKING:
    from layers.site import Site

# Speed and error are told of so many seconds before and after
AROUND_S = 15.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Witness:
    """What a track tells of a moment; `state` is None where the course says nothing of it."""

    mode: str | None
    # how fast one may go and still look, as `geo.coverage` holds it
    fastest_ms: float
    # seconds to the nearest fix, fixes within `AROUND_S`, their middle error per axis, the mean speed
    nearest_s: float
    n_fixes: int
    sd_m: float | None
    speed_ms: float | None
    state: str | None = None
    side: str | None = None
    p: float | None = None
    block_id: str | None = None


def of(site: "Site", found: Finding) -> Witness | None:
    """Return what the track on which a finding was made tells of its moment; None without a track."""
    with site.store.read() as conn:
        fids = alongside.tracks_of(conn, [found.fid])
        if not fids:
            return None
        row = conn.execute(select(track).where(track.c.fid == fids[0])).mappings().one()
        then = pd.DataFrame(frames.read(conn, _then(fids[0], found, int(site.facts()["network"] or 0))))
    return Witness(**_measured(site, row, found), **_chosen(then, found))


def _then(fid: int, found: Finding, version: int) -> Any:
    """Return the question for what the track covered at the moment of the finding."""
    columns = [interval.c[name] for name in ("block_id", "side", "state", "p")]
    return (
        select(*columns)
        .join(coverage_run, coverage_run.c.id == interval.c.run_id)
        .where(
            coverage_run.c.track_id == fid,
            coverage_run.c.network_version == version,
            coverage_run.c.method_version == METHOD_VERSION,
            interval.c.started_at <= found.observed_at,
            interval.c.ended_at >= found.observed_at,
        )
        .order_by(interval.c.p.desc(), interval.c.id)
    )


def _chosen(then: pd.DataFrame, found: Finding) -> dict[str, Any]:
    """Return what was covered then: on the block of the finding if the track was there, else the surest."""
    if then.empty:
        return {}
    decided = found.decision.block_id if found.decision else None
    block_id = decided or (found.placement.block_id if found.placement else None)
    own = then[then["block_id"] == block_id]
    return dict((own if len(own) else then).iloc[0])


def _measured(site: "Site", row: Any, found: Finding) -> dict[str, Any]:
    fixes = fixes_of(row, site.corrections)
    at = found.observed_at.timestamp()
    near = np.abs(fixes.time - at) <= AROUND_S
    known = fixes.sd_m[near]
    known = known[np.isfinite(known)]
    mode = recordings.mode_named(row["mode"] or "vehicle")
    return {
        "mode": row["mode"],
        "fastest_ms": mode.inspecting_mps[1],
        "nearest_s": float(np.abs(fixes.time - at).min()),
        "n_fixes": int(near.sum()),
        "sd_m": float(np.median(known)) if len(known) else None,
        "speed_ms": _speed(site, fixes, at) if near.sum() >= 2 else None,
    }


def _speed(site: "Site", fixes: Any, at: float) -> float | None:
    """Return how far apart the places before and after lie, per second: so noise hardly counts."""
    projection = site.projection
    if projection is None:
        return None
    metres = projection.to_metres(fixes.lonlat)
    ends = np.clip([at - AROUND_S, at + AROUND_S], fixes.time[0], fixes.time[-1])
    x, y = (np.interp(ends, fixes.time, metres[:, k]) for k in (0, 1))
    lasting = float(ends[1] - ends[0])
    return float(np.hypot(x[1] - x[0], y[1] - y[0])) / lasting if lasting > 0 else None
