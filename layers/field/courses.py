"""The course of a stored track along the streets, by map matching."""

from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np

from geo import matching, recordings
from geo.matching import Trace
from layers.field.fixes import fixes_of

if TYPE_CHECKING:
    from layers.site import Site


def course(site: "Site", version: int, row: Any) -> Trace:
    """Return the course of a track (a row of the table) along one version of the streets.

    Where nobody said how the patrol moved it is matched as a vehicle.
    """
    mode = row["mode"] or "vehicle"
    streets = site.network_of(version)
    ready = site.matching_network(version, on_foot=not recordings.mode_named(mode).with_traffic)
    fixes = fixes_of(row, site.corrections)
    sd_m = np.where(np.isnan(fixes.sd_m), site.settings.source_errors["phone"].sd_m, fixes.sd_m)
    metres = streets.projection.to_metres(fixes.lonlat)
    given = gpd.GeoDataFrame(
        {"time": fixes.time, "accuracy_m": sd_m, "accuracy_kind": "sd", "track_id": row["uuid"]},
        geometry=gpd.points_from_xy(metres[:, 0], metres[:, 1]),
        crs=streets.blocks.crs,
    )
    return matching.trace(given, ready, mode=mode)
