"""Parts of the hashes of photos, by which like ones are found without comparing all."""

from sqlalchemy import Column, ForeignKey, Index, Integer, Table

from layers.store.schema.metadata import metadata

photo_band = Table(
    "photo_band",
    metadata,
    Column("photo_id", ForeignKey("photo.id"), primary_key=True),
    Column("band", Integer, primary_key=True),
    Column("value", Integer, nullable=False),
    Index("photo_band_band_value", "band", "value"),
)
