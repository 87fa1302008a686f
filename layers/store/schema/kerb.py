"""Where vehicles may stand and where not: car parks, bays along streets, no-parking stretches."""

from sqlalchemy import Column, Integer, Table, Text, UniqueConstraint

from layers.store.schema.metadata import metadata
from layers.store.types import Geometry, Instant, Key

# kind: lot, bay, no_parking; `n_bays` is how many vehicles have room there
kerb = Table(
    "kerb",
    metadata,
    Column("fid", Key, primary_key=True),
    Column("source", Text, nullable=False),
    Column("source_id", Text, nullable=False),
    Column("kind", Text, nullable=False, index=True),
    Column("name", Text),
    Column("n_bays", Integer),
    Column("removed_at", Instant),
    Column("geom", Geometry("GEOMETRY"), nullable=False),
    UniqueConstraint("source", "source_id"),
    sqlite_autoincrement=True,
)
