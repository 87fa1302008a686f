import numpy as np
import pandas as pd
import pytest
from scipy import stats

from geo import hotspots
from geo.errors import GeoError, MissingColumnError
from geo.hotspots.emerging import mann_kendall


def history(pattern: str, p: list[float] | None = None) -> list[pd.DataFrame]:
    """One block; a letter per period: h hot, c not hot, - not observed."""
    values = p or [0.001 if letter == "h" else 0.5 for letter in pattern]
    return [
        pd.DataFrame({"block_id": ["a"], "hot": letter == "h", "observed_at_all": letter != "-", "p": value})
        for letter, value in zip(pattern, values, strict=True)
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


def test_a_lasting_hotspot_rises_or_falls_by_its_trend() -> None:
    rising = [10.0**-power for power in range(3, 10)]
    assert hotspots.label(history("hhhhhhh", rising))["label"][0] == "rising"
    assert hotspots.label(history("hhhhhhh", rising[::-1]))["label"][0] == "falling"


@pytest.mark.parametrize("seed", range(5))
def test_the_trend_agrees_with_kendalls_tau(seed: int) -> None:
    values = np.random.default_rng(seed).normal(size=(12, 3)) + np.linspace(0, 2, 12)[:, None]
    trend, _ = mann_kendall(values)
    assert trend == pytest.approx([stats.kendalltau(range(12), column).statistic for column in values.T])


def test_no_trend_is_called_at_about_its_level() -> None:
    _, p = mann_kendall(np.random.default_rng(1).normal(size=(10, 4000)))
    assert 0.03 < (p < 0.05).mean() < 0.06


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
