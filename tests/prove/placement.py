"""Placement under five error laws on real street networks, and against real addresses.

One parameter set (the defaults) for every network and every law.  Seeds and laws are declared here,
before any run.  The nearest line, as osmnx, PostGIS and `sjoin_nearest` answer, is measured on the same
findings in the same run.
"""

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

from data.demo import ground
from data.demo.names import Names
from data.demo.sizes import SIZES
from geo import blocks
from geo.assign import SOURCES, BlockIndex, Model, Placement, SourceError, fit_source
from geo.names import NameTable, normalise

SHARED = Path(__file__).parents[3] / "shared" / "data"
NAMES: NameTable = json.loads((Path(__file__).parents[2] / "data" / "street_names.json").read_text("utf-8"))

SEED = 20260401
DEMO_SEED = 1
N_FULL, N_SMALL = 40_000, 8_000
SD_M = (3.0, 6.0, 12.0)
OFFSET_M, OFFSET_SD_M, BEHIND_M = 5.0, 1.5, 1.5
HEADING_SHARE, HEADING_KAPPA = 0.7, 8.0
HINT_SHARE, HINT_WRONG = 0.4, 0.05
OUTLIER_SHARE, OUTLIER_M = 0.03, 150.0
SHIFT_SHARE, SHIFT_SD_M = 0.3, 12.0
EDGES = np.array([0.0, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 1.0])
EVIDENCE = ("none", "heading", "name", "both")
# What a method knows that is told how the findings were drawn: nothing can be right more often
ORACLE = Model(outlier_share=1e-9, tail_share=0.0, core=1.0, heading_noise=1e-6, name_share=0.002)

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
    rng = np.random.default_rng([DEMO_SEED, 0])
    yield "demo city, a district", ground.lay_out(SIZES["district"], 0, rng, Names(rng)).streets


def simulate(index: BlockIndex, frame: gpd.GeoDataFrame, n: int, rng: Rng) -> Truth:
    """Draw findings evenly along the streets, at a kerb, with heading and hint for some.

    The kerb is behind the carriageway where the source says how wide that is, else 5 m from the line.
    """
    shapes = frame.geometry.to_numpy()
    kerb = frame["width_m"].to_numpy(dtype=np.float64) / 2 + BEHIND_M
    kerb = np.where(np.isnan(kerb), OFFSET_M, kerb)
    share = index.length_m / index.length_m.sum()
    block = rng.choice(len(index), size=n, p=share)
    chainage = rng.random(n) * index.length_m[block]
    on = shapely.get_coordinates(shapely.line_interpolate_point(shapes[block], chainage))
    along = _direction(shapes[block], chainage, index.length_m[block])
    side = rng.choice([-1, 1], size=n)
    left = np.column_stack([-along[:, 1], along[:, 0]])
    offset = side * rng.normal(kerb[block], OFFSET_SD_M)
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
        index, tree = BlockIndex.of(frame, names=NAMES), STRtree(frame.geometry.to_numpy())
        truth = simulate(index, frame, N_SMALL if small else N_FULL, np.random.default_rng(SEED))
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
            known = bool(frame["width_m"].notna().all())
            told = {"offset_m": None if known else OFFSET_M, "offset_sd_m": OFFSET_SD_M, "model": ORACLE}
            placed = index.place_metres(xy, truth.sd_m, **_evidence("both", truth), **told)
            rows.append(
                {"network": city, "error": law, "evidence": "best possible"} | _row(placed, truth, index)
            )
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
    best = table[table["evidence"] == "best possible"].set_index(["network", "error"])
    out["best possible points"] = 100 * (best["block right"] - nearest["block right"])
    out["holds"] = (
        (out["ECE block <= 0.03"] <= 0.03)
        & (out["ECE side <= 0.03"] <= 0.03)
        & (out["right where sure"] >= out["needed"])
        & (out["sure >= 0.45"] >= 0.45)
        & (out["points above nearest >= 6"] >= 6)
    )
    return out.reset_index()


@dataclass(frozen=True)
class Compared:
    """Right answers of two methods about the same findings."""

    what: str
    nearest: NDArray[np.bool_]
    ours: NDArray[np.bool_]
    sure: NDArray[np.bool_]
    ambiguous: float
    outside: float

    def row(self) -> dict[str, object]:
        """Return shares, and the difference with the 95 % interval of paired shares."""
        n = len(self.ours)
        won, lost = int((self.ours & ~self.nearest).sum()), int((self.nearest & ~self.ours).sum())
        gain = (won - lost) / n
        half = 1.96 * np.sqrt((won + lost) / n - gain**2) / np.sqrt(n)
        low, high = wilson(self.ours[self.sure])
        return {
            "question": self.what,
            "n": n,
            "nearest line": float(self.nearest.mean()),
            "placement": float(self.ours.mean()),
            "gain": f"{100 * gain:+.2f} points ({100 * (gain - half):+.2f} to {100 * (gain + half):+.2f})",
            "won, lost": f"{won}, {lost}",
            "p >= 0.9": float(self.sure.mean()),
            "right there": f"{self.ours[self.sure].mean():.4f} ({low:.4f} to {high:.4f})",
            "ambiguous": self.ambiguous,
            "outside": self.outside,
        }


def _street_rows(
    what: str, index: BlockIndex, lonlat: Floats, keys: pd.Series, source: SourceError
) -> Compared:
    """Compare the street's name with the name in an address, which no method has seen."""
    placed = index.place(lonlat, source.sd_m, source=source)
    block, _ = index.nearest(index.projection.to_metres(lonlat))
    of_block = np.array([normalise(name, NAMES) for name in index.name], dtype=object)

    def right(numbers: NDArray[np.int64]) -> NDArray[np.bool_]:
        named = np.where(numbers >= 0, of_block[numbers], "")
        return np.asarray(named == keys.to_numpy(dtype=object))

    sure = np.nan_to_num(placed.p_block) >= 0.9
    return Compared(
        what,
        right(block),
        right(placed.block),
        sure,
        float(placed.ambiguous.mean()),
        float(placed.outside.mean()),
    )


def chicago_addresses() -> list[Compared]:
    """Violations and inspections: the street of the position against the street of the address."""
    folder = SHARED / "chicago"
    if not folder.is_dir():
        return []
    index = BlockIndex.of(
        blocks.build(gpd.read_file(folder / "streets_osm2014.gpkg"), names=NAMES), names=NAMES
    )
    rows = []
    for what, file, column in (
        ("violations", "sanitation_violations_to_2013", "Street_Address"),
        ("food inspections", "food_inspections_to_2013", "Address"),
    ):
        frame = pd.read_csv(folder / f"{file}.csv.gz", low_memory=False)
        frame = frame[frame["Latitude"].notna() & frame[column].notna()]
        street = frame[column].str.extract(r"^\s*\d+\s+(.*)$", expand=False).fillna("")
        keys = street.map({one: normalise(one, NAMES) for one in street.unique()})
        lonlat = frame[["Longitude", "Latitude"]].to_numpy(dtype=np.float64)
        fitted = fit_source(index, lonlat) or SOURCES["geocoded"]
        rows.append(_street_rows(f"Chicago {what}, as geocoded", index, lonlat, keys, SOURCES["geocoded"]))
        words = f"Chicago {what}, fitted ({fitted.offset_m:.1f} ± {fitted.offset_sd_m:.1f} m off the line)"
        rows.append(_street_rows(words, index, lonlat, keys, fitted))
    return rows


def cambridge_spaces() -> list[Compared]:
    """Parking spaces drawn at the kerb: their street, and the side of the street by compass."""
    folder = SHARED / "cambridge"
    if not folder.is_dir():
        return []
    lines = gpd.read_file(folder / "TRANS_Centerlines.geojson")
    frame = blocks.build(lines.assign(name=lines["Street"]), names=NAMES)
    index = BlockIndex.of(frame, names=NAMES)
    spaces = gpd.read_file(folder / "TRAFFIC_PublicHandicapParkingSpaces.geojson")
    spaces = spaces[spaces["StreetName"].notna() & spaces["SideOfStreet"].isin(list("NESW"))]
    lonlat = np.column_stack([spaces.geometry.x, spaces.geometry.y])
    keys = spaces["StreetName"].map(lambda name: normalise(name, NAMES))
    street = _street_rows("Cambridge parking spaces, street", index, lonlat, keys, SOURCES["map_tap"])
    return [street, _side_row(index, frame, lonlat, keys, spaces["SideOfStreet"])]


def _side_row(
    index: BlockIndex, frame: gpd.GeoDataFrame, lonlat: Floats, keys: pd.Series, compass: pd.Series
) -> Compared:
    """Compare the likelier side with the compass side in the register, where the street is right."""
    placed = index.place(lonlat, SOURCES["map_tap"].sd_m)
    names = np.array([normalise(name, NAMES) for name in placed.street_name], dtype=object)
    known = placed.placed & (names == keys.to_numpy(dtype=object))
    shapes = frame.geometry.to_numpy()[placed.block[known]]
    along = _direction(shapes, placed.chainage_m[known], shapely.length(shapes))
    left = np.column_stack([-along[:, 1], along[:, 0]])
    arrow = np.array([{"N": (0, 1), "S": (0, -1), "E": (1, 0), "W": (-1, 0)}[one] for one in compass[known]])
    truth = np.sign((left * arrow).sum(axis=1))
    on = shapely.get_coordinates(shapely.line_interpolate_point(shapes, placed.chainage_m[known]))
    off = np.sign((left * (index.projection.to_metres(lonlat)[known] - on)).sum(axis=1))
    return Compared(
        "Cambridge parking spaces, side (nearest: side of the line)",
        off == truth,
        placed.likelier_side[known] == truth,
        placed.p_side[known] >= 0.9,
        float(placed.ambiguous[known].mean()),
        float(placed.outside.mean()),
    )


def markdown(table: pd.DataFrame) -> str:
    """Return a frame as a markdown table, floats with four digits."""

    def cell(value: object) -> str:
        if isinstance(value, float):
            return "" if np.isnan(value) else f"{value:.4f}"
        return str(value)

    lines = ["| " + " | ".join(map(str, table.columns)) + " |", "|" + "---|" * len(table.columns)]
    lines += ["| " + " | ".join(cell(value) for value in row) + " |" for row in table.itertuples(index=False)]
    return "\n".join(lines)


def run(small: bool) -> str:
    """Return the report."""
    table = simulated(small)
    held = gate(table)
    addresses = pd.DataFrame([one.row() for one in [*chicago_addresses(), *cambridge_spaces()]])
    return "\n\n".join(
        [
            "# Placement: calibration, and real addresses",
            f"Seed {SEED}; {N_SMALL if small else N_FULL} findings per network, block by length, either kerb "
            f"at N({OFFSET_M}, {OFFSET_SD_M}) m ({BEHIND_M} m behind the carriageway where its width is "
            f"given), s from {SD_M} m and known; heading for {HEADING_SHARE:.0%} "
            f"(von Mises {HEADING_KAPPA:.0f}, either sense), name for {HINT_SHARE:.0%}, of which "
            f"{HINT_WRONG:.0%} random. One parameter set, the defaults, everywhere. ECE bins from 0; a "
            "finding called outside counts as p = 0 and wrong. *Best possible* is the same posterior told "
            "how the findings were drawn (kerb, no outliers, no tail): what nothing beats on normal errors.",
            "## The gate, both hints",
            markdown(held),
            f"{int(held['holds'].sum())} of {len(held)} rows hold. Where only the last number misses, *best "
            "possible points* says how much there was to win over the nearest line by heading and name.",
            "## Every row",
            markdown(table),
            "## Real addresses, never given to any method",
            markdown(addresses),
            "Nothing but the position was used. Names are equal after one normalisation table; all rows with "
            "coordinates and an address count, those outside the covered streets as wrong.",
        ]
    )
