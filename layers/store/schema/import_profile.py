"""How a kind of file is read, kept under a name for the next one like it."""

from sqlalchemy import JSON, Column, ForeignKey, Table, Text

from layers.store.schema.metadata import metadata
from layers.store.types import Instant, Key

import_profile = Table(
    "import_profile",
    metadata,
    Column("id", Key, primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("kind", Text, nullable=False),
    Column("options", JSON, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("account_id", ForeignKey("account.id")),
)
