"""`xuncha import list`, `undo` and `profiles`: what was imported, taken back, and how files are read."""

from pathlib import Path

import click

from layers.importing import profiles as kept
from layers.importing import undoing
from layers.language import gettext
from layers.terminal import place, progress
from layers.terminal.wording import Command, option


@click.command("list", cls=Command, help="List what was imported, the newest first.")
@place.home_option
def list_(home: Path | None) -> None:
    """List the runs."""
    with place.opened(home) as site:
        for run in undoing.every(site):
            day = run.started_at.astimezone(site.settings.zone).strftime("%Y-%m-%d %H:%M")
            new = gettext("%(n)s new", n=run.n_added)
            state = gettext("undone") if run.undone_at else ""
            click.echo(f"{run.id}\t{day}\t{gettext(run.kind)}\t{run.file_name}\t{new}\t{state}".rstrip())


@click.command(
    cls=Command,
    help="Take a whole import back; the history keeps it.",
    epilog="xuncha import list\nxuncha import undo 7",
)
@click.argument("run", type=int)
@option("--force", is_flag=True, help="Also findings that were decided, merged or corrected since.")
@place.home_option
def undo(run: int, *, force: bool, home: Path | None) -> None:
    """Undo a run."""
    with place.opened(home) as site, progress.shown() as shown:
        n = undoing.undo(site, run, by=None, force=force, now=place.now(), progress=shown)
    click.echo(gettext("import %(run)s is undone: %(n)s records", run=run, n=n))


@click.command(cls=Command, help="List the profiles by which files are read.")
@place.home_option
def profiles(home: Path | None) -> None:
    """List the profiles."""
    with place.opened(home) as site:
        for one in kept.every(site):
            read = ", ".join(f"{name} ← {column}" for name, column in one.options.columns.items())
            click.echo(f"{one.name}\t{gettext(one.kind)}\t{read}")
