"""The demo city behind `xuncha open`: built once, and told what went in."""

from importlib import import_module
from pathlib import Path
from typing import Any

import click

from layers import language
from layers.language import gettext
from layers.terminal import place, progress

_NOUNS = {"findings": "Findings", "complaints": "Complaints", "tracks": "Tracks"}
_SHOWN_REASONS = 3


def build(home: Path) -> None:
    """Build a site on the demo city in `home`."""
    # found by name, as the server finds the app: the roof and what ships with it lie above this floor
    opening, roof = import_module("data.demo.opening"), import_module("xuncha")
    click.echo(gettext("building the demo city in %(home)s; this takes a few minutes, once", home=home))
    # the app speaks the language of its site, we that of the terminal
    with language.using(language.current()), progress.shown() as shown:
        opened = opening.open_city(home, roof.create_app, now=place.now(), progress=shown)
    _tell(opened)


def _tell(opened: Any) -> None:
    network, handed = opened.imports[0].facts, opened.handed
    click.echo(
        "  "
        + gettext(
            "street network %(version)s: %(blocks)s blocks, %(km).1f km",
            version=network["version"],
            blocks=network["n_blocks"],
            km=network["length_m"] / 1000,
        )
    )
    for noun, name in _NOUNS.items():
        counts = {"taken": f"{handed.taken(noun):,}", "refused": f"{handed.refused(noun):,}"}
        click.echo(f"  {gettext(name)}: " + gettext("%(taken)s handed in, %(refused)s refused", **counts))
    for reason, n in handed.reasons.most_common(_SHOWN_REASONS):
        click.echo(f"    {n} × {reason}")
    left_out = gettext(
        "%(n)s complaints have an address without a position: left out", n=handed.n_without_place
    )
    click.echo(f"  {left_out}")
