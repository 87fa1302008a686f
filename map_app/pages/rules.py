"""The distance rules of a site: which are in use, what each says and said; a form and a spreadsheet."""

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from flask import Blueprint, Response, abort, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.datastructures import MultiDict

from geo.clearance import DAYS, MEASURE, MEASURED_FROM, MEASURED_TO, STATUS
from layers import history, people
from layers.analysis import verdicts
from layers.city import clearance_rules, rule_sheets
from layers.city.clearance_rules import SITE_RULE, Kept
from layers.city.taxonomy import SCHOOL_KINDS
from layers.errors import InvalidError, NotFoundError, XunchaError
from layers.language import explain, gettext
from map_app import rule_words
from map_app.pages.gate import allow, visitor
from map_app.pages.service import analyst, now, site
from map_app.words import local_time

blueprint = Blueprint("rules", __name__)

# Fields of the form whose text is the value
_TEXTS = ("measured_from", "measured_to", "measure", "status", "valid_from", "valid_to")
_KINDS_OF_FILE = {
    "csv": "text/csv",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}


@blueprint.get("/rules")
def listed() -> ResponseReturnValue:
    """List the distance rules, those in use first."""
    return _list()


@blueprint.post("/rules")
def switch() -> ResponseReturnValue:
    """Put a rule into use, or out of it."""
    allow("rules")
    rule, used = request.form.get("rule", ""), request.form.get("use") == "1"
    clearance_rules.use(site(), rule, used, now=now(), account_id=visitor().id)
    return redirect(url_for(".listed"), code=303)


@blueprint.post("/rules/upload")
def upload() -> ResponseReturnValue:
    """Take an edited spreadsheet: the rules that changed become new versions, refused rows are named."""
    allow("rules")
    given = request.files.get("file")
    if given is None or not given.filename:
        return _list(gettext("Choose a spreadsheet first.")), 422
    ending = Path(given.filename).suffix.lower().lstrip(".")
    if ending not in rule_sheets.FORMATS:
        return _list(gettext("A spreadsheet ends in .csv or .xlsx.")), 422
    try:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / f"rules.{ending}"
            given.save(path)
            good, refused = rule_sheets.from_table(rule_sheets.read(path))
        kept = rule_sheets.keep(site(), good, now=now(), account_id=visitor().id)
    except XunchaError as error:
        return _list(explain(error)), 422
    refused += kept.refused
    said = gettext(
        "%(n)s rules read, %(changed)s changed, %(refused)s refused.",
        n=len(good) - len(kept.refused),
        changed=kept.n_changed,
        refused=len(refused),
    )
    notes = [
        *(gettext("Row %(row)s refused: %(reason)s", row=row, reason=why) for row, why in refused),
        *(gettext("Row %(row)s: %(reason)s", row=row, reason=why) for row, why in kept.left),
    ]
    return _list(said, notes), 422 if refused else 200


def _list(message: str | None = None, notes: Sequence[str] = ()) -> str:
    kept = clearance_rules.newest(verdicts.rules(analyst())).values()
    rows = [_row(one) for one in sorted(kept, key=_at_home_first)]
    return render_template(
        "map_app/rules.html",
        groups=[
            (gettext("In use"), [row for row in rows if row["in_use"]]),
            (gettext("Not in use"), [row for row in rows if not row["in_use"]]),
        ],
        message=message,
        notes=notes,
        may_change=people.may(visitor(), "rules"),
    )


def _at_home_first(kept: Kept) -> tuple[bool, str]:
    return not kept.rule_id.startswith(("SITE", "CN")), kept.rule_id


@blueprint.get("/rules.<ending>")
def sheet(ending: str) -> Response:
    """Send every rule as a spreadsheet."""
    if ending not in _KINDS_OF_FILE:
        abort(404)
    kept = list(clearance_rules.newest(verdicts.rules(analyst())).values())
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"rules.{ending}"
        rule_sheets.write(kept, path)
        content = path.read_bytes()
    attached = {"Content-Disposition": f"attachment; filename=rules.{ending}"}
    return Response(content, mimetype=_KINDS_OF_FILE[ending], headers=attached)


@blueprint.get("/rules/<rule_id>")
def one(rule_id: str) -> ResponseReturnValue:
    """Show what a rule says, what it said before, and the form that changes it."""
    return _page(rule_id)


@blueprint.post("/rules/<rule_id>")
def change(rule_id: str) -> ResponseReturnValue:
    """Keep what the form says as a new version."""
    allow("rules")
    last = _versions(rule_id)[-1]
    try:
        content = _content(request.form, last.content)
        clearance_rules.change(site(), content, now=now(), account_id=visitor().id)
    except InvalidError as error:
        return _page(rule_id, explain(error), request.form), 422
    return redirect(url_for(".one", rule_id=rule_id), code=303)


def _versions(rule_id: str) -> list[Kept]:
    found = [one for one in verdicts.rules(analyst()) if one.rule_id == rule_id]
    if not found:
        raise NotFoundError("There is no rule %(rule)s", rule=rule_id)
    return found


def _page(rule_id: str, message: str | None = None, given: Mapping[str, str] | None = None) -> str:
    versions = _versions(rule_id)
    last, zone = versions[-1], site().settings.zone
    with site().store.read() as conn:
        lines = history.of(conn, "clearance_rule", rule_id)
    return render_template(
        "map_app/one_rule.html",
        rule=_row(last),
        said=_said(last),
        versions=[
            {
                **_row(one),
                "from": local_time(one.created_at, zone) or gettext("as shipped"),
                "until": local_time(one.retired_at, zone),
            }
            for one in reversed(versions)
        ],
        lines=[{**line, "at": local_time(line["at"], zone)} for line in reversed(lines)],
        given=given or _form(last.content),
        choices={
            "measured_from": [(key, rule_words.word(rule_words.MEASURED_FROM, key)) for key in MEASURED_FROM],
            "measured_to": [(key, rule_words.word(rule_words.MEASURED_TO, key)) for key in MEASURED_TO],
            "measure": [(key, rule_words.word(rule_words.MEASURE, key)) for key in MEASURE],
            "status": [(key, rule_words.word(rule_words.LEGAL, key)) for key in STATUS],
        },
        days=[(day, rule_words.word(rule_words.DAYS, day)) for day in DAYS],
        gates=[(key, rule_words.word(rule_words.GATES, key)) for key in rule_words.GATES],
        message=message,
        may_change=people.may(visitor(), "rules"),
    )


def _row(kept: Kept) -> dict[str, Any]:
    content = kept.content
    return {
        "id": kept.rule_id,
        "version": kept.version,
        "title": rule_words.title(kept),
        "place": rule_words.place(kept),
        "distance": rule_words.distance(content),
        "ruler": rule_words.ruler(content),
        "status": rule_words.word(rule_words.LEGAL, content.get("status", "published")),
        "holds": content.get("status", "published") in ("published", "practice"),
        "period": "" if kept.rule_id == SITE_RULE and kept.version == 1 else rule_words.period(content),
        "window": rule_words.window(content),
        "source": rule_words.source(kept),
        "in_use": kept.in_use,
        "silence": _silence(kept),
    }


def _silence(kept: Kept) -> str:
    """Return why a rule cannot say anything here, or of what it cannot."""
    if not kept.is_readable():
        return gettext("it cannot be judged by and is left out: a distance or another field is wrong")
    if not any(clearance_rules.may_protect(kept.rule(), kind) for kind in SCHOOL_KINDS):
        return gettext("only schools and kindergartens are judged: it says nothing about other places")
    return rule_words.silence(kept, verdicts.unrecorded(analyst(), kept))


def _said(kept: Kept) -> list[tuple[str, str]]:
    """Return the rest of what a rule says, for reading."""
    content, origin = kept.content, kept.content.get("source") or {}
    assumed = content.get("assumed") or {}
    gates = [rule_words.word(rule_words.GATES, gate) for gate in content.get("exclude_gates") or ()]
    each = {"each": gettext("every gate on its own"), "nearest": gettext("the nearest gate")}
    article = origin.get("article") if origin.get("article") != "school_radius_m" else None
    texts = [
        (gettext("Wording"), content.get("distance_text")),
        (gettext("Article"), article),
        (gettext("Licensed before the rule"), content.get("grandfathering")),
        (gettext("How certain"), content.get("certainty_note")),
        (gettext("Note"), content.get("note")),
    ]
    rows = [
        (gettext("Without the zone of"), kept.minus()),
        (gettext("Which gates"), each.get(str(content.get("multi_gate")))),
        (gettext("Gates that do not count"), ", ".join(gates)),
        (gettext("Assumed where the text is silent"), rule_words.assumed(assumed) if assumed else None),
        (gettext("On a breach"), rule_words.word(rule_words.ON_BREACH, content.get("on_breach", "notice"))),
    ]
    written = [(rule_words.original(label, str(value)), str(value)) for label, value in texts if value]
    return [*written, *((label, str(value)) for label, value in rows if value)]


def _form(content: Mapping[str, Any]) -> "MultiDict[str, str]":
    """Return a rule as the fields of the form."""
    window = content.get("time_window") or {}
    given: MultiDict[str, str] = MultiDict({key: str(content.get(key) or "") for key in _TEXTS})
    given["distance_m"] = f"{float(content['distance_m']):g}"
    given["inclusive"] = "1" if content.get("inclusive", True) else "0"
    given["status"] = str(content.get("status") or "published")
    given["source"] = str((content.get("source") or {}).get("title") or "")
    given["hours"] = ", ".join(f"{start}-{end}" for start, end in window.get("hours") or ())
    given.setlist("days", [str(day) for day in window.get("days") or ()])
    given.setlist("exclude_gates", list(content.get("exclude_gates") or ()))
    return given


def _content(form: "MultiDict[str, str]", before: Mapping[str, Any]) -> dict[str, Any]:
    """Return the content that the form asks for; what it does not ask about stays."""
    try:
        metres = float(form.get("distance_m", ""))
    except ValueError as error:
        raise InvalidError(
            "%(given)s cannot be read", field="distance_m", given=form.get("distance_m")
        ) from error
    hours = [
        [part.strip() for part in pair.split("-")]
        for pair in form.get("hours", "").split(",")
        if pair.strip()
    ]
    days = form.getlist("days")
    window = {"days": days, "hours": hours} if days or hours else None
    dates = {key: form.get(key, "").strip() or None for key in ("valid_from", "valid_to")}
    moved = any(dates[key] != (before.get(key) or None) for key in dates)
    return {
        **before,
        **{key: form.get(key, "").strip() or None for key in _TEXTS},
        "distance_m": metres,
        "inclusive": form.get("inclusive") == "1",
        "time_window": window,
        "exclude_gates": form.getlist("exclude_gates"),
        "source": {**(before.get("source") or {}), "title": form.get("source", "").strip()},
        # a day given here is that day, not the first or last of its year
        "date_precision": "day" if moved else before.get("date_precision"),
    }
