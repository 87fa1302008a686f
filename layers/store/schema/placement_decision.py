"""What people decided about where findings lie; the placements beside it stay what they were."""

from sqlalchemy import Column, Double, ForeignKey, Index, Table, Text

from layers.store.schema.metadata import metadata
from layers.store.types import Instant, Key

# Without a block: none of the blocks, outside the streets
placement_decision = Table(
    "placement_decision",
    metadata,
    Column("id", Key, primary_key=True),
    Column("finding_id", ForeignKey("finding.fid"), nullable=False),
    Column("network_version", ForeignKey("network.version"), nullable=False),
    Column("block_id", Text),
    Column("street_id", Text),
    Column("street_name", Text),
    Column("chainage_m", Double),
    Column("side", Text),
    Column("account_id", ForeignKey("account.id"), nullable=False),
    Column("at", Instant, nullable=False),
    Column("reason", Text),
    Column("withdrawn_at", Instant),
    Column("withdrawn_by", ForeignKey("account.id")),
    Index("placement_decision_finding_id", "finding_id"),
    sqlite_autoincrement=True,
)
