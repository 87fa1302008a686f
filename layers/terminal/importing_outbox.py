"""`xuncha import outbox`: what a phone saved as a file because it found no network any more."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import click

from layers.errors import InvalidError, XunchaError
from layers.field.findings import Outcome
from layers.importing import outbox as phone
from layers.importing.outbox import Told
from layers.language import explain, gettext
from layers.terminal import place
from layers.terminal.import_options import files_argument
from layers.terminal.wording import Command, option

_KINDS = {
    "finding": "Finding",
    "check": "Checked, nothing found",
    "track": "Track",
    "withdrawal": "Withdrawal of a check",
}


@click.command(
    cls=Command,
    help="What a phone could not send and saved as a file, photos inside.",
    epilog="xuncha import outbox xuncha-outbox.json --dry-run",
)
@files_argument
@option("--dry-run", is_flag=True, help="Read and check every row, write nothing.")
@place.home_option
def outbox(files: Sequence[Path], dry_run: bool, home: Path | None) -> None:
    """Hand in the outboxes of phones."""
    with place.opened(home) as site:
        for file in files:
            click.echo(file.name + (f" ({gettext('dry run, nothing was written')})" if dry_run else ""))
            counted: Counter[str] = Counter()
            for told in phone.bring(site, phone.read(file), now=place.now(), dry_run=dry_run):
                counted[_state(told)] += 1
                click.echo(f"  {_line(told)}")
            if counted and set(counted) == {"refused"}:
                raise InvalidError("%(file)s: every row was refused", file=file.name)


def _state(told: Told) -> str:
    return "refused" if isinstance(told.became, XunchaError) else str(told.became)


def _line(told: Told) -> str:
    what = f"{gettext(_KINDS[told.kind]) if told.kind in _KINDS else told.kind} {told.uuid}"
    if told.photo is not None:
        what += " " + gettext("photo %(n)s", n=told.photo)
    if isinstance(told.became, XunchaError):
        return f"{what}: {gettext('refused')}: {explain(told.became)}"
    return f"{what}: {gettext('taken') if told.became is Outcome.CREATED else gettext('already there')}"
