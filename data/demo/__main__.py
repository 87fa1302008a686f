"""Command line: python -m data.demo OUT --size small --seed 1."""

import time
from pathlib import Path

import click

from data.demo.city import build
from data.demo.life.phones import LAWS, STREET_CANYON
from data.demo.sizes import SIZES


@click.command()
@click.argument("out", type=click.Path(path_type=Path, file_okay=False))
@click.option("--size", type=click.Choice(sorted(SIZES)), default="district", show_default=True)
@click.option("--seed", type=int, default=1, show_default=True)
@click.option("--law", type=click.Choice(sorted(LAWS)), default=STREET_CANYON.name, show_default=True)
@click.option("--days", type=click.IntRange(min=0), help="Fewer or more days than the size has.")
def main(out: Path, size: str, seed: int, law: str, days: int | None) -> None:
    """Make the demo city in OUT, which must be new or empty; the truth goes into OUT/truth."""
    if out.exists() and any(out.iterdir()):
        raise click.UsageError(f"{out} is not empty")
    started = time.monotonic()
    with click.progressbar(length=1, label=size, show_pos=False) as bar:

        def told(step: str, steps: int) -> None:
            bar.length = steps
            bar.label = step
            bar.update(1)

        manifest = build(out, SIZES[size], seed, LAWS[law], days=days, told=told)
    total = sum(manifest["files"].values()) / 1e6
    click.echo(f"{len(manifest['files'])} files, {total:.1f} MB, {time.monotonic() - started:.1f} s: {out}")


if __name__ == "__main__":
    main()
