"""Parked vehicles in numbers: where to paint bays, where to tow, and one street in full."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import pandas as pd
import shapely
from flask import Blueprint, Response, render_template, request, url_for
from flask.typing import ResponseReturnValue

from layers import language
from layers.analysis import parking_displacement, parking_streets, what_was_done
from layers.analysis.coverage import passes
from layers.analysis.hotspot_places import hours
from layers.analysis.hotspots import Asked, begun
from layers.analysis.parking import VEHICLES
from layers.analysis.parking_streets import FEWEST_VEHICLES, Streets
from layers.errors import NotFoundError
from layers.exporting import parking as exporting
from layers.language import gettext
from map_app import charts, hotspot_words, measure_words, parking_street_words, style
from map_app.maps import base, stretch
from map_app.pages import filters
from map_app.pages.gate import allow
from map_app.pages.maps import ground
from map_app.pages.service import analyst, now, site
from map_app.words import Choice

blueprint = Blueprint("parking", __name__)

_LISTED, _STREETS = 15, 60
_FIELDS = ("from", "until", "vehicle")


@dataclass(frozen=True, slots=True)
class Line:
    """A row of the table of streets: its name and page, cells, and its weeks."""

    name: str
    address: str
    cells: list[str]
    weeks: list[charts.Span]
    is_persistent: bool


@dataclass(frozen=True, slots=True)
class PlaceLine:
    """A row of a list of places: its name, where it leads, and cells."""

    name: str
    address: str
    findings: str
    cells: list[str]


@blueprint.get("/parking")
def page() -> ResponseReturnValue:
    """Show where to paint bays, where to tow, when vehicles stand, and the streets."""
    allow("overview")
    form, known = filters.form_of_parking(request.args), _kept()
    if site().network_or_none() is None:
        return render_template("map_app/parking.html", filter=form, known=known)
    choice = filters.parse(request.args)
    found = _ask(choice)
    shown = found.table[found.table["vehicles"] >= FEWEST_VEHICLES].head(_STREETS)
    return render_template(
        "map_app/parking.html",
        filter=form,
        known=known,
        figures=parking_street_words.figures(found),
        paint=[_place(one, known) for one in found.paint.head(_LISTED).itertuples()],
        tow=[_place(one, known) for one in found.tow.head(_LISTED).itertuples()],
        counts=(len(found.paint), len(found.tow)),
        rules=parking_street_words.rules(found),
        grid=charts.week_grid(found.hours, style.HEAT_COLOURS),
        days=hotspot_words.weekdays(),
        streets=[_line(found, place, known) for place in shown.index],
        n_streets=len(found.table),
        first_day=found.weeks.first_days[0].isoformat() if found.weeks else "",
        basis=parking_street_words.basis_of(analyst(), choice, found, now()),
    )


@blueprint.get("/files/parking.<kind>")
def file(kind: str) -> Response:
    """Send the table of streets."""
    allow("overview")
    if kind not in exporting.MEDIA_TYPES:
        raise NotFoundError("There is no such file")
    choice = filters.parse(request.args)
    asked = Asked.of(choice.wanted)
    if kind == "gpkg":
        basis = parking_street_words.basis_of(analyst(), choice, _ask(choice), now())
        rests = "; ".join(f"{what}: {how}" for what, how in basis)
        content = exporting.as_gpkg(analyst(), asked, choice.vehicle, rests)
    else:
        content = exporting.as_csv(analyst(), asked, choice.vehicle, speak=language.current())
    day = now().astimezone(site().settings.zone).date()
    headers = {"Content-Disposition": f"attachment; filename=parking-{choice.vehicle}-{day}.{kind}"}
    return Response(content, content_type=exporting.MEDIA_TYPES[kind], headers=headers)


@blueprint.get("/parking/streets/<street_id>")
def one(street_id: str) -> ResponseReturnValue:
    """Show one street: its weeks, its hours, where along it vehicles stand, and what a measure changed."""
    allow("overview")
    choice, known = filters.parse(request.args), _kept()
    block_ids = parking_displacement.block_ids_of(analyst(), street_id)
    if not block_ids:
        raise NotFoundError("There is no such street")
    found, asked = _ask(choice), Asked.of(choice.wanted)
    rows = found.table[found.table["street_id"] == street_id]
    mine = found.parking.findings[found.parking.findings["block_id"].isin(block_ids)]
    covered = passes(analyst(), asked.since, asked.until, asked.account_id)
    covered = begun(covered[covered["block_id"].isin(block_ids) & (covered["state"] == "inspected")], asked)
    acted_on = filters.day(request.args.get("acted_on", ""), "acted_on")
    moved = parking_displacement.find(analyst(), choice.vehicle, block_ids, acted_on) if acted_on else None
    own = site().network.blocks.set_index("block_id").loc[block_ids]
    return render_template(
        "map_app/parking_street.html",
        title=_name(rows, own),
        known=known,
        vehicle=choice.vehicle,
        back=_with(url_for(".page"), known),
        rows=parking_street_words.street_rows(rows.iloc[0]) if len(rows) else [],
        stretch_page=_stretch(_busiest(rows, block_ids), choice),
        findings_page=_with(
            url_for("pages.findings.listed", block=_busiest(rows, block_ids)), _narrowed(choice)
        ),
        weeks=_weeks(found, rows),
        first_day=found.weeks.first_days[0].isoformat() if found.weeks else "",
        grid=charts.week_grid(hours(mine, covered, site().settings.zone), style.HEAT_COLOURS),
        days=hotspot_words.weekdays(),
        strips=parking_street_words.strips(parking_streets.strips(analyst(), mine, block_ids), own),
        **_done(street_id, block_ids, asked, mine, known),
        acted_on=acted_on.isoformat() if acted_on else "",
        moved=parking_street_words.displaced(moved) if moved else None,
        parts=base.parts(stretch.build(ground(), _lonlat(own.geometry), _points(mine))),
        basis=parking_street_words.basis_of(analyst(), choice, found, now()),
    )


def _done(
    street_id: str, block_ids: list[str], asked: Asked, mine: pd.DataFrame, known: dict[str, str]
) -> dict[str, Any]:
    """Return what was done on a street, and where each measure is compared."""
    done = what_was_done.find(analyst(), asked, block_ids, mine, compare=False)
    return {
        "done": measure_words.lines(done),
        "kinds": measure_words.kinds(),
        "blocks": block_ids,
        "today": now().astimezone(site().settings.zone).date().isoformat(),
        "measured": [
            (
                f"{one.on.isoformat()} {measure_words.kind(one.measure.kind)}",
                _with(url_for(".one", street_id=street_id), {**known, "acted_on": one.on.isoformat()}),
            )
            for one in done.events
            if one.measure
        ],
    }


def _ask(choice: Choice) -> Streets:
    return parking_streets.find(analyst(), Asked.of(choice.wanted), choice.vehicle)


def _kept() -> dict[str, str]:
    return {name: value for name, value in request.args.items() if name in _FIELDS and value}


def _narrowed(choice: Choice) -> dict[str, str]:
    """Return what leads to the same period elsewhere, and to the category of these vehicles most in use."""
    used = [f"{scheme}.{code}" for scheme, code, _ in analyst().used_categories()]
    known = {f"{scheme}.{code}" for scheme, code in VEHICLES[choice.vehicle]}
    kept = {name: value for name, value in _kept().items() if name != "vehicle"}
    category = next((one for one in used if one in known), None)
    return kept if category is None else {**kept, "category": category}


def _with(address: str, query: dict[str, str]) -> str:
    """Return an address with these fields, those it has kept."""
    if not query:
        return address
    return f"{address}{'&' if '?' in address else '?'}{urlencode(query)}"


def _stretch(block_id: str, choice: Choice) -> str:
    return _with(url_for("pages.hotspots.one", block_id=block_id), _narrowed(choice))


def _place(place: Any, known: dict[str, str]) -> PlaceLine:
    choice, first = filters.parse(known), place.block_ids[0]
    blocks = site().network.blocks
    street = blocks.loc[blocks["block_id"] == first, "street_id"].iloc[0]
    address = _with(url_for(".one", street_id=street or first), known)
    return PlaceLine(
        name=hotspot_words.name(place._asdict()),
        address=address,
        findings=_stretch(first, choice),
        cells=parking_street_words.place_cells(place),
    )


def _line(found: Streets, place: int, known: dict[str, str]) -> Line:
    row = found.table.loc[place]
    return Line(
        name=parking_street_words.street_name(row),
        address=_with(url_for(".one", street_id=row["street_id"]), known),
        cells=parking_street_words.street_cells(row),
        weeks=_spans(found, place),
        is_persistent=bool(row["is_persistent"]),
    )


def _spans(found: Streets, place: int) -> list[charts.Span]:
    if found.weeks is None:
        return []
    names = [day.isoformat() for day in found.weeks.first_days]
    vehicles, km = found.week_vehicles[place], found.week_km[place]
    return charts.spans(names, vehicles.tolist(), km.tolist(), found.weeks.spread)


def _weeks(found: Streets, rows: pd.DataFrame) -> list[charts.Span]:
    return _spans(found, int(rows.index[0])) if len(rows) else []


def _busiest(rows: pd.DataFrame, block_ids: list[str]) -> str:
    return str(rows["block_id"].iloc[0]) if len(rows) else block_ids[0]


def _name(rows: pd.DataFrame, own: pd.DataFrame) -> str:
    if len(rows):
        return parking_street_words.street_name(rows.iloc[0])
    return hotspot_words.text(own["name"].iloc[0]) or gettext("(no name)")


def _lonlat(lines: Any) -> Any:
    whole = shapely.multilinestrings(list(lines.to_numpy()))
    return shapely.transform(whole, site().network.projection.to_lonlat)


def _points(mine: pd.DataFrame) -> list[dict[str, Any]]:
    colour = style.ADVICE[0].colour
    return [
        {"lon": round(float(lon), 6), "lat": round(float(lat), 6), "colour": colour}
        for lon, lat in zip(mine["lon"], mine["lat"], strict=True)
    ]
