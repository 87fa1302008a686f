"""The ways on foot around one school: a person says of each crossing and street what is found there."""

from typing import Any

import numpy as np
import shapely
from flask import Blueprint, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from layers.analysis import on_foot, surroundings
from layers.city import foot_statements, key_points
from layers.city.foot_statements import Said, Statement
from layers.errors import ConflictError, InvalidError, NotFoundError, XunchaError
from layers.language import explain, gettext
from map_app import rule_words
from map_app.maps import base
from map_app.maps import ways as drawing
from map_app.pages import filters
from map_app.pages.gate import allow, visitor
from map_app.pages.maps import ground
from map_app.pages.service import analyst, now, site
from map_app.words import local_time, number

blueprint = Blueprint("ways", __name__)

# So far beyond the widest rule people may walk round and still be inside it
_BEYOND_M = 50.0
_ALL_OTHERS, _COMPLETE, _EVERYWHERE = "all others", "complete", "everywhere"


@blueprint.get("/school-surroundings/<int:fid>/ways")
def page(fid: int) -> ResponseReturnValue:
    """Show the crossings and streets around a school, those that a verdict waits for first."""
    allow("verify")
    return _page(fid)


@blueprint.post("/school-surroundings/<int:fid>/ways")
def say(fid: int) -> ResponseReturnValue:
    """Keep what somebody says of a way, of all others, or of the whole."""
    allow("verify")
    ways = on_foot.look(analyst())
    if ways is None:
        raise NotFoundError("There are no streets yet: import some first")
    what, state = request.form.get("what", ""), request.form.get("state", "")
    said: dict[str, Any] = {"network_version": ways.version, "now": now(), "by": visitor().id}
    school = _school(fid)
    try:
        with site().store.write() as conn:
            if what in (_COMPLETE, _EVERYWHERE):
                of = fid if what == _COMPLETE else None
                foot_statements.vouch(conn, of, state, **said)
            elif what == _ALL_OTHERS:
                rest = [key for key in _near(school)["path_id"] if not _judged(ways.said, key)]
                foot_statements.say(conn, rest, foot_statements.USABLE, **said)
            else:
                _say_one(conn, ways, what, state, said)
    except (InvalidError, ConflictError) as error:
        return _page(fid, error)
    return redirect(url_for(".page", fid=fid, _anchor=f"way-{what}" if _is_key(ways, what) else None), 303)


def _say_one(conn: Any, ways: on_foot.Ways, key: str, state: str, said: dict[str, Any]) -> None:
    if not _is_key(ways, key):
        raise InvalidError("There is no such way on these streets", field="what")
    place = None
    if state == foot_statements.BARRIER and request.form.get("lon"):
        place = (_degrees("lon"), _degrees("lat"))
    looked_at = filters.whole_number(request.form, "version") or 0
    note = request.form.get("note")
    foot_statements.say(conn, [key], state, looked_at=looked_at, at=place, note=note, **said)


def _is_key(ways: on_foot.Ways, key: str) -> bool:
    return bool(ways.table["path_id"].eq(key).any())


def _degrees(name: str) -> float:
    text = request.form.get(name, "")
    try:
        return float(text)
    except ValueError as error:
        raise InvalidError("%(given)s is not a number", field=name, given=text[:40]) from error


def _school(fid: int) -> Any:
    return surroundings.status(analyst(), now(), site().settings.surroundings_days, fid).schools.iloc[0]


def _near(school: Any) -> Any:
    return on_foot.near(analyst(), school["geom"], float(school["reach_m"]) + _BEYOND_M)


def _judged(said: Said, key: str) -> bool:
    return key in said.ways and said.ways[key].state != foot_statements.WITHDRAWN


def _page(fid: int, error: XunchaError | None = None) -> ResponseReturnValue:
    school, ways = _school(fid), on_foot.look(analyst())
    near, waiting = _near(school), _waiting(fid)
    said = ways.said if ways else None
    rows = [_row(row, said, waiting) for row in near.itertuples()]
    rows.sort(key=lambda one: (not one["waits"], one["distance_m"]))
    for k, one in enumerate(rows, 1):
        one["number"] = k
    with site().store.read() as conn:
        gates = key_points.read_gates(conn)
    own = gates[gates["key_point_id"].eq(fid)]
    drawn = drawing.build(
        ground(),
        school["geom"],
        [(point.x, point.y) for point in own.geometry],
        [{name: one[name] for name in ("key", "number", "line", "state", "waits", "at")} for one in rows],
    )
    body = render_template(
        "map_app/ways.html",
        school={"fid": fid, "name": school["name"] or gettext("(no name)")},
        rows=rows,
        n_waiting=sum(one["waits"] for one in rows),
        n_open=sum(one["state"] == "open" for one in rows),
        complete=_vouched(said.places.get(fid), ways.version) if ways and said else None,
        everywhere=_vouched(said.all, ways.version) if ways and said else None,
        version=said.version if said else 0,
        network=ways.version if ways else 0,
        states=[(key, rule_words.word(rule_words.WAY_STATES, key)) for key in drawing.COLOURS],
        colours=drawing.COLOURS,
        message=explain(error) if error else None,
        parts=base.parts(drawn),
    )
    return make_response(body, 422 if error else 200)


def _waiting(fid: int) -> set[str]:
    """Return the ways that verdicts of this school wait for."""
    found = surroundings.status(analyst(), now(), site().settings.surroundings_days, fid).verdicts
    own = found[found["verdict"].isin(["indeterminate", "measure_on_site"])]
    return {key for keys in own["waits_for"] for key in keys}


def _row(row: Any, said: Said | None, waiting: set[str]) -> dict[str, Any]:
    held = said.ways.get(row.path_id) if said else None
    if held is not None and held.state == foot_statements.WITHDRAWN:
        held = None
    line = shapely.get_coordinates(row.geometry).round(6).tolist()
    return {
        "key": row.path_id,
        "kind": rule_words.word(rule_words.WAYS, row.kind),
        "name": row.name if isinstance(row.name, str) else "",
        "distance_m": float(row.distance_m),
        "distance": number(float(row.distance_m)),
        "state": held.state if held else "open",
        "state_name": rule_words.word(rule_words.WAY_STATES, held.state if held else "open"),
        "said": _who(held) if held else "",
        "note": held.note if held else None,
        "waits": row.path_id in waiting,
        "line": line,
        "at": list(held.at) if held and held.at else _middle(row.geometry),
    }


def _middle(line: Any) -> list[float]:
    return np.round(shapely.get_coordinates(line.interpolate(0.5, normalized=True))[0], 6).tolist()  # type: ignore[no-any-return]


def _who(held: Statement) -> str:
    """Return when and by whom something was said."""
    return f"{local_time(held.set_at, site().settings.zone)} · {held.by or ''}".rstrip(" ·")


def _vouched(held: Statement | None, version: int) -> str | None:
    if held is None or (held.state, held.network_version) != (foot_statements.COMPLETE, version):
        return None
    return _who(held)
