"""The start page: what there is, in numbers, and where to go."""

from collections import Counter
from datetime import timedelta
from typing import Any

import pandas as pd
from flask import Blueprint, render_template
from flask.typing import ResponseReturnValue

from layers import language
from layers.analysis import coverage_tables, deadlines
from layers.analysis.coverage_choice import Asked
from layers.city import taxonomy
from layers.field import findings
from layers.field.asking import FindingFilter
from layers.field.scope import seen_by
from layers.language import gettext
from layers.people import may
from map_app import basis, charts, legend, subjects
from map_app.pages import speech, tour
from map_app.pages.gate import visitor
from map_app.pages.service import analyst, now, site
from map_app.style import Entry
from map_app.words import number

blueprint = Blueprint("start", __name__)

_WEEKS = 26
_LATEST = 6


@blueprint.get("/")
def start() -> ResponseReturnValue:
    """Show the site in numbers."""
    everything = analyst().findings(seen_by(visitor(), FindingFilter()))
    lines, which = legend.entries(site().taxonomy, analyst().used_categories())
    return render_template(
        "map_app/start.html",
        may_report=may(visitor(), "report"),
        figures=_figures(everything),
        placed=basis.placed(everything) if len(everything) else None,
        by_weights=basis.weights(),
        may_decide=may(visitor(), "decide"),
        offers_visit=tour.is_offered(len(everything)),
        subjects=[(name, subjects.subject(name)) for name in speech.map_names()],
        bars=charts.bars(_per_line(lines, which, everything)),
        weeks=charts.weeks(everything["day"], _WEEKS),
        latest=_latest(everything),
        late=_late(),
        lead=number(site().settings.remind_hours),
        name_of=lambda found: legend.name(site().taxonomy, found.scheme, found.code),
    )


def _figures(everything: pd.DataFrame) -> list[tuple[str, str]]:
    last = everything["observed_at"].max() if len(everything) else None
    recent = (everything["observed_at"] > last - timedelta(days=7)).sum() if last is not None else 0
    figures = [
        (number(len(everything)), gettext("findings")),
        (number(int(recent)), gettext("in the newest 7 days")),
        (number(len(analyst().schools())), gettext("schools and kindergartens")),
    ]
    network = site().network_or_none()
    if network is None:
        return [*figures, ("0", gettext("km of streets"))]
    lengths = network.blocks.set_index("block_id")["length_m"]
    seen_by_me = seen_by(visitor(), FindingFilter())
    asked = Asked(account_id=seen_by_me.account_id, within=seen_by_me.within)
    told = coverage_tables.not_seen(analyst(), asked, 7, now())
    share = 1 - told.km / told.total_km if told.total_km else 0.0
    return [
        *figures,
        (number(lengths.sum() / 1000), gettext("km of streets")),
        (f"{share:.0%}", gettext("of their length inspected in 7 days")),
    ]


def _per_line(
    lines: list[Entry], which: dict[tuple[str, str], int], everything: pd.DataFrame
) -> list[tuple[str, str, int]]:
    counts = [0] * len(lines)
    for category, n in Counter(zip(everything["scheme"], everything["code"], strict=True)).items():
        counts[which[category]] += n
    return [(line.name, line.colour, n) for line, n in zip(lines, counts, strict=True)]


def _late() -> dict[str, Any]:
    """Return what is due soon or overdue of what the visitor sees, the next to be late first."""
    zone = site().settings.zone
    wanted = seen_by(visitor(), FindingFilter(observed_from=deadlines.since(now(), zone)))
    shown = deadlines.of(analyst(), wanted, now())
    soon = shown[shown["stage"] == deadlines.SOON]
    over = shown[shown["stage"] == deadlines.OVER]
    # of what is overdue the newest: what nobody touched for months is no news
    rows = pd.concat([soon.head(_LATEST), over.iloc[::-1].head(_LATEST)])
    return {"n_soon": len(soon), "n_over": len(over), "rows": [_late_row(one) for one in rows.itertuples()]}


def _late_row(one: Any) -> dict[str, Any]:
    category = site().taxonomy.category(one.scheme, one.code)
    chinese = language.current() == "zh"
    units = [in_chinese if chinese else in_english for in_chinese, in_english in taxonomy.units(category)]
    return {
        "uuid": one.uuid,
        "name": legend.name(site().taxonomy, one.scheme, one.code),
        "street": one.street_name if isinstance(one.street_name, str) else None,
        "due_at": one.due_at.to_pydatetime(),
        "over": one.stage == deadlines.OVER,
        "units": gettext(", ").join(units),
    }


def _latest(everything: pd.DataFrame) -> list[findings.Finding]:
    newest = everything.sort_values(["observed_at", "fid"], ascending=False).head(_LATEST)
    return [findings.get(site(), uuid) for uuid in newest["uuid"]]
