"""Planned walks as they were given to teams."""

from sqlalchemy import JSON, Column, Double, ForeignKey, Index, Table, Text

from layers.store.schema.metadata import metadata
from layers.store.types import Instant, Key

# `content` holds the sheet and the lines as they were that day: data that come later do not change a walk.
# One that another replaced, or that was called off, is taken back
team_walk = Table(
    "team_walk",
    metadata,
    Column("id", Key, primary_key=True),
    Column("team", Text, nullable=False),
    Column("begins_at", Instant, nullable=False),
    Column("ends_at", Instant, nullable=False),
    Column("length_m", Double, nullable=False),
    Column("content", JSON, nullable=False),
    Column("given_by", ForeignKey("account.id"), nullable=False),
    Column("given_at", Instant, nullable=False),
    Column("taken_back_at", Instant),
    Index("team_walk_team_begins_at", "team", "begins_at"),
)
