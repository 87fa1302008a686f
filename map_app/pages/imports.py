"""What was imported: the runs, and taking a whole one back."""

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from layers.importing import profiles, undoing, uploads
from layers.importing.options import FRAMES
from layers.language import gettext
from map_app import basis
from map_app.pages.gate import allow, visitor
from map_app.pages.service import now, site

blueprint = Blueprint("imports", __name__)


@blueprint.get("/imports")
def page() -> ResponseReturnValue:
    """List the runs of imports, the newest first."""
    allow("jobs")
    return render_template(
        "map_app/imports.html",
        runs=undoing.every(site()),
        kind_name=kind_name,
        fitted=basis.fitted,
        undoable=undoing.UNDOABLE,
        profiles=[one.name for one in profiles.every(site()) if one.kind == "findings"],
        frames=FRAMES,
        suffixes=",".join((*uploads.SUFFIXES, *uploads.TOGETHER)),
    )


@blueprint.post("/imports/<int:run_id>/undo")
def undo(run_id: int) -> ResponseReturnValue:
    """Let a worker take an import back."""
    allow("jobs")
    force = request.form.get("force") == "1"
    undoing.order(site(), run_id, by=visitor().id, force=force, now=now())
    return redirect(url_for("pages.jobs.page"), 303)


def kind_name(kind: str) -> str:
    """Return what a kind of import is called."""
    names = {
        "osm": gettext("OpenStreetMap extract"),
        "streets": gettext("Streets"),
        "key_points": gettext("Key points"),
        "districts": gettext("Areas"),
        "findings": gettext("Findings"),
        "tracks": gettext("Tracks"),
        "photos": gettext("Photos"),
        "population": gettext("Population"),
        "kerbs": gettext("Car parks, bays and no-parking stretches"),
    }
    return names.get(kind, kind)
