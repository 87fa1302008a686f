"""The ground every map stands on: a Folium map whose every script, style and tile is our own."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import folium
from branca.element import MacroElement
from folium.template import Template
from markupsafe import Markup

from map_app import assets

# From file name to address: below /static on the server, beside the page in an exported map
Locate = Callable[[str], str]

SCRIPTS = (
    "map.js",
    "panel.js",
    "streets.js",
    "findings.js",
    "blocks.js",
    "hotspots.js",
    "heat.js",
    "one-finding.js",
    "import-preview.js",
    "surroundings.js",
    "stretch.js",
    "shifts.js",
    "coverage.js",
    "patrol.js",
    "ways.js",
)
STYLES = ("map.css",)

MAX_ZOOM = 19


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Where a layer's data is: an address to fetch, or the name under which the page carries it."""

    url: str | None = None
    key: str | None = None

    def to_json(self) -> dict[str, str | None]:
        """Return the source as the scripts read it."""
        return {"url": self.url, "key": self.key}


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """What lies under the data of every map: extent, own tiles, optional foreign tiles, attribution."""

    bounds: tuple[float, float, float, float]  # west, south, east, north in degrees
    blocks: Source | None = None
    names: Source | None = None
    grounds: Source | None = None
    attribution: str | None = None
    tile_url: str | None = None
    tile_attribution: str | None = None
    min_zoom: int = 4
    tiles_zoom: int = 13
    # where to ask whether the street tiles are there; None if they are
    pending: str | None = None
    locate: Locate
    texts: Mapping[str, str] = field(default_factory=dict)


class CityMap(folium.Map):
    """A Folium map over the site's own streets; nothing is asked of a foreign host.

    Folium's own plugins can be added as to any `folium.Map`, but their `default_js` and `default_css` name
    foreign hosts: set them to copies of ours first.
    """

    _template = Template(
        """
        {% macro header(this, kwargs) %}{% endmacro %}
        {% macro html(this, kwargs) %}
        <div class="folium-map" id="{{ this.get_name() }}" role="application"></div>
        {% endmacro %}
        {% macro script(this, kwargs) %}
        var {{ this.get_name() }} = xuncha.map({{ this.get_name()|tojson }}, {{ this.settings|tojson }});
        {% endmacro %}
        """
    )

    def __init__(self, ground: Ground) -> None:
        west, south, east, north = ground.bounds
        super().__init__(location=((south + north) / 2, (west + east) / 2), tiles=None)
        self.default_js = _links((*assets.SCRIPTS, *SCRIPTS), ground.locate)
        self.default_css = _links((*assets.STYLES, *STYLES), ground.locate)
        self.settings = {
            "bounds": [[south, west], [north, east]],
            "minZoom": ground.min_zoom,
            "maxZoom": MAX_ZOOM,
            "texts": dict(ground.texts),
        }
        self.add_child(Streets(ground))


class MapLayer(MacroElement):
    """A layer that one of our own scripts draws: ``xuncha.<method>(map, options)``."""

    method = ""
    _template = Template(
        """
        {% macro script(this, kwargs) %}
        var {{ this.get_name() }} = xuncha.{{ this.method }}(
            {{ this._parent.get_name() }}, {{ this.options|tojson }});
        {% endmacro %}
        """
    )

    def __init__(self, **options: Any) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._name = type(self).__name__
        self.options = options


class Streets(MapLayer):
    """The base map."""

    method = "streets"

    def __init__(self, ground: Ground) -> None:
        super().__init__(
            blocks=_source(ground.blocks),
            names=_source(ground.names),
            grounds=_source(ground.grounds),
            attribution=ground.attribution,
            pending=ground.pending,
            maxDataZoom=ground.tiles_zoom,
            tileUrl=ground.tile_url,
            tileAttribution=ground.tile_attribution,
        )


@dataclass(frozen=True, slots=True)
class Parts:
    """A rendered map in three pieces, for a page that sets them itself and adds its nonce."""

    header: Markup
    html: Markup
    script: Markup


def parts(city_map: CityMap) -> Parts:
    """Render a map into links, markup and script."""
    figure: Any = city_map.get_root()
    for child in list(figure._children.values()):
        child.render()
    header = Markup(figure.header.render())  # noqa: S704  made by Folium from our own templates
    html = Markup(figure.html.render())  # noqa: S704
    script = Markup(figure.script.render())  # noqa: S704
    return Parts(header, html, script)


def _links(files: Sequence[str], locate: Locate) -> list[tuple[str, str]]:
    return [(name, locate(name)) for name in files]


def _source(source: Source | None) -> dict[str, str | None] | None:
    return source.to_json() if source else None
