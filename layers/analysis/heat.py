"""A surface of counts around the streets, as a GeoTIFF: counts, not corrected for patrol effort."""

import math
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
import rasterio.features
import shapely
from affine import Affine
from numpy.typing import NDArray
from rasterio.crs import CRS
from scipy import ndimage, signal

from geo.crs import Metres

NODATA = -9999.0
BANDWIDTH_M = 150.0
CELL_M = 10.0
# Farther from any street nothing was looked at, so nothing is said
REACH_M = 80.0
# A larger grid than this is no better to look at
MOST_CELLS = 6_000_000


@dataclass(frozen=True, slots=True)
class Surface:
    """Findings per hectare on a grid in metres; `NODATA` where there is no street."""

    values: NDArray[np.float32]
    transform: Affine
    crs: Any
    n: int

    @property
    def top(self) -> float:
        """Return the density that only one cell in two hundred of those with any passes; 0 without any."""
        some = self.values[self.values > 0]
        return float(np.quantile(some, 0.995)) if len(some) else 0.0


def surface(
    places: Metres,
    streets: NDArray[np.object_],
    crs: Any,
    *,
    bandwidth_m: float = BANDWIDTH_M,
    cell_m: float = CELL_M,
) -> Surface:
    """Return the quartic kernel density of `places`, in findings per hectare, near `streets`.

    Parameters
    ----------
    places : Metres, shape (n, 2)
        Where findings are; those beyond the streets' box and the bandwidth are left out.
    streets : array of lines, metres, at least one
        Cells farther than `REACH_M` from all of them are `NODATA`.
    crs : metric CRS of both
    bandwidth_m : float
        Radius of the kernel ``3 / (pi h²) (1 - d²/h²)²`` (Silverman 1986, section 4.2.1).
    cell_m : float
        Side of a cell; doubled until the grid has at most `MOST_CELLS`.  The grid's corner lies on
        multiples of it, so that surfaces of different days lie cell on cell.
    """
    box = shapely.total_bounds(streets) + np.array([-1, -1, 1, 1]) * bandwidth_m
    while (box[2] - box[0]) * (box[3] - box[1]) / cell_m**2 > MOST_CELLS:
        cell_m *= 2
    west, south = (math.floor(value / cell_m) * cell_m for value in box[:2])
    n_columns, n_rows = math.ceil((box[2] - west) / cell_m), math.ceil((box[3] - south) / cell_m)
    transform = Affine(cell_m, 0, west, 0, -cell_m, south + n_rows * cell_m)
    counts = _counts(places, transform, (n_rows, n_columns))
    smooth = signal.fftconvolve(counts, _kernel(bandwidth_m, cell_m), mode="same") * 1e4
    values = np.where(smooth > 1e-6, smooth, 0.0).astype(np.float32)
    values[~_near(streets, transform, (n_rows, n_columns))] = NODATA
    return Surface(values, transform, crs, int(counts.sum()))


def _counts(places: Metres, transform: Affine, shape: tuple[int, int]) -> NDArray[np.float64]:
    columns = np.floor((places[:, 0] - transform.c) / transform.a).astype(int)
    rows = np.floor((places[:, 1] - transform.f) / transform.e).astype(int)
    inside = (rows >= 0) & (rows < shape[0]) & (columns >= 0) & (columns < shape[1])
    cells = rows[inside] * shape[1] + columns[inside]
    return np.bincount(cells, minlength=shape[0] * shape[1]).reshape(shape).astype(float)


def _kernel(bandwidth_m: float, cell_m: float) -> NDArray[np.float64]:
    """Return the kernel at cell centres, per square metre, its sum made exactly one per finding."""
    reach = math.ceil(bandwidth_m / cell_m)
    steps = np.arange(-reach, reach + 1) * cell_m
    ratio = (steps[:, None] ** 2 + steps[None, :] ** 2) / bandwidth_m**2
    weights = np.where(ratio < 1, (1 - ratio) ** 2, 0.0)
    scaled: NDArray[np.float64] = weights / (weights.sum() * cell_m**2)
    return scaled


def _near(streets: NDArray[np.object_], transform: Affine, shape: tuple[int, int]) -> NDArray[np.bool_]:
    burnt = rasterio.features.rasterize(
        ((line, 1) for line in streets), out_shape=shape, transform=transform, all_touched=True, dtype="uint8"
    )
    metres = ndimage.distance_transform_edt(burnt == 0, sampling=abs(transform.a))
    near: NDArray[np.bool_] = metres <= REACH_M
    return near


def write(drawn: Surface, path: Path, tags: Mapping[str, str]) -> None:
    """Write a surface as a Cloud Optimized GeoTIFF with what it is based on as tags, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        part = Path(folder) / path.name
        with rasterio.open(
            part,
            "w",
            driver="COG",
            width=drawn.values.shape[1],
            height=drawn.values.shape[0],
            count=1,
            dtype="float32",
            crs=CRS.from_user_input(drawn.crs),
            transform=drawn.transform,
            nodata=NODATA,
            compress="DEFLATE",
            predictor=3,
            blocksize=256,
            overview_resampling="average",
        ) as file:
            file.write(drawn.values, 1)
            file.set_band_description(1, "findings per hectare, not corrected for patrol effort")
            file.set_band_unit(1, "1/ha")
            file.update_tags(**tags, n=str(drawn.n), top=f"{drawn.top:.6g}")
        os.replace(part, path)


def forget_old(folder: Path, most: int = 40) -> None:
    """Keep only the newest surfaces; any other can be made again."""
    by_age = sorted(folder.glob("*.tif"), key=lambda path: path.stat().st_mtime, reverse=True)
    for path in by_age[most:]:
        path.unlink(missing_ok=True)
