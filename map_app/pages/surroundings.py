"""The list of schools with the status of their surroundings, and a page per school."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from flask import Blueprint, render_template, request, url_for
from flask.typing import ResponseReturnValue

from geo.clearance import protects
from layers import people
from layers.analysis import around, on_foot, school_history, surroundings, verdicts, zone_streets
from layers.analysis.around import Around
from layers.analysis.surroundings import Surroundings
from layers.city import clearance_rules, foot_statements, key_points, taxonomy
from layers.city.clearance_rules import Kept
from layers.language import gettext
from map_app import around_words, basis, rule_words
from map_app import surroundings_words as words
from map_app.maps import base
from map_app.maps import surroundings as drawing
from map_app.pages.gate import allow, visitor
from map_app.pages.maps import ground
from map_app.pages.service import analyst, now, site
from map_app.words import local_time

blueprint = Blueprint("surroundings", __name__)

# What the map tells of a verdict
_OF_MARKS = ("what", "premises_id", "rule_id", "verdict", "distance_m", "limit_m", "path")


@blueprint.get("/school-surroundings")
def listed() -> ResponseReturnValue:
    """List the schools, the worst first."""
    allow("surroundings")
    found, wanted, zone = _status(), request.args.get("status"), site().settings.zone
    counts = Counter(found.schools["status"])
    by_week = _weeks()
    chosen = found.schools.assign(since=found.schools["fid"].map(school_history.since(by_week)))
    if wanted in surroundings.STATUSES:
        chosen = chosen[chosen["status"].eq(wanted)]
    by_age = request.args.get("order") == "since"
    if by_age:
        chosen = chosen.sort_values("since", kind="stable")
    first = str(by_week.columns[0])
    return render_template(
        "map_app/surroundings.html",
        schools=[
            {**words.school(row, zone), "since": words.since(row["since"], first, zone)}
            for row in chosen.to_dict("records")
        ],
        by_age=by_age,
        counts=[
            (name, rule_words.word(rule_words.STATUS, name), counts.get(name, 0), colour)
            for name, colour in drawing.STATUS_COLOURS.items()
        ],
        parts=base.parts(drawing.overview(ground(), _dots(chosen))),
        wanted=wanted,
        days=site().settings.surroundings_days,
        basis=_basis(),
    )


@blueprint.get("/school-surroundings/<int:fid>")
def one(fid: int) -> ResponseReturnValue:
    """Show one school: its zones, what lies inside by which rule, what nobody has seen, how it changes."""
    allow("surroundings")
    found, settings = _status(fid), site().settings
    school, judged, stretches = found.schools.iloc[0], found.verdicts, found.stretches
    near = around.look(analyst(), school["geom"], float(school["reach_m"]), now())
    said = _said()
    subjects = words.subjects(judged, said)
    zones = verdicts.zones(analyst(), fid, now())
    drawn = drawing.build(
        ground(),
        school["geom"],
        zones=[
            drawing.zone("", _colour(k), row.geometry, walked=bool(row.walked))
            for k, (_, zone) in enumerate(zones)
            for row in zone.itertuples()
        ],
        gates=_gates(fid),
        streets=_streets(stretches),
        marks=_marks(subjects, judged, near),
    )
    return render_template(
        "map_app/surrounding.html",
        school=words.school(dict(school), settings.zone),
        groups=words.by_rule(judged, subjects, said),
        zones=[(_colour(k), rule_words.title(kept), kept.rule_id) for k, (kept, _) in enumerate(zones)],
        silent=[
            (rule_words.title(kept), kept.rule_id, said)
            for kept, _ in zones
            for said in _doubts(kept, str(school["kind"]), found.unrecorded[kept.rule_id])
        ],
        streets=[
            words.street(row, settings.zone) for row in zone_streets.by_street(stretches).to_dict("records")
        ],
        seen_colours=drawing.SEEN_COLOURS,
        verdict_colours=[
            (colour, rule_words.word(rule_words.VERDICT, name))
            for name, colour in drawing.VERDICT_COLOURS.items()
        ],
        days=settings.surroundings_days,
        weeks=[
            words.week(str(at), str(status), settings.zone) for at, status in _weeks(fid).loc[fid].items()
        ],
        may_verify=people.may(visitor(), "verify"),
        n_ways=words.waits_for,
        around=around_words.of(near, said.categories, settings),
        today=local_time(now(), settings.zone),
        basis=_basis(fid),
        parts=base.parts(drawn),
    )


def _doubts(kept: Kept, kind: str, unrecorded: tuple[str, ...]) -> list[str]:
    """Return what a rule cannot say about a school of this kind, and why."""
    unsure = not protects(kept.rule(), kind)
    doubts = [rule_words.word(rule_words.NOTES, "kind_unknown") if unsure else ""]
    return [said for said in (*doubts, rule_words.silence(kept, unrecorded)) if said]


def _status(only: int | None = None) -> Surroundings:
    return surroundings.status(analyst(), now(), site().settings.surroundings_days, only)


def _weeks(only: int | None = None) -> pd.DataFrame:
    return school_history.weeks(analyst(), now(), site().settings.surroundings_days, only)


def _dots(schools: pd.DataFrame) -> list[dict[str, Any]]:
    zone = site().settings.zone
    return [
        {**words.dot(row, zone), "url": url_for(".one", fid=int(row["fid"]))}
        for row in schools.to_dict("records")
    ]


def _verified(fid: int | None) -> str:
    """Return how far crossings and barriers were checked, of one school or of all."""
    ways = on_foot.look(analyst())
    if ways is not None and ways.everything:
        return gettext("Crossings and barriers of these streets were checked on foot.")
    n = sum(one.state != foot_statements.WITHDRAWN for one in ways.said.ways.values()) if ways else 0
    if not n:
        return gettext("Crossings have not been verified: a walk proves nothing yet.")
    if fid is not None and on_foot.is_complete(analyst(), fid):
        return gettext("%(n)s ways were verified one by one; around this school nothing is missing.", n=n)
    return gettext("%(n)s ways were verified one by one; a walk that needs others proves nothing yet.", n=n)


def _said() -> words.Said:
    kept = {(rule.rule_id, rule.version): rule for rule in verdicts.rules(analyst())}
    with site().store.read() as conn:
        return words.Said(kept, taxonomy.of_site(conn), site().settings.zone)


def _colour(k: int) -> str:
    return drawing.RULE_COLOURS[k % len(drawing.RULE_COLOURS)]


def _gates(fid: int) -> list[dict[str, Any]]:
    with site().store.read() as conn:
        gates = key_points.read_gates(conn)
    own = gates[gates["key_point_id"].eq(fid)]
    return [
        {"lon": point.x, "lat": point.y, "title": words.gate(name, kind)}
        for point, name, kind in zip(own.geometry, own["name"], own["kind"], strict=True)
    ]


def _streets(stretches: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the streets of a zone to draw, by when they were last inspected."""
    if not len(stretches):
        return []
    state = np.select([stretches["seen"], stretches["last_at"].notna()], [0, 1], 2)
    drawn = zone_streets.lines(analyst(), stretches, pd.Series(state, index=stretches.index))
    titles = [_title(name, at) for name, at in zip(drawn["name"], drawn["last_at"], strict=True)]
    return drawing.streets(drawn, titles)


def _title(name: str | None, at: Any) -> str:
    """Return what a street says when it is clicked."""
    if pd.isna(at):
        said = gettext("never inspected")
    else:
        said = gettext("inspected %(at)s", at=local_time(at, site().settings.zone))
    return f"{name or gettext('(no name)')} · {said}"


def _marks(subjects: list[dict[str, Any]], judged: pd.DataFrame, near: Around) -> list[dict[str, Any]]:
    """Return what was judged as marks on the map, the worst first."""
    at_bell = dict(zip(near.near["uuid"], near.near["at_bell"].tolist(), strict=True))
    lines: dict[Any, list[dict[Any, Any]]] = {}
    for line in judged[list(_OF_MARKS)].to_dict("records"):
        lines.setdefault((line["what"], line["premises_id"]), []).append(line)
    return [_mark(one, lines[one["key"]], at_bell) for one in subjects]


def _mark(one: dict[str, Any], own: list[dict[Any, Any]], at_bell: dict[str, bool]) -> dict[str, Any]:
    row = one["row"]
    walked = [line["path"] for line in own if line["path"] is not None]
    rows = [[line["rule_id"], _short(line)] for line in own]
    return {
        "lon": round(float(row["lon"]), 6),
        "lat": round(float(row["lat"]), 6),
        "colour": drawing.VERDICT_COLOURS[row["verdict"]],
        "number": one["number"] if row["verdict"] != "clear" else None,
        "path": drawing.lines(walked[:1])[0] if walked else None,
        "title": one["title"],
        "rows": [[gettext("What"), one["sub"]], *rows],
        "bell": None if one["uuid"] is None else at_bell.get(one["uuid"], False),
        "url": url_for("pages.findings.one", uuid=one["uuid"])
        if one["uuid"]
        else url_for("pages.places.one", fid=one["fid"]),
    }


def _short(line: Mapping[Any, Any]) -> str:
    """Return a verdict with its distance and the limit, in a line."""
    verdict = rule_words.word(rule_words.VERDICT, line["verdict"])
    return f"{verdict} · {line['distance_m']:.1f} / {line['limit_m']:g} m"


def _basis(fid: int | None = None) -> basis.Rows:
    held = clearance_rules.newest(one for one in verdicts.rules(analyst()) if one.in_use)
    said = [f"{rule_words.source(one)} ({one.rule_id} · {one.version})" for one in held.values()]
    return [
        (gettext("Rules in use"), "; ".join(said) or gettext("none")),
        *basis.of_streets(analyst(), now()),
        (
            gettext("Missing or assumed"),
            _verified(fid),
        ),
    ]
