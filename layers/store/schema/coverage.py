"""What tracks cover: one derivation per track, network version and method, and its intervals."""

from sqlalchemy import Column, Double, ForeignKey, Index, Integer, Table, Text, UniqueConstraint

from layers.store.schema.metadata import metadata
from layers.store.types import Instant, Key

# A row also where the track covers nothing, so that it is not read again
coverage_run = Table(
    "coverage_run",
    metadata,
    Column("id", Key, primary_key=True),
    Column("track_id", ForeignKey("track.fid"), nullable=False, index=True),
    Column("network_version", ForeignKey("network.version"), nullable=False),
    Column("method_version", Text, nullable=False),
    UniqueConstraint("network_version", "method_version", "track_id"),
)

# Half-open and in whole millimetres, so that a union of intervals is exact
coverage = Table(
    "coverage",
    metadata,
    Column("id", Key, primary_key=True),
    Column("run_id", ForeignKey("coverage_run.id"), nullable=False, index=True),
    Column("recording", Text, nullable=False),
    Column("pass_no", Integer, nullable=False),
    Column("block_id", Text, nullable=False),
    Column("side", Text, nullable=False),
    Column("from_mm", Integer, nullable=False),
    Column("to_mm", Integer, nullable=False),
    Column("started_at", Instant, nullable=False),
    Column("ended_at", Instant, nullable=False),
    Column("state", Text, nullable=False),
    Column("p", Double, nullable=False),
    Column("p_side", Double, nullable=False),
    Index("coverage_started_at", "started_at"),
)
