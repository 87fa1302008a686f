"""Street blocks: undirected lines from one true intersection to the next, made from raw streets."""

from typing import Any

import geopandas as gpd
import pandas as pd
import shapely

from geo.blocks import chains, identity, lines, noding
from geo.names import NameTable

COLUMNS = (
    "block_id",
    "street_id",
    "corridor_id",
    "name",
    "class",
    "area",
    "one_way",
    "layer",
    "bridge",
    "tunnel",
    "width_m",
    "lanes",
    "length_m",
    "start_node",
    "end_node",
    "is_short",
    "source_id",
    "geometry",
)
# A block shorter than a car is long
_SHORT_M = 5.0


def build(
    streets: gpd.GeoDataFrame,
    *,
    crs: Any = None,
    source: str = "",
    names: NameTable | None = None,
    snap_m: float = 0.5,
    split_crossings: bool | None = None,
    corridor_m: float = 30.0,
) -> gpd.GeoDataFrame:
    """Return the blocks of a street network, in metres.

    A block is an undirected line between two true intersections, or an intersection and a dead end, with
    one name, class, administrative area and direction of traffic.  Lines that are not split at
    intersections are split where they share a vertex, and where one ends within `snap_m` of another;
    the two directions of one street become one block; pieces are joined where only two meet and nothing
    changes.  The answer does not depend on the order of rows, their direction or extra vertices on
    straight lines.

    If the source has topological nodes (a column `nodes` with a tuple of ids per vertex, or columns or
    index levels `u` and `v`), equal ids are intersections and nothing else is.  Without ids, lines
    of different `layer`, `bridge` or `tunnel` that pass over each other stay apart, and lines of one level
    that cross without a common vertex are joined or not by `split_crossings`.

    Parameters
    ----------
    streets : GeoDataFrame of (multi)lines, any CRS
        None and empty geometries are dropped.  Known columns, all optional: `name`, `class` or `highway`,
        `one_way` or `oneway` (yes, no, -1), `layer`, `bridge`, `tunnel`, `width_m`, `lanes`, `area`
        (administrative code), `source_id`, `nodes` or `u` and `v`, `other_tags` (hstore text).
    crs : optional
        A metric CRS for the blocks.  Default: the one of `streets` if it is metric (`geo.crs.as_metric`:
        not degrees, feet or Web Mercator), else one chosen from the data (`geo.crs.metric_crs`).
    source : str
        Name of the source, part of the block ids.
    names : NameTable, optional
        How street names are normalised before they are compared.
    snap_m : float
        How far an end may miss the line or vertex that it is meant to touch; not used with node ids.
    split_crossings : bool, optional
        Default: only if such crossings are more than a fifth as common as shared vertices, which shows
        that the source's vertices carry no topology.
    corridor_m : float
        Carriageways of one street up to this far apart share a corridor.

    Returns
    -------
    GeoDataFrame, a row per block, sorted by `block_id`
        `block_id, street_id, corridor_id` (16 hexadecimal digits), `name, class, area` (None if not given),
        `one_way` (1 along the line, -1 against it, 0 both), `layer, bridge, tunnel, width_m, lanes,
        length_m, start_node, end_node, is_short` (below 5 m), `source_id`, `geometry`.

    Raises
    ------
    NoCRSError
        No CRS, or one in feet.
    GeometryKindError
        A row that is not a line.
    CoordinateError
        A vertex that is not finite, or no place on Earth.

    References
    ----------
    Tripathy et al. (2021), "An open-source tool to extract natural continuity and hierarchy of urban
    street networks", doi 10.1177/2399808320967680 (strokes of unnamed streets).

    Examples
    --------
    Two streets cross; the one drawn as a single line is split where they share a vertex:

    >>> from shapely import LineString
    >>> streets = gpd.GeoDataFrame(
    ...     {"name": ["A", "B", "B"]},
    ...     geometry=[
    ...         LineString([(0, 0), (100, 0), (200, 0)]),
    ...         LineString([(100, -50), (100, 0)]),
    ...         LineString([(100, 0), (100, 50)]),
    ...     ],
    ...     crs="EPSG:32650",
    ... )
    >>> build(streets)[["name", "length_m"]].sort_values(["name", "length_m"]).to_numpy().tolist()
    [['A', 100.0], ['A', 100.0], ['B', 50.0], ['B', 50.0]]
    """
    raw, node = noding.nodes(lines.read(streets, crs), snap_m, split_crossings)
    pieces, position = chains.cut(raw, node)
    blocks = identity.canonical(chains.merged(chains.without_twins(pieces)))
    nodes = identity.node_ids(blocks, position, raw.node_names)
    ids = identity.block_ids(blocks, nodes, source)
    table = blocks.attributes.assign(
        block_id=ids,
        street_id=identity.street_ids(blocks, ids, names),
        corridor_id=identity.corridor_ids(blocks, ids, names, corridor_m),
        length_m=shapely.length(blocks.shape),
        start_node=[nodes[at] for at in blocks.start.tolist()],
        end_node=[nodes[at] for at in blocks.end.tolist()],
    )
    return _tidied(gpd.GeoDataFrame(table, geometry=blocks.shape, crs=raw.crs))


def _tidied(blocks: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Order rows and columns; a text that was not given is None."""
    blocks["is_short"] = blocks["length_m"] < _SHORT_M
    for column in ("name", "class", "area", "source_id"):
        texts = blocks[column].astype(object)
        blocks[column] = pd.Series([text or None for text in texts], index=blocks.index, dtype=object)
    return blocks.sort_values("block_id", ignore_index=True)[list(COLUMNS)]
