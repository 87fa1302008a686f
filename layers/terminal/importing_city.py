"""`xuncha import` of the city: extracts, streets, key points, areas, kerbs, people."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from layers.city.kerbs import KINDS as KERB_KINDS
from layers.city.taxonomy import DISTRICT_LEVELS, KEY_POINT_KINDS
from layers.errors import InvalidError
from layers.importing import city, osm_tags, refusals
from layers.importing import population as people_rasters
from layers.importing.options import UNITS_M, ImportOptions
from layers.importing.osm_tags import AreaLevels
from layers.importing.progress import Progress
from layers.importing.runs import Done
from layers.language import LANGUAGES
from layers.terminal import place, progress, telling
from layers.terminal.import_options import PATH, chosen, date_format, finish, reading, writing
from layers.terminal.wording import Command, Known, option, pairs

_source = option("--source-name", help="What the rows belong to; the file's name unless you say.")


@click.command(
    cls=Command,
    help="Streets, key points and areas of an OpenStreetMap extract.",
    epilog="xuncha import osm tianjin.osm.pbf\n"
    "xuncha import osm helsinki.osm.pbf --admin-level 8=city --admin-level 10=subdistrict",
)
@click.argument("file", type=PATH)
@option(
    "--admin-level",
    "levels",
    multiple=True,
    metavar="N=LEVEL",
    help="Our level of an admin_level; China's use else.",
)
@option("--names", type=Known(list(LANGUAGES)), help="Language of names; the local one unless you say.")
@place.home_option
def osm(file: Path, levels: Sequence[str], names: str | None, home: Path | None) -> None:
    """Import an extract."""
    with place.opened(home) as site, progress.shown() as shown:
        parts = city.import_osm(
            site, file, now=place.now(), levels=_levels(levels), language=names, progress=shown
        )
    telling.tell_osm(file, parts)


def _levels(given: Sequence[str]) -> AreaLevels:
    own = {}
    for number, level in pairs(given, "--admin-level").items():
        if not number.isdigit() or level not in DISTRICT_LEVELS:
            raise InvalidError(
                "%(given)s is not a level; levels: %(known)s",
                field="level",
                given=f"{number}={level}",
                known=", ".join(DISTRICT_LEVELS),
            )
        own[int(number)] = level
    return AreaLevels({**osm_tags.ADMIN_LEVELS, **own})


@click.command(
    cls=Command,
    help="Streets of any format that GDAL reads, or CSV with WKT.",
    epilog="xuncha import streets roads.shp --encoding gb18030 --column name=道路名称\n"
    "xuncha import streets centrelines.geojson --column name=Street --column one_way=Direction",
)
@click.argument("file", type=PATH)
@reading
@option(
    "--width-unit", type=Known(tuple(UNITS_M)), help="Unit of the column of widths; metres unless you say."
)
@option("--attribution", help="Whom the maps are to name as the source of the streets.")
@_source
@writing
def streets(file: Path, width_unit: str | None, attribution: str | None, **given: Any) -> None:
    """Import streets."""
    _import_layer("streets", file, chosen(given, width_unit=width_unit), given, attribution=attribution)


@click.command(
    "key-points",
    cls=Command,
    help="Schools, markets, hospitals and other key points, points or areas.",
    epilog="xuncha import key-points schools.csv --kind school --frame gcj02\n"
    'xuncha import key-points poi.csv --frame gcj02 --map-values kind="农贸市场:market;*:other"\n'
    "xuncha import key-points campuses.gpkg --gates gates.gpkg",
)
@click.argument("file", type=PATH)
@reading
@option("--kind", type=Known(tuple(KEY_POINT_KINDS)), help="Of what kind they all are; else a column says.")
@option(
    "--gates", type=PATH, help="File of their gates: points with the id of the key point, a kind and an id."
)
@date_format
@_source
@writing
def key_points(file: Path, kind: str | None, gates: Path | None, **given: Any) -> None:
    """Import key points."""
    _import_layer("key_points", file, chosen(given, constants={"kind": kind}), given, gates=gates)


@click.command(
    cls=Command,
    help="Areas: districts, communities, grids, duty areas, estates.",
    epilog="xuncha import districts grids.zip --level grid --column code=网格编码 --crs EPSG:4548",
)
@click.argument("file", type=PATH)
@reading
@option("--level", type=Known(tuple(DISTRICT_LEVELS)), help="Of what level they all are; else a column says.")
@_source
@writing
def districts(file: Path, level: str | None, **given: Any) -> None:
    """Import areas."""
    _import_layer("districts", file, chosen(given, constants={"level": level}), given)


@click.command(
    cls=Command,
    help="Car parks, bays along streets and no-parking stretches: points, lines or areas.",
    epilog="xuncha import kerbs bays.gpkg --kind bay --column n_bays=车位数\n"
    'xuncha import kerbs parking.geojson --map-values kind="禁停路段:no_parking;*:lot"',
)
@click.argument("file", type=PATH)
@reading
@option("--kind", type=Known(KERB_KINDS), help="Of what kind they all are; else a column says.")
@_source
@writing
def kerbs(file: Path, kind: str | None, **given: Any) -> None:
    """Import car parks, bays and no-parking stretches."""
    _import_layer("kerbs", file, chosen(given, constants={"kind": kind}), given)


@click.command(
    cls=Command,
    help="A raster of people per cell, such as WorldPop's: what reports of the public can be set against.",
    epilog='xuncha import population chn_ppp_2020.tif --attribution "WorldPop, CC BY 4.0"',
)
@click.argument("file", type=PATH)
@option("--attribution", help="Whom the maps are to name as the source of the numbers.")
@_source
@option("--dry-run", is_flag=True, help="Read and check the cells, write nothing.")
@place.home_option
def population(
    file: Path, attribution: str | None, source_name: str | None, dry_run: bool, home: Path | None
) -> None:
    """Import where people live."""
    with place.opened(home) as site, progress.shown() as shown:
        done = people_rasters.import_population(
            site,
            file,
            now=place.now(),
            source=source_name,
            attribution=attribution,
            dry_run=dry_run,
            progress=shown,
        )
    telling.tell(file, done, None, dry_run=dry_run)


def _import_layer(
    kind: str,
    file: Path,
    options: ImportOptions,
    given: Mapping[str, Any],
    *,
    attribution: str | None = None,
    gates: Path | None = None,
) -> None:
    with place.opened(given["home"]) as site, progress.shown() as shown:
        if given["dry_run"]:
            done = _looked_at(kind, file, options, gates, shown)
        else:
            done = city.import_layer(
                site,
                kind,
                file,
                options,
                now=place.now(),
                source=given["source_name"],
                attribution=attribution,
                gates=gates,
                progress=shown,
            )
    finish(file, done, given)
    if gates is not None and done.facts["gates"].refused:
        _tell_refused_gates(gates, done.facts["gates"], dry_run=given["dry_run"])


def _looked_at(kind: str, file: Path, options: ImportOptions, gates: Path | None, shown: Progress) -> Done:
    layer = city.read_layer(kind, file, options, shown)
    entries = city.read_gates(gates, options, layer, shown) if gates else None
    return city.layer_done(kind, layer, gates=entries)


def _tell_refused_gates(file: Path, done: Done, *, dry_run: bool) -> None:
    target = refusals.place_for(file)
    if not dry_run:
        refusals.write(target, done.refused)
    click.echo(file.name)
    telling.tell_refused(done, None if dry_run else target)
