import gzip
import json
import shutil
import zipfile
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pytest
import shapely
from shapely import LineString, Point, Polygon

from geo.errors import NoCRSError
from layers.errors import InvalidError, UnreadableFileError
from layers.importing import key_points, vector
from layers.importing.options import ImportOptions
from tests.conftest import shared

HERE = (117.135, 39.225)
ROAD = LineString([HERE, (117.136, 39.226)])


def frame(**columns: Any) -> gpd.GeoDataFrame:
    n = len(next(iter(columns.values()))) if columns else 1
    return gpd.GeoDataFrame(columns or {"name": ["京津公路"]}, geometry=[ROAD] * n, crs="EPSG:4326")


def read(path: Path, kinds: frozenset[str] = vector.LINES, **options: Any) -> vector.Features:
    return vector.read(path, ImportOptions(**options), kinds)


@pytest.mark.parametrize("name", ["r.gpkg", "r.geojson", "r.fgb", "r.shp", "r.parquet"])
def test_every_format_reads_the_same(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    if name.endswith(".parquet"):
        frame().to_parquet(path)
    else:
        frame().to_file(path, encoding="UTF-8")
    rows = read(path).rows
    assert rows["name"].tolist() == ["京津公路"]
    assert rows.geometry.iloc[0].equals_exact(ROAD, 1e-7)
    assert rows.index.tolist() == [1]


def test_compressed_files_and_zipped_shapefiles_are_opened(tmp_path: Path) -> None:
    plain = tmp_path / "r.gpkg"
    frame().to_file(plain)
    packed = tmp_path / "r.gpkg.gz"
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    assert len(read(packed).rows) == 1
    frame().to_file(tmp_path / "roads.shp", encoding="UTF-8")
    shutil.make_archive(str(tmp_path / "roads"), "zip", tmp_path, ".")
    assert len(read(tmp_path / "roads.zip", layer="roads").rows) == 1


def test_csv_with_wkt_or_with_coordinates_needs_a_reference_system(tmp_path: Path) -> None:
    lines = tmp_path / "lines.csv"
    lines.write_text(f'name,WKT\nElm,"{ROAD.wkt}"\n', encoding="utf-8")
    with pytest.raises(NoCRSError, match=r"lines\.csv does not say its reference system; name it with --crs"):
        read(lines)
    assert read(lines, crs="EPSG:4326").rows.geometry.iloc[0].equals(ROAD)
    points = tmp_path / "points.csv"
    points.write_text("经度,纬度\n117.135,39.225\n", encoding="utf-8")
    found = read(points, vector.POINTS, crs="EPSG:4326")
    assert found.columns == {"lon": "经度", "lat": "纬度"}
    assert found.rows.geometry.iloc[0].equals(Point(HERE))


def test_a_layer_without_a_reference_system_is_refused_unless_it_is_named(tmp_path: Path) -> None:
    path = tmp_path / "r.shp"
    frame().to_file(path, encoding="UTF-8")
    path.with_suffix(".prj").unlink()
    with pytest.raises(NoCRSError):
        read(path)
    with pytest.raises(InvalidError, match="EPSG:99 names no reference system"):
        read(path, crs="EPSG:99")
    assert len(read(path, crs="EPSG:4326").rows) == 1


def test_feet_are_not_metres(tmp_path: Path) -> None:
    path = tmp_path / "r.gpkg"
    chicago = gpd.GeoSeries([Point(-87.63, 41.88)], crs="EPSG:4326").to_crs("EPSG:3435")
    gpd.GeoDataFrame(geometry=chicago).to_file(path)
    found = read(path, vector.POINTS)
    assert found.unit == "US survey foot"
    assert found.rows.geometry.iloc[0].distance(Point(-87.63, 41.88)) < 1e-8


def test_positions_of_chinese_map_services_are_brought_to_wgs84(tmp_path: Path) -> None:
    path = tmp_path / "p.csv"
    path.write_text("lon,lat\n117.141427801,39.226203541\n", encoding="utf-8")
    point = read(path, vector.POINTS, frame="gcj02").rows.geometry.iloc[0]
    assert point.distance(Point(HERE)) < 1e-7
    with pytest.raises(InvalidError, match="A frame shifts longitudes and latitudes"):
        read(path, vector.POINTS, frame="gcj02", crs="EPSG:4548", columns={"x": "lon", "y": "lat"})
    with pytest.raises(InvalidError, match="gps is not a frame"):
        read(path, vector.POINTS, frame="gps")


def test_each_broken_row_is_refused_with_its_reason_and_the_good_ones_stay(tmp_path: Path) -> None:
    shapes = [
        Polygon([(117, 39), (117.1, 39), (117.1, 39.1)]),
        None,
        Polygon(),
        Point(117, 39),
        Polygon([(117, 39), (117.1, 39.1), (117.1, 39), (117, 39.1)]),
        Polygon([(39, 117), (39, 117.1), (39.1, 117.1)]),
        Polygon([(500_000, 4e6), (500_100, 4e6), (500_100, 4.1e6)]),
    ]
    path = tmp_path / "areas.parquet"
    gpd.GeoDataFrame({"name": list("abcdefg")}, geometry=shapes, crs="EPSG:4326").to_parquet(path)
    found = read(path, vector.AREAS)
    assert found.rows["name"].tolist() == ["a"]
    reasons = {one.row: str(one.reason) for one in found.refused}
    assert sorted(reasons) == [2, 3, 4, 5, 6, 7]
    assert reasons[2] == "no geometry"
    assert reasons[3] == "the geometry is empty"
    assert reasons[4] == "an area is wanted; this is Point"
    assert "Self-intersection" in reasons[5]
    assert "look exchanged" in reasons[6]
    assert "are these metres" in reasons[7]
    assert found.refused[0].values["name"] == "b"


def test_a_vertex_that_is_not_finite_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "r.parquet"
    with np.errstate(invalid="ignore"):
        line = LineString([HERE, (float("nan"), 39)])
    gpd.GeoDataFrame(geometry=[line, ROAD], crs="EPSG:4326").to_parquet(path)
    found = read(path)
    assert [str(one.reason) for one in found.refused] == ["a coordinate is not a number"]


def test_heights_are_dropped(tmp_path: Path) -> None:
    path = tmp_path / "r.gpkg"
    gpd.GeoDataFrame(geometry=[LineString([(117, 39, 5), (117.1, 39, 6)])], crs="EPSG:4326").to_file(path)
    assert not read(path).rows.has_z.any()


def test_null_island_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "p.csv"
    path.write_text("lon,lat\n0,0\n117,39\n,\n", encoding="utf-8")
    found = read(path, vector.POINTS, crs="EPSG:4326")
    assert [one.row for one in found.refused] == [1, 3]
    assert "device without a fix" in str(found.refused[0].reason)


def test_a_shapefile_in_an_unnamed_encoding_is_refused_and_read_when_it_is_named(tmp_path: Path) -> None:
    path = tmp_path / "r.shp"
    frame().to_file(path, encoding="GB18030")
    path.with_suffix(".cpg").unlink()
    with pytest.raises(UnreadableFileError, match="does not say its encoding and is not UTF-8"):
        read(path)
    assert read(path, encoding="gb18030").rows["name"].tolist() == ["京津公路"]
    archive = tmp_path / "r.zip"
    with zipfile.ZipFile(archive, "w") as file:
        for part in tmp_path.glob("r.???"):
            if part != archive:
                file.write(part, part.name)
    with pytest.raises(UnreadableFileError, match="--encoding"):
        read(archive)


def test_several_layers_ask_which(tmp_path: Path) -> None:
    path = tmp_path / "r.gpkg"
    frame().to_file(path, layer="roads")
    frame().to_file(path, layer="rails")
    with pytest.raises(InvalidError, match="several layers, name one with --layer: roads, rails"):
        read(path)
    with pytest.raises(InvalidError, match="no layer canals"):
        read(path, layer="canals")
    assert len(read(path, layer="rails").rows) == 1


def test_only_rows_with_the_wanted_value_are_read(tmp_path: Path) -> None:
    path = tmp_path / "r.gpkg"
    frame(name=["a", "b"], year=[2013, 2014]).to_file(path)
    assert read(path, where={"year": "2014"}).rows["name"].tolist() == ["b"]
    with pytest.raises(InvalidError, match="no column Year2"):
        read(path, where={"Year2": "1"})


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("r.geojson", b'{"type": "FeatureCollection", "features": ['),
        ("r.gpkg", b"SQLite format 3\0 and nothing more"),
        ("r.parquet", b"PAR1"),
        ("r.zip", b"PK\x03\x04"),
        ("r.xyz", b"1 2 3"),
        ("r.gpkg.gz", b"not gzip"),
        ("r.geojson", b""),
    ],
)
def test_files_that_cannot_be_read_are_named(tmp_path: Path, name: str, content: bytes) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(UnreadableFileError, match=r"r\.\w+"):
        read(path)


def test_a_layer_without_rows_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "r.geojson"
    path.write_text(json.dumps({"type": "FeatureCollection", "features": []}), encoding="utf-8")
    with pytest.raises(UnreadableFileError, match="has no rows"):
        read(path)


def test_a_folder_or_missing_file_is_named(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "r.gpkg"):
        with pytest.raises(UnreadableFileError, match="There is no file"):
            read(path)


def test_real_neighbourhoods_in_feet_lie_where_they_should() -> None:
    rows = read(shared("chicago", "neighborhoods_shp.zip"), vector.AREAS).rows
    assert len(rows) == 98
    west, south, east, north = rows.total_bounds
    assert (west, south, east, north) == pytest.approx((-87.940, 41.644, -87.524, 42.023), abs=1e-3)
    assert shapely.is_valid(rows.geometry.to_numpy()).all()


def kml(*inside: str) -> str:
    head = '<kml xmlns="http://www.opengis.net/kml/2.2"><Document><name>巡查</name>'
    return f"{head}{''.join(inside)}</Document></kml>"


def placemark(name: str, lon: float, shape: str = "Point") -> str:
    more = f" {lon + 0.01},39.1" if shape == "LineString" else ""
    places = f"<coordinates>{lon},39.1{more}</coordinates>"
    return f"<Placemark><name>{name}</name><{shape}>{places}</{shape}></Placemark>"


def folder(name: str, *inside: str) -> str:
    return f"<Folder><name>{name}</name>{''.join(inside)}</Folder>"


@pytest.mark.parametrize("name", ["a.kml", "a.kmz"])
def test_every_folder_of_a_kml_file_is_read_and_names_its_rows(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    schools = folder("学校", placemark("甲", 117.1), folder("幼儿园", placemark("乙", 117.2)))
    markets = [folder("市场", placemark(name, 117.3)) for name in ("丙", "丁")]
    loose = placemark("散", 117.4), placemark("路", 117.5, "LineString")
    content = kml(schools, *markets, folder("空"), *loose)
    if name.endswith(".kmz"):
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("doc.kml", content)
            archive.writestr("files/pin.png", b"png")
    else:
        path.write_text(content, encoding="utf-8")
    found = vector.read(path, ImportOptions(frame="wgs84"), vector.POINTS)
    rows = dict(zip(found.rows["Name"], found.rows["folder"], strict=True))
    assert rows == {"散": "巡查", "甲": "学校", "乙": "幼儿园", "丙": "市场", "丁": "市场"}
    assert [str(one.reason) for one in found.refused] == ["a point is wanted; this is LineString"]
    one = vector.read(path, ImportOptions(frame="wgs84", layer="幼儿园"), vector.POINTS)
    assert one.rows["Name"].tolist() == ["乙"]


def test_the_folders_of_a_kml_file_can_say_what_its_places_are(tmp_path: Path) -> None:
    path = tmp_path / "a.kml"
    inside = [folder(kind, placemark(kind, 117 + n / 10)) for n, kind in enumerate(("幼儿园", "集贸市场"))]
    path.write_text(kml(*inside), encoding="utf-8")
    options = ImportOptions(
        frame="wgs84",
        columns={"kind": "folder"},
        values={"kind": {"幼儿园": "kindergarten", "集贸市场": "market"}},
    )
    layer = key_points.read(path, options)
    assert layer.frame["kind"].tolist() == ["kindergarten", "market"]
    assert layer.frame["name"].tolist() == ["幼儿园", "集贸市场"]
