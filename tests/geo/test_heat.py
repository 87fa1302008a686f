import numpy as np
import pandas as pd
import pytest
from scipy.linalg import expm
from scipy.stats import norm

from geo import heat
from geo.crs import Metres
from geo.errors import GeoError


def star(n: int = 4, length_m: float = 100.0) -> pd.DataFrame:
    return pd.DataFrame({"start_node": [0] * n, "end_node": range(1, n + 1), "length_m": length_m})


def tangle(seed: int, n: int = 60) -> pd.DataFrame:
    """Random blocks, with loops, parallel ones, very short ones and separate parts."""
    random = np.random.default_rng(seed)
    nodes = random.integers(n // 2, size=(2, n))
    length_m = random.choice([0.3, 12.0, 75.0, 400.0], n)
    return pd.DataFrame({"start_node": nodes[0], "end_node": nodes[1], "length_m": length_m})


def at(cut: heat.Mesh, density: np.ndarray, block: int, chainage_m: float) -> float:
    first = cut.first_cell[block]
    nodes = [cut.cell_from[first], *cut.cell_to[first : cut.first_cell[block + 1]]]
    return float(np.interp(chainage_m, np.arange(len(nodes)) * cut.cell_m[block], density[nodes]))


def test_a_star_of_four_streets_gives_the_closed_form() -> None:
    cut = heat.mesh(star(), cell_m=0.25)
    density = heat.diffusion(cut, sigma_m=10, n_steps=32).run(cut.place([0], [10.0]))
    near, far = norm(scale=10).pdf(2), norm(scale=10).pdf(18)
    assert at(cut, density, 0, 8) == pytest.approx(near - 0.5 * far, rel=1e-3)  # 0.035157
    assert at(cut, density, 2, 8) == pytest.approx(0.5 * far, rel=1e-3)  # 0.0039475


@pytest.mark.parametrize("n_legs", [1, 2, 3, 5])
def test_heat_divides_equally_and_reflects_at_dead_ends(n_legs: int) -> None:
    cut = heat.mesh(star(n_legs), cell_m=0.5)
    density = heat.diffusion(cut, sigma_m=10, n_steps=16).run(cut.place([0], [10.0]))
    near, far = norm(scale=10).pdf(2), norm(scale=10).pdf(18)
    assert at(cut, density, 0, 8) == pytest.approx(near + (2 / n_legs - 1) * far, rel=0.005)
    for leg in range(1, n_legs):
        assert at(cut, density, leg, 8) == pytest.approx(2 / n_legs * far, rel=0.005)


def test_the_steps_agree_with_the_matrix_exponential() -> None:
    cut = heat.mesh(tangle(3), cell_m=20)
    prepared = heat.diffusion(cut, sigma_m=80, n_steps=8)
    mass = cut.place([0, 7, 30], [1.0, 5.0, 0.0], [1.0, 2.0, 0.5])
    root = np.sqrt(cut.length_m)
    exact = expm(-(80.0**2) * prepared._generator.toarray()) @ (mass / root) / root
    assert np.abs(prepared.run(mass) - exact) @ cut.length_m < 0.002 * mass.sum()


@pytest.mark.parametrize("seed", range(8))
def test_nothing_is_lost_and_nothing_is_negative(seed: int) -> None:
    cut, random = heat.mesh(tangle(seed), cell_m=10), np.random.default_rng(seed)
    mass = np.zeros((cut.n_nodes, 30))
    mass[random.integers(cut.n_nodes, size=30), range(30)] = 1.0
    density = heat.diffusion(cut, sigma_m=60).run(mass)
    assert np.abs(cut.length_m @ density - 1).max() < 1e-12
    assert density.min() >= -1e-9 * density.max()


def test_heat_flows_as_well_back_as_forth() -> None:
    cut = heat.mesh(tangle(2), cell_m=10)
    prepared = heat.diffusion(cut, sigma_m=60)
    there = prepared.run(np.eye(cut.n_nodes)[:, 3])[40]
    back = prepared.run(np.eye(cut.n_nodes)[:, 40])[3]
    assert there == pytest.approx(back, rel=1e-9)


def test_evenly_spread_effort_stays_even() -> None:
    blocks = tangle(5)
    cut = heat.mesh(blocks, cell_m=10)
    density = heat.diffusion(cut, sigma_m=50).run(cut.spread(2 * blocks["length_m"]))
    assert np.allclose(density, 2.0)
    assert np.allclose(cut.by_block(density), 2.0)


def test_a_network_without_streets_has_no_heat() -> None:
    none = pd.DataFrame({"start_node": [], "end_node": [], "length_m": []})
    assert heat.mesh(none, 10).n_nodes == 0


def test_a_closed_street_carries_heat_round() -> None:
    loop = pd.DataFrame({"start_node": [0], "end_node": [0], "length_m": [30.0]})
    cut = heat.mesh(loop, cell_m=100)
    density = heat.diffusion(cut, sigma_m=500).run(cut.place([0], [10.0]))
    assert np.allclose(density, 1 / 30)


@pytest.mark.parametrize(("sigma_m", "n_steps"), [(0, 8), (-1, 8), (np.nan, 8), (10, 1)])
def test_what_cannot_be_smoothed_is_refused(sigma_m: float, n_steps: int) -> None:
    with pytest.raises(GeoError):
        heat.diffusion(heat.mesh(star(), 10), sigma_m, n_steps)


def test_a_cell_without_length_is_refused() -> None:
    with pytest.raises(GeoError, match="the cells must have a length"):
        heat.mesh(star(), 0)


def test_the_same_place_lies_in_the_same_pixel_on_every_grid() -> None:
    one, two = heat.grid((3, 4, 95, 88), 10), heat.grid((-37, 11, 61, 140), 10)
    assert (one.west - two.west) % 10 == 0 and (one.north - two.north) % 10 == 0
    west, south, east, north = one.bounds
    assert west <= 3 and south <= 4 and east >= 95 and north >= 88


def test_pixel_counts_agree_with_a_histogram() -> None:
    random, over = np.random.default_rng(0), heat.grid((0, 0, 500, 300), 25)
    points, weight = Metres(random.uniform(-50, 550, (5000, 2))), random.random(5000)
    counts = heat.pixel_counts(points, over, weight)
    rows = np.arange(0, 301, 25)
    plain, _, _ = np.histogram2d(points[:, 1], points[:, 0], [rows, np.arange(0, 501, 25)], weights=weight)
    assert np.allclose(counts, plain[::-1])


def test_planar_density_agrees_with_direct_sums() -> None:
    random = np.random.default_rng(1)
    counts = random.poisson(0.05, (60, 80)).astype(float)
    density = heat.planar(counts, pixel_m=5, radius_m=60)
    rows, columns = np.nonzero(counts)
    row, column = np.indices(counts.shape)
    square = ((row[..., None] - rows) ** 2 + (column[..., None] - columns) ** 2) * 25 / 60**2
    direct = (3 / np.pi / 60**2 * np.where(square < 1, (1 - square) ** 2, 0) * counts[rows, columns]).sum(-1)
    assert np.abs(density - direct).max() < 0.002 * direct.max()
    assert density.min() >= 0


def test_a_radius_below_a_pixel_keeps_the_counts() -> None:
    counts = np.arange(12.0).reshape(3, 4)
    assert np.allclose(heat.planar(counts, pixel_m=10, radius_m=4) * 100, counts)


def test_a_box_that_is_no_box_is_refused() -> None:
    with pytest.raises(GeoError, match="no grid"):
        heat.grid((10, 0, 0, 10), 5)
