"""Which team an account is in, from when on; a row without a team ends it."""

from sqlalchemy import Column, ForeignKey, Index, Table, Text

from layers.store.schema.metadata import metadata
from layers.store.types import Instant, Key

# Rows are only added: what somebody did counts for the team of that day
team_member = Table(
    "team_member",
    metadata,
    Column("id", Key, primary_key=True),
    Column("account_id", ForeignKey("account.id"), nullable=False),
    Column("team", Text),
    Column("since", Instant, nullable=False),
    Index("team_member_account_id_since", "account_id", "since"),
)
