"""A planned walk as GPX: the way as a track with times, the re-checks as points, for any phone's map."""

from collections.abc import Mapping
from xml.etree.ElementTree import Element, SubElement, tostring

import pandas as pd
import shapely

from geo.crs import Projection
from layers.analysis.patrol_plan import Walk

_NAMESPACE = "http://www.topografix.com/GPX/1/1"


def as_gpx(walk: Walk, projection: Projection, name: str, words: Mapping[str, str]) -> bytes:
    """Return the file; `words` are what each re-check is called, by the uuid of its finding."""
    root = Element("gpx", {"xmlns": _NAMESPACE, "version": "1.1", "creator": "Xuncha"})
    for due in walk.rechecks.itertuples():
        point = SubElement(root, "wpt", {"lat": f"{due.lat:.7f}", "lon": f"{due.lon:.7f}"})
        SubElement(point, "name").text = words[str(due.uuid)]
    track = SubElement(root, "trk")
    SubElement(track, "name").text = name
    segment = SubElement(track, "trkseg")
    for leg in walk.legs.itertuples():
        corners = projection.to_lonlat(shapely.get_coordinates(leg.geometry))
        for n, (lon, lat) in enumerate(corners):
            point = SubElement(segment, "trkpt", {"lat": f"{lat:.7f}", "lon": f"{lon:.7f}"})
            if n == 0:
                at = pd.Timestamp(leg.begins_at).tz_convert("UTC")
                SubElement(point, "time").text = at.strftime("%Y-%m-%dT%H:%M:%SZ")
    whole: bytes = tostring(root, encoding="utf-8", xml_declaration=True)
    return whole
