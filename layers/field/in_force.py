"""Which decisions about findings count now, as SQL: those that nobody took back.

A decision about a placement is of one version of the streets.  It counts on the newest if it was made
there, or if the block that it names is there still; a "none of these" of older streets does not, for new
ones may be near.
"""

from typing import Any

from sqlalchemy import Select, and_, func, literal_column, or_, select

from layers.store.schema import block, finding, finding_link, network, placement_decision


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
