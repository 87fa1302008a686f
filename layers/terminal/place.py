"""Which site a command is about, opened and closed again."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import click

from layers.errors import NotFoundError
from layers.settings import FILE_NAME
from layers.site import Site
from layers.terminal.wording import option

# Set by the command that serves for the process that answers
VARIABLE = "XUNCHA_HOME"

home_option = option(
    "--home",
    type=click.Path(path_type=Path),
    help="Folder of the site; else the variable XUNCHA_HOME, else the folder you are in.",
)


def now() -> datetime:
    """Return the instant at which a command runs."""
    return datetime.now(UTC)


def find(home: Path | None) -> Path:
    """Return the folder of the site that is meant."""
    if home is not None:
        found = home
    elif VARIABLE in os.environ:
        found = Path(os.environ[VARIABLE])
    elif Path(FILE_NAME).exists():
        found = Path()
    else:
        raise NotFoundError("Which site? Say --home, or go into its folder")
    context = click.get_current_context(silent=True)
    if context is not None:
        # where the trace of an error goes
        context.find_root().obj = found
    return found


@contextmanager
def opened(home: Path | None) -> Iterator[Site]:
    """Give the site that is meant."""
    site = Site.open(find(home), now=now())
    try:
        yield site
    finally:
        site.close()
