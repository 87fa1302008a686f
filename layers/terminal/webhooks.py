"""`xuncha webhook`: other programs that are told of every change."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import click

from layers.language import gettext
from layers.terminal import place
from layers.terminal.wording import Command, Group, option
from layers.webhooks import deliveries, hooks


@click.group(cls=Group, section="Look after the site", help="Other programs that are told of every change.")
def webhook() -> None:
    """Hold the commands about webhooks."""


@webhook.command(
    cls=Command,
    help="Tell an address of what happens from now on; its secret is shown this once.",
    epilog="xuncha webhook add https://example.org/hook --event 'finding.*' --home beichen",
)
@click.argument("url")
@option(
    "--event", "events", multiple=True, help="As finding.create, finding.* or *; everything unless you say."
)
@place.home_option
def add(url: str, events: Sequence[str], home: Path | None) -> None:
    """Add an address."""
    with place.opened(home) as site:
        made = hooks.add(site, url, events, by=None, now=place.now())
    click.echo(gettext("webhook %(id)s; its secret, shown this once:", id=made.id))
    click.echo(made.secret)


@webhook.command("list", cls=Command, help="List the addresses and what became of their deliveries.")
@place.home_option
def list_(home: Path | None) -> None:
    """List the addresses."""
    with place.opened(home) as site:
        counts = deliveries.counts(site)
        for one in hooks.every(site):
            n = counts.get(one.id, {"done": 0, "waiting": 0, "failed": 0})
            told = gettext("%(done)s told, %(waiting)s waiting, %(failed)s given up", **n)
            state = gettext("on") if one.active else gettext("off")
            click.echo(f"{one.id}\t{state}\t{one.url}\t{' '.join(one.events)}\t{told}")


@webhook.command(
    cls=Command,
    help="Tell an address once more what was given up, or everything since a day.",
    epilog="xuncha webhook replay 1\nxuncha webhook replay 1 --since 2026-08-01",
)
@click.argument("number", type=int)
@option("--since", type=click.DateTime(["%Y-%m-%d"]), help="Everything since this day.")
@place.home_option
def replay(number: int, since: datetime | None, home: Path | None) -> None:
    """Tell again."""
    with place.opened(home) as site:
        begin = since.replace(tzinfo=site.settings.zone) if since else None
        n = deliveries.replay(site, number, by=None, now=place.now(), since=begin)
    click.echo(gettext("%(n)s deliveries are sent once more", n=n))


@webhook.command(cls=Command, help="Tell an address no more.")
@click.argument("number", type=int)
@place.home_option
def off(number: int, home: Path | None) -> None:
    """Switch an address off."""
    _switch(number, home, active=False)


@webhook.command(cls=Command, help="Tell an address again, of what happens from now on.")
@click.argument("number", type=int)
@place.home_option
def on(number: int, home: Path | None) -> None:
    """Switch an address on."""
    _switch(number, home, active=True)


def _switch(number: int, home: Path | None, *, active: bool) -> None:
    with place.opened(home) as site:
        hooks.get(site, number)
        hooks.switch(site, number, active=active, by=None, now=place.now())
    click.echo(
        gettext("webhook %(id)s is on", id=number) if active else gettext("webhook %(id)s is off", id=number)
    )
