"""The city: categories, blocks, key points, areas."""

from flask import Response
from flask_openapi3.blueprint import APIBlueprint

from field_api import answers, described
from field_api.service import site, taxonomy
from field_api.wire.city import (
    BlockCollection,
    BlockQuery,
    Categories,
    DistrictCollection,
    DistrictQuery,
    KeyPointCollection,
    KeyPointQuery,
)
from field_api.wire.features import links
from field_api.wire.kinds import Nothing
from layers.city import pages

city = APIBlueprint("city", __name__, **described.noun("city"))


@city.get("/categories", responses={200: Categories, **described.LIST})
def categories(query: Nothing) -> Response:
    """Read what findings can be about, and the kinds of key points and areas, in Chinese and English."""
    return answers.json(Categories.of(taxonomy()))


@city.get("/blocks", responses={200: BlockCollection, **described.LIST})
def blocks(query: BlockQuery) -> Response:
    """Read street blocks of the newest network; a walk through the pages stays on the one it began with."""
    page = pages.blocks(site(), query.box, after=query.after, limit=query.limit)
    return answers.geojson(BlockCollection.of(page, links(page.next)))


@city.get("/key-points", responses={200: KeyPointCollection, **described.LIST})
def key_points(query: KeyPointQuery) -> Response:
    """Read schools, markets, hospitals and other places that matter."""
    page = pages.key_points(site(), query.box, query.kind, after=query.after, limit=query.limit)
    return answers.geojson(KeyPointCollection.of(page, links(page.next)))


@city.get("/districts", responses={200: DistrictCollection, **described.LIST})
def districts(query: DistrictQuery) -> Response:
    """Read areas: subdistricts, communities, grids, estates, campuses."""
    page = pages.districts(site(), query.box, query.level, after=query.after, limit=query.limit)
    return answers.geojson(DistrictCollection.of(page, links(page.next)))
