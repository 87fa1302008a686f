"""A file from a browser: looked at with its columns named, then imported."""

import zoneinfo
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from layers import people, teams
from layers.errors import InvalidError
from layers.importing import kinds, profiles, uploads, walkers
from layers.importing.kinds import Kind
from layers.importing.options import ImportOptions
from layers.jobs import Job
from map_app import basis, import_words
from map_app.import_words import Choices
from map_app.maps import base, import_preview
from map_app.pages import jobs
from map_app.pages.gate import allow, visitor
from map_app.pages.maps import ground
from map_app.pages.service import now, site

blueprint = Blueprint("uploads", __name__)
_WAYS = ("time_zone", "date_format", "coordinate_order")
# How the file as a whole is read
_READ = ("frame", "encoding", "layer", "crs", "source_name", *_WAYS)


@blueprint.post("/imports/upload")
def upload() -> ResponseReturnValue:
    """Take a file and let a worker look at it."""
    allow("jobs")
    sent = [one for one in request.files.getlist("file") if one.filename]
    if not sent:
        raise InvalidError("Choose a file", field="file")
    what = request.form.get("what", "")
    options = ImportOptions(frame=request.form.get("frame") or None)
    if request.form.get("profile"):
        # a profile is of a kind
        what, _, profile = request.form["profile"].partition(":")
        options = profiles.get(site(), what, profile)
    name = str(sent[0].filename)
    key = uploads.take(site(), [(str(one.filename), one.stream) for one in sent])
    name = name if len(sent) == 1 else f"{name} … ({len(sent)})"
    return _ordered(uploads.LOOK, {"key": key, "name": name, "what": what}, options)


@blueprint.get("/imports/uploads/<int:job_id>")
def looked_at(job_id: int) -> ResponseReturnValue:
    """Show what was found in a file, or what became of its import."""
    allow("jobs")
    job = uploads.of(site(), visitor(), job_id)
    found = dict(job.result or {})
    kind = kinds.get(str(found.get("kind") or job.payload.get("what") or "findings"))
    options = profiles.read(job.payload["options"])
    shapes = found.get("shapes") or {}
    is_drawn = any(shapes.values()) and site().network_or_none()
    drawn = import_preview.build(ground(), shapes) if is_drawn else None
    return render_template(
        "map_app/upload.html",
        line=jobs.line(job, now()),
        name=job.payload["name"],
        found=found,
        problem=import_words.missing(kind, found, options)
        or (import_words.explained(found["error"]) if "error" in found else None),
        refused=[
            {**one, "reason": import_words.explained(one["reason"])} for one in found.get("refused", [])
        ],
        earlier=_dated(found["earlier"], "at") if found.get("earlier") else None,
        n_overlaps=sum(bool(one["overlaps"]) for one in found.get("outings", [])),
        outings=[_dated(one, "begun_at", "ended_at") for one in found.get("outings", [])],
        is_look=job.kind == uploads.LOOK,
        kind=kind,
        kinds=kinds_of_mine(),
        has_columns="known" in found and bool(found["known"]),
        options=options,
        choices={name: _choices(kind.name, name) for name in (*kind.constants, "frame", "encoding")},
        fitted=basis.fitted(found.get("source_errors")),
        categories=[(one.id, one.name()) for one in site().taxonomy.all()]
        if "code" in kind.constants
        else [],
        words=import_words,
        asks=_asked(kind, found, options),
        dates=_dates(options),
        zones=sorted(zoneinfo.available_timezones()),
        own_zone=site().settings.zone.key,
        first=[_dated(one, "at") if "at" in one else one for one in found.get("first", [])],
        parts=base.parts(drawn) if drawn else None,
    )


@blueprint.post("/imports/uploads/<int:job_id>")
def again(job_id: int) -> ResponseReturnValue:
    """Look at the file again with other columns, or import it."""
    allow("jobs")
    job = uploads.of(site(), visitor(), job_id)
    was = str(job.payload.get("what", ""))
    what = request.form.get("what", was)
    kind = kinds.get(what or str((job.result or {}).get("kind") or "findings"))
    options = _options(job, kind, is_same=what == was)
    save_as = request.form.get("save_as", "").strip()
    if save_as:
        profiles.keep(site(), kind.name, save_as, options, by=visitor().id, now=now())
    act = uploads.IMPORT if request.form.get("act") == "import" else uploads.LOOK
    return _ordered(act, {"key": job.payload["key"], "name": job.payload["name"], "what": what}, options)


def _ordered(act: str, given: dict[str, str], options: ImportOptions) -> ResponseReturnValue:
    job = uploads.order(site(), visitor(), act, given, options, now=now())
    return redirect(url_for(".looked_at", job_id=job), 303)


def _asked(kind: Kind, found: Mapping[str, Any], options: ImportOptions) -> dict[str, Any]:
    """Return the ways of reading that this file needs told, each as it was read now."""
    ways = {**(found.get("assumed") or {}), **_said_ways(options)}
    wrong = (found.get("error") or {}).get("field")
    asked = {name: ways.get(name, "") for name in _WAYS if name in ways or name == wrong}
    if kind is kinds.PHOTOS:
        asked.setdefault("time_zone", "")
    if found.get("header_row"):
        asked["header_row"] = found["header_row"]
    in_metres = "x" in (found.get("columns") or {})
    if kind.is_layer or in_metres or options.crs or found.get("is_layer_of_shapes") or found.get("fitting"):
        asked["crs"] = options.crs or ""
    return asked


def _dates(options: ImportOptions) -> Choices:
    """Return how dates may be written, with what a profile says of it in its own way."""
    known, own = import_words.date_choices(), options.date_format
    return known if own is None or own in dict(known) else [*known, (own, own)]


def _said_ways(options: ImportOptions) -> dict[str, str]:
    return {name: said for name in _WAYS if (said := getattr(options, name))}


def kinds_of_mine() -> Choices:
    """Return what this visitor may bring in, of whatever a file does not show itself."""
    mine = [one.name for one in kinds.CHOSEN if people.may(visitor(), one.act)]
    return [(one, import_words.kind_name(one)) for one in mine]


def _choices(kind: str, field: str) -> Choices | None:
    """Return the values among which a field is chosen; None where it is written."""
    known = {
        "frame": import_words.frame_choices,
        "encoding": import_words.encoding_choices,
        "mode": import_words.mode_choices,
        "scheme": _schemes,
        "source": import_words.source_choices,
        "person": _people,
        "level": import_words.level_choices,
        "kind": import_words.kerb_choices if kind == "kerbs" else import_words.place_choices,
    }
    return known[field]() if field in known else None


def _schemes() -> Choices:
    """Return the lists of categories that the site knows."""
    return [(one.id, one.title()) for one in site().taxonomy.schemes.values()]


def _people() -> Choices:
    """Return whoever patrols, each with the team of today."""
    known = walkers.known(site())
    with site().store.read() as conn:
        in_teams = [(one, teams.of(conn, one.id, now())) for one in known]
    return [(one.login, f"{one.name} · {team}" if team else one.name) for one, team in in_teams]


def _options(job: Job, kind: Kind, *, is_same: bool) -> ImportOptions:
    """Return how the file is to be read: as before, with what the form says in front of it.

    Fields of another kind are none of this one.
    """
    before = profiles.read(job.payload["options"])
    columns = _said("column_", kind.mapped, before.columns if is_same else {})
    constants = _said("all_", kind.constants, before.constants if is_same else {})
    fresh = {name: request.form.get(name, "").strip() or None for name in _READ if name in request.form}
    key = request.form.get("key", "")
    values = {name: getattr(before, name) for name in ImportOptions.__slots__} | fresh
    if "header_row" in request.form:
        row = request.form.get("header_row", type=int)
        # what was only seen is seen again, in the next sheet and the next file of a profile
        values["header_row"] = before.header_row if row == (job.result or {}).get("header_row") else row
    if "key" in request.form:
        values["key"] = (key,) if key else ()
    return ImportOptions(**{**values, "columns": columns, "constants": constants})


def _said(prefix: str, names: tuple[str, ...], before: Mapping[str, str]) -> dict[str, str]:
    """Return what a form says of fields, beside what was said before of others."""
    own = {name: request.form.get(f"{prefix}{name}", "").strip() for name in names}
    kept = {name: value for name, value in before.items() if name not in own}
    return {**kept, **{name: value for name, value in own.items() if value}}


def _dated(told: dict[str, Any], *names: str) -> dict[str, Any]:
    return {**told, **{name: datetime.fromisoformat(told[name]) for name in names}}
