"""Checks that should not count after all: the wrong block was tapped, or something was there."""

from sqlalchemy import Column, ForeignKey, Table, Text

from layers.store.schema.metadata import metadata
from layers.store.types import Instant, Key

# Rows are only added, and one for a check: whoever looks again says so with a new check
check_withdrawal = Table(
    "check_withdrawal",
    metadata,
    Column("id", Key, primary_key=True),
    Column("check_id", ForeignKey("street_check.fid"), nullable=False, unique=True),
    Column("account_id", ForeignKey("account.id"), nullable=False),
    Column("at", Instant, nullable=False),
    Column("reason", Text),
)
