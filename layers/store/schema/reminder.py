"""Of which findings it was said that they are about to be late, or are."""

from sqlalchemy import Column, ForeignKey, Table, Text, UniqueConstraint

from layers.store.schema.metadata import metadata
from layers.store.types import Instant, Key

# Each stage once: `due_soon`, `overdue`
reminder = Table(
    "reminder",
    metadata,
    Column("id", Key, primary_key=True),
    Column("finding_id", ForeignKey("finding.fid"), nullable=False),
    Column("stage", Text, nullable=False),
    Column("due_at", Instant, nullable=False),
    Column("at", Instant, nullable=False),
    UniqueConstraint("finding_id", "stage"),
)
