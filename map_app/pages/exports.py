"""Findings as files: at once where that is possible, else made beside the answers and fetched here."""

from flask import Blueprint, Response, redirect, render_template, request, send_file, url_for
from flask.typing import ResponseReturnValue

from layers import language
from layers.exporting import files, orders
from layers.exporting.files import FORMATS, Export
from map_app.pages import filters, jobs
from map_app.pages.gate import visitor
from map_app.pages.service import now, site

blueprint = Blueprint("exports", __name__)


@blueprint.get("/findings/export/<kind>")
def export(kind: str) -> ResponseReturnValue:
    """Send the findings of the list, with its filters, as a file."""
    wanted = filters.parse(request.args).wanted
    asked = Export(kind=kind, wanted=wanted, speak=language.current(), in_words=kind == "csv")
    form = FORMATS[kind]
    day = now().astimezone(site().settings.zone).date()
    headers = {"Content-Disposition": f"attachment; filename=findings-{day}.{kind}"}
    if form.streams:
        return Response(files.stream(site(), asked), content_type=form.media_type, headers=headers)
    if orders.is_short(site(), asked):
        with orders.at_once(site(), asked) as made:
            return Response(made.read_bytes(), content_type=form.media_type, headers=headers)
    return redirect(url_for(".ordered", job_id=orders.order(site(), visitor(), asked, now=now())), 303)


@blueprint.get("/exports/<int:job_id>")
def ordered(job_id: int) -> ResponseReturnValue:
    """Show how far an export is, and where its file is."""
    job = orders.of(site(), visitor(), job_id)
    return render_template(
        "map_app/export.html",
        line=jobs.line(job, now()),
        kind=job.payload["kind"].upper(),
        of_coverage=job.kind == orders.COVERAGE,
    )


@blueprint.get("/exports/<int:job_id>/file")
def fetched(job_id: int) -> ResponseReturnValue:
    """Send the file of an export."""
    made = orders.file_of(site(), visitor(), job_id)
    media_type = FORMATS[made.suffix[1:]].media_type
    return send_file(made, mimetype=media_type, as_attachment=True, download_name=made.name)
