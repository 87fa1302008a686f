"""Noting what was done on a stretch, and taking back what was noted by mistake."""

from datetime import date
from urllib.parse import urlsplit

from flask import Blueprint, redirect, request, url_for
from flask.typing import ResponseReturnValue

from layers.errors import InvalidError
from layers.field import measures
from map_app.pages.gate import allow, visitor
from map_app.pages.service import now, site

blueprint = Blueprint("measures", __name__)


@blueprint.post("/measures")
def note() -> ResponseReturnValue:
    """Note a measure on the blocks of a stretch."""
    allow("overview")
    known = set(site().network.blocks["block_id"])
    block_ids = request.form.get("blocks", "").split()
    if not known.issuperset(block_ids):
        raise InvalidError("There is no such block", field="blocks")
    measures.note(
        site(),
        visitor(),
        request.form.get("kind", ""),
        _day(request.form.get("done_on", "")),
        block_ids,
        text=request.form.get("note", ""),
        now=now(),
    )
    return _back()


@blueprint.post("/measures/<int:number>/take-back")
def take_back(number: int) -> ResponseReturnValue:
    """Take a measure back."""
    allow("overview")
    measures.take_back(site(), visitor(), number, now=now())
    return _back()


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise InvalidError(
            "%(given)s is not a date such as 2020-09-25", field="day", given=text[:40]
        ) from error


def _back() -> ResponseReturnValue:
    """Lead back to the page of the stretch, never to another server."""
    wanted = urlsplit(request.form.get("back", ""))
    inside = not wanted.scheme and not wanted.netloc and wanted.path.startswith(("/hotspots/", "/parking/"))
    home = url_for("pages.maps.hotspots")
    if not inside:
        return redirect(home, 303)
    return redirect(f"{wanted.path}?{wanted.query}#done" if wanted.query else f"{wanted.path}#done", 303)
