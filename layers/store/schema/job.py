"""Work that is done beside the answers: who has it, how far it is, what came of it."""

from sqlalchemy import JSON, Boolean, Column, ForeignKey, Index, Integer, Table, Text, text

from layers.store.schema.metadata import metadata
from layers.store.types import Instant, Key

OPEN = text("finished_at IS NULL AND failed_at IS NULL")

# A lease that has run out is as good as none: whoever held it is gone.  `again` is set when the same work
# is wanted while somebody is at it; it then goes back into the queue once.  `error` is a message with its
# parameters, so that each reader reads it in their own language
job = Table(
    "job",
    metadata,
    Column("id", Key, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("payload", JSON, nullable=False),
    Column("key", Text),
    Column("account_id", ForeignKey("account.id")),
    Column("created_at", Instant, nullable=False),
    Column("not_before", Instant, nullable=False),
    Column("leased_by", Text),
    Column("leased_until", Instant),
    Column("attempts", Integer, nullable=False),
    Column("again", Boolean, nullable=False),
    Column("progress_text", Text),
    Column("progress_done", Integer),
    Column("progress_total", Integer),
    Column("finished_at", Instant),
    Column("failed_at", Instant),
    Column("error", JSON),
    Column("result", JSON),
    Index("job_key_open", "key", unique=True, sqlite_where=OPEN, postgresql_where=OPEN),
    Index("job_not_before_open", "not_before", sqlite_where=OPEN, postgresql_where=OPEN),
    Index("job_account_id", "account_id"),
)
