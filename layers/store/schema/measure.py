"""What was done on a stretch of street: an order, enforcement, bays, barriers, a check."""

from sqlalchemy import JSON, Column, Date, ForeignKey, Table, Text

from layers.store.schema.metadata import metadata
from layers.store.types import Instant, Key

# One that was noted by mistake is taken back, never deleted; `block_ids` is a list of ids
measure = Table(
    "measure",
    metadata,
    Column("id", Key, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("done_on", Date, nullable=False, index=True),
    Column("block_ids", JSON, nullable=False),
    Column("note", Text),
    Column("account_id", ForeignKey("account.id"), nullable=False),
    Column("at", Instant, nullable=False),
    Column("taken_back_at", Instant),
    Column("taken_back_by", ForeignKey("account.id")),
)
