"""The pages: a blueprint per screen, one gate before all of them."""

from collections.abc import Callable
from datetime import UTC, datetime

from flask import Blueprint, Flask

from layers.analysis.questions import Analyst
from layers.certificates import Served
from layers.site import Site
from map_app import assets
from map_app.pages import (
    account,
    accounts,
    arbitration,
    checks,
    coverage,
    datum_doctor,
    devices,
    duplicates,
    errors,
    exports,
    field,
    findings,
    gate,
    hotspots,
    imports,
    jobs,
    maps,
    measures,
    own,
    parking,
    patrol_plan,
    personnel,
    phone,
    places,
    population,
    rules,
    speech,
    start,
    surroundings,
    targets,
    team_walk,
    tiles,
    tour,
    uploads,
    ways,
    webhooks,
)
from map_app.pages.service import Service


def prepare(site: Site) -> None:
    """Make what the pages of a site would else make when they are first asked: its street tiles."""
    Analyst(site).prepare()


def register(
    app: Flask,
    site: Site,
    *,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    served: Served | None = None,
) -> None:
    """Add the pages of `site` to `app`."""
    assets.warn_when_missing()
    app.extensions["map_app"] = Service(site, Analyst(site), clock, served)
    if not app.secret_key:
        app.secret_key = site.settings.secret_key()
    pages = Blueprint(
        "pages",
        "map_app",
        static_folder="static",
        static_url_path="/assets",
        template_folder="templates",
    )
    screens = (
        start,
        account,
        accounts,
        maps,
        tiles,
        hotspots,
        measures,
        coverage,
        checks,
        targets,
        patrol_plan,
        team_walk,
        parking,
        findings,
        field,
        phone,
        devices,
        own,
        personnel,
        places,
        surroundings,
        ways,
        rules,
        tour,
        arbitration,
        duplicates,
        datum_doctor,
        jobs,
        exports,
        webhooks,
        imports,
        population,
        uploads,
    )
    for screen in screens:
        pages.register_blueprint(screen.blueprint)
    speech.prepare(app, pages)
    gate.prepare(app, pages)
    errors.prepare(app, pages)
    account.throttle(app)
    app.register_blueprint(pages)
