"""Placement for people with data frames: findings and blocks in, one row per finding out."""

from collections.abc import Mapping
from typing import Any, Unpack

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import ArrayLike

from geo.assign.accuracy import SOURCES, SourceError, sd_of
from geo.assign.fitting import fit_source
from geo.assign.index import BlockIndex
from geo.assign.model import Model
from geo.assign.network import Floats
from geo.assign.placement import Evidence, Placement, Request
from geo.crs import as_pairs, read_crs
from geo.datum import from_wgs84, to_wgs84
from geo.errors import AccuracyError, MissingColumnError
from geo.names import NameTable

COLUMNS = (
    "block_id",
    "street_id",
    "street_name",
    "corridor_id",
    "chainage_m",
    "chainage_sd_m",
    "distance_m",
    "side",
    "p_block",
    "p_street",
    "p_corridor",
    "p_side",
    "p_none",
    "runner_up_block",
    "runner_up_p",
    "ambiguous",
    "outside",
    "s_used_m",
)


def assign(
    findings: pd.DataFrame,
    blocks: gpd.GeoDataFrame | BlockIndex,
    *,
    source: str | SourceError = "phone",
    sources: Mapping[str, SourceError] = SOURCES,
    model: Model | None = None,
    names: NameTable | None = None,
) -> pd.DataFrame:
    """Place findings on street blocks, with the probability of being right.

    Parameters
    ----------
    findings : GeoDataFrame of points, any CRS, or DataFrame with `lon` and `lat` in WGS-84 degrees
        Any other geometry counts by its centroid; None and empty ones get a row of nulls.  Optional
        columns: `accuracy_m` and `accuracy_kind` (see `sd_of`), `source` (a key of `sources`),
        `heading_deg`, `speed_ms`, `street_hint`.
    blocks : GeoDataFrame or BlockIndex
        Street blocks as `geo.blocks.build` returns them, or their index if there will be more findings.
    source : str or SourceError
        Where the positions come from, if no column says so: how far they err if they do not say
        themselves, and how far from the centre line they lie.  `fitted` reads it from these very
        findings (`fit_source`), if there are enough; then a row's answer depends on the others.
    sources : mapping
        The known sources.
    model : Model, optional
        Parameters of the posterior.
    names : NameTable, optional
        How hints and street names are normalised, if `blocks` is a frame.

    Returns
    -------
    DataFrame with the index of `findings`, a row per finding in the same order
        `block_id, street_id, street_name, corridor_id` (None where not placed), `chainage_m,
        chainage_sd_m, distance_m, side` (left, right or None), `p_block, p_street, p_corridor, p_side,
        p_none, runner_up_block, runner_up_p, ambiguous, outside, s_used_m`.

    Raises
    ------
    NoCRSError, MissingColumnError, AccuracyError

    Examples
    --------
    >>> from shapely import LineString, Point
    >>> from geo import blocks
    >>> line = LineString([(500_000, 4_000_000), (500_100, 4_000_000)])
    >>> streets = gpd.GeoDataFrame({"name": ["Elm Street"]}, geometry=[line], crs="EPSG:32650")
    >>> findings = gpd.GeoDataFrame(geometry=[Point(500_040, 4_000_004), None], crs="EPSG:32650")
    >>> assign(findings, blocks.build(streets))[["street_name", "distance_m", "outside"]].values.tolist()
    [['Elm Street', 4.0, False], [None, nan, False]]
    """
    index = blocks if isinstance(blocks, BlockIndex) else BlockIndex.of(blocks, names=names)
    xy = _positions(findings, index)
    if source == "fitted":
        source = fit_source(index, index.projection.to_lonlat(xy)) or "geocoded"
    evidence = _evidence(findings, source, sources)
    if model is not None:
        evidence["model"] = model
    sd_m = evidence.pop("sd_m")
    return table(index.place_metres(xy, sd_m, **evidence), findings.index)


def table(placed: Placement, rows: pd.Index | None = None) -> pd.DataFrame:
    """Return a placement as a frame with the columns of `assign`."""
    columns = {column: getattr(placed, column) for column in COLUMNS}
    # text stays None where there is none, and nothing is copied: a million rows are a third of a gigabyte
    series = {name: pd.Series(own, rows, dtype=own.dtype, copy=False) for name, own in columns.items()}
    return pd.DataFrame(series, index=rows, copy=False)


def _positions(findings: pd.DataFrame, index: BlockIndex) -> Floats:
    """Return the positions in the CRS of the index, NaN for None and empty."""
    if not isinstance(findings, gpd.GeoDataFrame):
        if "lon" not in findings or "lat" not in findings:
            raise MissingColumnError("findings have no column %(column)s", column="lon, lat or geometry")
        return index.projection.to_metres(findings[["lon", "lat"]].to_numpy(np.float64))
    geometry = findings.geometry
    if read_crs(findings.crs) != index.projection.crs:
        geometry = geometry.to_crs(index.projection.crs)
    points = np.asarray(shapely.centroid(geometry.to_numpy()))
    xy = np.full((len(points), 2), np.nan)
    known = ~(shapely.is_missing(points) | shapely.is_empty(points))
    xy[known] = shapely.get_coordinates(points[known])
    return xy


def _evidence(findings: pd.DataFrame, source: str | SourceError, sources: Mapping[str, SourceError]) -> Any:
    """Return position error, offsets, heading and hints from the columns that are there."""
    errors = _source_errors(findings, source, sources)
    offset = [np.nan if one.offset_m is None else one.offset_m for one in errors]
    evidence: dict[str, Any] = {
        "sd_m": _sd(findings, np.array([one.sd_m for one in errors], dtype=np.float64)),
        "offset_m": np.array(offset, dtype=np.float64),
        "offset_sd_m": np.array([one.offset_sd_m for one in errors], dtype=np.float64),
    }
    for column in ("heading_deg", "speed_ms"):
        if column in findings:
            evidence[column] = pd.to_numeric(findings[column]).to_numpy(dtype=np.float64, na_value=np.nan)
    if "street_hint" in findings:
        evidence["name_hint"] = findings["street_hint"].tolist()
    return evidence


def _source_errors(
    findings: pd.DataFrame, source: str | SourceError, sources: Mapping[str, SourceError]
) -> list[SourceError]:
    """Return the source error of each finding."""
    default = source if isinstance(source, SourceError) else _source(source, sources)
    if "source" not in findings:
        return [default] * len(findings)
    given = findings["source"]
    known = {name: _source(name, sources) for name in given.dropna().unique()}
    return [known.get(name, default) for name in given]


def _source(name: str, sources: Mapping[str, SourceError]) -> SourceError:
    """Return one of the known sources."""
    if name not in sources:
        raise AccuracyError(
            "%(given)s is no known source of positions; say one of %(known)s",
            given=name,
            known=", ".join(sorted(sources)),
        )
    return sources[name]


def _sd(findings: gpd.GeoDataFrame, otherwise: Floats) -> Floats:
    """Return the position error of each finding: its own accuracy, else its source's."""
    if "accuracy_m" not in findings:
        return otherwise
    accuracy = pd.to_numeric(findings["accuracy_m"]).to_numpy(dtype=np.float64, na_value=np.nan)
    kinds: Any = "unknown"
    if "accuracy_kind" in findings:
        kinds = (
            findings["accuracy_kind"]
            .astype(object)
            .where(findings["accuracy_kind"].notna(), "unknown")
            .tolist()
        )
    own = sd_of(accuracy, kinds)
    return np.where(np.isnan(own), otherwise, own)


def candidates(
    index: BlockIndex, lonlat: ArrayLike, sd_m: float, **evidence: Unpack[Evidence]
) -> pd.DataFrame:
    """Return all blocks that one position may lie on, the likeliest first.

    Parameters
    ----------
    index : BlockIndex
    lonlat : array, shape (2,) or (1, 2)
        Degrees.
    sd_m : float
        Position error in metres per axis.

    Returns
    -------
    DataFrame
        `block_id, street_name, p, p_left, p_right, distance_m`; p does not sum to 1, the rest is `none`.
        Equal p (to 1e-9) in the order of the ids.

    Examples
    --------
    >>> from shapely import LineString
    >>> streets = [LineString([(0, 0), (100, 0)]), LineString([(0, 20), (100, 20)])]
    >>> frame = gpd.GeoDataFrame({"block_id": ["a", "b"]}, geometry=streets, crs="EPSG:32650")
    >>> index = BlockIndex.of(frame)
    >>> candidates(index, index.projection.to_lonlat([[50, 10]])[0], 3.0)["block_id"].tolist()
    ['a', 'b']
    """
    xy = index.projection.to_metres(as_pairs(np.reshape(np.asarray(lonlat, dtype=np.float64), (1, 2))))
    return _ranked(index, Request.of(xy, sd_m, evidence, index))


def _ranked(index: BlockIndex, request: Request) -> pd.DataFrame:
    """Return the candidates of a request's one position."""
    block, weight, total = request.weighed()
    p = weight[:, :2] / total
    frame = pd.DataFrame(
        {
            "block_id": index.block_id[block],
            "street_name": index.name[block],
            "p": p.sum(axis=1),
            "p_left": p[:, 0],
            "p_right": p[:, 1],
            "distance_m": np.sqrt(weight[:, 2]),
        }
    )
    order = np.lexsort((block, -np.round(p.sum(axis=1) * 1e9)))
    return frame.iloc[order].reset_index(drop=True)


def warm_up() -> None:
    """Compile or load every kernel of placement and frames, so that no request waits for it.

    Examples
    --------
    >>> warm_up()
    """
    line = shapely.LineString([(500_000, 4_000_000), (500_100, 4_000_000)])
    frame = gpd.GeoDataFrame({"block_id": ["a"], "name": ["a"]}, geometry=[line], crs="EPSG:32650")
    index = BlockIndex.of(frame)
    for parallel in (False, True):
        index.place([[117.0005, 36.1448]], 3.0, heading_deg=90.0, name_hint="a", parallel=parallel)
        index.nearest([[500_050.0, 4_000_003.0]], parallel=parallel)
    candidates(index, [117.0005, 36.1448], 3.0)
    to_wgs84(from_wgs84([[117.0005, 36.1448]], "bd09"), "bd09")
