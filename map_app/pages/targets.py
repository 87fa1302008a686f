"""How often each class of streets is to be inspected: read by everybody, decided by supervisors."""

from typing import Any

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from layers import people, targets
from layers.analysis import coverage_tables
from layers.errors import InvalidError, XunchaError
from layers.language import explain
from layers.targets import Targets
from map_app import coverage_words
from map_app.pages import coverage_filters, filters
from map_app.pages.gate import allow, visitor
from map_app.pages.service import analyst, now, site
from map_app.words import number

blueprint = Blueprint("targets", __name__)

_PREFIX = "days-"


@blueprint.get("/coverage/targets")
def page() -> ResponseReturnValue:
    """Show the targets, what they make overdue, and what held before."""
    return _page()


@blueprint.post("/coverage/targets")
def decide() -> ResponseReturnValue:
    """Keep what the form says."""
    allow("rules")
    try:
        wanted = {
            name.removeprefix(_PREFIX): _days(name, text)
            for name, text in request.form.items()
            if name.startswith(_PREFIX)
        }
        looked_at = filters.whole_number(request.form, "version") or 0
        with site().store.write() as conn:
            targets.decide(conn, wanted, looked_at=looked_at, now=now(), by=visitor().id)
    except XunchaError as error:
        return _page(explain(error)), 422
    return redirect(url_for(".page"), 303)


def _days(name: str, text: str) -> float | None:
    """Return the days that a field says; an empty one says that there is no target."""
    if not text.strip():
        return None
    try:
        return float(text)
    except ValueError as error:
        raise InvalidError(
            "%(given)s is not a number", field=name.removeprefix(_PREFIX), given=text[:40]
        ) from error


def _page(message: str | None = None) -> str:
    with site().store.read() as conn:
        known, decisions = targets.in_force(conn), targets.decisions(conn)
    return render_template(
        "map_app/targets.html",
        rows=_rows(known) if site().network_or_none() else [],
        version=known.version,
        decisions=decisions,
        class_name=coverage_words.street_class,
        message=message,
        may_change=people.may(visitor(), "rules"),
        fewest=targets.FEWEST,
        most=targets.MOST,
    )


def _rows(known: Targets) -> list[dict[str, Any]]:
    """Return a row per class in use, the longest first, with what is overdue by its target."""
    choice = coverage_filters.parse(request.args, filters.parse(request.args))
    table = coverage_tables.by_class(analyst(), choice.asked, now())
    return [
        {
            "key": str(name),
            "name": coverage_words.street_class(str(name)),
            "days": known.of(str(name)),
            "decided": str(name) in known.decided,
            "length": number(row["length_m"] / 1000, 1),
            "overdue": number(row["overdue_m"] / 1000, 1),
            "share": f"{100 * row['overdue_m'] / row['length_m']:.0f} %" if row["length_m"] else "",
        }
        for name, row in table.iterrows()
    ]
