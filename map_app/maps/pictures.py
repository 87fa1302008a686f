"""Pictures of a heat surface: tiles of a web map, or the whole, in Web Mercator."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rio_tiler.errors import TileOutsideBounds
from rio_tiler.io import Reader

from map_app.maps import heat

# As many pixels as an exported page carries at most, along the longer side
_LONGEST_PX = 1800
WEB_MERCATOR = "EPSG:3857"


def tile(path: Path, top: float, z: int, x: int, y: int) -> bytes | None:
    """Return a tile of 256 pixels as a PNG; None where the surface has nothing."""
    with Reader(str(path)) as reader:
        try:
            image = reader.tile(
                x, y, z, tilesize=256, resampling_method="bilinear", reproject_method="bilinear"
            )
        except TileOutsideBounds:
            return None
    valid = _valid(image)
    return heat.png(heat.colour(_values(image), valid, top)) if valid.any() else None


def whole(path: Path, top: float) -> tuple[bytes, list[list[float]]]:
    """Return the whole surface as a PNG in Web Mercator, with its corners (latitude, longitude)."""
    with Reader(str(path)) as reader:
        west, south, east, north = reader.get_geographic_bounds("EPSG:4326")
        image = reader.part(
            (west, south, east, north),
            bounds_crs="EPSG:4326",
            dst_crs=WEB_MERCATOR,
            max_size=_LONGEST_PX,
            resampling_method="bilinear",
            reproject_method="bilinear",
        )
    picture = heat.png(heat.colour(_values(image), _valid(image), top))
    return picture, [[south, west], [north, east]]


def _values(image: Any) -> NDArray[np.float64]:
    """Return what is coloured: the one band, or found per inspected kilometre of a surface with effort.

    From afar pixels are averages: the rate is that of the sums, not the mean of rates.
    """
    bands = np.asarray(image.data, dtype=np.float64)
    if len(bands) == 1:
        return np.asarray(bands[0])
    _, effort, count = bands
    looked = effort > 0
    return np.where(looked, 1000.0 * count / np.where(looked, effort, 1.0), 0.0)


def _valid(image: Any) -> NDArray[np.bool_]:
    masked: NDArray[np.bool_] = ~np.ma.getmaskarray(image.array)[0]
    return masked
