"""Other programs that are told of every change: their addresses, and what became of each telling."""

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from layers.language import gettext
from layers.webhooks import deliveries, hooks
from map_app.pages.gate import allow, visitor
from map_app.pages.service import now, site

blueprint = Blueprint("webhooks", __name__)
_NONE = {"done": 0, "waiting": 0, "failed": 0}


@blueprint.get("/webhooks")
def page() -> ResponseReturnValue:
    """List the addresses and the newest deliveries."""
    allow("jobs")
    return _shown()


@blueprint.post("/webhooks")
def add() -> ResponseReturnValue:
    """Add an address, and show its secret this once."""
    allow("jobs")
    events = request.form.get("events", "").replace(",", " ").split()
    made = hooks.add(site(), request.form.get("url", "").strip(), events, by=visitor().id, now=now())
    return _shown(made=made)


@blueprint.post("/webhooks/<int:number>/switch")
def switch(number: int) -> ResponseReturnValue:
    """Switch an address on or off."""
    allow("jobs")
    hooks.switch(site(), number, active=request.form.get("on") == "1", by=visitor().id, now=now())
    return redirect(url_for(".page"), 303)


@blueprint.post("/webhooks/<int:number>/replay")
def replay(number: int) -> ResponseReturnValue:
    """Tell an address once more: one delivery, or those that were given up."""
    allow("jobs")
    which = request.form.get("delivery", "")
    one = int(which) if which.isascii() and which.isdigit() and len(which) < 18 else None
    deliveries.replay(site(), number, by=visitor().id, now=now(), delivery_id=one)
    return redirect(url_for(".page"), 303)


def _shown(made: hooks.Webhook | None = None) -> str:
    counts = deliveries.counts(site())
    states = {"done": gettext("told"), "waiting": gettext("waiting"), "failed": gettext("given up")}
    return render_template(
        "map_app/webhooks.html",
        hooks=[(one, counts.get(one.id, _NONE)) for one in hooks.every(site())],
        deliveries=deliveries.newest(site()),
        states=states,
        made=made,
    )
