"""What a page stands on: the opened site, who answers questions about it, and the clock."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from flask import Flask, current_app

from layers.analysis.questions import Analyst
from layers.certificates import Served
from layers.site import Site


@dataclass(frozen=True, slots=True)
class Service:
    """What the pages of one app share; `served` is None where there are no certificates of our own."""

    site: Site
    analyst: Analyst
    clock: Callable[[], datetime]
    served: Served | None = None


def service() -> Service:
    """Return what stands behind this request."""
    return service_of(current_app)


def service_of(app: Flask) -> Service:
    """Return what stands behind an app."""
    found: Service = app.extensions["map_app"]
    return found


def site() -> Site:
    """Return the site behind this request."""
    return service().site


def analyst() -> Analyst:
    """Return who answers questions about the site."""
    return service().analyst


def now() -> datetime:
    """Return the instant of this request."""
    return service().clock()
