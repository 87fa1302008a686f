"""`xuncha backup` and `restore`: a site kept safe elsewhere, and brought back."""

from pathlib import Path

import click

from layers import backup as keeping
from layers.language import gettext
from layers.terminal import place, progress
from layers.terminal.wording import Command, option

DAMAGED = "the file of photo %(sha256)s is damaged: it is not what was sent"
_FOLDER = click.Path(path_type=Path, file_okay=False)


@click.command(
    cls=Command,
    section="Look after the site",
    help="Keep a copy of the site in the folder DIR; the site may be in use.",
    epilog="xuncha backup /media/disk/beichen --home beichen",
)
@click.argument("folder", metavar="DIR", type=_FOLDER)
@place.home_option
def backup(folder: Path, home: Path | None) -> None:
    """Keep a copy of a site."""
    with place.opened(home) as site, progress.shown() as shown:
        kept = keeping.back_up(site, folder, now=place.now(), progress=shown)
    click.echo(
        gettext(
            "store %(mb).1f MB, %(n)s photo files, of which %(new)s new",
            mb=kept.store_bytes / 1e6,
            n=kept.n_photos,
            new=kept.n_photos_new,
        )
    )
    _tell_damaged(kept)
    click.echo(gettext("the site is kept in %(folder)s, with its secrets: guard it", folder=folder))


@click.command(
    cls=Command,
    section="Look after the site",
    help="Make the site that was kept in DIR anew in HOME.",
    epilog="xuncha restore /media/disk/beichen beichen-again",
)
@click.argument("folder", metavar="DIR", type=_FOLDER)
@click.argument("home", type=_FOLDER)
@option("--store", metavar="URL", help="Empty PostGIS database; the one the site used unless you say.")
def restore(folder: Path, home: Path, *, store: str | None) -> None:
    """Bring a site back."""
    with progress.shown() as shown:
        kept = keeping.restore(folder, home, store_url=store, progress=shown)
    _tell_damaged(kept)
    click.echo(gettext("the site is back in %(home)s", home=home))
    click.echo(gettext("next: xuncha check --home %(home)s", home=home))


def _tell_damaged(kept: keeping.Kept) -> None:
    for sha256 in kept.damaged_photos:
        click.echo(gettext(DAMAGED, sha256=sha256), err=True)
