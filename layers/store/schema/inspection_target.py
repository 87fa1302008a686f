"""After how many days a class of streets is to be inspected again, as people decided."""

from sqlalchemy import Column, Double, ForeignKey, Table, Text

from layers.store.schema.metadata import metadata
from layers.store.types import Instant, Key

# Rows are only added: the newest of a class holds, the older ones tell what held before
inspection_target = Table(
    "inspection_target",
    metadata,
    Column("id", Key, primary_key=True),
    Column("street_class", Text, nullable=False),
    # without days the class has no target
    Column("days", Double),
    Column("set_at", Instant, nullable=False),
    Column("account_id", ForeignKey("account.id")),
)
