"""A raster of people, such as WorldPop's, read for the surroundings of a site's streets."""

from datetime import datetime
from pathlib import Path

import numpy as np
import pyproj
import rasterio
from rasterio.warp import transform_bounds
from rasterio.windows import Window, from_bounds

from geo.people import Cells
from layers.city import population
from layers.errors import InvalidError, NotFoundError, TooLargeError, UnreadableFileError
from layers.importing import runs
from layers.importing.options import ImportOptions
from layers.importing.progress import Progress, silent
from layers.importing.runs import Done
from layers.site import Site

KIND = "population"
# A city in cells of 100 m has some hundred thousand
MOST_CELLS = 20_000_000


def import_population(
    site: Site,
    path: Path,
    *,
    now: datetime,
    source: str | None = None,
    attribution: str | None = None,
    account_id: int | None = None,
    dry_run: bool = False,
    progress: Progress = silent,
) -> Done:
    """Keep the part of a raster of counts that lies around the streets; the newest is in force.

    Raises
    ------
    NotFoundError
        There are no streets yet, so nobody knows which part is wanted.
    InvalidError, TooLargeError, UnreadableFileError
        See `read`.
    """
    bounds = site.bounds()
    if bounds is None:
        raise NotFoundError("There are no streets yet: import some first")
    progress("reading people", 0, None)
    cells = read(path, bounds)
    done = Done(KIND, n_read=int((cells.values > 0).sum()))
    done.facts["people"] = round(cells.total)
    if dry_run:
        return done
    run = runs.begin(site, KIND, path, ImportOptions(), account_id=account_id, now=now)
    is_new = population.add(
        site,
        cells,
        source or path.name.split(".")[0],
        attribution,
        content_hash=runs.digest_of(path),
        now=now,
        account_id=account_id,
    )
    done.n_added, done.n_same = (done.n_read, 0) if is_new else (0, done.n_read)
    runs.end(site, run, done, now=now)
    return done


def read(path: Path, bounds: tuple[float, float, float, float]) -> Cells:
    """Read people per cell of the first band within `bounds` (degrees).

    Raises
    ------
    UnreadableFileError
        No raster.
    InvalidError
        No reference system, not laid out north up, or nobody within the bounds.
    TooLargeError
        More than `MOST_CELLS` there.
    """
    try:
        with rasterio.open(path) as file:
            return _read(file, path.name, bounds)
    except rasterio.errors.RasterioIOError as error:
        raise UnreadableFileError("%(file)s cannot be read as a raster", file=path.name) from error


def _read(file: rasterio.DatasetReader, name: str, bounds: tuple[float, float, float, float]) -> Cells:
    if file.crs is None:
        raise InvalidError("%(file)s has no reference system", file=name)
    grid = file.transform
    if grid.b or grid.d or grid.a <= 0 or grid.e >= 0:
        raise InvalidError("%(file)s is not laid out with north up", file=name)
    window = _window(file, bounds)
    if window.width <= 0 or window.height <= 0:
        raise InvalidError("%(file)s does not reach the site's streets", file=name)
    if window.width * window.height > MOST_CELLS:
        raise TooLargeError("%(file)s has more than %(most)s cells there", file=name, most=MOST_CELLS)
    values = file.read(1, window=window, masked=True).astype(np.float64).filled(np.nan)
    # counts below 0 are another way to say that there is none
    values[~(values >= 0)] = np.nan
    if not np.nansum(values):
        raise InvalidError("%(file)s holds nobody near the site's streets", file=name)
    corner = file.window_transform(window)
    crs = pyproj.CRS.from_wkt(file.crs.to_wkt())
    return Cells(values, corner.c, corner.f, grid.a, -grid.e, crs)


def _window(file: rasterio.DatasetReader, bounds: tuple[float, float, float, float]) -> Window:
    """Return the whole cells that touch the bounds, as far as there are any."""
    wanted = from_bounds(*transform_bounds("EPSG:4326", file.crs, *bounds), transform=file.transform)
    top, left = max(0, int(np.floor(wanted.row_off))), max(0, int(np.floor(wanted.col_off)))
    bottom = min(file.height, int(np.ceil(wanted.row_off + wanted.height)))
    right = min(file.width, int(np.ceil(wanted.col_off + wanted.width)))
    return Window(left, top, max(0, right - left), max(0, bottom - top))
