"""Files that are damaged or hostile are refused in words, and no word tells where the server keeps them."""

import gzip
import io
import random
import zipfile
from pathlib import Path

import geopandas as gpd
import pytest
import shapely

from geo.errors import Explained
from layers.errors import InvalidError, UnreadableFileError
from layers.importing import opening, osm, vector
from layers.importing.options import ImportOptions
from layers.language import explain

PLACE = "where the server keeps it"
HERE = shapely.Point(117, 39)


def zipped(**files: bytes) -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as archive:
        for name, content in files.items():
            archive.writestr(name.replace("__", ".").replace("_up_", "../"), content)
    return held.getvalue()


DEEP = 100_000
SHP = b"\0\0\x27\x0a" + bytes(96)
DAMAGED = {
    "cut JSON": ("a.geojson", b'{"type":"FeatureCollection","features":['),
    "empty JSON": ("a.geojson", b"{}"),
    "deep objects": ("a.geojson", b'{"a":' * DEEP + b"1" + b"}" * DEEP),
    "deep lists": ("a.geojson", b"[" * DEEP + b"]" * DEEP),
    "a header of a GeoPackage": ("a.gpkg", b"SQLite format 3\0" + bytes(100)),
    "a shape without its index": ("a.shp", SHP),
    "a zipped shape without its index": ("a.zip", zipped(a__shp=SHP)),
    "an archive that leads up": ("a.zip", zipped(_up__up_a__shp=SHP)),
    "a cut archive": ("a.zip", b"PK\3\4" + bytes(50)),
    "a text in an archive": ("a.zip", zipped(a__txt=b"1")),
    "a cut KML": ("a.kml", b"<kml>"),
    "a KML without anything": ("a.kml", b'<kml xmlns="http://www.opengis.net/kml/2.2"><Document/></kml>'),
    "a deep KML": ("a.kml", b"<kml>" * DEEP),
    "a cut KMZ": ("a.kmz", zipped(doc__kml=b"<kml>")),
    "a KMZ of other things": ("a.kmz", zipped(a__txt=b"1")),
    "a KMZ that declares entities": (
        "a.kmz",
        zipped(doc__kml=b'<!DOCTYPE kml [<!ENTITY a "b">]><kml><Document><name>&a;</name></Document></kml>'),
    ),
    "a GML without anything": (
        "a.gml",
        b'<gml:FeatureCollection xmlns:gml="http://www.opengis.net/gml"/>',
    ),
    "a FlatGeobuf of zeros": ("a.fgb", b"fgb" + bytes(100)),
    "a short Parquet": ("a.parquet", b"PAR1" + bytes(20) + b"PAR1"),
    "a cut GPX": ("a.gpx", b"<gpx>"),
    "a spreadsheet without sheets": ("a.xlsx", zipped(a__txt=b"1")),
    "a broken spreadsheet": ("a.xlsx", b"PK\3\4" + bytes(50)),
    "a quote that never ends": ("a.csv", b'lon,lat\n"' + b"x" * 100_000),
    "one long line": ("a.csv", b"a" * 3_000_000),
    "zeros": ("a.csv", bytes(10)),
    "packed JSON, cut": ("a.geojson.gz", gzip.compress(b"{")),
    "no gzip": ("a.geojson.gz", b"x"),
}


def refused(path: Path) -> str:
    with pytest.raises((UnreadableFileError, InvalidError)) as told:
        vector.read(path, ImportOptions(frame="wgs84"), vector.POINTS)
    return explain(told.value)


@pytest.mark.parametrize("which", DAMAGED)
def test_what_is_damaged_is_refused_without_telling_where_it_lies(which: str, tmp_path: Path) -> None:
    name, content = DAMAGED[which]
    folder = tmp_path / PLACE
    folder.mkdir()
    (folder / name).write_bytes(content)
    said = refused(folder / name)
    assert "keeps it" not in said
    assert not any(word in said for word in (str(tmp_path), "/tmp", "vsizip"))


def test_numbers_that_are_none_are_no_positions(tmp_path: Path) -> None:
    rows = ["NaN,39", "117,Infinity", "1e999,39", "-1e400,39", "1e17,39", "0x1p3,39", "١١٧,39", "117,39"]
    (tmp_path / "a.csv").write_text("lon,lat\n" + "\n".join(rows), encoding="utf-8")
    read = vector.read(tmp_path / "a.csv", ImportOptions(frame="wgs84"), vector.POINTS)
    assert read.rows.index.tolist() == [8]
    assert [one.row for one in read.refused] == [1, 2, 3, 4, 5, 6, 7]


@pytest.mark.parametrize("suffix", [".geojson", ".gpkg", ".kml", ".fgb", ".shp.zip", ".parquet"])
def test_flipped_bytes_are_refused_or_read_and_nothing_else(suffix: str, tmp_path: Path) -> None:
    columns = {"name": ["北仓道", "b", "c"], "n": [1, 2, None]}
    good = gpd.GeoDataFrame(columns, geometry=[HERE, HERE, HERE], crs=4326)
    path = tmp_path / f"good{suffix}"
    drivers = {".geojson": "GeoJSON", ".gpkg": "GPKG", ".kml": "KML", ".fgb": "FlatGeobuf"}
    if suffix == ".parquet":
        good.to_parquet(path)
    else:
        good.to_file(path, driver=drivers.get(suffix, "ESRI Shapefile"))
    whole, chance = path.read_bytes(), random.Random(11)
    for number in range(60):
        content = bytearray(whole)
        for _ in range(chance.choice((1, 3, 20))):
            content[chance.randrange(len(content))] = chance.randrange(256)
        bad = tmp_path / f"{number}{'.zip' if suffix == '.shp.zip' else suffix}"
        bad.write_bytes(bytes(content))
        try:
            opening.table(bad, ImportOptions())
        except Explained as error:
            assert str(tmp_path) not in explain(error)


@pytest.mark.parametrize(
    "content",
    [
        b"<?xml version='1.0'?><!DOCTYPE osm [<!ENTITY x SYSTEM 'file:///etc/passwd'>]>"
        b"<osm version='0.6'><node id='1' lat='39' lon='117'><tag k='name' v='&x;'/></node></osm>",
        b"<?xml version='1.0'?><!DOCTYPE osm [<!ENTITY a 'haha'><!ENTITY b '&a;&a;&a;&a;'>]>"
        b"<osm version='0.6'><node id='1' lat='39' lon='117'><tag k='name' v='&b;'/></node></osm>",
        b"<osm>" * DEEP,
        b"<osm version='0.6'><node id='1' lat='NaN' lon='1e999'/></osm>",
        b"<osm version='0.6'><node id='99999999999999999999' lat='39' lon='117'/></osm>",
    ],
    ids=["entity", "laughs", "deep", "no number", "large id"],
)
def test_hostile_map_extracts_are_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "a.osm"
    path.write_bytes(content)
    with pytest.raises(UnreadableFileError) as told:
        osm.read(path)
    assert str(tmp_path) not in explain(told.value)
