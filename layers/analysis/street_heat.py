"""Heat along the streets: findings per inspected kilometre, both spread along the network and not across it.

What was found on a block and how much of it was inspected spread by the heat equation, so that a wall, a
railway or a river between two streets stays between them, and nothing is lost at dead ends.
"""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from geo import heat
from layers.analysis import hotspots
from layers.analysis.hotspots import Asked

if TYPE_CHECKING:
    from layers.analysis.questions import Analyst

BANDWIDTH_M = 150.0
# Passes around a block, weighted by nearness, below which nothing is said
FEWEST_PASSES = 0.25
# A larger network is cut more coarsely than a tenth of the bandwidth
MOST_NODES = 400_000


def per_block(analyst: "Analyst", asked: Asked) -> pd.DataFrame:
    """Return the rate of each block that was inspected, by block id; empty without tracks.

    `n` findings and `effort_m` on the block itself, `passes` around it, and `per_km`, found per inspected
    kilometre around it along the streets.
    """
    return analyst.kept("street_heat", asked.parameters, lambda: _per_block(analyst, asked))


def _per_block(analyst: "Analyst", asked: Asked) -> pd.DataFrame:
    found, network = hotspots.find(analyst, asked), analyst.site.network
    own = found.blocks
    seen = own["observed_at_all"].to_numpy()
    if found.declared or not seen.any():
        return pd.DataFrame(columns=["n", "effort_m", "passes", "per_km"], index=own.index[:0])
    length_m = float(network.blocks["length_m"].sum())
    cut = heat.mesh(network.blocks, max(BANDWIDTH_M / 10, length_m / MOST_NODES))
    amounts = [np.where(seen, own["block_observed"], 0.0), np.nan_to_num(own["effort_m"].to_numpy(float))]
    spread = heat.diffusion(cut, BANDWIDTH_M).run(np.column_stack([cut.spread(one) for one in amounts]))
    n, passes = (cut.by_block(np.maximum(spread[:, k], 0.0)) for k in (0, 1))
    rate = heat.rate(n, passes, FEWEST_PASSES) * 1000
    table = own[["block_observed", "effort_m"]].set_axis(["n", "effort_m"], axis=1)
    table = pd.DataFrame(table).assign(passes=passes, per_km=rate)
    inspected: pd.DataFrame = table[seen & np.isfinite(rate)]
    return inspected
