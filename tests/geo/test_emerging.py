import numpy as np
import pandas as pd
import pytest
from scipy import stats

from geo import hotspots
from geo.errors import GeoError, MissingColumnError
from geo.hotspots.emerging import trend


def history(pattern: str, observed: list[float] | None = None, expected: float = 4.0) -> list[pd.DataFrame]:
    """One block; a letter per period: h hot, c not hot, - not observed."""
    found = observed or [20.0 if letter == "h" else 4.0 for letter in pattern]
    return [
        pd.DataFrame(
            {
                "block_id": ["a"],
                "hot": letter == "h",
                "observed_at_all": letter != "-",
                "observed": np.nan if letter == "-" else n,
                "expected": np.nan if letter == "-" else expected,
            }
        )
        for letter, n in zip(pattern, found, strict=True)
    ]


@pytest.mark.parametrize(
    ("pattern", "name"),
    [
        ("cccch", "new"),
        ("hhhhh", "persistent"),
        ("ccchh", "consecutive"),
        ("hchch", "recurring"),
        ("hhhhc", "past"),
        ("ccccc", "none"),
        ("hcccc", "none"),
        ("hhhh-", "not observed"),
        ("hh-hh", "persistent"),
        ("---ch", "new"),
        ("h", "new"),
    ],
)
def test_the_first_label_that_fits(pattern: str, name: str) -> None:
    assert hotspots.label(history(pattern))["label"].tolist() == [name]


@pytest.mark.parametrize("n", [3, 4, 6])
def test_a_lasting_hotspot_rises_or_falls_with_as_few_as_three_periods(n: int) -> None:
    rising = [12.0 * 1.8**period for period in range(n)]
    assert hotspots.label(history("h" * n, rising))["label"][0] == "rising"
    assert hotspots.label(history("h" * n, rising[::-1]))["label"][0] == "falling"


def test_what_more_patrols_find_is_no_trend() -> None:
    periods = [history("h", [4.0 * walked], walked)[0] for walked in (3.0, 6.0, 12.0, 24.0)]
    assert hotspots.label(periods)["label"][0] == "persistent"
    assert hotspots.label(history("hhhh", [12.0, 24.0, 48.0, 96.0], 6.0))["label"][0] == "rising"


def test_two_periods_make_no_trend_and_gaps_are_left_out() -> None:
    assert hotspots.label(history("hh", [10.0, 90.0]))["label"][0] == "persistent"
    assert hotspots.label(history("hh-hh", [10.0, 20.0, 0.0, 60.0, 110.0]))["label"][0] == "rising"


@pytest.mark.parametrize("phi", [0.0, 0.5], ids=["chance", "overdispersed"])
@pytest.mark.parametrize("n_periods", [3, 4, 6])
def test_where_nothing_changes_a_trend_is_called_at_about_its_level(n_periods: int, phi: float) -> None:
    rng = np.random.default_rng(20261128)
    expected = rng.gamma(4.0, 4.0, (n_periods, 6000))
    counts = rng.poisson(expected * (rng.gamma(1 / phi, phi, expected.shape) if phi else 1.0)).astype(float)
    _, p = trend(counts, expected)
    assert 0.02 < (p < 0.05).mean() < 0.07


def test_a_doubling_in_each_of_four_periods_is_seen_almost_always() -> None:
    rng = np.random.default_rng(7)
    counts = rng.poisson(4.0 * 2.0 ** np.arange(4)[:, None], (4, 500)).astype(float)
    slope, p = trend(counts, np.full((4, 500), 4.0))
    assert ((p < 0.05) & (slope > 0)).mean() > 0.95


def test_hours_nobody_was_out_have_no_rate() -> None:
    found = pd.DataFrame({"hour": np.repeat([7, 16, 100], [30, 30, 2])})
    out = pd.DataFrame({"hour": [7, 16, 16, 50], "effort_m": [1000.0, 4000, 1000, 3000]})
    week = hotspots.hour_of_week(found, out)
    assert len(week) == 168
    assert week.per_km[[7, 16, 50]].tolist() == [30, 6, 0]  # as many found, a fifth as bad
    assert week.loc[week.effort_km == 0, ["per_km", "low", "high"]].isna().all(axis=None)
    assert week.low[50] == 0 and week.high[50] == pytest.approx(-np.log(0.05) / 3)
    assert week.low[7] == pytest.approx(stats.chi2.ppf(0.05, 60) / 2)


def test_what_cannot_be_compared_is_refused() -> None:
    with pytest.raises(GeoError, match="no period"):
        hotspots.label([])
    with pytest.raises(GeoError, match="different blocks"):
        hotspots.label([*history("c"), history("c")[0].assign(block_id="b")])
    with pytest.raises(MissingColumnError, match="effort needs a column effort_m"):
        hotspots.hour_of_week(pd.DataFrame({"hour": []}), pd.DataFrame({"hour": []}))
    with pytest.raises(GeoError, match="0 to 167"):
        hotspots.hour_of_week(pd.DataFrame({"hour": [168]}), pd.DataFrame({"hour": [1], "effort_m": [1.0]}))
