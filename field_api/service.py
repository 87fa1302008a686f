"""What a request stands on: the opened site, a clock and the allowance of requests."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from flask import current_app, g

from layers.city.taxonomy import Taxonomy
from layers.site import Site

# Every URL of the API begins with this
PREFIX = "/api/v1"

Clock = Callable[[], datetime]


def clock() -> datetime:
    """Return the present instant; the only place of the API that looks at a clock."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Service:
    """The site that a Flask app serves, with all that its requests share.

    `charge` takes one request from the asker's allowance, or refuses.
    """

    site: Site
    clock: Clock
    charge: Callable[[], None]
    document: dict[str, Any]


def service() -> Service:
    """Return what stands behind this request."""
    found: Service = current_app.extensions["field_api"]
    return found


def site() -> Site:
    """Return the site behind this request."""
    return service().site


def taxonomy() -> Taxonomy:
    """Return the categories that the site knew when this request came."""
    return site().taxonomy_as_of(g.facts)


def now() -> datetime:
    """Return the instant of this request."""
    return service().clock()
