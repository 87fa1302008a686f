"""Planted spots of the demo city, asked of a site that was filled over the HTTP interface.

A month of one district: two spots where five times as much goes wrong, and one that patrols only visit more
often.  Gate: both true spots are flagged, of the false one no block is.  The small city is shown beside it:
its true spots hold six and eleven blocks and ten days, which leaves too little to tell.
"""

import tempfile
import time
from pathlib import Path

import pandas as pd

from data.demo.opening import SEED, open_city
from data.demo.sizes import SIZES
from data.demo.spots import asked
from layers.site import Site
from tests.conftest import NOW
from xuncha import create_app


def run(small: bool) -> str:
    """Open a small city, and a district unless `small`; ask for each spot's own kinds of problems."""
    parts = []
    for size in ("small",) if small else ("small", "district"):
        with tempfile.TemporaryDirectory() as folder:
            home = Path(folder) / "demo"
            open_city(home, create_app, now=NOW, size=SIZES[size], seed=SEED)
            parts.append(measured(home, size))
    return report(parts)


def measured(home: Path, size: str) -> str:
    """Ask a site; hold it to the gate; return the section of the report."""
    site = Site.open(home, now=NOW)
    try:
        began = time.monotonic()
        found = asked(site, home / "truth")
        seconds = time.monotonic() - began
        n_blocks = len(site.network.blocks)
    finally:
        site.close()
    false = found[~found["true_spot"]]
    assert (false["n_flagged"] == 0).all(), found.to_string()
    if size != "small":
        true = found[found["true_spot"]]
        assert len(true) == 2
        assert (true["n_flagged"] > 0).all(), found.to_string()
    return f"## {size}: {n_blocks} blocks\n\n{_table(found)}\n\nAll three asked in {seconds:.0f} s."


def _table(found: pd.DataFrame) -> str:
    lines = [
        "| spot | findings of its kinds | its blocks | found / expected there | flagged there "
        "| flagged in all | Gi* on counts there | Gi* in all |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for one in found.itertuples():
        kind = "true" if one.true_spot else "false: only patrolled more"
        lines.append(
            f"| {kind} | {one.n_findings} | {one.n_blocks} | {one.ratio:.2f} | **{one.n_flagged}** "
            f"| {one.n_flagged_all} | {one.n_gi_star} | {one.n_gi_star_all} |"
        )
    return "\n".join(lines)


def report(parts: list[str]) -> str:
    """Return the whole report."""
    return f"# Hotspots of the demo city\n\n{__doc__.strip()} Seed {SEED}.\n\n" + "\n\n".join(parts)
