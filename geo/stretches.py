"""Flagged blocks as places with a name: stretches of one street from crossing to crossing."""

from collections.abc import Mapping
from typing import cast

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import ArrayLike
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.special import gammaincinv

from geo import neighbours
from geo.errors import MissingColumnError


def join(hotspots: pd.DataFrame, blocks: gpd.GeoDataFrame, *, least: float = 1.0) -> gpd.GeoDataFrame:
    """Join flagged blocks that meet on one street to stretches, the largest excess first.

    A block is flagged for its neighbourhood; a stretch is listed only if `least` were found on its own blocks
    (one finding, unless something else than findings is counted), and more than was expected there.  Blocks
    of one `street_id` (or else one `name`) belong together where they share a crossing; blocks without either
    stand alone.  Equal excess: the smaller first block id goes first.

    Parameters
    ----------
    hotspots : DataFrame
        What `geo.hotspots.find` returned.
    blocks : GeoDataFrame
        The same blocks; `name`, `street_id`, `start_node`, `end_node` where known.
    least : float

    Returns
    -------
    GeoDataFrame, one row per stretch
        `name`; `from_name`, `to_name`, the streets crossed at its two ends (None at a dead end, at a crossing
        of nameless streets, and where a stretch has not two ends); `n_blocks`, `block_ids` (tuple, in byte
        order), `length_m`; `found`, `expected`, `excess`; `q`, the smallest; `geometry`.

    Raises
    ------
    MissingColumnError

    Examples
    --------
    >>> lines = [[(0, 0), (9, 0)], [(9, 0), (20, 0)], [(9, 0), (9, 5)], [(20, 0), (20, 5)]]
    >>> blocks = gpd.GeoDataFrame(
    ...     {"block_id": list("abcd"), "name": ["Beiyi", "Beiyi", "East", "West"]},
    ...     geometry=shapely.linestrings(lines),
    ... )
    >>> told = {"block_id": list("abcd"), "hot": [False, True, False, False], "q": 0.01}
    >>> found = pd.DataFrame({**told, "block_observed": 5.0, "block_expected": 2.0})
    >>> join(found, blocks)[["name", "from_name", "to_name", "length_m", "excess"]].values.tolist()
    [['Beiyi', 'East', 'West', 11.0, 3.0]]
    """
    for column in ("block_id", "geometry"):
        if column not in blocks:
            raise MissingColumnError("blocks need a column %(column)s", column=column)
    for column in ("block_id", "hot", "q", "block_observed", "block_expected"):
        if column not in hotspots:
            raise MissingColumnError("hotspots need a column %(column)s", column=column)
    start, end, _ = neighbours.nodes(blocks)
    facts = hotspots.set_index("block_id").reindex(blocks["block_id"])
    network = pd.DataFrame(
        {
            "block_id": blocks["block_id"].to_numpy(),
            "name": _text(blocks, "name"),
            "street": _text(blocks, "street_id" if "street_id" in blocks else "name"),
            "start": start,
            "end": end,
            "length_m": neighbours.lengths(blocks),
            "geometry": blocks.geometry.to_numpy(),
            "found": facts["block_observed"].to_numpy(np.float64),
            "expected": facts["block_expected"].to_numpy(np.float64),
            "q": facts["q"].to_numpy(np.float64),
        }
    )
    hot = network[facts["hot"].to_numpy(dtype=bool, na_value=False)]
    meeting = _meeting(network, hot)
    rows = [_stretch(part, meeting) for _, part in hot.groupby(_together(hot))]
    columns = [
        "name",
        "from_name",
        "to_name",
        "n_blocks",
        "block_ids",
        "length_m",
        "found",
        "expected",
        "excess",
        "q",
    ]
    table = gpd.GeoDataFrame(rows, columns=[*columns, "geometry"], geometry="geometry", crs=blocks.crs)
    table = table[(table["found"] >= least) & (table["excess"] > 0)]
    first = table["block_ids"].map(lambda ids: ids[0] if ids else None)
    order = table.assign(first=first).sort_values(["excess", "first"], ascending=[False, True])
    return order.drop(columns="first").reset_index(drop=True)


def ratio(observed: ArrayLike, expected: ArrayLike, phi: float = 0.0) -> tuple[float, float, float]:
    """Return the shrunk ratio of what was found to what was expected on some blocks together, and 90 %.

    Gamma posterior under a gamma prior of mean 1 that is worth one expected finding, as for neighbourhoods
    in `geo.hotspots.find`: shape ``1 + w O``, rate ``1 + w M``.  Overdispersed counts, of which each block
    has the variance ``mu + phi mu^2``, tell ``w = M / (M + phi sum mu^2)`` of what as many others would.

    Parameters
    ----------
    observed, expected : array
        One item per block; a block whose expected number is not known counts in neither sum.
    phi : float

    Returns
    -------
    tuple of float
        Ratio, and the ends of its interval.

    Examples
    --------
    >>> [round(one, 2) for one in ratio([20.0, 11.0], [5.0, 4.0])]
    [3.2, 2.33, 4.18]
    >>> [round(one, 2) for one in ratio([20.0, 11.0], [5.0, 4.0], phi=0.5)]
    [2.79, 1.54, 4.35]
    """
    found, due = np.asarray(observed, np.float64), np.asarray(expected, np.float64)
    known = np.isfinite(due)
    total, mean, square = found[known].sum(), due[known].sum(), (due[known] ** 2).sum()
    worth = mean / (mean + phi * square) if mean > 0 else 1.0
    shape, rate = 1.0 + worth * total, 1.0 + worth * mean
    low, high = gammaincinv(shape, [0.05, 0.95]) / rate
    return float(shape / rate), float(low), float(high)


def _text(blocks: pd.DataFrame, column: str) -> "pd.Series[str]":
    """Return a column of names, None where there is none."""
    if column not in blocks:
        return pd.Series([None] * len(blocks), dtype=object)
    values = blocks[column].to_numpy(dtype=object)
    return pd.Series([value or None if isinstance(value, str) else None for value in values], dtype=object)


def _together(hot: pd.DataFrame) -> np.ndarray[tuple[int], np.dtype[np.int32]]:
    """Return a number per flagged block, the same for those that meet on one street."""
    n = len(hot)
    own = pd.Series([f"alone {row}" for row in range(n)], index=hot.index)
    street = hot["street"].where(hot["street"].notna(), own)
    ends = [pd.Series(list(zip(street, hot[side], strict=True))) for side in ("start", "end")]
    meeting, _ = pd.factorize(pd.concat(ends, ignore_index=True))
    block = np.tile(np.arange(n), 2)
    shape = (n + int(meeting.max(initial=-1)) + 1,) * 2
    graph = coo_array((np.ones(2 * n), (block, n + meeting)), shape=shape)
    return np.asarray(connected_components(graph, directed=False)[1][:n])


def _meeting(network: pd.DataFrame, hot: pd.DataFrame) -> dict[int, pd.DataFrame]:
    """Return the named blocks (`name`, `length_m`) at each end of a flagged block, each once."""
    named = network.loc[network["name"].notna(), ["name", "length_m", "start", "end"]]
    ends = pd.concat(
        [named.assign(node=named["start"]), named[named["start"] != named["end"]].assign(node=named["end"])]
    )
    there = ends[ends["node"].isin(np.unique(hot[["start", "end"]].to_numpy()))]
    return {cast("int", node): rows[["name", "length_m"]] for node, rows in there.groupby("node")}


def _stretch(part: pd.DataFrame, meeting: Mapping[int, pd.DataFrame]) -> dict[str, object]:
    """Tell one stretch."""
    ids = tuple(sorted(part["block_id"]))
    begins, ends = _end_names(part, meeting)
    found, expected = float(part["found"].sum()), float(part["expected"].sum())
    return {
        "name": part["name"].dropna().iloc[0] if part["name"].notna().any() else None,
        "from_name": begins,
        "to_name": ends,
        "n_blocks": len(part),
        "block_ids": ids,
        "length_m": float(part["length_m"].sum()),
        "found": found,
        "expected": expected,
        "excess": found - expected,
        "q": float(part["q"].min()),
        "geometry": shapely.line_merge(shapely.multilinestrings(part["geometry"].to_numpy())),
    }


def _end_names(part: pd.DataFrame, meeting: Mapping[int, pd.DataFrame]) -> tuple[str | None, str | None]:
    """Name the streets crossed at the two ends of a stretch, the western (then southern) end first."""
    nodes, times = np.unique(np.concatenate([part["start"], part["end"]]), return_counts=True)
    tips = nodes[times == 1]
    if len(tips) != 2:
        return None, None
    places = sorted((_position(part, tip), int(tip)) for tip in tips)
    return _crossed(places[0][1], part, meeting), _crossed(places[1][1], part, meeting)


def _position(part: pd.DataFrame, node: int) -> tuple[float, float]:
    """Return where an end of a stretch lies."""
    begins = part[part["start"] == node]
    line = (begins if len(begins) else part[part["end"] == node])["geometry"].iloc[0]
    x, y = line.coords[0 if len(begins) else -1][:2]
    return float(x), float(y)


def _crossed(node: int, part: pd.DataFrame, meeting: Mapping[int, pd.DataFrame]) -> str | None:
    """Name the longest other street at a crossing (the first by name if equally long)."""
    there = meeting.get(node)
    if there is None:
        return None
    there = there[~there["name"].isin(part["name"].dropna())]
    if there.empty:
        return None
    length_m = there.groupby("name")["length_m"].sum()
    return str(length_m[length_m == length_m.max()].index.min())
