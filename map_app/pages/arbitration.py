"""Arbitration: findings in doubt one after the other, their candidate blocks, and a click that decides."""

from collections.abc import Mapping, Sequence
from types import SimpleNamespace
from typing import Any

import pandas as pd
import shapely
from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from layers.errors import InvalidError
from layers.field import access, decisions
from layers.field.decisions import Decision, Place
from layers.field.findings import Finding
from layers.language import gettext
from map_app import basis, cards, legend, style, words
from map_app.maps import base, one_finding
from map_app.pages import filters
from map_app.pages.gate import allow, visitor
from map_app.pages.maps import ground
from map_app.pages.service import analyst, now, site

blueprint = Blueprint("arbitration", __name__)

# More are no help to anybody, and have keys of their own no longer
_MOST = 9
_LEAST_P = 0.001
# A side that is hardly more likely than the other helps nobody
_LEAST_SIDE = 0.7


@blueprint.get("/arbitration")
def page() -> ResponseReturnValue:
    """Show one finding of the queue with the blocks that it may lie on."""
    allow("decide")
    choice = filters.parse(request.args)
    place = decisions.queue(site(), choice.wanted, request.args.get("finding") or None)
    has_streets = site().network_or_none() is not None
    return render_template(
        "map_app/arbitration.html",
        place=place,
        filter=filters.form(request.args),
        kept=_kept(),
        done=_done(request.args.get("done")),
        has_streets=has_streets,
        **(_shown(place) if place.uuid and has_streets else {"found": None}),
    )


def _kept() -> dict[str, Any]:
    return {name: request.args[name] for name in (*filters.FIELDS, "block") if request.args.get(name)}


def _done(uuid: str | None) -> dict[str, str] | None:
    """Return what was decided of the finding before; nothing if that was taken back meanwhile."""
    made = access.finding(site(), visitor(), uuid).decision if uuid else None
    if uuid is None or made is None:
        return None
    where = (made.street_name or gettext("(no name)")) if made.block_id else gettext("None of these")
    return {"uuid": uuid, "where": where}


def _shown(place: Place) -> dict[str, Any]:
    found = access.finding(site(), visitor(), str(place.uuid))
    every = decisions.candidates(site(), found.uuid)
    candidates = _candidates(found, every)
    drawn = one_finding.build(ground(), (found.lon, found.lat), found.position.accuracy_m, candidates)
    placed = found.placement
    return {
        "found": found,
        "title": legend.name(site().taxonomy, found.scheme, found.code),
        "rows": _rows(found),
        "candidates": candidates,
        "p_none": placed.p_none if placed else None,
        "decision": found.decision,
        "basis": _basis(found, every, candidates),
        "parts": base.parts(drawn),
    }


def _rows(found: Finding) -> list[tuple[str, str]]:
    accuracy = found.position.accuracy_m
    return [
        *cards.finding_rows(analyst(), found),
        (gettext("Street as reported"), found.street_hint or ""),
        (gettext("Accuracy"), f"{accuracy:g} m" if accuracy is not None else ""),
    ]


def _candidates(found: Finding, every: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the likeliest blocks, the likeliest first; where there are few, the nearest besides.

    One that was chosen stands among them, whatever the evidence says.
    """
    likely = every[every["p"] >= _LEAST_P].head(_MOST)
    near = decisions.nearest(site(), found.uuid)
    near = near[~near["block_id"].isin(likely["block_id"])].head(max(len(near) - len(likely), 0))
    made = found.decision
    shown = [
        _candidate(found, row, p) for row, p in zip(likely.itertuples(), likely["p"].tolist(), strict=True)
    ]
    shown += [_candidate(found, row, None) for row in near.itertuples()]
    known = {one["key"] for one in shown}
    if made is not None and made.block_id in site().network.index.code_of and made.block_id not in known:
        shown.append(_candidate(found, _chosen(found, made), None))
    return [{**one, "decided": made is not None and one["key"] == made.block_id} for one in shown]


def _chosen(found: Finding, made: Decision) -> Any:
    """Return the block of a decision as a row like those of candidates."""
    network = site().network
    place = shapely.Point(network.projection.to_metres([[found.lon, found.lat]])[0])
    line = network.index.tree.geometries[network.index.code_of[str(made.block_id)]]
    return SimpleNamespace(
        block_id=made.block_id, street_name=made.street_name, distance_m=line.distance(place)
    )


def _candidate(found: Finding, row: Any, p: float | None) -> dict[str, Any]:
    """Return a block with its line in degrees and a colour by probability; without `p`, beyond reach."""
    network, colours = site().network, style.ramp(5)
    index = network.index
    line = index.tree.geometries[index.code_of[row.block_id]]
    lonlat = index.projection.to_lonlat(shapely.get_coordinates(line)).round(6).tolist()
    return {
        "key": row.block_id,
        "name": row.street_name or gettext("(no name)"),
        "p": p,
        "side": _side(found, row, line) if p is not None else "",
        "distance": words.distance(row.distance_m),
        "colour": colours[min(int(p * 5), 4)] if p is not None else style.OTHER_COLOUR,
        "line": lonlat,
    }


def _side(found: Finding, row: Any, line: Any) -> str:
    """Return the side of the block that it is on, as a person in the street calls it, where that is clear."""
    share = max(row.p_left, row.p_right) / row.p
    if share < _LEAST_SIDE:
        return gettext("side not clear")
    network = site().network
    chainage = line.project(shapely.Point(network.projection.to_metres([[found.lon, found.lat]])[0]))
    side = "left" if row.p_left > row.p_right else "right"
    return f"{cards.side_name(network, row.block_id, chainage, side)} ({words.probability(share)})"


def _basis(
    found: Finding, every: pd.DataFrame, candidates: Sequence[Mapping[str, Any]]
) -> list[tuple[str, str]]:
    """Return by what the probabilities came about, and what is not shown."""
    position, placed = found.position, found.placement
    evidence = [basis.source_name(position.source)]
    if placed is not None and placed.s_used_m is not None:
        evidence.append(f"σ {placed.s_used_m:.1f} m")
    if placed is not None and placed.by_track:
        evidence.append(gettext("patrol track"))
    if position.heading_deg is not None:
        evidence.append(gettext("heading"))
    if found.street_hint:
        evidence.append(gettext("street as reported"))
    shown = {one["key"] for one in candidates}
    others = every[~every["block_id"].isin(shown)]
    rows = [(gettext("Evidence"), ", ".join(evidence))]
    if len(others):
        text = gettext("%(n)s blocks, together %(p)s", n=len(others), p=words.probability(others["p"].sum()))
        rows.append((gettext("Less likely still"), text))
    return [*rows, *basis.of_streets(analyst(), now())]


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
