"""The list of findings, and the page of one."""

import math
from functools import partial
from typing import Any
from urllib.parse import urlencode

import shapely
from flask import Blueprint, Response, render_template, request, send_file, url_for
from flask.typing import ResponseReturnValue

from layers import history
from layers.city import taxonomy
from layers.errors import NotFoundError
from layers.exporting.files import FORMATS
from layers.field import access, findings, photos, twins, witness
from layers.field.findings import Finding, FindingFilter
from layers.field.in_force import Decision
from layers.field.records import Placement
from layers.language import gettext
from layers.people import may
from map_app import basis, cards, coverage_words, legend, style, words
from map_app.maps import base, one_finding
from map_app.pages import filters
from map_app.pages.gate import visitor
from map_app.pages.maps import ground
from map_app.pages.service import analyst, site
from map_app.words import local_time, number

blueprint = Blueprint("findings", __name__)

_PER_PAGE = 50
_FOR_EVER = 31_536_000


@blueprint.get("/findings")
def listed() -> ResponseReturnValue:
    """List findings, the newest first."""
    choice = filters.parse(request.args)
    every = analyst().findings(choice.wanted).sort_values(["observed_at", "fid"], ascending=False)
    last_page = max(math.ceil(len(every) / _PER_PAGE), 1)
    at = min(max(request.args.get("page", 1, type=int), 1), last_page)
    uuids = every["uuid"].iloc[(at - 1) * _PER_PAGE : at * _PER_PAGE].tolist()
    return render_template(
        "map_app/findings.html",
        findings=_in_order(uuids),
        n=len(every),
        at=at,
        last_page=last_page,
        previous=_page_address(at - 1) if at > 1 else None,
        next=_page_address(at + 1) if at < last_page else None,
        filter=filters.form(request.args),
        exports=[(kind.upper(), url_for("pages.exports.export", kind=kind, **_kept())) for kind in FORMATS],
        name_of=lambda found: legend.name(site().taxonomy, found.scheme, found.code),
        street_of=partial(cards.street, analyst()),
        late=words.late,
    )


def _in_order(uuids: list[str]) -> list[Finding]:
    if not uuids:
        return []
    page = findings.page(site(), FindingFilter(uuids=tuple(uuids), with_duplicates=True), limit=len(uuids))
    return sorted(page.findings, key=lambda found: uuids.index(found.uuid))


def _page_address(number: int) -> str:
    return f"{url_for('.listed')}?{urlencode({**_kept(), 'page': number})}"


def _kept() -> dict[str, Any]:
    return {name: request.args[name] for name in (*filters.FIELDS, "block", "late") if request.args.get(name)}


@blueprint.get("/findings/<uuid>")
def one(uuid: str) -> ResponseReturnValue:
    """Show one finding: what, where, how sure, its photos, its history."""
    found = access.finding(site(), visitor(), uuid)
    with site().store.read() as conn:
        lines = history.of(conn, "finding", uuid)
    drawn = one_finding.build(ground(), (found.lon, found.lat), found.position.accuracy_m, _candidates(found))
    return render_template(
        "map_app/finding.html",
        found=found,
        title=legend.name(site().taxonomy, found.scheme, found.code),
        rows=_rows(found),
        witness=_witness(found),
        candidates=_candidates(found),
        parts=base.parts(drawn),
        history=lines,
        may_decide=may(visitor(), "decide"),
        sees_around=may(visitor(), "surroundings"),
        linked=twins.links(site(), uuid) if may(visitor(), "see all") else [],
        relations=words.RELATIONS,
        apart=words.apart,
        late=words.late,
        also_on=photos.also_on(site(), visitor(), found),
        doubts={doubt for picture in found.photos for doubt in picture.doubts},
    )


@blueprint.get("/findings/<uuid>/photos/<sha256>")
def photo(uuid: str, sha256: str) -> Response:
    """Send the public copy of a photo of this finding."""
    found = access.finding(site(), visitor(), uuid)
    if sha256 not in {picture.sha256 for picture in found.photos}:
        raise NotFoundError("There is no such photo")
    path = photos.open_public(site(), sha256, thumbnail="small" in request.args)
    response = send_file(path, mimetype="image/jpeg", conditional=True)
    response.headers["Cache-Control"] = f"private, max-age={_FOR_EVER}, immutable"
    return response


def _witness(found: Finding) -> list[tuple[str, str]]:
    """Return what the track tells of the moment; of a finding of the public there is none to ask."""
    if found.channel == "public" or site().network_or_none() is None:
        return []
    return coverage_words.witness_rows(analyst(), witness.of(site(), found))


def _candidates(found: Finding) -> list[dict[str, Any]]:
    """Return the blocks that the finding may lie on, the likeliest first, with their lines in degrees."""
    placed, network = found.placement, site().network_or_none()
    if placed is None or network is None or placed.network_version != network.version:
        return []
    blocks = network.blocks.set_index("block_id")
    chances = [(placed.block_id, placed.p_block), (placed.runner_up_block, placed.runner_up_p)]
    decided = found.decision.block_id if found.decision else None
    if decided is not None and decided not in {placed.block_id, placed.runner_up_block}:
        chances.append((decided, None))
    known = [(block_id, p) for block_id, p in chances if block_id in blocks.index]
    return [
        {
            "name": blocks.at[block_id, "name"] or gettext("(no name)"),
            "p": p,
            "decided": block_id == decided,
            "colour": (*style.CANDIDATE_COLOURS, style.CHOSEN_COLOUR)[k],
            "line": _lonlat(network.projection, blocks.at[block_id, "geometry"]),
        }
        for k, (block_id, p) in enumerate(known)
    ]


def _lonlat(projection: Any, line: Any) -> list[list[float]]:
    found: list[list[float]] = projection.to_lonlat(shapely.get_coordinates(line)).round(6).tolist()
    return found


def _rows(found: Finding) -> list[tuple[str, str]]:
    position = found.position
    accuracy = f" ± {position.accuracy_m:g} m" if position.accuracy_m is not None else ""
    rows = [
        *cards.finding_rows(analyst(), found),
        (gettext("Received"), local_time(found.received_at, site().settings.zone)),
        (
            gettext("Position"),
            f"{found.lon:.6f}, {found.lat:.6f}{accuracy} ({basis.source_name(position.source)})",
        ),
    ]
    rows += _along(found)
    rows += [(taxonomy.level_name(area.level), area.name or area.code or "") for area in found.districts]
    if found.decision is not None:
        rows += _decision(found.decision, found.placement)
    if found.n_items is not None:
        rows.append((gettext("Items"), number(found.n_items)))
    return rows


def _along(found: Finding) -> list[tuple[str, str]]:
    """Return where along the block it lies that it counts on, and by what evidence."""
    made, placed = found.decision, found.placement
    if made is not None:
        return [
            (gettext("Along the block"), f"{made.chainage_m:.0f} m" if made.chainage_m is not None else "")
        ]
    if placed is None or placed.outside:
        return []
    used = gettext("position and patrol track") if placed.by_track else gettext("position alone")
    rows = [(gettext("Placed by"), used)]
    if placed.chainage_m is None:
        return rows
    return [
        (gettext("Along the block"), f"{placed.chainage_m:.0f} m ± {placed.chainage_sd_m:.0f} m"),
        (gettext("From the centre line"), f"{placed.distance_m:.1f} m"),
        *rows,
    ]


def _decision(made: Decision, placed: Placement | None) -> list[tuple[str, str]]:
    """Return who decided what, and what the evidence alone says, which stays beside it."""
    where = (made.street_name or gettext("(no name)")) if made.block_id else gettext("None of these")
    when = local_time(made.at, site().settings.zone)
    rows = [(gettext("Decided"), " · ".join(filter(None, [where, made.account_name, when, made.reason])))]
    if placed is None:
        return rows
    alone = gettext("outside the streets")
    if placed.block_id is not None and placed.p_block is not None:
        alone = f"{placed.street_name or gettext('(no name)')} · {words.probability(placed.p_block)}"
    return [*rows, (gettext("By the evidence alone"), alone)]
