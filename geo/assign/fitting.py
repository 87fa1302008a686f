"""What a source of positions is like, read from the positions themselves: set-back and spread."""

import numpy as np
import shapely
from numpy.typing import ArrayLike

from geo.assign.accuracy import SourceError
from geo.assign.index import BlockIndex
from geo.assign.network import Floats
from geo.crs import as_pairs

# A position counts if its block is the only one within this distance more than the nearest
_CLEAR_M = 25.0
# Farther than any set-back from the street that an address belongs to
_FAR_M = 60.0
_ENOUGH = 100
_MAX_SAMPLE = 20_000
# Normal sd of a median absolute deviation
_MAD_TO_SD = 1.4826
# Errors along the street leave no trace in distances from it; geocoders interpolate house numbers there
_ALONG_M = 3.0


def fit_source(index: BlockIndex, lonlat: ArrayLike) -> SourceError | None:
    """Return how positions of one source lie about the streets, without knowing any right answer.

    Geocoders put points on the centre line, or set back from it by a fixed distance; parcel points lie
    far back.  Taken are the positions away from corners, those whose nearest block is nearer than every
    other by 25 m; the offset is the median of their distances, its spread 1.4826 times the median absolute
    deviation.  If the offset is not more than two spreads, the source means the line itself.  Half of the
    clear positions may be wrong.

    Parameters
    ----------
    index : BlockIndex
    lonlat : array, shape (n, 2)
        Positions of one source, degrees; of more than 20,000 an evenly spaced sample is read.

    Returns
    -------
    SourceError or None
        None if fewer than a hundred positions are clear.

    References
    ----------
    Zandbergen, P. A. (2008), "A comparison of address point, parcel and street geocoding techniques",
    Computers, Environment and Urban Systems 32, doi 10.1016/j.compenvurbsys.2007.11.006 (set-backs and
    errors of geocoders).

    Examples
    --------
    >>> import geopandas as gpd
    >>> line = shapely.LineString([(500_000, 4_000_000), (501_000, 4_000_000)])
    >>> index = BlockIndex.of(gpd.GeoDataFrame({"block_id": ["a"]}, geometry=[line], crs="EPSG:32650"))
    >>> x = np.linspace(500_100, 500_900, 200)
    >>> behind = np.column_stack([x, 4_000_012 + np.tile([-0.5, 0.5], 100)])
    >>> fitted = fit_source(index, index.projection.to_lonlat(behind))
    >>> round(fitted.offset_m, 3), round(fitted.offset_sd_m, 3)
    (12.0, 0.741)
    """
    projected = index.projection.to_metres(as_pairs(lonlat))
    xy = projected[np.isfinite(projected).all(axis=1)]
    distance = _clear_distances(index, xy[:: max(1, len(xy) // _MAX_SAMPLE)])
    if len(distance) < _ENOUGH:
        return None
    offset = float(np.median(distance))
    spread = _MAD_TO_SD * float(np.median(np.abs(distance - offset)))
    if offset <= 2 * spread:
        return SourceError(max(_MAD_TO_SD * offset, _ALONG_M), offset_m=0.0, offset_sd_m=0.0)
    return SourceError(_ALONG_M, offset_m=offset, offset_sd_m=spread)


def _clear_distances(index: BlockIndex, xy: Floats) -> Floats:
    """Return the distances to their nearest block of the positions where no other block competes."""
    block, distance = index.nearest(xy, within_m=_FAR_M)
    near = block >= 0
    xy, block, distance = xy[near], block[near], distance[near]
    tree, points = index.tree, shapely.points(xy)
    at, other = tree.query(points, predicate="dwithin", distance=distance + _CLEAR_M)
    competing = other != block[at]
    clear = np.ones(len(xy), dtype=bool)
    clear[at[competing]] = False
    return distance[clear]
