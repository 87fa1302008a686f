"""The list of schools with the status of their surroundings, a page per school, and the rules in use."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

import pandas as pd
from flask import Blueprint, Response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from layers import people
from layers.analysis import school_zones, surroundings
from layers.analysis.surroundings import Surroundings
from layers.city import clearance_rules, taxonomy
from layers.errors import NotFoundError
from layers.language import gettext
from map_app import basis
from map_app.maps import base
from map_app.maps import surroundings as drawing
from map_app.pages.gate import allow, visitor
from map_app.pages.maps import ground
from map_app.pages.service import analyst, now, site
from map_app.words import local_time, number

blueprint = Blueprint("surroundings", __name__)

WITHIN_DAYS = 14
_STATUS = {"breached": "breached", "unverified": "unverified: nobody looked", "clear": "clear"}
_VERDICT = {
    "breach": "breach",
    "clear": "clear of the rule",
    "indeterminate": "indeterminate",
    "measure_on_site": "measure on site",
}
_COLOUR = {"breach": "#b3261e", "measure_on_site": "#b26a00", "indeterminate": "#5f6b76", "clear": "#2e7d32"}


@blueprint.get("/school-surroundings")
def listed() -> ResponseReturnValue:
    """List the schools, the worst first."""
    allow("overview")
    found = _status()
    wanted = request.args.get("status")
    counts = Counter(found.schools["status"])
    chosen = found.schools[found.schools["status"].eq(wanted)] if wanted in _STATUS else found.schools
    return render_template(
        "map_app/surroundings.html",
        schools=[_school(row) for row in chosen.to_dict("records")],
        counts=[(name, gettext(_STATUS[name]), counts.get(name, 0)) for name in surroundings.STATUSES],
        wanted=wanted,
        days=WITHIN_DAYS,
        basis=_basis(),
    )


@blueprint.get("/school-surroundings/<int:fid>")
def one(fid: int) -> ResponseReturnValue:
    """Show one school: its zone, what lies inside by which rule, and what nobody has seen."""
    allow("overview")
    found = _status()
    mine = found.schools[found.schools["fid"].eq(fid)]
    if not len(mine):
        raise NotFoundError("There is no such school")
    verdicts = found.verdicts[found.verdicts["place_id"].eq(fid)]
    stretches = found.stretches[found.stretches["fid"].eq(fid)]
    school = mine.iloc[0]
    zone = school_zones.zone(school["geom"], float(school["reach_m"])) if school["reach_m"] > 0 else None
    months = surroundings.through_time(analyst(), school["geom"], float(school["reach_m"]))
    marks = [{"colour": _COLOUR[str(row["verdict"])], **_mark(row)} for row in verdicts.to_dict("records")]
    return render_template(
        "map_app/surrounding.html",
        school=_school(dict(school)),
        verdicts=[_verdict(row) for row in verdicts.sort_values("distance_m").to_dict("records")],
        stretches=[_stretch(row) for row in stretches.sort_values("seen").to_dict("records")],
        days=WITHIN_DAYS,
        months=months.to_dict("records"),
        bells=", ".join(surroundings.BELLS),
        basis=_basis(),
        parts=base.parts(drawing.build(ground(), school["geom"], zone, marks)),
    )


@blueprint.route("/rules", methods=["GET", "POST"])
def rules() -> ResponseReturnValue:
    """List the distance rules; a supervisor puts them into use and out of it."""
    if request.method == "POST":
        allow("rules")
        clearance_rules.use(
            site(),
            request.form.get("rule", ""),
            request.form.get("use") == "1",
            now=now(),
            account_id=visitor().id,
        )
        return redirect(url_for(".rules"), code=303)
    kept = clearance_rules.newest(surroundings.rules(analyst())).values()
    return render_template(
        "map_app/rules.html",
        rules=sorted(kept, key=lambda rule: (not rule.in_use, rule.rule_id)),
        may_change=people.may(visitor(), "rules"),
    )


@blueprint.get("/rules.csv")
def rules_csv() -> Response:
    """Send every rule as a spreadsheet."""
    kept = list(clearance_rules.newest(surroundings.rules(analyst())).values())
    text = "\ufeff" + clearance_rules.to_table(kept).to_csv(index=False)
    return Response(
        text, mimetype="text/csv", headers={"Content-Disposition": "attachment; filename=rules.csv"}
    )


def _status() -> Surroundings:
    at, who = now(), analyst()
    asked: dict[str, object] = {"minute": at.strftime("%Y-%m-%dT%H:%M"), "days": WITHIN_DAYS}
    return who.kept("surroundings", asked, lambda: surroundings.status(who, at, WITHIN_DAYS))


def _school(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "fid": int(row["fid"]),
        "name": row["name"] or gettext("(no name)"),
        "kind": taxonomy.kind_name(str(row["kind"])),
        "status": row["status"],
        "status_name": gettext(_STATUS[str(row["status"])]),
        "n_breach": int(row["n_breach"]),
        "n_open": int(row["n_open"]),
        "share": f"{100 * float(row['share_seen']):.0f} %",
        "unseen": number(float(row["unseen_m"])),
    }


def _verdict(row: dict[str, Any]) -> dict[str, Any]:
    walked = row["walked_m"]
    what = gettext("finding") if row["what"] == "finding" else gettext("licensed premises")
    network = row["network_version"]
    return {
        "what": f"{what} {row['premises_id']}",
        "verdict": gettext(_VERDICT[str(row["verdict"])]),
        "straight": number(float(row["straight_m"]), 1),
        "walked": "" if pd.isna(walked) else number(float(walked), 1),
        "limit": number(float(row["limit_m"])),
        "p": f"{float(row['p_inside']):.2f}",
        "gate": "" if row["gate_id"] is None else str(row["gate_id"]),
        "rule": f"{row['rule_id']} · {row['rule_version']} · {row['rule_source']}",
        "ruler": f"{row['measured_from']} → {row['measured_to']}, {row['measure']}",
        "assumed": bool(row["assumed"]),
        "network": "" if network is None else str(network),
    }


def _mark(row: dict[str, Any]) -> dict[str, Any]:
    path = row["path"]
    return {
        "lon": round(float(row["lon"]), 6),
        "lat": round(float(row["lat"]), 6),
        "path": None if path is None else [[round(x, 6), round(y, 6)] for x, y in path.coords],
    }


def _stretch(row: Mapping[Any, Any]) -> dict[str, Any]:
    last = row["last_at"]
    return {
        "name": row["name"] or gettext("(no name)"),
        "length": number(float(row["length_m"])),
        "last": gettext("never") if pd.isna(last) else local_time(last, site().settings.zone),
        "seen": bool(row["seen"]),
    }


def _basis() -> basis.Rows:
    held = clearance_rules.newest(one for one in surroundings.rules(analyst()) if one.in_use)
    said = "; ".join(f"{one.rule_id} · {one.version} · {one.source}" for one in held.values())
    return [
        (gettext("Rules in use"), said or gettext("none")),
        *basis.of_streets(analyst(), now()),
        (
            gettext("Missing or assumed"),
            gettext("Crossings have not been verified: a walk proves nothing yet."),
        ),
    ]
