"""A planned walk as GPX: the way as a track with times, the re-checks as points, for any phone's map."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from xml.etree.ElementTree import Element, SubElement, tostring

import shapely

from geo.crs import Projection
from layers.analysis.patrol_plan import Walk

_NAMESPACE = "http://www.topografix.com/GPX/1/1"


def as_gpx(walk: Walk, projection: Projection, name: str, words: Mapping[str, str], told: str) -> bytes:
    """Return the file; `words` name each re-check by the uuid of its finding; `told` as in `written`."""
    due = walk.rechecks
    called = [words[str(uuid)] for uuid in due["uuid"]]
    points = list(zip(due["lon"].tolist(), due["lat"].tolist(), called, strict=True))
    corners = [projection.to_lonlat(shapely.get_coordinates(line)).tolist() for line in walk.legs.geometry]
    return written(name, points, list(zip(walk.legs["begins_at"], corners, strict=True)), told)


def written(
    name: str,
    points: Sequence[tuple[float, float, str]],
    legs: Sequence[tuple[datetime, Sequence[Sequence[float]]]],
    told: str = "",
) -> bytes:
    """Return the file of named points (lon, lat) and of legs: when each begins, and its corners.

    `told` is what is to be known of the walk, its description in the file.
    """
    root = Element("gpx", {"xmlns": _NAMESPACE, "version": "1.1", "creator": "Xuncha"})
    for lon, lat, called in points:
        point = SubElement(root, "wpt", {"lat": f"{lat:.7f}", "lon": f"{lon:.7f}"})
        SubElement(point, "name").text = called
    track = SubElement(root, "trk")
    SubElement(track, "name").text = name
    if told:
        SubElement(track, "desc").text = told
    segment = SubElement(track, "trkseg")
    for begins_at, line in legs:
        for n, (lon, lat) in enumerate(line):
            point = SubElement(segment, "trkpt", {"lat": f"{lat:.7f}", "lon": f"{lon:.7f}"})
            if n == 0:
                SubElement(point, "time").text = begins_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    whole: bytes = tostring(root, encoding="utf-8", xml_declaration=True)
    return whole
