"""A file of findings from a browser: looked at with its columns named, then imported."""

from typing import Any

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from layers.errors import InvalidError, XunchaError
from layers.importing import profiles, uploads
from layers.importing.options import FRAMES, ImportOptions
from layers.jobs import Job
from layers.language import explain, gettext
from layers.settings import SOURCE_ERRORS
from map_app import basis
from map_app.maps import base, import_preview
from map_app.pages import jobs
from map_app.pages.gate import allow, visitor
from map_app.pages.maps import ground
from map_app.pages.service import now, site

blueprint = Blueprint("uploads", __name__)
MAPPED = ("lon", "lat", "observed_at", "code", "note", "accuracy_m", "street_hint")


@blueprint.post("/imports/upload")
def upload() -> ResponseReturnValue:
    """Take a file and let a worker look at it."""
    allow("jobs")
    sent = [one for one in request.files.getlist("file") if one.filename]
    if not sent:
        raise InvalidError("Choose a file", field="file")
    profile = request.form.get("profile", "")
    options = profiles.get(site(), "findings", profile) if profile else ImportOptions(frame=_frame())
    name = str(sent[0].filename)
    key = uploads.take(site(), [(str(one.filename), one.stream) for one in sent])
    given = {"key": key, "name": name if len(sent) == 1 else f"{name} … ({len(sent)})"}
    return _ordered(uploads.LOOK, given, options)


@blueprint.get("/imports/uploads/<int:job_id>")
def looked_at(job_id: int) -> ResponseReturnValue:
    """Show what was found in a file, or what became of its import."""
    allow("jobs")
    job = uploads.of(site(), visitor(), job_id)
    found = dict(job.result or {})
    points = found.get("points") or []
    drawn = import_preview.build(ground(), points) if points and site().network_or_none() else None
    return render_template(
        "map_app/upload.html",
        line=jobs.line(job, now()),
        name=job.payload["name"],
        found=found,
        problem=_explained(found["error"]) if "error" in found else None,
        refused=[{**one, "reason": _explained(one["reason"])} for one in found.get("refused", [])],
        is_look=job.kind == uploads.LOOK,
        is_photos=found.get("kind") == "photos",
        options=profiles.read(job.payload["options"]),
        frames=FRAMES,
        sources=[(one, basis.source_name(one)) for one in SOURCE_ERRORS],
        fitted=basis.fitted(found.get("source_errors")),
        fields=[(one, _field_name(one)) for one in MAPPED],
        parts=base.parts(drawn) if drawn else None,
    )


@blueprint.post("/imports/uploads/<int:job_id>")
def again(job_id: int) -> ResponseReturnValue:
    """Look at the file again with other columns, or import it."""
    allow("jobs")
    job = uploads.of(site(), visitor(), job_id)
    options = _options(job)
    save_as = request.form.get("save_as", "").strip()
    if save_as:
        profiles.keep(site(), "findings", save_as, options, by=visitor().id, now=now())
    kind = uploads.IMPORT if request.form.get("act") == "import" else uploads.LOOK
    return _ordered(kind, {"key": job.payload["key"], "name": job.payload["name"]}, options)


def _ordered(kind: str, given: dict[str, str], options: ImportOptions) -> ResponseReturnValue:
    job = uploads.order(site(), visitor(), kind, given, options, now=now())
    return redirect(url_for(".looked_at", job_id=job), 303)


def _frame() -> str | None:
    return request.form.get("frame") or None


def _options(job: Job) -> ImportOptions:
    """Return how the file is to be read: as before, with what the form says in front of it."""
    before = profiles.read(job.payload["options"])
    said = {name: request.form.get(f"column_{name}", "") for name in MAPPED}
    columns = {**before.columns, **{name: column for name, column in said.items() if column}}
    for name in MAPPED:
        if not said[name]:
            columns.pop(name, None)
    code = request.form.get("all_code", "").strip()
    own = {"code": code, "source": request.form.get("source", "")}
    kept = {name: value for name, value in before.constants.items() if name not in own}
    constants = {**kept, **{name: value for name, value in own.items() if value}}
    key = request.form.get("key", "")
    fresh = ImportOptions(frame=_frame(), key=(key,) if key else ())
    joined = profiles.joined(before, fresh)
    return ImportOptions(**{**_fields(joined), "columns": columns, "constants": constants})


def _fields(options: ImportOptions) -> dict[str, Any]:
    return {name: getattr(options, name) for name in ImportOptions.__slots__}


def _explained(told: dict[str, Any]) -> str:
    return explain(XunchaError(told["message"], **told["params"]))


def _field_name(field: str) -> str:
    names = {
        "lon": gettext("Longitude"),
        "lat": gettext("Latitude"),
        "observed_at": gettext("Observed"),
        "code": gettext("Category code"),
        "note": gettext("Note"),
        "accuracy_m": gettext("Accuracy, m"),
        "street_hint": gettext("Street"),
    }
    return names[field]
