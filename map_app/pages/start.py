"""The start page: what there is, in numbers, and where to go."""

from collections import Counter
from dataclasses import dataclass
from datetime import timedelta

import pandas as pd
from flask import Blueprint, render_template, url_for
from flask.typing import ResponseReturnValue

from layers.field import access, findings
from layers.field.asking import FindingFilter
from layers.language import gettext
from map_app import charts, legend, subjects
from map_app.pages import tour
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
    everything = analyst().findings(access.seen_by(visitor(), FindingFilter()))
    lines, which = legend.entries(site().taxonomy, analyst().used_categories())
    return render_template(
        "map_app/start.html",
        figures=_figures(everything),
        steps=_steps(visitor().role),
        offers_visit=tour.is_offered(len(everything)),
        subjects=[(name, subjects.subject(name)) for name in subjects.NAMES],
        bars=charts.bars(_per_line(lines, which, everything)),
        weeks=charts.weeks(everything["day"], _WEEKS),
        latest=_latest(everything),
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
    mine = access.seen_by(visitor(), FindingFilter()).account_id
    seen = analyst().last_patrolled(now(), mine)
    share = lengths.reindex(seen.index[seen["age_days"] <= 7]).sum() / lengths.sum()
    return [
        *figures,
        (number(lengths.sum() / 1000), gettext("km of streets")),
        (f"{share:.0%}", gettext("of their length patrolled in 7 days (provisional)")),
    ]


def _per_line(
    lines: list[Entry], which: dict[tuple[str, str], int], everything: pd.DataFrame
) -> list[tuple[str, str, int]]:
    counts = [0] * len(lines)
    for category, n in Counter(zip(everything["scheme"], everything["code"], strict=True)).items():
        counts[which[category]] += n
    return [(line.name, line.colour, n) for line, n in zip(lines, counts, strict=True)]


def _latest(everything: pd.DataFrame) -> list[findings.Finding]:
    newest = everything.sort_values(["observed_at", "fid"], ascending=False).head(_LATEST)
    return [findings.get(site(), uuid) for uuid in newest["uuid"]]


@dataclass(frozen=True, slots=True)
class Step:
    """Something to click on a first visit."""

    address: str
    name: str
    text: str


def _steps(role: str) -> list[Step]:
    """Return what to click first, by what a person is here for."""
    report = Step(
        url_for("pages.field.page"),
        gettext("Report from the street"),
        gettext("choose a category, check the position, report; then turn the network off and report again."),
    )
    own = Step(
        url_for("pages.findings.listed"),
        gettext("List of findings"),
        gettext("open one: which street it was placed on, how surely, and what lies near."),
    )
    if role == "inspector":
        return [report, own]
    return [
        Step(
            url_for("pages.maps.findings"),
            gettext("Map of findings"),
            gettext("zoom in until rings fall apart, click a point, open the finding."),
        ),
        Step(
            url_for("pages.maps.density"),
            gettext("Findings by street"),
            gettext("choose 30 days and a category; click a dark block and list its findings."),
        ),
        Step(
            url_for("pages.maps.coverage"),
            gettext("Coverage"),
            gettext("look for dashed streets: many findings elsewhere may only mean that nobody was here."),
        ),
        Step(
            url_for("pages.maps.school_zones"),
            gettext("School zones"),
            gettext("click the first school of the list: the findings in its surroundings."),
        ),
        own,
    ]
