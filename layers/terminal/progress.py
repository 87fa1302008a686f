"""A bar for work that takes long, and nothing at all where nobody is watching."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click

from layers.importing.progress import Progress
from layers.language import gettext

# Steps that come faster than this are not drawn
_EVERY_S = 0.1


class Bar:
    """Draws one bar for each step that reports how far it is, one line for each that cannot."""

    def __init__(self) -> None:
        self._step = ""
        self._drawn = 0.0
        self._bar: Any = None

    def __call__(self, step: str, done: int, total: int | None) -> None:
        """Draw how far a step is."""
        if step != self._step:
            self.finish()
            self._step = step
            self._begin(step, total)
        now = time.monotonic()
        if self._bar is not None and (now - self._drawn >= _EVERY_S or done == total):
            self._drawn = now
            self._bar.update(min(done, self._bar.length) - self._bar.pos)
        elif self._bar is None and done and now - self._drawn >= _EVERY_S:
            self._drawn = now
            click.echo(f"\r{gettext(step)}  {done:,}\033[K", nl=False, err=True)

    def _begin(self, step: str, total: int | None) -> None:
        if total:
            self._bar = click.progressbar(length=total, label=gettext(step), file=sys.stderr)
            self._bar.__enter__()
        else:
            click.echo(f"{gettext(step)} …\033[K", nl=False, err=True)

    def finish(self) -> None:
        """End what is being drawn, so that the next line stands by itself."""
        if self._bar is not None:
            self._bar.update(self._bar.length - self._bar.pos)
            self._bar.__exit__(None, None, None)
            self._bar = None
        elif self._step:
            click.echo("\r\033[K", nl=False, err=True)
        self._step = ""


@contextmanager
def shown() -> Iterator[Progress]:
    """Give a progress that is drawn on a terminal and silent elsewhere."""
    if not sys.stderr.isatty():
        from layers.importing.progress import silent  # noqa: PLC0415

        yield silent
        return
    bar = Bar()
    try:
        yield bar
    finally:
        bar.finish()
