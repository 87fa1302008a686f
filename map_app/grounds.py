"""The ground of a site's maps: its extent, its street tiles, whose data they are."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from layers.analysis import base_map
from layers.analysis.questions import Analyst
from layers.city import networks
from layers.field.asking import FindingFilter
from layers.language import gettext
from map_app.maps.base import Ground, Locate, Source

# Share of blocks on each side that may lie beyond the first view
_STRAY = 0.01
# The whole of China, for a site that knows nothing yet
_NOWHERE = (73.0, 18.0, 135.0, 53.0)


def ground(
    analyst: Analyst,
    locate: Locate,
    source: Callable[[str, Path], Source],
    tiles_zoom: int = base_map.MAX_ZOOM,
    pending: str | None = None,
) -> Ground:
    """Return the ground of the site's maps; `source` says how the page reaches an archive."""
    settings = analyst.site.settings
    archives = {name: source(name, path) for name, path in analyst.archives().items()}
    return Ground(
        bounds=bounds(analyst),
        min_zoom=lowest_zoom(analyst),
        tiles_zoom=tiles_zoom,
        pending=pending,
        blocks=archives.get("blocks"),
        names=archives.get("names"),
        grounds=archives.get("grounds"),
        attribution=attribution(analyst),
        tile_url=settings.tile_url,
        tile_attribution=settings.tile_attribution,
        locate=locate,
        texts=texts(),
    )


def bounds(analyst: Analyst) -> tuple[float, float, float, float]:
    """Return west, south, east and north of the streets, else of the findings."""
    network = analyst.site.network_or_none()
    if network is not None:
        # a few stray roads far out must not make the city small
        edges = network.blocks.geometry.bounds.to_numpy()
        west, south = np.quantile(edges[:, :2], _STRAY, axis=0)
        east, north = np.quantile(edges[:, 2:], 1 - _STRAY, axis=0)
        corners = network.projection.to_lonlat([[west, south], [east, north], [west, north], [east, south]])
        (w, s), (e, n) = corners.min(axis=0), corners.max(axis=0)
        return float(w), float(s), float(e), float(n)
    places = analyst.findings(FindingFilter())[["lon", "lat"]].to_numpy()
    if not len(places):
        return _NOWHERE
    (w, s), (e, n) = places.min(axis=0), places.max(axis=0)
    return float(w) - 0.01, float(s) - 0.01, float(e) + 0.01, float(n) + 0.01


def lowest_zoom(analyst: Analyst) -> int:
    """Return the zoom from which on the streets are drawn."""
    network = analyst.site.network_or_none()
    # tiles are drawn at twice their size
    return base_map.lowest_zoom(network.blocks) + 1 if network else 4


def attribution(analyst: Analyst) -> str | None:
    """Return whose data the streets are, as the import noted it; plain text."""
    if analyst.site.network_or_none() is None:
        return None
    with analyst.site.store.read() as conn:
        text: str | None = networks.facts(conn)["attribution"]
    return text


def texts() -> dict[str, str]:
    """Return what the scripts say, in the reader's language."""
    said = (
        "Drawing the streets for the first time …",
        "Open finding",
        "Open the page",
        "List its findings",
        "Open hotspot",
        "Findings at this place",
        "Date",
        "findings per hectare",
        "Whole period",
        "Day or week",
        "Play",
    )
    return {text: gettext(text) for text in said}
