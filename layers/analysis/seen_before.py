"""How probably each finding is of what was there already: what lasts counts once, not at every pass."""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from geo import duplicates
from layers.city import limits, taxonomy
from layers.field import twins
from layers.field.asking import FindingFilter

if TYPE_CHECKING:
    from layers.analysis.questions import Analyst

# Pairs less probable than this add up to next to nothing
_LEAST_P = 0.02
# What tends to vanish by itself is another one on the next day, where its category has no window of its own
_VANISHES_DAYS = 0.5


def find(analyst: "Analyst", wanted: FindingFilter, counted: "pd.Series[int]") -> "pd.Series[float]":
    """Return how probably an earlier one of the counted findings reported the same thing, by `fid`.

    Passing acts, people and vehicles are new each time; what is not in the answer is new.

    Parameters
    ----------
    counted : Series of int
        The `fid` of those of the chosen findings that are counted together: what the public told of first
        is no less a find of the patrol.
    """
    site = analyst.site
    table = twins.frame(site, wanted).query("finding_id in @counted")
    known = {name: site.taxonomy.parse(name) for name in table["category"].unique()}
    lasts = [known[name].kind in limits.LASTING for name in table["category"]]
    vanishing = {name: _VANISHES_DAYS for name, one in known.items() if taxonomy.vanishes(one)}
    pairs = twins.compared(site, table[np.array(lasts, dtype=bool)], p_least=_LEAST_P, window_days=vanishing)
    apart = twins.kept_apart(site)
    two = [frozenset(pair) in apart for pair in zip(pairs["first_id"], pairs["second_id"], strict=True)]
    return duplicates.seen_before(pairs[~np.array(two, dtype=bool)])
