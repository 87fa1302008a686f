"""Scores answers about the demo city against its truth: placement, coverage, hotspots and close-outs."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from data.demo.plane import PLANE, Floats

ON_BLOCK_M = 0.5
ECE_EDGES = (0.0, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 1.0)


@dataclass(frozen=True)
class Scores:
    """One dictionary of named numbers for each kind of answer that was given; shares are in [0, 1]."""

    placement: dict[str, float] = field(default_factory=dict)
    coverage: dict[str, float] = field(default_factory=dict)
    hotspots: dict[str, float] = field(default_factory=dict)
    closeouts: dict[str, float] = field(default_factory=dict)


def score(
    truth: Path,
    blocks: gpd.GeoDataFrame,
    *,
    placements: pd.DataFrame | None = None,
    coverage: pd.DataFrame | None = None,
    hotspots: pd.DataFrame | None = None,
    closeouts: pd.DataFrame | None = None,
) -> Scores:
    """Compare answers with the truth of a demo city.

    Parameters
    ----------
    truth : Path
        The `truth` folder of a demo city.
    blocks : GeoDataFrame
        The street blocks that the answers speak of: `block_id` and line geometry, in any CRS. Truth knows
        source lines only; each true place is put on the block that passes through it.
    placements : DataFrame, optional
        A row per finding: `uuid`, `block_id` (None: no street), and as far as given `side` (``left``,
        ``right`` of the block's direction, or None), `chainage_m`, `p_block`, `street_name`.
    coverage : DataFrame, optional
        Stretches said to have been walked, in the whole time: `block_id`, `from_m`, `to_m` (chainage).
    hotspots : DataFrame, optional
        `block_id` and `flagged` (bool); with `score` (higher is hotter) the ranking is scored too.
    closeouts : DataFrame, optional
        `problem` and `rectified` (bool): whether a claimed rectification is believed.

    Returns
    -------
    Scores
        placement: `n`, `block_right`, `side_right` and `side_given` (of findings on the right block),
        `chainage_median_m`, `sure_share` and `sure_right` (at p >= 0.9), `ece` (expected calibration error).
        coverage: `true_m`, `said_m`, `right` and `added` (lengths over true length).
        hotspots: `flagged`, `false_share` (flagged blocks off the true spots), `true_spots_found`,
        `false_spot_flagged`, `auc`.
        closeouts: `n`, `right`, `fakes_caught`, `true_doubted`.

    Notes
    -----
    A true place lies on a block if the block's line passes within 0.5 m of it; where several do (at a corner)
    any of them is right. Findings whose true place lies on no block are left out and counted in `unplaced`.
    """
    metric = blocks[["block_id", "geometry"]].to_crs(PLANE).reset_index(drop=True)
    return Scores(
        placement=_placement(truth, metric, placements) if placements is not None else {},
        coverage=_coverage(truth, metric, coverage) if coverage is not None else {},
        hotspots=_hotspots(truth, metric, hotspots) if hotspots is not None else {},
        closeouts=_closeouts(truth, closeouts) if closeouts is not None else {},
    )


def true_places(truth: Path, blocks: gpd.GeoDataFrame) -> pd.DataFrame:
    """Return each finding's true block (several rows at a corner), chainage and side on that block.

    `blocks` are in metres. Columns: `uuid`, `block_id`, `true_chainage_m`, `true_side`.
    """
    told = pd.read_csv(truth / "findings.csv", keep_default_na=False)
    on_street, at = _points(told["street_lon"], told["street_lat"]), _points(told["lon"], told["lat"])
    lines = blocks.geometry.to_numpy()
    finding, block = shapely.STRtree(lines).query(on_street, predicate="dwithin", distance=ON_BLOCK_M)
    chainage = shapely.line_locate_point(lines[block], on_street[finding])
    return pd.DataFrame(
        {
            "uuid": told["uuid"].to_numpy()[finding],
            "block_id": blocks["block_id"].to_numpy()[block],
            "true_chainage_m": chainage,
            "true_side": np.where(_is_left(lines[block], chainage, at[finding]), "left", "right"),
        }
    )


def _points(lon: pd.Series, lat: pd.Series) -> NDArray[np.object_]:
    """Return points in metres."""
    return np.asarray(gpd.GeoSeries.from_xy(lon, lat, crs="EPSG:4326").to_crs(PLANE).to_numpy())


def _is_left(lines: NDArray[np.object_], chainage: Floats, points: NDArray[np.object_]) -> NDArray[np.bool_]:
    """Tell which points lie left of the lines at the chainages."""
    length = shapely.length(lines)
    low, high = np.clip(chainage - 1.0, 0.0, None), np.minimum(chainage + 1.0, length)
    a = shapely.get_coordinates(shapely.line_interpolate_point(lines, low))
    b = shapely.get_coordinates(shapely.line_interpolate_point(lines, high))
    p = shapely.get_coordinates(points)
    return np.asarray((b - a)[:, 0] * (p - a)[:, 1] - (b - a)[:, 1] * (p - a)[:, 0] > 0)


def _placement(truth: Path, blocks: gpd.GeoDataFrame, said: pd.DataFrame) -> dict[str, float]:
    true = true_places(truth, blocks)
    known = said[said["uuid"].isin(true["uuid"])]
    hit = known.merge(true, on=["uuid", "block_id"]).drop_duplicates("uuid")
    right = known["uuid"].isin(hit["uuid"]).to_numpy()
    out = {
        "n": float(len(known)),
        "unplaced": float(len(said) - len(known)),
        "block_right": float(right.mean()),
    }
    if "side" in hit:
        given = hit["side"].isin(["left", "right"])
        out["side_given"] = float(given.mean())
        out["side_right"] = float((hit["side"] == hit["true_side"])[given].mean())
    if "chainage_m" in hit:
        out["chainage_median_m"] = float((hit["chainage_m"] - hit["true_chainage_m"]).abs().median())
    if "p_block" in known:
        out |= _calibration(known["p_block"].to_numpy(dtype=float), right)
    return out


def _calibration(p: Floats, right: NDArray[np.bool_]) -> dict[str, float]:
    """Return how often sure answers are right, and the expected calibration error over fixed bins."""
    p = np.nan_to_num(p)
    sure = p >= 0.9
    bins = np.clip(np.digitize(p, ECE_EDGES) - 1, 0, len(ECE_EDGES) - 2)
    gaps = [abs(right[bins == n].mean() - p[bins == n].mean()) * np.mean(bins == n) for n in np.unique(bins)]
    return {
        "sure_share": float(sure.mean()),
        "sure_right": float(right[sure].mean()) if sure.any() else float("nan"),
        "ece": float(np.sum(gaps)),
    }


def true_coverage(truth: Path, blocks: gpd.GeoDataFrame, streets: gpd.GeoDataFrame) -> gpd.GeoSeries:
    """Return for each walked block the part of its line that was truly walked, as geometry in metres.

    `streets` are the demo city's own lines with `source_id`; `blocks` are in metres.
    """
    routes = pd.concat(
        [
            pd.read_parquet(path, columns=["source_id"])
            for path in sorted((truth / "routes").glob("*.parquet"))
        ]
    )
    walked = (
        streets[streets["source_id"].isin(routes["source_id"].unique())].to_crs(PLANE).geometry.to_numpy()
    )
    lines = blocks.geometry.to_numpy()
    middle = shapely.line_interpolate_point(walked, 0.5, normalized=True)
    piece, block = shapely.STRtree(lines).query(middle, predicate="dwithin", distance=ON_BLOCK_M)
    parts = gpd.GeoSeries(walked[piece], index=blocks["block_id"].to_numpy()[block], crs=PLANE)
    return parts.groupby(level=0).agg(lambda own: shapely.union_all(own.to_numpy()))


def _coverage(truth: Path, blocks: gpd.GeoDataFrame, said: pd.DataFrame) -> dict[str, float]:
    """Compare lengths: what was walked and said, and what was said but not walked."""
    streets = gpd.read_parquet(truth / "streets.parquet")
    true = true_coverage(truth, blocks, streets)
    line = blocks.set_index("block_id").geometry
    true_m = right_m = said_m = 0.0
    spans = {
        key: _merged(own[["from_m", "to_m"]].to_numpy(dtype=float)) for key, own in said.groupby("block_id")
    }
    for key in sorted(set(true.index) | set(spans), key=str):
        walked = _spans_on(line[key], true[key]) if key in true.index else np.zeros((0, 2))
        told = spans.get(key, np.zeros((0, 2)))
        true_m += float(np.diff(walked).sum())
        said_m += float(np.diff(told).sum())
        right_m += _overlap(walked, told)
    return {
        "true_m": true_m,
        "said_m": said_m,
        "right": right_m / true_m if true_m else float("nan"),
        "added": (said_m - right_m) / true_m if true_m else float("nan"),
    }


def _spans_on(line: shapely.LineString, walked: shapely.Geometry) -> Floats:
    """Return the chainage intervals of a line that parts of it cover."""
    parts = shapely.get_parts(walked)
    points, part = shapely.get_coordinates(parts, return_index=True)
    at = shapely.line_locate_point(line, shapely.points(points))
    low = np.minimum.reduceat(at, np.searchsorted(part, np.arange(len(parts))))
    high = np.minimum(low + shapely.length(parts), line.length)  # a loop closes where it began
    return _merged(np.column_stack([low, high]))


def _merged(spans: Floats) -> Floats:
    """Return intervals in order, the overlapping ones joined.

    >>> _merged(np.array([[5.0, 9.0], [0.0, 2.0], [1.0, 3.0]])).tolist()
    [[0.0, 3.0], [5.0, 9.0]]
    """
    out: list[list[float]] = []
    for low, high in sorted(spans.tolist()):
        if out and low <= out[-1][1]:
            out[-1][1] = max(out[-1][1], high)
        else:
            out.append([low, high])
    return np.array(out).reshape(-1, 2)


def _overlap(one: Floats, other: Floats) -> float:
    """Return the length that two sets of disjoint intervals share."""
    low = np.maximum(one[:, None, 0], other[None, :, 0])
    high = np.minimum(one[:, None, 1], other[None, :, 1])
    return float(np.clip(high - low, 0.0, None).sum())


def _hotspots(truth: Path, blocks: gpd.GeoDataFrame, said: pd.DataFrame) -> dict[str, float]:
    """Score flags: a block is in a spot if its middle is; a spot is found if any of its blocks is flagged."""
    spots = gpd.read_file(truth / "spots.gpkg").to_crs(PLANE)
    middle = shapely.line_interpolate_point(blocks.geometry.to_numpy(), 0.5, normalized=True)
    member = {row.spot_id: shapely.within(middle, row.geometry) for row in spots.itertuples()}
    known = blocks[["block_id"]].merge(said.drop_duplicates("block_id"), on="block_id", how="left")
    flagged = known["flagged"].eq(True).to_numpy()
    true_ids = spots.loc[spots["true_spot"].astype(bool), "spot_id"]
    in_true = np.any([member[key] for key in true_ids], axis=0)
    in_false = np.any([member[key] for key in spots["spot_id"] if key not in set(true_ids)], axis=0)
    out = {
        "flagged": float(flagged.sum()),
        "false_share": float((flagged & ~in_true).sum() / max(flagged.sum(), 1)),
        "true_spots": float(len(true_ids)),
        "true_spots_found": float(sum((flagged & member[key]).any() for key in true_ids)),
        "true_blocks_flagged": float((flagged & in_true).sum() / max(in_true.sum(), 1)),
        "false_spot_flagged": float((flagged & in_false).sum() / max(in_false.sum(), 1)),
    }
    if "score" in known:
        out["auc"] = _auc(known["score"].fillna(-np.inf).to_numpy(dtype=float), in_true)
    return out


def _auc(value: Floats, positive: NDArray[np.bool_]) -> float:
    """Return the chance that a block of a true spot ranks above another; ties count half."""
    rank = pd.Series(value).rank().to_numpy()
    n, m = int(positive.sum()), int((~positive).sum())
    return float((rank[positive].sum() - n * (n + 1) / 2) / (n * m)) if n and m else float("nan")


def _closeouts(truth: Path, said: pd.DataFrame) -> dict[str, float]:
    """Score beliefs about the first claim of each problem."""
    claims = pd.read_csv(truth / "closeouts.csv").drop_duplicates("problem")
    both = claims.merge(said, on="problem")
    real, believed = both["truly_rectified"].to_numpy(dtype=bool), both["rectified"].to_numpy(dtype=bool)
    return {
        "n": float(len(both)),
        "right": float((real == believed).mean()) if len(both) else float("nan"),
        "fakes": float((~real).sum()),
        "fakes_caught": float((~believed)[~real].mean()) if (~real).any() else float("nan"),
        "true_doubted": float((~believed)[real].mean()) if real.any() else float("nan"),
    }


def true_twins(
    truth: Path, window_days: Mapping[str, float], usual_days: float = 7.0, relapse_days: float = 90.0
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Return what is true of findings that are one thing.

    Returns
    -------
    reports
        A row per finding: `uuid`, `problem`, `origin` (the problem of which it is a return, or itself),
        `kind`, `category`, `at`.
    closings
        `uuid`, `closed_at`: the first claim of rectification after each report of a problem.
    pairs
        `first`, `second` (uuids in order of time), `relation`: duplicate if nothing was claimed between,
        within the category's window; else relapse, within `relapse_days` of the claim.
    """
    told = pd.read_csv(truth / "findings.csv", keep_default_na=False)
    problems = pd.read_csv(truth / "problems.csv", dtype=str, keep_default_na=False)
    before = dict(zip(problems["problem"], problems["relapse_of"], strict=True))
    code = dict(zip(problems["problem"], problems["scheme"] + "." + problems["code"], strict=True))
    reports = told[["uuid", "problem", "kind"]].assign(
        origin=[_origin(one, before) for one in told["problem"]],
        category=told["problem"].map(code),
        at=pd.to_datetime(told["true_at"], utc=True),
    )
    claims = pd.read_csv(truth / "closeouts.csv")
    claims = claims.assign(closed_at=pd.to_datetime(claims["claimed_at"], utc=True)).sort_values("closed_at")
    closed = pd.merge_asof(
        reports.sort_values("at"),
        claims[["problem", "closed_at"]],
        left_on="at",
        right_on="closed_at",
        by="problem",
        direction="forward",
        allow_exact_matches=False,
    )
    return (
        reports,
        closed.loc[closed["closed_at"].notna(), ["uuid", "closed_at"]],
        _pairs_of(closed, window_days, usual_days, relapse_days),
    )


def _origin(problem: str, before: Mapping[str, str]) -> str:
    while before.get(problem):
        problem = before[problem]
    return problem


def _pairs_of(
    closed: pd.DataFrame, window_days: Mapping[str, float], usual_days: float, relapse_days: float
) -> pd.DataFrame:
    """Return all pairs of reports of one origin that a careful reader could be asked for."""
    both = closed.merge(closed, on="origin", suffixes=("", "_2"))
    both = both[(both["at"] < both["at_2"]) & (both["uuid"] != both["uuid_2"])]
    since = (both["at_2"] - both["closed_at"]).dt.total_seconds() / 86_400
    apart = (both["at_2"] - both["at"]).dt.total_seconds() / 86_400
    window = both["category"].map(window_days).fillna(usual_days)
    relapse, duplicate = (since > 0) & (since <= relapse_days), ~(since > 0) & (apart <= window)
    relation = np.where(relapse, "relapse", np.where(duplicate, "duplicate", ""))
    pairs = pd.DataFrame({"first": both["uuid"], "second": both["uuid_2"], "relation": relation})
    return pairs[pairs["relation"] != ""].reset_index(drop=True)
