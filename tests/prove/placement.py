"""Placement under five error laws on real street networks, and against real addresses.

One parameter set (the defaults) for every network and every law.  Seeds and laws are declared here,
before any run.  The nearest line, as osmnx, PostGIS and `sjoin_nearest` answer, is measured on the same
findings in the same run.
"""

import gzip
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from shapely import STRtree

from geo import blocks
from geo.assign import SOURCES, BlockIndex, Placement, SourceError
from geo.names import NameTable, normalise

SHARED = Path(__file__).parents[3] / "shared" / "data"
NAMES: NameTable = json.loads((Path(__file__).parents[2] / "data" / "street_names.json").read_text("utf-8"))

SEED = 20260401
N_FULL, N_SMALL = 40_000, 8_000
SD_M = (3.0, 6.0, 12.0)
OFFSET_M, OFFSET_SD_M = 5.0, 1.5
HEADING_SHARE, HEADING_KAPPA = 0.7, 8.0
HINT_SHARE, HINT_WRONG = 0.4, 0.05
OUTLIER_SHARE, OUTLIER_M = 0.03, 150.0
SHIFT_SHARE, SHIFT_SD_M = 0.3, 12.0
EDGES = np.array([0.0, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 1.0])
EVIDENCE = ("none", "heading", "name", "both")

Floats = NDArray[np.float64]
Rng = np.random.Generator


@dataclass(frozen=True)
class Truth:
    """Simulated findings: where they are, and where they belong."""

    block: NDArray[np.int64]
    side: NDArray[np.int64]
    chainage_m: Floats
    true_xy: Floats
    across: Floats
    sd_m: Floats
    heading_deg: Floats
    hint: list[str | None]


def gaussian(truth: Truth, rng: Rng) -> Floats:
    return truth.true_xy + rng.normal(size=truth.true_xy.shape) * truth.sd_m[:, None]


def student(truth: Truth, rng: Rng) -> Floats:
    return truth.true_xy + 0.8 * rng.standard_t(3, size=truth.true_xy.shape) * truth.sd_m[:, None]


def shifted(truth: Truth, rng: Rng) -> Floats:
    shift = rng.normal(0, SHIFT_SD_M, len(truth.block)) * (rng.random(len(truth.block)) < SHIFT_SHARE)
    return gaussian(truth, rng) + shift[:, None] * truth.across


def with_outliers(law: Callable[[Truth, Rng], Floats]) -> Callable[[Truth, Rng], Floats]:
    def mixed(truth: Truth, rng: Rng) -> Floats:
        xy, n = law(truth, rng), len(truth.block)
        angle, reach = rng.uniform(0, 2 * np.pi, n), OUTLIER_M * np.sqrt(rng.random(n))
        far = truth.true_xy + np.column_stack([np.cos(angle), np.sin(angle)]) * reach[:, None]
        return np.where((rng.random(n) < OUTLIER_SHARE)[:, None], far, xy)

    return mixed


LAWS = {
    "normal": gaussian,
    "Student t, 3 df, scale 0.8 s": student,
    "30 % shifted across, sd 12 m": shifted,
    "normal + 3 % within 150 m": with_outliers(gaussian),
    "shifted + 3 % within 150 m": with_outliers(shifted),
}
# the laws that the issue allows 97 % for
HARDEST = {"30 % shifted across, sd 12 m", "shifted + 3 % within 150 m"}


def networks() -> Iterator[tuple[str, gpd.GeoDataFrame]]:
    """Yield name and streets of each network that is there; a city joins with one more line."""
    if (SHARED / "cambridge").is_dir():
        streets = gpd.read_file(SHARED / "cambridge" / "TRANS_Centerlines.geojson")
        yield "Cambridge", streets.assign(name=streets["Street"])
    if (SHARED / "chicago").is_dir():
        yield "Chicago", gpd.read_file(SHARED / "chicago" / "streets_osm2014.gpkg")


def simulate(index: BlockIndex, shapes: NDArray[np.object_], n: int, rng: Rng) -> Truth:
    """Draw findings evenly along the streets, at a kerb, with heading and hint for some."""
    share = index.length_m / index.length_m.sum()
    block = rng.choice(len(index), size=n, p=share)
    chainage = rng.random(n) * index.length_m[block]
    on = shapely.get_coordinates(shapely.line_interpolate_point(shapes[block], chainage))
    along = _direction(shapes[block], chainage, index.length_m[block])
    side = rng.choice([-1, 1], size=n)
    left = np.column_stack([-along[:, 1], along[:, 0]])
    offset = side * rng.normal(OFFSET_M, OFFSET_SD_M, n)
    sense = rng.choice([0, np.pi], size=n)
    angle = np.arctan2(along[:, 0], along[:, 1]) + sense + rng.vonmises(0, HEADING_KAPPA, n)
    heading = np.where(rng.random(n) < HEADING_SHARE, np.degrees(angle) + index.north_deg, np.nan)
    named = np.array([name for name in set(index.name) if name], dtype=object)
    named.sort()
    hinted, wrong = rng.random(n) < HINT_SHARE, rng.random(n) < HINT_WRONG
    other = named[rng.integers(0, len(named), n)]
    hint = [
        (o if w else own) if h else None
        for own, o, h, w in zip(index.name[block], other, hinted, wrong, strict=True)
    ]
    sd = rng.choice(SD_M, size=n)
    return Truth(block, side, chainage, on + offset[:, None] * left, left, sd, heading % 360, hint)


def _direction(shapes: NDArray[np.object_], chainage: Floats, length: Floats) -> Floats:
    """Return the unit direction of each line at its chainage."""
    a = shapely.get_coordinates(shapely.line_interpolate_point(shapes, np.maximum(chainage - 0.5, 0)))
    b = shapely.get_coordinates(shapely.line_interpolate_point(shapes, np.minimum(chainage + 0.5, length)))
    step = b - a
    return np.asarray(step / np.hypot(*step.T)[:, None])


def calibration_error(p: Floats, right: NDArray[np.bool_]) -> float:
    """Return the expected calibration error (Guo et al. 2017, arXiv 1706.04599), bins from 0."""
    bins = np.clip(np.digitize(p, EDGES) - 1, 0, len(EDGES) - 2)
    gaps = [
        np.mean(bins == k) * abs(np.mean(right[bins == k]) - np.mean(p[bins == k])) for k in np.unique(bins)
    ]
    return float(np.sum(gaps))


def wilson(right: NDArray[np.bool_]) -> tuple[float, float]:
    """Return the 95 % Wilson interval of a share."""
    n, p, z = max(len(right), 1), float(np.mean(right)) if len(right) else 0.0, 1.96
    middle = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z * np.sqrt(p * (1 - p) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    return middle - half, middle + half


def _row(placed: Placement, truth: Truth, index: BlockIndex) -> dict[str, float]:
    """Measure one placement against the truth; a finding called outside counts as p = 0 and wrong."""
    right = placed.block == truth.block
    p = np.nan_to_num(placed.p_block)
    sure = p >= 0.9
    name = np.array([index.name[b] if b >= 0 else None for b in placed.block], dtype=object)
    sided = right & (placed.likelier_side == truth.side)
    clipped = np.clip(p, 1e-6, 1 - 1e-6)
    return {
        "block right": float(right.mean()),
        "street right": float((name == index.name[truth.block]).mean()),
        "ECE block": calibration_error(p, right),
        "ECE side": calibration_error(placed.p_side[right], sided[right]),
        "p >= 0.9": float(sure.mean()),
        "right there": float(right[sure].mean()),
        "Brier": float(np.mean((p - right) ** 2)),
        "log score": float(-np.mean(np.where(right, np.log(clipped), np.log(1 - clipped)))),
        "chainage within 2 sd": float(
            np.mean(np.abs(placed.chainage_m - truth.chainage_m)[right] <= 2 * placed.chainage_sd_m[right])
        ),
    }


def _evidence(kind: str, truth: Truth) -> dict[str, object]:
    """Return the evidence that a row of the table uses."""
    heading = {"heading_deg": truth.heading_deg} if kind in {"heading", "both"} else {}
    return heading | ({"name_hint": truth.hint} if kind in {"name", "both"} else {})


def simulated(small: bool) -> pd.DataFrame:
    """Run every network, law and kind of evidence."""
    rows = []
    for city, streets in networks():
        frame = blocks.build(streets, names=NAMES)
        index, shapes = BlockIndex.of(frame, names=NAMES), frame.geometry.to_numpy()
        tree = STRtree(shapes)
        truth = simulate(index, shapes, N_SMALL if small else N_FULL, np.random.default_rng(SEED))
        for number, (law, draw) in enumerate(LAWS.items()):
            xy = draw(truth, np.random.default_rng([SEED, number]))
            nearest = tree.nearest(shapely.points(xy))
            rows.append(
                {
                    "network": city,
                    "error": law,
                    "evidence": "nearest line",
                    "block right": float((nearest == truth.block).mean()),
                    "street right": float((index.name[nearest] == index.name[truth.block]).mean()),
                }
            )
            for kind in EVIDENCE:
                placed = index.place_metres(xy, truth.sd_m, **_evidence(kind, truth))
                rows.append({"network": city, "error": law, "evidence": kind} | _row(placed, truth, index))
    return pd.DataFrame(rows)


def gate(table: pd.DataFrame) -> pd.DataFrame:
    """Hold the rows with both hints against the numbers of the gate."""
    both = table[table["evidence"] == "both"].set_index(["network", "error"])
    nearest = table[table["evidence"] == "nearest line"].set_index(["network", "error"])
    out = pd.DataFrame(index=both.index)
    out["ECE block <= 0.03"] = both["ECE block"]
    out["ECE side <= 0.03"] = both["ECE side"]
    out["right where sure"] = both["right there"]
    out["needed"] = [0.97 if law in HARDEST else 0.98 for _, law in both.index]
    out["sure >= 0.45"] = both["p >= 0.9"]
    out["points above nearest >= 6"] = 100 * (both["block right"] - nearest["block right"])
    out["holds"] = (
        (out["ECE block <= 0.03"] <= 0.03)
        & (out["ECE side <= 0.03"] <= 0.03)
        & (out["right where sure"] >= out["needed"])
        & (out["sure >= 0.45"] >= 0.45)
        & (out["points above nearest >= 6"] >= 6)
    )
    return out.reset_index()
