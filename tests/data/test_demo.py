"""The demo city: the same bytes from the same seed, sound ground, honest truth, a score that can tell."""

import hashlib
import json
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import rasterio
import shapely

from data.demo.city import build
from data.demo.life.phones import AS_MODELLED, RADIUS_OF_SD, STREET_CANYON, wander
from data.demo.life.problems import KINDS
from data.demo.names import Names, pinyin
from data.demo.plane import PLANE
from data.demo.score import score, true_places
from data.demo.sizes import CITY, DISTRICT, SMALL, Size
from geo import blocks as street_blocks
from geo.crs import LonLat
from geo.datum import to_wgs84

SEED = 1


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("demo") / "city"
    build(out, SMALL, SEED, STREET_CANYON)
    return out


@pytest.fixture(scope="module")
def streets(city: Path) -> gpd.GeoDataFrame:
    return gpd.read_file(city / "streets.gpkg").to_crs(PLANE)


@pytest.fixture(scope="module")
def blocks(city: Path) -> gpd.GeoDataFrame:
    lines = gpd.read_file(city / "streets.gpkg")
    return street_blocks.build(lines[lines["class"] != "footway"])


def hashes(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def areas_of(city: Path, level: str) -> gpd.GeoDataFrame:
    areas = gpd.read_file(city / "areas.gpkg")
    return areas[areas["level"] == level].to_crs(PLANE)


def test_the_same_seed_gives_the_same_bytes_and_another_another_city(city: Path, tmp_path: Path) -> None:
    build(tmp_path / "again", SMALL, SEED, STREET_CANYON)
    assert hashes(tmp_path / "again") == hashes(city)
    build(tmp_path / "other", SMALL, SEED + 1, STREET_CANYON, days=1)
    assert hashes(tmp_path / "other")["streets.gpkg"] != hashes(city)["streets.gpkg"]


def test_a_build_has_every_file_that_the_manifest_names_and_the_truth_is_not_among_them(city: Path) -> None:
    manifest = json.loads((city / "manifest.json").read_text(encoding="utf-8"))
    on_disk = {p.relative_to(city).as_posix() for p in city.rglob("*") if p.is_file()} - {"manifest.json"}
    assert set(manifest["files"]) == {name for name in on_disk if not name.startswith("truth/")}
    assert manifest["size"] == "small"
    assert manifest["seed"] == SEED


@pytest.mark.parametrize("seed", [2, 5, 11])
def test_other_seeds_make_cities_of_the_promised_size(seed: int, tmp_path: Path) -> None:
    build(tmp_path, SMALL, seed, AS_MODELLED, days=1)
    lines = gpd.read_file(tmp_path / "streets.gpkg")
    assert 150 <= len(street_blocks.build(lines[lines["class"] != "footway"])) <= 400
    assert len(gpd.read_file(tmp_path / "truth" / "spots.gpkg")) == 3
    schools = gpd.read_file(tmp_path / "key_points.gpkg")["kind"].isin(["primary", "secondary"])
    assert schools.sum() == SMALL.primaries + SMALL.secondaries


def test_streets_hang_together_and_meet_only_at_shared_vertices(streets: gpd.GeoDataFrame) -> None:
    ground = streets[(streets["layer"] == 0)].reset_index(drop=True)
    lines = ground.geometry.to_numpy()
    first, second = shapely.STRtree(lines).query(lines, predicate="intersects")
    apart = first < second
    crossings = shapely.intersection(lines[first[apart]], lines[second[apart]])
    points = shapely.get_coordinates(crossings)
    vertices = np.unique(np.round(shapely.get_coordinates(lines), 2), axis=0)
    distance = shapely.distance(
        shapely.points(points),
        shapely.points(vertices)[shapely.STRtree(shapely.points(vertices)).nearest(shapely.points(points))],
    )
    assert len(points) > 400
    assert (distance > 0.06).mean() < 0.01


def test_bridges_and_underpasses_cross_streets_without_a_common_vertex(
    streets: gpd.GeoDataFrame,
) -> None:
    raised = streets[(streets["layer"] != 0) & (streets["class"] != "footway")]
    flat = streets[(streets["layer"] == 0) & (streets["class"] != "footway")]
    assert raised["bridge"].any()
    assert raised["tunnel"].any()
    crossing = gpd.sjoin(raised[["geometry", "u", "v"]], flat[["geometry", "u", "v"]], predicate="crosses")
    assert len(crossing)
    shared = [{row.u_left, row.v_left} & {row.u_right, row.v_right} for row in crossing.itertuples()]
    assert not any(shared)


def test_dual_carriageways_are_one_way_in_opposite_directions(streets: gpd.GeoDataFrame) -> None:
    main = streets[(streets["class"] == "primary") & (streets.geometry.length > 60)]
    assert main["one_way"].all()
    for _, road in main.groupby("name"):
        ends = shapely.get_coordinates(shapely.get_point(road.geometry.to_numpy(), -1))
        starts = shapely.get_coordinates(shapely.get_point(road.geometry.to_numpy(), 0))
        along = (ends - starts) @ (ends - starts)[0]
        assert (along > 0).any()
        assert (along < 0).any()


def test_footways_have_crossings_and_reach_the_streets(streets: gpd.GeoDataFrame) -> None:
    foot = streets[streets["class"] == "footway"]
    assert {"sidewalk", "crossing"} <= set(foot["footway"])
    assert set(foot.loc[foot["footway"] == "crossing", "crossing"]) >= {"traffic_signals", "zebra"}
    assert (foot.loc[foot["footway"] != "crossing", "crossing"] == "").all()
    roads = streets[streets["class"] != "footway"]
    corners = set(map(tuple, np.round(shapely.get_coordinates(roads.geometry.to_numpy()), 2)))
    ends = shapely.get_coordinates(shapely.get_point(foot.geometry.to_numpy(), 0))
    assert sum(tuple(xy) in corners for xy in np.round(ends, 2)) > len(foot) / 4


def test_streets_carry_names_and_pinyin_and_drives_of_estates_have_none(
    streets: gpd.GeoDataFrame,
) -> None:
    named = streets[streets["name"] != ""]
    assert named["name_pinyin"].str.fullmatch(r"[A-Za-zü ]+").all()
    assert (streets.loc[streets["class"].isin(["service", "track"]), "name"] == "").mean() > 0.95
    assert (named["class"] == "primary").any()


def test_areas_fit_into_each_other_without_gap_or_overlap(city: Path) -> None:
    district = areas_of(city, "district").geometry.iloc[0].area
    for level in ("subdistrict", "community", "grid", "duty_area"):
        found = areas_of(city, level)
        assert found.geometry.is_valid.all()
        assert found.geometry.area.sum() == pytest.approx(district, rel=1e-3)
        assert found.geometry.union_all().area == pytest.approx(district, rel=1e-3)
    grids = areas_of(city, "grid")
    assert grids["code"].str.fullmatch(r"\d{15}").all()
    assert grids["code"].is_unique
    assert set(grids["parent_code"]) == set(areas_of(city, "community")["code"])
    assert (grids["code"].str[:12] == grids["parent_code"]).all()


def test_unit_grids_are_numbered_from_north_to_south(city: Path) -> None:
    grids = areas_of(city, "grid")
    first = grids[grids["code"].str.endswith("001")].set_index("parent_code").geometry.centroid.y
    last = (
        grids.sort_values("code").groupby("parent_code").tail(1).set_index("parent_code").geometry.centroid.y
    )
    several = grids["parent_code"].value_counts()
    several = several[several > 2].index
    assert (first[several] > last[several] - 400.0).all()


def test_every_school_has_a_campus_with_a_main_gate_on_its_boundary(city: Path) -> None:
    points = gpd.read_file(city / "key_points.gpkg").to_crs(PLANE).set_index("source_id")
    gates = gpd.read_file(city / "gates.gpkg").to_crs(PLANE)
    schools = points[points["kind"].isin(["kindergarten", "primary", "secondary"])]
    assert (schools.geom_type == "Polygon").all()
    own = gates[gates["key_point_source_id"].isin(schools.index)]
    campus = schools.loc[own["key_point_source_id"], "geometry"].to_numpy()
    assert (shapely.distance(shapely.boundary(campus), own.geometry.to_numpy()) < 0.1).all()
    kinds = own.groupby("key_point_source_id")["kind"].agg(set)
    assert all("main" in one for one in kinds)
    assert any("fire_exit" in one for one in kinds)
    assert set(kinds.index) == set(schools.index)


def test_shopfronts_carry_contracts_and_special_trades_are_key_points(city: Path) -> None:
    shops = gpd.read_file(city / "shopfronts.gpkg")
    assert len(shops) == SMALL.shopfronts
    assert 0.85 < (shops["contract_no"] != "").mean() < 0.98
    points = gpd.read_file(city / "key_points.gpkg")
    special = shops[shops["trade"].isin(["tobacco", "internet_cafe", "game_hall"])]
    assert set(points.loc[points["shop_id"] != "", "shop_id"]) == set(special["source_id"])


def test_parts_have_sixteen_digits_and_parking_has_lots_bays_and_no_parking(city: Path) -> None:
    assert gpd.read_file(city / "parts.gpkg")["part_id"].str.fullmatch(r"\d{16}").all()
    assert set(gpd.read_file(city / "parking.gpkg")["kind"]) == {"lot", "bay", "no_parking"}


def test_the_population_raster_holds_the_people_on_a_metric_grid(city: Path) -> None:
    with rasterio.open(city / "population.tif") as file:
        people = file.read(1)
        assert file.crs == PLANE
        assert file.transform.a == 100.0
        assert file.transform.c % 100.0 == 0.0
    assert 5_000 < people.sum() < 60_000
    assert (people >= 0).all()


def test_every_finding_lies_at_its_true_place_plus_its_phones_error(city: Path) -> None:
    sent = pd.read_csv(city / "findings.csv").set_index("uuid")
    true = pd.read_csv(city / "truth" / "findings.csv").set_index("uuid").loc[sent.index]
    phones = pd.read_csv(city / "truth" / "devices.csv").set_index("device_id").loc[sent["device_id"]]
    off = np.full(len(sent), np.nan)
    for frame in ("wgs84", "gcj02", "bd09"):
        own = (phones["true_frame"] == frame).to_numpy()
        there = to_wgs84(LonLat(sent.loc[own, ["lon", "lat"]].to_numpy()), frame)
        off[own] = metres_between(there, true.loc[own, ["lon", "lat"]].to_numpy())
    assert np.median(off) < 15.0
    assert np.quantile(off, 0.95) < 90.0
    silent = (phones["true_frame"] != phones["declared_frame"]).to_numpy()
    raw = metres_between(sent[["lon", "lat"]].to_numpy(), true[["lon", "lat"]].to_numpy())
    assert silent.any()
    assert 400 < np.median(raw[silent]) < 700


def metres_between(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    one, other = (gpd.GeoSeries.from_xy(p[:, 0], p[:, 1], crs="EPSG:4326").to_crs(PLANE) for p in (a, b))
    return one.distance(other).to_numpy()


def test_findings_come_only_from_patrols_that_passed(city: Path) -> None:
    true = pd.read_csv(city / "truth" / "findings.csv")
    sent = pd.read_csv(city / "findings.csv").set_index("uuid")
    routes = pd.concat(pd.read_parquet(path) for path in sorted((city / "truth" / "routes").iterdir()))
    walked = {(row.track, row.source_id) for row in routes.itertuples()}
    assert all((sent.loc[row.uuid, "track"], row.source_id) in walked for row in true.itertuples())


def test_one_clock_is_wrong_and_one_phone_sends_a_day_late(city: Path) -> None:
    sent = pd.read_csv(city / "findings.csv").set_index("uuid")
    true = pd.read_csv(city / "truth" / "findings.csv").set_index("uuid").loc[sent.index]
    phones = pd.read_csv(city / "truth" / "devices.csv").set_index("device_id").loc[sent["device_id"]]
    told, really = pd.to_datetime(sent["observed_at"]), pd.to_datetime(true["true_at"])
    wrong = (told - really).dt.total_seconds().round() != 0
    assert set(sent.loc[wrong, "device_id"]) == set(phones.index[phones["clock_error_s"] != 0])
    late = (pd.to_datetime(sent["received_at"]) - really).dt.total_seconds() > 3 * 3600
    assert set(sent.loc[late, "device_id"]) <= set(phones.index[phones["dark_day"] >= 0])


def test_problems_are_born_found_repaired_faked_and_come_back(city: Path) -> None:
    events = pd.read_csv(city / "truth" / "history.csv")
    assert {"appear", "found", "found_again", "repaired", "fake_repair", "vanished", "relapse"} <= set(
        events["event"]
    )
    first = events[events["event"] == "found"].groupby("problem")["at"].min()
    fixed = events[events["event"] == "repaired"].groupby("problem")["at"].min()
    both = first.index.intersection(fixed.index)
    assert (first[both] < fixed[both]).all()


def test_bell_vendors_stand_at_school_bells_on_school_days_only(city: Path) -> None:
    true = pd.read_csv(city / "truth" / "problems.csv")
    born = pd.to_datetime(true.loc[true["kind"] == "bell_vendor", "born_at"])
    assert len(born)
    assert set(born.dt.hour) <= {7, 11, 16}
    assert (born.dt.day_of_week < 5).all()


def test_effort_is_highest_in_the_false_spot(city: Path, streets: gpd.GeoDataFrame) -> None:
    routes = pd.concat(pd.read_parquet(path) for path in sorted((city / "truth" / "routes").iterdir()))
    passes = routes["source_id"].value_counts()
    spots = gpd.read_file(city / "truth" / "spots.gpkg").to_crs(PLANE)
    middle = streets.set_index("source_id").geometry.interpolate(0.5, normalized=True)
    roads = streets.set_index("source_id")["class"] != "footway"
    false = spots.loc[~spots["true_spot"].astype(bool), "geometry"].iloc[0]
    inside = passes.reindex(middle.index[roads & middle.within(false)]).fillna(0).mean()
    assert inside > 1.5 * passes.reindex(middle.index[roads]).fillna(0).mean()


def test_planted_spots_have_higher_true_rates_and_the_false_one_has_not(
    city: Path, streets: gpd.GeoDataFrame
) -> None:
    rates = pd.read_parquet(city / "truth" / "rates.parquet").set_index("source_id")
    middle = streets.set_index("source_id").loc[rates.index].geometry.interpolate(0.5, normalized=True)
    length = streets.set_index("source_id").loc[rates.index].geometry.length
    per_km = {}
    for row in gpd.read_file(city / "truth" / "spots.gpkg").to_crs(PLANE).itertuples():
        inside = middle.within(row.geometry)
        kinds = row.kinds.split(",") if row.kinds else list(rates.columns)
        per_km[row.spot_id] = rates.loc[inside, kinds].to_numpy().sum() / length[inside].sum()
        usual = rates.loc[~inside, kinds].to_numpy().sum() / length[~inside].sum()
        assert (per_km[row.spot_id] > 2.5 * usual) == bool(row.true_spot)


def test_counts_of_behaviour_have_denominators(city: Path) -> None:
    counts = pd.read_csv(city / "behaviours.csv")
    assert (counts["n_events"] <= counts["n_opportunities"]).all()
    assert (counts["n_opportunities"] > 0).all()
    assert not set(counts["code"]) & {kind.code for kind in KINDS}


def test_complaints_are_a_stream_of_their_own_some_without_a_position(city: Path) -> None:
    complaints = pd.read_csv(city / "complaints.csv")
    assert not set(complaints["uuid"]) & set(pd.read_csv(city / "findings.csv")["uuid"])
    assert 0 < complaints["lon"].isna().mean() < 0.5
    assert (complaints.loc[complaints["lon"].notna(), "source"] == "geocoded").all()


def test_a_perfect_placement_scores_full_marks_and_a_mirrored_side_none(
    city: Path, blocks: gpd.GeoDataFrame
) -> None:
    true = true_places(city / "truth", blocks.to_crs(PLANE)).drop_duplicates("uuid")
    said = true.rename(columns={"true_side": "side", "true_chainage_m": "chainage_m"}).assign(p_block=1.0)
    marks = score(city / "truth", blocks, placements=said).placement
    assert marks["block_right"] == marks["side_right"] == marks["sure_right"] == 1.0
    assert marks["chainage_median_m"] == marks["ece"] == 0.0
    mirrored = said.assign(side=said["side"].map({"left": "right", "right": "left"}))
    assert score(city / "truth", blocks, placements=mirrored).placement["side_right"] == 0.0


def test_every_finding_lies_on_a_block_and_truth_agrees_with_the_source_line(
    city: Path, blocks: gpd.GeoDataFrame, streets: gpd.GeoDataFrame
) -> None:
    told = pd.read_csv(city / "truth" / "findings.csv")
    assert set(told["uuid"]) == set(true_places(city / "truth", blocks.to_crs(PLANE))["uuid"])
    line = streets.set_index("source_id").loc[told["source_id"]].geometry.to_numpy()
    at = (
        gpd.GeoSeries.from_xy(told["street_lon"], told["street_lat"], crs="EPSG:4326")
        .to_crs(PLANE)
        .to_numpy()
    )
    assert np.abs(shapely.line_locate_point(line, at) - told["chainage_m"]).max() < 0.6


def test_walking_everywhere_covers_all_and_adds_what_nobody_walked(
    city: Path, blocks: gpd.GeoDataFrame
) -> None:
    length = blocks.to_crs(PLANE).geometry.length
    whole = pd.DataFrame({"block_id": blocks["block_id"], "from_m": 0.0, "to_m": length})
    marks = score(city / "truth", blocks, coverage=whole).coverage
    assert marks["right"] == pytest.approx(1.0, abs=1e-3)
    assert marks["added"] == pytest.approx((length.sum() - marks["true_m"]) / marks["true_m"], rel=1e-3)
    half = score(city / "truth", blocks, coverage=whole.assign(to_m=length / 2)).coverage
    assert 0.4 < half["right"] < 0.6


def test_flagging_exactly_the_true_spots_is_right_and_flagging_everything_is_not(
    city: Path, blocks: gpd.GeoDataFrame
) -> None:
    spots = gpd.read_file(city / "truth" / "spots.gpkg").to_crs(PLANE)
    middle = blocks.to_crs(PLANE).geometry.interpolate(0.5, normalized=True)
    inside = middle.within(spots.loc[spots["true_spot"].astype(bool)].geometry.union_all())
    said = pd.DataFrame({"block_id": blocks["block_id"], "flagged": inside, "score": inside.astype(float)})
    marks = score(city / "truth", blocks, hotspots=said).hotspots
    assert marks["false_share"] == 0.0
    assert marks["true_spots_found"] == 2
    assert marks["true_blocks_flagged"] == marks["auc"] == 1.0
    everything = score(city / "truth", blocks, hotspots=said.assign(flagged=True)).hotspots
    assert everything["false_spot_flagged"] == 1.0
    assert everything["false_share"] == pytest.approx(1 - inside.mean())


def test_believing_every_claim_catches_no_fake(city: Path, blocks: gpd.GeoDataFrame) -> None:
    claims = pd.read_csv(city / "truth" / "closeouts.csv").drop_duplicates("problem")
    believed = pd.DataFrame({"problem": claims["problem"], "rectified": True})
    marks = score(city / "truth", blocks, closeouts=believed).closeouts
    assert marks["fakes_caught"] == marks["true_doubted"] == 0.0
    assert marks["right"] == pytest.approx(claims["truly_rectified"].mean())
    knowing = believed.assign(rectified=claims["truly_rectified"].to_numpy())
    assert score(city / "truth", blocks, closeouts=knowing).closeouts["right"] == 1.0


def test_the_assumed_error_law_has_the_stated_spread_and_the_other_has_heavier_tails() -> None:
    rng = np.random.default_rng(20250901)
    sd, across = np.full(40_000, 6.0), np.tile([0.0, 1.0], (40_000, 1))
    canyon = np.ones(40_000, dtype=bool)
    plain = wander(AS_MODELLED, sd, rng, across=across, gap_s=1e6, canyon=canyon)
    rough = wander(STREET_CANYON, sd, rng, across=across, gap_s=1e6, canyon=canyon)
    assert plain.std() == pytest.approx(6.0, rel=0.02)
    assert (np.hypot(*plain.T) < 6.0 * RADIUS_OF_SD["r68"]).mean() == pytest.approx(0.68, abs=0.01)
    assert (np.hypot(*plain.T) < 6.0 * RADIUS_OF_SD["r95"]).mean() == pytest.approx(0.95, abs=0.005)
    assert np.quantile(np.hypot(*rough.T), 0.99) > 1.8 * np.quantile(np.hypot(*plain.T), 0.99)
    assert rough[:, 1].std() > rough[:, 0].std()


def test_errors_of_neighbouring_fixes_are_correlated_as_the_memory_says() -> None:
    rng = np.random.default_rng(20250902)
    count = 20_000
    error = wander(
        AS_MODELLED,
        np.full(count, 5.0),
        rng,
        across=np.zeros((count, 2)),
        gap_s=10.0,
        canyon=np.zeros(count, bool),
    )
    lag_one = np.corrcoef(error[:-1, 0], error[1:, 0])[0, 1]
    assert lag_one == pytest.approx(np.exp(-10.0 / AS_MODELLED.memory_s), abs=0.03)


def test_pinyin_says_the_generic_part_apart() -> None:
    assert pinyin("清晏路") == "Qingyan Lu"
    assert pinyin("柳树小学") == "Liushu Xiaoxue"
    assert pinyin("") == ""


def test_names_are_not_given_twice() -> None:
    names = Names(np.random.default_rng(3))
    drawn = [names.street(level="secondary", eastward=n % 2 == 0) for n in range(1500)]
    assert len(set(drawn)) == len(drawn)


def test_two_districts_of_a_city_meet_and_keep_their_own_codes(tmp_path: Path) -> None:
    pair = Size(**{**SMALL.__dict__, "name": "pair", "districts": 2})
    build(tmp_path, pair, SEED, AS_MODELLED, days=1)
    areas = gpd.read_file(tmp_path / "areas.gpkg").to_crs(PLANE)
    districts = areas[areas["level"] == "district"]
    assert list(districts["code"]) == ["990101", "990102"]
    assert districts.geometry.iloc[0].distance(districts.geometry.iloc[1]) < 1.0
    assert areas["code"].is_unique
    streets = gpd.read_file(tmp_path / "streets.gpkg")
    assert streets["source_id"].is_unique
    assert len(list((tmp_path / "tracks").glob("*.parquet"))) == 2


def test_the_sizes_promise_what_the_guide_says() -> None:
    assert DISTRICT.kindergartens + DISTRICT.primaries + DISTRICT.secondaries == 60
    assert DISTRICT.shopfronts == 15_000
    assert CITY.districts == 16
    fixes = CITY.districts * CITY.shifts_a_day * CITY.shift_hours * 3600 / CITY.fix_every_s
    assert fixes == pytest.approx(14e6, rel=0.05)
