"""Exports: findings as a file, at once where that is possible, else as an order that is fetched later."""

from flask import Response, send_file
from flask_openapi3.blueprint import APIBlueprint

from field_api import answers, described
from field_api.auth import asker
from field_api.service import PREFIX, now, site, taxonomy
from field_api.wire.exports import ByKind, ByNumber, CoverageByKind, CoverageChoice, ExportAnswer
from field_api.wire.features import MEDIA_TYPE
from field_api.wire.findings import FindingChoice
from field_api.wire.kinds import Nothing
from layers import language
from layers.exporting import coverage_orders, files, orders
from layers.exporting.files import FORMATS, Export
from layers.field.scope import seen_by

exports = APIBlueprint("exports", __name__, **described.noun("exports"))
_FILE = {
    "content": {
        one.media_type: described.FEATURES if one.media_type == MEDIA_TYPE else described.BYTES
        for one in FORMATS.values()
    }
}


@exports.get("/findings.<kind>", responses={200: _FILE, 202: ExportAnswer, **described.READ})
def export_findings(path: ByKind, query: FindingChoice) -> Response:
    """Read the findings that one may see as a file.

    CSV and GeoJSON are streamed however many they are. A longer file of another kind gets 202 and the
    address where it can be fetched when it is made.
    """
    wanted = seen_by(asker(), query.filter(taxonomy()))
    export = Export(kind=path.kind, wanted=wanted, speak=language.current())
    headers = {"Content-Disposition": f"attachment; filename=findings.{path.kind}"}
    form = FORMATS[path.kind]
    if form.streams:
        return Response(files.stream(site(), export), content_type=form.media_type, headers=headers)
    if orders.is_short(site(), export):
        with orders.at_once(site(), export) as made:
            return Response(made.read_bytes(), content_type=form.media_type, headers=headers)
    number = orders.order(site(), asker(), export, now=now())
    return _told(number, 202)


@exports.get("/coverage.<kind>", responses={202: ExportAnswer, **described.READ})
def export_coverage(path: CoverageByKind, query: CoverageChoice) -> Response:
    """Order what patrols covered, an interval per row, as a file: 202, and where it can be fetched."""
    number = coverage_orders.order(
        site(),
        asker(),
        query.asked(asker()),
        kind=path.kind,
        speak=language.current(),
        now=now(),
    )
    return _told(number, 202)


@exports.get("/exports/<number>", responses={200: ExportAnswer, **described.READ})
def get_export(path: ByNumber, query: Nothing) -> Response:
    """Read how far an export is that was ordered."""
    return _told(path.number, 200)


@exports.get("/exports/<number>/file", responses={200: _FILE, 409: described.ERROR, **described.READ})
def get_export_file(path: ByNumber, query: Nothing) -> Response:
    """Fetch an export that is done."""
    made = orders.file_of(site(), asker(), path.number)
    form = FORMATS[made.suffix[1:]]
    return send_file(made, mimetype=form.media_type, as_attachment=True, download_name=made.name)


def _told(number: int, status: int) -> Response:
    job = orders.of(site(), asker(), number)
    here = f"{PREFIX}/exports/{number}"
    headers = {"Location": here} if status == 202 else {}
    answer = ExportAnswer.of(job, job.state(now()), f"{here}/file")
    return answers.json(answer, status, headers)
