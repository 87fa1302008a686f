"""Which areas and categories an account is limited to."""

from sqlalchemy import Column, ForeignKey, Table, Text

from layers.store.schema.metadata import metadata
from layers.store.types import Key

# Each row is an area or a category; without rows of a kind an account is not limited by it
account_scope = Table(
    "account_scope",
    metadata,
    Column("id", Key, primary_key=True),
    Column("account_id", ForeignKey("account.id"), nullable=False, index=True),
    Column("district_id", ForeignKey("district.fid")),
    Column("scheme", Text),
    Column("code", Text),
)
