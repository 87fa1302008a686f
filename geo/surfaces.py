"""Rasters of findings and effort on one grid for all dates, and sums of rasters over areas."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import exactextract
import geopandas as gpd
import numpy as np
import pandas as pd
import rasterio
import shapely
from exactextract.raster import NumPyRasterSource
from numpy.typing import NDArray
from rasterio.enums import Resampling
from rasterio.features import geometry_mask
from rasterio.io import MemoryFile
from rasterio.transform import Affine
from rasterio.warp import reproject, transform_bounds

from geo.crs import Metres
from geo.errors import GeoError, MissingColumnError, NoCRSError
from geo.heat import Grid, pixel_counts

Floats = NDArray[np.float64]

NODATA = -9999.0
BANDS = ("rate", "effort", "count")
_UNITS = ("findings per inspected metre", "inspected metres", "findings")
# Streets are laid on pixels in pieces of this share of a pixel; a piece lies wholly in its middle's pixel
_PIECE = 0.1


@dataclass(frozen=True, slots=True)
class Surface:
    """Findings and effort per pixel, and their ratio; NaN in all three where nobody looked."""

    over: Grid
    count: Floats
    effort: Floats

    @property
    def rate(self) -> Floats:
        """Findings per inspected metre."""
        return np.asarray(self.count / self.effort)

    def coarser(self, times: int) -> "Surface":
        """Add up ``times x times`` pixels to one and take the rate of the sums, not the mean of rates.

        Rows and columns are padded at the south and east with pixels where nobody looked.

        Examples
        --------
        >>> count, effort = np.array([[1, 0], [3, np.nan]]), np.array([[1, 1], [6, np.nan]])
        >>> one = Surface(Grid(0, 20, 10, 2, 2), count, effort)
        >>> one.coarser(2).rate.tolist()
        [[0.5]]
        """
        rows, columns = -(-self.over.n_rows // times), -(-self.over.n_columns // times)
        over = Grid(self.over.west, self.over.north, self.over.pixel_m * times, rows, columns)
        effort = _pooled(self.effort, times, rows, columns)
        count = _pooled(self.count, times, rows, columns)
        looked = effort > 0
        return Surface(over, np.where(looked, count, np.nan), np.where(looked, effort, np.nan))


def surface(count: Floats, effort: Floats, over: Grid) -> Surface:
    """Return a surface of findings and inspected metres per pixel; no effort means not observed.

    Findings on pixels without effort (complaints, or a track that stopped short) are not shown: they
    would be infinite rates.

    Raises
    ------
    GeoError
        Arrays of another shape than the grid, or negative ones.

    Examples
    --------
    >>> surface(np.array([[2.0, 1.0]]), np.array([[50.0, 0.0]]), Grid(0, 10, 10, 1, 2)).rate.tolist()
    [[0.04, nan]]
    """
    if count.shape != (over.n_rows, over.n_columns) or effort.shape != count.shape:
        raise GeoError("%(given)s is not the shape of the grid", given=(count.shape, effort.shape))
    if not (np.all(count >= 0) and np.all(effort >= 0)):
        raise GeoError("counts and effort are at least 0")
    looked = effort > 0
    return Surface(over, np.where(looked, count, np.nan), np.where(looked, effort, np.nan))


def within(shown: Surface, areas: gpd.GeoDataFrame) -> Surface:
    """Return a surface as not observed but on pixels whose middle lies in one of the areas, in its metres.

    Examples
    --------
    >>> two = surface(np.array([[2.0, 1.0]]), np.array([[50.0, 50.0]]), Grid(0, 10, 10, 1, 2))
    >>> within(two, gpd.GeoDataFrame(geometry=[shapely.box(0, 0, 8, 8)], crs=32650)).count.tolist()
    [[2.0, nan]]
    """
    shape = (shown.over.n_rows, shown.over.n_columns)
    outside = geometry_mask(areas.geometry, shape, _affine(shown.over))
    return Surface(shown.over, *(np.where(outside, np.nan, band) for band in (shown.count, shown.effort)))


def along_blocks(blocks: gpd.GeoDataFrame, amount: Floats, over: Grid) -> Floats:
    """Return an amount per block (inspected metres) laid evenly along it, as a total per pixel.

    What lies outside the grid is left out; a piece of a tenth of a pixel lies in the pixel of its middle.

    Parameters
    ----------
    blocks : GeoDataFrame of lines, in the metres of the grid
    amount : float array, shape (n,)

    Examples
    --------
    >>> street = gpd.GeoDataFrame(geometry=[shapely.LineString([(5, 5), (25, 5)])], crs=32650)
    >>> along_blocks(street, np.array([40.0]), Grid(0, 10, 10, 1, 3)).round(6).tolist()
    [[10.0, 20.0, 10.0]]
    """
    lines = blocks.geometry.to_numpy()
    length_m = shapely.length(lines)
    n_pieces = np.maximum(1, np.ceil(length_m / (over.pixel_m * _PIECE))).astype(np.int64)
    block = np.repeat(np.arange(len(lines)), n_pieces)
    number = np.arange(len(block)) - np.repeat(np.cumsum(n_pieces) - n_pieces, n_pieces)
    middle = (number + 0.5) * (length_m / n_pieces)[block]
    points = shapely.get_coordinates(shapely.line_interpolate_point(lines[block], middle))
    return pixel_counts(Metres(points), over, (amount / n_pieces)[block])


def cog(shown: Surface, crs: Any, tags: Mapping[str, str] | None = None) -> bytes:
    """Return a Cloud Optimized GeoTIFF with the bands rate, effort and count.

    Float32, nodata -9999 in all bands where nobody looked, units and descriptions per band, averaged
    overviews.  Averages keep count and effort in proportion to their sums, an averaged rate is not the
    rate: at a coarse zoom divide band 3 by band 2.

    Parameters
    ----------
    shown : Surface
    crs : anything that rasterio takes
        Metric, of the grid.
    tags : mapping of str to str, optional
        What made it: bandwidth, network version, parameters, as-of.

    Raises
    ------
    NoCRSError
        A CRS whose unit is not the metre.

    Examples
    --------
    >>> shown = surface(np.array([[2.0, 1.0]]), np.array([[50.0, 0.0]]), Grid(0, 10, 10, 1, 2))
    >>> with MemoryFile(cog(shown, 32650, {"as_of": "2026-03-02"})) as file, file.open() as raster:
    ...     raster.descriptions, raster.nodata, raster.read(1).round(2).tolist()
    (('rate', 'effort', 'count'), -9999.0, [[0.03999999910593033, -9999.0]])
    """
    known = rasterio.CRS.from_user_input(crs)
    if not known.is_projected or known.linear_units_factor[1] != 1.0:
        raise NoCRSError("a surface needs a CRS in metres, not %(given)s", given=known.to_string())
    bands = np.stack([shown.rate, shown.effort, shown.count])
    over = shown.over
    profile: dict[str, Any] = {
        "driver": "COG",
        "width": over.n_columns,
        "height": over.n_rows,
        "count": len(BANDS),
        "dtype": "float32",
        "crs": known,
        "transform": _affine(over),
        "nodata": NODATA,
        "compress": "DEFLATE",
        "predictor": 3,
        "blocksize": 256,
        "overview_resampling": "AVERAGE",
    }
    with MemoryFile() as file:
        with file.open(**profile) as raster:
            raster.write(np.where(np.isnan(bands), NODATA, bands).astype(np.float32))
            raster.descriptions = BANDS
            raster.units = _UNITS
            raster.update_tags(**(dict(tags) if tags else {}))
        return bytes(file.read())


def read(content: bytes) -> tuple[Surface, dict[str, str]]:
    """Return the surface and the tags of a GeoTIFF that `cog` wrote.

    Raises
    ------
    GeoError
        A raster without the three bands, or with pixels that are not square.

    Examples
    --------
    >>> shown = surface(np.array([[2.0, 1.0]]), np.array([[50.0, 0.0]]), Grid(0, 10, 10, 1, 2))
    >>> again, tags = read(cog(shown, 32650, {"as_of": "2026-03-02"}))
    >>> again.over == shown.over, again.count.tolist(), tags["as_of"]
    (True, [[2.0, nan]], '2026-03-02')
    """
    with MemoryFile(content) as file, file.open() as raster:
        step = raster.transform
        if raster.descriptions != BANDS or step.a != -step.e or step.b or step.d:
            raise GeoError("this raster is not one of ours: bands %(bands)s", bands=raster.descriptions)
        over = Grid(step.c, step.f, step.a, raster.height, raster.width)
        values = np.where(raster.read_masks() > 0, raster.read().astype(np.float64), np.nan)
        return Surface(over, values[2], values[1]), dict(raster.tags())


def warped(
    values: Floats, over: Grid, crs: Any
) -> tuple[NDArray[np.float32], tuple[float, float, float, float]]:
    """Return one band in Web Mercator, as web maps draw it, and its bounds (W, S, E, N in degrees).

    An image that is not warped lies wrong north to south.  Nearest pixel, so that no value is invented;
    NaN where there is none.

    Examples
    --------
    >>> image, bounds = warped(np.ones((4, 4)), Grid(500000.0, 4340000.0, 100.0, 4, 4), 32650)
    >>> float(np.nanmax(image)), [round(side, 3) for side in bounds]
    (1.0, [117.0, 39.206, 117.005, 39.209])
    """
    west, south, east, north = transform_bounds(crs, 3857, *over.bounds)
    # a Mercator pixel is drawn 1/cos(latitude) too large, so as many pixels as before keep the detail
    height, width = over.n_rows, over.n_columns
    target = Affine((east - west) / width, 0.0, west, 0.0, (south - north) / height, north)
    image = np.full((height, width), np.nan, np.float32)
    reproject(
        values.astype(np.float32),
        image,
        src_transform=_affine(over),
        src_crs=rasterio.CRS.from_user_input(crs),
        dst_transform=target,
        dst_crs=rasterio.CRS.from_epsg(3857),
        src_nodata=np.nan,
        dst_nodata=np.nan,
        resampling=Resampling.nearest,
    )
    return image, transform_bounds(3857, 4326, west, south, east, north)


def zonal(values: Floats, over: Grid, zones: gpd.GeoDataFrame) -> pd.DataFrame:
    """Return the sum of a raster over each zone, a pixel on the border in proportion to its area inside.

    Exact areas [1]_, as a sum of counts (people, findings) needs.  NaN pixels count nothing.

    Parameters
    ----------
    values : float array, shape (n_rows, n_columns)
        Amounts per pixel.
    over : Grid
    zones : GeoDataFrame of areas, in the metres of the grid
        Empty and None count nothing.

    Returns
    -------
    DataFrame with the index of `zones`
        `total`, and `area_m2` of the zone that has a value.

    References
    ----------
    .. [1] Baston, D. (2022), exactextract: fast and accurate raster zonal statistics.

    Examples
    --------
    A square that covers a quarter of a pixel of eight people.

    >>> quarter = gpd.GeoDataFrame(geometry=[shapely.box(0, 0, 5, 5)], crs=32650)
    >>> zonal(np.array([[8.0]]), Grid(0, 10, 10, 1, 1), quarter).values.tolist()
    [[2.0, 25.0]]
    """
    shapes = zones.geometry
    if shapes.crs is None:
        raise NoCRSError("zones have no coordinate reference system")
    some = np.asarray(~(shapes.isna() | shapes.is_empty))
    answer = pd.DataFrame({"total": 0.0, "area_m2": 0.0}, index=zones.index)
    if not some.any():
        return answer
    west, south, east, north = over.bounds
    known = gpd.GeoDataFrame(geometry=shapes[some].reset_index(drop=True))
    source = NumPyRasterSource(values, west, south, east, north, nodata=np.nan, srs_wkt=shapes.crs.to_wkt())
    found = exactextract.exact_extract(source, known, ["sum", "count"], output="pandas")
    answer.loc[some, "total"] = found["sum"].fillna(0.0).to_numpy()
    answer.loc[some, "area_m2"] = found["count"].to_numpy() * over.pixel_m**2
    return answer


def share_among_blocks(
    values: Floats, over: Grid, blocks: gpd.GeoDataFrame, reach_m: float = 50.0
) -> pd.DataFrame:
    """Share a raster of people among the blocks near them, as a declared exposure.

    Each pixel's amount goes to the pieces of street within `reach_m` of its middle (or, if there are
    none, to the nearest), in proportion to their length, so that nothing is lost.

    Returns
    -------
    DataFrame with the columns `block_id`, `exposure`
        In the order of `blocks`; what `geo.hotspots.find` takes as effort.

    Raises
    ------
    MissingColumnError
        Blocks without `block_id`.

    Examples
    --------
    >>> street = gpd.GeoDataFrame(
    ...     {"block_id": ["a", "b"]},
    ...     geometry=[shapely.LineString([(0, 5), (10, 5)]), shapely.LineString([(10, 5), (30, 5)])],
    ... )
    >>> share_among_blocks(np.array([[6.0]]), Grid(0, 10, 10, 1, 1), street).exposure.round(3).tolist()
    [2.0, 4.0]
    """
    row, column = np.nonzero(np.nan_to_num(values) > 0)
    east, north = over.west + (column + 0.5) * over.pixel_m, over.north - (row + 0.5) * over.pixel_m
    places = Metres(np.column_stack([east, north]))
    return share_places_among_blocks(places, values[row, column], blocks, reach_m)


def share_places_among_blocks(
    places: Metres,
    amount: Floats,
    blocks: gpd.GeoDataFrame,
    reach_m: float = 50.0,
    far_m: float = np.inf,
) -> pd.DataFrame:
    """Share the amounts at places among the blocks near them; see `share_among_blocks`.

    A place that is farther than `far_m` metres from every block is left out.
    """
    if "block_id" not in blocks:
        raise MissingColumnError("blocks need a column %(column)s", column="block_id")
    lines, middles = blocks.geometry.to_numpy(), np.asarray(shapely.points(places))
    tree = shapely.STRtree(lines)
    place, block = tree.query(middles, predicate="dwithin", distance=reach_m)
    alone = np.setdiff1d(np.arange(len(middles)), place)
    if len(lines) and len(alone):
        # one of several equally near: the first
        at, nearest = tree.query_nearest(middles[alone], max_distance=far_m, all_matches=False)
        place, block = np.concatenate([place, alone[at]]), np.concatenate([block, nearest])
    length_m = shapely.length(lines)[block]
    share = length_m / np.bincount(place, length_m, minlength=len(middles))[place]
    exposure = np.bincount(block, amount[place] * share, minlength=len(lines))
    return pd.DataFrame({"block_id": blocks["block_id"].to_numpy(), "exposure": exposure.astype(np.float64)})


def _affine(over: Grid) -> Affine:
    """Return the step from pixel to metres."""
    return Affine(over.pixel_m, 0.0, over.west, 0.0, -over.pixel_m, over.north)


def _pooled(values: Floats, times: int, rows: int, columns: int) -> Floats:
    """Add up squares of pixels, NaN counting nothing."""
    padded = np.zeros((rows * times, columns * times))
    padded[: values.shape[0], : values.shape[1]] = np.nan_to_num(values)
    return np.asarray(padded.reshape(rows, times, columns, times).sum(axis=(1, 3)))
