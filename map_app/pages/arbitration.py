"""Arbitration: findings in doubt one after the other, their candidate blocks, and a click that decides."""

from typing import Any

import shapely
from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from layers.errors import InvalidError
from layers.field import access, decisions
from layers.field.decisions import Place
from layers.field.findings import Finding
from layers.language import gettext
from map_app import cards, legend, style
from map_app.maps import base, one_finding
from map_app.pages import filters
from map_app.pages.gate import allow, visitor
from map_app.pages.maps import ground
from map_app.pages.service import analyst, now, site

blueprint = Blueprint("arbitration", __name__)

# More are no help to anybody, and have keys of their own no longer
_MOST = 9
_LEAST_P = 0.001


@blueprint.get("/arbitration")
def page() -> ResponseReturnValue:
    """Show one finding of the queue with the blocks that it may lie on."""
    allow("decide")
    choice = filters.parse(request.args)
    place = decisions.queue(site(), choice.wanted, request.args.get("finding") or None)
    shown = _shown(place) if place.uuid and site().network_or_none() else {"found": None}
    return render_template(
        "map_app/arbitration.html",
        place=place,
        filter=filters.form(request.args),
        kept=_kept(),
        **shown,
    )


def _kept() -> dict[str, Any]:
    return {name: request.args[name] for name in (*filters.FIELDS, "block") if request.args.get(name)}


def _shown(place: Place) -> dict[str, Any]:
    found = access.finding(site(), visitor(), str(place.uuid))
    candidates = _candidates(found.uuid)
    drawn = one_finding.build(ground(), (found.lon, found.lat), found.position.accuracy_m, candidates)
    return {
        "found": found,
        "title": legend.name(site().taxonomy, found.scheme, found.code),
        "rows": _rows(found),
        "candidates": candidates,
        "decision": decisions.of(site(), found.uuid),
        "parts": base.parts(drawn),
    }


def _rows(found: Finding) -> list[tuple[str, str]]:
    accuracy = found.position.accuracy_m
    return [
        *cards.finding_rows(analyst(), found),
        (gettext("Street as reported"), found.street_hint or ""),
        (gettext("Accuracy"), f"{accuracy:g} m" if accuracy is not None else ""),
    ]


def _candidates(uuid: str) -> list[dict[str, Any]]:
    """Return the likeliest blocks, the likeliest first."""
    every = decisions.candidates(site(), uuid)
    likely = every[every["p"] >= _LEAST_P].head(_MOST)
    return [_candidate(row) for row in likely.itertuples()]


def _candidate(row: Any) -> dict[str, Any]:
    """Return a block with its line in degrees and a colour by probability."""
    index, colours = site().network.index, style.ramp(5)
    line = shapely.get_coordinates(index.tree.geometries[index.code_of[row.block_id]])
    return {
        "key": row.block_id,
        "name": row.street_name or gettext("(no name)"),
        "p": row.p,
        "side": gettext("left side") if row.p_left > row.p_right else gettext("right side"),
        "p_side": max(row.p_left, row.p_right) / row.p,
        "distance_m": row.distance_m,
        "colour": colours[min(int(row.p * 5), 4)],
        "line": index.projection.to_lonlat(line).round(6).tolist(),
    }


@blueprint.post("/arbitration/<uuid>")
def decide(uuid: str) -> ResponseReturnValue:
    """Keep a decision, and go on to the next finding in the queue."""
    allow("decide")
    if "block" not in request.form:
        raise InvalidError("Choose a block, or none of these", field="block")
    after = decisions.queue(site(), filters.parse(request.args).wanted, uuid).after
    block, reason = request.form["block"] or None, request.form.get("reason")
    decisions.decide(site(), visitor(), uuid, block, reason=reason, now=now())
    return redirect(url_for(".page", finding=after, done=uuid, **_kept()), 303)


@blueprint.post("/arbitration/<uuid>/take-back")
def take_back(uuid: str) -> ResponseReturnValue:
    """Take the decision about a finding back, and show the finding again."""
    allow("decide")
    key = request.form.get("decision", "")
    if not (key.isascii() and key.isdigit() and len(key) < 18):
        raise InvalidError("%(given)s is not a number", field="decision", given=key[:40])
    decisions.take_back(site(), visitor(), uuid, int(key), now=now())
    return redirect(url_for(".page", finding=uuid, **_kept()), 303)
