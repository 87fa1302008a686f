"""What people decided about two findings that look like one thing; both findings stay what they were."""

from sqlalchemy import (
    JSON,
    Boolean,
    CheckConstraint,
    Column,
    Double,
    ForeignKey,
    Index,
    Table,
    Text,
    text,
)

from layers.store.schema.metadata import metadata
from layers.store.types import Instant, Key

# SQLite knows no booleans
_MERGED = "undone_at IS NULL AND relation = 'duplicate' AND same"
_MERGED_SQLITE = _MERGED + " = 1"

# The second was observed after the first.  Without `same` it is remembered that the two are not one thing
finding_link = Table(
    "finding_link",
    metadata,
    Column("id", Key, primary_key=True),
    Column("first_id", ForeignKey("finding.fid"), nullable=False),
    Column("second_id", ForeignKey("finding.fid"), nullable=False),
    Column("relation", Text, nullable=False),
    Column("same", Boolean, nullable=False),
    Column("p", Double, nullable=False),
    Column("evidence", JSON, nullable=False),
    Column("decided_by", ForeignKey("account.id"), nullable=False),
    Column("at", Instant, nullable=False),
    Column("undone_at", Instant),
    Column("undone_by", ForeignKey("account.id")),
    CheckConstraint("relation IN ('duplicate', 'relapse')", name="relation_known"),
    # a pair is decided once, and a finding repeats one other: of two who decide at once, one is told
    Index(
        "finding_link_pair",
        "first_id",
        "second_id",
        unique=True,
        sqlite_where=text("undone_at IS NULL"),
        postgresql_where=text("undone_at IS NULL"),
    ),
    Index(
        "finding_link_merged",
        "second_id",
        unique=True,
        sqlite_where=text(_MERGED_SQLITE),
        postgresql_where=text(_MERGED),
    ),
    sqlite_autoincrement=True,
)
