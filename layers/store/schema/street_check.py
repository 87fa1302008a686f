"""What people said they looked at and found in order, and which stretch of which block that was."""

from sqlalchemy import Boolean, Column, Double, ForeignKey, Index, Integer, Table, Text

from layers.store.schema.metadata import metadata
from layers.store.types import Geometry, Instant, Key

# A layer of points: here somebody looked
street_check = Table(
    "street_check",
    metadata,
    Column("fid", Key, primary_key=True),
    Column("uuid", Text, nullable=False, unique=True),
    Column("content_hash", Text, nullable=False),
    Column("account_id", ForeignKey("account.id"), nullable=False, index=True),
    Column("observed_at", Instant, nullable=False, index=True),
    Column("received_at", Instant, nullable=False),
    # place: some metres around the position; block: from crossing to crossing
    Column("extent", Text, nullable=False),
    Column("note", Text),
    # the position as it came, kept for ever
    Column("raw_x", Double, nullable=False),
    Column("raw_y", Double, nullable=False),
    Column("frame", Text, nullable=False),
    Column("accuracy_m", Double),
    Column("accuracy_kind", Text, nullable=False),
    Column("position_source", Text, nullable=False),
    Column("fixed_at", Instant),
    Column("heading_deg", Double),
    Column("speed_ms", Double),
    Column("is_mock", Boolean, nullable=False),
    Column("device", Text),
    Column("geom", Geometry("POINT"), nullable=False),
    sqlite_autoincrement=True,
)

# Read once per version of the streets, of the corrections of devices and of the method; without a block
# where the posterior leaves it in doubt, and then nothing counts as looked at
check_stretch = Table(
    "check_stretch",
    metadata,
    Column("id", Key, primary_key=True),
    Column("check_id", ForeignKey("street_check.fid"), nullable=False, index=True),
    Column("network_version", ForeignKey("network.version"), nullable=False),
    Column("datum", Integer, nullable=False),
    Column("method_version", Text, nullable=False),
    Column("block_id", Text),
    Column("street_name", Text),
    Column("p_block", Double),
    Column("from_mm", Integer),
    Column("to_mm", Integer),
    Index("check_stretch_read", "network_version", "datum", "method_version", "check_id", unique=True),
)
