"""`xuncha import`: files into a site, with what became of every row."""

import click

from layers.terminal.wording import Entry, Group

_CITY, _FIELD, _LATER = "The city", "The field", "Afterwards"


@click.group(
    "import",
    cls=Group,
    section="Bring data in",
    help="Bring streets, places, findings, tracks and photos in.",
    contents={
        "osm": Entry(
            _CITY,
            "Streets, key points and areas of an OpenStreetMap extract.",
            "layers.terminal.importing_city:osm",
        ),
        "streets": Entry(
            _CITY,
            "Streets of any format that GDAL reads, or CSV with WKT.",
            "layers.terminal.importing_city:streets",
        ),
        "key-points": Entry(
            _CITY,
            "Schools, markets, hospitals and other key points, points or areas.",
            "layers.terminal.importing_city:key_points",
        ),
        "districts": Entry(
            _CITY,
            "Areas: districts, communities, grids, duty areas, estates.",
            "layers.terminal.importing_city:districts",
        ),
        "kerbs": Entry(
            _CITY,
            "Car parks, bays along streets and no-parking stretches: points, lines or areas.",
            "layers.terminal.importing_city:kerbs",
        ),
        "population": Entry(
            _CITY,
            "A raster of people per cell, such as WorldPop's: what reports of the public can be set against.",
            "layers.terminal.importing_city:population",
        ),
        "findings": Entry(
            _FIELD, "Findings of tables and point layers.", "layers.terminal.importing_field:findings"
        ),
        "tracks": Entry(
            _FIELD,
            "Tracks of patrols: GPX, or tables with a row for each fix.",
            "layers.terminal.importing_field:tracks",
        ),
        "photos": Entry(
            _FIELD, "Geotagged photos, each a finding.", "layers.terminal.importing_field:photos"
        ),
        "outbox": Entry(
            _FIELD,
            "What a phone could not send and saved as a file, photos inside.",
            "layers.terminal.importing_outbox:outbox",
        ),
        "list": Entry(_LATER, "List what was imported, the newest first.", "layers.terminal.undoing:list_"),
        "undo": Entry(
            _LATER, "Take a whole import back; the history keeps it.", "layers.terminal.undoing:undo"
        ),
        "profiles": Entry(
            _LATER, "List the profiles by which files are read.", "layers.terminal.undoing:profiles"
        ),
    },
)
def import_() -> None:
    """Hold the imports."""
