import concurrent.futures
from dataclasses import replace

import geopandas as gpd
import numba
import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate
from scipy.special import ndtr
from shapely import LineString, Point, STRtree

from geo import blocks
from geo.assign import (
    COLUMNS,
    SOURCES,
    BlockIndex,
    Model,
    Placement,
    SourceError,
    assign,
    candidates,
    fit_source,
    kernels,
    sd_of,
    warm_up,
)
from geo.errors import AccuracyError, CoordinateError, MissingColumnError, NoCRSError

UTM = "EPSG:32650"
PLAIN = Model(outlier_share=1e-12, tail_share=0.0, core=1.0)


def network(*lines: list[tuple[float, float]], **columns: list[object]) -> gpd.GeoDataFrame:
    ids = columns.pop("block_id", [f"{k:02d}" for k in range(len(lines))])
    shapes = [LineString(line) for line in lines]
    return gpd.GeoDataFrame({"block_id": ids, **columns}, geometry=shapes, crs=UTM)


def town(seed: int = 3, n: int = 6, gap: float = 90.0) -> gpd.GeoDataFrame:
    """Draw a crooked town with names, one-way streets and classes."""
    rng = np.random.default_rng(seed)
    x, y = np.meshgrid(np.arange(n) * gap, np.arange(n) * gap)
    node = np.stack([x, y], axis=-1) + rng.normal(0, 9, (n, n, 2)) + (500_000, 4_300_000)
    shapes = [LineString(node[k]) for k in range(n)] + [LineString(node[:, k]) for k in range(n)]
    names = [f"{word} {kind}" for kind in ("Street", "Avenue") for word in "ABCDEFGH"[:n]]
    streets = gpd.GeoDataFrame({"name": names, "one_way": ["no", "yes"] * n}, geometry=shapes, crs=UTM)
    return blocks.build(streets)


def somewhere(frame: gpd.GeoDataFrame, n: int, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).uniform(
        frame.total_bounds[:2] - 60, frame.total_bounds[2:] + 60, (n, 2)
    )


def density(index: BlockIndex, x: float, y: float) -> float:
    return float(kernels.rho_at(x, y, *index.arrays[-2:]))


def equal(one: object, other: object, rows: slice = slice(None)) -> bool:
    return all(
        getattr(one, part).tobytes() == getattr(other, part)[rows].tobytes() for part in ("floats", "ints")
    )


# --- the formula


def test_the_mass_between_the_ends_has_its_published_value() -> None:
    assert kernels.share(-3.0, 40.0, 6.0) == pytest.approx(0.308537538726, abs=1e-12)


@settings(deadline=None)
@given(st.floats(-400, 400), st.floats(0.01, 300), st.floats(3, 60))
def test_the_mass_is_a_difference_of_normal_tails_without_cancellation(
    t: float, length: float, s: float
) -> None:
    a, b = -t / s, (length - t) / s
    exact = ndtr(-a) - ndtr(-b) if a > 0 else ndtr(b) - ndtr(a)
    assert kernels.share(t, length, s) == pytest.approx(exact, rel=1e-6, abs=2e-12)


def test_far_beyond_an_end_the_mass_is_small_and_not_zero() -> None:
    assert kernels.share(-90.0, 50.0, 3.0) == pytest.approx(float(ndtr(-30.0)), rel=1e-9)
    assert kernels.share(140.0, 50.0, 3.0) == pytest.approx(float(ndtr(-30.0)), rel=1e-9)


def test_the_density_of_a_piece_is_the_integral_along_the_kerb() -> None:
    t, d, length, w, s, spread = 7.0, 2.0, 30.0, 5.0, 6.0, 1.5

    def seen(across: float, along: float) -> float:
        kerb = np.exp(-(((across - w) / spread) ** 2) / 2) / (spread * np.sqrt(2 * np.pi))
        return float(
            kerb * np.exp(-((t - along) ** 2 + (d - across) ** 2) / (2 * s * s)) / (2 * np.pi * s * s)
        )

    brute, _ = integrate.dblquad(seen, 0, length, w - 12, w + 12)
    left, right = kernels.piece_density(t, d, length, w, s, 20.0, spread, 0.0)
    assert left == pytest.approx(brute, rel=1e-6)
    assert right < left


@settings(deadline=None)
@given(st.floats(-30, 60), st.floats(3, 20))
def test_chainage_moments_are_those_of_the_cut_normal(t: float, s: float) -> None:
    grid = np.linspace(0, 30, 20_001)
    density = np.exp(-0.5 * ((grid - t) / s) ** 2)
    mean = np.trapezoid(grid * density, grid) / np.trapezoid(density, grid)
    variance = np.trapezoid((grid - mean) ** 2 * density, grid) / np.trapezoid(density, grid)
    if kernels.share(t, 30.0, s) > 1e-9:
        assert kernels.truncated(t, 30.0, s)[1:] == pytest.approx((mean, variance), rel=1e-3, abs=1e-3)


def test_halfway_between_two_parallel_streets_the_odds_are_even_and_the_smaller_id_wins() -> None:
    index = BlockIndex.of(network([(0, 0), (100, 0)], [(0, 30), (100, 30)], block_id=["b", "a"]))
    placed = index.place_metres([[50, 15]], 5.0)
    assert placed.block_id.tolist() == ["a"]
    assert placed.runner_up_block.tolist() == ["b"]
    assert placed.p_block[0] == pytest.approx(placed.runner_up_p[0], abs=1e-12)
    assert placed.p_block[0] * 2 + placed.p_none[0] == pytest.approx(1)
    assert placed.ambiguous[0] and not placed.outside[0]


def test_the_posterior_is_the_ratio_of_line_integrals() -> None:
    index = BlockIndex.of(network([(0, 0), (100, 0)], [(0, 20), (100, 20)]))
    placed = index.place_metres([[50, 6]], 5.0, model=PLAIN)
    r, w = np.hypot(5, 1.5), 3.25 + 1.5
    own = np.exp(-(((6 - np.array([-w, w])) / r) ** 2) / 2).sum()
    other = np.exp(-(((-14 - np.array([-w, w])) / r) ** 2) / 2).sum()
    assert placed.p_block[0] == pytest.approx(own / (own + other), rel=1e-6)


def test_side_is_left_looking_along_the_block_and_named_only_when_sure() -> None:
    index = BlockIndex.of(network([(0, 0), (100, 0)]))
    sure, unsure = index.place_metres([[50, 6], [50, -1]], 3.0).side
    assert (sure, unsure) == ("left", None)
    placed = index.place_metres([[50, -6]], 3.0)
    assert (placed.side[0], placed.distance_m[0]) == ("right", 6)
    assert placed.chainage_m[0] == pytest.approx(50, abs=1e-6)
    exact = BlockIndex.of(network([(0, 0), (100, 0)])).place_metres([[50, -6]], 3.0, model=PLAIN)
    assert exact.chainage_sd_m[0] == pytest.approx(3, rel=1e-6)
    assert placed.chainage_sd_m[0] > 3  # the tail of large errors counts


def test_outside_is_nobody_within_a_hundred_metres_and_never_the_far_street() -> None:
    index = BlockIndex.of(network([(0, 0), (1000, 0)]))
    placed = index.place_metres([[500, 99.9], [500, 100.1], [500, 5000]], 3.0)
    assert placed.outside.tolist() == [False, True, True]
    assert placed.block_id.tolist() == ["00", None, None]
    assert placed.ambiguous.tolist() == [True, False, False]
    assert placed.p_none[0] > 0.9
    coarse = index.place_metres([[500, 130.0]], 80.0)
    assert coarse.outside.tolist() == [True]


def test_positions_that_are_none_get_nulls_and_no_crash() -> None:
    index = BlockIndex.of(network([(0, 0), (100, 0)]))
    placed = index.place_metres([[np.nan, 1], [np.inf, 1], [50, 3], [1e300, 1e300]], [3.0, 3.0, np.nan, 3.0])
    assert placed.placed.tolist() == [False] * 4
    assert placed.outside.tolist() == [False, False, False, True]
    assert np.isnan(placed.p_block).all()
    assert len(index.place_metres([], 3.0)) == 0


def test_an_empty_network_leaves_everything_outside() -> None:
    index = BlockIndex.of(network().set_crs(UTM))
    assert index.place_metres([[0, 0]], 3.0).outside.tolist() == [True]


# --- evidence


def crossing() -> BlockIndex:
    return BlockIndex.of(
        network(
            [(0, 0), (100, 0)],
            [(0, 0), (0, 100)],
            name=["Elm Street", "Oak Street"],
            street_id=["elm", "oak"],
            one_way=[1, 0],
        ),
        names={"types": {"street": "street", "st": "street"}},
    )


def test_a_heading_decides_at_a_corner_and_is_ignored_when_standing() -> None:
    index, at = crossing(), [[6, 6]]
    plain = index.place_metres(at, 6.0).p_block[0]
    east, north = (index.place_metres(at, 6.0, heading_deg=h + index.north_deg) for h in (90.0, 0.0))
    assert (east.street_id[0], north.street_id[0]) == ("elm", "oak")
    assert east.p_block[0] > 0.9 > plain
    west = index.place_metres(at, 6.0, heading_deg=270.0 + index.north_deg)
    assert equal(replace(west, floats=west.floats.round(9)), replace(east, floats=east.floats.round(9)))
    standing = index.place_metres(at, 6.0, heading_deg=90.0, speed_ms=0.5)
    assert equal(standing, index.place_metres(at, 6.0))
    assert equal(index.place_metres(at, 6.0, heading_deg=np.nan), index.place_metres(at, 6.0))


def test_driving_against_a_one_way_street_speaks_against_it() -> None:
    index, at = crossing(), [[6, 6]]
    against = index.place_metres(at, 6.0, heading_deg=270.0 + index.north_deg, driving=True)
    assert against.street_id[0] == "oak"


def test_a_name_hint_helps_and_a_wrong_one_does_not_decide() -> None:
    index, corner, clear = crossing(), [[6, 6]], [[60, 4]]
    assert index.place_metres(corner, 6.0, name_hint="oak street").p_block[0] > 0.95
    assert index.place_metres(corner, 6.0, name_hint="ELM STREET").street_id[0] == "elm"
    assert index.place_metres(clear, 3.0, name_hint="oak street").street_id[0] == "elm"
    hints = ["oak street", None, "", "Rue de Rivoli"]
    many = index.place_metres(corner * 4, 6.0, name_hint=hints)
    assert equal(replace(many, floats=many.floats[1:2], ints=many.ints[1:2]), index.place_metres(corner, 6.0))
    assert many.p_none[3] > many.p_none[1]  # a name that no street here has


def test_evidence_is_a_ratio_so_that_it_does_not_make_outliers_of_everything() -> None:
    index = crossing()
    far = [[60.0, 40.0]]
    plain, headed = index.place_metres(far, 6.0), index.place_metres(far, 6.0, heading_deg=90.0)
    assert headed.p_none[0] == pytest.approx(plain.p_none[0], abs=0.35)
    angles = np.linspace(0, 2 * np.pi, 2000, endpoint=False)
    vector = Model().vector(5.0, 1.0)
    mean = np.mean([kernels.heading_ratio(1.0, 0.0, np.cos(a), np.sin(a), 0.0, vector) for a in angles])
    assert mean == pytest.approx(1.0, rel=1e-6)


def test_the_track_on_which_a_finding_was_made_is_its_prior() -> None:
    index = crossing()
    oak = index.code_of["01"]
    track = {"begin": np.array([0, 1, 1]), "block": np.array([oak]), "p": np.array([0.95])}
    with_track, without = index.place_metres([[6, 6], [6, 6]], 6.0, track=track).block_id
    assert (with_track, without) == ("01", "00")


def test_the_set_back_of_a_source_says_which_street_a_corner_house_belongs_to() -> None:
    index = crossing()
    corner_house = [[12.0, 5.0]]  # twelve metres behind Oak Street, five from Elm Street
    assert index.place_metres(corner_house, 3.0, offset_m=0.0).street_id[0] == "elm"
    back = SourceError(sd_m=3.0, offset_m=12.0, offset_sd_m=1.0)
    assert index.place_metres(corner_house, 3.0, source=back).street_id[0] == "oak"


def test_an_alley_does_not_steal_from_the_street_nor_the_street_from_the_alley() -> None:
    frame = network([(0, 0), (200, 0)], [(0, 30), (200, 30)], **{"class": ["residential", "alley"]})
    index = BlockIndex.of(frame)
    placed = index.place_metres([[100, 6], [100, 28]], 4.0)
    assert placed.block_id.tolist() == ["00", "01"]
    assert (placed.p_block > 0.9).all()


def test_wider_streets_have_farther_kerbs() -> None:
    frame = network([(0, 0), (100, 0)], [(0, 90), (100, 90)], width_m=[8.0, None], lanes=[None, 4])
    assert BlockIndex.of(frame).offset_m.tolist() == [5.5, 8.0]


def test_dual_carriageways_are_summed_as_a_corridor() -> None:
    avenue = gpd.GeoDataFrame(
        {"name": ["Avenue", "Avenue"], "one_way": ["yes", "yes"]},
        geometry=[LineString([(0, 0), (200, 0)]), LineString([(200, 14), (0, 14)])],
        crs=UTM,
    )
    placed = BlockIndex.of(blocks.build(avenue)).place_metres([[100, 7]], 6.0)
    assert placed.p_block[0] < 0.6
    assert placed.p_corridor[0] > 0.95
    assert placed.p_street[0] == pytest.approx(placed.p_corridor[0])


# --- sameness


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([3.0, 6.0, 12.0]))
def test_distances_and_nearest_blocks_are_shapelys(seed: int, s: float) -> None:
    frame = town(seed % 7)
    index, xy = BlockIndex.of(frame), somewhere(frame, 60, seed)
    shapes = frame.geometry.to_numpy()
    placed = index.place_metres(xy, s)
    known = placed.placed
    brute = shapely.distance(shapely.points(xy[known]), shapes[placed.block[known]])
    assert np.abs(placed.distance_m[known] - brute).max(initial=0) < 1e-8
    block, distance = index.nearest(xy)
    every = shapely.distance(shapely.points(xy)[:, None], shapes[None, :])
    near = every.min(axis=1) <= 100
    assert (block >= 0).tolist() == near.tolist() == (~placed.outside).tolist()
    assert np.abs(distance[near] - every.min(axis=1)[near]).max(initial=0) < 1e-8
    alone = near & (np.sort(every, axis=1)[:, 1] > every.min(axis=1) + 1e-9)
    assert (STRtree(shapes).nearest(shapely.points(xy[alone])) == block[alone]).all()


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_the_kernel_agrees_with_the_formula_written_out_over_all_blocks(seed: int) -> None:
    frame = town(seed % 5)
    index, model = BlockIndex.of(frame), Model()
    for x, y in somewhere(frame, 8, seed):
        placed = index.place_metres([[x, y]], 5.0)
        if not placed.placed[0]:
            continue
        weight = np.zeros(len(frame))
        for code, line in enumerate(frame.geometry):
            for (ax, ay), (bx, by) in zip(line.coords[:-1], line.coords[1:], strict=True):
                length = np.hypot(bx - ax, by - ay)
                tx, ty = (bx - ax) / length, (by - ay) / length
                t, d = (x - ax) * tx + (y - ay) * ty, tx * (y - ay) - ty * (x - ax)
                reach = model.reach_sd * np.sqrt(25 + 1.5**2 + index.kerb_m**2) + model.reach_m
                chord = np.sqrt(max(reach**2 - d**2, 0))
                low, high = max(t - chord, 0), min(t + chord, length)
                for share, s in (
                    (1 - model.tail_share, model.core * 5.0),
                    (model.tail_share, np.hypot(5, model.tail_m)),
                ):
                    z, r = max(ndtr((high - t) / s) - ndtr((low - t) / s), 0), np.hypot(s, 1.5)
                    for w in (-index.offset_m[code], index.offset_m[code]):
                        weight[code] += (
                            0.5 * share * z * np.exp(-(((d - w) / r) ** 2) / 2) / (r * np.sqrt(2 * np.pi))
                        )
        none = model.outlier_share / (1 - model.outlier_share) * density(index, x, y)
        if weight.sum() > 0:  # else the search went on to a hundred metres
            total = weight.sum() + none
            assert placed.p_block[0] == pytest.approx(weight[placed.block[0]] / total, abs=1e-9)
            assert placed.p_block[0] == pytest.approx(weight.max() / total, abs=1e-9)
            assert placed.p_none[0] == pytest.approx(none / total, abs=1e-9)


def test_every_batch_and_every_thread_gives_the_same_bits() -> None:
    frame = town()
    index, xy = BlockIndex.of(frame), somewhere(frame, 9000)
    sd = np.random.default_rng(2).choice([3.0, 6.0, 12.0, 40.0], len(xy))
    whole = index.place_metres(xy, sd, parallel=True)
    assert equal(index.place_metres(xy, sd, parallel=False), whole)
    for size in (1, 777):
        for begin in range(0, 3000, size):
            rows = slice(begin, begin + size)
            assert equal(index.place_metres(xy[rows], sd[rows]), whole, rows)
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda _: index.place_metres(xy, sd), range(6)))
    assert all(equal(one, whole) for one in together)


def test_with_every_kind_of_evidence_too_the_bits_are_those_of_one_at_a_time_on_any_number_of_threads() -> (
    None
):
    frame = town()
    index, xy = BlockIndex.of(frame), somewhere(frame, 1200)
    rng = np.random.default_rng(5)
    n = len(xy)
    of = {
        "heading_deg": np.where(rng.random(n) < 0.7, rng.uniform(0, 360, n), np.nan),
        "speed_ms": rng.uniform(0, 3, n),
        "name_hint": rng.choice(np.array(["A Street", "C Avenue", "nowhere", None], dtype=object), n),
        "offset_m": np.where(rng.random(n) < 0.3, 8.0, np.nan),
        "offset_sd_m": np.full(n, 2.0),
    }
    sd = rng.choice([3.0, 6.0, 12.0], n)
    block, p = rng.integers(0, len(frame), (n, 2)), rng.random((n, 2)) / 2

    def placed(rows: slice, *, parallel: bool) -> Placement:
        part = range(n)[rows]
        known = {name: values[rows] for name, values in of.items()}
        known["name_hint"] = list(known["name_hint"])
        track = {"begin": 2 * np.arange(len(part) + 1), "block": block[rows].ravel(), "p": p[rows].ravel()}
        return index.place_metres(xy[rows], sd[rows], **known, track=track, parallel=parallel)

    before = numba.get_num_threads()
    try:
        whole = placed(slice(None), parallel=False)
        for n_threads in range(1, before + 1):
            numba.set_num_threads(n_threads)
            assert equal(placed(slice(None), parallel=True), whole)
    finally:
        numba.set_num_threads(before)
    for size, until in ((1, 300), (97, n)):
        for begin in range(0, until, size):
            rows = slice(begin, min(begin + size, n))
            assert equal(placed(rows, parallel=False), whole, rows)


def test_no_kernel_may_take_fast_mathematics_and_those_of_requests_let_other_threads_run() -> None:
    for name, each in kernels_compiled().items():
        assert not each.targetoptions.get("fastmath", False), name
        options = each.targetoptions
        assert options.get("nogil", False) or options.get("parallel", False), name


def test_the_order_of_blocks_does_not_matter() -> None:
    frame = town()
    xy = somewhere(frame, 500)
    shuffled = frame.sample(frac=1, random_state=4)
    assert equal(BlockIndex.of(frame).place_metres(xy, 6.0), BlockIndex.of(shuffled).place_metres(xy, 6.0))


def test_a_block_drawn_backwards_flips_the_side_and_mirrors_the_chainage() -> None:
    frame = town()
    back = frame.set_geometry(gpd.GeoSeries(shapely.reverse(frame.geometry.to_numpy()), crs=UTM))
    xy = somewhere(frame, 400)
    one, other = (BlockIndex.of(each).place_metres(xy, 5.0) for each in (frame, back))
    sure = one.placed & (one.p_block > one.runner_up_p + 1e-6) & (one.p_side > 0.5001)
    assert (one.block[sure] == other.block[sure]).all()
    assert (one.likelier_side[sure] == -other.likelier_side[sure]).all()
    length = one.index.length_m[one.block[sure]]
    assert np.abs(one.chainage_m[sure] - (length - other.chainage_m[sure])).max() < 1e-6
    assert np.abs(one.p_block[sure] - other.p_block[sure]).max() < 1e-9


def test_extra_vertices_and_another_origin_change_nothing_that_matters() -> None:
    frame = town()
    dense = frame.set_geometry(frame.geometry.segmentize(7.0))
    moved = frame.set_geometry(frame.geometry.translate(-1234.5, 987.25))
    xy = somewhere(frame, 400)
    plain = BlockIndex.of(frame).place_metres(xy, 5.0)
    for other in (
        BlockIndex.of(dense).place_metres(xy, 5.0),
        BlockIndex.of(moved).place_metres(xy + np.array([-1234.5, 987.25]), 5.0),
    ):
        clear = plain.placed & (plain.p_block > plain.runner_up_p + 1e-6)
        assert (plain.block[clear] == other.block[clear]).all()
        for part in ("p_block", "p_side", "p_street"):
            assert np.abs(getattr(plain, part) - getattr(other, part))[clear].max() < 1e-7
        assert np.abs(plain.chainage_m - other.chainage_m)[clear].max() < 1e-3


def test_after_the_warm_up_nothing_is_compiled_whatever_kind_of_array_comes() -> None:
    warm_up()
    compiled = {name: len(each.signatures) for name, each in kernels_compiled().items()}
    frame = town()
    index, xy = BlockIndex.of(frame), somewhere(frame, 50)
    xy.flags.writeable = False
    for kind in (xy, np.asfortranarray(xy), xy.astype(np.float32), xy.tolist(), xy[::2]):
        index.place_metres(kind, 6.0, name_hint="A Street", heading_deg=10.0, parallel=True)
        index.place_metres(kind, 6, parallel=False)
        index.nearest(kind)
        candidates(index, index.projection.to_lonlat(kind)[0], 6.0)
    track = {"begin": np.array([0, 1]), "block": np.array([3]), "p": np.array([0.5])}
    index.place_metres(xy[:1], 6.0, track=track)
    for each in track.values():
        each.flags.writeable = False
    index.place_metres(xy[:1], 6.0, track=track)
    assert {name: len(each.signatures) for name, each in kernels_compiled().items()} == compiled


def kernels_compiled() -> dict[str, object]:
    return {name: each for name, each in vars(kernels).items() if hasattr(each, "signatures")}


def test_the_entry_in_degrees_is_the_entry_in_metres() -> None:
    frame = town()
    index, xy = BlockIndex.of(frame), somewhere(frame, 200)
    lonlat = index.projection.to_lonlat(xy)
    assert equal(index.place(lonlat, 5.0), index.place_metres(index.projection.to_metres(lonlat), 5.0))


# --- frames, accuracies, sources


def test_assign_gives_a_row_per_finding_in_its_order_with_its_index() -> None:
    frame = town()
    xy = somewhere(frame, 50)
    shapes = [None, Point(), *map(Point, xy)]
    rows = [f"f{k}" for k in range(52)]
    findings = gpd.GeoDataFrame(index=rows, geometry=shapes, crs=UTM)
    out = assign(findings, frame)
    assert list(out.columns) == list(COLUMNS)
    assert out.index.tolist() == rows
    assert out["block_id"].iloc[:2].tolist() == [None, None]
    alone = assign(findings.iloc[[30]], frame)
    pd.testing.assert_frame_equal(alone, out.iloc[[30]])
    assert (
        assign(findings.to_crs(4326), frame)["block_id"].iloc[2:] == out["block_id"].iloc[2:]
    ).mean() > 0.99
    assert len(assign(findings.iloc[:0], frame)) == 0


def test_columns_of_the_findings_say_what_is_known() -> None:
    frame = town()
    xy = somewhere(frame, 4)
    findings = gpd.GeoDataFrame(
        {
            "accuracy_m": [15.1, None, 24.48, 1.0],
            "accuracy_kind": ["r68", None, "r95", "sd"],
            "source": ["phone", "exif", None, "phone"],
            "street_hint": ["A Street", None, "C Avenue", None],
            "heading_deg": [90.0, None, 10.0, None],
            "speed_ms": [2.0, None, 0.1, None],
        },
        geometry=[Point(*one) for one in xy],
        crs=UTM,
    )
    assert assign(findings, frame)["s_used_m"].round(2).tolist() == [10.0, SOURCES["exif"].sd_m, 10.0, 3.0]


def test_what_cannot_be_read_is_refused() -> None:
    frame, point = town(), gpd.GeoDataFrame(geometry=[Point(500_000, 4_300_000)], crs=UTM)
    with pytest.raises(AccuracyError, match="r67"):
        sd_of([1.0], "r67")
    with pytest.raises(AccuracyError, match="satellite"):
        assign(point, frame, source="satellite")
    with pytest.raises(AccuracyError, match="row 1"):
        BlockIndex.of(frame).place_metres([[0, 0], [1, 1]], [3.0, 0.0])
    with pytest.raises(MissingColumnError, match="block_id"):
        BlockIndex.of(frame.drop(columns="block_id"))
    with pytest.raises(NoCRSError):
        BlockIndex.of(frame.to_crs(4326))
    with pytest.raises(NoCRSError):
        assign(gpd.GeoDataFrame(geometry=[Point(0, 0)]), frame)
    with pytest.raises(CoordinateError, match="shape"):
        BlockIndex.of(frame).place_metres([[1, 2, 3]], 3.0)


def test_the_stated_68_percent_radius_holds_little_less_with_the_tail() -> None:
    model = Model()
    for s in (3.0, 6.0, 12.0):
        far = [
            1 - np.exp(-((1.51 * s / each) ** 2) / 2) for each in (model.core * s, np.hypot(s, model.tail_m))
        ]
        assert (1 - model.tail_share) * far[0] + model.tail_share * far[1] == pytest.approx(0.64, abs=0.03)


def test_reported_radii_become_standard_deviations() -> None:
    rng = np.random.default_rng(1)
    distance = np.hypot(*rng.normal(0, 10, (2, 400_000)))
    for kind, radius in (
        ("r68", np.quantile(distance, 0.68)),
        ("r95", np.quantile(distance, 0.95)),
        ("cep50", np.median(distance)),
    ):
        assert sd_of(radius, kind)[0] == pytest.approx(10, rel=0.01)
    assert sd_of(np.sqrt(np.mean(distance**2)), "rms2d")[0] == pytest.approx(10, rel=0.01)
    assert sd_of([0.5, np.nan, 0.0, -1.0], "sd").tolist() == pytest.approx(
        [3.0, np.nan, np.nan, np.nan], nan_ok=True
    )


def test_all_candidates_of_one_finding_add_up_with_none() -> None:
    frame = town()
    index = BlockIndex.of(frame)
    xy = frame.geometry.iloc[3].interpolate(0.1, normalized=True)
    lonlat = index.projection.to_lonlat([[xy.x, xy.y]])
    table, placed = candidates(index, lonlat, 8.0), index.place(lonlat, 8.0)
    assert table["p"].sum() + placed.p_none[0] == pytest.approx(1)
    assert table["block_id"].tolist()[:2] == [placed.block_id[0], placed.runner_up_block[0]]
    assert (table["p_left"] + table["p_right"]).to_numpy() == pytest.approx(table["p"].to_numpy())
    assert table["p"].is_monotonic_decreasing
    assert len(candidates(index, [np.nan, 1.0], 8.0)) == 0


def test_set_back_and_spread_are_read_from_the_positions_without_any_answer() -> None:
    frame = town(n=8, gap=150.0)
    index, rng = BlockIndex.of(frame), np.random.default_rng(5)
    code = rng.integers(0, len(frame), 3000)
    shapes = frame.geometry.to_numpy()[code]
    at = rng.uniform(5, index.length_m[code] - 5)
    on, ahead = (
        shapely.get_coordinates(shapely.line_interpolate_point(shapes, at + step)) for step in (0.0, 0.5)
    )
    along = (ahead - on) / 0.5
    left = np.column_stack([-along[:, 1], along[:, 0]]) * rng.choice([-1, 1], 3000)[:, None]
    houses = on + left * rng.normal(14, 1.0, 3000)[:, None]
    fitted = fit_source(index, index.projection.to_lonlat(houses))
    assert fitted is not None
    assert fitted.offset_m == pytest.approx(14, abs=0.3)
    assert fitted.offset_sd_m == pytest.approx(1.0, abs=0.3)
    interpolated = fit_source(
        index, index.projection.to_lonlat(on + left * rng.normal(0, 1.0, 3000)[:, None])
    )
    assert interpolated is not None
    assert interpolated.offset_m == 0
    assert fit_source(index, index.projection.to_lonlat(houses[:20])) is None


def test_set_back_houses_find_their_street_once_the_set_back_is_known() -> None:
    frame = town(n=8, gap=100.0)
    index, rng = BlockIndex.of(frame), np.random.default_rng(6)
    code = rng.integers(0, len(frame), 4000)
    shapes = frame.geometry.to_numpy()[code]
    at = rng.uniform(6, index.length_m[code] - 6)
    on, ahead = (
        shapely.get_coordinates(shapely.line_interpolate_point(shapes, at + step)) for step in (0.0, 0.5)
    )
    along = (ahead - on) / 0.5
    houses = on + np.column_stack([-along[:, 1], along[:, 0]]) * rng.normal(14, 1.0, 4000)[:, None]
    findings = gpd.GeoDataFrame(geometry=gpd.points_from_xy(*houses.T), crs=UTM)
    truth = index.block_id[code]
    fitted = (assign(findings, index, source="fitted")["block_id"].to_numpy() == truth).mean()
    nearest = (index.nearest(houses)[0] == code).mean()
    assert fitted > nearest + 0.05


def test_a_plain_table_with_degrees_is_placed_as_its_points_are() -> None:
    streets = town()
    xy = somewhere(streets, 50)
    points = gpd.GeoDataFrame(geometry=gpd.points_from_xy(*xy.T), crs=streets.crs).assign(accuracy_m=6.0)
    degrees = points.to_crs(4326)
    plain = pd.DataFrame({"lon": degrees.geometry.x, "lat": degrees.geometry.y, "accuracy_m": 6.0})
    placed = assign(plain, streets)
    assert placed["block_id"].tolist() == assign(degrees, streets)["block_id"].tolist()
    np.testing.assert_allclose(placed["p_block"], assign(points, streets)["p_block"], atol=1e-6)
    with pytest.raises(MissingColumnError, match="lon, lat or geometry"):
        assign(plain.drop(columns="lat"), streets)
