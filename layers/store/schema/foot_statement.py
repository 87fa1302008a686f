"""What people found on site of crossings, streets walked along and barriers; where nothing is missing."""

from sqlalchemy import Column, Double, ForeignKey, Table, Text

from layers.store.schema.metadata import metadata
from layers.store.types import Instant, Key

# Rows are only added: the newest of a way, of a place or of all holds, the older ones tell what held before
foot_statement = Table(
    "foot_statement",
    metadata,
    Column("id", Key, primary_key=True),
    # a way, by its shape: one that was drawn anew is another; or a place; neither means the whole city
    Column("way_key", Text, index=True),
    Column("key_point_id", ForeignKey("key_point.fid"), index=True),
    Column("network_version", ForeignKey("network.version"), nullable=False),
    # of a way: usable, absent, barrier; of a place or of all: complete; withdrawn takes either back
    Column("state", Text, nullable=False),
    # where the barrier stands, degrees
    Column("lon", Double),
    Column("lat", Double),
    Column("note", Text),
    Column("set_at", Instant, nullable=False),
    Column("account_id", ForeignKey("account.id")),
)
