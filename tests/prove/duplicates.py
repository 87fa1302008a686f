"""Duplicates and relapses: what is proposed on the demo city, against what is true of it.

Reports are of one thing if they are of one problem, or if one problem is the other come back.  Of two such
reports the later is a relapse if the problem was said to be rectified in between, truly or not, else a
duplicate.  Such a pair counts as true if it lies within the window of its category (90 days for a relapse).
What was rectified when is told to the product as close-outs of the reports made until then; the demo city's
store has no close-outs of its own.  Photos are none.  Seed and sizes are declared here, before any run.
"""

import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd

from data.demo.city import TRUTH
from data.demo.opening import open_city
from data.demo.score import true_twins
from data.demo.sizes import SIZES
from layers.field import twins
from layers.field.asking import FindingFilter
from layers.site import Site
from xuncha import create_app

NOW = datetime(2026, 6, 1, 8, tzinfo=UTC)
SEED = 1
EDGES = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 1.0)
LEAST = (0.5, 0.8, 0.95)


def row(*cells: object) -> str:
    return "| " + " | ".join(str(cell) for cell in cells) + " |"


def said(site: Site, closings: pd.DataFrame) -> tuple[pd.DataFrame, float]:
    """Return the proposals as a frame, and the seconds they took."""
    begun = time.perf_counter()
    found = twins.proposals(site, FindingFilter(), closings)
    took = time.perf_counter() - begun
    columns = ["first", "second", "relation", "p", "distance_m"]
    return pd.DataFrame([[getattr(one, name) for name in columns] for one in found], columns=columns), took


def judged(pairs: pd.DataFrame, true: pd.DataFrame) -> pd.DataFrame:
    """Return the proposals with what they truly are: a relation, or nothing."""
    known = {frozenset(pair[:2]): pair[2] for pair in true.itertuples(index=False, name=None)}
    truly = [known.get(frozenset(pair)) for pair in pairs[["first", "second"]].itertuples(index=False)]
    return pairs.assign(truly=np.array(truly, dtype=object))


def table(pairs: pd.DataFrame, true: pd.DataFrame) -> list[str]:
    """Return precision and recall of each relation at three thresholds."""
    lines = [row("", "p at least", "proposed", "true pairs", "precision", "recall"), row(*["---"] * 6)]
    for relation, n in (("duplicate", "duplicates"), ("relapse", "relapses")):
        there = int((true["relation"] == relation).sum())
        for least in LEAST:
            own = pairs[(pairs["relation"] == relation) & (pairs["p"] >= least)]
            hit = int((own["truly"] == relation).sum())
            shares = [f"{hit / whole:.1%}" if whole else "–" for whole in (len(own), there)]
            lines.append(row(n, least, f"{len(own):,}", f"{there:,}", *shares))
    return lines


def by_p(pairs: pd.DataFrame) -> list[str]:
    """Return how often proposals are of one thing, by what they say of it."""
    lines = [row("p", "proposed", "mean p", "of one thing"), row(*["---"] * 4)]
    bin_of = np.clip(np.digitize(pairs["p"], EDGES) - 1, 0, len(EDGES) - 2)
    for n, own in pairs.groupby(bin_of):
        share = own["truly"].notna().mean()
        lines.append(row(f"{EDGES[n]}–{EDGES[n + 1]}", len(own), f"{own['p'].mean():.2f}", f"{share:.2f}"))
    return lines


def by_kind(pairs: pd.DataFrame, true: pd.DataFrame, kind: "pd.Series[str]") -> list[str]:
    """Return precision and recall by kind of problem, both relations together."""
    lines = [row("kind", "proposed", "true pairs", "precision", "recall"), row(*["---"] * 5)]
    there = kind.reindex(true["first"]).value_counts()
    proposed = kind.reindex(pairs["first"]).to_numpy()
    for name, n in there.items():
        own = pairs[proposed == name]
        hit = int(own["truly"].notna().sum())
        lines.append(row(name, len(own), n, f"{hit / len(own):.0%}" if len(own) else "–", f"{hit / n:.0%}"))
    return lines


def measured(home: Path, size: str) -> list[str]:
    """Return the tables of one demo city."""
    known = twins.extent()
    reports, closings, true = true_twins(home / TRUTH, known.window_days)
    site = Site.open(home, now=NOW)
    try:
        pairs, took = said(site, closings)
        n = len(twins.frame(site, FindingFilter()))
    finally:
        site.close()
    pairs = judged(pairs[pairs[["first", "second"]].isin(set(reports["uuid"])).all(axis=1)], true)
    return [
        f"## {size.capitalize()}, seed {SEED}",
        f"{n:,} findings, proposals in {took:.2f} s.",
        "\n".join(table(pairs, true)),
        "Both relations together, by what is said:",
        "\n".join(by_p(pairs)),
        "\n".join(by_kind(pairs, true, reports.set_index("uuid")["kind"])),
    ]


def run(small: bool) -> str:
    """Build the demo cities and return the report."""
    parts = ["# Duplicates and relapses", __doc__ or ""]
    for size in ("small",) if small else ("small", "district"):
        with tempfile.TemporaryDirectory() as folder:
            home = Path(folder) / "site"
            open_city(home, create_app, now=NOW, size=SIZES[size], seed=SEED)
            parts += measured(home, size)
    return "\n\n".join(parts)


if __name__ == "__main__":
    print("\n\n".join(measured(Path(sys.argv[1]), "given")))
