"""The map of zones around schools, with the findings inside and a list of schools."""

from collections.abc import Callable, Sequence
from typing import Any

import geopandas as gpd
import pandas as pd
import shapely

from map_app import style
from map_app.maps import packing
from map_app.maps.base import CityMap, Ground, MapLayer, Source
from map_app.maps.findings import counted
from map_app.style import Entry


class Zones(MapLayer):
    """Schools, their zones and the findings inside."""

    method = "zones"


def build(ground: Ground, source: Source, *, details: str | None = None) -> CityMap:
    """Return the map; `details` is the address of one finding's card, with 0 in place of its number."""
    city_map = CityMap(ground)
    city_map.add_child(Zones(source=source.to_json(), details=details))
    return city_map


def layer(
    schools: gpd.GeoDataFrame,
    findings: pd.DataFrame,
    entries: Sequence[Entry],
    say: Callable[[str], str],
    *,
    address: Callable[[int], str] | None = None,
) -> dict[str, Any]:
    """Return schools, most findings first, and the findings that lie in any zone.

    Parameters
    ----------
    schools : GeoDataFrame, EPSG:4326
        `fid`, `name`, `kind_name`, `zone`, `n`, `measured_from`, `radius_m`; geometry the point or ground.
    findings : DataFrame
        `fid`, `lon`, `lat`, `entry`; those inside any zone.
    address : returns the address of the list of a school's findings
    """
    ordered = schools.sort_values(["n", "fid"], ascending=[False, True])
    shown = findings.sort_values("fid")
    return {
        "colours": {"zone": style.ZONE_COLOUR, "ground": style.CAMPUS_COLOUR},
        "schools": [
            _school(row, geometry, say, address)
            for row, geometry in zip(ordered.itertuples(), ordered.geometry, strict=True)
        ],
        "findings": {
            "number": shown["fid"].astype(int).tolist(),
            "lon": packing.degrees(shown["lon"]),
            "lat": packing.degrees(shown["lat"]),
            "entry": shown["entry"].astype(int).tolist(),
            "entries": counted(entries, shown["entry"]),
        },
    }


def _school(
    row: Any, geometry: Any, say: Callable[[str], str], address: Callable[[int], str] | None
) -> dict[str, Any]:
    by_boundary = row.measured_from == "boundary"
    middle = shapely.point_on_surface(geometry)
    ruler = (
        say("from the boundary of its ground") if by_boundary else say("from its point: no ground is mapped")
    )
    return {
        "name": row.name if isinstance(row.name, str) and row.name else say("(no name)"),
        "lon": round(middle.x, 6),
        "lat": round(middle.y, 6),
        "zone": packing.rings(row.zone),
        "ground": packing.rings(geometry) if by_boundary else None,
        "from": row.measured_from,
        "from_text": f"{row.kind_name} · {say('by boundary') if by_boundary else say('by point')}",
        "n": int(row.n),
        "rows": [
            [say("Kind"), row.kind_name],
            [say("Zone"), f"{row.radius_m:g} m"],
            [say("Measured"), ruler],
            [say("Findings inside"), int(row.n)],
        ],
        "url": address(int(row.fid)) if address else None,
    }
