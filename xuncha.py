"""The roof: the WSGI app that joins the pages and the HTTP interface, and the command line."""

import logging
import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from flask import Flask, Response, request
from flask.sessions import SecureCookieSessionInterface
from werkzeug.middleware.proxy_fix import ProxyFix

import field_api
import map_app
from geo import assign, matching
from layers import language, shared
from layers.certificates import Served
from layers.site import Site
from layers.terminal import log, main, securing
from layers.terminal.following import follow_server
from layers.terminal.place import VARIABLE
from layers.terminal.serving import THREADS
from layers.terminal.unhurried import Unhurried

__all__ = ["create_app", "main", "serve_app"]

# Forms of the pages are small; the interface sets its own limit for each operation
_FORM_BYTES = 1 << 20
# Long enough for phones in daily use; not so long that a name cannot be given to another server
_ENCRYPTED_FOR_S = 30 * 24 * 3600


def _now() -> datetime:
    return datetime.now(UTC)


def create_app(site: Site, clock: Callable[[], datetime] = _now, served: Served | None = None) -> Flask:
    """Return the app that serves a site: pages at `/`, the HTTP interface under `/api/v1`.

    `served` tells how it is reached where it has certificates of its own.
    """
    app = Flask("xuncha", static_folder=None)
    app.config.update(
        SECRET_KEY=site.settings.secret_key(),
        MAX_CONTENT_LENGTH=site.settings.max_upload_bytes,
        MAX_FORM_MEMORY_SIZE=_FORM_BYTES,
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
    )
    app.session_interface = _Sessions()
    app.after_request(_only_encrypted)
    if site.settings.proxies:
        # what a proxy tells is believed of as many as there are; what came before them anybody may have said
        n = site.settings.proxies
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=n, x_proto=n, x_host=n, x_port=0, x_prefix=0)  # type: ignore[method-assign]
    language.choose(site.settings.language)
    # the pages first: they protect forms, and the interface tells them which paths are not forms
    map_app.register(app, site, clock=clock, served=served)
    field_api.register(app, site, clock)
    return app


def _only_encrypted(response: Response) -> Response:
    """Let a browser that has come by HTTPS come by nothing else."""
    if request.is_secure:
        response.headers["Strict-Transport-Security"] = f"max-age={_ENCRYPTED_FOR_S}"
    return response


class _Sessions(SecureCookieSessionInterface):
    """Sessions whose cookie is kept to HTTPS where that is how the browser came, through a proxy or not."""

    def get_cookie_secure(self, app: Flask) -> bool:
        """Tell whether the cookie goes over HTTPS only."""
        return request.is_secure


def serve_app() -> Unhurried:
    """Return the app of the site that the variable `XUNCHA_HOME` names, its kernels compiled.

    The server calls this in each of its processes before that answers the first request.
    """
    follow_server()
    site = Site.open(Path(os.environ[VARIABLE]), now=datetime.now(UTC))
    logging.getLogger().addHandler(log.handler(site.settings.home))
    # the first time they are compiled, once for all
    with shared.alone("kernels"):
        assign.warm_up()
        matching.warm_up()
    site.network_or_none()
    app = create_app(site, served=securing.served(site.settings.home))
    threads, most_bytes = int(os.environ.get(THREADS, "2")), site.settings.max_upload_bytes
    return Unhurried(app, threads=threads, most_bytes=most_bytes)


if __name__ == "__main__":
    main()
