"""The street network as flat arrays: pieces in a grid to find candidates, an adjacency list to route on."""

from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from typing import Any, NamedTuple

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from geo.crs import as_metric
from geo.errors import GeometryKindError, MissingColumnError

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_CELL_M = 50.0

PATHS = ("footway", "path", "steps", "cycleway", "bridleway", "pedestrian", "corridor", "platform", "track")
"""Classes of ways on whose line people walk."""


class Streets(NamedTuple):
    """What the kernels read; block i has the vertices ``first[i]`` to ``first[i + 1] - 1``.

    `x`, `y` and `chainage` belong to vertices; `length`, `start`, `end`, `one_way`, `kerb` (from the line to
    where people walk), `only` (1 or -1 where they walk on the left or right of it alone) and `minor` (1 where
    one goes to get somewhere, seldom to get through) to blocks; `arc` delimits the neighbours `to`, `by`
    (block) and `cost` of each node; `cell` delimits the pieces in each cell of the grid (`piece_block`,
    `piece` = its first vertex).  `exits` counts the blocks at a node.
    """

    x: Floats
    y: Floats
    chainage: Floats
    first: Ints
    length: Floats
    start: Ints
    end: Ints
    one_way: Ints
    kerb: Floats
    only: Ints
    minor: Floats
    arc: Ints
    to: Ints
    by: Ints
    cost: Floats
    exits: Ints
    cell: Ints
    piece_block: Ints
    piece: Ints
    origin: Floats
    shape: Ints
    cell_m: float


@dataclass(frozen=True, eq=False)
class Network:
    """Blocks made ready for matching and routing; build once per network version, use from any thread."""

    streets: Streets
    block_ids: NDArray[Any]
    node_ids: "pd.Index"
    crs: Any

    @cached_property
    def digest(self) -> str:
        """A digest of the blocks' ids, which themselves are digests of their geometry."""
        return sha256("\n".join(sorted(str(block) for block in self.block_ids)).encode()).hexdigest()[:32]

    @property
    def metres_per_area(self) -> float:
        """Length of street per square metre within the cells that have streets, 1/m."""
        used = int((np.diff(self.streets.cell) > 0).sum())
        return float(self.streets.length.sum()) / max(used * _CELL_M**2, 1.0)


def network(blocks: gpd.GeoDataFrame, *, on_foot: bool) -> Network:
    """Return the blocks as a network.

    Parameters
    ----------
    blocks : GeoDataFrame of LineStrings in metres
        `block_id, start_node, end_node`; `one_way` (1 along the line, -1 against, 0 both) if not on foot.
    on_foot : bool
        Whoever is on foot, or on a bicycle, goes against one-way traffic.

    The order of rows does not matter; blocks without geometry, empty or of no length are left out.

    Raises
    ------
    MissingColumnError, GeometryKindError, NoCRSError

    Examples
    --------
    >>> two = gpd.GeoDataFrame({"block_id": ["a", "b"], "start_node": [1, 2], "end_node": [2, 3]},
    ...     geometry=shapely.from_wkt(["LINESTRING (0 0, 60 0)", "LINESTRING (60 0, 60 80)"]), crs=32650)
    >>> ready = network(two, on_foot=True)
    >>> ready.streets.length.tolist(), ready.streets.exits.tolist()
    ([60.0, 80.0], [1, 2, 1])
    """
    for column in ("block_id", "start_node", "end_node"):
        if column not in blocks:
            raise MissingColumnError("blocks have no column %(column)s", column=column)
    blocks = _with_length(blocks)
    # ties between blocks are broken by their number, which must not be that of the row
    blocks = blocks.sort_values("block_id", kind="stable", ignore_index=True)
    lines = blocks.geometry.to_numpy()
    x, y, chainage, first = _vertices(lines)
    nodes, node_ids = pd.factorize(pd.concat([blocks["start_node"], blocks["end_node"]]).to_numpy())
    start, end = nodes[: len(lines)].astype(np.int64), nodes[len(lines) :].astype(np.int64)
    length = chainage[first[1:] - 1] if len(lines) else np.empty(0)
    one_way = np.zeros(len(lines), dtype=np.int64)
    if not on_foot and "one_way" in blocks:
        one_way = blocks["one_way"].fillna(0).to_numpy(np.int64)
    arc, to, by, cost = _arcs(start, end, length, one_way, len(node_ids))
    exits = np.bincount(np.concatenate([start, end]), minlength=len(node_ids)).astype(np.int64)
    cell, piece_block, piece, origin, shape = _grid(x, y, first)
    streets = Streets(
        x=x,
        y=y,
        chainage=chainage,
        first=first,
        length=length,
        start=start,
        end=end,
        one_way=one_way,
        kerb=kerb_m(blocks),
        only=_only_side(blocks),
        minor=_minor(blocks, on_foot=on_foot),
        arc=arc,
        to=to,
        by=by,
        cost=cost,
        exits=exits,
        cell=cell,
        piece_block=piece_block,
        piece=piece,
        origin=origin,
        shape=shape,
        cell_m=_CELL_M,
    )
    ids = blocks["block_id"].to_numpy(dtype=object)
    return Network(streets, ids, pd.Index(node_ids), as_metric(blocks.crs))


def _with_length(blocks: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Leave out the blocks on which nobody can be; refuse what is no line."""
    shapes = blocks.geometry.to_numpy()
    drawn = ~(shapely.is_missing(shapes) | shapely.is_empty(shapes))
    if (shapely.get_type_id(shapes[drawn]) != 1).any():
        raise GeometryKindError("blocks must be single lines")
    return blocks[shapely.length(shapes) > 0]


def kerb_m(blocks: pd.DataFrame) -> Floats:
    """Return how far from the line of each block people walk: half the carriageway and 1.5 m, metres.

    By `width_m`, else `lanes` of 3.25 m, else 5 m; on the line of a path that is mapped by itself.

    Examples
    --------
    >>> kerb_m(pd.DataFrame({"class": ["primary", "footway", None], "width_m": [13.0, None, None]})).tolist()
    [8.0, 0.0, 5.0]
    """
    nothing = pd.Series(np.nan, index=blocks.index)
    width = pd.to_numeric(blocks.get("width_m", nothing))
    width = width.fillna(pd.to_numeric(blocks.get("lanes", nothing)) * 3.25).fillna(7.0)
    path = blocks.get("class", pd.Series(None, index=blocks.index, dtype=object)).isin(PATHS)
    return np.where(path, 0.0, width.to_numpy(np.float64) / 2 + 1.5)


def _only_side(blocks: pd.DataFrame) -> Ints:
    """Return the side of each block that alone has a pavement, 0 for both.

    Beside a carriageway of two that is the right of its traffic: on its left are the median and the other.
    """
    if "corridor_id" not in blocks or "one_way" not in blocks:
        return np.zeros(len(blocks), dtype=np.int64)
    corridor = blocks["corridor_id"]
    twin = (corridor.map(corridor.value_counts()) > 1).to_numpy()
    return np.where(twin, -blocks["one_way"].fillna(0).to_numpy(np.int64), 0)


def _minor(blocks: pd.DataFrame, *, on_foot: bool) -> Floats:
    """Return 1 for access roads, and for whoever is on foot for slip roads too."""
    kind = blocks.get("class", pd.Series(None, index=blocks.index, dtype=object)).astype(object)
    minor = kind.eq("service").to_numpy()
    if on_foot:
        minor = minor | kind.astype(str).str.endswith("_link").to_numpy()
    return np.asarray(minor, dtype=np.float64)


def _vertices(lines: NDArray[Any]) -> tuple[Floats, Floats, Floats, Ints]:
    """Return coordinates, chainage of each vertex and where each line begins."""
    xy, line = shapely.get_coordinates(lines, return_index=True)
    n_lines = len(lines)
    first = np.searchsorted(line, np.arange(n_lines + 1)).astype(np.int64)
    step = np.zeros(len(xy))
    step[1:] = np.hypot(*np.diff(xy, axis=0).T)
    along = np.cumsum(step)
    chainage = along - np.repeat(along[first[:-1]], np.diff(first)) if n_lines else along
    return np.ascontiguousarray(xy[:, 0]), np.ascontiguousarray(xy[:, 1]), chainage, first


def _arcs(
    start: Ints, end: Ints, length: Floats, one_way: Ints, n_nodes: int
) -> tuple[Ints, Ints, Ints, Floats]:
    """Return the adjacency list of the directions that may be travelled."""
    along, against = np.flatnonzero(one_way >= 0), np.flatnonzero(one_way <= 0)
    tail = np.concatenate([start[along], end[against]])
    head = np.concatenate([end[along], start[against]])
    by = np.concatenate([along, against]).astype(np.int64)
    order = np.lexsort((by, tail))
    arc = np.searchsorted(tail[order], np.arange(n_nodes + 1)).astype(np.int64)
    return arc, head[order], by[order], length[by[order]]


def _grid(x: Floats, y: Floats, first: Ints) -> tuple[Ints, Ints, Ints, Floats, Ints]:
    """Write each two-point piece into every cell that its bounding box touches."""
    is_piece = np.ones(len(x), dtype=bool)
    is_piece[first[1:] - 1] = False
    piece = np.flatnonzero(is_piece)
    block = np.searchsorted(first, piece, side="right") - 1
    origin = np.array([x.min(), y.min()]) if len(x) else np.zeros(2)
    west, east = _cells(x, piece, origin[0])
    south, north = _cells(y, piece, origin[1])
    shape = np.array([east.max(initial=0) + 1, north.max(initial=0) + 1], dtype=np.int64)
    wide, high = east - west + 1, north - south + 1
    entry = np.repeat(np.arange(len(piece)), wide * high)
    rank = np.arange(len(entry)) - np.repeat(np.cumsum(wide * high) - wide * high, wide * high)
    column, row = west[entry] + rank % wide[entry], south[entry] + rank // wide[entry]
    number = row * shape[0] + column
    order = np.argsort(number, kind="stable")
    cell = np.searchsorted(number[order], np.arange(shape[0] * shape[1] + 1)).astype(np.int64)
    return cell, block[entry[order]], piece[entry[order]], origin, shape


def _cells(values: Floats, piece: Ints, origin: float) -> tuple[Ints, Ints]:
    """Return the first and last cell of each piece along one axis."""
    ends = np.floor((np.column_stack([values[piece], values[piece + 1]]) - origin) / _CELL_M).astype(np.int64)
    if not len(piece):
        return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64)
    return ends.min(axis=1), ends.max(axis=1)
