"""The HTTP interface for phones and other programs: `/api/v1`.

`register(app, site)` adds it to any Flask app.  The roof calls it after the pages have registered, so
that their protection against forged forms can be told to leave it alone: a bearer token is never sent
by a browser on its own.
"""

from flask import Flask
from flask_openapi3.blueprint import APIBlueprint

from field_api import answers, auth, bodies, errors
from field_api.checks import checks
from field_api.city import city
from field_api.documentation import describe, documentation
from field_api.exports import exports
from field_api.findings import findings
from field_api.health import health
from field_api.people import people
from field_api.photos import photos
from field_api.service import PREFIX, Clock, Service, clock
from field_api.tracks import tracks
from field_api.uploads import uploads
from layers.site import Site

_NOUNS = (findings, exports, photos, uploads, tracks, checks, city, people, health)


def register(app: Flask, site: Site, clock: Clock = clock) -> None:
    """Serve the API of `site` on `app` under `/api/v1`; `clock` says what time it is."""
    api = _assembled()
    charge = auth.allowance(site.settings.requests_per_minute, site.settings.secret_key().encode())
    app.extensions["field_api"] = Service(site, clock, charge, describe(api))
    errors.register_on_app(app)
    app.register_blueprint(api)
    _exempt_from_csrf(app)


def _assembled() -> APIBlueprint:
    """Return all nouns under one prefix; the checks run in this order before every handler."""
    api = APIBlueprint("api", __name__, url_prefix=PREFIX)
    for noun in _NOUNS:
        api.register_api(noun)
    api.register_blueprint(documentation)
    api.before_request(auth.speak)
    api.before_request(auth.identify)
    api.before_request(bodies.admit)
    errors.register(api)
    answers.register(api)
    return api


def _exempt_from_csrf(app: Flask) -> None:
    csrf = app.extensions.get("csrf")
    if csrf is not None:
        for name, blueprint in app.blueprints.items():
            if name.split(".")[0] == "api":
                csrf.exempt(blueprint)
