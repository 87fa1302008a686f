"""Where people live: the raster in force, what it covers, a new one, and taking one back."""

from typing import Any

import geopandas as gpd
import numpy as np
import shapely
from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from layers.analysis import residents
from layers.analysis.residents import FAR_M, Residents
from layers.city import population
from layers.errors import InvalidError
from layers.importing import population_uploads
from layers.importing.population import MOST_CELLS
from layers.language import gettext
from map_app import basis
from map_app.maps import base, stretch
from map_app.pages import jobs
from map_app.pages.gate import allow, visitor
from map_app.pages.maps import ground
from map_app.pages.service import analyst, now, site
from map_app.words import number

blueprint = Blueprint("population", __name__)

_MOST_AREAS = 12


@blueprint.get("/population")
def page() -> ResponseReturnValue:
    """Show what is in force, what came before, and what became of the last file."""
    allow("accounts")
    has_streets = site().network_or_none() is not None
    known = residents.find(analyst()) if has_streets and residents.are_known(analyst()) else None
    job = population_uploads.newest(site())
    with site().store.read() as conn:
        every = population.every(conn)
    outline = _outline(known) if known else None
    return render_template(
        "map_app/population.html",
        has_streets=has_streets,
        rows=_rows(known) if known else [],
        areas=_areas(known) if known else [],
        every=every,
        in_force=known.population.id if known else None,
        last=jobs.line(job, now()) if job else None,
        last_name=job.payload["name"] if job else "",
        limits=_limits(),
        parts=base.parts(stretch.build(ground(), outline, [])) if outline is not None else None,
        basis=basis.of_streets(analyst(), now()),
    )


@blueprint.post("/population")
def upload() -> ResponseReturnValue:
    """Take a raster and let a worker read it."""
    allow("accounts")
    sent = request.files.get("file")
    if sent is None or not sent.filename:
        raise InvalidError("Choose a file", field="file")
    population_uploads.take(
        site(),
        visitor(),
        sent.filename,
        sent.stream,
        source=request.form.get("source", ""),
        attribution=request.form.get("attribution", ""),
        now=now(),
    )
    return redirect(url_for(".page"), 303)


@blueprint.post("/population/<int:number>/take-back")
def take_back(number: int) -> ResponseReturnValue:
    """Take a raster back; the one before it is in force again."""
    allow("accounts")
    population.take_back(site(), number, by=visitor().id, now=now())
    return redirect(url_for(".page"), 303)


def _limits() -> list[tuple[str, str]]:
    return [
        (gettext("Format"), gettext("GeoTIFF, people per cell in the first band, north up")),
        (gettext("Size"), f"≤ {site().settings.max_upload_bytes / 1e6:.0f} MB"),
        (gettext("Cells around the streets"), f"≤ {number(MOST_CELLS)}"),
        (gettext("Reference system"), gettext("any that the file names")),
    ]


def _outline(known: Residents) -> Any:
    """Return the bounds of the cells kept, in degrees; long edges bend."""
    cells = known.population.cells
    frame = shapely.segmentize(shapely.box(*cells.bounds), max(cells.width, cells.height) * 10)
    return gpd.GeoSeries([frame], crs=cells.crs).to_crs("EPSG:4326").boundary.iloc[0]


def _rows(known: Residents) -> list[tuple[str, str]]:
    cells, blocks = known.population.cells, site().network.blocks
    length = blocks["length_m"].to_numpy(np.float64)
    frame = gpd.GeoSeries([shapely.box(*cells.bounds)], crs=cells.crs).to_crs(blocks.crs).iloc[0]
    inside = shapely.intersects(blocks.geometry.to_numpy(), frame)
    lived = known.blocks["exposure"].to_numpy() > 0
    unit = gettext("degrees") if cells.crs.is_geographic else "m"
    shape = " × ".join(number(n) for n in cells.values.shape)
    return [
        (gettext("Data set"), known.population.source),
        (gettext("Attribution"), known.population.attribution or "–"),
        (gettext("Reference system"), cells.crs.name),
        (gettext("Cells"), f"{shape}, {cells.width:g} × {cells.height:g} {unit}"),
        (gettext("Cells without a count"), f"{100 * float(np.isnan(cells.values).mean()):.1f} %"),
        (gettext("People in it"), number(cells.total)),
        (
            gettext("Along the streets"),
            gettext(
                "%(n)s; farther than %(far)s m from any street: %(rest)s",
                n=number(known.total),
                far=f"{FAR_M:g}",
                rest=number(max(0.0, cells.total - known.total)),
            ),
        ),
        (gettext("Streets inside"), f"{100 * float(length[inside].sum() / length.sum()):.1f} %"),
        (gettext("Streets with residents"), f"{100 * float(length[lived].sum() / length.sum()):.1f} %"),
    ]


def _areas(known: Residents) -> list[tuple[str, str]]:
    named = known.areas[known.areas["name"].notna()].sort_values("people", ascending=False)
    return [
        (str(name), number(people))
        for name, people in zip(
            named["name"].head(_MOST_AREAS), named["people"].head(_MOST_AREAS), strict=True
        )
    ]
