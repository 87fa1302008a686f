"""Photos that come in parts and are not whole yet; what has come of one is in the file `name`."""

from sqlalchemy import Column, ForeignKey, Integer, Table, Text, UniqueConstraint

from layers.store.schema.metadata import metadata
from layers.store.types import Instant, Key

photo_upload = Table(
    "photo_upload",
    metadata,
    Column("id", Key, primary_key=True),
    Column("finding_id", ForeignKey("finding.fid"), nullable=False),
    Column("sha256", Text, nullable=False),
    Column("account_id", ForeignKey("account.id"), nullable=False),
    Column("role", Text, nullable=False),
    Column("n_bytes", Integer, nullable=False),
    Column("name", Text, nullable=False, unique=True),
    Column("created_at", Instant, nullable=False, index=True),
    # two people who send the same photo do not write into one file
    UniqueConstraint("account_id", "finding_id", "sha256"),
)
