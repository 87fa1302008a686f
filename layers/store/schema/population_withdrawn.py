"""Populations that were taken back: the one before is in force again."""

from sqlalchemy import Column, ForeignKey, Table

from layers.store.schema.metadata import metadata
from layers.store.types import Instant, Key

population_withdrawn = Table(
    "population_withdrawn",
    metadata,
    Column("id", Key, primary_key=True),
    Column("population_id", ForeignKey("population.id"), nullable=False, unique=True),
    Column("account_id", ForeignKey("account.id"), nullable=False),
    Column("at", Instant, nullable=False),
)
