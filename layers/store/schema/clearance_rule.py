"""The distance rules of a site, every version of each."""

from sqlalchemy import JSON, Boolean, Column, ForeignKey, Integer, Table, Text, UniqueConstraint

from layers.store.schema.metadata import metadata
from layers.store.types import Instant, Key

# `content` has the field names of the shipped table, its dates among them; a changed rule is a new version
clearance_rule = Table(
    "clearance_rule",
    metadata,
    Column("id", Key, primary_key=True),
    Column("rule_id", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("content", JSON, nullable=False),
    Column("in_use", Boolean, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("account_id", ForeignKey("account.id")),
    Column("retired_at", Instant),
    UniqueConstraint("rule_id", "version"),
)
