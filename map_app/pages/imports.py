"""What was imported: the runs, and taking a whole one back."""

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from layers.importing import kinds, profiles, undoing, uploads
from layers.people import may
from map_app import basis, import_words
from map_app.pages import uploads as uploading
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
        kind_name=import_words.kind_name,
        kinds=uploading.kinds_of_mine(),
        fitted=basis.fitted,
        undoable=[one for one in undoing.UNDOABLE if may(visitor(), kinds.get(one).act)],
        profiles=[(one.name, one.kind) for one in profiles.every(site())],
        frames=import_words.frame_choices(),
        most_mb=f"{site().settings.max_upload_bytes / 1e6:.0f}",
        suffixes=",".join((*uploads.SUFFIXES, *uploads.TOGETHER)),
    )


@blueprint.post("/imports/<int:run_id>/undo")
def undo(run_id: int) -> ResponseReturnValue:
    """Let a worker take an import back."""
    allow("jobs")
    force = request.form.get("force") == "1"
    undoing.order(site(), visitor(), run_id, force=force, now=now())
    return redirect(url_for("pages.jobs.page"), 303)
