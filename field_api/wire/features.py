"""Features and collections of them: GeoJSON (RFC 7946) with ids and a way to the next page."""

from typing import Any, Literal
from urllib.parse import urlencode

from flask import request
from pydantic import Field
from shapely.geometry import mapping
from shapely.geometry.base import BaseGeometry

from field_api.wire.kinds import Outgoing

MEDIA_TYPE = "application/geo+json"


class Geometry(Outgoing):
    """A geometry in longitude and latitude on WGS 84."""

    type: str
    coordinates: list[Any]


class Link(Outgoing):
    """A way on from here; `href` is relative to the server."""

    rel: Literal["self", "next"]
    type: str = MEDIA_TYPE
    href: str


class Feature(Outgoing):
    """One thing with a place; its id is at the top, where GeoJSON has it."""

    type: Literal["Feature"] = "Feature"
    geometry: Geometry


class Collection(Outgoing):
    """One page of features."""

    type: Literal["FeatureCollection"] = "FeatureCollection"
    links: list[Link]
    number_returned: int = Field(serialization_alias="numberReturned")


def geometry_of(shape: BaseGeometry) -> Geometry:
    """Return a shapely geometry as GeoJSON has it.

    >>> from shapely import Point
    >>> geometry_of(Point(117.1, 39.2))
    Geometry(type='Point', coordinates=[117.1, 39.2])
    """
    known = mapping(shape)
    return Geometry(type=known["type"], coordinates=_listed(known["coordinates"]))


def _listed(coordinates: Any) -> list[Any]:
    return [_listed(each) if isinstance(each, tuple | list) else each for each in coordinates]


def links(following: str | None) -> list[Link]:
    """Return the ways on from this page; the last page has no next."""
    here = [Link(rel="self", href=request.full_path.rstrip("?"))]
    if following is None:
        return here
    asked = [(name, value) for name, value in request.args.items(multi=True) if name != "after"]
    onward = urlencode([*asked, ("after", following)])
    return [*here, Link(rel="next", href=f"{request.path}?{onward}")]
