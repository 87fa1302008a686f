"""Features and collections of them: GeoJSON (RFC 7946) with ids and a way to the next page."""

from typing import Any, Literal
from urllib.parse import urlencode

from flask import request
from pydantic import Field
from shapely.geometry.base import BaseGeometry
from shapely.geometry import mapping

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


def geometry_of(shape: BaseGeometry) -> Geometry:
    """Return a shapely geometry as GeoJSON has it."""
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
