"""How a phone comes to trust this server, for whoever stands before it with the phone in the hand.

Open to strangers, and to phones that come by plain HTTP because they do not trust the server yet; see
`layers.terminal.doorstep`.
"""

import ipaddress

from flask import Blueprint, Response, abort, render_template, request, send_file, url_for
from flask.typing import ResponseReturnValue

from layers import certificates, language
from layers.language import LANGUAGES
from map_app import qr
from map_app.pages.service import service

blueprint = Blueprint("phone", __name__)


@blueprint.get("/phone")
def page() -> ResponseReturnValue:
    """Tell how to put the root certificate on a phone; `lang` is spoken before any choice was kept."""
    wanted = request.args.get("lang") or request.accept_languages.best_match(list(LANGUAGES))
    if wanted in LANGUAGES and ("lang" in request.args or "session" not in request.cookies):
        language.choose(wanted)
    served = service().served
    host = _host()
    door = f"http://{host}:{served.door}" if served else None
    here, field = url_for("pages.phone.page"), base() + url_for("pages.field.page")
    return render_template(
        "map_app/phone.html",
        door=door and door + here,
        field=field,
        pictures={"door": door and qr.picture(door + here), "field": qr.picture(field)},
        fingerprint=certificates.fingerprint(served.root) if served else None,
        is_safe=request.is_secure,
        other=next(iter(LANGUAGES.items() - {(language.current(), LANGUAGES[language.current()])})),
    )


@blueprint.get("/phone/xuncha-root.crt")
def root() -> Response:
    """Hand out the root certificate, which is no secret; its key is."""
    served = service().served
    if served is None:
        abort(404)
    return send_file(served.root, mimetype="application/x-x509-ca-cert", download_name="xuncha-root.crt")


def base() -> str:
    """Return how the address of any page begins for a phone."""
    served = service().served
    return f"https://{_host()}:{served.port}" if served else request.host_url.rstrip("/")


def _host() -> str:
    """Return the name or address by which a phone reaches this machine: as we were reached, if it can."""
    host = request.host.rsplit(":", 1)[0] if not request.host.endswith("]") else request.host
    if host == "localhost" or _is_loopback(host):
        host = next((one for one in certificates.addresses() if ":" not in one), host)
    return host


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
