"""The arrays that a street network becomes: pieces, grids, kerb offsets, prior, density."""

from collections.abc import Mapping
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from geo.assign import kernels
from geo.crs import Projection
from geo.names import NameTable, normalise

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Codes = NDArray[np.int32]

# Where the pieces are among the arrays of an index
PIECES = 3

# A position finds everything within the first of these radii that holds its reach
RADII_M = np.array([35.0, 50.0, 70.0, 140.0, 280.0, 560.0])
_CELLS_PER_RADIUS = 1.5
_MAX_CELLS = 4_000_000
# Metres of street per square metre are averaged over three by three of these squares
_DENSITY_CELL_M = 250.0
# Away from all streets the density of the network at large would be too low to mean anything
_MIN_DENSITY = 0.001

# Half a carriageway is so many lanes of 3.25 m (CJJ 37-2012), and findings stand 1.5 m behind the kerb
_LANE_M = 3.25
_KERB_M = 1.5
_LANES: Mapping[str, float] = {
    "motorway": 4,
    "trunk": 4,
    "primary": 3,
    "secondary": 3,
    "service": 1,
    "alley": 1,
    "footway": 1,
    "path": 1,
    "living_street": 1,
}
_LANES_ONE_WAY = 2.0
# Hardly anybody inspects on a motorway; what is reported there mostly belongs to the street beside it
_PRIOR: Mapping[str, float] = {"motorway": 0.3, "motorway_link": 0.3}


def pieces(frame: gpd.GeoDataFrame, of_block: Floats) -> Floats:
    """Return the two-point pieces: start, direction, length, chainage of the start, block, and `of_block`.

    Pieces of one block follow each other, and neighbouring blocks too, along a Hilbert curve: a position
    reads pieces that lie together in memory.
    """
    along = frame.geometry.hilbert_distance() if len(frame) else np.empty(0)
    order = np.lexsort((np.arange(len(frame)), along))
    coordinates, at = shapely.get_coordinates(frame.geometry.to_numpy()[order], return_index=True)
    inside = at[1:] == at[:-1]
    a, step = coordinates[:-1][inside], np.diff(coordinates, axis=0)[inside]
    length, own = np.hypot(step[:, 0], step[:, 1]), at[:-1][inside]
    upto = np.cumsum(length) - length
    chainage = upto - upto[np.searchsorted(own, own)] if len(own) else upto
    real = length > 0
    block = np.asarray(order, dtype=np.int64)[own]
    direction = step / np.where(real, length, 1.0)[:, None]
    return np.ascontiguousarray(
        np.column_stack([a, direction, length, chainage, block, of_block[block]])[real]
    )


def grids(own: Floats) -> tuple[Codes, Ints, Floats, int]:
    """Write each piece into every cell that lies within the radius of it, one grid per radius.

    Returns references to pieces, where each cell's begin, the grids' radius, origin, cell, columns, rows
    and first cell, and the most references that a cell has.
    """
    end = own[:, :2] + own[:, 2:4] * own[:, 4:5]
    low, high = np.minimum(own[:, :2], end), np.maximum(own[:, :2], end)
    levels: list[list[float]] = []
    starts: list[Ints] = []
    references: list[Codes] = []
    for radius in RADII_M:
        boxes = np.column_stack([low - radius, high + radius])
        frame, columns, rows = _frame(low - radius, high + radius, radius / _CELLS_PER_RADIUS)
        counts = np.zeros(columns * rows + 1, dtype=np.int64)
        kernels.fill_cells(boxes, frame, columns, rows, counts, np.empty(0, dtype=np.int32), False)
        start = np.concatenate([[0], np.cumsum(counts[:-1])])
        refer = np.empty(int(start[-1]), dtype=np.int32)
        kernels.fill_cells(boxes, frame, columns, rows, start.copy(), refer, True)
        levels.append([radius, *frame, columns, rows, sum(len(one) for one in starts)])
        starts.append(start + sum(len(one) for one in references))
        references.append(refer)
    begin = np.concatenate(starts)
    return np.concatenate(references), begin, np.array(levels), int(np.diff(begin).max(initial=1))


def _frame(low: Floats, high: Floats, cell: float) -> tuple[Floats, int, int]:
    """Return origin and cell size of a grid over boxes, and its columns and rows."""
    if len(low) == 0:
        return np.array([0.0, 0.0, 1.0]), 1, 1
    origin, extent = low.min(axis=0), high.max(axis=0) - low.min(axis=0)
    while (extent // cell + 1).prod() > _MAX_CELLS:
        cell *= 1.5
    columns, rows = (extent // cell + 1).astype(int)
    return np.array([*origin, cell]), int(columns), int(rows)


def density(own: Floats) -> tuple[Floats, Floats]:
    """Return the metres of street per square metre around each square of a coarse grid."""
    middle = own[:, :2] + own[:, 2:4] * own[:, 4:5] / 2
    frame, columns, rows = _frame(middle, middle, _DENSITY_CELL_M)
    at = ((middle - frame[:2]) // frame[2]).astype(np.int64)
    length = np.zeros((rows + 2, columns + 2))
    np.add.at(length, (at[:, 1] + 1, at[:, 0] + 1), own[:, 4])
    around = sum(length[i : i + rows, j : j + columns] for i in range(3) for j in range(3))
    return np.maximum(around / (9 * frame[2] ** 2), _MIN_DENSITY), frame


def offsets(frame: gpd.GeoDataFrame) -> Floats:
    """Return how far from the centre line findings stand: half the carriageway and the kerb."""
    one_way = numbers(frame, "one_way", 0.0) != 0
    kinds = column(frame, "class", otherwise="")
    usual = np.array([_LANES.get(str(kind).removesuffix("_link"), 2.0) for kind in kinds], dtype=np.float64)
    usual = np.where(one_way, np.minimum(usual, np.maximum(usual / 2, _LANES_ONE_WAY)), usual)
    lanes = np.clip(numbers(frame, "lanes", np.nan), 1, 12)
    width = numbers(frame, "width_m", np.nan)
    width = np.where((width > 1) & (width < 80), width, np.nan)
    lanes = np.where(np.isnan(lanes), usual, lanes)
    return np.asarray(np.where(np.isnan(width), lanes * _LANE_M, width) / 2 + _KERB_M)


def prior(frame: gpd.GeoDataFrame, length: Floats) -> Floats:
    """Return the prior weight of a metre of each block, 1 on the average metre."""
    usual = np.array([_PRIOR.get(str(kind), 1.0) for kind in column(frame, "class", otherwise="")])
    prior = np.maximum(numbers(frame, "prior", np.nan), 0.0)
    prior = np.where(np.isnan(prior), usual, prior)
    return np.asarray(prior * length.sum() / max(float(prior @ length), 1e-9))


def numbers(frame: gpd.GeoDataFrame, column: str, otherwise: float) -> Floats:
    """Return a column as floats, `otherwise` where there is no column or no value."""
    if column not in frame:
        return np.full(len(frame), otherwise)
    values = pd.to_numeric(frame[column], errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
    return np.where(np.isnan(values), otherwise, values)


def column(frame: gpd.GeoDataFrame, column: str, otherwise: Any = "block_id") -> NDArray[np.object_]:
    """Return a column as objects; without it the block ids, or None."""
    if column in frame:
        values = frame[column].astype(object)
        return np.asarray(values.where(values.notna(), None), dtype=object)
    if otherwise == "block_id":
        return np.asarray(frame["block_id"], dtype=object)
    return np.full(len(frame), otherwise, dtype=object)


def coded_names(frame: gpd.GeoDataFrame, names: NameTable | None) -> tuple[tuple[str, ...], Codes]:
    """Return the distinct name keys and the number of each block's; the unnamed is -1."""
    given = pd.Series(column(frame, "name", otherwise=None))
    key = given.map({name: normalise(name, names) for name in given.unique()}).fillna("")
    distinct = sorted(set(key) - {""})
    number = {one: code for code, one in enumerate(distinct)}
    return tuple(distinct), np.array([number.get(one, -1) for one in key], dtype=np.int32)


def north(projection: Projection, own: Floats) -> float:
    """Return the angle from grid north to true north in the middle of the network."""
    if len(own) == 0:
        return 0.0
    lonlat = projection.to_lonlat(own[:, :2].mean(axis=0, keepdims=True))
    return projection.north_deg(lonlat)
