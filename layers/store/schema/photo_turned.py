"""Photos that show the same, one of them mirrored or turned: found by the worker, kept both ways."""

from sqlalchemy import Column, ForeignKey, Table

from layers.store.schema.metadata import metadata

photo_turned = Table(
    "photo_turned",
    metadata,
    Column("photo_id", ForeignKey("photo.id"), primary_key=True),
    Column("other_id", ForeignKey("photo.id"), primary_key=True, index=True),
)
