"""The walk of one's own team: on a phone, street by street, with a map and a file."""

from datetime import datetime, timedelta
from typing import Any

from flask import Blueprint, Response, render_template, request, url_for
from flask.typing import ResponseReturnValue

from layers.exporting import patrol_walk as exporting
from layers.field import team_walks
from layers.field.team_walks import TeamWalk
from layers.language import gettext
from map_app import legend, reason_words
from map_app.maps import base, patrol_walk
from map_app.pages import filters
from map_app.pages.gate import allow, visitor
from map_app.pages.maps import ground
from map_app.pages.service import now, site

blueprint = Blueprint("team_walk", __name__)

# A walk stays in sight for so long after its end
_AFTER = timedelta(hours=12)


@blueprint.get("/walk")
def page() -> ResponseReturnValue:
    """Show the next walk of the visitor's team, or the one asked for."""
    allow("report")
    team = team_walks.team_of(site(), visitor(), now())
    known = team_walks.of_team(site(), team, ending_after=now() - _AFTER) if team else []
    wanted = filters.whole_number(request.args, "walk")
    shown = team_walks.one(site(), visitor(), wanted, now=now()) if wanted else next(iter(known), None)
    return render_template(
        "map_app/team_walk.html",
        team=team,
        walks=[(one.id, _when(one)) for one in known],
        shown=shown,
        when=_when(shown) if shown else "",
        streets=_streets(shown) if shown else [],
        gpx=url_for(".gpx", number=shown.id) if shown else "",
        legend=[(patrol_walk.COLOURS[name], reason_words.reason(name)) for name in patrol_walk.COLOURS],
        lot=_lot(shown) if shown else "",
        parts=base.parts(patrol_walk.build(ground(), *_drawn(shown))) if shown else None,
    )


@blueprint.get("/files/walks/<int:number>.gpx")
def gpx(number: int) -> Response:
    """Send the walk for the phone's own map."""
    allow("report")
    walk = team_walks.one(site(), visitor(), number, now=now())
    content = exporting.written(
        gettext("Patrol of %(day)s, %(team)s", day=_local(walk.begins_at, "%Y-%m-%d"), team=walk.team),
        [(one["lon"], one["lat"], _finding(one)) for one in walk.content["points"]],
        [(datetime.fromisoformat(leg["begins_at"]), leg["line"]) for leg in walk.content["legs"]],
        f"{gettext('Drawn by lot')}: {_lot(walk)}" if _lot(walk) else "",
    )
    headers = {"Content-Disposition": f"attachment; filename=walk-{number}.gpx"}
    return Response(content, content_type="application/gpx+xml", headers=headers)


def _local(instant: datetime, how: str) -> str:
    return instant.astimezone(site().settings.zone).strftime(how)


def _when(walk: TeamWalk) -> str:
    return f"{_local(walk.begins_at, '%m-%d %H:%M')} – {_local(walk.ends_at, '%H:%M')}"


def _finding(one: dict[str, Any]) -> str:
    day = _local(datetime.fromisoformat(one["observed_at"]), "%m-%d")
    return f"{legend.name(site().taxonomy, one['scheme'], one['code'])} {day}"


def _streets(walk: TeamWalk) -> list[dict[str, Any]]:
    """Return the sheet in the language of the page."""
    return [
        {
            **street,
            "name": street["name"] or gettext("(no name)"),
            "reasons": [reason_words.reason(one) for one in street["reasons"]],
            "rechecks": [_finding(one) for one in street["rechecks"]],
        }
        for street in walk.content["streets"]
    ]


def _lot(walk: TeamWalk) -> str:
    """Return what is said of the blocks drawn by lot; walks given before that was kept say nothing."""
    kept = walk.content.get("lot")
    return reason_words.lot(kept)[1] if kept else ""


def _drawn(walk: TeamWalk) -> tuple[list[dict[str, Any]], ...]:
    legs = [
        {"line": leg["line"], "colour": patrol_walk.COLOURS[leg["reason"]]} for leg in walk.content["legs"]
    ]
    marks = [
        {"lon": street["lon"], "lat": street["lat"], "text": str(number)}
        for number, street in enumerate(walk.content["streets"], 1)
    ]
    return legs, marks, [{**one, "text": _finding(one)} for one in walk.content["points"]]
