"""OpenStreetMap extracts (PBF, XML, compressed or not) to streets, key points, gates and areas.

An extract ends at a rectangle: ways lose nodes there and relations lose members.  A street keeps the
part that is inside; an area whose ring is not whole is left out and counted.
"""

import bz2
import gzip
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, cast

import geopandas as gpd
import osmium
import pandas as pd
import shapely

from layers import archives, unpacking
from layers.errors import UnreadableFileError
from layers.importing import osm_tags
from layers.importing.campuses import attach_gates, drop_twins
from layers.importing.features import nones
from layers.importing.osm_tags import AreaLevels, NoStreet, Tags
from layers.importing.progress import Progress, silent

ATTRIBUTION = "© OpenStreetMap contributors (ODbL 1.0)"
_CRS = "EPSG:4326"
_KEYS = ("highway", "boundary", "place", "landuse", "barrier", "entrance", *osm_tags.KEY_POINT_KEYS)
_AREA_KEYS = ("boundary", "place", "landuse", *osm_tags.KEY_POINT_KEYS)
_EVERY, _PIECE = 20_000, 1 << 20
_SUFFIXES = (".osm.pbf", ".pbf", ".osm", ".osm.gz", ".osm.bz2", ".osm.xml", ".xml", ".xml.gz")


@dataclass(frozen=True, slots=True)
class OsmExtract:
    """What an extract holds; every frame is in longitude and latitude with the columns of the store.

    `streets` also has `nodes` (a tuple of node ids a row, one for each vertex of the line), `name_zh`
    and `name_en`; `gates` name their key point by `key_point_source_id`.  `skipped` counts what was
    left out, by reason; `cut_areas` names the areas among it that the edge of the extract cuts.
    """

    streets: gpd.GeoDataFrame
    key_points: gpd.GeoDataFrame
    gates: gpd.GeoDataFrame
    districts: gpd.GeoDataFrame
    skipped: dict[str, int]
    cut_areas: list[str]
    data_until: str | None = None
    attribution: str = ATTRIBUTION


@dataclass(slots=True)
class _Rows:
    """What the pass over the file gathers."""

    streets: list[dict[str, Any]] = field(default_factory=list)
    key_points: list[dict[str, Any]] = field(default_factory=list)
    gates: list[dict[str, Any]] = field(default_factory=list)
    districts: list[dict[str, Any]] = field(default_factory=list)
    skipped: Counter[str] = field(default_factory=Counter)
    # areas announced by their ring or relation, and those that came out of it, whole or broken
    wanted_areas: dict[int, str] = field(default_factory=dict)
    met_areas: set[int] = field(default_factory=set)


def read(
    path: Path,
    *,
    levels: AreaLevels | None = None,
    language: str | None = None,
    progress: Progress = silent,
) -> OsmExtract:
    """Read an extract.

    Parameters
    ----------
    path : Path
        `.osm.pbf`, `.osm`, and the latter compressed by gzip or bzip2.
    levels : AreaLevels, optional
        Which level each `admin_level` is; China's without it.
    language : str, optional
        Prefer ``name:<language>`` to the local name.
    progress : Progress
        Told about every twenty thousand objects.

    Raises
    ------
    UnreadableFileError
        If the file is no OpenStreetMap data, or is broken.
    """
    rows = _Rows()
    processor = _open(path, progress)
    try:
        for n, thing in enumerate(processor):
            if n % _EVERY == 0:
                progress("reading OpenStreetMap objects", n, None)
            _take(thing, rows, levels or AreaLevels(), language)
    except (RuntimeError, ValueError, osmium.InvalidLocationError) as error:
        raise UnreadableFileError(
            "%(file)s cannot be read as OpenStreetMap data: %(reason)s",
            file=path.name,
            reason=unpacking.reason(error, path),
        ) from error
    return _extract(rows, processor.header.get("osmosis_replication_timestamp") or None)


def _open(path: Path, progress: Progress) -> Any:
    if not path.is_file():
        raise UnreadableFileError("There is no file %(file)s", file=str(path))
    if not path.stat().st_size or _is_empty_inside(path, progress):
        raise UnreadableFileError("%(file)s is empty", file=path.name)
    source = osmium.io.File(str(path), _format(path))
    try:
        return (
            osmium.FileProcessor(source)
            .with_locations()
            .with_areas(osmium.filter.KeyFilter(*_AREA_KEYS))
            .with_filter(osmium.filter.KeyFilter(*_KEYS))
        )
    except RuntimeError as error:
        raise UnreadableFileError(
            "%(file)s cannot be read as OpenStreetMap data: %(reason)s",
            file=path.name,
            reason=unpacking.reason(error, path),
        ) from error


def _is_empty_inside(path: Path, progress: Progress) -> bool:
    """Tell whether a packed file holds nothing; refuse one that holds far too much, or is damaged.

    It is unpacked once for that alone: who reads it afterwards knows no limit.
    """
    openers: dict[str, Callable[[IO[bytes]], IO[bytes]]] = {
        ".gz": lambda file: cast("IO[bytes]", gzip.GzipFile(fileobj=file)),
        ".bz2": bz2.open,
    }
    opener = openers.get(path.suffix.lower())
    if opener is None:
        return False
    n_packed, n = path.stat().st_size, 0
    try:
        with path.open("rb") as packed, opener(packed) as file:
            while piece := file.read(_PIECE):
                n += len(piece)
                if n > archives.most(n_packed):
                    raise archives.too_large(path.name)
                progress("opening the file", packed.tell(), n_packed)
    except (OSError, EOFError, zlib.error) as error:
        raise UnreadableFileError(
            "%(file)s cannot be unpacked: %(reason)s", file=path.name, reason=unpacking.reason(error, path)
        ) from error
    return n == 0


def _format(path: Path) -> str:
    """Return osmium's word for the format; plain `.gz` is XML; an empty answer lets it read the name."""
    name = path.name.lower()
    if name.endswith(_SUFFIXES):
        return "xml.gz" if name.endswith(".xml.gz") else "xml" if name.endswith(".xml") else ""
    return {".gz": "xml.gz", ".bz2": "xml.bz2"}.get(path.suffix.lower(), "")


def _take(thing: Any, rows: _Rows, levels: AreaLevels, language: str | None) -> None:
    tags = dict(thing.tags)
    if thing.is_node():
        _take_node(thing, tags, rows, language)
    elif thing.is_way():
        _take_way(thing, tags, rows, levels, language)
    elif thing.is_area():
        _take_area(thing, tags, rows, levels, language)
    elif tags.get("type") in {"multipolygon", "boundary"} and _is_wanted_area(tags, levels):
        rows.wanted_areas[thing.id * 2 + 1] = osm_tags.name_of(tags, language) or ""


def _is_wanted_area(tags: Tags, levels: AreaLevels) -> bool:
    return bool(osm_tags.key_point_kind(tags) or osm_tags.area_level(tags, levels))


def _take_node(node: Any, tags: Tags, rows: _Rows, language: str | None) -> None:
    if not node.location.valid():
        rows.skipped["point without a position"] += 1
        return
    point = shapely.Point(node.location.lon, node.location.lat)
    common = {"source_id": f"n{node.id}", "name": osm_tags.name_of(tags, language), "geom": point}
    if gate := osm_tags.gate_kind(tags):
        rows.gates.append({**common, "kind": gate, "is_metro": tags.get("railway") == "subway_entrance"})
    if kind := osm_tags.key_point_kind(tags):
        rows.key_points.append({**common, "kind": kind})
    elif tags.get("place") in {"village", "hamlet", "suburb", "quarter", "neighbourhood"}:
        rows.skipped["named place given as a point, without an outline"] += 1


def _take_way(way: Any, tags: Tags, rows: _Rows, levels: AreaLevels, language: str | None) -> None:
    if way.is_closed() and _is_wanted_area(tags, levels):
        rows.wanted_areas[way.id * 2] = osm_tags.name_of(tags, language) or ""
    elif not way.is_closed() and osm_tags.key_point_kind(tags):
        rows.skipped["key point drawn as a line that is not closed"] += 1
    if "highway" not in tags:
        return
    street = osm_tags.street(tags, language)
    if isinstance(street, NoStreet):
        rows.skipped[street.reason] += 1
        return
    runs = list(_runs(way))
    if len(runs) != 1 or len(runs[0][0]) != len(way.nodes):
        rows.skipped["street cut by the edge of the extract, the part inside kept"] += 1
    names = {"name_zh": tags.get("name:zh"), "name_en": tags.get("name:en")}
    for n, (refs, lonlat) in enumerate(runs):
        turn = -1 if street.is_reversed else 1
        rows.streets.append(
            {
                "source_id": f"w{way.id}" + (f"-{n + 1}" if n else ""),
                "name": street.name,
                "class": street.street_class,
                "one_way": street.one_way,
                "layer": street.layer,
                "bridge": street.bridge,
                "tunnel": street.tunnel,
                "width_m": street.width_m,
                "lanes": street.lanes,
                "footway": street.footway,
                **names,
                "nodes": tuple(refs[::turn]),
                "geom": shapely.LineString(lonlat[::turn]),
            }
        )


def _runs(way: Any) -> Iterator[tuple[list[int], list[tuple[float, float]]]]:
    """Yield the stretches of at least two nodes whose positions the extract holds, repeats dropped."""
    refs: list[int] = []
    lonlat: list[tuple[float, float]] = []
    for node in way.nodes:
        if not node.location.valid():
            if len(refs) > 1:
                yield refs, lonlat
            refs, lonlat = [], []
        elif not refs or refs[-1] != node.ref:
            refs.append(node.ref)
            lonlat.append((node.lon, node.lat))
    if len(refs) > 1:
        yield refs, lonlat


def _take_area(area: Any, tags: Tags, rows: _Rows, levels: AreaLevels, language: str | None) -> None:
    kind = osm_tags.key_point_kind(tags)
    level = osm_tags.area_level(tags, levels)
    if not (kind or level):
        return
    rows.met_areas.add(area.id)
    outline = _outline(area)
    if outline is None:
        rows.skipped["area whose outline is broken"] += 1
        return
    letter = "w" if area.from_way() else "r"
    row = {
        "source_id": f"{letter}{area.orig_id()}",
        "name": osm_tags.name_of(tags, language),
        "geom": outline,
    }
    if kind:
        single = outline.geoms[0] if len(outline.geoms) == 1 else outline
        rows.key_points.append({**row, "kind": kind, "geom": single})
    if level:
        rows.districts.append({**row, "level": level, "code": tags.get("ref")})


_WKB = osmium.geom.WKBFactory()


def _outline(area: Any) -> shapely.MultiPolygon | None:
    """Return the area's polygons, mended where rings touch; None where nothing is left."""
    try:
        outline = shapely.from_wkb(_WKB.create_multipolygon(area))
    except (RuntimeError, shapely.GEOSException):
        return None
    if not outline.is_valid:
        outline = shapely.make_valid(outline, method="structure", keep_collapsed=False)
    return as_multipolygon(outline)


def as_multipolygon(geometry: Any) -> shapely.MultiPolygon | None:
    """Return the polygonal part of a geometry as a multipolygon, None where it has none."""
    parts: list[Any] = [] if geometry is None else list(shapely.get_parts(shapely.get_parts(geometry)))
    polygons = [part for part in parts if part.geom_type == "Polygon" and not part.is_empty]
    return shapely.MultiPolygon(polygons) if polygons else None


def _extract(rows: _Rows, data_until: str | None) -> OsmExtract:
    streets = _frame(rows.streets, _STREET_COLUMNS)
    streets["lanes"] = streets["lanes"].astype("Int64")
    key_points, n_twins = drop_twins(_frame(rows.key_points, ["source_id", "kind", "name", "geom"]))
    rows.skipped["key point given twice, as a point and as an area"] += n_twins
    candidates = _frame(rows.gates, ["source_id", "kind", "name", "is_metro", "geom"])
    gates, n_elsewhere = attach_gates(key_points, candidates)
    rows.skipped["gate or entrance not at the outline of a key point"] += n_elsewhere
    districts = _frame(rows.districts, ["source_id", "level", "code", "name", "geom"])
    cut = sorted(name for area, name in rows.wanted_areas.items() if area not in rows.met_areas)
    rows.skipped["area cut by the edge of the extract"] += len(cut)
    return OsmExtract(
        streets=streets,
        key_points=key_points,
        gates=gates,
        districts=districts,
        skipped={reason: n for reason, n in sorted(rows.skipped.items()) if n},
        cut_areas=[name for name in cut if name],
        data_until=data_until,
    )


_STREET_COLUMNS = [
    *("source_id", "name", "class", "one_way", "layer", "bridge", "tunnel", "width_m", "lanes"),
    *("footway", "name_zh", "name_en", "nodes", "geom"),
]
_TEXTS = frozenset({"name", "footway", "name_zh", "name_en", "code"})


def _frame(rows: list[dict[str, Any]], columns: list[str]) -> gpd.GeoDataFrame:
    """Return rows in a fixed order, so that the order in the file does not matter."""
    frame = pd.DataFrame(rows, columns=columns).sort_values("source_id", ignore_index=True)
    for name in _TEXTS.intersection(columns):
        frame[name] = nones(frame[name])
    return gpd.GeoDataFrame(frame, geometry="geom", crs=_CRS)
