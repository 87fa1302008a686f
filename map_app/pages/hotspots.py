"""A page per stretch where more is found than patrols explain."""

from collections import Counter
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

import pandas as pd
import shapely
from flask import Blueprint, Response, render_template, request, url_for
from flask.typing import ResponseReturnValue

from layers import people
from layers.analysis import heat_rate, hotspot_files, hotspot_places, hotspots, what_was_done
from layers.analysis.hotspot_places import Place
from layers.analysis.hotspots import Asked
from layers.errors import NotFoundError
from layers.field import findings
from layers.field.asking import FindingFilter
from layers.language import gettext
from map_app import basis, charts, hotspot_words, legend, measure_words, style
from map_app.maps import base, stretch
from map_app.pages import filters, json
from map_app.pages.gate import visitor
from map_app.pages.maps import ground
from map_app.pages.service import analyst, now, site
from map_app.words import Choice, local_time, number

blueprint = Blueprint("hotspots", __name__)

_LATEST = 30
_PHOTOS = 12


@blueprint.get("/data/hotspots/forecasts")
def forecasts() -> Response:
    """Return how hotspots and simpler forecasts did on periods that they had not seen."""
    return json.answer({"rows": hotspot_words.forecasts(analyst(), filters.parse(request.args))})


@blueprint.get("/files/hotspots.gpkg")
def geopackage() -> Response:
    """Send every block with found, expected, ratio, interval and q, and the stretches."""
    choice = filters.parse(request.args)
    asked = Asked.of(choice.wanted, choice.stream, choice.against)
    classes = [(one.below, gettext(one.label), one.colour) for one in style.RATIOS]
    content = hotspot_files.geopackage(analyst(), asked, now(), classes)
    return _attached(content, "application/geopackage+sqlite3", "hotspots.gpkg")


@blueprint.get("/files/heat.tif")
def heat_file() -> Response:
    """Send the surface of findings per inspected metre with effort and count, nodata where nobody looked."""
    choice = filters.parse(request.args)
    asked, area = Asked.of(choice.wanted), choice.wanted.district_id
    if hotspots.find(analyst(), asked).declared:
        raise NotFoundError("There are no tracks, so there are no rates")
    _, path = heat_rate.file(analyst(), asked, now())
    content = path.read_bytes() if area is None else heat_rate.of_area(analyst(), path, area)
    days = [day.isoformat() if day else "" for day in (choice.first, choice.last)]
    parts = [
        "heat",
        "whole-area" if area is None else f"area-{area}",
        *([f"{days[0]}_{days[1]}"] * any(days)),
    ]
    kind = "image/tiff; application=geotiff; profile=cloud-optimized"
    return _attached(content, kind, f"{'-'.join(parts)}.tif")


def _attached(content: bytes, kind: str, name: str) -> Response:
    """Send bytes as a file to keep."""
    return Response(content, mimetype=kind, headers={"Content-Disposition": f'attachment; filename="{name}"'})


@blueprint.get("/hotspots/<block_id>")
def one(block_id: str) -> ResponseReturnValue:
    """Show the stretch that a block belongs to."""
    choice = filters.parse(request.args)
    asked, at = Asked.of(choice.wanted, choice.stream, choice.against), now()
    place = hotspot_places.place(analyst(), asked, block_id, at)
    lines, which = legend.entries(site().taxonomy, analyst().used_categories())
    latest = findings.page(
        site(), FindingFilter(uuids=tuple(place.findings["uuid"].head(_LATEST))), limit=_LATEST
    ).findings
    latest = sorted(latest, key=lambda found: found.observed_at, reverse=True)
    return render_template(
        "map_app/hotspot.html",
        title=hotspot_words.name(place.row),
        counts=hotspot_words.counts(place.row),
        is_hotspot=place.is_hotspot,
        label=hotspot_words.label(place.label) if place.label else None,
        rows=hotspot_words.stretch_rows(place.row, place.found),
        weeks=_weeks(place),
        grid=charts.week_grid(place.hours, style.HEAT_COLOURS),
        days=hotspot_words.weekdays(),
        bars=charts.bars(_per_line(place, lines, which)),
        coverage=_coverage(place),
        **_done(place, asked),
        latest=latest,
        photos=[(found, photo) for found in latest for photo in found.photos][:_PHOTOS],
        name_of=lambda found: legend.name(site().taxonomy, found.scheme, found.code),
        parts=base.parts(
            stretch.build(ground(), _lonlat(place.row["geometry"]), _points(place, lines, which))
        ),
        back=f"{url_for('pages.maps.hotspots')}?{urlencode(_kept())}",
        basis=_basis(choice, asked, place, at),
    )


def _basis(choice: Choice, asked: Asked, place: Place, at: datetime) -> basis.Rows:
    """Return what a page rests on; what it says over time, only where effort is known."""
    rows = hotspot_words.basis_of(analyst(), choice, place.found, at)
    if place.found.declared:
        return rows
    over_time = hotspot_words.over_time(hotspot_places.periods(analyst(), asked))
    return [*rows[:-1], (gettext("Over time"), over_time), rows[-1]]


def _done(place: Place, asked: Asked) -> dict[str, Any]:
    """Return what was done on a stretch, and what is needed to note more."""
    done = what_was_done.find(analyst(), asked, list(place.row["block_ids"]), place.findings)
    return {
        "done": measure_words.lines(done),
        "compared": measure_words.compared(done),
        "kinds": measure_words.kinds(),
        "blocks": list(place.row["block_ids"]),
        "may_note": people.may(visitor(), "overview"),
        "today": now().astimezone(site().settings.zone).date().isoformat(),
    }


def _kept() -> dict[str, str]:
    """Return what was chosen on the map."""
    return {name: value for name, value in request.args.items() if value}


def _per_line(
    place: Place, lines: list[style.Entry], which: dict[tuple[str, str], int]
) -> list[tuple[str, str, int]]:
    """Return how many findings are on each line of the legend that has any."""
    categories = zip(place.findings["scheme"], place.findings["code"], strict=True)
    n = Counter(which[category] for category in categories)
    return [(lines[k].name, lines[k].colour, count) for k, count in n.items()]


def _weeks(place: Place) -> list[charts.Pair]:
    weeks = place.weeks
    names = [day.isoformat() for day in weeks["first_day"]]
    return charts.pairs(names, weeks["found"].tolist(), weeks["effort_km"].tolist())


def _coverage(place: Place) -> list[dict[str, str]]:
    """Return when each block was last inspected, the never inspected first."""
    own = site().network.blocks.set_index("block_id").loc[list(place.row["block_ids"])]
    last_at = place.last_at.sort_values(na_position="first")
    effort_m = place.found.blocks["effort_m"]
    return [
        {
            "name": hotspot_words.text(own.at[block_id, "name"]) or gettext("(no name)"),
            "length": number(float(own.at[block_id, "length_m"])),
            "effort": "" if pd.isna(effort_m[block_id]) else number(float(effort_m[block_id]) / 1000, 1),
            "last": gettext("never") if pd.isna(last) else local_time(last, site().settings.zone),
        }
        for block_id, last in last_at.items()
    ]


def _lonlat(geometry: Any) -> Any:
    return shapely.transform(geometry, site().network.projection.to_lonlat)


def _points(
    place: Place, lines: list[style.Entry], which: dict[tuple[str, str], int]
) -> list[dict[str, Any]]:
    rows = place.findings[["lon", "lat", "scheme", "code"]].itertuples(index=False)
    return [
        {"lon": round(lon, 6), "lat": round(lat, 6), "colour": lines[which[(scheme, code)]].colour}
        for lon, lat, scheme, code in rows
    ]
