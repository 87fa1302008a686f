"""People counted on a grid of cells in any reference system: shared among streets, added up over areas."""

from dataclasses import dataclass

import exactextract
import geopandas as gpd
import numpy as np
import pandas as pd
import pyproj
from exactextract.raster import NumPyRasterSource
from numpy.typing import NDArray

from geo import surfaces
from geo.crs import Metres
from geo.errors import NoCRSError

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Cells:
    """People per cell, NaN where nobody counted; rows run south, columns east.

    `west` and `north` are the outer corner of the first cell, `width` and `height` the sides of a cell, in
    the units of `crs`, which may be degrees.
    """

    values: Floats
    west: float
    north: float
    width: float
    height: float
    crs: pyproj.CRS

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """West, south, east, north, in the units of the reference system."""
        rows, columns = self.values.shape
        return self.west, self.north - rows * self.height, self.west + columns * self.width, self.north

    @property
    def total(self) -> float:
        """How many people there are."""
        return float(np.nansum(self.values))

    def inhabited(self) -> tuple[Floats, Floats]:
        """Return the middles of the cells with anybody, shape (n, 2), and how many live in each."""
        row, column = np.nonzero(np.nan_to_num(self.values) > 0)
        east = self.west + (column + 0.5) * self.width
        return np.column_stack([east, self.north - (row + 0.5) * self.height]), self.values[row, column]


def among_blocks(cells: Cells, blocks: gpd.GeoDataFrame, far_m: float = 500.0) -> pd.DataFrame:
    """Share people among the blocks near them, as a declared exposure.

    As `geo.surfaces.share_among_blocks` does; cells whose middle lies farther than `far_m` from every block
    belong to another town and are left out.  Cells are never resampled, which would make or lose people.

    Parameters
    ----------
    cells : Cells
    blocks : GeoDataFrame
        `block_id`, lines in a metric CRS.
    far_m : float
        Metres.

    Returns
    -------
    DataFrame with the columns `block_id`, `exposure`
        In the order of `blocks`; what `geo.hotspots.find` takes as effort.

    Raises
    ------
    NoCRSError
        Blocks without a reference system.

    Examples
    --------
    Six people beside a street of two blocks, and a hundred ten kilometres away.

    >>> import shapely
    >>> lines = [shapely.LineString([(0, 5), (10, 5)]), shapely.LineString([(10, 5), (30, 5)])]
    >>> street = gpd.GeoDataFrame({"block_id": ["a", "b"]}, geometry=lines, crs=32650)
    >>> values = np.zeros((1, 1001))
    >>> values[0, [0, 1000]] = 6.0, 100.0
    >>> cells = Cells(values, 0.0, 10.0, 10.0, 10.0, pyproj.CRS(32650))
    >>> among_blocks(cells, street).exposure.round(3).tolist()
    [2.0, 4.0]
    """
    if blocks.crs is None:
        raise NoCRSError("blocks have no coordinate reference system")
    middles, people = cells.inhabited()
    to_metres = pyproj.Transformer.from_crs(cells.crs, blocks.crs, always_xy=True)
    places = np.column_stack(to_metres.transform(middles[:, 0], middles[:, 1])) if len(middles) else middles
    return surfaces.share_places_among_blocks(Metres(places), people, blocks, far_m=far_m)


def within(cells: Cells, zones: gpd.GeoDataFrame) -> Floats:
    """Return how many people live in each zone, a cell on the border in proportion to its area inside.

    Exact areas, as in `geo.surfaces.zonal`, in the reference system of the cells.

    Parameters
    ----------
    cells : Cells
    zones : GeoDataFrame of areas in any CRS
        Empty and None hold nobody.

    Raises
    ------
    NoCRSError
        Zones without a reference system.

    Examples
    --------
    A square that covers a quarter of a cell of eight people.

    >>> import shapely
    >>> quarter = gpd.GeoDataFrame(geometry=[shapely.box(0, 0, 5, 5)], crs=32650)
    >>> within(Cells(np.array([[8.0]]), 0.0, 10.0, 10.0, 10.0, pyproj.CRS(32650)), quarter).tolist()
    [2.0]
    """
    if zones.crs is None:
        raise NoCRSError("zones have no coordinate reference system")
    shapes = zones.geometry.to_crs(cells.crs)
    some = np.asarray(~(shapes.isna() | shapes.is_empty))
    answer = np.zeros(len(zones))
    if some.any():
        known = gpd.GeoDataFrame(geometry=shapes[some].reset_index(drop=True))
        source = NumPyRasterSource(cells.values, *cells.bounds, nodata=np.nan, srs_wkt=cells.crs.to_wkt())
        found = exactextract.exact_extract(source, known, ["sum"], output="pandas")
        answer[some] = found["sum"].fillna(0.0).to_numpy()
    return answer
