"""What the codes of the store mean, in words: for those who open the store without the program."""

from sqlalchemy import Column, Double, Table, Text

from layers.store.schema.metadata import metadata

# Follows the taxonomy that the program ships; the site's own names are in `category`.  A limit is so much by
# a clock of the taxonomy
category_word = Table(
    "category_word",
    metadata,
    Column("scheme", Text, primary_key=True),
    Column("code", Text, primary_key=True),
    Column("name_zh", Text, nullable=False),
    Column("name_en", Text, nullable=False),
    Column("class_zh", Text),
    Column("class_en", Text),
    Column("kind", Text, nullable=False),
    Column("units_zh", Text),
    Column("units_en", Text),
    Column("limit_amount", Double),
    Column("limit_clock", Text),
)

# `topic` is what the key is a value of: the kind of a key point, the level of an area
word = Table(
    "word",
    metadata,
    Column("topic", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("zh", Text, nullable=False),
    Column("en", Text, nullable=False),
)
