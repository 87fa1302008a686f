import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from scipy import stats

from geo import hotspots, neighbours
from geo.errors import GeoError, MissingColumnError
from geo.hotspots.model import Exposure, fit
from geo.hotspots.noise import POISSON, Noise, _log_gamma, _log_inverse_gaussian
from geo.hotspots.tails import mid_p
from geo.neighbours import Neighbourhoods


def town(rows: int = 12, step_m: float = 100.0) -> gpd.GeoDataFrame:
    """Blocks of a square grid."""
    lines = []
    for i in range(rows):
        for j in range(rows - 1):
            lines.append([(j * step_m, i * step_m), ((j + 1) * step_m, i * step_m)])
            lines.append([(i * step_m, j * step_m), (i * step_m, (j + 1) * step_m)])
    blocks = gpd.GeoDataFrame(geometry=shapely.linestrings(lines), crs=32650)
    blocks["block_id"] = [f"b{number}" for number in range(len(lines))]
    blocks["length_m"] = blocks.length
    blocks["class"] = np.where(np.arange(len(lines)) % 2, "residential", "primary")
    return blocks


def walked(blocks: pd.DataFrame, passes: float | np.ndarray = 3.0) -> pd.DataFrame:
    return pd.DataFrame({"block_id": blocks["block_id"], "effort_m": passes * blocks["length_m"]})


def findings_of(blocks: pd.DataFrame, count: np.ndarray) -> pd.DataFrame:
    return pd.DataFrame({"block_id": np.repeat(blocks["block_id"].to_numpy(), count)})


def planted(seed: int, times: float = 4.0) -> tuple[gpd.GeoDataFrame, np.ndarray, np.ndarray]:
    """A town, its counts, and which blocks are `times` as bad as the others."""
    blocks, random = town(), np.random.default_rng(seed)
    spot = blocks.distance(shapely.Point(550, 550)).to_numpy() < 160
    return blocks, random.poisson(np.where(spot, times, 1.0)), spot


def test_a_planted_hotspot_is_found_where_it_is() -> None:
    reached, n_false, n_hot = [], 0, 0
    for seed in range(1, 9):
        blocks, count, spot = planted(seed)
        found = hotspots.find(findings_of(blocks, count), blocks, walked(blocks))
        reached.append(found.hot[spot].mean())
        far = blocks.distance(shapely.Point(550, 550)) > 160 + 250 + 100
        n_false, n_hot = n_false + found.hot[far].sum(), n_hot + found.hot.sum()
        assert (found.ratio_low[found.hot] > 1.0).all()
        assert ((found.ratio_low < found.ratio) & (found.ratio < found.ratio_high)).all()
    assert min(reached) > 0.9 and np.mean(reached) > 0.97
    assert n_false < 0.05 * n_hot


def test_streets_that_are_patrolled_more_are_not_hot() -> None:
    blocks, _, spot = planted(2)
    passes = np.where(spot, 12.0, 2.0)
    count = np.random.default_rng(2).poisson(0.4 * passes)
    found = hotspots.find(findings_of(blocks, count), blocks, walked(blocks, passes))
    assert not found.hot.any()
    raw = hotspots.getis_ord(count.astype(float), neighbours.find(blocks))
    assert (raw[spot] > 2).all()  # raw counts would have sent a team there


def test_saturated_patrols_do_not_make_hotspots_of_quiet_places() -> None:
    blocks, random = town(), np.random.default_rng(3)
    passes = np.exp(np.linspace(-2, 3, len(blocks)))
    count = random.poisson(passes**0.5)
    found = hotspots.find(findings_of(blocks, count), blocks, walked(blocks, passes))
    model = found.attrs["models"][0]
    assert model["elasticity_low"] < 0.55 and model["elasticity_high"] < 0.75
    assert not found.hot.any()


def test_blocks_without_effort_are_not_observed_and_never_cold() -> None:
    blocks, count, spot = planted(4)
    effort = walked(blocks, np.where(spot, 0.0, 3.0))
    found = hotspots.find(findings_of(blocks, count), blocks, effort)
    assert found.observed_at_all.tolist() == (~spot).tolist()
    assert (
        found.loc[spot, ["observed", "expected", "ratio", "ratio_low", "ratio_high", "p", "q"]]
        .isna()
        .all(axis=None)
    )
    assert not found.hot[spot].any()
    assert found.attrs["models"][0]["n_not_observed"] == count[spot].sum()
    assert found.block_observed[spot].sum() == count[spot].sum()


def test_observed_and_expected_are_totals_of_the_neighbourhood() -> None:
    blocks, count, _ = planted(5)
    found = hotspots.find(findings_of(blocks, count), blocks, walked(blocks), radius_m=150)
    near = neighbours.find(blocks, 150)
    assert found.observed.tolist() == near.sums(count.astype(float)).tolist()
    assert found.block_observed.tolist() == count.tolist()
    outside_ratio = found.expected / near.sums(found.block_expected.to_numpy())
    assert outside_ratio.between(0.85, 1.15).all()


def test_the_order_of_rows_does_not_matter() -> None:
    blocks, count, _ = planted(6)
    found = hotspots.find(findings_of(blocks, count), blocks, walked(blocks)).set_index("block_id")
    mixed = blocks.sample(frac=1, random_state=1)
    again = hotspots.find(
        findings_of(blocks, count).sample(frac=1, random_state=2), mixed, walked(blocks)[::-1]
    )
    assert again.index.tolist() == mixed.index.tolist()
    again = again.set_index("block_id").loc[found.index]
    for column in ("observed", "expected", "ratio", "p", "q"):
        assert np.allclose(again[column], found[column], rtol=1e-6), column


def test_candidates_of_one_finding_share_it() -> None:
    blocks, _, _ = planted(7)
    shared = pd.DataFrame(
        {"finding_id": [1, 1, 2], "block_id": ["b0", "b1", "b0"], "p_block": [0.7, 0.3, 0.9]}
    )
    found = hotspots.find(shared, blocks, walked(blocks), radius_m=0)
    assert found.observed[:2].tolist() == [1.6, 0.3]
    sure = shared.drop_duplicates("finding_id")  # the best block of each: a finding is a finding
    assert hotspots.find(sure, blocks, walked(blocks), radius_m=0).observed[0] == 2
    assert hotspots.find(shared.assign(weight=2.0), blocks, walked(blocks), radius_m=0).observed[0] == 4


def test_a_millionth_of_a_finding_is_no_hotspot() -> None:
    blocks, count, _ = planted(3)
    far = np.arange(len(blocks)) % 7 == 0
    weight = np.where(far, 1e-6, count.astype(float))
    shared = pd.DataFrame({"block_id": blocks["block_id"], "weight": weight})
    found = hotspots.find(shared, blocks, walked(blocks), radius_m=0).set_index("block_id")
    little = found[far]
    assert not little["hot"].any()
    assert (little["p"] > 0.4).all()
    # less than one finding lies between none and one
    alone = Neighbourhoods(np.arange(6), np.arange(5, dtype=np.int32), np.zeros(5))
    ones = np.ones(5)
    totals = np.array([0.0, 1e-9, 0.5, 1.0, 2.0])
    p = mid_p(alone, 1.5 * ones, ones, totals, scale=ones, spread=0 * ones, noise=POISSON)
    assert (np.diff(p) <= 1e-12).all()
    assert p[1] == pytest.approx(p[0])


def test_findings_on_blocks_that_nobody_knows_are_refused_with_how_many_and_which() -> None:
    blocks, count, _ = planted(8)
    strangers = pd.DataFrame({"block_id": ["v1-a", "v1-b", "v1-b", "v1-c", "v1-d", None]})
    both = pd.concat([findings_of(blocks, count), strangers])
    told = rf"^5 of {len(both)} findings are on none of the blocks \(v1-a, v1-b, v1-c, …\)"
    with pytest.raises(GeoError, match=told):
        hotspots.find(both, blocks, walked(blocks))
    with pytest.raises(GeoError, match=told):
        hotspots.find_many(both.assign(category="litter"), blocks=blocks, effort=walked(blocks))
    halves = both.assign(weight=0.5)
    with pytest.raises(GeoError, match=told):
        hotspots.find(halves, blocks, walked(blocks))


def test_findings_on_no_block_are_counted_apart() -> None:
    blocks, count, _ = planted(8)
    lost = pd.concat([findings_of(blocks, count), pd.DataFrame({"block_id": [None, None]})])
    found = hotspots.find(lost, blocks, walked(blocks))
    assert found.attrs["models"][0]["n_elsewhere"] == 2
    assert found.block_observed.sum() == count.sum()


def test_declared_exposure_stands_in_for_tracks() -> None:
    blocks, count, spot = planted(9)
    shops = pd.DataFrame({"block_id": blocks["block_id"], "exposure": blocks["length_m"]})
    found = hotspots.find(findings_of(blocks, count), blocks, shops)
    assert found.attrs["models"][0]["declared_exposure"]
    assert found.hot[spot].all()


def test_categories_and_radii_are_one_family() -> None:
    blocks, count, spot = planted(10)
    litter = findings_of(blocks, count).assign(category="litter")
    quiet = findings_of(blocks, np.ones(len(blocks), int)).assign(category="parking")
    found = hotspots.find_many(pd.concat([litter, quiet]), blocks, walked(blocks), radii_m=[100, 250])
    assert found.groupby(["category", "radius_m"]).size().tolist() == [len(blocks)] * 4
    assert not found.hot[found.category == "parking"].any()
    alone = hotspots.find(litter, blocks, walked(blocks))
    wide = found[(found.category == "litter") & (found.radius_m == 250)]
    assert wide.hot[np.tile(spot, 4)[wide.index]].mean() > 0.9
    assert (np.sort(wide.q.to_numpy())[-30:] >= np.sort(alone.q.to_numpy())[-30:] - 0.1).all()
    assert [model["category"] for model in found.attrs["models"]] == [
        "litter",
        "litter",
        "parking",
        "parking",
    ]


def test_no_findings_say_so() -> None:
    blocks = town(4)
    found = hotspots.find(pd.DataFrame({"block_id": []}), blocks, walked(blocks))
    assert (found.observed == 0).all() and (found.expected == 0).all()
    assert (found.p == 1).all() and not found.hot.any()


def test_no_effort_anywhere_leaves_nothing_observed() -> None:
    blocks, count, _ = planted(11)
    found = hotspots.find(findings_of(blocks, count), blocks, walked(blocks, 0.0))
    assert not found.observed_at_all.any() and not found.hot.any()
    assert found.attrs["models"][0]["n_not_observed"] == count.sum()
    nobody = pd.DataFrame({"block_id": [], "effort_m": []})
    assert not hotspots.find(findings_of(blocks, count), blocks, nobody).observed_at_all.any()


def test_one_block_has_nothing_to_be_compared_with() -> None:
    blocks = town(4)[:1]
    found = hotspots.find(pd.DataFrame({"block_id": ["b0"] * 50}), blocks, walked(blocks))
    assert not found.hot[0] and found.p[0] > 0.05


def test_no_blocks_give_no_rows() -> None:
    blocks = town(4)
    found = hotspots.find(pd.DataFrame({"block_id": ["b0"]}), blocks[:0], walked(blocks))
    assert len(found) == 0 and "hot" in found
    nothing = hotspots.find_many(pd.DataFrame({"block_id": [], "category": []}), blocks, walked(blocks))
    assert len(nothing) == 0 and "category" in nothing and nothing.attrs["models"] == []


def test_huge_counts_stay_finite() -> None:
    blocks, count, _ = planted(12)
    found = hotspots.find(findings_of(blocks, count).assign(weight=1e6), blocks, walked(blocks))
    assert np.isfinite(found[["expected", "ratio", "ratio_low", "ratio_high", "p", "q"]]).all(axis=None)


def test_a_class_without_any_finding_keeps_a_rate_above_nothing() -> None:
    blocks, random = town(), np.random.default_rng(13)
    count = np.where(blocks["class"] == "primary", 0, random.poisson(3.0, len(blocks)))
    found = hotspots.find(findings_of(blocks, count), blocks, walked(blocks))
    rate = found.block_expected.groupby(blocks["class"]).mean()
    assert 0 < rate["primary"] < 0.1 and 2.5 < rate["residential"] < 3.5
    assert not found.hot.any()


def test_one_block_inspected_a_thousand_times_does_not_set_the_level_of_the_town() -> None:
    blocks, count, _ = planted(14, times=1.0)
    passes = np.full(len(blocks), 3.0)
    passes[0], count[0] = 3000.0, 3000
    found = hotspots.find(findings_of(blocks, count), blocks, walked(blocks, passes))
    far = blocks.distance(blocks.geometry[0]) > 500
    assert (found.observed[far].sum() / found.expected[far].sum()) == pytest.approx(1, abs=0.1)


def test_one_crowded_block_does_not_set_the_level_of_the_town() -> None:
    blocks, count, _ = planted(15, times=1.0)
    count[0] = 100_000
    found = hotspots.find(findings_of(blocks, count), blocks, walked(blocks))
    far = blocks.distance(blocks.geometry[0]) > 500
    assert found.hot[0] and not found.hot[far].any()
    assert found.observed[far].sum() / found.expected[far].sum() == pytest.approx(1, abs=0.15)


@pytest.mark.parametrize("bad", [-1.0, np.nan, np.inf])
def test_effort_that_is_no_amount_is_refused(bad: float) -> None:
    blocks = town(4)
    effort = walked(blocks)
    effort.loc[2, "effort_m"] = bad
    with pytest.raises(GeoError, match="row 2: an effort of"):
        hotspots.find(pd.DataFrame({"block_id": []}), blocks, effort)


def test_what_is_missing_or_doubled_is_named() -> None:
    blocks = town(4)
    none = pd.DataFrame({"block_id": []})
    with pytest.raises(MissingColumnError, match="effort needs a column effort_m"):
        hotspots.find(none, blocks, pd.DataFrame({"block_id": ["b0"]}))
    with pytest.raises(MissingColumnError, match="findings need a column block_id"):
        hotspots.find(pd.DataFrame(), blocks, walked(blocks))
    with pytest.raises(MissingColumnError, match="findings need a column kind"):
        hotspots.find_many(none, blocks, walked(blocks), category="kind")
    with pytest.raises(MissingColumnError, match="blocks need a column block_id"):
        hotspots.find(none, blocks.drop(columns="block_id"), walked(blocks))
    with pytest.raises(GeoError, match="block b0 occurs twice"):
        hotspots.find(none, pd.concat([blocks, blocks[:1]]), walked(blocks))
    with pytest.raises(GeoError, match="no block of the effort"):
        hotspots.find(none, blocks, pd.DataFrame({"block_id": ["x"], "effort_m": [1.0]}))
    with pytest.raises(GeoError, match=r"row 0: a weight of -1\.0"):
        hotspots.find(pd.DataFrame({"block_id": ["b0"], "weight": [-1.0]}), blocks, walked(blocks))


def exact_mid_p(laws: list[np.ndarray], observed: int) -> float:
    total = np.ones(1)
    for law in laws:
        total = np.convolve(total, law)[:1500]
    return float(total[observed + 1 :].sum() + total[observed] / 2)


@pytest.mark.parametrize("phi", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("heavy", [False, True])
def test_the_tail_agrees_with_the_exact_sum(phi: float, heavy: bool) -> None:
    random, counts = np.random.default_rng(17), np.arange(600.0)
    log_law = _log_inverse_gaussian if heavy else _log_gamma
    for _ in range(6):
        mu = random.lognormal(0, 1, 12)
        laws = [
            stats.poisson.pmf(counts, m)
            if phi == 0
            else np.exp([log_law(y, m, phi) for y in counts] - np.cumsum(np.log(np.maximum(counts, 1))))
            for m in mu
        ]
        sd = np.sqrt(mu.sum() + phi * (mu**2).sum())
        for observed in {0, 1, int(mu.sum()), int(mu.sum() + 2 * sd), int(mu.sum() + 5 * sd)}:
            near = Neighbourhoods(np.array([0, 12]), np.arange(12, dtype=np.int32), np.zeros(12))
            noise = Noise(np.full(1, phi), np.array([heavy]), np.ones(1))
            one = np.ones(1)
            p = mid_p(near, mu, np.ones(12), observed * one, scale=one, spread=0 * one, noise=noise)[0]
            exact = exact_mid_p(laws, observed)
            # under the heavy law only what looks unlikely is worth an integral
            assert abs(np.log(p / exact)) < (0.05 if p < 0.02 or not heavy else 0.4), (observed, p, exact)


def test_what_is_not_known_of_the_mean_fattens_the_tail() -> None:
    near = Neighbourhoods(np.array([0, 1]), np.array([0], np.int32), np.zeros(1))
    one = np.ones(1)
    p = mid_p(near, 5 * one, one, 20 * one, scale=one, spread=0.2 * one, noise=POISSON)[0]
    mixed = stats.nbinom(5, 5 / (5 + 5))  # Poisson of mean 5 under a gamma factor of variance 0.2
    assert p == pytest.approx(mixed.sf(20) + mixed.pmf(20) / 2, rel=0.02)


def test_the_fit_finds_what_made_the_counts() -> None:
    random, n = np.random.default_rng(19), 20_000
    exposure = Exposure(random.uniform(30, 300, n), random.lognormal(1, 1, n), random.integers(3, size=n))
    effect = np.array([0.5, 1.0, 2.0])[exposure.block_class]
    mu = 0.004 * exposure.length_m**0.8 * exposure.passes**0.6 * effect
    fitted = fit(random.poisson(mu * random.gamma(2.0, 0.5, n)).astype(float), exposure)
    assert np.corrcoef(np.log(fitted.expected), np.log(mu))[0, 1] > 0.995
    low, high = fitted.elasticity()[1:]
    assert low < 0.6 < high and high - low < 0.1
    assert fitted.noise.interval()[0] < 0.5 < fitted.noise.interval()[1]
    assert fitted.noise.weight[fitted.noise.heavy].sum() < 0.1


def test_lognormal_scatter_is_recognised_as_heavy() -> None:
    random, n = np.random.default_rng(23), 5000
    exposure = Exposure(np.full(n, 100.0), np.full(n, 3.0), np.zeros(n, np.int64))
    count = random.poisson(3 * np.exp(random.normal(-0.5, 1, n))).astype(float)
    assert fit(count, exposure).noise.heavy.all()


# Ord and Getis (1995): six points, neighbours within 15
POINTS = np.array([(10, 10), (20, 10), (40, 10), (15, 20), (30, 20), (30, 30)], float)


def six_points() -> Neighbourhoods:
    gap = np.hypot(*(POINTS[:, None] - POINTS[None]).transpose(2, 0, 1))
    rows, members = np.nonzero(gap <= 15)
    offsets = np.concatenate([[0], np.cumsum(np.bincount(rows))])
    return Neighbourhoods(offsets, members.astype(np.int32), gap[rows, members])


def test_getis_ord_gives_the_published_values() -> None:
    y = np.array([2, 3, 3.2, 5, 8, 7])
    gi = [-1.01367290, -0.04361589, 1.31558703, -0.31412676, 1.15373986, 1.77833941]
    star = [-1.39727626, -0.28917762, 0.65064964, -0.28917762, 1.23452088, 2.02424331]
    assert np.allclose(hotspots.getis_ord(y, six_points(), star=False), gi, atol=1e-8)
    assert np.allclose(hotspots.getis_ord(y, six_points()), star, atol=1e-8)


def test_marshall_local_rates_agree_with_spdep() -> None:
    cases, at_risk = np.array([1, 5, 0, 3, 9, 2.0]), np.array([10, 20, 5, 30, 25, 8.0])
    local = [0.1500000, 0.2156218, 0.2489564, 0.1956650, 0.2612581, 0.3333333]
    assert np.allclose(hotspots.marshall(cases, at_risk, six_points()), local, atol=1e-7)


def test_a_city_tested_in_shares_is_tested_as_if_in_one(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(3)
    n = 2_500
    street = pd.DataFrame({"start_node": range(n), "end_node": range(1, n + 1), "length_m": 100.0})
    near = neighbours.find(street, 250)
    mu, one = rng.gamma(2.0, 0.5, n), np.ones(n)
    noise = Noise(np.array([0.1, 0.6]), np.array([False, True]), np.array([0.5, 0.5]))
    seen = near.sums(rng.poisson(mu).astype(float))
    shared = mid_p(near, mu, one, seen, scale=one, spread=0.1 * one, noise=noise)
    monkeypatch.setattr("geo.hotspots.tails.FEW", n + 1)
    assert np.array_equal(shared, mid_p(near, mu, one, seen, scale=one, spread=0.1 * one, noise=noise))


def test_in_a_small_town_all_of_it_as_usual_is_no_hotspot() -> None:
    lanes = pd.DataFrame({"block_id": range(8), "start_node": 0, "end_node": range(1, 9), "length_m": 120.0})
    found = hotspots.find(
        pd.DataFrame({"block_id": range(8)}), lanes, lanes[["block_id"]].assign(effort_m=240.0)
    )
    assert not found["hot"].any()
    assert (found["q"] >= found["p"]).all()
