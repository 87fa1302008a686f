"""The map of one place: zones by rule, gates, the streets around, what was judged and the ways walked."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import geopandas as gpd
import shapely

from map_app import style
from map_app.maps.base import CityMap, Ground, MapLayer

RULE_COLOURS = ("#6a4c93", "#0072b2", "#b0578d", "#8c7a00", "#00796b", "#5b6470")
VERDICT_COLOURS: Mapping[str, str] = {
    "breach": "#b3261e",
    "measure_on_site": "#d9822b",
    "indeterminate": "#5f6b76",
    "clear": "#2e7d32",
}
STATUS_COLOURS: Mapping[str, str] = {
    "breached": "#b3261e",
    "to_measure": "#d9822b",
    "undecided": "#5f6b76",
    "unverified": "#1c2733",
    "partly": "#8d8a94",
    "clear": "#2e7d32",
    "no_rule": "#c9c5bd",
}
NO_DATA_COLOUR = "#efedea"
# Inspected within the days that count, longer ago, never
SEEN_COLOURS = ("#3a83c3", "#e9b44c", "#8d8a94")


class Surroundings(MapLayer):
    """A place, its zones, gates and streets, and marks coloured by verdict, each with its path."""

    method = "surroundings"


class Places(MapLayer):
    """Places as dots; a click opens a card that leads to the page of one."""

    method = "places"


def overview(ground: Ground, places: Sequence[Mapping[str, Any]]) -> CityMap:
    """Return the map of many places: `lon`, `lat`, `colour`, `radius`, `title`, `rows`, `url` each."""
    city_map = CityMap(ground)
    city_map.add_child(Places(places=list(places)))
    return city_map


def build(
    ground: Ground,
    place: Any,
    *,
    zones: Sequence[Mapping[str, Any]],
    gates: Sequence[Mapping[str, Any]] = (),
    streets: Sequence[Mapping[str, Any]] = (),
    marks: Sequence[Mapping[str, Any]] = (),
) -> CityMap:
    """Return the map; zones as from `zone`, streets as from `streets`; gates and marks by `lon`, `lat`."""
    city_map = CityMap(ground)
    middle = shapely.point_on_surface(place)
    is_ground = shapely.get_dimensions(place) == 2
    city_map.add_child(
        Surroundings(
            lon=middle.x,
            lat=middle.y,
            ground=_outlines(place) if is_ground else [],
            zones=list(zones),
            gates=list(gates),
            streets=list(streets),
            marks=list(marks),
            colours={"ground": style.CAMPUS_COLOUR},
        )
    )
    return city_map


def zone(title: str, colour: str, shape: Any, *, walked: bool) -> dict[str, Any]:
    """Return a zone to draw: an area, or the ways within a walk."""
    drawn = {"lines": lines(shapely.get_parts(shape))} if walked else {"rings": _outlines(shape)}
    return {"title": title, "colour": colour, **drawn}


def lines(shapes: Iterable[Any]) -> list[list[list[float]]]:
    """Return lines in degrees as the browser draws them."""
    return [shapely.get_coordinates(shape).round(6).tolist() for shape in shapes]


def streets(stretches: gpd.GeoDataFrame, titles: Sequence[str]) -> list[dict[str, Any]]:
    """Return stretches in one of three states (`by`: 0, 1 or 2), a title each."""
    drawn = lines(stretches.geometry)
    return [
        {"line": line, "colour": SEEN_COLOURS[int(by)], "title": title}
        for line, by, title in zip(drawn, stretches["by"], titles, strict=True)
    ]


def _outlines(geometry: Any) -> list[list[list[float]]]:
    parts = [part for part in shapely.get_parts(geometry) if shapely.get_dimensions(part) == 2]
    return [shapely.get_coordinates(part.exterior).round(7).tolist() for part in parts]
