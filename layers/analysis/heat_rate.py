"""Heat corrected for effort: findings per inspected metre on one grid for all dates, as a GeoTIFF.

Findings and inspected metres are smoothed alike and then divided; where nobody looked, or next to nobody,
there is no value.  Elasticity is left out: the map of hotspots is where statements are made.
"""

import os
import tempfile
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import shapely
from numpy.typing import NDArray
from scipy import ndimage

from geo import heat as smoothing
from geo import surfaces
from geo.heat import Grid
from geo.surfaces import Surface
from layers.analysis import cache, heat, hotspots
from layers.analysis.hotspots import Asked, Hotspots
from layers.analysis.questions import METHOD_VERSION
from layers.errors import NotFoundError

if TYPE_CHECKING:
    from layers.analysis.questions import Analyst

# Inspected metres within the bandwidth, weighted by nearness, below which nothing is said: the middle of a
# street that was walked once has 160, its very end half of that
LEAST_EFFORT_M = 75.0


def file(analyst: "Analyst", asked: Asked, now: datetime) -> tuple[str, Path]:
    """Return the key of the surface and its GeoTIFF in the site's cache, made if it is not there.

    Bands rate, effort, count; see `geo.surfaces.cog`.  `now` is noted in a file that is made.
    """
    at = analyst.versions()
    parameters = {**asked.parameters, "network": at.network, "data": at.data, "bandwidth_m": heat.BANDWIDTH_M}
    key = cache.key("heat", {**parameters, "kind": "rate", "method": METHOD_VERSION})
    path = analyst.heat_path(key)
    if not path.exists():
        tags = {name: str(value) for name, value in parameters.items() if value is not None}
        tags |= {"area": "whole area"}
        _write(
            surface(analyst, hotspots.find(analyst, asked)), analyst, path, {**tags, "as_of": now.isoformat()}
        )
    return key, path


def of_area(analyst: "Analyst", path: Path, district_id: int) -> bytes:
    """Return a file that `file` made with values inside one area only; its tags name the area.

    Rates are those of the whole city's file: what was found and inspected across the border counts too.

    Raises
    ------
    NotFoundError
        No such area.
    """
    areas = analyst.site.districts.frame
    mine = areas[areas["fid"] == district_id]
    if not len(mine):
        raise NotFoundError("There is no such area")
    shown, tags = surfaces.read(path.read_bytes())
    crs = analyst.site.network.blocks.crs
    inside = surfaces.within(shown, mine.to_crs(crs))
    name = mine["name"].iloc[0]
    named = {"area": name if isinstance(name, str) else "", "area_id": str(district_id)}
    return surfaces.cog(inside, crs, {**tags, **named, "top": f"{top(inside):.6g}"})


def surface(analyst: "Analyst", found: Hotspots) -> Surface:
    """Return findings and inspected metres per pixel, smoothed, where somebody looked."""
    network = analyst.site.network
    over = grid(network.blocks.geometry.to_numpy())
    seen = found.blocks["observed_at_all"].to_numpy()
    on_seen = found.findings["block_id"].isin(found.blocks.index[seen])
    places = network.projection.to_metres(found.findings.loc[on_seen, ["lon", "lat"]].to_numpy(dtype=float))
    effort = surfaces.along_blocks(network.blocks, np.nan_to_num(found.blocks["effort_m"].to_numpy()), over)
    count = smoothing.pixel_counts(places, over)
    return _looked_at(_smooth(count, over), _smooth(effort, over), effort > 0, over)


def grid(streets: NDArray[np.object_]) -> Grid:
    """Return the grid of a city: the same for all dates and categories of one network."""
    west, south, east, north = shapely.total_bounds(streets) + np.array([-1, -1, 1, 1]) * heat.BANDWIDTH_M
    cell_m = heat.CELL_M
    while (east - west) * (north - south) / cell_m**2 > heat.MOST_CELLS:
        cell_m *= 2
    return smoothing.grid((west, south, east, north), cell_m)


def _smooth(amount: NDArray[np.float64], over: Grid) -> NDArray[np.float64]:
    """Spread an amount per pixel over the bandwidth; the total stays."""
    smooth = smoothing.planar(amount, over.pixel_m, heat.BANDWIDTH_M) * over.pixel_m**2
    return np.maximum(smooth, 0.0)


def _looked_at(
    count: NDArray[np.float64], effort: NDArray[np.float64], street: NDArray[np.bool_], over: Grid
) -> Surface:
    """Keep what lies near an inspected street and has enough effort around it."""
    far = ndimage.distance_transform_edt(~street, sampling=over.pixel_m) > heat.REACH_M
    # the kernel is 3 / (pi r^2) in the middle: its weight there becomes 1
    around = effort / over.pixel_m**2 * np.pi * heat.BANDWIDTH_M**2 / 3.0
    known = ~far & (around >= LEAST_EFFORT_M)
    return surfaces.surface(np.where(known, count, 0.0), np.where(known, effort, 0.0), over)


def top(drawn: Surface) -> float:
    """Return the findings per inspected kilometre that one pixel in two hundred of those with any passes."""
    rate = drawn.rate[np.nan_to_num(drawn.rate) > 0] * 1000
    return float(np.quantile(rate, 0.995)) if len(rate) else 0.0


def _write(drawn: Surface, analyst: "Analyst", path: Path, tags: dict[str, str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    content = surfaces.cog(drawn, analyst.site.network.blocks.crs, {**tags, "top": f"{top(drawn):.6g}"})
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        part = Path(folder) / path.name
        part.write_bytes(content)
        os.replace(part, path)
    heat.forget_old(path.parent)
