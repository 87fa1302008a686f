from pathlib import Path
from typing import Any

import geopandas as gpd
import pytest
from shapely import LineString, MultiLineString

from geo import blocks
from layers.errors import InvalidError
from layers.importing import streets
from layers.importing.features import Layer
from layers.importing.options import ImportOptions
from tests.conftest import shared

EAST = LineString([(117.100, 39.2), (117.101, 39.2)])
NORTH = LineString([(117.101, 39.2), (117.101, 39.201)])


def read(tmp_path: Path, shapes: list[Any], crs: str = "EPSG:4326", **columns: Any) -> Layer:
    options = columns.pop("options", {})
    path = tmp_path / "streets.gpkg"
    gpd.GeoDataFrame(columns, geometry=shapes, crs=crs).to_file(path)
    return streets.read(path, ImportOptions(**options))


def test_usual_columns_are_found_and_told(tmp_path: Path) -> None:
    layer = read(
        tmp_path,
        [EAST, NORTH],
        Steet_Name=["Elm Street", None],
        fclass=["Residential", "service"],
        oneway=["B", "T"],
        bridge=["F", "T"],
        layer=[0, 1],
        lanes=[2, None],
        osm_id=["7", "7"],
    )
    assert layer.columns["name"] == "Steet_Name"
    first, second = layer.frame.to_dict("records")
    assert (first["name"], first["class"], first["one_way"], first["lanes"]) == (
        "Elm Street",
        "residential",
        False,
        2,
    )
    assert (second["name"], second["one_way"], second["bridge"], second["layer"]) == (None, True, True, 1)
    assert second["geom"].coords[0] == NORTH.coords[-1]
    assert layer.frame["source_id"].tolist() == ["7", "7"]
    assert layer.frame.crs == "EPSG:4326"


def test_a_named_column_wins_and_an_unknown_one_is_refused(tmp_path: Path) -> None:
    layer = read(tmp_path, [EAST], name=["x"], label=["Elm"], options={"columns": {"name": "label"}})
    assert layer.frame["name"].tolist() == ["Elm"]
    with pytest.raises(InvalidError, match="no column Titel in the file; columns: name, label"):
        read(tmp_path, [EAST], name=["x"], label=["Elm"], options={"columns": {"name": "Titel"}})
    with pytest.raises(InvalidError, match="no field colour"):
        read(tmp_path, [EAST], name=["x"], options={"columns": {"colour": "name"}})
    assert read(tmp_path, [EAST], name=["x"], options={"columns": {"name": ""}}).frame["name"].tolist() == [
        None
    ]


def test_lines_of_several_parts_become_several_streets(tmp_path: Path) -> None:
    layer = read(tmp_path, [MultiLineString([EAST, NORTH]), EAST], name=["Elm", "Oak"], id=["1", "2"])
    assert layer.frame["source_id"].tolist() == ["1-1", "1-2", "2"]
    assert layer.frame["name"].tolist() == ["Elm", "Elm", "Oak"]
    assert set(layer.frame.geom_type) == {"LineString"}
    assert layer.n_read == 2


def test_widths_in_feet_are_turned_into_metres_and_never_guessed(tmp_path: Path) -> None:
    feet = gpd.GeoSeries([LineString([(-87.63, 41.88), (-87.62, 41.88)])], crs="EPSG:4326").to_crs(
        "EPSG:3435"
    )
    with pytest.raises(InvalidError, match="coordinates are in US survey foot; say with --width-unit"):
        read(tmp_path, list(feet), crs="EPSG:3435", width=[30])
    layer = read(tmp_path, list(feet), crs="EPSG:3435", width=[30], options={"width_unit": "ft"})
    assert layer.frame["width_m"].tolist() == [pytest.approx(9.144)]
    assert layer.frame.geometry.iloc[0].coords[0] == pytest.approx((-87.63, 41.88), abs=1e-7)
    with pytest.raises(InvalidError, match="ell is not a unit"):
        read(tmp_path, [EAST], width=[30], options={"width_unit": "ell"})


def test_node_ids_are_kept_where_they_hold_for_every_row(tmp_path: Path) -> None:
    layer = read(tmp_path, [EAST, NORTH], u=[1, 2], v=[2, 3])
    assert layer.frame[["u", "v"]].to_numpy().tolist() == [["1", "2"], ["2", "3"]]
    assert len(blocks.build(layer.frame)) == 1
    assert "u" not in read(tmp_path, [EAST, NORTH], u=[1, 1], v=[2, 3]).frame
    assert "u" not in read(tmp_path, [EAST, NORTH], u=[1, None], v=[2, 3]).frame


def test_layers_that_gdal_made_of_openstreetmap_are_read_by_their_tags(tmp_path: Path) -> None:
    layer = read(
        tmp_path,
        [EAST, NORTH, EAST],
        osm_id=["1", "2", "3"],
        name=["Elm", None, "Path"],
        highway=["residential", "primary", "footway"],
        other_tags=[
            '"oneway"=>"-1","lanes"=>"3","width"=>"12 ft"',
            '"ref"=>"G 103"',
            '"footway"=>"sidewalk"',
        ],
    )
    assert layer.frame["name"].tolist() == ["Elm", "G 103", "Path"]
    assert layer.frame["footway"].tolist() == [None, None, "sidewalk"]
    first = layer.frame.iloc[0]
    assert first["one_way"]
    assert first["lanes"] == 3
    assert first["width_m"] == pytest.approx(3.6576)
    assert first["geom"].coords[0] == EAST.coords[-1]


def test_the_same_rows_in_another_order_get_the_same_ids(tmp_path: Path) -> None:
    one = read(tmp_path, [EAST, NORTH], name=["a", "b"]).frame.set_index("name")["source_id"]
    other = read(tmp_path, [NORTH, EAST], name=["b", "a"]).frame.set_index("name")["source_id"]
    assert one.to_dict() == other.to_dict()


def test_chicago_is_read_by_its_tags() -> None:
    layer = streets.read(shared("chicago", "streets_osm2014.gpkg"), ImportOptions())
    assert (layer.n_read, len(layer.frame), len(layer.refused)) == (23_396, 23_384, 0)
    assert layer.frame["one_way"].sum() > 5_000
    assert layer.frame["lanes"].notna().sum() > 1_000
    assert (layer.frame["layer"] != 0).sum() > 100


def test_the_near_west_side_keeps_its_nodes() -> None:
    layer = streets.read(shared("chicago", "streets_near_west_side.gpkg"), ImportOptions())
    assert {"u", "v"} <= set(layer.frame)
    assert len(layer.frame) == 11_801


def test_cambridge_names_its_streets_and_its_one_multiline_is_taken_apart() -> None:
    options = ImportOptions(columns={"one_way": "Direction"})
    layer = streets.read(shared("cambridge", "TRANS_Centerlines.geojson"), options)
    assert layer.columns["name"] == "Street"
    assert (layer.n_read, len(layer.frame)) == (2643, 2644)
    assert layer.frame["one_way"].sum() == 937


def test_a_column_footway_tells_ways_on_foot_from_streets(tmp_path: Path) -> None:
    layer = read(
        tmp_path,
        [EAST, NORTH, EAST, NORTH],
        highway=["residential", "footway", "footway", "footway"],
        footway=["", "Sidewalk", "crossing", "no"],
    )
    assert layer.frame["footway"].tolist() == [None, "sidewalk", "crossing", None]
