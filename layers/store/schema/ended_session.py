"""Sessions that somebody ended before their time."""

from sqlalchemy import Column, Table, Text

from layers.store.schema.metadata import metadata
from layers.store.types import Instant

# A row is of use until the session would have ended by itself, and goes then
ended_session = Table(
    "ended_session",
    metadata,
    Column("digest", Text, primary_key=True),
    Column("until", Instant, nullable=False, index=True),
)
