"""Since when premises are licensed and until when, as files and people said."""

from sqlalchemy import Column, Date, ForeignKey, Table, Text

from layers.store.schema.metadata import metadata
from layers.store.types import Instant, Key

# Rows are only added: the newest of a key point holds, the older ones tell what held before
licence = Table(
    "licence",
    metadata,
    Column("id", Key, primary_key=True),
    Column("key_point_id", ForeignKey("key_point.fid"), nullable=False, index=True),
    # without a day nobody knows since when, or it does not end
    Column("licensed_on", Date),
    Column("licence_until", Date),
    # import or page: a file that says the same as before does not undo what a person put right since
    Column("origin", Text, nullable=False),
    Column("set_at", Instant, nullable=False),
    Column("account_id", ForeignKey("account.id")),
)
