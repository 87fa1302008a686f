"""`xuncha import`: files into a site, with what became of every row."""

import csv
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from geo.assign import ACCURACY_KINDS
from layers import people
from layers.city.kerbs import KINDS as KERB_KINDS
from layers.city.taxonomy import DISTRICT_LEVELS, KEY_POINT_KINDS
from layers.errors import InvalidError, NotFoundError
from layers.importing import city, field, osm_tags, profiles, refusals
from layers.importing import population as people_rasters
from layers.importing.options import FRAMES, UNITS_M, ImportOptions
from layers.importing.osm_tags import AreaLevels
from layers.importing.progress import Progress
from layers.importing.runs import Done
from layers.language import LANGUAGES, gettext
from layers.people import Account
from layers.settings import SOURCE_ERRORS
from layers.site import Site
from layers.terminal import place, progress, telling
from layers.terminal.wording import Command, Entry, Group, Known, option, pairs, together

# Imported records without another owner are this account's; nobody can log in with it
IMPORTER = "import"
_LATER = "Afterwards"

_PATH = click.Path(path_type=Path)
_files = click.argument("files", nargs=-1, required=True, type=_PATH, metavar="FILES")
_reading = together(
    option("--column", "columns", multiple=True, metavar="FIELD=COLUMN", help="Which column holds a field."),
    option("--where", multiple=True, metavar="COLUMN=VALUE", help="Only rows with this value."),
    option("--encoding", help="Of texts, for example gb18030; UTF-8 unless you say."),
    option("--crs", help="Reference system of the coordinates, for example EPSG:4548."),
    option("--frame", type=Known(FRAMES), help="Frame of longitudes and latitudes: wgs84, gcj02 or bd09."),
    option("--layer", help="Which layer of a file that holds several."),
    option(
        "--map-values", multiple=True, metavar="FIELD=FILE|A:B;…", help="What the values of a column mean."
    ),
)
_writing = together(
    option("--dry-run", is_flag=True, help="Read and check every row, write nothing."),
    option("--refused", type=_PATH, help="Where refused rows go; FILE.refused.csv unless you say."),
    place.home_option,
)
_source = option("--source-name", help="What the rows belong to; the file's name unless you say.")
_records = together(
    option("--set", "constants", multiple=True, metavar="FIELD=VALUE", help="A value for every row."),
    option("--source", type=Known(tuple(SOURCE_ERRORS)), help="Where positions come from."),
    option("--accuracy", type=float, metavar="METRES", help="How far positions may be wrong."),
    option(
        "--accuracy-kind", type=Known(ACCURACY_KINDS), help="What the accuracy means; r68 unless you say."
    ),
    option("--time-zone", help="Of times without one; the site's unless you say."),
    option("--date-format", help="Of times that are not year first, as in strftime."),
    option("--account", help="Whose records these are; an account made for imports unless you say."),
    option("--profile", help="Read as this profile says; what you say beside it goes first."),
    option("--save-profile", help="Keep under this name how the files are read."),
)


@click.group(
    "import",
    cls=Group,
    section="Bring data in",
    help="Bring streets, places, findings, tracks and photos in.",
    contents={
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


@import_.command(
    cls=Command,
    section="The city",
    help="Streets, key points and areas of an OpenStreetMap extract.",
    epilog="xuncha import osm tianjin.osm.pbf\n"
    "xuncha import osm helsinki.osm.pbf --admin-level 8=city --admin-level 10=subdistrict",
)
@click.argument("file", type=_PATH)
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


@import_.command(
    cls=Command,
    section="The city",
    help="Streets of any format that GDAL reads, or CSV with WKT.",
    epilog="xuncha import streets roads.shp --encoding gb18030 --column name=道路名称\n"
    "xuncha import streets centrelines.geojson --column name=Street --column one_way=Direction",
)
@click.argument("file", type=_PATH)
@_reading
@option(
    "--width-unit", type=Known(tuple(UNITS_M)), help="Unit of the column of widths; metres unless you say."
)
@option("--attribution", help="Whom the maps are to name as the source of the streets.")
@_source
@_writing
def streets(file: Path, width_unit: str | None, attribution: str | None, **given: Any) -> None:
    """Import streets."""
    _import_layer("streets", file, _options(given, width_unit=width_unit), given, attribution=attribution)


@import_.command(
    "key-points",
    cls=Command,
    section="The city",
    help="Schools, markets, hospitals and other key points, points or areas.",
    epilog="xuncha import key-points schools.csv --kind school --frame gcj02\n"
    'xuncha import key-points poi.csv --frame gcj02 --map-values kind="农贸市场:market;*:other"\n'
    "xuncha import key-points campuses.gpkg --gates gates.gpkg",
)
@click.argument("file", type=_PATH)
@_reading
@option("--kind", type=Known(tuple(KEY_POINT_KINDS)), help="Of what kind they all are; else a column says.")
@option(
    "--gates", type=_PATH, help="File of their gates: points with the id of the key point, a kind and an id."
)
@_source
@_writing
def key_points(file: Path, kind: str | None, gates: Path | None, **given: Any) -> None:
    """Import key points."""
    _import_layer("key_points", file, _options(given, constants={"kind": kind}), given, gates=gates)


@import_.command(
    cls=Command,
    section="The city",
    help="Areas: districts, communities, grids, duty areas, estates.",
    epilog="xuncha import districts grids.zip --level grid --column code=网格编码 --crs EPSG:4548",
)
@click.argument("file", type=_PATH)
@_reading
@option("--level", type=Known(tuple(DISTRICT_LEVELS)), help="Of what level they all are; else a column says.")
@_source
@_writing
def districts(file: Path, level: str | None, **given: Any) -> None:
    """Import areas."""
    _import_layer("districts", file, _options(given, constants={"level": level}), given)


@import_.command(
    cls=Command,
    section="The city",
    help="Car parks, bays along streets and no-parking stretches: points, lines or areas.",
    epilog="xuncha import kerbs bays.gpkg --kind bay --column n_bays=车位数\n"
    'xuncha import kerbs parking.geojson --map-values kind="禁停路段:no_parking;*:lot"',
)
@click.argument("file", type=_PATH)
@_reading
@option("--kind", type=Known(KERB_KINDS), help="Of what kind they all are; else a column says.")
@_source
@_writing
def kerbs(file: Path, kind: str | None, **given: Any) -> None:
    """Import car parks, bays and no-parking stretches."""
    _import_layer("kerbs", file, _options(given, constants={"kind": kind}), given)


@import_.command(
    cls=Command,
    section="The city",
    help="A raster of people per cell, such as WorldPop's: what reports of the public can be set against.",
    epilog='xuncha import population chn_ppp_2020.tif --attribution "WorldPop, CC BY 4.0"',
)
@click.argument("file", type=_PATH)
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
    _finish(file, done, given)
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


@import_.command(
    cls=Command,
    section="The field",
    help="Findings of tables and point layers.",
    epilog="xuncha import findings reports.csv --frame gcj02 --column code=小类代码 "
    "--set scheme=gbt30428-2013-event\n"
    "xuncha import findings old.csv.gz --frame wgs84 --set code=gbt30428-2013-event.0110 "
    "--source geocoded --accuracy 15 --key number --dry-run",
)
@_files
@_reading
@_records
@option(
    "--key",
    multiple=True,
    help="Column that names a row for ever; none for the whole row, as unless you say.",
)
@option("--series", help="Name of the series that the keys belong to.")
@option("--no-fit", is_flag=True, help=telling.NO_FIT)
@_writing
def findings(files: Sequence[Path], **given: Any) -> None:
    """Import findings."""
    _import_records(field.import_findings, files, given)


@import_.command(
    cls=Command,
    section="The field",
    help="Tracks of patrols: GPX, or tables with a row for each fix.",
    epilog="xuncha import tracks patrol.gpx --set mode=foot\n"
    "xuncha import tracks gps.csv.gz --frame wgs84 --column track=trip_id --column time=unix_time",
)
@_files
@_reading
@_records
@option("--series", help="Name of the series that the numbers of the tracks belong to.")
@_writing
def tracks(files: Sequence[Path], **given: Any) -> None:
    """Import tracks."""
    _import_records(field.import_tracks, files, {**given, "key": ()})


@import_.command(
    cls=Command,
    section="The field",
    help="Geotagged photos, each a finding.",
    epilog="xuncha import photos *.jpg --set code=gbt30428-2013-event.0110",
)
@_files
@option("--set", "constants", multiple=True, metavar="FIELD=VALUE", help="A value for every row.")
@option("--frame", type=Known(FRAMES), help="Frame of longitudes and latitudes: wgs84, gcj02 or bd09.")
@option("--time-zone", help="Of times without one; the site's unless you say.")
@option("--account", help="Whose records these are; an account made for imports unless you say.")
@_writing
def photos(
    files: Sequence[Path], constants: Sequence[str], frame: str | None, time_zone: str | None, **given: Any
) -> None:
    """Import photos."""
    options = ImportOptions(constants=pairs(constants, "--set"), frame=frame, time_zone=time_zone)
    with place.opened(given["home"]) as site, progress.shown() as shown:
        done = field.import_photos(
            site,
            _account(site, given["account"], dry_run=given["dry_run"]),
            files,
            options,
            now=place.now(),
            dry_run=given["dry_run"],
            progress=shown,
        )
    _finish(Path("photos"), done, given)


def _import_records(importing: Callable[..., Done], files: Sequence[Path], given: Mapping[str, Any]) -> None:
    options = _options(given, constants=_constants(given))
    kind = importing.__name__.removeprefix("import_")
    with place.opened(given["home"]) as site:
        if given["profile"]:
            options = profiles.joined(profiles.get(site, kind, given["profile"]), options)
        account = _account(site, given["account"], dry_run=given["dry_run"])
        for file in files:
            with progress.shown() as shown:
                done = importing(
                    site, account, file, options, now=place.now(), dry_run=given["dry_run"], progress=shown
                )
            _finish(file, done, given)
        if given["save_profile"]:
            profiles.keep(site, kind, given["save_profile"], options, by=None, now=place.now())


def _constants(given: Mapping[str, Any]) -> dict[str, str | None]:
    accuracy = given["accuracy"]
    return {
        **pairs(given["constants"], "--set"),
        "source": given["source"],
        "accuracy_m": None if accuracy is None else str(accuracy),
        "accuracy_kind": given["accuracy_kind"],
    }


def _options(
    given: Mapping[str, Any], constants: Mapping[str, str | None] | None = None, **more: Any
) -> ImportOptions:
    keys = tuple(key for key in given.get("key", ()) if key != "none")
    said = {name: given[name] for name in ("encoding", "crs", "frame", "layer")}
    own = {name: given[name] for name in ("series", "time_zone", "date_format", "no_fit") if name in given}
    return ImportOptions(
        columns=pairs(given["columns"], "--column"),
        constants={name: value for name, value in (constants or {}).items() if value is not None},
        values=_meanings(given["map_values"]),
        where=pairs(given["where"], "--where"),
        key=keys,
        **said,
        **own,
        **more,
    )


def _meanings(given: Sequence[str]) -> dict[str, dict[str, str]]:
    """Return what values mean, of a file with two columns or of pairs written out."""
    found: dict[str, dict[str, str]] = {}
    for name, meaning in pairs(given, "--map-values").items():
        path = Path(meaning)
        if path.suffix.lower() == ".csv":
            if not path.is_file():
                raise NotFoundError("There is no file %(file)s", file=meaning)
            with path.open(encoding="utf-8-sig", newline="") as file:
                found[name] = {row[0].strip(): row[1].strip() for row in csv.reader(file) if len(row) > 1}
        else:
            parts = [pair.rpartition(":") for pair in meaning.split(";") if pair]
            found[name] = {value.strip(): ours.strip() for value, _, ours in parts}
    return found


def _account(site: Site, login: str | None, *, dry_run: bool) -> Account:
    """Return the account that owns the records, made the first time if nobody is named."""
    with site.store.read() as conn:
        if login is not None:
            return people.by_login(conn, login)
        known = {account.login: account for account in people.all_accounts(conn)}
    if IMPORTER in known:
        return known[IMPORTER]
    if dry_run:
        return Account(0, IMPORTER, IMPORTER, "supervisor")
    with site.store.write() as conn:
        return people.create(conn, IMPORTER, gettext("Import"), "supervisor", password=None, now=place.now())


def _finish(file: Path, done: Done, given: Mapping[str, Any]) -> None:
    """Tell what became of the rows and leave the refused ones in a file; fail if nothing was good."""
    target = given["refused"] or refusals.place_for(file)
    kept = None
    if not given["dry_run"]:
        kept = target if refusals.write(target, done.refused) else None
    telling.tell(file, done, kept, dry_run=given["dry_run"])
    if done.refused and not (done.n_added or done.n_changed or done.n_same):
        raise InvalidError("%(file)s: every row was refused", file=file.name)
