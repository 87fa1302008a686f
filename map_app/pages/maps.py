"""The maps: a page each, the data that each page asks for, and the cards that a click opens."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlencode

from flask import Blueprint, Response, abort, render_template, request, url_for
from flask.typing import ResponseReturnValue

from layers.language import gettext
from map_app import answering, cards, grounds, hotspot_words, parking_words, subjects
from map_app.answering import Asked
from map_app.maps import base, coverage, density, findings, heat, hotspots, parking
from map_app.maps.base import CityMap, Ground, Source
from map_app.pages import coverage_filters, filters, json
from map_app.pages.gate import visitor
from map_app.pages.service import analyst, now, site
from map_app.pages.speech import asset

blueprint = Blueprint("maps", __name__)


@blueprint.get("/maps/findings", endpoint="findings", defaults={"name": "findings"})
@blueprint.get("/maps/hotspots", endpoint="hotspots", defaults={"name": "hotspots"})
@blueprint.get("/maps/density", endpoint="density", defaults={"name": "density"})
@blueprint.get("/maps/heat", endpoint="heat", defaults={"name": "heat"})
@blueprint.get("/maps/coverage", endpoint="coverage", defaults={"name": "coverage"})
@blueprint.get("/maps/parking", endpoint="parking", defaults={"name": "parking"})
def page(name: str) -> ResponseReturnValue:
    """Show a map; its data is asked for by the page itself, by the same filter."""
    source = Source(url=url_for("pages.maps.data", name=name))
    return render_template(
        "map_app/map.html",
        parts=base.parts(_build(name, ground(), source)),
        subject=subjects.subject(name),
        filter=_form(name),
        files=_files(name) if site().network_or_none() else [],
        more=coverage_filters.more() if name == "coverage" else None,
    )


def _form(name: str) -> filters.Form | None:
    forms = {
        "coverage": coverage_filters.form,
        "hotspots": filters.form_of_hotspots,
        "heat": filters.form_of_heat,
        "density": filters.form_of_density,
        "parking": filters.form_of_parking,
    }
    return forms.get(name, filters.form)(request.args)


def _files(name: str) -> list[tuple[str, str]]:
    """Return what can be taken home from a map: addresses and names."""
    if name == "hotspots":
        return [(url_for("pages.hotspots.geopackage"), gettext("Blocks and stretches as GeoPackage"))]
    if name == "heat":
        return [(url_for("pages.hotspots.heat_file"), gettext("Rate, effort and count as GeoTIFF"))]
    if name == "coverage":
        return coverage_filters.files()
    return []


@blueprint.get("/data/maps/<name>")
def data(name: str) -> Response:
    """Return what a map draws and says."""
    if name not in subjects.NAMES:
        abort(404)
    choice = filters.parse(request.args)
    if name == "coverage":
        choice = replace(choice, coverage=coverage_filters.parse(request.args, choice))
    asked = Asked(
        analyst=analyst(),
        choice=choice,
        now=now(),
        hotspot_page=lambda block_id: url_for("pages.hotspots.one", block_id=block_id),
        heat_tiles=lambda key: url_for("pages.tiles.heat", key=key, z=0, x=0, y=0).replace(
            "/0/0/0", "/{z}/{x}/{y}"
        ),
    )
    return json.answer(answering.answer(name, asked))


@blueprint.get("/data/streets")
def streets() -> Response:
    """Tell whether the street tiles are there by now."""
    return json.answer({"ready": analyst().streets_are_ready()})


@blueprint.get("/data/findings/<int:number>")
def finding_card(number: int) -> Response:
    """Return what the map says about one finding."""
    return json.answer(cards.finding(analyst(), visitor(), number, url_for))


@blueprint.get("/data/blocks/<int:number>")
def block_card(number: int) -> Response:
    """Return what the maps say about one block."""
    choice = filters.parse(request.args)
    return json.answer(cards.block(analyst(), number, choice, _list_address))


@blueprint.get("/data/hotspots/blocks/<int:number>")
def hotspot_card(number: int) -> Response:
    """Return what the map of hotspots says about one block."""
    choice = filters.parse(request.args)
    return json.answer(hotspot_words.block_card(analyst(), number, choice, _list_address))


@blueprint.get("/data/parking/blocks/<int:number>")
def parking_card(number: int) -> Response:
    """Return what the map of parked vehicles says about one block."""
    choice = filters.parse(request.args)
    return json.answer(parking_words.block_card(analyst(), number, choice, _list_address))


def ground() -> Ground:
    """Return the ground of a map on this server."""
    pending = None if analyst().streets_are_ready() else url_for("pages.maps.streets")
    return grounds.ground(analyst(), asset, _archive, pending=pending)


def _archive(name: str, path: Path) -> Source:
    return Source(url=archive(path.name))


def archive(name: str) -> str:
    """Return the address of a tile archive."""
    return url_for("pages.tiles.archive", name=name)


def _heat_tiles(key: str) -> str:
    first = url_for("pages.tiles.heat", key=key, z=0, x=0, y=0)
    return first.removesuffix("0/0/0") + "{z}/{x}/{y}"


def _list_address(block_id: str) -> str:
    kept = {name: value for name, value in request.args.items() if name in filters.FIELDS and value}
    return url_for("pages.findings.listed", block=block_id) + (f"&{urlencode(kept)}" if kept else "")


def _build(name: str, ground: Ground, source: Source) -> CityMap:
    card = url_for("pages.maps.finding_card", number=0)
    block = url_for("pages.maps.block_card", number=0)
    if name == "hotspots":
        card, tested = url_for("pages.maps.hotspot_card", number=0), url_for("pages.hotspots.forecasts")
        return hotspots.build(ground, source, details=card, forecasts=tested)
    if name == "heat":
        return heat.build(ground, source)
    if name == "coverage":
        card, lines = url_for("pages.coverage.card", number=0), Source(url=coverage_filters.lines_address())
        return coverage.build(ground, source, lines=lines, details=card)
    builders: dict[str, tuple[Callable[..., CityMap], str]] = {
        "findings": (findings.build, card),
        "density": (density.build, block),
        "parking": (parking.build, url_for("pages.maps.parking_card", number=0)),
    }
    build, details = builders[name]
    return build(ground, source, details=details)
