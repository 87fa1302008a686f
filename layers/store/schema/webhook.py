"""Who is told of every change, and what became of each telling."""

from sqlalchemy import JSON, Boolean, Column, ForeignKey, Index, Integer, Table, Text, UniqueConstraint, text

from layers.store.schema.metadata import metadata
from layers.store.types import Instant, Key

DUE = text("delivered_at IS NULL AND failed_at IS NULL")

# `seen` is the last line of the history from which deliveries were made
webhook = Table(
    "webhook",
    metadata,
    Column("id", Key, primary_key=True),
    Column("url", Text, nullable=False),
    Column("secret", Text, nullable=False),
    Column("events", JSON, nullable=False),
    Column("active", Boolean, nullable=False),
    Column("seen", Key, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("account_id", ForeignKey("account.id")),
    sqlite_autoincrement=True,
)

webhook_delivery = Table(
    "webhook_delivery",
    metadata,
    Column("id", Key, primary_key=True),
    Column("webhook_id", ForeignKey("webhook.id"), nullable=False),
    # a line of the history, which is never deleted
    Column("history_id", Key, nullable=False),
    Column("not_before", Instant, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("delivered_at", Instant),
    Column("failed_at", Instant),
    Column("status", Integer),
    Column("error", JSON),
    UniqueConstraint("webhook_id", "history_id"),
    Index("webhook_delivery_not_before_due", "not_before", sqlite_where=DUE, postgresql_where=DUE),
    Index("webhook_delivery_history_id", "history_id"),
    sqlite_autoincrement=True,
)
