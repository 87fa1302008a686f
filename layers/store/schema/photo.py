"""Photos of findings; the files are on disk, by their hash."""

from sqlalchemy import Column, Double, ForeignKey, Integer, Table, Text, UniqueConstraint

from layers.store.schema.metadata import metadata
from layers.store.types import Instant, Key

photo = Table(
    "photo",
    metadata,
    Column("id", Key, primary_key=True),
    Column("finding_id", ForeignKey("finding.fid"), nullable=False),
    Column("sha256", Text, nullable=False, index=True),
    Column("role", Text, nullable=False),
    Column("media_type", Text, nullable=False),
    Column("n_bytes", Integer, nullable=False),
    Column("width_px", Integer, nullable=False),
    Column("height_px", Integer, nullable=False),
    Column("taken_at", Instant),
    Column("exif_lon", Double),
    Column("exif_lat", Double),
    # a difference hash, 16 hexadecimal digits; none for a photo of an older version until the worker makes it
    Column("phash", Text),
    # three more, of the picture mirrored and turned; the worker makes them soon after it came
    Column("turns", Text),
    Column("account_id", ForeignKey("account.id"), nullable=False),
    Column("received_at", Instant, nullable=False),
    UniqueConstraint("finding_id", "sha256"),
)
