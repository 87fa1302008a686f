"""`xuncha import` of what the field brings: findings, tracks, photos."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from geo.assign import ACCURACY_KINDS
from layers import people
from layers.importing import field, profiles
from layers.importing.options import FRAMES, ImportOptions
from layers.importing.runs import Done
from layers.language import gettext
from layers.people import Account
from layers.settings import SOURCE_ERRORS
from layers.site import Site
from layers.terminal import place, progress, telling
from layers.terminal.import_options import (
    chosen,
    date_format,
    files_argument,
    finish,
    reading,
    writing,
)
from layers.terminal.wording import Command, Known, option, pairs, together

# Imported records without another owner are this account's; nobody can log in with it
IMPORTER = "import"

_records = together(
    option("--set", "constants", multiple=True, metavar="FIELD=VALUE", help="A value for every row."),
    option("--source", type=Known(tuple(SOURCE_ERRORS)), help="Where positions come from."),
    option("--accuracy", type=float, metavar="METRES", help="How far positions may be wrong."),
    option(
        "--accuracy-kind", type=Known(ACCURACY_KINDS), help="What the accuracy means; r68 unless you say."
    ),
    option("--time-zone", help="Of times without one; the site's unless you say."),
    date_format,
    option("--account", help="Whose records these are; an account made for imports unless you say."),
    option("--profile", help="Read as this profile says; what you say beside it goes first."),
    option("--save-profile", help="Keep under this name how the files are read."),
)


@click.command(
    cls=Command,
    help="Findings of tables and point layers.",
    epilog="xuncha import findings reports.csv --frame gcj02 --column code=小类代码 "
    "--scheme gbt30428-2013-event\n"
    "xuncha import findings old.csv.gz --frame wgs84 --set code=gbt30428-2013-event.0110 "
    "--source geocoded --accuracy 15 --key number --dry-run",
)
@files_argument
@reading
@_records
@option("--scheme", help="List that codes without one are of, for example gbt30428-2013-event.")
@option(
    "--key",
    multiple=True,
    help="Column that names a row for ever; none for the whole row, as unless you say.",
)
@option("--series", help="Name of the series that the keys belong to.")
@option("--no-fit", is_flag=True, help=telling.NO_FIT)
@writing
def findings(files: Sequence[Path], **given: Any) -> None:
    """Import findings."""
    _import_records(field.import_findings, files, given)


@click.command(
    cls=Command,
    help="Tracks of patrols: GPX, or tables with a row for each fix.",
    epilog="xuncha import tracks patrol.gpx --set mode=foot\n"
    "xuncha import tracks gps.csv.gz --frame wgs84 --column track=trip_id --column time=unix_time",
)
@files_argument
@reading
@_records
@option("--series", help="Name of the series that the numbers of the tracks belong to.")
@writing
def tracks(files: Sequence[Path], **given: Any) -> None:
    """Import tracks."""
    _import_records(field.import_tracks, files, {**given, "key": ()})


@click.command(
    cls=Command,
    help="Geotagged photos, each a finding.",
    epilog="xuncha import photos *.jpg --set code=gbt30428-2013-event.0110",
)
@files_argument
@option("--set", "constants", multiple=True, metavar="FIELD=VALUE", help="A value for every row.")
@option("--frame", type=Known(FRAMES), help="Frame of longitudes and latitudes: wgs84, gcj02 or bd09.")
@option("--time-zone", help="Of times without one; the site's unless you say.")
@option("--account", help="Whose records these are; an account made for imports unless you say.")
@writing
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
    finish(Path("photos"), done, given)


def _import_records(importing: Callable[..., Done], files: Sequence[Path], given: Mapping[str, Any]) -> None:
    options = chosen(given, constants=_constants(given))
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
            finish(file, done, given)
        if given["save_profile"]:
            profiles.keep(site, kind, given["save_profile"], options, by=None, now=place.now())


def _constants(given: Mapping[str, Any]) -> dict[str, str | None]:
    accuracy = given["accuracy"]
    return {
        **pairs(given["constants"], "--set"),
        "source": given["source"],
        "accuracy_m": None if accuracy is None else str(accuracy),
        "accuracy_kind": given["accuracy_kind"],
        "scheme": given.get("scheme"),
    }


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
