"""How a file would be read: what it says of itself, and its first rows as they would be taken."""

from collections.abc import Collection
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyogrio
import pyproj
import shapely
from pyproj.aoi import AreaOfInterest
from pyproj.database import query_crs_info
from pyproj.enums import PJType

from layers.errors import InvalidError, UnreadableFileError
from layers.field import placements
from layers.importing import findings, opening, positions, tables
from layers.importing.features import Layer
from layers.importing.options import ImportOptions
from layers.importing.positions import Floats
from layers.importing.runs import Done

if TYPE_CHECKING:
    from pyproj.database import CRSInfo

    from layers.field.reports import Report
    from layers.site import Site

_SHOWN = 5
_LONGEST_NOTE = 60
_MOST, _PROBED = 5, 1000
_NO_LAYER = (pyogrio.errors.DataSourceError, pyogrio.errors.DataLayerError, pyproj.exceptions.CRSError)
_WGS84 = pyproj.CRS("EPSG:4326")
# What is surveyed now; older systems lie a hundred metres off and are still met
_NEW_DATUMS = ("CGCS2000", "WGS 84", "ETRS89", "NAD83")
Row = dict[str, Any]


def of_file(path: Path, options: ImportOptions) -> dict[str, Any]:
    """Return where the headings of a table stand, or the reference system that a layer declares."""
    if tables.is_text_table(path) or tables.suffix(path) == opening.WORKBOOK:
        return {"header_row": opening.header_row(path, options)}
    if tables.suffix(path) == ".gpx":
        return {}
    return {"declared_crs": _declared(path, options), "is_layer_of_shapes": True}


def _declared(path: Path, options: ImportOptions) -> str | None:
    layer = next(iter(opening.layers(path, options)), None)
    try:
        crs = pyogrio.read_info(opening.address(path), layer=layer, encoding=options.encoding)["crs"]
        return crs and described(pyproj.CRS(crs))
    except _NO_LAYER:
        return None


def described(crs: pyproj.CRS) -> str:
    """Return what a reference system is called, its number first where it has one.

    >>> described(pyproj.CRS("EPSG:4326"))
    'EPSG:4326 (WGS 84)'
    """
    number = crs.to_epsg()
    return f"EPSG:{number} ({crs.name})" if number else str(crs.name)


def assumed(done: Done) -> dict[str, str]:
    """Return how was read what can be read in several ways: zone, order of dates, of coordinates."""
    options = done.facts.get("options") or ImportOptions()
    names = ("time_zone", "date_format", "coordinate_order", "frame")
    return {name: getattr(options, name) for name in names if getattr(options, name)}


def of_findings(site: "Site", path: Path, options: ImportOptions, refused: Collection[int]) -> list[Row]:
    """Return the first findings of a file as they would be taken, positions in WGS 84."""
    batches = findings.read(path, options, taxonomy=site.taxonomy, local=site.settings.zone)
    good = (
        (int(row), report)
        for batch in batches
        for row, report in zip(batch.rows.index, batch.reports, strict=True)
        if int(row) not in refused
    )
    return [_finding(site, row, report) for row, report in islice(good, _SHOWN)]


def _finding(site: "Site", row: int, report: "Report") -> Row:
    place = report.position
    lon, lat = placements.lonlat_of([place.x], [place.y], [place.frame])[0].round(6).tolist()
    return {
        "row": row,
        "at": report.observed_at.isoformat(),
        "lon": lon,
        "lat": lat,
        "what": site.taxonomy.category(report.scheme, report.code).name(),
        "note": (report.note or "")[:_LONGEST_NOTE],
    }


def of_layer(layer: Layer) -> list[Row]:
    """Return the first rows of a layer as they would be taken, each with a place inside it."""
    first = layer.frame.head(_SHOWN)
    inside = shapely.get_coordinates(shapely.point_on_surface(first.geometry.to_numpy())).round(6).tolist()
    return [
        {"what": one.get("kind") or one.get("level"), "note": one["name"], "lon": x, "lat": y}
        for one, (x, y) in zip(first.to_dict("records"), inside, strict=True)
    ]


def fitting_systems(site: "Site", path: Path, options: ImportOptions) -> list[str]:
    """Return the reference systems in which the coordinates of a file lie where the site is, likeliest first.

    None where some lie there as they are read now, or the site has no streets yet.
    """
    bounds = site.bounds()
    try:
        extent, now = _extent(path, options)
    except (InvalidError, UnreadableFileError, *_NO_LAYER):
        # whoever reads all of it says why
        return []
    if bounds is None or extent is None or _meet(extent, now, bounds):
        return []
    known = query_crs_info("EPSG", PJType.PROJECTED_CRS, AreaOfInterest(*bounds), contains=True)
    codes = [4326, *(int(one.code) for one in sorted(known, key=_is_of_old_datum))]
    systems = (pyproj.CRS.from_epsg(code) for code in codes)
    return [described(one) for one in islice((one for one in systems if _meet(extent, one, bounds)), _MOST)]


def _is_of_old_datum(system: "CRSInfo") -> bool:
    return not system.name.startswith(_NEW_DATUMS)


def _meet(extent: Floats, crs: pyproj.CRS, bounds: positions.Bounds) -> bool:
    """Tell whether the rectangle that holds all rows, read in `crs`, meets that of the site."""
    west, south, east, north = bounds
    try:
        transformer = pyproj.Transformer.from_crs(crs, _WGS84, always_xy=True)
    except pyproj.exceptions.ProjError:
        return False
    lon, lat = transformer.transform(extent[:, 0], extent[:, 1])
    there = lon.min() <= east and lon.max() >= west and lat.min() <= north and lat.max() >= south
    return bool(there and np.isfinite([lon, lat]).all())


def _extent(path: Path, options: ImportOptions) -> tuple[Floats | None, pyproj.CRS]:
    """Return two corners of what holds the coordinates as they stand, and the system they are read in."""
    said = positions.parse_crs(options.crs) if options.crs else None
    if tables.is_text_table(path) or tables.suffix(path) == opening.WORKBOOK:
        rows = opening.first_rows(path, options, _PROBED)
        x, y = positions.read(rows, positions.columns_in(rows, options), options.coordinate_order)
        xy = np.column_stack([x, y])
        xy = xy[np.isfinite(xy).all(axis=1)]
        return (np.array([xy.min(axis=0), xy.max(axis=0)]) if len(xy) else None), said or _WGS84
    layer = next(iter(opening.layers(path, options)), None)
    info = pyogrio.read_info(opening.address(path), layer=layer, force_total_bounds=True)
    corners = np.asarray(info["total_bounds"] or (), dtype=float).reshape(-1, 2)
    return (corners if len(corners) else None), said or (pyproj.CRS(info["crs"]) if info["crs"] else _WGS84)
