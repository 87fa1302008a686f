"""Null runs in hamlets and small towns, where neighbourhoods are nearly all alike.

A hamlet is one place, however many blocks it has: who counts its blocks as so many witnesses flags it too
often.  Rates are the same everywhere, patrols are not; nothing should be flagged in more than 8 % of runs.
"""

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from geo import neighbours
from tests.prove.hotspots import N_FULL, N_SMALL, RADIUS_M, RATE, SEED, City, Network, markdown, ours, wilson

# How many towns far from each other, streets each way, and metres between them
TOWNS = ((1, 4, 60), (1, 5, 50), (1, 8, 60), (20, 4, 60), (100, 3, 80), (100, 4, 60))


def towns(n: int, n_streets: int, step_m: float) -> gpd.GeoDataFrame:
    lines = []
    for number in range(n):
        for i in range(n_streets):
            for j in range(n_streets - 1):
                along = np.array([(j, i), (j + 1, i)]) * step_m
                lines += [line + (number * 1e4, 0.0) for line in (along, along[:, ::-1])]  # noqa: RUF005
    frame = gpd.GeoDataFrame(geometry=shapely.linestrings(lines), crs=32650)
    return frame.assign(block_id=range(len(lines)), length_m=float(step_m))


def flagged(net: Network, phi: float, n_runs: int, rng: np.random.Generator) -> int:
    """Count the runs with a flag."""
    n = 0
    for _ in range(n_runs):
        passes = np.exp(rng.normal(0.5, 0.8, len(net.frame)))
        scatter = rng.gamma(1 / phi, phi, len(net.frame)) if phi else 1.0
        count = rng.poisson(2 * RATE * net.length_m / 100 * passes * scatter)
        n += bool(ours(net, City(count, passes, np.zeros(len(count), bool), 0))["hot"].any())
    return n


def run(small: bool) -> str:
    n_runs, rows = N_SMALL if small else N_FULL, []
    for n, n_streets, step_m in TOWNS:
        frame = towns(n, n_streets, step_m)
        net = Network(frame, neighbours.find(frame, RADIUS_M))
        for phi in (0.0, 0.5):
            rng = np.random.default_rng([SEED, n, n_streets, int(2 * phi)])
            rows.append(
                {
                    "towns": f"{n} of {n_streets} by {n_streets} streets, {step_m} m apart",
                    "blocks": len(frame),
                    "blocks per neighbourhood": f"{np.diff(net.near.offsets).mean():.0f}",
                    "phi": f"{phi:g}",
                    "null runs with a flag": wilson(flagged(net, phi, n_runs, rng), n_runs),
                }
            )
    table = markdown(pd.DataFrame(rows))
    return "\n\n".join(["# Hotspots in hamlets", f"{__doc__}", f"{n_runs} runs each, seed {SEED}.", table])
