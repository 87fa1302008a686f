"""Arbitration: a person decides where a finding lies that the posterior leaves in doubt.

The placement stays as it was derived; a decision is a row beside it, and taking it back is another fact
about that row.  A finding is in the queue while it is ambiguous or outside and no decision counts.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import shapely
from shapely import Point
from sqlalchemy import ColumnElement, Connection, func, insert, or_, select, update

from layers import history
from layers.errors import ConflictError, InvalidError, NotFoundError
from layers.field import alongside, in_force, placements
from layers.field.asking import FindingFilter, newest_network
from layers.field.in_force import Decision
from layers.field.scope import visible
from layers.people import Account, demand
from layers.store.schema import finding, placement, placement_decision

if TYPE_CHECKING:
    from layers.site import Site

__all__ = ["Decision", "Place", "candidates", "decide", "nearest", "of", "queue", "take_back"]

_LONGEST_REASON = 500
_NEAREST = 3


@dataclass(frozen=True, slots=True)
class Place:
    """Where one asks in the queue: how many are left, and the neighbours in it."""

    left: int
    uuid: str | None
    before: str | None
    after: str | None


def queue(site: "Site", wanted: FindingFilter, at: str | None = None) -> Place:
    """Return the finding `at` with its neighbours in the queue; the first in it without `at`.

    One that is not in the queue (any more) still stands between those that came before and after it.
    """
    doubtful = (
        select(placement.c.finding_id)
        .where(placement.c.network_version == newest_network())
        .where(placement.c.method_version == placements.METHOD_VERSION)
        .where(or_(placement.c.ambiguous, placement.c.outside))
    )
    decided = in_force.decisions(placement_decision.c.finding_id)
    waits = [*wanted.conditions(), finding.c.fid.in_(doubtful), finding.c.fid.not_in(decided)]
    chosen = select(finding.c.uuid).where(*waits)
    with site.store.read() as conn:
        left = int(conn.execute(select(func.count(finding.c.fid)).where(*waits)).scalar_one())
        first = conn.execute(chosen.order_by(finding.c.fid).limit(1)).scalar()
        uuid = at or first
        if uuid is None:
            return Place(left, None, None, None)
        fid = _fid(conn, uuid)
        before = chosen.where(finding.c.fid < fid).order_by(finding.c.fid.desc()).limit(1)
        after = chosen.where(finding.c.fid > fid).order_by(finding.c.fid).limit(1)
        return Place(left, uuid, conn.execute(before).scalar(), conn.execute(after).scalar())


def candidates(site: "Site", uuid: str) -> pd.DataFrame:
    """Return all blocks of the newest streets that a finding may lie on; see `geo.assign.candidates`."""
    network = site.network
    with site.store.read() as conn:
        fid = _fid(conn, uuid)
    track = alongside.evidence_of(site, fid)
    with site.store.read() as conn:
        every = placements.candidates(conn, network, site.settings, fid, track=track)
    return every.assign(street_name=_names(every["street_name"]))


def nearest(site: "Site", uuid: str, n: int = _NEAREST) -> pd.DataFrame:
    """Return the blocks nearest to a finding, however far: what one may choose where none is within reach.

    Returns
    -------
    DataFrame
        `block_id, street_name, distance_m`, the nearest first.
    """
    index, projection = site.network.index, site.network.projection
    with site.store.read() as conn:
        place = conn.execute(select(finding.c.geom).where(finding.c.uuid == uuid)).scalar()
    if place is None:
        raise NotFoundError("There is no finding %(uuid)s", uuid=uuid)
    lines = index.tree.geometries
    distance = shapely.distance(lines, shapely.Point(projection.to_metres([[place.x, place.y]])[0]))
    first = np.lexsort((index.block_id, distance))[:n]
    return pd.DataFrame(
        {
            "block_id": np.asarray(index.block_id)[first],
            "street_name": _names(index.name[first]),
            "distance_m": distance[first],
        }
    )


def of(site: "Site", uuid: str) -> Decision | None:
    """Return the decision that counts for a finding on the newest streets."""
    with site.store.read() as conn:
        return _of(conn, _fid(conn, uuid))


def decide(
    site: "Site",
    account: Account,
    uuid: str,
    block_id: str | None,
    *,
    reason: str | None = None,
    now: datetime,
) -> int:
    """Decide that a finding lies on a block of the newest streets, or on none; return the decision's id."""
    demand(account, "decide")
    if reason and len(reason) > _LONGEST_REASON:
        raise InvalidError("At most %(most)s characters", field="reason", most=_LONGEST_REASON)
    network = site.network
    with site.store.read() as conn:
        chosen = select(finding.c.fid, finding.c.geom).where(finding.c.uuid == uuid, visible(account))
        place = conn.execute(chosen).first()
    if place is None:
        raise NotFoundError("There is no finding %(uuid)s", uuid=uuid)
    on_block = _on_block(network, block_id, place.geom) if block_id else {}
    with site.store.write() as conn:
        # the row of the finding is the lock: of two people who decide at once, one is told
        conn.execute(update(finding).where(finding.c.fid == place.fid).values(version=finding.c.version))
        if _of(conn, place.fid) is not None:
            raise ConflictError("The finding has been decided already; take that back first")
        values = {
            "finding_id": place.fid,
            "network_version": network.version,
            "account_id": account.id,
            "at": now,
            "reason": (reason or "").strip() or None,
        }
        done = conn.execute(insert(placement_decision).values(**values, **on_block))
        key = int(done.inserted_primary_key[0])  # type: ignore[index]
        details = {"decision": key, "block_id": block_id, "network_version": network.version}
        _note(conn, account, ("decide", uuid), details, now)
    return key


def take_back(site: "Site", account: Account, uuid: str, decision_id: int, *, now: datetime) -> None:
    """Take a decision back; its row stays, and the finding counts by its probabilities again."""
    demand(account, "decide")
    with site.store.write() as conn:
        done = conn.execute(
            update(placement_decision)
            .where(placement_decision.c.id == decision_id)
            .where(placement_decision.c.finding_id == _fid(conn, uuid, visible(account)))
            .where(placement_decision.c.withdrawn_at.is_(None))
            .values(withdrawn_at=now, withdrawn_by=account.id)
        )
        if done.rowcount != 1:
            raise ConflictError("There is no such decision, or it has been taken back already")
        _note(conn, account, ("take back", uuid), {"decision": decision_id}, now)


def _fid(conn: Connection, uuid: str, *more: ColumnElement[bool]) -> int:
    fid = conn.execute(select(finding.c.fid).where(finding.c.uuid == uuid, *more)).scalar()
    if fid is None:
        raise NotFoundError("There is no finding %(uuid)s", uuid=uuid)
    return int(fid)


def _of(conn: Connection, fid: int) -> Decision | None:
    return in_force.of_findings(conn, [fid]).get(fid)


def _note(
    conn: Connection, account: Account, what: tuple[str, str], details: dict[str, Any], now: datetime
) -> None:
    action, uuid = what
    history.append(
        conn, at=now, account_id=account.id, action=action, noun="finding", noun_id=uuid, details=details
    )


def _names(names: Iterable[Any]) -> "pd.Series[Any]":
    """Return names of streets as the store has them: None, not NaN, where there is none."""
    return pd.Series([name if isinstance(name, str) and name else None for name in names], dtype=object)


def _on_block(network: Any, block_id: str, point: Point) -> dict[str, Any]:
    """Return where a position lies beside the block that was chosen for it."""
    code = network.index.code_of.get(block_id)
    if code is None:
        raise InvalidError("There is no block %(given)s on the newest streets", field="block", given=block_id)
    line = network.index.tree.geometries[code]
    at = shapely.Point(network.projection.to_metres([[point.x, point.y]])[0])
    chainage = float(line.project(at))
    foot, ahead = line.interpolate(max(chainage - 0.5, 0.0)), line.interpolate(chainage + 0.5)
    turn = (ahead.x - foot.x) * (at.y - foot.y) - (ahead.y - foot.y) * (at.x - foot.x)
    return {
        "block_id": block_id,
        "street_id": network.index.street_id[code],
        "street_name": _names([network.index.name[code]])[0],
        "chainage_m": chainage,
        "side": "left" if turn > 0 else "right" if turn < 0 else None,
    }
