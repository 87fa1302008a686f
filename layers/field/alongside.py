"""Findings placed anew with the evidence of the track on which they were made.

A track comes after its findings, at the end of an outing.  Where the model of its course puts the
inspector on one of two streets, the finding is on that street more probably too.  The reported position
itself is never counted twice: fixes within five seconds of a finding are left out.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sqlalchemy import Connection, Select, Text, and_, bindparam, literal, or_, select, update

from geo import matching
from geo.assign import Track
from geo.matching import Trace
from geo.recordings import seconds
from layers import history
from layers.city import versions
from layers.city.networks import Network
from layers.field import placements
from layers.field.courses import course
from layers.store import frames
from layers.store.schema import finding, placement, track

if TYPE_CHECKING:
    from layers.site import Site

# Errors of a finding and of the fixes half a minute around it are much alike.  Measured on the demo city's
# phones that say their frame truly: calibration error 0.019 without tracks, 0.025, 0.029 and 0.039 with
# 0.3, 0.5 and 1; ambiguous findings 41 %, 25 %, 23 % and 20 %
TRUST = 0.3
Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True, eq=False)
class Placed:
    """New placements: the findings' keys and ids, and and their columns of the store."""

    fid: NDArray[np.int64]
    uuid: list[str]
    columns: dict[str, NDArray[Any]]


def place(site: "Site", fid: int, *, now: datetime, followed: Trace | None = None) -> int:
    """Place the findings made on one stored track with its evidence; return how many had any.

    `followed` is its course on the newest streets, read now if not given.  Everything is derived before
    the lock is taken; a track that brings nothing new writes nothing.
    """
    facts = site.facts()
    streets = site.network_or_none(facts)
    with site.store.read() as conn:
        row = conn.execute(select(track).where(track.c.fid == fid)).mappings().one()
        found = pd.DataFrame(frames.read(conn, _made_on(row)))
    if streets is None or found.empty or row["dropped_at"] is not None:
        return 0
    placed = _placed(site, streets, followed or course(site, streets.version, row), found)
    with site.store.write() as conn:
        found_now = versions.read(conn, lock=True)
        if any(found_now[name] != facts[name] for name in ("network", "datum")):
            return 0
        _write(conn, placed, streets.version, row, now)
    return len(placed.fid)


def place_all(site: "Site", *, now: datetime, progress: Progress = lambda done, total: None) -> int:
    """Do so for every track that has findings placed without it; return how many findings had evidence."""
    with site.store.read() as conn:
        lacking = _made_by(track.c.account_id, track.c.device, track.c.started_at, track.c.ended_at)
        lacking = and_(lacking, placement.c.track_id.is_(None))
        there = select(finding.c.fid).join(placement, placement.c.finding_id == finding.c.fid).where(lacking)
        with_fixes = select(track.c.fid).where(there.exists(), track.c.dropped_at.is_(None))
        fids = list(conn.execute(with_fixes.order_by(track.c.fid)).scalars())
    n = 0
    for done, fid in enumerate(fids, start=1):
        n += place(site, fid, now=now)
        progress(done, len(fids))
    return n


def _made_by(account_id: Any, device: Any, started_at: Any, ended_at: Any) -> Any:
    """Return the condition that a finding was made on a track, as SQL."""
    return and_(
        finding.c.account_id == account_id,
        finding.c.observed_at.between(started_at, ended_at),
        finding.c.position_source == "phone",
        or_(finding.c.device.is_(None), device.is_(None), finding.c.device == device),
    )


def findings_on(conn: Connection, track_fids: Sequence[int]) -> list[int]:
    """Return the findings made on any of some tracks, by key."""
    made = _made_by(track.c.account_id, track.c.device, track.c.started_at, track.c.ended_at)
    chosen = select(finding.c.fid).join(track, made).where(track.c.fid.in_(track_fids)).distinct()
    return sorted(conn.execute(chosen).scalars())


def tracks_of(conn: Connection, finding_fids: Sequence[int]) -> list[int]:
    """Return the tracks on which any of some findings were made, by key."""
    made = _made_by(track.c.account_id, track.c.device, track.c.started_at, track.c.ended_at)
    meant = and_(finding.c.fid.in_(finding_fids), track.c.dropped_at.is_(None))
    chosen = select(track.c.fid).join(finding, made).where(meant).distinct()
    return sorted(conn.execute(chosen).scalars())


def _made_on(row: Any) -> Select[Any]:
    stored = (finding.c[name] for name in (*placements.STORED, "uuid", "observed_at"))
    device = literal(row["device"], Text)
    made = _made_by(row["account_id"], device, row["started_at"], row["ended_at"])
    return select(*stored).where(made).order_by(finding.c.fid)


def evidence_of(site: "Site", fid: int) -> Track | None:
    """Return the evidence by which a finding was placed on the newest streets.

    None without a track, or when its fixes have been dropped since.
    """
    streets = site.network
    used = select(placement.c.track_id).where(
        placement.c.finding_id == fid,
        placement.c.network_version == streets.version,
        placement.c.method_version == placements.METHOD_VERSION,
    )
    made = select(finding.c.observed_at).where(finding.c.fid == fid)
    with site.store.read() as conn:
        track_id = conn.execute(used).scalar()
        own = select(track).where(track.c.fid == track_id, track.c.dropped_at.is_(None))
        row = conn.execute(own).mappings().first()
        found = pd.DataFrame(frames.read(conn, made))
    if row is None:
        return None
    return _evidence(streets, course(site, streets.version, row), found)[1]


def _evidence(streets: Network, followed: Trace, found: pd.DataFrame) -> tuple[NDArray[np.int64], Track]:
    """Return which findings the course says anything about, and what it says of them."""
    asked = pd.DataFrame(
        {"track_id": followed.fixes["track_id"].iloc[0], "time_s": seconds(found["observed_at"])}
    )
    around = matching.context(followed, asked, trust=TRUST).sort_values("row", kind="stable")
    known = np.unique(around["row"].to_numpy(np.int64))
    n_each = np.bincount(np.searchsorted(known, around["row"]), minlength=len(known))
    number = pd.Index(streets.index.block_id)
    return known, {
        "begin": np.concatenate([[0], np.cumsum(n_each)]).astype(np.int64),
        "block": number.get_indexer(pd.Index(around["block_id"])).astype(np.int64),
        "p": around["p"].to_numpy(np.float64),
    }


def _placed(site: "Site", streets: Network, followed: Trace, found: pd.DataFrame) -> Placed:
    known, said = _evidence(streets, followed, found)
    with site.store.read() as conn:
        of = placements.positions_of(conn, found.iloc[known], site.settings)
    answer = placements.place(streets, of, site.settings, track=said)
    return Placed(found["fid"].to_numpy(np.int64)[known], found["uuid"].iloc[known].tolist(), answer)


def _write(conn: Any, placed: Placed, version: int, row: Any, now: datetime) -> None:
    if not len(placed.fid):
        return
    changed = update(placement).where(
        placement.c.finding_id == bindparam("of_finding"),
        placement.c.network_version == version,
        placement.c.method_version == placements.METHOD_VERSION,
    )
    values = pd.DataFrame(placed.columns).astype(object)
    values = values.where(values.notna(), None).assign(of_finding=placed.fid.tolist())
    fixed = {"placed_at": now, "track_id": row["fid"]}
    conn.execute(changed, [{**one, **fixed} for one in values.to_dict("records")])
    history.append_many(
        conn,
        at=now,
        account_id=row["account_id"],
        action="place_on_track",
        noun="finding",
        noun_ids=placed.uuid,
        details={"track": row["uuid"]},
    )
