"""How far premises of one trade stand from each other."""

from collections.abc import Iterable

import geopandas as gpd
import numpy as np
import pandas as pd

from geo.clearance.distance import p_inside, pairs_within
from geo.clearance.features import in_degrees, middles, targets
from geo.clearance.measuring import straight_m
from geo.clearance.rules import SURE, Rule, concerns, in_force


def spacing(
    premises: gpd.GeoDataFrame, rules: Iterable[Rule], on: pd.Timestamp, *, sd_m: float = 5.0
) -> pd.DataFrame:
    """Return pairs of premises that stand closer to each other than the rules in force allow.

    Parameters
    ----------
    premises, rules, on
        As for `audit`; measured straight, parcel to parcel where parcels are known.
    sd_m : float
        Standard deviation per axis of each position.

    Returns
    -------
    DataFrame
        `premises_id, other_id, rule_id, verdict, distance_m, p_inside`, each pair once.

    Examples
    --------
    >>> import shapely
    >>> from geo.clearance.rules import read_rules
    >>> rule = read_rules([{"id": "x", "activity": ["tobacco"], "protected_kinds": ["school"], "measure":
    ...     "euclidean", "distance_m": 9, "measured_from": "gate", "measured_to": "parcel",
    ...     "spacing_between_retailers_m": 150}])
    >>> shops = gpd.GeoDataFrame({"premises_id": [1, 2], "activity": "tobacco"},
    ...     geometry=shapely.points([[117.0, 39.0], [117.001, 39.0]]), crs=4326)
    >>> spacing(shops, rule, pd.Timestamp("2024-05-01"))[["verdict"]].to_numpy().tolist()
    [['breach']]
    """
    there = in_degrees(premises, ("premises_id", "activity"))
    columns = ["premises_id", "other_id", "rule_id", "verdict", "distance_m", "p_inside"]
    parts = [pd.DataFrame(columns=columns)]
    for rule in rules:
        if rule.spacing_between_retailers_m and in_force(rule, on):
            fits = [concerns(rule, what) for what in there["activity"]]
            parts.append(_spaced(rule, there[fits].reset_index(drop=True), sd_m)[columns])
    filled = [part for part in parts if len(part)]
    return pd.concat(filled, ignore_index=True) if filled else parts[0]


def _spaced(rule: Rule, premises: gpd.GeoDataFrame, sd_m: float) -> pd.DataFrame:
    """Judge the distances among the premises of one rule."""
    shape, _ = targets(rule, premises)
    middle, size = middles(shape)
    limit = float(rule.spacing_between_retailers_m or 0.0)
    i, j, _ = pairs_within(middle, middle, size + size.max(initial=0.0) + limit + 8 * sd_m)
    i, j = i[i < j], j[i < j]
    distance = straight_m(shape, shape, middle, i, j)
    p = p_inside(distance, limit, sd_m * np.sqrt(2.0), inclusive=rule.inclusive)
    verdict = np.where(p >= SURE, "breach", np.where(p <= 1 - SURE, "clear", "measure_on_site"))
    names = premises["premises_id"].to_numpy()
    return pd.DataFrame(
        {
            "premises_id": names[i],
            "other_id": names[j],
            "rule_id": rule.id,
            "verdict": verdict,
            "distance_m": np.maximum(distance, 0.0),
            "p_inside": p,
        }
    )
