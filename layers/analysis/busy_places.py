"""Places of one kind with what was found around each in the last days, and in as many days before."""

from datetime import datetime

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from geo import clearance
from layers.analysis import around
from layers.analysis.questions import Analyst
from layers.city import key_points
from layers.field.asking import FindingFilter


def look(analyst: Analyst, kind: str, within_m: float, days: int, now: datetime) -> gpd.GeoDataFrame:
    """Return the places of a kind, those with most findings first.

    Returns
    -------
    GeoDataFrame, EPSG:4326
        `fid`, `name`, `n` (findings within the distance in the last days), `n_before` (in as many days
        before), `scheme` and `code` of the commonest kind of finding and `n_commonest`.
    """
    cut, begin = around.window(now, analyst.site.settings.zone, days)

    def make() -> gpd.GeoDataFrame:
        return _counted(analyst, kind, within_m, begin, cut)

    return analyst.kept("busy places", {"kind": kind, "within_m": within_m, "cut": cut, "days": days}, make)


def _counted(
    analyst: Analyst, kind: str, within_m: float, begin: datetime, cut: datetime
) -> gpd.GeoDataFrame:
    with analyst.site.store.read() as conn:
        places = key_points.read(conn, (kind,))
    found = analyst.findings(FindingFilter(observed_from=begin))
    xy = found[["lon", "lat"]].to_numpy(dtype=float)
    recent = (found["observed_at"] >= pd.Timestamp(cut)).to_numpy(dtype=bool)
    category = pd.MultiIndex.from_frame(found[["scheme", "code"]]).to_flat_index().to_numpy()
    tree = shapely.STRtree(np.asarray(shapely.points(xy), dtype=object))
    rows = []
    for geometry in places.geometry:
        # the drawing falls short of the circle by millimetres: a little more is looked at, then measured
        about = np.sort(tree.query(clearance.zone(geometry, 1.01 * within_m)))
        near = about[clearance.distances_m(geometry, xy[about]) <= within_m]
        commonest = pd.Series(category[near[recent[near]]]).value_counts()
        top = commonest.index[0] if len(commonest) else (None, None)
        n = int(recent[near].sum())
        rows.append((n, len(near) - n, *top, int(commonest.iloc[0]) if len(commonest) else 0))
    columns = ["n", "n_before", "scheme", "code", "n_commonest"]
    table = pd.DataFrame(rows, columns=columns).astype({"n": int, "n_before": int, "n_commonest": int})
    counted = places[["fid", "name", "geom"]].reset_index(drop=True).join(table)
    ordered: gpd.GeoDataFrame = counted.sort_values(
        ["n", "n_before", "fid"], ascending=[False, False, True], ignore_index=True
    )
    return ordered
