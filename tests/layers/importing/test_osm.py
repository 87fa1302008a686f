import gzip
from pathlib import Path

import geopandas as gpd
import pytest
import shapely

from geo import blocks
from layers.assigning import Streets
from layers.city.taxonomy import DISTRICT_LEVELS, KEY_POINT_KINDS
from layers.errors import UnreadableFileError
from layers.importing import osm, osm_tags
from layers.importing.options import ImportOptions
from layers.importing.osm_tags import AreaLevels
from tests.conftest import shared
from tests.layers.importing.extracts import Town, campus, crossroads, helsinki


def read(town: Town, tmp_path: Path) -> osm.OsmExtract:
    return osm.read(town.write(tmp_path / "town.osm"))


def test_streets_keep_their_tags_and_their_nodes(tmp_path: Path) -> None:
    streets = read(crossroads(), tmp_path).streets.set_index("source_id")
    first = streets.loc["w1"]
    assert (first["name"], first["class"], first["lanes"], first["width_m"]) == (
        "北仓道",
        "residential",
        2,
        12.0,
    )
    assert not first["one_way"]
    assert first["nodes"] == (1, 2, 3)
    assert streets.crs == "EPSG:4326"


def test_a_one_way_against_the_line_turns_the_line_and_its_nodes(tmp_path: Path) -> None:
    alley = read(crossroads(), tmp_path).streets.set_index("source_id").loc["w2"]
    assert alley["one_way"]
    assert alley["nodes"] == (5, 2, 4)
    assert alley["geom"].coords[0][1] > alley["geom"].coords[-1][1]


def test_blocks_are_split_where_streets_share_a_node_and_not_where_they_only_cross(tmp_path: Path) -> None:
    town = crossroads().node("low", 8, 0).node("high", 8, 10)
    town.way(3, ["low", "high"], highway="primary", bridge="yes", layer="1")
    built = blocks.build(read(town, tmp_path).streets)
    assert len(built) == 5


@pytest.mark.parametrize(
    ("tags", "reason"),
    [
        ({"highway": "service", "service": "parking_aisle"}, "driveway or parking aisle"),
        ({"highway": "pedestrian", "area": "yes"}, "square drawn as an area"),
        ({"highway": "footway", "indoor": "yes"}, "way inside a building"),
        ({"highway": "construction"}, "highway value that is no street"),
    ],
)
def test_what_is_no_street_of_its_own_is_left_out_and_counted(
    tmp_path: Path, tags: dict[str, str], reason: str
) -> None:
    extract = read(crossroads().way(9, ["west", "north"], **tags), tmp_path)
    assert "w9" not in set(extract.streets["source_id"])
    assert extract.skipped == {reason: 1}


@pytest.mark.parametrize("part", ["sidewalk", "crossing", "traffic_island"])
def test_parts_of_another_street_are_kept_for_walking_and_make_no_blocks(tmp_path: Path, part: str) -> None:
    town = crossroads().way(9, ["west", "north"], highway="footway", footway=part)
    path = town.write(tmp_path / "town.osm")
    streets = osm.read(path).streets
    assert streets.set_index("source_id")["footway"].to_dict() == {"w1": None, "w2": None, "w9": part}
    assert len(Streets.of_file(path, ImportOptions()).index) == 4


def test_a_street_cut_by_the_edge_keeps_the_parts_inside(tmp_path: Path) -> None:
    town = crossroads().way(9, ["west", "south", 777, "north", "east"], highway="tertiary")
    extract = read(town, tmp_path)
    parts = extract.streets.set_index("source_id").loc[["w9", "w9-2"]]
    assert parts["nodes"].tolist() == [(1, 4), (5, 3)]
    assert extract.skipped["street cut by the edge of the extract, the part inside kept"] == 1


def test_a_school_given_as_point_and_area_is_one_place(tmp_path: Path) -> None:
    town = campus(crossroads(), amenity="school").node("school", 1.4, 6.4, amenity="school", name="普育小学")
    extract = read(town, tmp_path)
    assert extract.key_points[["source_id", "kind", "name"]].to_numpy().tolist() == [
        ["w10", "primary", "普育小学"]
    ]
    assert extract.key_points.geometry.iloc[0].geom_type == "Polygon"
    assert extract.skipped == {"key point given twice, as a point and as an area": 1}


def test_two_schools_of_different_names_on_one_ground_stay_two(tmp_path: Path) -> None:
    town = campus(crossroads(), amenity="school", name="普育小学").node(
        "other", 1.4, 6.4, amenity="school", name="北仓第二中学"
    )
    assert read(town, tmp_path).key_points["kind"].tolist() == ["secondary", "primary"]


def test_a_tagged_ring_inside_a_tagged_relation_is_one_place(tmp_path: Path) -> None:
    town = campus(crossroads(), amenity="hospital").relation(
        20, [10], type="multipolygon", amenity="hospital", name="北辰医院"
    )
    places = read(town, tmp_path).key_points
    assert places["name"].tolist() == ["北辰医院"]


def test_gates_on_the_outline_stay_with_their_campus_and_doors_inside_do_not(tmp_path: Path) -> None:
    town = campus(crossroads(), amenity="school", name="普育小学")
    town.node("gate", 1.5, 6, barrier="gate").node("main", 2.00003, 6.5, entrance="main")
    town.node("fire", 1.5, 7, entrance="emergency").node("van", 1, 6.5, entrance="service")
    town.node("door", 1.5, 6.5, entrance="yes").node("post", 1.2, 6, barrier="bollard")
    extract = read(town, tmp_path)
    assert sorted(extract.gates["kind"]) == ["entrance", "fire_exit", "main", "service"]
    assert set(extract.gates["key_point_source_id"]) == {"w10"}
    assert extract.skipped == {"gate or entrance not at the outline of a key point": 1}


def test_metro_stairs_belong_to_the_nearest_station(tmp_path: Path) -> None:
    town = crossroads().node("station", 3, 3, railway="station", station="subway", name="北仓")
    town.node("stair", 4, 3, railway="subway_entrance", ref="A").node("far", 9, 9, railway="subway_entrance")
    extract = read(town, tmp_path)
    assert extract.key_points["kind"].tolist() == ["metro"]
    assert len(extract.gates) == 1


def test_named_areas_get_their_level_and_nameless_ones_are_none(tmp_path: Path) -> None:
    town = campus(crossroads(), 10, landuse="residential", name="瑞景新苑")
    campus(town, 11, east=3, landuse="residential")
    campus(town, 12, east=6, boundary="administrative", admin_level="8", name="果园新村街道", ref="120113001")
    campus(town, 13, east=8, place="village", name="双口村")
    districts = read(town, tmp_path).districts
    assert districts[["source_id", "level", "name", "code"]].to_numpy().tolist() == [
        ["w10", "estate", "瑞景新苑", None],
        ["w12", "subdistrict", "果园新村街道", "120113001"],
        ["w13", "village", "双口村", None],
    ]
    assert set(districts.geom_type) == {"MultiPolygon"}


def test_levels_elsewhere_are_what_the_site_says(tmp_path: Path) -> None:
    path = campus(crossroads(), boundary="administrative", admin_level="9", name="East").write(
        tmp_path / "town.osm"
    )
    assert osm.read(path).districts.empty
    assert osm.read(path, levels=AreaLevels({9: "district"})).districts["level"].tolist() == ["district"]


def test_areas_with_missing_parts_are_named_and_do_not_stop_the_import(tmp_path: Path) -> None:
    town = crossroads().way(10, ["west", "middle", 777, "west"], amenity="school", name="边上小学")
    town.relation(20, [10, 11], type="boundary", boundary="administrative", admin_level="6", name="北辰区")
    extract = read(town, tmp_path)
    assert extract.key_points.empty
    assert extract.cut_areas == ["北辰区", "边上小学"]
    assert extract.skipped["area cut by the edge of the extract"] == 2


def test_compressed_xml_under_a_bare_ending_reads_the_same(tmp_path: Path) -> None:
    plain = read(crossroads(), tmp_path).streets
    packed = osm.read(crossroads().write(tmp_path / "town.gz")).streets
    assert packed.equals(plain)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("empty.osm", b""),
        ("empty.osm.gz", gzip.compress(b"", mtime=0)),
        ("cut.osm.gz", gzip.compress(b"<osm>" * 1000, mtime=0)[:40]),
        ("text.osm.pbf", b"this is no protocol buffer"),
        ("broken.osm", b'<osm version="0.6"><node id="1" lat="39" lon="117"'),
        ("huge.osm", b'<osm version="0.6"><node id="1" lat="abc" lon="117"/></osm>'),
    ],
)
def test_what_is_no_openstreetmap_data_is_refused(tmp_path: Path, name: str, content: bytes) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(UnreadableFileError, match=name):
        osm.read(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFileError, match=r"nowhere\.pbf"):
        osm.read(tmp_path / "nowhere.pbf")


def test_names_in_another_language_are_preferred_on_request(tmp_path: Path) -> None:
    town = crossroads().way(3, ["west", "north"], highway="primary", name="京津公路", name__en="Jingjin Road")
    path = town.write(tmp_path / "town.osm")
    assert osm.read(path, language="en").streets.set_index("source_id").loc["w3", "name"] == "Jingjin Road"
    assert osm.read(path).streets.set_index("source_id").loc["w3", "name"] == "京津公路"


def test_progress_is_told(tmp_path: Path) -> None:
    steps: list[str] = []
    osm.read(crossroads().write(tmp_path / "town.osm"), progress=lambda step, done, total: steps.append(step))
    assert steps


def test_every_kind_and_level_is_one_that_the_city_knows() -> None:
    kinds = {kind for kind, _ in osm_tags._KEY_POINTS} | {"primary", "secondary"}
    assert kinds <= KEY_POINT_KINDS.keys()
    assert set(osm_tags.ADMIN_LEVELS.values()) <= DISTRICT_LEVELS.keys()


@pytest.fixture(scope="module")
def centre() -> osm.OsmExtract:
    return osm.read(helsinki())


def test_helsinki_has_streets_with_names_classes_and_nodes(centre: osm.OsmExtract) -> None:
    streets = centre.streets
    assert len(streets) > 2300
    assert (streets["footway"] == "sidewalk").sum() > 150
    assert streets["name"].notna().sum() > 700
    assert {"primary", "residential", "service", "footway", "steps"} <= set(streets["class"])
    assert (streets["nodes"].map(len) == shapely.get_num_coordinates(streets.geometry.to_numpy())).all()
    assert {-1, 0, 1} <= set(streets["layer"])
    assert streets["one_way"].sum() > 300


def test_helsinki_has_schools_with_ground_and_gates(centre: osm.OsmExtract) -> None:
    schools = centre.key_points[centre.key_points["kind"] == "school"]
    assert set(schools["name"]) >= {"Ressun lukio", "Kaisaniemen ala-aste"}
    assert set(schools.geom_type) == {"Polygon"}
    ressu = schools.loc[schools["name"] == "Ressun lukio", "source_id"].item()
    gates = centre.gates[centre.gates["key_point_source_id"] == ressu]
    assert len(gates) >= 3
    assert "main" in set(gates["kind"])


def test_helsinki_has_a_market_hall_metro_stations_and_bus_stops(centre: osm.OsmExtract) -> None:
    kinds = centre.key_points["kind"].value_counts()
    assert kinds["market"] >= 1
    assert kinds["metro"] == 2
    assert kinds["bus_stop"] > 80
    assert kinds["supermarket"] >= 10
    assert not centre.key_points["source_id"].duplicated().any()


def test_helsinki_names_what_its_edge_cuts(centre: osm.OsmExtract) -> None:
    assert "Helsinki" in centre.cut_areas
    assert centre.skipped["street cut by the edge of the extract, the part inside kept"] > 50
    assert centre.attribution == "© OpenStreetMap contributors (ODbL 1.0)"


@pytest.mark.parametrize(
    ("name", "streets", "named", "key_points", "areas"),
    [
        ("andorra.osm.pbf", 1554, 603, 137, {"district": 6, "estate": 2}),
        ("monaco.osm.gz", 848, 317, 75, {"community": 2, "subdistrict": 1}),
        ("moscow.osm.gz", 581, 115, 98, {"estate": 2}),
    ],
)
def test_other_extracts_hold_what_was_counted_by_hand(
    name: str, streets: int, named: int, key_points: int, areas: dict[str, int]
) -> None:
    extract = osm.read(shared("formats", name))
    assert len(extract.streets) == streets
    assert extract.streets["name"].notna().sum() == named
    assert len(extract.key_points) == pytest.approx(key_points, abs=3)
    assert extract.districts["level"].value_counts().to_dict() == areas
    assert extract.streets.is_valid.all()
    assert extract.key_points.is_valid.all()


def test_cyrillic_names_come_through() -> None:
    names = set(osm.read(shared("formats", "moscow.osm.gz")).key_points["name"].dropna())
    assert "Детский сад №425" in names


def test_blocks_are_made_of_every_extract(centre: osm.OsmExtract) -> None:
    built = blocks.build(centre.streets, source="osm")
    assert isinstance(built, gpd.GeoDataFrame)
    assert 2000 < len(built) < 5000
    assert built["block_id"].is_unique
