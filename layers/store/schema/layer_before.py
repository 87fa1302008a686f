"""What an import of a layer of the city found before it: by that the whole of it can be taken back."""

from sqlalchemy import JSON, BigInteger, Column, ForeignKey, LargeBinary, Table, Text

from layers.store.schema.metadata import metadata
from layers.store.types import Instant, Key

# layer: the table of the row; `content` (other columns than the geometry, which is `shape` as WKB) is null
# where the import made the row
layer_before = Table(
    "layer_before",
    metadata,
    Column("id", Key, primary_key=True),
    Column("run_id", ForeignKey("import_run.id"), nullable=False, index=True),
    Column("layer", Text, nullable=False),
    Column("row_id", BigInteger, nullable=False, index=True),
    Column("content", JSON(none_as_null=True)),
    Column("shape", LargeBinary),
    Column("removed_at", Instant),
    sqlite_autoincrement=True,
)
