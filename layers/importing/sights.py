"""What is shown of a file before it is imported: columns, where its rows lie, what was refused and why."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyogrio
import shapely
from numpy.typing import NDArray

from geo.crs import LonLat
from geo.datum import to_wgs84
from layers import jobs, teams, unpacking
from layers.field import placements
from layers.field import tracks as track_store
from layers.importing import columns as names
from layers.importing import (
    districts,
    findings,
    kerbs,
    key_points,
    opening,
    positions,
    previews,
    refusals,
    tables,
    tracks,
    vector,
)
from layers.importing.features import Layer
from layers.importing.options import ImportOptions
from layers.importing.refusals import Refusal
from layers.importing.runs import Done
from layers.importing.tracks import Outing
from layers.people import Account

if TYPE_CHECKING:
    from layers.site import Site

_FIELDS: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "findings": findings.FIELDS,
    "tracks": tracks.FIELDS,
    "kerbs": kerbs.FIELDS,
    "key_points": key_points.FIELDS,
    "districts": districts.FIELDS,
}
_SAMPLE = 4
_UNSHOWN = frozenset((*refusals.OURS, "geom", "geometry"))
_REFUSED, _CELLS, _LONGEST_CELL = 100, 6, 60
_POINTS, _LINES, _VERTICES, _OUTINGS = 2000, 300, 200, 50
Shapes = dict[str, list[Any]]


def sample(path: Path, options: ImportOptions) -> dict[str, list[Any]]:
    """Return the names of a file's columns and its first rows; nothing where its rows are no table."""
    rows = opening.first_rows(path, options, _SAMPLE)
    cells = [[vector.text(value) or "" for value in row] for row in rows.itertuples(index=False, name=None)]
    short = [[cell[:_LONGEST_CELL] for cell in row] for row in cells]
    return {"known": [str(name) for name in rows.columns], "sample": short}


def guessed(kind: str, known: Sequence[str]) -> dict[str, str]:
    """Return the columns that are taken for the fields of a kind by their usual names.

    >>> guessed("tracks", ["时间", "经度", "纬度", "x"])
    {'lon': '经度', 'lat': '纬度', 'time': '时间'}
    """
    usual = {**{name: positions.FIELDS[name] for name in ("lon", "lat", "lonlat")}, **_FIELDS[kind]}
    return names.match(known, usual, {})


def layers(path: Path) -> list[str]:
    """Return the layers or sheets among which one must be chosen; none where there is no choice."""
    if tables.is_text_table(path) or path.suffix.lower() == ".gpx":
        return []
    unpacking.require_plain(path)
    try:
        found = [str(name) for name, *_ in pyogrio.list_layers(opening.address(path))]
    except pyogrio.errors.DataSourceError:
        return []
    return found if len(found) > 1 else []


def told(done: Done) -> dict[str, Any]:
    """Return what became of the rows, or would."""
    return {
        "kind": done.kind,
        "n_read": done.n_read,
        "n_added": done.n_added,
        "n_changed": done.n_changed,
        "n_removed": done.n_removed,
        "n_same": done.n_same,
        "skipped": done.skipped,
        "n_refused": len(done.refused),
        "columns": done.columns,
        "source_errors": {name: asdict(error) for name, error in done.facts.get("fitted", {}).items()},
        "assumed": previews.assumed(done),
        "mended": done.facts.get("mended", {}),
        "n_date_only": done.facts.get("n_date_only", 0),
        "refused": [_refused(one) for one in done.refused[:_REFUSED]],
    }


def _refused(one: Refusal) -> dict[str, Any]:
    # of a photo its name, and not where it lies here
    shown = {k: Path(str(v)).name if k == "file" else vector.text(v) for k, v in one.values.items()}
    cells = [(str(k), v[:_LONGEST_CELL]) for k, v in shown.items() if v and k not in _UNSHOWN]
    return {
        "row": one.row,
        "field": one.field,
        "reason": jobs.told(one.reason),
        "cells": cells[:_CELLS],
    }


def of_findings(site: "Site", path: Path, options: ImportOptions, refused: Collection[int]) -> Shapes:
    """Return where some of the good rows lie, in WGS 84."""
    return {"points": in_degrees(list(islice(_places(site, path, options, refused), _POINTS)))}


def in_degrees(places: Sequence[tuple[float, float, str]]) -> list[list[float]]:
    """Return positions, each in its frame, in WGS 84."""
    if not places:
        return []
    x, y, frame = zip(*places[:_POINTS], strict=True)
    found: list[list[float]] = placements.lonlat_of(x, y, frame).round(6).tolist()
    return found


def _places(
    site: "Site", path: Path, options: ImportOptions, bad: Collection[int]
) -> Iterator[tuple[float, float, str]]:
    for batch in findings.read(path, options, taxonomy=site.taxonomy, local=site.settings.zone):
        for row, report in zip(batch.rows.index, batch.reports, strict=True):
            if int(row) not in bad:
                yield report.position.x, report.position.y, report.position.frame


def of_tracks(walked: Sequence[tuple[Outing, Account]]) -> Shapes:
    """Return some of the tracks as lines in WGS 84, of long ones an even sample of their fixes."""
    return {"lines": [_line(outing) for outing, _ in walked[:_LINES]]}


def _line(outing: Outing) -> list[list[float]]:
    fixes = outing.track.in_order()[:, :2]
    found: list[list[float]] = to_wgs84(LonLat(_thinned(fixes)), outing.track.frame).round(6).tolist()
    return found


def of_layer(layer: Layer) -> Shapes:
    """Return where some of the rows lie: points, lines, and the outlines of areas."""
    shapes = shapely.get_parts(layer.frame.geometry.to_numpy()[:_POINTS])
    dimension = shapely.get_dimensions(shapes)
    outlines = shapely.get_exterior_ring(shapes[dimension == 2])
    points = shapely.get_coordinates(shapes[dimension == 0]).round(6).tolist()
    return {"points": points, "lines": _traced(shapes[dimension == 1]), "areas": _traced(outlines)}


def _traced(lines: NDArray[np.object_]) -> list[Any]:
    return [_thinned(shapely.get_coordinates(one)).round(6).tolist() for one in lines[:_LINES]]


def _thinned(xy: NDArray[np.float64]) -> NDArray[np.float64]:
    at = np.unique(np.linspace(0, len(xy) - 1, _VERTICES).astype(int)) if len(xy) > _VERTICES else slice(None)
    thinned: NDArray[np.float64] = xy[at]
    return thinned


def outings(site: "Site", walked: Sequence[tuple[Outing, Account]]) -> list[Mapping[str, Any]]:
    """Return who walked each outing, in which team then, from when to when."""
    shown: list[Mapping[str, Any]] = []
    with site.store.read() as conn:
        for outing, who in walked[:_OUTINGS]:
            time = outing.track.in_order()[:, 2]
            begun, ended = (datetime.fromtimestamp(time[at], UTC) for at in (0, -1))
            shown.append(
                {
                    "name": outing.name,
                    "person": who.name,
                    "team": teams.of(conn, who.id, begun),
                    "begun_at": begun.isoformat(),
                    "ended_at": ended.isoformat(),
                    "n_fixes": len(time),
                    "overlaps": track_store.overlaps(conn, who.id, outing.track.uuid, begun, ended),
                }
            )
    return shown
