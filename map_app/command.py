"""`xuncha maps`: the maps as files that open from disk."""

from datetime import datetime, timedelta
from pathlib import Path

import click

import map_app
from layers.field.asking import FindingFilter
from layers.language import gettext
from layers.site import Site
from layers.terminal import place
from layers.terminal.wording import Command, option

_DAY = click.DateTime(["%Y-%m-%d"])


@click.command(
    cls=Command,
    section="Get results out",
    help="Write the maps as files that open without server and network.",
    epilog="xuncha maps out --from 2026-08-01 --until 2026-08-31 --home beichen",
)
@click.argument("outdir", type=click.Path(path_type=Path, file_okay=False))
@option("--from", "first", type=_DAY, metavar="DATE", help="Findings from this day on.")
@option("--until", "last", type=_DAY, metavar="DATE", help="Findings up to this day, the day included.")
@place.home_option
def maps(outdir: Path, first: datetime | None, last: datetime | None, home: Path | None) -> None:
    """Write the maps."""
    with place.opened(home) as site:
        pages = map_app.export(site, outdir, _period(site, first, last), now=place.now())
    for page in pages:
        click.echo(str(page))
    click.echo(gettext("open %(page)s in a browser", page=pages[0]))


def _period(site: Site, first: datetime | None, last: datetime | None) -> FindingFilter:
    zone = site.settings.zone
    return FindingFilter(
        observed_from=first.replace(tzinfo=zone) if first else None,
        observed_until=last.replace(tzinfo=zone) + timedelta(days=1) if last else None,
    )
