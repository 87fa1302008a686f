"""Where the chain of the history ends."""

from sqlalchemy import Column, Integer, Table, Text

from layers.store.schema.metadata import metadata

# One row: whoever adds lines holds it, so that the chain has one order; a cut-off end is noticed by it
history_head = Table(
    "history_head",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("chain", Text, nullable=False),
    Column("n", Integer, nullable=False),
)
