"""How many findings each block carries: counts, not corrected for patrol effort."""

import geopandas as gpd
import numpy as np
import pandas as pd

# A count on a few metres says little per 100 m: shorter blocks are taken as this long
SHORTEST_M = 50.0


def per_block(placements: pd.DataFrame, blocks: gpd.GeoDataFrame) -> pd.DataFrame:
    """Return the expected number of findings on each block that has any.

    A finding counts on its likeliest block and on the runner-up with the probability of each, so that one
    between two blocks is not given to one of them whole; what it leaves for others is dropped.

    Parameters
    ----------
    placements : DataFrame
        `block_id`, `p_block`, `runner_up_block`, `runner_up_p`, `ambiguous`; findings outside the streets
        have no block.
    blocks : GeoDataFrame
        `block_id`, `length_m`.

    Returns
    -------
    DataFrame indexed by block id
        `n` (expected findings), `n_sure` (findings that are not ambiguous), `per_100m`.

    Examples
    --------
    >>> placements = pd.DataFrame({"block_id": ["a", "a"], "p_block": [1.0, 0.6], "ambiguous": [False, True],
    ...                            "runner_up_block": [None, "b"], "runner_up_p": [np.nan, 0.4]})
    >>> blocks = gpd.GeoDataFrame({"block_id": ["a", "b", "c"], "length_m": [200.0, 20.0, 90.0]})
    >>> per_block(placements, blocks).round(3).to_dict("index")
    {'a': {'n': 1.6, 'n_sure': 1, 'per_100m': 0.8}, 'b': {'n': 0.4, 'n_sure': 0, 'per_100m': 0.8}}
    """
    best = placements[["block_id", "p_block"]].set_axis(["block", "p"], axis=1)
    second = placements[["runner_up_block", "runner_up_p"]].set_axis(["block", "p"], axis=1)
    parts = [part[part["block"].notna()] for part in (best, second)]
    n = pd.concat([part for part in parts if len(part)] or parts[:1]).groupby("block")["p"].sum()
    sure = placements.loc[~placements["ambiguous"].astype(bool), "block_id"].value_counts()
    lengths = blocks.set_index("block_id")["length_m"]
    n = n[n.index.isin(lengths.index)].astype(float)
    metres = np.maximum(lengths.reindex(n.index).to_numpy(), SHORTEST_M)
    counts = {"n": n, "n_sure": sure.reindex(n.index).fillna(0).astype(int), "per_100m": n / metres * 100}
    return pd.DataFrame(counts, index=n.index).rename_axis("block_id").sort_index()
