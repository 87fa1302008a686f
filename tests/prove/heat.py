"""Heat along streets and on the plane: exactness against closed forms and peers, speed as ratios.

Seeds are declared here.  Speed is the smallest of three runs; peers run on the same data in the same
process, on a part of it where the whole would take minutes, and are scaled up to the whole.  Ratios are of
processor seconds: the machine may be shared.
"""

import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import geopandas as gpd
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse.linalg import expm_multiply
from scipy.stats import gaussian_kde, norm
from sklearn.neighbors import KernelDensity

from geo import blocks, heat
from geo.crs import Metres

SHARED = Path(__file__).parents[3] / "shared" / "data"
SEED = 20260407
SIGMA_M = 100.0
NETWORK_LIMIT_S, PLANE_LIMIT_S = 0.5, 0.2

Floats = NDArray[np.float64]


class Taken(NamedTuple):
    """Seconds of the quickest round by the clock, and of the thriftiest by the processor."""

    clock: float
    processor: float

    def told(self, limit_s: float, more: bool = True) -> str:
        clock, processor = (
            f"{'holds' if spent < limit_s and more else 'MISSED'}" for spent in (self.clock, self.processor)
        )
        return (
            f"{self.clock:.3f} s by the clock (limit {limit_s:g} s: {clock}), "
            f"{self.processor:.3f} s of the processor ({processor})"
        )


def taken(work: Callable[[], object], rounds: int = 3) -> Taken:
    clock, processor = [], []
    for _ in range(rounds):
        began, used = time.perf_counter(), time.process_time()
        work()
        clock.append(time.perf_counter() - began)
        processor.append(time.process_time() - used)
    return Taken(min(clock), min(processor))


def seconds(work: Callable[[], object], rounds: int = 3) -> float:
    return taken(work, rounds).processor


def row(*cells: object) -> str:
    return "| " + " | ".join(str(cell) for cell in cells) + " |"


def star_error(cell_m: float, n_steps: int) -> tuple[float, float, float, float]:
    """Return L1 error against the closed form on a star of four, mass error, least density, value at 8 m."""
    legs = pd.DataFrame({"start_node": [0] * 4, "end_node": [1, 2, 3, 4], "length_m": 1500.0})
    cut = heat.mesh(legs, cell_m)
    density = heat.diffusion(cut, SIGMA_M, n_steps).run(cut.place([0], [100.0]))
    error = 0.0
    normal = norm(scale=SIGMA_M)
    for leg in range(4):
        first, last = cut.first_cell[leg], cut.first_cell[leg + 1]
        nodes = np.concatenate([[cut.cell_from[first]], cut.cell_to[first:last]])
        along = np.arange(len(nodes)) * cut.cell_m[leg]
        other_way = normal.pdf(along + 100)
        exact = normal.pdf(along - 100) - 0.5 * other_way if leg == 0 else 0.5 * other_way
        error += np.trapezoid(np.abs(density[nodes] - exact), along)
    return (
        error,
        abs(density @ cut.length_m - 1),
        density.min() / density.max(),
        at_eight(cell_m / 40, n_steps),
    )


def at_eight(cell_m: float, n_steps: int) -> float:
    """Return the density at 8 m of a source at 10 m on the same leg, sigma 10 m (closed form 0.035157)."""
    legs = pd.DataFrame({"start_node": [0] * 4, "end_node": [1, 2, 3, 4], "length_m": 100.0})
    cut = heat.mesh(legs, cell_m)
    density = heat.diffusion(cut, 10.0, n_steps).run(cut.place([0], [10.0]))
    along = np.arange(1, len(cut.cell_to) // 4 + 1) * cut.cell_m[0]
    return float(np.interp(8.0, along, density[cut.cell_to[: len(along)]]))


def exactness() -> str:
    lines = [
        row("cells", "steps", "L1 error", "mass error", "least density / largest", "at 8 m (0.035157)"),
        row(*["---"] * 6),
    ]
    for cell_m, n_steps in ((20.0, 8), (10.0, 4), (10.0, 8), (5.0, 16)):
        error, lost, least, value = star_error(cell_m, n_steps)
        lines.append(
            row(f"{cell_m:g} m", n_steps, f"{error:.3%}", f"{lost:.1e}", f"{least:.1e}", f"{value:.6f}")
        )
    return "\n".join(lines)


def streets(small: bool) -> tuple[str, gpd.GeoDataFrame]:
    """Return the largest network that is there, as blocks."""
    path = SHARED / "chicago" / "streets_osm2014.gpkg"
    if path.exists():
        box = (-87.75, 41.85, -87.62, 41.95) if small else (-87.79, 41.80, -87.60, 41.98)
        return "Chicago", blocks.build(gpd.read_file(path, bbox=box))
    side = np.arange(60 if small else 120)
    along = [(i * 1000 + j, i * 1000 + j + 1) for i in side for j in side[:-1]]
    across = [(i * 1000 + j, (i + 1) * 1000 + j) for i in side[:-1] for j in side]
    ends = np.array(along + across)
    return "a square grid", pd.DataFrame({"start_node": ends[:, 0], "end_node": ends[:, 1], "length_m": 80.0})


def network(small: bool) -> str:
    name, frame = streets(small)
    cut = heat.mesh(frame, 10.0)
    wanted = 20_000 if small else 100_000
    cut = heat.mesh(frame, float(cut.length_m.sum()) / wanted if cut.n_nodes > wanted else 10.0)
    rng = np.random.default_rng(SEED)
    block = rng.choice(len(frame), 20_000, p=frame["length_m"] / frame["length_m"].sum())
    mass = cut.place(block, rng.random(20_000) * frame["length_m"].to_numpy()[block])
    factor_s = seconds(lambda: heat.diffusion(cut, SIGMA_M))
    prepared = heat.diffusion(cut, SIGMA_M)
    once = taken(lambda: prepared.run(mass), 7)
    run_s = once.processor
    root = np.sqrt(cut.length_m)
    begun = time.process_time()
    exact = expm_multiply(-(SIGMA_M**2) * prepared._generator, mass / root) / root
    peer_s = time.process_time() - begun
    density = prepared.run(mass)
    off = np.abs(density - exact) @ cut.length_m / mass.sum()
    least, lost = density.min() / density.max(), abs(density @ cut.length_m / mass.sum() - 1)
    return " ".join(
        [
            f"{name}: {len(frame):,} blocks, {cut.n_nodes:,} nodes, 20,000 findings, sigma {SIGMA_M:g} m.",
            f"One field after factoring {once.told(NETWORK_LIMIT_S, cut.n_nodes >= wanted * 0.9)};",
            f"factoring takes {factor_s / run_s:.1f} times,",
            f"scipy's expm_multiply {peer_s / run_s:.0f} times as long as the field.",
            f"L1 difference from expm_multiply {off:.3%}, mass error {lost:.1e},",
            f"least density {least:.1e} of the largest.",
        ]
    )


def plane(small: bool) -> str:
    n, side = (100_000, 300) if small else (1_000_000, 1000)
    rng = np.random.default_rng(SEED)
    points = Metres(rng.normal(side * 5, side * 1.2, (n, 2)))
    over = heat.grid((0, 0, side * 10, side * 10), 10)
    radius_m = 200.0

    def ours() -> Floats:
        return heat.planar(heat.pixel_counts(points, over), over.pixel_m, radius_m)

    once, density = taken(ours, 7), ours()
    ours_s = once.processor
    some = points[rng.choice(n, 20_000, replace=False)]
    row_of, column_of = rng.integers(side, size=(2, 500))
    at = np.column_stack([over.west + (column_of + 0.5) * 10, over.north - (row_of + 0.5) * 10])
    # a quartic kernel of radius r has the variance of a normal one of r / sqrt 8
    tree = KernelDensity(bandwidth=radius_m / np.sqrt(8), rtol=1e-2).fit(some)
    tree_s = seconds(lambda: tree.score_samples(at), 1) * side**2 / len(at)
    smooth = gaussian_kde(some.T, bw_method=radius_m / np.sqrt(8) / np.std(some))
    direct_s = seconds(lambda: smooth(at.T), 1) * side**2 / len(at)
    square = ((at[:, None] - points[None, :20_000]) ** 2).sum(-1) / radius_m**2
    kernel = 3 / np.pi / radius_m**2 * np.where(square < 1, (1 - square) ** 2, 0).sum(1)
    part = heat.planar(heat.pixel_counts(Metres(points[:20_000]), over), over.pixel_m, radius_m)
    off = np.abs(part[row_of, column_of] - kernel).max() / kernel.max()
    total = density.sum() * over.pixel_m**2 / n
    return " ".join(
        [
            f"{n:,} points to {side} x {side} pixels, radius {radius_m:g} m:",
            f"{once.told(PLANE_LIMIT_S)}. On 20,000 of the points, scaled to all pixels:",
            f"scikit-learn's KernelDensity {tree_s / ours_s:,.0f} times,",
            f"scipy's gaussian_kde {direct_s / ours_s:,.0f} times as long.",
            f"Largest difference from the direct sum {off:.2%} of the maximum;",
            f"total {total:.4f} of the points.",
        ]
    )


def run(small: bool) -> str:
    return "\n\n".join(
        [
            "# Heat",
            __doc__ or "",
            f"## Four streets from one crossing, sigma {SIGMA_M:g} m, against the closed form",
            exactness(),
            "## A city",
            network(small),
            "## The plane",
            plane(small),
        ]
    )
