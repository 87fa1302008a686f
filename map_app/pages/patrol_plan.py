"""The patrol plan: where each team of a shift should walk, and why; as a map, a sheet, and a GPX file."""

from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any
from urllib.parse import urlencode

import pandas as pd
import shapely
from flask import Blueprint, Response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from layers import teams
from layers.analysis import patrol_plan
from layers.analysis.patrol_plan import Asked, Plan, Walk
from layers.errors import InvalidError, NotFoundError
from layers.exporting import patrol_walk as exporting
from layers.field import team_walks
from layers.language import gettext
from map_app import basis, legend, reason_words
from map_app.maps import base, patrol_walk
from map_app.pages import filters
from map_app.pages.gate import allow, visitor
from map_app.pages.maps import ground
from map_app.pages.service import analyst, now, site
from map_app.words import number

blueprint = Blueprint("patrol_plan", __name__)

_BEGINS = ("07:00", "09:00", "14:00", "15:00", "18:30")
_HOURS = ("2", "3", "4", "6", "8")


@dataclass(frozen=True, slots=True)
class Street:
    """A line of the sheet: a street walked without a break."""

    number: int
    begins: str
    name: str
    metres: float
    reasons: list[str]
    why: list[str]
    rechecks: list[tuple[str, str]]
    due: list[dict[str, Any]]


@blueprint.get("/patrol-plan")
def page() -> ResponseReturnValue:
    """Show the walks of a shift, one team at a time."""
    allow("overview")
    if site().network_or_none() is None:
        raise NotFoundError("There are no streets yet: import some first")
    asked = _asked()
    plan = patrol_plan.plan(analyst(), asked, now())
    team = min(max(filters.whole_number(request.args, "team") or 1, 1), asked.teams)
    walk = plan.walks[team - 1]
    streets = _streets(walk)
    no_lot, lot = reason_words.lot(reason_words.drawn(walk.route))
    return render_template(
        "map_app/patrol_plan.html",
        asked=asked,
        chosen=_kept(asked),
        begins=_BEGINS,
        hours=_HOURS,
        most_teams=patrol_plan.MOST_TEAMS,
        districts=filters.district_groups(),
        team=team,
        teams=[
            (n, f"{url_for('.page')}?{urlencode({**_kept(asked), 'team': n})}")
            for n in range(1, asked.teams + 1)
        ],
        gpx=f"{url_for('.gpx')}?{urlencode({**_kept(asked), 'team': team})}",
        give=f"{url_for('.give')}?{urlencode({**_kept(asked), 'team': team})}",
        team_names=_team_names(),
        given=_given(plan.begins_at),
        streets=streets,
        no_lot=lot if no_lot else "",
        unplaced=[_linked(one) for one in plan.unplaced.itertuples()],
        figures=_figures(walk, plan),
        legend=[
            (patrol_walk.COLOURS[name], reason_words.reason(name)) for name in (*patrol_plan.REASONS, "")
        ],
        parts=base.parts(patrol_walk.build(ground(), _lines(walk), _marks(walk, streets), _points(walk))),
        basis=_basis(plan, lot),
    )


@blueprint.get("/files/patrol-plan.gpx")
def gpx() -> Response:
    """Send one team's walk."""
    allow("overview")
    asked = _asked()
    team = filters.whole_number(request.args, "team") or 1
    if not 1 <= team <= asked.teams:
        raise InvalidError("From 1 to %(most)s teams can be planned for", field="team", most=asked.teams)
    walk = patrol_plan.plan(analyst(), asked, now()).walks[team - 1]
    words = {str(one.uuid): _finding(one) for one in walk.rechecks.itertuples()}
    name = gettext("Patrol of %(day)s, team %(team)s", day=asked.day.isoformat(), team=team)
    _, lot = reason_words.lot(reason_words.drawn(walk.route))
    content = exporting.as_gpx(
        walk, site().network.projection, name, words, f"{gettext('Drawn by lot')}: {lot}"
    )
    headers = {"Content-Disposition": f"attachment; filename=patrol-{asked.day}-{team}.gpx"}
    return Response(content, content_type="application/gpx+xml", headers=headers)


@blueprint.post("/patrol-plan/give")
def give() -> ResponseReturnValue:
    """Give one walk of the plan to a team, as it is now."""
    allow("overview")
    asked = _asked()
    number = filters.whole_number(request.args, "team") or 1
    if not 1 <= number <= asked.teams:
        raise InvalidError("From 1 to %(most)s teams can be planned for", field="team", most=asked.teams)
    plan = patrol_plan.plan(analyst(), asked, now())
    walk = plan.walks[number - 1]
    if not len(walk.legs):
        raise InvalidError("Nothing in reach is worth a walk.", field="team")
    team_walks.give(
        site(),
        visitor(),
        request.form.get("name", ""),
        plan.begins_at,
        plan.begins_at + timedelta(seconds=walk.route.seconds),
        length_m=walk.route.length_m,
        content=_content(walk),
        now=now(),
    )
    return redirect(f"{url_for('.page')}?{urlencode({**_kept(asked), 'team': number})}#given", 303)


def _given(begins_at: datetime) -> list[tuple[str, str, int]]:
    """Return which teams have a walk from this shift's day on: team, when, number."""
    zone = site().settings.zone
    day = begins_at.astimezone(zone).replace(hour=0, minute=0)
    return [
        (one.team, one.begins_at.astimezone(zone).strftime("%m-%d %H:%M"), one.id)
        for one in team_walks.given_since(site(), day)
    ]


def _team_names() -> list[str]:
    with site().store.read() as conn:
        return teams.names(conn)


def _asked() -> Asked:
    """Read the address; tomorrow where it names no day."""
    given = request.args
    teams = filters.whole_number(given, "teams")
    tomorrow = now().astimezone(site().settings.zone).date() + timedelta(days=1)
    return Asked(
        day=filters.day(given.get("day", ""), "day") or tomorrow,
        begins=_read(time.fromisoformat, "begins", "%(given)s is not a time such as 14:00") or time(14, 0),
        hours=_read(float, "hours", "%(given)s is not a number") or 4.0,
        teams=1 if teams is None else teams,
        district_id=filters.whole_number(given, "district"),
    )


def _read(kind: Any, name: str, message: str) -> Any:
    text = request.args.get(name, "")
    try:
        return kind(text) if text else None
    except ValueError as error:
        raise InvalidError(message, field=name, given=text[:40]) from error


def _kept(asked: Asked) -> dict[str, str]:
    known = {
        "day": asked.day.isoformat(),
        "begins": asked.begins.strftime("%H:%M"),
        "hours": f"{asked.hours:g}",
        "teams": str(asked.teams),
    }
    return known if asked.district_id is None else {**known, "district": str(asked.district_id)}


def _streets(walk: Walk) -> list[Street]:
    """Return the walk street by street."""
    legs = walk.legs
    names = legs["name"].fillna("").to_numpy()
    new = [n == 0 or names[n] != names[n - 1] for n in range(len(names))]
    lines = []
    for count, (_, group) in enumerate(legs.groupby(pd.Series(new).cumsum().to_numpy(), sort=True), 1):
        stops = group.loc[group["n_rechecks"] > 0, "block_id"]
        due = walk.rechecks[walk.rechecks["block_id"].isin(stops)]
        reasons = [name for name in patrol_plan.REASONS if name in set(group["reason"])]
        lines.append(
            Street(
                number=count,
                begins=group["begins_at"].iloc[0].strftime("%H:%M"),
                name=names[group.index[0]] or gettext("(no name)"),
                metres=float(group["length_m"].sum()),
                why=reasons,
                reasons=[reason_words.reason(name) for name in reasons] or [reason_words.reason("")],
                due=[_told(one) for one in due.itertuples()],
                rechecks=[_linked(one) for one in due.itertuples()],
            )
        )
    return lines


def _told(one: Any) -> dict[str, Any]:
    """Return what a team is told of a re-check."""
    return {
        "lon": round(float(one.lon), 7),
        "lat": round(float(one.lat), 7),
        "scheme": one.scheme,
        "code": one.code,
        "observed_at": one.observed_at.isoformat(),
    }


def _content(walk: Walk) -> dict[str, Any]:
    """Return the sheet and the lines of a walk as a team keeps them."""
    streets = _streets(walk)
    marks = _marks(walk, streets)
    projection = site().network.projection
    return {
        "streets": [
            {
                "begins": street.begins,
                "name": street.name,
                "metres": round(street.metres, 1),
                "reasons": street.why or [""],
                "rechecks": street.due,
                "lon": mark["lon"],
                "lat": mark["lat"],
            }
            for street, mark in zip(streets, marks, strict=True)
        ],
        "legs": [
            {
                "line": projection.to_lonlat(shapely.get_coordinates(line)).round(6).tolist(),
                "reason": why,
                "begins_at": begins_at.isoformat(),
            }
            for line, why, begins_at in zip(
                walk.legs.geometry, walk.legs["reason"], walk.legs["begins_at"], strict=True
            )
        ],
        "points": [_told(one) for one in walk.rechecks.itertuples()],
        "lot": reason_words.drawn(walk.route),
    }


def _points(walk: Walk) -> list[dict[str, Any]]:
    return [{**_told(one), "text": _finding(one)} for one in walk.rechecks.itertuples()]


def _finding(one: Any) -> str:
    day = one.observed_at.astimezone(site().settings.zone).strftime("%m-%d")
    return f"{legend.name(site().taxonomy, one.scheme, one.code)} {day}"


def _linked(one: Any) -> tuple[str, str]:
    return _finding(one), url_for("pages.findings.one", uuid=one.uuid)


def _lines(walk: Walk) -> list[dict[str, Any]]:
    projection = site().network.projection
    return [
        {
            "line": projection.to_lonlat(shapely.get_coordinates(leg.geometry)).round(6).tolist(),
            "colour": patrol_walk.COLOURS[leg.reason],
        }
        for leg in walk.legs.itertuples()
    ]


def _marks(walk: Walk, streets: list[Street]) -> list[dict[str, Any]]:
    """Return where each street of the sheet begins."""
    legs, projection = walk.legs, site().network.projection
    names = legs["name"].fillna("").to_numpy()
    firsts = [n for n in range(len(names)) if n == 0 or names[n] != names[n - 1]]
    places = projection.to_lonlat(
        shapely.get_coordinates(shapely.get_point(legs.geometry.to_numpy()[firsts], 0)).reshape(-1, 2)
    )
    return [
        {"lon": round(float(lon), 6), "lat": round(float(lat), 6), "text": str(street.number)}
        for (lon, lat), street in zip(places, streets, strict=True)
    ]


def _figures(walk: Walk, plan: Plan) -> list[tuple[str, str]]:
    route, legs = walk.route, walk.legs
    ends: datetime = plan.begins_at + timedelta(seconds=route.seconds)
    late = plan.worth.set_index("block_id")["overdue"].reindex(legs["block_id"]).to_numpy() > 0
    seen = ~legs["block_id"].duplicated().to_numpy()
    return [
        (
            f"{route.length_m / 1000:.1f} km",
            gettext("to walk, back at %(time)s", time=ends.strftime("%H:%M")),
        ),
        (number(int(legs["n_rechecks"].sum())), gettext("re-checks")),
        (f"{legs['length_m'][late & seen].sum() / 1000:.1f} km", gettext("overdue, then seen")),
        (f"{100 * route.lot.share:.0f} %", gettext("of the time drawn by lot")),
        (number(len(route.left_out)), gettext("blocks in reach left for another day")),
    ]


def _basis(plan: Plan, lot: str) -> basis.Rows:
    before, after = plan.overdue_m
    memory = gettext("findings and tracks of %(days)s days", days=patrol_plan.MEMORY_DAYS)
    return [
        (gettext("Streets in the area"), f"{number(plan.km, 1)} km"),
        (
            gettext("Overdue"),
            gettext(
                "%(before)s km before, %(after)s km after these walks",
                before=number(before / 1000, 1),
                after=number(after / 1000, 1),
            ),
        ),
        (
            gettext("Re-checks due"),
            gettext(
                "%(n)s: past the typical limit, nobody came by since; holidays not known",
                n=number(plan.n_rechecks),
            ),
        ),
        (
            gettext("Schools"),
            gettext(
                "%(n)s without a verdict, %(bells)s with a bell in this shift",
                n=number(plan.n_schools),
                bells=number(plan.n_bells),
            ),
        ),
        (
            gettext("Likely spots"),
            gettext("No tracks: by length of street")
            if plan.declared
            else gettext("Hotspot model, %(of)s", of=memory),
        ),
        (gettext("Drawn by lot"), lot),
        (
            gettext("Walking"),
            gettext("1 m/s, both sides; three minutes for a re-check; one-ways bind no walker"),
        ),
        *basis.of_streets(analyst(), now()),
    ]
