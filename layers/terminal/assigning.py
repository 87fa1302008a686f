"""`xuncha assign`: a file in, the same file with street blocks out."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from geo.assign import ACCURACY_KINDS
from layers import assigning
from layers.assigning import Accuracy, Streets, Summary
from layers.importing.options import FRAMES, ImportOptions
from layers.importing.progress import Progress
from layers.language import gettext
from layers.settings import SOURCE_ERRORS
from layers.terminal import place, progress, telling
from layers.terminal.wording import Command, Known, option, pairs, refuse

_PATH = click.Path(path_type=Path)


@click.command(
    cls=Command,
    section="Get results out",
    help="Add street block, side and probabilities to every row of a file.",
    epilog="xuncha assign reports.csv --streets roads.gpkg -o placed.csv --source geocoded\n"
    "xuncha assign reports.geojson --home beichen --frame gcj02 -o placed.gpkg",
)
@click.argument("file", type=_PATH)
@option("--streets", type=_PATH, help="File of streets: OpenStreetMap extract, GeoPackage, shapefile, …")
@option("--home", type=_PATH, help="Folder of a site whose streets are used.")
@option("-o", "--out", type=_PATH, required=True, metavar="OUT", help="Result; its ending tells the format.")
@option(
    "--lon", metavar="COLUMN", help="Column of longitudes, or of eastings with --crs; found unless you say."
)
@option(
    "--lat", metavar="COLUMN", help="Column of latitudes, or of northings with --crs; found unless you say."
)
@option("--crs", help="Reference system of the coordinates, for example EPSG:4548.")
@option("--frame", type=Known(FRAMES), help="Frame of longitudes and latitudes: wgs84 unless you say.")
@option(
    "--source",
    type=Known(tuple(SOURCE_ERRORS)),
    default="phone",
    help="Where positions come from; phone else.",
)
@option("--accuracy", type=float, metavar="METRES", help="How far positions may be wrong, for all rows.")
@option(
    "--accuracy-kind", type=Known(ACCURACY_KINDS), default="unknown", help="What an accuracy means; r68 else."
)
@option(
    "--column",
    "columns",
    multiple=True,
    metavar="FIELD=COLUMN",
    help="Column of accuracy_m, heading_deg, speed_ms or street_hint.",
)
@option("--encoding", help="Of texts, for example gb18030; UTF-8 unless you say.")
@option("--layer", help="Which layer of a file that holds several.")
@option(
    "--street-column",
    "street_columns",
    multiple=True,
    metavar="FIELD=COLUMN",
    help="Column of the file of streets that holds a field.",
)
@option("--street-crs", help="Reference system of the file of streets, if it does not say.")
@option("--street-encoding", help="Encoding of the file of streets.")
@option("--prefix", default="", help="Put before the names of the added columns.")
@option("--no-fit", is_flag=True, help=telling.NO_FIT)
def assign(
    file: Path,
    *,
    streets: Path | None,
    home: Path | None,
    out: Path,
    lon: str | None,
    lat: str | None,
    source: str,
    accuracy: float | None,
    accuracy_kind: str,
    columns: Sequence[str],
    street_columns: Sequence[str],
    street_crs: str | None,
    street_encoding: str | None,
    prefix: str,
    no_fit: bool,
    **said: Any,
) -> None:
    """Place the rows of a file on street blocks."""
    options = ImportOptions(columns={**pairs(columns, "--column"), **_position(lon, lat)}, **said)
    of_streets = ImportOptions(
        columns=pairs(street_columns, "--street-column"), crs=street_crs, encoding=street_encoding
    )
    known = Accuracy(source=source, accuracy_m=accuracy, accuracy_kind=accuracy_kind)
    with progress.shown() as shown:
        on = _streets(streets, home, of_streets, shown)
        summary = assigning.assign_file(
            file, out, on, options, known, prefix=prefix, fit=not no_fit, progress=shown
        )
    _tell(out, summary)


def _position(lon: str | None, lat: str | None) -> dict[str, str]:
    """Return the columns of the position under both names, since only `--crs` tells degrees from metres."""
    if (lon is None) != (lat is None):
        refuse(gettext("--lon and --lat go together"))
    return {} if lon is None or lat is None else {"lon": lon, "lat": lat, "x": lon, "y": lat}


def _streets(file: Path | None, home: Path | None, options: ImportOptions, shown: Progress) -> Streets:
    if file is not None and home is not None:
        refuse(gettext("Say --streets or --home, not both"))
    if file is not None:
        return Streets.of_file(file, options, shown)
    with place.opened(home) as site:
        return Streets.of_site(site)


def _tell(out: Path, summary: Summary) -> None:
    columns = ", ".join(f"{field} ← {column}" for field, column in summary.columns.items())
    lines = [
        gettext("columns: %(columns)s", columns=columns) if columns else "",
        gettext("%(n)s rows", n=summary.n_rows),
        gettext("%(n)s clearly on one block", n=summary.n_clear),
        gettext("%(n)s ambiguous: the best block is given, with its probability", n=summary.n_ambiguous),
        gettext("%(n)s outside: no street within reach", n=summary.n_outside),
        *(
            f"{n} × {gettext(reason).replace(': %(given)s', '').replace('%(given)s ', '')}"
            for reason, n in summary.unplaced.items()
        ),
        _error(summary),
        gettext("%(n)s rows have an accuracy of their own", n=summary.n_own_accuracy)
        if summary.n_own_accuracy
        else "",
        gettext(
            "positions in mainland China were read as WGS 84; of a Chinese map service they are gcj02 or bd09"
        )
        if summary.in_china
        else "",
    ]
    click.echo(str(out))
    for line in filter(None, lines):
        click.echo(f"  {line}")


def _error(summary: Summary) -> str:
    """Return the sentence that every result must carry: how wrong positions were taken to be."""
    error = summary.error
    if summary.fitted:
        return telling.fitted(summary.source, error)
    if error.offset_m is None:
        return gettext(
            "position error assumed: %(sd).1f m per axis (%(source)s), at the kerb of each street",
            sd=error.sd_m,
            source=summary.source,
        )
    return gettext(
        "position error assumed: %(sd).1f m per axis (%(source)s), %(offset)g m from the centre line",
        sd=error.sd_m,
        source=summary.source,
        offset=error.offset_m,
    )
