"""Which decisions about findings count now, as SQL: those that nobody took back.

A decision about a placement is of one version of the streets.  It counts on the newest if it was made
there, or if the block that it names is there still; a "none of these" of older streets does not, for new
ones may be near.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, and_, func, literal_column, or_, select

from layers.store.schema import account, block, finding, finding_link, network, placement_decision


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What a person decided of a finding's place; without a block it lies on none."""

    id: int
    network_version: int
    block_id: str | None
    street_id: str | None
    street_name: str | None
    chainage_m: float | None
    side: str | None
    account_id: int
    account_name: str
    at: datetime
    reason: str | None


def of_findings(conn: Connection, fids: Sequence[int]) -> dict[int, Decision]:
    """Return the decisions that count, of those of these findings that have one."""
    made = placement_decision.c
    counts = decisions(placement_decision, account.c.name.label("account_name"))
    rows = conn.execute(
        counts.join(account, account.c.id == made.account_id).where(made.finding_id.in_(fids))
    )
    return {
        row.finding_id: Decision(**{name: getattr(row, name) for name in Decision.__slots__}) for row in rows
    }


def decisions(*what: Any) -> Select[Any]:
    """Return a select of the decisions that count on the newest streets."""
    made = placement_decision
    newest = select(func.max(network.c.version)).scalar_subquery()
    last = select(func.max(made.c.id)).where(made.c.withdrawn_at.is_(None)).group_by(made.c.finding_id)
    still = select(block.c.fid).where(block.c.network_version == newest, block.c.block_id == made.c.block_id)
    on_newest = or_(made.c.network_version == newest, and_(made.c.block_id.is_not(None), still.exists()))
    return select(*(what or (made,))).where(made.c.id.in_(last), on_newest)


def merged(*what: Any) -> Select[Any]:
    """Return a select of the links by which one finding repeats another that counts in its place."""
    made = finding_link.c
    first = finding.alias("first_finding")
    return (
        select(*(what or (finding_link,)))
        .join(first, first.c.fid == made.first_id)
        # written out, so that the planner sees that the index of such links has them all
        .where(made.undone_at.is_(None), made.same, made.relation == literal_column("'duplicate'"))
        .where(first.c.withdrawn_at.is_(None))
    )
