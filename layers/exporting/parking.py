"""The table of parked vehicles street by street, as a GeoPackage or a sheet."""

import csv
import io
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import geopandas as gpd
import pyogrio

from layers import language
from layers.analysis import parking_streets
from layers.analysis.hotspots import Asked
from layers.analysis.parking_streets import Streets
from layers.formulas import guarded
from layers.language import gettext

if TYPE_CHECKING:
    from layers.analysis.questions import Analyst

MEDIA_TYPES = {"csv": "text/csv; charset=utf-8", "gpkg": "application/geopackage+sqlite3"}
NAMES = (
    *("street_id", "name", "near_name", "length_m", "no_parking_m", "vehicles", "effort_km", "hours"),
    *("per_km", "per_km_low", "per_km_high", "per_hour", "bays", "bays_near", "standing_near"),
    *("weeks_looked", "weeks_stood", "is_persistent"),
)
_ROUNDED = {"length_m": 1, "no_parking_m": 1, "vehicles": 2, "effort_km": 3, "hours": 2}
_OF_LISTS = (
    *("name", "near_name", "from_name", "to_name", "length_m", "advice", "vehicles", "standing"),
    *("standing_low", "standing_high", "bays_near", "short", "looked", "stood", "geometry"),
)


def headings() -> dict[str, str]:
    """Return what the columns are called in the language in use."""
    return {
        "street_id": gettext("Id"),
        "name": gettext("Street"),
        "near_name": gettext("Near"),
        "length_m": gettext("Length, m"),
        "no_parking_m": gettext("No parking, m"),
        "vehicles": gettext("Vehicles"),
        "effort_km": gettext("Inspected, km"),
        "hours": gettext("Hours"),
        "per_km": gettext("Vehicles per inspected km"),
        "per_km_low": gettext("from (90 %)"),
        "per_km_high": gettext("to (90 %)"),
        "per_hour": gettext("Vehicles per hour"),
        "bays": gettext("Bays at the street"),
        "bays_near": gettext("Bays in reach"),
        "standing_near": gettext("Standing in reach"),
        "weeks_looked": gettext("Weeks looked at"),
        "weeks_stood": gettext("Weeks with vehicles"),
        "is_persistent": gettext("Persistent"),
    }


def table(found: Streets) -> gpd.GeoDataFrame:
    """Return the streets as they are written, with their lines."""
    rows = found.table[[*NAMES, "geometry"]].round(_ROUNDED)
    return rows.round(dict.fromkeys(("per_km", "per_km_low", "per_km_high", "per_hour"), 4))


def as_csv(analyst: "Analyst", asked: Asked, vehicle: str, *, speak: str) -> bytes:
    """Return the table in UTF-8 (marked, for spreadsheets), with headings in the language."""
    with language.using(speak):
        titles = headings()
    rows = table(parking_streets.find(analyst, asked, vehicle)).drop(columns="geometry")
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow([titles[name] for name in NAMES])
    plain = rows.astype(object).where(rows.notna(), None)
    writer.writerows([guarded(value) for value in row] for row in plain.itertuples(index=False, name=None))
    return b"\xef\xbb\xbf" + text.getvalue().encode()


def as_gpkg(analyst: "Analyst", asked: Asked, vehicle: str, rests: str) -> bytes:
    """Return a GeoPackage in the metres of the site: `streets`, `blocks`, and both lists, `paint` and `tow`.

    Each layer's description says what it is and, with `rests`, what its numbers rest on.
    """
    found, blocks = parking_streets.find(analyst, asked, vehicle), analyst.site.network.blocks
    own = found.parking.blocks.reset_index()
    by_block = blocks[["block_id", "name", "class", "length_m", "geometry"]].merge(
        own.drop(columns=["length_m"], errors="ignore"), on="block_id"
    )
    layers = {
        "streets": (table(found), gettext("Streets on which any vehicle was seen.")),
        "blocks": (by_block, gettext("Blocks: vehicles seen, inspected km, bays in reach.")),
        "paint": (found.paint[[*_OF_LISTS]], gettext("Places where bays are lacking, the surest first.")),
        "tow": (found.tow[[*_OF_LISTS]], gettext("Places where to tow, the surest first.")),
    }
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "parking.gpkg"
        for name, (rows, told) in layers.items():
            pyogrio.write_dataframe(
                rows,
                path,
                layer=name,
                driver="GPKG",
                promote_to_multi=name != "blocks",
                # a list without places is a layer without rows
                geometry_type=None if len(rows) else "MultiLineString",
                layer_options={"IDENTIFIER": name, "DESCRIPTION": f"{told} {rests}"},
            )
        return path.read_bytes()
