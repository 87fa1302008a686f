"""Coverage in tables, its files, and what the map of coverage asks for."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import pandas as pd
from flask import Blueprint, Response, abort, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from layers import language
from layers.analysis import coverage_sides, coverage_tables
from layers.analysis.coverage_choice import SHIFTS
from layers.exporting import coverage as exporting
from layers.exporting import coverage_orders
from layers.language import gettext
from layers.people import may
from map_app import charts, coverage_words
from map_app.maps import coverage as coverage_map
from map_app.pages import coverage_filters, filters, json
from map_app.pages.gate import visitor
from map_app.pages.service import analyst, now, site
from map_app.words import CoverageChoice, number

blueprint = Blueprint("coverage", __name__)

# The lines of a version of the streets are the same for ever
_FOR_EVER = 31_536_000


@dataclass(frozen=True, slots=True)
class Line:
    """A row of a table: a name, where it leads, the share inspected, and cells."""

    name: str
    share: float
    cells: list[str]
    address: str | None = None


@blueprint.get("/data/coverage/lines/<int:version>")
def lines(version: int) -> Response:
    """Return the lines of the newest streets, whose version the address must name."""
    network = site().network
    if network.version != version:
        abort(404)
    drawn = analyst().kept_of(
        "lines",
        {"network": version},
        lambda: coverage_map.lines(network.blocks, analyst().block_numbers(), network.projection),
    )
    answer = json.answer(drawn)
    answer.headers["Cache-Control"] = f"private, max-age={_FOR_EVER}, immutable"
    return answer


@blueprint.get("/data/coverage/blocks/<int:number>")
def card(number: int) -> Response:
    """Return what the map of coverage says about one block."""
    return json.answer(
        coverage_words.block_card(
            analyst(),
            number,
            _choice(),
            now(),
            address=lambda block_id: url_for("pages.findings.listed", block=block_id),
            checks_address=_checks_of if may(visitor(), "report") else None,
        )
    )


def _checks_of(block_id: str) -> str:
    return url_for("pages.checks.listed", block=block_id)


@blueprint.get("/files/coverage.<kind>")
def file(kind: str) -> ResponseReturnValue:
    """Send the intervals of what is chosen; many of them as a GeoPackage are made beside the answers."""
    media_type, asked = exporting.check(kind), _choice().asked
    day = now().astimezone(site().settings.zone).date()
    headers = {"Content-Disposition": f"attachment; filename=coverage-{day}.{kind}"}
    if not coverage_orders.is_short(analyst(), asked, kind):
        number = coverage_orders.order(site(), visitor(), asked, now=now())
        return redirect(url_for("pages.exports.ordered", job_id=number), 303)
    if kind == "gpkg":
        return Response(exporting.as_gpkg(analyst(), asked), content_type=media_type, headers=headers)
    if kind == "csv":
        content = exporting.as_csv(analyst(), asked, speak=language.current())
    else:
        content = exporting.as_geojson(analyst(), asked)
    return Response(content, content_type=media_type, headers=headers)


@blueprint.get("/coverage")
def tables() -> ResponseReturnValue:
    """Show the numbers: by area, class, day or week, team and shift; and what is overdue."""
    choice = _choice()
    fields = coverage_filters.FIELDS
    known = {name: value for name, value in request.args.items() if name in fields and value}
    form = coverage_filters.form(request.args)
    if site().network_or_none() is None:
        return render_template("map_app/coverage.html", filter=form, known=known)
    steps = coverage_sides.steps(analyst(), choice.asked, choice.unit)
    by_step = coverage_tables.by_step(analyst(), choice.asked, steps)
    names = [coverage_words.step_name(step, site().settings.zone) for step in steps]
    return render_template(
        "map_app/coverage.html",
        filter=form,
        known=known,
        sentence=coverage_words.sentence(analyst(), choice, now()),
        totals=_totals(choice),
        level=coverage_words.level_name(analyst(), choice),
        areas=_areas(choice, known),
        classes=_classes(choice, known),
        bars=charts.pairs(names, (100 * by_step["share"]).tolist(), (by_step["effort_m"] / 1000).tolist()),
        steps=[_by_pass(name, row) for name, (_, row) in zip(names, by_step.iterrows(), strict=True)],
        teams=_teams(choice, known),
        shifts=_shifts(choice, known),
        pairs=_pairs(choice),
        overdue=_overdue(choice),
        files=coverage_filters.files(),
        sees_checks=may(visitor(), "report"),
        basis=coverage_words.basis_of(analyst(), choice.asked, now()),
    )


def _choice() -> CoverageChoice:
    return coverage_filters.parse(request.args, filters.parse(request.args))


def _totals(choice: CoverageChoice) -> list[tuple[str, str]]:
    """Return the shares of the four states of all streets chosen."""
    whole = coverage_sides.whole(analyst(), choice.asked)
    metres = (whole["to_m"] - whole["from_m"]).groupby(whole["state"]).sum()
    total = float(metres.sum()) or 1.0
    return [
        (
            f"{100 * metres.get(name, 0.0) / total:.1f} %",
            gettext(
                "%(state)s: %(km)s km",
                state=coverage_words.state(name),
                km=number(metres.get(name, 0.0) / 1000, 1),
            ),
        )
        for name in ("inspected", "passed", "unknown", "not visited")
    ]


def _cells(row: "pd.Series[Any]") -> list[str]:
    """Return what every table by area or class says of a row."""
    kilometres = [row[name] / 1000 for name in ("length_m", "inspected", "passed", "unknown", "not visited")]
    sides = "" if pd.isna(row["sides"]) else f"{100 * row['sides']:.1f} %"
    return [
        *(number(km, 1) for km in kilometres),
        sides,
        number(_or_zero(row["effort_m"]) / 1000, 1),
        number(_or_zero(row["minutes"]) / 60, 1),
    ]


def _or_zero(value: float) -> float:
    return 0.0 if pd.isna(value) else float(value)


def _areas(choice: CoverageChoice, known: dict[str, str]) -> list[Line]:
    level = coverage_words.level(analyst(), choice)
    if level is None:
        return []
    table = coverage_tables.by_area(analyst(), choice.asked, level)
    return [
        Line(str(row["name"]), _or_zero(row["share"]), _cells(row), _with(known, district=str(fid)))
        for fid, row in table.iterrows()
    ]


def _classes(choice: CoverageChoice, known: dict[str, str]) -> list[Line]:
    table = coverage_tables.by_class(analyst(), choice.asked, now())
    return [
        Line(
            coverage_words.street_class(str(name)),
            _or_zero(row["share"]),
            [
                *_cells(row),
                "" if pd.isna(row["target_days"]) else f"{row['target_days']:g}",
                number(row["overdue_m"] / 1000, 1),
                number(row["never_m"] / 1000, 1),
            ],
            _with(known, **{"class": str(name)}),
        )
        for name, row in table.iterrows()
    ]


def _by_pass(name: str, row: "pd.Series[Any]", address: str | None = None) -> Line:
    return Line(
        name,
        _or_zero(row["share"]),
        [
            number(_or_zero(row["inspected"]) / 1000, 1),
            number(_or_zero(row["effort_m"]) / 1000, 1),
            number(_or_zero(row["minutes"]) / 60, 1),
            number(_or_zero(row["n_tracks"])),
            number(_or_zero(row["n_checks"])),
            number(_or_zero(row["n_people"])),
        ],
        address,
    )


def _teams(choice: CoverageChoice, known: dict[str, str]) -> list[Line]:
    table = coverage_tables.by_team(analyst(), choice.asked)
    return [
        _by_pass(
            str(name) or gettext("no team"), row, _with(known, team=str(name) or coverage_filters.NO_TEAM)
        )
        for name, row in table.sort_values("effort_m", ascending=False).iterrows()
    ]


def _shifts(choice: CoverageChoice, known: dict[str, str]) -> list[Line]:
    table = coverage_tables.by_shift(analyst(), choice.asked)
    return [
        _by_pass(coverage_words.shift(str(name)), row, _with(known, shift=str(name)))
        for name, row in table.iterrows()
    ]


def _pairs(choice: CoverageChoice) -> tuple[list[str], list[tuple[str, list[str]]]]:
    """Return the shifts, and for each team its effort in each of them."""
    spent = coverage_tables.by_team_and_shift(analyst(), choice.asked)
    shifts = [name for name in SHIFTS if any(shift == name for _, shift in spent)]
    teams = sorted({team for team, _ in spent})
    lines = [
        (team or gettext("no team"), [_effort(spent.get((team, shift))) for shift in shifts])
        for team in teams
    ]
    return [coverage_words.shift(shift) for shift in shifts], lines


def _effort(spent: tuple[float, float] | None) -> str:
    if spent is None:
        return "–"
    return f"{number(spent[0] / 1000, 1)} km · {number(spent[1] / 60, 1)} h"


def _overdue(choice: CoverageChoice) -> list[list[str]]:
    """Return the streets with most overdue length, in cells."""
    table = coverage_tables.overdue_streets(analyst(), choice.asked, now())
    return [
        [
            str(row["name"]),
            coverage_words.street_class(str(row["class"])),
            f"{row['target_days']:g}",
            number(row["metres"] / 1000, 2),
            number(row["never_m"] / 1000, 2),
            "" if pd.isna(row["age_days"]) else number(row["age_days"], 1),
        ]
        for _, row in table.iterrows()
    ]


def _with(known: dict[str, str], **more: str) -> str:
    return f"{url_for('.tables')}?{urlencode({**known, **more})}"
