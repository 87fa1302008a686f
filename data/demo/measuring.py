"""Measures a site that was opened on the demo city against the truth beside it.

`python -m data.demo.measuring HOME` prints a table: how well findings are placed, beside the nearest block,
and how much of what was walked the passes of the tracks cover.
"""

from collections.abc import Collection
from datetime import UTC, datetime
from pathlib import Path

import click
import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from data.demo.city import TRUTH
from data.demo.score import Scores, score
from geo.coverage import stretches
from layers.field import coverage, findings
from layers.field.asking import FindingFilter
from layers.site import Site

_ASKED = ("uuid", "channel", "device", "block_id", "side", "chainage_m", "p_block", "geom")
_ROWS = (
    ("n", "findings of inspectors", "{:,.0f}"),
    ("block_right", "on the right block", "{:.1%}"),
    ("side_given", "right block, and a side given", "{:.1%}"),
    ("side_right", "of these, the right side", "{:.1%}"),
    ("chainage_median_m", "median error along the block, m", "{:.1f}"),
    ("sure_share", "said with p ≥ 0.9", "{:.1%}"),
    ("sure_right", "of these, on the right block", "{:.1%}"),
    ("ece", "expected calibration error", "{:.3f}"),
)


def measure(site: Site, truth: Path, devices: Collection[str] | None = None) -> tuple[Scores, Scores]:
    """Return the scores of the site's placements and coverage, and those of the nearest block.

    Complaints are left out: what the public calls in is not where an inspector stood.  With `devices` only
    findings made with these phones are scored; coverage is everybody's.
    """
    network = site.network
    blocks = network.blocks[["block_id", "geometry"]]
    reported = findings.frame(site, FindingFilter(), _ASKED)
    reported = reported[reported["channel"] != "public"]
    if devices is not None:
        reported = reported[reported["device"].isin(devices)]
    reported = reported.reset_index(drop=True)
    cut = stretches(coverage.intervals(site), network.blocks)
    walked = cut.loc[cut["state"] == "inspected", ["block_id", "from_m", "to_m"]]
    placed = reported[["uuid", "block_id", "side", "chainage_m", "p_block"]]
    metres = shapely.transform(reported.geometry.to_numpy(), network.projection.to_metres)
    return (
        score(truth, blocks, placements=pd.DataFrame(placed), coverage=walked),
        score(truth, blocks, placements=nearest(reported["uuid"], shapely.get_coordinates(metres), blocks)),
    )


def nearest(uuids: "pd.Series[str]", metres: NDArray[np.float64], blocks: gpd.GeoDataFrame) -> pd.DataFrame:
    """Return the placements of somebody who takes the nearest block; positions in the metres of `blocks`."""
    points = shapely.points(metres)
    found = shapely.STRtree(blocks.geometry.to_numpy()).nearest(points)
    near = blocks.iloc[found]
    chainage = shapely.line_locate_point(near.geometry.to_numpy(), points)
    return pd.DataFrame(
        {"uuid": uuids.to_numpy(), "block_id": near["block_id"].to_numpy(), "chainage_m": chainage}
    )


def table(placed: Scores, nearest: Scores) -> str:
    """Return the scores as a markdown table."""
    lines = ["| | placed | nearest block |", "|---|---|---|"]
    for key, name, form in _ROWS:
        ours, theirs = (
            form.format(one.placement[key]) if key in one.placement else "–" for one in (placed, nearest)
        )
        lines.append(f"| {name} | {ours} | {theirs} |")
    covered = placed.coverage
    lines.append(f"| walked, km | {covered['true_m'] / 1000:,.0f} | |")
    lines.append(f"| of that, inspected by its track | {covered['right']:.1%} | |")
    lines.append(f"| inspected without having been walked, over what was walked | {covered['added']:.1%} | |")
    return "\n".join(lines)


@click.command()
@click.argument("home", type=click.Path(path_type=Path, exists=True, file_okay=False))
def main(home: Path) -> None:
    """Print how the site in HOME compares with the truth in HOME/truth."""
    site = Site.open(home, now=datetime.now(UTC))
    try:
        click.echo(table(*measure(site, home / TRUTH)))
    finally:
        site.close()


if __name__ == "__main__":
    main()
