"""`xuncha retain` and `erase`: what is known of people, dropped when it is no longer needed."""

from pathlib import Path

import click

from layers import forgetting, people
from layers.errors import SettingError
from layers.field import retention
from layers.language import gettext
from layers.terminal import place
from layers.terminal.wording import Command, option


@click.command(
    cls=Command,
    section="Look after the site",
    help="Drop raw tracks that are older than N days; what they covered stays.",
    epilog="xuncha retain --days 90 --home beichen",
)
@option("--days", type=click.IntRange(min=1), help="The setting track_days unless you say.")
@option("--dry-run", is_flag=True, help="Only tell how many there are.")
@place.home_option
def retain(days: int | None, home: Path | None, *, dry_run: bool) -> None:
    """Drop old raw tracks."""
    with place.opened(home) as site:
        kept = days or site.settings.track_days
        if kept is None:
            raise SettingError("For how many days? Say --days, or set track_days", field="track_days")
        if dry_run:
            n = retention.due(site, kept, now=place.now())
            click.echo(gettext("%(n)s tracks are older than %(days)s days", n=n, days=kept))
            return
        n = retention.drop(site, kept, by=None, now=place.now())
    click.echo(gettext("the fixes of %(n)s tracks are dropped; what they covered stays", n=n))


@click.command(
    cls=Command,
    section="Look after the site",
    help="Erase what tells who an account was: name, login, devices, movements. There is no way back.",
    epilog="xuncha erase zhang --home beichen",
)
@click.argument("login")
@option("--yes", is_flag=True, help="Do not ask whether it is meant.")
@place.home_option
def erase(login: str, home: Path | None, *, yes: bool) -> None:
    """Forget a person."""
    with place.opened(home) as site:
        with site.store.read() as conn:
            found = people.by_login(conn, login)
        if not yes:
            click.confirm(gettext("Erase %(login)s for good?", login=login), abort=True)
        done = forgetting.erase(site, found.id, by=None, now=place.now())
    click.echo(
        gettext(
            "%(login)s is now %(nobody)s: fixes of %(tracks)s tracks, %(devices)s devices, details of "
            "%(lines)s lines of history are erased",
            login=login,
            nobody=done.login,
            tracks=done.n_tracks,
            devices=done.n_devices,
            lines=done.n_lines,
        )
    )
