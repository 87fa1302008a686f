"""Where people live: grids of counts, the newest in force."""

from sqlalchemy import Column, Double, ForeignKey, Integer, LargeBinary, Table, Text

from layers.store.schema.metadata import metadata
from layers.store.types import Instant, Key

# `cells` are people per cell as deflated little-endian float32, row by row from the north-west corner, NaN
# where nobody counted; corner and sides are in the units of `crs`, which may be degrees
population = Table(
    "population",
    metadata,
    Column("id", Key, primary_key=True),
    Column("source", Text, nullable=False),
    Column("attribution", Text),
    Column("content_hash", Text, nullable=False),
    Column("crs", Text, nullable=False),
    Column("west", Double, nullable=False),
    Column("north", Double, nullable=False),
    Column("cell_width", Double, nullable=False),
    Column("cell_height", Double, nullable=False),
    Column("n_rows", Integer, nullable=False),
    Column("n_columns", Integer, nullable=False),
    Column("people", Double, nullable=False),
    Column("cells", LargeBinary, nullable=False),
    Column("added_at", Instant, nullable=False),
    Column("account_id", ForeignKey("account.id")),
)
