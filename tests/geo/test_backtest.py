import itertools

import numpy as np
import pytest

from geo import backtest
from geo.backtest import History
from geo.errors import GeoError


def test_accuracy_of_everything_is_one() -> None:
    assert backtest.prediction_accuracy(40, 40, 9000, 9000) == 1
    assert np.isnan(backtest.prediction_accuracy(0, 0, 10, 100))
    assert np.isnan(backtest.prediction_accuracy(0, 5, 0, 100))


@pytest.mark.parametrize("seed", range(10))
def test_no_choice_of_the_same_length_beats_the_best(seed: int) -> None:
    random = np.random.default_rng(seed)
    count, length_m = random.poisson(2, 7).astype(float), random.integers(1, 9, 7).astype(float)
    for picked in itertools.product([False, True], repeat=7):
        chosen = np.array(picked)
        efficiency = backtest.prediction_efficiency(chosen, count, length_m)
        assert np.isnan(efficiency) or efficiency <= 1 + 1e-12


def test_the_worst_blocks_per_metre_are_efficient() -> None:
    count, length_m = np.array([5.0, 4, 0, 1]), np.array([10.0, 10, 10, 10])
    assert backtest.prediction_efficiency(np.array([1, 1, 0, 0], bool), count, length_m) == 1


def test_inverse_probabilities_correct_for_who_is_visited() -> None:
    random = np.random.default_rng(4)
    rate = random.gamma(1, 5, 400)
    chance = np.clip(rate / 20, 0.05, 1)
    plain, weighted = [], []
    for _ in range(300):
        effort = np.where(random.random(400) < chance, 1000.0, 0.0)
        count = random.poisson(rate) * (effort > 0)
        everywhere = np.ones(400, bool)
        plain.append(backtest.found_per_km(everywhere, count, effort))
        weighted.append(backtest.found_per_km(everywhere, count, effort, chance))
    assert np.mean(plain) > 1.4 * rate.mean()
    assert np.mean(weighted) == pytest.approx(rate.mean(), rel=0.03)


def test_a_forecast_never_sees_the_period_it_is_tested_on() -> None:
    seen = []

    def spy(counts: np.ndarray, effort_m: np.ndarray) -> np.ndarray:
        seen.append((len(counts), len(effort_m)))
        return counts[-1]

    history = History(np.ones((6, 4)), np.ones((6, 4)), np.ones(4))
    tested = backtest.rolling_origin(history, {"spy": spy}, share=0.5, first=2)
    assert seen == [(2, 2), (3, 3), (4, 4), (5, 5)]
    assert tested.period.tolist() == [2, 3, 4, 5]


def test_a_choice_stays_within_the_length() -> None:
    random = np.random.default_rng(5)
    for _ in range(50):
        length_m = random.uniform(10, 300, 40)
        chosen = backtest.choose(random.random(40), length_m, 0.2)
        assert length_m[chosen].sum() <= 0.2 * length_m.sum() * (1 + 1e-9)
    assert backtest.choose(np.ones(3), np.ones(3), 1.0).all()


def test_the_moving_average_forgets_by_halves() -> None:
    counts = np.array([[0.0], [0.0], [7.0]])
    assert backtest.moving_average(0.5)(counts, counts) == pytest.approx([4.0])


def patrolled_city(seed: int) -> History:
    """Patrols keep to their streets, the trouble lies elsewhere: counts repeat the patrols."""
    random = np.random.default_rng(seed)
    rate = random.gamma(0.7, 0.5, 300)
    habit = np.exp(random.normal(0, 1.2, 300))
    effort = 100.0 * random.poisson(habit, (10, 300))
    effort[-5:] = 100.0 * random.poisson(2, (5, 300))  # the test periods are patrolled evenly
    return History(random.poisson(rate * effort / 100).astype(float), effort, np.full(300, 100.0))


def test_correcting_for_patrols_finds_more_than_repeating_them() -> None:
    forecasts = {
        "last": backtest.last_period,
        "mean": backtest.moving_average(),
        "ours": backtest.patrol_corrected(np.full(300, 100.0)),
    }
    runs = [backtest.rolling_origin(patrolled_city(seed), forecasts, share=0.1, first=5) for seed in range(6)]
    first = [run[run.period == 5].set_index("forecast") for run in runs]
    per_km = sum(run.found_per_km for run in first) / len(first)
    assert per_km["ours"] > per_km["last"] and per_km["ours"] > per_km["mean"]


def test_blocks_nobody_saw_get_what_their_kind_suggests() -> None:
    counts = np.array([[8.0, 0, 0, 0], [8.0, 0, 0, 0]])
    effort = np.array([[200.0, 200, 200, 0], [200.0, 200, 200, 0]])
    score = backtest.patrol_corrected(np.full(4, 100.0))(counts, effort)
    assert score[0] > score[3] > score[1]


def test_nothing_found_forecasts_nothing() -> None:
    forecast = backtest.patrol_corrected(np.ones(3))
    assert forecast(np.zeros((2, 3)), np.ones((2, 3))).tolist() == [0, 0, 0]
    assert forecast(np.ones((2, 3)), np.zeros((2, 3))).tolist() == [0, 0, 0]


@pytest.mark.parametrize(("share", "first"), [(0, 1), (1.5, 1), (0.1, 0), (0.1, 5)])
def test_what_cannot_be_tested_is_refused(share: float, first: int) -> None:
    history = History(np.ones((5, 2)), np.ones((5, 2)), np.ones(2))
    with pytest.raises(GeoError):
        backtest.rolling_origin(history, {"last": backtest.last_period}, share=share, first=first)


def test_shapes_that_do_not_fit_are_refused() -> None:
    with pytest.raises(GeoError, match="different blocks or periods"):
        backtest.rolling_origin(History(np.ones((5, 2)), np.ones((5, 3)), np.ones(2)), {})
