"""The list of schools with the status of their surroundings, and a page per school."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

import pandas as pd
from flask import Blueprint, render_template, request, url_for
from flask.typing import ResponseReturnValue

from layers.analysis import school_zones, surroundings, zone_streets
from layers.analysis.surroundings import Surroundings
from layers.city import clearance_rules, taxonomy
from layers.city.clearance_rules import Kept
from layers.city.taxonomy import Taxonomy
from layers.errors import NotFoundError
from layers.language import gettext
from map_app import basis, rule_words
from map_app.maps import base
from map_app.maps import surroundings as drawing
from map_app.pages.gate import allow
from map_app.pages.maps import ground
from map_app.pages.service import analyst, now, site
from map_app.words import local_time, number

blueprint = Blueprint("surroundings", __name__)

WITHIN_DAYS = 14
_COLOUR = {"breach": "#b3261e", "measure_on_site": "#b26a00", "indeterminate": "#5f6b76", "clear": "#2e7d32"}


@blueprint.get("/school-surroundings")
def listed() -> ResponseReturnValue:
    """List the schools, the worst first."""
    allow("overview")
    found = _status()
    wanted = request.args.get("status")
    counts = Counter(found.schools["status"])
    chosen = (
        found.schools[found.schools["status"].eq(wanted)]
        if wanted in surroundings.STATUSES
        else found.schools
    )
    return render_template(
        "map_app/surroundings.html",
        schools=[_school(row) for row in chosen.to_dict("records")],
        counts=[
            (name, rule_words.word(rule_words.STATUS, name), counts.get(name, 0))
            for name in surroundings.STATUSES
        ],
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
        verdicts=_verdicts(verdicts),
        streets=[_street(row) for row in zone_streets.by_street(stretches).to_dict("records")],
        days=WITHIN_DAYS,
        months=months.to_dict("records"),
        bells=", ".join(surroundings.BELLS),
        basis=_basis(),
        parts=base.parts(drawing.build(ground(), school["geom"], zone, marks)),
    )


def _status() -> Surroundings:
    return surroundings.status(analyst(), now(), WITHIN_DAYS)


def _verdicts(verdicts: pd.DataFrame) -> list[dict[str, Any]]:
    """Return verdicts for the page, what is worst first."""
    kept = {(rule.rule_id, rule.version): rule for rule in surroundings.rules(analyst())}
    with site().store.read() as conn:
        named = taxonomy.of_site(conn)
    rank = verdicts["verdict"].map({name: k for k, name in enumerate(rule_words.VERDICT)})
    worst = verdicts.assign(rank=rank.replace(1, len(rule_words.VERDICT))).sort_values(["rank", "distance_m"])
    return [_verdict(row, kept, named) for row in worst.to_dict("records")]


def _school(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "fid": int(row["fid"]),
        "name": row["name"] or gettext("(no name)"),
        "kind": taxonomy.kind_name(str(row["kind"])),
        "reach": number(float(row["reach_m"])),
        "status": row["status"],
        "status_name": rule_words.word(rule_words.STATUS, row["status"]),
        "n_breach": int(row["n_breach"]),
        "n_open": int(row["n_open"]),
        "share": f"{100 * float(row['share_seen']):.0f} %",
        "unseen": number(float(row["unseen_m"])),
    }


def _verdict(row: Mapping[Any, Any], kept: Mapping[tuple[str, int], Kept], named: Taxonomy) -> dict[str, Any]:
    walked, network, rule = row["walked_m"], row["network_version"], kept[row["rule_id"], row["rule_version"]]
    return {
        **_subject(row, named),
        "verdict": rule_words.word(rule_words.VERDICT, row["verdict"]),
        "bad": row["verdict"] != "clear" and not row["tolerated"],
        "tolerated": _tolerated(row),
        "straight": number(float(row["straight_m"]), 1),
        "walked": "" if pd.isna(walked) else number(float(walked), 1),
        "limit": number(float(row["limit_m"])),
        "p": f"{float(row['p_inside']):.2f}",
        "gate": _gate(row),
        "rule": rule_words.title(rule),
        "rule_id": rule.rule_id,
        "version": rule.version,
        "source": rule_words.source(rule),
        "ruler": rule_words.ruler(row),
        "assumed": bool(row["assumed"]),
        "notes": [rule_words.word(rule_words.NOTES, note) for note in row["notes"] if ":" not in note],
        "network": "" if network is None else str(network),
    }


def _subject(row: Mapping[Any, Any], named: Taxonomy) -> dict[str, Any]:
    """Return what was judged: a finding, with its page, or premises by name."""
    if row["what"] == "finding":
        category = named.category(str(row["scheme"]), str(row["code"])).name()
        seen = local_time(row["observed_at"], site().settings.zone)
        return {"what": category, "when": seen, "url": url_for("pages.findings.one", uuid=row["uuid"])}
    kind, name = taxonomy.kind_name(str(row["kind"])), row["name"]
    title = gettext("%(kind)s without a name", kind=kind) if pd.isna(name) else str(name)
    return {"what": title, "when": kind, "url": None}


def _gate(row: Mapping[Any, Any]) -> str:
    """Return the gate that a distance was measured from, by its name or what it is; none without one."""
    if row["gate_id"] is None:
        return ""
    if isinstance(row["gate_name"], str):
        return row["gate_name"]
    return rule_words.word(rule_words.GATES, row["gate_kind"]) if isinstance(row["gate_kind"], str) else ""


def _tolerated(row: Mapping[Any, Any]) -> str:
    if not row["tolerated"]:
        return ""
    until = row["tolerated_until"]
    if pd.isna(until):
        return gettext("tolerated: licensed before the rule")
    return gettext("tolerated until %(day)s", day=pd.Timestamp(until).date())


def _mark(row: Mapping[Any, Any]) -> dict[str, Any]:
    path = row["path"]
    return {
        "lon": round(float(row["lon"]), 6),
        "lat": round(float(row["lat"]), 6),
        "path": None if path is None else [[round(x, 6), round(y, 6)] for x, y in path.coords],
    }


def _street(row: Mapping[Any, Any]) -> dict[str, Any]:
    zone = site().settings.zone
    return {
        "name": row["name"] or gettext("(no name)"),
        "length": number(float(row["length_m"])),
        "unseen": number(float(row["unseen_m"])),
        "never": number(float(row["never_m"])),
        "oldest": "" if pd.isna(row["oldest_at"]) else local_time(row["oldest_at"], zone, with_time=False),
        "newest": "" if pd.isna(row["newest_at"]) else local_time(row["newest_at"], zone),
        "seen": float(row["unseen_m"]) < 1,
    }


def _basis() -> basis.Rows:
    held = clearance_rules.newest(one for one in surroundings.rules(analyst()) if one.in_use)
    said = [f"{rule_words.source(one)} ({one.rule_id} · {one.version})" for one in held.values()]
    return [
        (gettext("Rules in use"), "; ".join(said) or gettext("none")),
        *basis.of_streets(analyst(), now()),
        (
            gettext("Missing or assumed"),
            gettext("Crossings have not been verified: a walk proves nothing yet."),
        ),
    ]
