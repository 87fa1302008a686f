"""Files that are not what they are called, lead elsewhere, or are packed from gigabytes of nothing."""

import gzip
import zipfile
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from layers import unpacking
from layers.errors import TooLargeError, UnreadableFileError
from layers.importing import opening, tables, tracks
from layers.importing.options import ImportOptions

_OTHER = "{folder}/private.csv"
_VRT = (
    "<OGRVRTDataSource><OGRVRTLayer name='private'><SrcDataSource>" + _OTHER + "</SrcDataSource>"
    "</OGRVRTLayer></OGRVRTDataSource>"
)
_STREAMED = (
    '{{"type": "gdal_streamed_alg", "command_line": "gdal vector pipeline ! read ' + _OTHER + " ! write "
    '--output-format=stream streamed_dataset"}}'
)
_ENTITY = (
    "<?xml version='1.0'?><!DOCTYPE {root} [<!ENTITY x SYSTEM 'file://" + _OTHER + "'>]>"
    "<{root}><name>&x;</name></{root}>"
)
_LAUGHS = (
    "<?xml version='1.0'?><!DOCTYPE {root} [<!ENTITY a 'haha'>"
    + "".join(f"<!ENTITY {b} '{('&' + a + ';') * 10}'>" for a, b in zip("abcdefgh", "bcdefghi", strict=True))
    + "]><{root}><name>&i;</name></{root}>"
)
POLYGLOTS = {
    "a virtual source as GeoJSON": ("a.geojson", _VRT),
    "a virtual source as KML": ("a.kml", _VRT),
    "a virtual source as GPX": ("a.gpx", _VRT),
    "a virtual source behind KML": ("a.kml", "<kml/>" + _VRT),
    "a virtual source in a comment of JSON": ("a.geojson", '{{"x": "' + _VRT.replace('"', "'") + '"}}'),
    "a virtual source as a spreadsheet": ("a.xlsx", _VRT),
    "a virtual source as a GeoPackage": ("a.gpkg", _VRT),
    "a pipeline as GeoJSON": ("a.geojson", _STREAMED),
    "entities in KML": ("a.kml", _ENTITY.replace("{root}", "kml")),
    "entities in GPX": ("a.gpx", _ENTITY.replace("{root}", "gpx")),
    "laughs in KML": ("a.kml", _LAUGHS.replace("{root}", "kml")),
    "laughs in GPX": ("a.gpx", _LAUGHS.replace("{root}", "gpx")),
    "another schema as KML": (
        "a.kml",
        "<wfs:FeatureCollection xmlns:wfs='http://www.opengis.net/wfs' xmlns:gml='http://www.opengis.net/gml'"
        " xmlns:xsi='http://www.w3.org/2001/XMLSchema-instance' xsi:schemaLocation='a http://127.0.0.1:9/a'/>",
    ),
}


@pytest.mark.parametrize("which", POLYGLOTS)
def test_a_file_that_leads_elsewhere_is_refused_whatever_it_is_called(which: str, tmp_path: Path) -> None:
    (tmp_path / "private.csv").write_text("lon,lat,word\n117.1,39.2,geheim\n", encoding="utf-8")
    name, text = POLYGLOTS[which]
    path = tmp_path / name
    path.write_text(text.replace("{folder}", str(tmp_path)).replace("{{", "{").replace("}}", "}"))
    with pytest.raises(UnreadableFileError) as refused:
        opening.table(path, ImportOptions())
    assert "geheim" not in str(refused.value)


def test_what_is_what_it_says_is_read(tmp_path: Path) -> None:
    feature = '{"type": "Feature", "properties": {"a": 1}, "geometry": null}'
    for name, text in {
        "a.geojson": '\ufeff\n{"type": "FeatureCollection", "features": [' + feature + "]}",
        "a.kml": "<?xml version='1.0'?><kml xmlns='http://www.opengis.net/kml/2.2'><Document><Placemark>"
        "<name>x</name><Point><coordinates>117,39</coordinates></Point></Placemark></Document></kml>",
    }.items():
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        assert len(opening.table(path, ImportOptions())) == 1


@pytest.fixture(scope="module")
def bomb(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Give 300 MB of spaces, packed into some hundred kilobytes."""
    path = tmp_path_factory.mktemp("bomb") / "bomb.gz"
    with gzip.open(path, "wb") as file:
        file.write(b"lon,lat\n")
        for _ in range(300):
            file.write(b" " * (1 << 20))
    assert path.stat().st_size < 1 << 20
    return path.read_bytes()


@pytest.mark.parametrize("name", ["a.csv.gz", "a.geojson.gz", "a.gpx.gz"])
def test_a_bomb_is_dropped_before_it_is_unpacked(
    bomb: bytes, now: datetime, tmp_path: Path, name: str
) -> None:
    path = tmp_path / name
    path.write_bytes(bomb)
    readers = {
        "a.csv.gz": lambda: list(tables.chunks(path, encoding=None)),
        "a.geojson.gz": lambda: opening.table(path, ImportOptions()),
        "a.gpx.gz": lambda: tracks.read(path, ImportOptions(), now=now, local=ZoneInfo("UTC")),
    }
    with pytest.raises(TooLargeError):
        readers[name]()


def test_a_spreadsheet_that_holds_gigabytes_is_not_opened(tmp_path: Path) -> None:
    path = tmp_path / "a.xlsx"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("xl/a.xml", "w") as file:
        for _ in range(100):
            file.write(b" " * (1 << 20))
    with pytest.raises(TooLargeError):
        unpacking.require_plain(path)


def test_a_large_honest_file_is_not_taken_for_a_bomb(tmp_path: Path) -> None:
    path = tmp_path / "a.csv.gz"
    row = "117.135{0},39.225{0},2026-08-22 10:00,占道经营\n"
    with gzip.open(path, "wt", encoding="utf-8") as file:
        file.write("lon,lat,observed_at,note\n")
        file.writelines(row.format(number) for number in range(100_000))
    with unpacking.opened(path) as content:
        assert len(content.read()) > 5_000_000
