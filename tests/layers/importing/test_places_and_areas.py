from datetime import date
from pathlib import Path
from typing import Any

import geopandas as gpd
import pandas as pd
import pytest
from shapely import MultiPolygon, Point, Polygon, box

from layers.errors import InvalidError
from layers.importing import districts, key_points
from layers.importing.features import Layer
from layers.importing.options import ImportOptions
from tests.conftest import shared

HERE = Point(117.1, 39.2)
SQUARE = box(117.1, 39.2, 117.101, 39.201)


def places(tmp_path: Path, shapes: list[Any], options: dict[str, Any], **columns: Any) -> Layer:
    path = tmp_path / "places.geojson"
    gpd.GeoDataFrame(columns, geometry=shapes, crs="EPSG:4326").to_file(path)
    return key_points.read(path, ImportOptions(**options))


def areas(tmp_path: Path, shapes: list[Any], options: dict[str, Any], **columns: Any) -> Layer:
    path = tmp_path / "areas.geojson"
    gpd.GeoDataFrame(columns, geometry=shapes, crs="EPSG:4326").to_file(path)
    return districts.read(path, ImportOptions(**options))


def test_schools_get_their_level_from_their_name(tmp_path: Path) -> None:
    names = ["普育小学", "杨村第四中学", "第二中心小学", "Lincoln High School", "九年一贯制实验学校"]
    layer = places(tmp_path, [HERE] * 5, {"constants": {"kind": "school"}}, name=names, id=list("abcde"))
    assert layer.frame["kind"].tolist() == ["primary", "secondary", "primary", "secondary", "school"]


def test_kinds_come_from_a_column_in_chinese_or_in_the_file_s_own_words(tmp_path: Path) -> None:
    layer = places(
        tmp_path,
        [HERE] * 4,
        {"values": {"kind": {"菜场": "market", "*": "other"}}},
        名称=["一", "二", "三", "四"],
        类型=["菜场", "farmers", "菜场", "x"],
    )
    assert layer.frame["kind"].tolist() == ["market", "other", "market", "other"]
    layer = places(tmp_path, [HERE] * 3, {}, name=["一", "二", "三"], 类别=["农贸市场", "University", "茶馆"])
    assert layer.frame["kind"].tolist() == ["market", "college"]
    assert layer.skipped == {"茶馆": 1}
    trades = ["电子烟店", "KTV", "酒吧", "e-cigarette"]
    layer = places(tmp_path, [HERE] * 4, {}, name=list("abcd"), 类别=trades)
    assert layer.frame["kind"].tolist() == ["e_cigarette", "karaoke", "bar", "e_cigarette"]


def test_licences_come_with_their_premises_and_days_that_are_none_are_refused(tmp_path: Path) -> None:
    layer = places(
        tmp_path,
        [Point(117.1 + k / 100, 39.2) for k in range(5)],
        {"constants": {"kind": "tobacco"}},
        name=list("abcde"),
        发证日期=["2010年5月1日", "2012-03-04", None, "soon", "2020-01-01"],
        有效期至=["2030/1/1", "长期", None, None, "2019-01-01"],
    )
    assert layer.frame["licensed_on"].tolist() == [date(2010, 5, 1), date(2012, 3, 4), None]
    assert layer.frame["licence_until"].tolist() == [date(2030, 1, 1), None, None]
    assert [str(one.reason) for one in layer.refused] == [
        "soon is not a date such as 2020-09-25",
        "A licence cannot end before it begins",
    ]


def test_without_a_kind_nothing_is_read(tmp_path: Path) -> None:
    with pytest.raises(InvalidError, match="--kind, for example school"):
        places(tmp_path, [HERE], {}, name=["x"])
    with pytest.raises(InvalidError, match=r"temple is not a kind of key point; kinds: .*school"):
        places(tmp_path, [HERE], {"constants": {"kind": "temple"}}, name=["x"])


def test_grounds_and_points_stand_side_by_side_and_lines_are_refused(tmp_path: Path) -> None:
    shapes = [HERE, SQUARE, MultiPolygon([SQUARE]), SQUARE.boundary]
    layer = places(tmp_path, shapes, {"constants": {"kind": "park"}}, name=list("abcd"))
    assert layer.frame.geom_type.tolist() == ["Point", "Polygon", "Polygon"]
    assert [str(one.reason) for one in layer.refused] == ["a point or an area is wanted; this is LineString"]


def test_the_same_place_listed_twice_is_taken_once_and_another_with_its_id_is_refused(tmp_path: Path) -> None:
    shapes = [HERE, HERE, Point(117.2, 39.2), HERE]
    names = ["市场", "市场", "市场", "医院"]
    layer = places(
        tmp_path,
        shapes,
        {"constants": {"kind": "market"}, "columns": {"id": "number"}},
        name=names,
        number=[7, 7, 7, 8],
    )
    assert layer.frame["source_id"].tolist() == ["7", "8"]
    assert layer.skipped == {"the same place again": 1}
    assert [(one.row, str(one.reason)) for one in layer.refused] == [
        (3, "the id 7 stands in row 1 with other content")
    ]


def test_a_column_that_numbers_categories_is_not_taken_for_an_id(tmp_path: Path) -> None:
    layer = places(
        tmp_path,
        [HERE, Point(117.2, 39)],
        {"constants": {"kind": "market"}},
        name=["一", "二"],
        编码=["01", "01"],
    )
    assert len(layer.frame) == 2
    assert layer.frame["source_id"].is_unique


def test_areas_need_a_level_and_keep_code_and_name(tmp_path: Path) -> None:
    with pytest.raises(InvalidError, match="--level: city, district"):
        areas(tmp_path, [SQUARE], {}, name=["x"])
    with pytest.raises(InvalidError, match="borough is not a level"):
        areas(tmp_path, [SQUARE], {"constants": {"level": "borough"}}, name=["x"])
    layer = areas(
        tmp_path, [SQUARE], {"constants": {"level": "grid"}}, 网格名称=["果园一"], 网格编码=["0120113001"]
    )
    assert layer.frame[["level", "code", "name"]].to_numpy().tolist() == [["grid", "0120113001", "果园一"]]
    assert layer.frame.geom_type.tolist() == ["MultiPolygon"]


def test_levels_and_kinds_are_understood_in_chinese(tmp_path: Path) -> None:
    layer = areas(tmp_path, [SQUARE] * 3, {}, 名称=list("abc"), 级别=["网格", "街道", "村"], id=list("abc"))
    assert layer.frame["level"].tolist() == ["grid", "subdistrict", "community"]
    layer = places(tmp_path, [HERE] * 2, {}, 名称=list("ab"), 类型=["烟草零售点", "公共厕所"], id=list("ab"))
    assert layer.frame["kind"].tolist() == ["tobacco", "toilet"]


def test_rows_of_an_unknown_level_are_refused_one_by_one(tmp_path: Path) -> None:
    layer = areas(
        tmp_path,
        [SQUARE, SQUARE, Polygon([(117, 39), (117.1, 39.1), (117.1, 39), (117, 39.1)])],
        {"values": {"level": {"街道": "subdistrict"}}},
        name=list("abc"),
        level=["街道", "片", "街道"],
    )
    assert layer.frame["name"].tolist() == ["a"]
    assert [one.row for one in layer.refused] == [2, 3]
    assert "片 is not a level" in str(layer.refused[0].reason)


def test_chicago_s_two_years_of_places_are_not_counted_twice() -> None:
    path = shared("chicago", "points_of_interest_osm.csv")
    both = key_points.read(path, ImportOptions(crs="EPSG:4326"))
    assert both.n_read == 9_645
    assert both.skipped["the same place again"] > 3_000
    assert not both.frame["source_id"].duplicated().any()
    last = key_points.read(path, ImportOptions(crs="EPSG:4326", where={"year": "2014"}))
    assert (last.n_read, len(last.refused)) == (4_598, 0)
    assert last.frame["kind"].isin(["school", "primary", "secondary"]).sum() == 799


@pytest.mark.parametrize(
    ("name", "kind", "n"),
    [
        ("LANDMARK_PublicSchools", "school", 18),
        ("LANDMARK_PrivateSchools", "school", 32),
        ("LANDMARK_DayCareFacilities", "kindergarten", 87),
        ("HEALTH_Hospitals", "hospital", 3),
        ("TRANS_SubwayStations", "metro", 10),
        ("TRANS_BusShelters", "bus_stop", 68),
        ("RECREATION_OpenSpace", "park", 276),
    ],
)
def test_cambridge_s_key_points_all_come_in(name: str, kind: str, n: int) -> None:
    layer = key_points.read(shared("cambridge", f"{name}.geojson"), ImportOptions(constants={"kind": kind}))
    assert (len(layer.frame), len(layer.refused)) == (n, 0)
    assert "name" in layer.columns


@pytest.mark.parametrize(
    ("folder", "name", "level", "n"),
    [
        ("cambridge", "BOUNDARY_CDDNeighborhoods.geojson", "neighbourhood", 13),
        ("cambridge", "PUBLICSAFETY_PoliceWalkingRoutes.geojson", "duty_area", 38),
        ("cambridge", "DPW_StreetSweepingDistricts.geojson", "duty_area", 14),
        ("chicago", "neighborhoods_shp.zip", "neighbourhood", 98),
        ("chicago", "city_limits_shp.zip", "city", 1),
        ("formats", "helsinki_population_grid_2020.gpkg", "grid", 92),
    ],
)
def test_real_areas_all_come_in(folder: str, name: str, level: str, n: int) -> None:
    layer = districts.read(shared(folder, name), ImportOptions(constants={"level": level}))
    assert (len(layer.frame), len(layer.refused)) == (n, 0)


def gates(tmp_path: Path, owners: list[str | None], **columns: Any) -> Layer:
    path = tmp_path / "gates.geojson"
    shapes = [Point(117.1 + n / 1000, 39.2) for n in range(len(owners))]
    given = {"key_point_id": owners, **columns}
    gpd.GeoDataFrame(given, geometry=shapes, crs="EPSG:4326").to_file(path)
    return key_points.read_gates(path, ImportOptions(), pd.Series(["k1", "k2"]))


def test_gates_know_their_key_point_and_their_kind(tmp_path: Path) -> None:
    layer = gates(tmp_path, ["k1", "k1", "k2"], id=["g1", "g2", "g1"], kind=["正门", None, "fire_exit"])
    assert layer.refused == []
    rows = layer.frame[["key_point_source_id", "source_id", "kind"]].to_numpy().tolist()
    assert rows == [["k1", "g1", "main"], ["k1", "g2", "entrance"], ["k2", "g1", "fire_exit"]]


def test_gates_of_nobody_and_of_unknown_kinds_are_refused(tmp_path: Path) -> None:
    layer = gates(tmp_path, ["k1", "k9", None, "k2"], id=list("abcd"), kind=["main", "main", "main", "hatch"])
    assert layer.frame["source_id"].tolist() == ["a"]
    assert [(one.row, one.field) for one in layer.refused] == [
        (2, "key_point"),
        (3, "key_point"),
        (4, "kind"),
    ]
    assert "no key point k9" in str(layer.refused[0].reason)
    with pytest.raises(InvalidError, match="no column that names the key point"):
        path = tmp_path / "bare.geojson"
        gpd.GeoDataFrame({"kind": ["main"]}, geometry=[HERE], crs="EPSG:4326").to_file(path)
        key_points.read_gates(path, ImportOptions(), pd.Series(["k1"]))
