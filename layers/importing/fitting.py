"""How the positions of a file err, read from its first rows before any of them is placed."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from geo.assign import BlockIndex, SourceError, fit_source
from layers.field import placements
from layers.field.reports import Report
from layers.importing import positions
from layers.settings import SOURCE_ERRORS
from layers.site import Site

# Phones, photos and taps on a map have no set-back in common
SOURCES = ("geocoded", "parcel")


def may_fit(source: str, known: Mapping[str, SourceError]) -> bool:
    """Tell whether a source is to be fitted: not where the site's settings say how it errs."""
    return source in SOURCES and known[source] == SOURCE_ERRORS[source]


def fit(index: BlockIndex, lonlat: NDArray[np.float64]) -> SourceError | None:
    """Return how positions of one source err, in whole centimetres, as it is told.

    None if too few of them are clear.  Positions that are no place on Earth are left out.
    """
    found = fit_source(index, _possible(lonlat))
    if found is None or found.offset_m is None:
        return None
    return SourceError(round(found.sd_m, 2), round(found.offset_m, 2), round(found.offset_sd_m, 2))


def fit_reports(site: Site, reports: Sequence[Report]) -> dict[str, SourceError]:
    """Return the errors of sources that these reports teach; none while there are no streets.

    Rows with an accuracy of their own are no part of it: somebody has said how far they may be wrong.
    """
    network = site.network_or_none()
    found: dict[str, SourceError] = {}
    for source in SOURCES if network is not None else ():
        where = [one.position for one in reports if one.position.source == source]
        own = [one for one in where if one.accuracy_m is None]
        if not own or network is None or not may_fit(source, site.settings.source_errors):
            continue
        raw = np.array([(one.x, one.y) for one in own], dtype=np.float64)
        good = np.isfinite(_possible(raw)).all(axis=1)
        frame = np.array([one.frame for one in own], dtype=object)[good].tolist()
        lonlat = placements.lonlat_of(raw[good, 0].tolist(), raw[good, 1].tolist(), frame)
        error = fit(network.index, lonlat)
        found |= {} if error is None else {source: error}
    return found


def _possible(lonlat: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the positions, NaN where they are no place."""
    good = lonlat.copy()
    for _, bad in positions.faults(lonlat):
        good[bad] = np.nan
    return good
