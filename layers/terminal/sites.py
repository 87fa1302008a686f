"""`xuncha init`, `status`, `check` and `derive`: a site as a whole."""

from pathlib import Path

import click

from layers import checking, vouching
from layers.errors import XunchaError
from layers.field import orphans
from layers.importing import city
from layers.language import LANGUAGES, gettext
from layers.site import Site
from layers.terminal import place, progress
from layers.terminal.keeping import DAMAGED
from layers.terminal.wording import Command, Known, option

_BREAKS = {
    "changed": "history: line %(id)s was changed",
    "torn": "history: line %(id)s does not follow the one before it: one was removed, put in or moved",
    "short": "history: after line %(id)s lines are missing, or were added without the chain",
}

_DEVIATIONS = {
    vouching.CHANGED: "%(record)s was changed past the program%(fields)s",
    vouching.ADDED: "%(record)s was put in past the program%(fields)s",
    vouching.MISSING: "%(record)s was removed past the program%(fields)s",
}
_MOST_SHOWN = 50


@click.command(
    cls=Command,
    section="Begin",
    help="Make a new site in the folder HOME.",
    epilog="xuncha init beichen --crs EPSG:4548\n"
    "xuncha init beichen --store postgresql+psycopg://xuncha:secret@localhost/xuncha",
)
@click.argument("home", type=click.Path(path_type=Path, file_okay=False))
@option("--crs", help="Metric reference system; chosen from the first data unless you say.")
@option("--store", metavar="URL", help="PostGIS database; a GeoPackage in HOME unless you say.")
@option(
    "--language", type=Known(list(LANGUAGES)), default="zh", help="Of pages and messages; zh unless you say."
)
@option("--time-zone", default="Asia/Shanghai", help="Of dates and times; Asia/Shanghai unless you say.")
@option(
    "--port", type=click.IntRange(1, 65535), default=8737, help="Port of the server; 8737 unless you say."
)
def init(home: Path, *, crs: str | None, store: str | None, language: str, time_zone: str, port: int) -> None:
    """Make a site."""
    site = Site.create(
        home, now=place.now(), crs=crs, store_url=store, language=language, time_zone=time_zone, port=port
    )
    site.close()
    click.echo(gettext("a new site is in %(home)s", home=home))
    click.echo(gettext("next: xuncha import osm FILE --home %(home)s", home=home))


@click.command(cls=Command, section="Look after the site", help="What the site holds.")
@place.home_option
def status(home: Path | None) -> None:
    """Tell what a site holds."""
    with place.opened(home) as site:
        state = checking.state(site)
        zone = site.settings.zone
        click.echo(f"{site.settings.home}: {state.crs or gettext('no reference system yet')}")
    for name, n in state.counts.items():
        click.echo(f"  {gettext(name):<16} {n:>12,}")
    if state.network is not None:
        known = state.network
        click.echo(
            "  "
            + gettext(
                "street network %(version)s: %(blocks)s blocks, %(km).1f km",
                version=known["version"],
                blocks=known["n_blocks"],
                km=known["length_m"] / 1000,
            )
        )
    if state.first_observed_at and state.last_observed_at:
        first, last = (
            one.astimezone(zone).date() for one in (state.first_observed_at, state.last_observed_at)
        )
        click.echo("  " + gettext("findings from %(first)s to %(last)s", first=first, last=last))
    if state.n_imports_cut_short:
        click.echo("  " + gettext("%(n)s imports were cut short: repeat them", n=state.n_imports_cut_short))


@click.command(
    cls=Command,
    section="Look after the site",
    help="Check store, history, placements and photos.",
    epilog="xuncha check --sweep --home beichen",
)
@option("--sweep", is_flag=True, help="Remove files that have belonged to no photo for a day.")
@place.home_option
def check(home: Path | None, *, sweep: bool) -> None:
    """Check a site."""
    with place.opened(home) as site:
        found = checking.soundness(site)
        if sweep:
            n = orphans.sweep(site, now=place.now())
            click.echo(gettext("%(n)s files that belong to no photo were removed", n=n))
        left = orphans.find(site, now=place.now())
        if found.unguarded:
            checking.guard_again(site)
    if left.n:
        click.echo(
            gettext(
                "%(n)s files (%(mb)s MB) belong to no photo; %(old)s of them for a day: --sweep",
                n=left.n,
                mb=f"{left.n_bytes / 1e6:.1f}",
                old=len(left.old),
            )
        )
    _tell(found)
    if not found.is_sound:
        raise XunchaError("Not everything is sound")
    click.echo(gettext("everything is sound"))


def _tell_deviations(found: list[vouching.Deviation]) -> None:
    for one in found[:_MOST_SHOWN]:
        fields = f" ({', '.join(one.fields)})" if one.fields else ""
        click.echo(gettext(_DEVIATIONS[one.what], record=f"{one.noun} {one.id}", fields=fields))
    if len(found) > _MOST_SHOWN:
        click.echo(gettext("and %(n)s more records", n=len(found) - _MOST_SHOWN))


def _tell(found: checking.Soundness) -> None:
    """Tell what is wrong."""
    for line in found.store:
        click.echo(gettext("store: %(what)s", what=line))
    for broken in found.history:
        click.echo(gettext(_BREAKS[broken.what], id=broken.id))
    _tell_deviations(found.deviations)
    if found.unguarded:
        names = ", ".join(found.unguarded)
        click.echo(gettext("somebody had let others edit these tables; no longer: %(names)s", names=names))
    if found.n_unplaced:
        click.echo(
            gettext("%(n)s findings have no place on the newest streets: xuncha derive", n=found.n_unplaced)
        )
    for sha256 in found.lost_photos:
        click.echo(gettext("the file of photo %(sha256)s is lost", sha256=sha256))
    for sha256 in found.damaged_photos:
        click.echo(gettext(DAMAGED, sha256=sha256))


@click.command(
    cls=Command,
    section="Look after the site",
    help="Bring up to date what is derived, after an import was cut short.",
)
@place.home_option
def derive(home: Path | None) -> None:
    """Place findings and tracks on the newest streets and look around them anew."""
    with place.opened(home) as site, progress.shown() as shown:
        city.derive_anew(site, now=place.now(), progress=shown)
    click.echo(gettext("everything derived is up to date"))
