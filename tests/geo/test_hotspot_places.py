"""From p per block to q per place, and what a neighbourhood may not say about itself."""

import numpy as np
import pandas as pd
import pytest

from geo import neighbours
from geo.hotspots.family import Question, _outside, false_discovery
from geo.hotspots.model import Exposure, fit
from geo.hotspots.noise import likely, outside
from geo.hotspots.places import Places, alike, false_places, grow, independent
from geo.neighbours import Neighbourhoods


def street(n: int, radius_m: float = 250.0) -> Neighbourhoods:
    blocks = pd.DataFrame({"start_node": range(n), "end_node": range(1, n + 1), "length_m": 100.0})
    return neighbours.find(blocks, radius_m)


def apart(p: np.ndarray, near: Neighbourhoods) -> Places:
    """Grow places of blocks each of which is worth a test of its own."""
    return grow(p, near, np.zeros(len(near.members)), len(p))


def test_without_neighbours_places_are_blocks() -> None:
    rng = np.random.default_rng(1)
    p = np.concatenate([rng.random(400), rng.random(20) * 1e-3])
    q = false_places([apart(p, street(len(p), 0.0))])[0]
    assert np.allclose(q, false_discovery(p))


def test_a_large_hotspot_buys_no_flags_elsewhere() -> None:
    p = np.full(1000, 0.5)
    p[100:140], p[700] = 1e-8, 1e-3
    assert false_discovery(p)[700] < 0.05
    q = false_places([apart(p, street(len(p)))])[0]
    assert (q[100:140] < 0.001).all()
    assert q[700] > 0.3


def test_many_places_help_each_other_as_many_blocks_do() -> None:
    p = np.full(1000, 0.5)
    alone = p.copy()
    alone[50] = 4e-4
    p[50:1000:50] = 4e-4
    near = street(len(p))
    assert false_places([apart(alone, near)])[0][50] > 0.3
    assert false_places([apart(p, near)])[0][50] < 0.05


def test_neighbours_vouch_for_each_other() -> None:
    p, near = np.full(300, 0.5), street(300)
    p[150] = 1e-3
    lone = apart(p, near).chance[150]
    p[149], p[151] = 1.1e-3, 1.2e-3
    assert apart(p, near).chance[150] == pytest.approx(300 * 1.2e-3 / 3)
    assert lone == pytest.approx(0.3)


def test_a_block_is_never_less_conspicuous_than_its_own_p_says() -> None:
    rng = np.random.default_rng(2)
    p, near = rng.random(500) ** 2, street(500)
    chance = apart(p, near).chance
    assert (chance <= 500 * p).all()
    assert (chance >= false_discovery(p) - 1e-12).all()


def test_overlapping_neighbourhoods_are_worth_fewer_tests() -> None:
    near = [street(400, radius_m) for radius_m in (0.0, 250.0, 1000.0, 4000.0)]
    worth = [independent(one, alike(one, 1e-4)) for one in near]
    assert worth[0] == pytest.approx(400)
    assert (np.diff(worth) < 0).all()
    # never fewer than neighbourhoods that share nothing
    assert worth[1] > 400 / 5


def test_worth_in_tests_is_what_normal_totals_show() -> None:
    near, level = street(400), 2e-3
    totals = near.sums(np.random.default_rng(3).standard_normal((400, 4000)))
    deviates = totals / np.sqrt(np.diff(near.offsets))[:, None]
    any_beyond = (deviates > 2.878).any(axis=0).mean()
    assert any_beyond < 1.1 * level * independent(near, alike(near, level)) < level * 400


def test_a_hamlet_is_one_test_however_many_blocks_it_has() -> None:
    hamlets = neighbours.find(
        pd.DataFrame({"start_node": np.repeat(range(30), 12), "end_node": range(100, 460), "length_m": 20.0})
    )
    both = alike(hamlets, 1e-3)
    n_tests = independent(hamlets, both)
    assert n_tests == pytest.approx(30)
    p = np.repeat(np.linspace(0.004, 0.9, 30), 12)
    assert grow(p, hamlets, both, n_tests).chance[0] == pytest.approx(30 * 0.004)


def test_what_a_place_is_worth_does_not_depend_on_how_finely_its_streets_are_cut() -> None:
    found = {}
    for cut in (1, 4):
        n = 60 * cut
        blocks = pd.DataFrame({"start_node": range(n), "end_node": range(1, n + 1), "length_m": 100.0 / cut})
        near = neighbours.find(blocks, 250.0)
        both = alike(near, 1e-4)
        p = np.where(np.abs((np.arange(n) + 0.5) / cut - 30) < 3, 1e-3, 0.5)
        found[cut] = grow(p, near, both, independent(near, both)).chance.min()
    assert found[4] == pytest.approx(found[1], rel=0.25)


def test_a_hotspot_says_nothing_about_how_much_counts_scatter() -> None:
    rng, near = np.random.default_rng(4), street(600)
    expected = np.full(600, 2.0)
    count = rng.poisson(expected * rng.gamma(2.0, 0.5, 600)).astype(float)
    count[298:303] = 10.0
    noise = likely(count, expected, (False,))
    weight = outside(noise, count, expected, near)
    without = np.abs(np.arange(600) - 300) > 2
    alone = likely(count[without], expected[without], (False,))
    assert weight[300] @ noise.phi < weight[100] @ noise.phi
    assert weight[300] @ noise.phi == pytest.approx(alone.mean_phi, rel=0.1)
    assert np.allclose(weight.sum(axis=1), 1.0)


def test_the_level_due_is_that_of_a_fit_without_the_neighbourhood() -> None:
    rng, near = np.random.default_rng(5), street(500)
    passes = np.exp(np.linspace(-1.0, 3.0, 500))
    exposure = Exposure(np.full(500, 100.0), passes, np.zeros(500, np.int64))
    mean = 0.005 * exposure.length_m * passes**0.7
    mean[450:455] *= 4.0
    question = Question(rng.poisson(mean * rng.gamma(2.0, 0.5, 500)).astype(float), near)
    every = np.ones(500, np.bool_)
    fitted = fit(question.count, exposure)
    without = every.copy()
    without[450:455] = False
    refitted = fit(question.count, exposure, without)
    level, _ = _outside(question, fitted, every)
    due = near.sums(refitted.expected)[452]
    assert near.sums(fitted.expected)[452] * level[452] == pytest.approx(due, rel=0.02)
    assert near.sums(fitted.expected)[452] > 1.02 * due
