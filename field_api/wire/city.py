"""The city as it is answered: categories, blocks, key points, areas."""

from collections.abc import Mapping
from math import isnan
from typing import Annotated, Any

import geopandas as gpd
from pydantic import Field, StringConstraints

from field_api.wire.features import Collection, Feature, Link, geometry_of
from field_api.wire.kinds import Box, Incoming, Number, OneOf, Outgoing
from layers.city import taxonomy
from layers.city.pages import LARGEST, CityPage
from layers.city.taxonomy import DISTRICT_LEVELS, KEY_POINT_KINDS, Taxonomy

KeyPointKind = Annotated[str, OneOf(tuple(KEY_POINT_KINDS))]
Level = Annotated[str, OneOf(tuple(DISTRICT_LEVELS))]


class CityQuery(Incoming):
    """Which part of the city; without a box all of it."""

    bbox: Box | None = None
    limit: Annotated[int, Field(ge=1, le=LARGEST)] = 100

    @property
    def box(self) -> Any:
        """Return the box as four numbers: a text on the wire, validated into them."""
        return self.bbox


class BlockQuery(CityQuery):
    """Which blocks."""

    after: Annotated[str, StringConstraints(pattern=r"^[0-9]{1,9}\.[0-9]{1,18}$")] | None = Field(
        None, description="From the link to the next page"
    )


class KeyPointQuery(CityQuery):
    """Which key points."""

    after: Number | None = Field(None, description="From the link to the next page")
    kind: list[KeyPointKind] | None = Field(None, description="As often as needed")


class DistrictQuery(CityQuery):
    """Which areas."""

    after: Number | None = Field(None, description="From the link to the next page")
    level: list[Level] | None = Field(None, description="As often as needed")


class Block(Outgoing):
    """A street between two intersections."""

    network_version: int
    block_id: str
    street_id: str
    corridor_id: str | None
    name: str | None
    street_class: str | None = Field(validation_alias="class", serialization_alias="class")
    one_way: int
    layer: int
    width_m: float | None
    lanes: int | None
    length_m: float
    is_short: bool


class BlockFeature(Feature):
    """A block with its line."""

    id: str
    properties: Block


class BlockCollection(Collection):
    """One page of blocks, with the words that their source asks to be shown beside them."""

    attribution: str | None
    features: list[BlockFeature]

    @classmethod
    def of(cls, page: CityPage, links: list[Link]) -> "BlockCollection":
        """Return a page of the store as it is answered."""
        found = [
            BlockFeature(
                id=row["block_id"], geometry=geometry_of(row["geom"]), properties=Block.model_validate(row)
            )
            for row in _rows(page.rows)
        ]
        return cls(attribution=page.attribution, features=found, links=links, number_returned=len(found))


class KeyPoint(Outgoing):
    """A place that matters."""

    kind: str
    kind_name: str
    name: str | None
    source: str
    source_id: str


class KeyPointFeature(Feature):
    """A key point with its ground, or its point where the ground is not known."""

    id: int
    properties: KeyPoint


class KeyPointCollection(Collection):
    """One page of key points."""

    features: list[KeyPointFeature]

    @classmethod
    def of(cls, page: CityPage, links: list[Link]) -> "KeyPointCollection":
        """Return a page of the store as it is answered."""
        found = [
            KeyPointFeature(
                id=row["fid"],
                geometry=geometry_of(row["geom"]),
                properties=KeyPoint(**row, kind_name=taxonomy.kind_name(row["kind"])),
            )
            for row in _rows(page.rows)
        ]
        return cls(features=found, links=links, number_returned=len(found))


class District(Outgoing):
    """An area of some level."""

    level: str
    level_name: str
    code: str | None
    name: str | None


class DistrictFeature(Feature):
    """An area with its outline."""

    id: int
    properties: District


class DistrictCollection(Collection):
    """One page of areas."""

    features: list[DistrictFeature]

    @classmethod
    def of(cls, page: CityPage, links: list[Link]) -> "DistrictCollection":
        """Return a page of the store as it is answered."""
        found = [
            DistrictFeature(
                id=row["fid"],
                geometry=geometry_of(row["geom"]),
                properties=District(**row, level_name=taxonomy.level_name(row["level"])),
            )
            for row in _rows(page.rows)
        ]
        return cls(features=found, links=links, number_returned=len(found))


def _rows(frame: gpd.GeoDataFrame) -> list[dict[str, Any]]:
    """Return rows as plain values: a frame says NaN where there is nothing."""
    return [
        {str(name): None if _is_nan(value) else value for name, value in row.items()}
        for row in frame.to_dict("records")
    ]


def _is_nan(value: Any) -> bool:
    return isinstance(value, float) and isnan(value)


class Category(Outgoing):
    """What a finding can be about; `id` is what filters take."""

    id: str
    scheme: str
    code: str
    kind: str
    main_class: str | None
    name_zh: str
    name_en: str


class Scheme(Outgoing):
    """A list of codes; a code means nothing without it."""

    id: str
    title_zh: str
    title_en: str


class Word(Outgoing):
    """A word of the store with what people call it."""

    id: str
    name_zh: str
    name_en: str


def _words(names: Mapping[str, tuple[str, str]]) -> list[Word]:
    return [Word(id=key, name_zh=zh, name_en=en) for key, (zh, en) in names.items()]


class Categories(Outgoing):
    """Everything that has a code or a word, with its names in both languages."""

    schemes: list[Scheme]
    categories: list[Category]
    key_point_kinds: list[Word]
    district_levels: list[Word]

    @classmethod
    def of(cls, known: Taxonomy) -> "Categories":
        """Return the taxonomy of a site as it is answered."""
        return cls(
            schemes=[Scheme.model_validate(each) for each in known.schemes.values()],
            categories=[Category.model_validate(each) for each in known.all()],
            key_point_kinds=_words(KEY_POINT_KINDS),
            district_levels=_words(DISTRICT_LEVELS),
        )
