"""Files whose bytes depend on their content alone: no clock, no order of chance."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio
import rasterio
from numpy.typing import NDArray
from rasterio import Affine

from data.demo.plane import PLANE, lonlat_frame

FIXED_DATE = "2025-09-01T00:00:00.000Z"


def gpkg(path: Path, layers: dict[str, gpd.GeoDataFrame]) -> None:
    """Write frames on the plane as the WGS-84 layers of one GeoPackage."""
    path.unlink(missing_ok=True)
    pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": FIXED_DATE})
    try:
        for layer, frame in layers.items():
            pyogrio.write_dataframe(
                lonlat_frame(frame), path, layer=layer, driver="GPKG", append=path.exists()
            )
    finally:
        pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": None})


def append_csv(path: Path, frame: pd.DataFrame) -> None:
    """Add rows to a CSV file, which gets its heading with the first of them."""
    if len(frame.columns):
        frame.to_csv(path, mode="a", header=not path.exists(), index=False, lineterminator="\n")


def parquet(path: Path, frame: pd.DataFrame) -> None:
    """Write a Parquet file, unless there is nothing to write."""
    if len(frame):
        path.parent.mkdir(parents=True, exist_ok=True)
        frame.to_parquet(path, index=False, compression="zstd")


def as_json(path: Path, content: Any) -> None:
    """Write readable JSON."""
    path.write_text(
        json.dumps(content, ensure_ascii=False, indent=1, sort_keys=True) + "\n", encoding="utf-8"
    )


def population(path: Path, cells: NDArray[np.float32], west: float, north: float, cell_m: float) -> None:
    """Write people per cell as a Cloud Optimized GeoTIFF in the metric CRS of the city."""
    profile = {
        "driver": "COG",
        "width": cells.shape[1],
        "height": cells.shape[0],
        "count": 1,
        "dtype": "float32",
        "crs": PLANE,
        "transform": Affine(cell_m, 0.0, west, 0.0, -cell_m, north),
        "compress": "DEFLATE",
        "predictor": 3,
        "blocksize": 256,
        "overview_resampling": "AVERAGE",
    }
    with rasterio.open(path, "w", **profile) as file:
        file.write(cells, 1)
        file.set_band_description(1, "people per cell")
        file.update_tags(1, unit="people")


def gpx(path: Path, name: str, fixes: Iterable[tuple[float, float, str]]) -> None:
    """Write one track as GPX 1.1; fixes are (longitude, latitude, instant)."""
    points = "\n".join(
        f'   <trkpt lat="{lat:.7f}" lon="{lon:.7f}"><time>{at}</time></trkpt>' for lon, lat, at in fixes
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<gpx version="1.1" creator="Xuncha demo city" xmlns="http://www.topografix.com/GPX/1/1">\n'
        f" <trk><name>{name}</name>\n  <trkseg>\n{points}\n  </trkseg>\n </trk>\n</gpx>\n",
        encoding="utf-8",
    )
