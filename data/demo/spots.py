"""Asks a site on the demo city for hotspots, spot by spot, beside the usual way: Gi* on counts."""

from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from scipy.special import ndtr

from data.demo.life.problems import KINDS
from geo import neighbours
from geo.hotspots import getis_ord
from geo.hotspots.family import false_discovery
from layers.analysis import hotspots
from layers.analysis.hotspots import ALPHA, RADIUS_M, Asked
from layers.analysis.questions import Analyst
from layers.site import Site


def asked(site: Site, truth: Path) -> pd.DataFrame:
    """Return, for each planted spot, what asking for its kinds of problems flags.

    A spot is `reached` where a flagged neighbourhood holds one of its blocks.

    Returns
    -------
    DataFrame
        `spot_id`, `true_spot`, `n_findings`, `n_blocks` (with their middle in the spot), `ratio` (their
        mean), `n_flagged` of them and `n_flagged_all`; `n_gi_star` and `n_gi_star_all`, the same by Gi* on
        counts with the same neighbourhoods and Benjamini and Hochberg's q; `reached`.
    """
    analyst, blocks = Analyst(site), site.network.blocks
    near = neighbours.find(blocks, RADIUS_M)
    middles = shapely.line_interpolate_point(blocks.geometry.to_numpy(), 0.5, normalized=True)
    spots = gpd.read_file(truth / "spots.gpkg").to_crs(blocks.crs)
    codes = {kind.key: (kind.scheme, kind.code) for kind in KINDS}
    rows = []
    for spot in spots.itertuples():
        kinds = tuple(codes[kind] for kind in spot.kinds.split(",")) if spot.kinds else None
        found = hotspots.find(analyst, Asked(categories=kinds))
        hot = found.blocks["hot"].to_numpy()
        # of one thing as many reports as there are
        usual = _gi_star(hotspots.carried(found.findings.assign(new=1.0), blocks), near)
        inside = np.asarray(shapely.within(middles, spot.geometry))
        rows.append(
            {
                "spot_id": spot.spot_id,
                "true_spot": bool(spot.true_spot),
                "n_findings": len(found.findings),
                "n_blocks": int(inside.sum()),
                "ratio": float(np.nanmean(found.blocks["ratio"].to_numpy()[inside])),
                "n_flagged": int((hot & inside).sum()),
                "n_flagged_all": int(hot.sum()),
                "n_gi_star": int((usual & inside).sum()),
                "n_gi_star_all": int(usual.sum()),
                "reached": bool((near.sums(inside.astype(float))[hot] > 0).any()),
            }
        )
    return pd.DataFrame(rows)


def _gi_star(counts: NDArray[np.float64], near: neighbours.Neighbourhoods) -> NDArray[np.bool_]:
    """Return what the usual way flags: it knows nothing of effort."""
    p = ndtr(-np.nan_to_num(getis_ord(counts, near), nan=-np.inf))
    return np.asarray(false_discovery(p) <= ALPHA)
