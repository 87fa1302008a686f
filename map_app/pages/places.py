"""Markets, hospitals, stations and other places: what is found around each, and how it changes."""

import math
from datetime import date
from typing import Any

import geopandas as gpd
import shapely
from flask import Blueprint, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from geo import clearance
from layers import people
from layers.analysis import around, busy_places
from layers.city import key_points, licences, taxonomy
from layers.city.taxonomy import SCHOOL_KINDS, Taxonomy
from layers.errors import ConflictError, InvalidError, NotFoundError
from layers.language import explain, gettext
from map_app import around_words, basis
from map_app.maps import base
from map_app.maps import surroundings as drawing
from map_app.pages import filters
from map_app.pages.gate import allow, visitor
from map_app.pages.maps import ground
from map_app.pages.service import analyst, now, site
from map_app.surroundings_words import change
from map_app.surroundings_words import licence as licence_words
from map_app.words import local_time, number

blueprint = Blueprint("places", __name__)

# Distances to choose from, metres; the first is taken unless somebody chooses
DISTANCES_M = (100, 50, 200, 300)
_FIRST_KINDS = ("market", "hospital", "metro", "supermarket")
_RECENT, _BEFORE, _ZONE = "#b3261e", "#c8a49c", "#6a4c93"


@blueprint.get("/surroundings")
def listed() -> ResponseReturnValue:
    """List the places of a kind, those with most findings around them first."""
    allow("surroundings")
    with site().store.read() as conn:
        categories, counts = taxonomy.of_site(conn), key_points.counts(conn)
    kinds = sorted(
        (kind for kind in counts if kind not in SCHOOL_KINDS),
        key=lambda kind: (_FIRST_KINDS.index(kind) if kind in _FIRST_KINDS else 99, kind),
    )
    asked = request.args.get("kind", "")
    kind = asked if asked in kinds else next(iter(kinds), "market")
    metres, days = _metres(), site().settings.surroundings_days
    found = busy_places.look(analyst(), kind, metres, days, now())
    places = [_place(row, categories) for row in found.drop(columns="geom").to_dict("records")]
    return render_template(
        "map_app/places.html",
        places=places,
        parts=base.parts(drawing.overview(ground(), _dots(places, found, metres))),
        kinds=[(name, taxonomy.kind_name(name), counts[name]) for name in kinds],
        kind=kind,
        kind_name=taxonomy.kind_name(kind),
        metres=metres,
        distances=sorted(DISTANCES_M),
        days=days,
        basis=_basis(),
    )


@blueprint.get("/surroundings/<int:fid>")
def one(fid: int) -> ResponseReturnValue:
    """Show one place: what was found around it, by week beside the looking, by hour and by kind."""
    allow("surroundings")
    return _page(fid)


@blueprint.post("/surroundings/<int:fid>")
def licence(fid: int) -> ResponseReturnValue:
    """Keep since when and until when premises are licensed."""
    allow("verify")
    try:
        with site().store.write() as conn:
            licences.put(
                conn,
                fid,
                _day("licensed_on"),
                _day("licence_until"),
                looked_at=filters.whole_number(request.form, "version") or 0,
                now=now(),
                by=visitor().id,
            )
    except (InvalidError, ConflictError) as error:
        return make_response(_page(fid, explain(error)), 422)
    return redirect(url_for(".one", fid=fid), 303)


def _page(fid: int, message: str | None = None) -> ResponseReturnValue:
    with site().store.read() as conn:
        categories, places = taxonomy.of_site(conn), key_points.read(conn)
        licensed = licences.of(conn, fid)
    mine = places[places["fid"].eq(fid)]
    if not len(mine):
        raise NotFoundError("There is no such place")
    place, metres = mine.iloc[0], _metres()
    if place["kind"] in SCHOOL_KINDS:
        return redirect(url_for("pages.surroundings.one", fid=fid))
    found = around.look(analyst(), place["geom"], float(metres), now())
    settings = site().settings
    said = around_words.of(found, categories, settings, bells=False)
    drawn = drawing.build(
        ground(),
        place["geom"],
        zones=[drawing.zone("", _ZONE, clearance.zone(place["geom"], float(metres)), walked=False)],
        gates=_gates(fid),
        marks=[_mark(row, categories) for row in found.near.to_dict("records")],
    )
    n, before = sum(one["n"] for one in said["kinds"]), sum(one["before"] for one in said["kinds"])
    return render_template(
        "map_app/place.html",
        place={"fid": fid, "name": _name(place["name"]), "kind": str(place["kind"])},
        kind_name=taxonomy.kind_name(str(place["kind"])),
        n=n,
        before=before,
        change=change(n, before),
        metres=metres,
        distances=sorted(DISTANCES_M),
        days=settings.surroundings_days,
        colours=(_RECENT, _BEFORE),
        around=said,
        today=local_time(now(), settings.zone),
        message=message,
        licences=licensed if place["kind"] in licences.KINDS else None,
        licence_words=licence_words,
        may_change=people.may(visitor(), "verify"),
        may_name=people.may(visitor(), "originals"),
        basis=_basis(),
        parts=base.parts(drawn),
    )


def _day(name: str) -> date | None:
    return filters.day(request.form.get(name, "").strip(), name)


def _metres() -> int:
    asked = request.args.get("metres", type=int)
    return asked if asked in DISTANCES_M else DISTANCES_M[0]


def _name(name: Any) -> str:
    return name if isinstance(name, str) and name else gettext("(no name)")


def _place(row: dict[Any, Any], categories: Taxonomy) -> dict[str, Any]:
    commonest = ""
    if row["n_commonest"]:
        commonest = categories.category(str(row["scheme"]), str(row["code"])).name()
    return {
        "fid": int(row["fid"]),
        "name": _name(row["name"]),
        "n": int(row["n"]),
        "before": int(row["n_before"]),
        "change": change(int(row["n"]), int(row["n_before"])),
        "commonest": commonest,
        "n_commonest": int(row["n_commonest"]),
    }


def _dots(places: list[dict[str, Any]], found: gpd.GeoDataFrame, metres: int) -> list[dict[str, Any]]:
    """Return the places as dots, as large as there are findings around them."""
    middles = shapely.get_coordinates(shapely.point_on_surface(found.geometry.to_numpy())).round(6)
    most = max([1, *(one["n"] for one in places)])
    return [
        {
            "lon": lon,
            "lat": lat,
            "colour": _RECENT if one["n"] else _ZONE,
            "radius": 4 + 10 * math.sqrt(one["n"] / most),
            "title": one["name"],
            "rows": [[gettext("Findings"), one["n"]], [gettext("Before"), one["before"]]],
            "url": url_for(".one", fid=one["fid"], metres=metres),
        }
        for one, (lon, lat) in zip(places, middles.tolist(), strict=True)
    ]


def _mark(row: dict[Any, Any], categories: Taxonomy) -> dict[str, Any]:
    return {
        "lon": round(float(row["lon"]), 6),
        "lat": round(float(row["lat"]), 6),
        "colour": _RECENT if row["recent"] else _BEFORE,
        "number": None,
        "path": None,
        "title": categories.category(str(row["scheme"]), str(row["code"])).name(),
        "rows": [
            [gettext("Observed"), local_time(row["observed_at"], site().settings.zone)],
            [gettext("Distance"), f"{number(float(row['distance_m']))} m"],
        ],
        "bell": None,
        "url": url_for("pages.findings.one", uuid=row["uuid"]),
    }


def _gates(fid: int) -> list[dict[str, Any]]:
    with site().store.read() as conn:
        gates = key_points.read_gates(conn)
    own = gates[gates["key_point_id"].eq(fid)]
    return [{"lon": point.x, "lat": point.y, "title": ""} for point in own.geometry]


def _basis() -> basis.Rows:
    return [
        *basis.of_streets(analyst(), now()),
        (
            gettext("Missing or assumed"),
            gettext(
                "Straight distance from the ground, or from the point where no more is mapped. "
                "Counts are not corrected for patrol effort; the weeks stand beside it."
            ),
        ),
    ]
