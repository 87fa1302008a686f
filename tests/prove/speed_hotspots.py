"""Speed of hotspots and heat beside esda and scikit-learn, in the same run on the same data.

Fifty thousand blocks with named streets and a year of findings under uneven patrols, three places at four
times the rate.  Everything that a page of hotspots needs is timed: neighbourhoods, model, test, flags and
named stretches, for one category and for five as one family.  On a machine that others use at the same time
seconds by the clock say little: the ratios are those of processor seconds (all threads together), the
smallest of the rounds, and a limit is held against the clock and, beside it, against the processor.
"""

import os
from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import pandas as pd
from esda.getisord import G_Local
from libpysal.weights import W
from numpy.typing import NDArray
from scipy.stats import norm, rankdata

from geo import hotspots, neighbours, stretches
from tests.prove import heat
from tests.prove.heat import Taken, row, taken
from tests.prove.hotspots import esda_weights
from tests.prove.speed_placement import grid

SEED = 20260407
SMALL_M = 5_000.0
RADIUS_M = 250.0
RATE = 0.15  # findings per pass and 100 m
PHI, ELASTICITY = 0.5, 0.7
CATEGORIES, CLASSES = 5, 4
LIMIT_S = 5.0
PERMUTATIONS = 99

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Year:
    """Fifty thousand blocks, what was found on them in a year, and what was walked."""

    blocks: gpd.GeoDataFrame
    near: neighbours.Neighbourhoods
    findings: pd.DataFrame
    effort: pd.DataFrame
    spot: NDArray[np.bool_]


def year(small: bool) -> Year:
    rng = np.random.default_rng(SEED)
    blocks = named(grid(rng), rng)
    if small:
        west, south = blocks.total_bounds[:2]
        blocks = blocks.cx[: west + SMALL_M, : south + SMALL_M].reset_index(drop=True)
    near, n = neighbours.find(blocks, RADIUS_M), len(blocks)
    field = rng.standard_normal(n)
    for _ in range(4):
        field = near.sums(field) / np.diff(near.offsets)
    passes = np.exp(1.2 * norm.ppf((rankdata(field) - 0.5) / n) + 3.0)
    spot = np.zeros(n, bool)
    for centre in rng.choice(n, 3, replace=False):
        spot[near.members[near.offsets[centre] : near.offsets[centre + 1]]] = True
    mean = RATE * blocks["length_m"].to_numpy() / 100 * passes**ELASTICITY * np.where(spot, 4.0, 1.0)
    count = rng.poisson(mean * rng.gamma(1 / PHI, PHI, n))
    found = pd.DataFrame({"block_id": np.repeat(blocks["block_id"].to_numpy(), count)})
    found["category"] = rng.choice([f"category {k}" for k in range(CATEGORIES)], len(found))
    # one block in ten was never walked
    walked = np.where(rng.random(n) < 0.1, 0.0, passes * blocks["length_m"].to_numpy())
    effort = pd.DataFrame({"block_id": blocks["block_id"], "effort_m": walked})
    return Year(blocks, near, found, effort, spot)


def named(blocks: gpd.GeoDataFrame, rng: np.random.Generator) -> gpd.GeoDataFrame:
    """Name the streets of the grid by their row or column, and give each block a class."""
    middle = blocks.geometry.interpolate(0.5, normalized=True)
    level = blocks.bounds.eval("maxx - minx > maxy - miny")
    number = (np.where(level, middle.y, middle.x) / 105).round().astype(int)
    blocks["name"] = [f"{'Row' if flat else 'Column'} {k}" for flat, k in zip(level, number, strict=True)]
    blocks["length_m"] = blocks.length
    blocks["class"] = rng.choice([f"class {k}" for k in range(CLASSES)], len(blocks))
    return blocks


def parts(asked: Year) -> dict[str, Taken]:
    """Time each part of an answer, and the whole."""
    blocks, findings, effort = asked.blocks, asked.findings, asked.effort
    one = hotspots.find(findings, blocks, effort, near=asked.near)

    def whole() -> None:
        stretches.join(hotspots.find(findings, blocks, effort), blocks)

    return {
        "neighbourhoods of 250 m": taken(lambda: neighbours.find(blocks, RADIUS_M)),
        "model, test and flags, one category": taken(
            lambda: hotspots.find(findings, blocks, effort, near=asked.near)
        ),
        "flags as named stretches": taken(lambda: stretches.join(one, blocks)),
        "all of it": taken(whole),
        "five categories as one family": taken(lambda: hotspots.find_many(findings, blocks, effort), 1),
    }


def peers(asked: Year) -> tuple[dict[str, Taken], float]:
    """Time esda's Gi* on the same counts and neighbourhoods; return that and how far its z lie apart."""
    at = pd.Index(asked.blocks["block_id"]).get_indexer(pd.Index(asked.findings["block_id"]))
    count = np.bincount(at, minlength=len(asked.blocks)).astype(float)
    weights: W = esda_weights(asked.near)

    def gi(permutations: int) -> G_Local:
        return G_Local(
            count, weights, transform="B", permutations=permutations, star=True, seed=SEED, n_jobs=1
        )

    gi(1)  # compiles
    times = {
        "building esda's weights from these neighbourhoods": taken(lambda: esda_weights(asked.near), 1),
        "esda Gi*, analytic": taken(lambda: gi(0), 1),
        f"esda Gi*, {PERMUTATIONS} permutations": taken(lambda: gi(PERMUTATIONS), 1),
        "Gi* of this project": taken(lambda: hotspots.getis_ord(count, asked.near)),
    }
    apart = np.nanmax(np.abs(np.asarray(gi(0).Zs) - hotspots.getis_ord(count, asked.near)))
    return times, float(apart)


def flagged(asked: Year) -> str:
    """Tell if the answer that was timed is a right one."""
    found = hotspots.find(asked.findings, asked.blocks, asked.effort, near=asked.near)
    hot = found["hot"].to_numpy()
    false = hot & (asked.near.sums(asked.spot.astype(float)) == 0)
    places = stretches.join(found, asked.blocks)
    return (
        f"{hot.sum():,} blocks flagged, {false.sum():,} of them with no part of a planted place within "
        f"{RADIUS_M:g} m; {len(places):,} stretches; {(hot & asked.spot).sum() / asked.spot.sum():.0%} of "
        "the planted blocks flagged."
    )


def run(small: bool) -> str:
    asked = year(small)
    times = parts(asked)
    others, apart = peers(asked)
    base = times["model, test and flags, one category"]
    heading = ("what", "seconds by the clock", "by the processor", "model, test and flags = 1")
    lines = [row(*heading), row("---", "---:", "---:", "---:")]
    lines += [
        row(what, f"{it.clock:.2f}", f"{it.processor:.2f}", f"{it.processor / base.processor:.2f}")
        for what, it in (times | others).items()
    ]
    return "\n\n".join(
        [
            "# Speed of hotspots",
            __doc__ or "",
            f"Seed {SEED}; {len(asked.blocks):,} blocks, {len(asked.near.members):,} pairs of neighbours, "
            f"{len(asked.findings):,} findings, {os.cpu_count()} cores. Neighbourhoods, model, test, flags "
            f"and stretches together {times['all of it'].told(LIMIT_S)}. Load of the machine while this ran: "
            f"{os.getloadavg()[1]:.0f} on {os.cpu_count()} cores.",
            "\n".join(lines),
            f"esda tells a z per block and asks nothing about effort; its z and those of this project differ "
            f"by at most {apart:.1e}. {flagged(asked)}",
            "## Heat along streets",
            heat.network(small),
            "## Heat on the plane",
            heat.plane(small),
        ]
    )
