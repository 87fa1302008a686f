"""Which decisions about placements count now, as SQL: the newest of a finding that nobody took back.

A decision is of one version of the streets.  It counts on the newest if it was made there, or if the block
that it names is there still; a "none of these" of older streets does not, for new ones may be near.
"""

from typing import Any

from sqlalchemy import Select, and_, func, or_, select

from layers.store.schema import block, network, placement_decision


def decisions(*what: Any) -> Select[Any]:
    """Return a select of the decisions that count on the newest streets."""
    made = placement_decision
    newest = select(func.max(network.c.version)).scalar_subquery()
    last = select(func.max(made.c.id)).where(made.c.withdrawn_at.is_(None)).group_by(made.c.finding_id)
    still = select(block.c.fid).where(block.c.network_version == newest, block.c.block_id == made.c.block_id)
    on_newest = or_(made.c.network_version == newest, and_(made.c.block_id.is_not(None), still.exists()))
    return select(*(what or (made,))).where(made.c.id.in_(last), on_newest)
