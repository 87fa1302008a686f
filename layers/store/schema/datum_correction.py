"""What people corrected about the frame of a device's positions; the raw positions stay what they were."""

from sqlalchemy import JSON, Column, ForeignKey, Index, Table, Text

from layers.store.schema.metadata import metadata
from layers.store.types import Instant, Key

# From `from_at` on and before `until_at` (open without one).  `derived_at` is when all results had followed
# the last change of the row; without one they are yet to follow
datum_correction = Table(
    "datum_correction",
    metadata,
    Column("id", Key, primary_key=True),
    Column("device", Text, nullable=False),
    Column("frame", Text, nullable=False),
    Column("true_frame", Text, nullable=False),
    Column("from_at", Instant, nullable=False),
    Column("until_at", Instant),
    Column("evidence", JSON, nullable=False),
    Column("reason", Text, nullable=False),
    Column("applied_by", ForeignKey("account.id"), nullable=False),
    Column("applied_at", Instant, nullable=False),
    Column("withdrawn_by", ForeignKey("account.id")),
    Column("withdrawn_at", Instant),
    Column("derived_at", Instant),
    Index("datum_correction_device", "device"),
    sqlite_autoincrement=True,
)
