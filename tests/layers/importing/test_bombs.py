"""Small files that unpack to far too much are refused in a sentence, in little memory and little time."""

import bz2
import gzip
import json
import struct
import subprocess
import sys
import zipfile
from collections.abc import Iterable
from pathlib import Path

import geopandas as gpd
import pytest
import shapely

from layers import archives
from layers.importing import opening
from layers.importing.options import ImportOptions

ROOT = Path(__file__).parents[3]
MOST_MB, MOST_SECONDS = 100, 10
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml"
_HEADINGS = (
    b'<row r="1"><c t="inlineStr"><is><t>lon</t></is></c><c t="inlineStr"><is><t>lat</t></is></c></row>'
)
_LAUGHS = b"".join(
    b"<!ENTITY %c '%s'>" % (name, (b"&%c;" % before) * 10)
    for before, name in zip(b"abcdefgh", b"bcdefghi", strict=True)
)


def packed(path: Path, piece: bytes, n: int) -> None:
    """Write an extract of the same again and again."""
    opener = gzip.open if path.suffix == ".gz" else bz2.open
    with opener(path, "wb") as file:
        file.write(b"<osm version='0.6'>")
        for _ in range(n):
            file.write(piece)
        file.write(b"</osm>")


def workbook(path: Path, rows: Iterable[bytes], *, head: bytes = b"", encoding: str = "utf-8") -> None:
    """Write a spreadsheet of one sheet."""
    sheet = [head, f'<worksheet xmlns="{_MAIN}"><sheetData>'.encode(), *rows, b"</sheetData></worksheet>"]
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(
            "[Content_Types].xml",
            f'<Types xmlns="{_PACKAGE}/content-types"><Default Extension="rels" '
            'ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
            f'<Override PartName="/xl/workbook.xml" ContentType="{_TYPE}.sheet.main+xml"/>'
            f'<Override PartName="/xl/worksheets/sheet1.xml" ContentType="{_TYPE}.worksheet+xml"/></Types>',
        )
        archive.writestr("_rels/.rels", _relation("officeDocument", "xl/workbook.xml"))
        archive.writestr("xl/_rels/workbook.xml.rels", _relation("worksheet", "worksheets/sheet1.xml"))
        archive.writestr(
            "xl/workbook.xml",
            f'<workbook xmlns="{_MAIN}" xmlns:r="{_OFFICE}"><sheets>'
            '<sheet name="S" sheetId="1" r:id="rId1"/></sheets></workbook>',
        )
        with archive.open("xl/worksheets/sheet1.xml", "w") as file:
            for part in sheet:
                file.write(part if encoding == "utf-8" else part.decode().encode(encoding))


def _relation(kind: str, target: str) -> str:
    return (
        f'<Relationships xmlns="{_PACKAGE}/relationships"><Relationship Id="rId1" '
        f'Type="{_OFFICE}/{kind}" Target="{target}"/></Relationships>'
    )


def lie(path: Path, name: bytes) -> None:
    """Let an archive say that one of its files is a thousand bytes long."""
    content = bytearray(path.read_bytes())
    at = content.rfind(name)
    content[at - 46 + 24 : at - 46 + 28] = struct.pack("<I", 1000)
    path.write_bytes(content)


def archive(path: Path, names: Iterable[str], content: bytes = b"") -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name in names:
            file.writestr(name, content)


def shapefile(folder: Path, target: Path, prefix: str) -> None:
    """Pack a good shapefile under names with a prefix."""
    gpd.GeoDataFrame({"a": [1]}, geometry=[shapely.Point(117, 39)], crs=4326).to_file(folder / "a.shp")
    with zipfile.ZipFile(target, "w") as file:
        for part in sorted(folder.glob("a.*")):
            file.writestr(f"{prefix}{part.name}", part.read_bytes())


WIDE = b'<row r="1">' + b'<c t="inlineStr"><is><t>x</t></is></c>' * 1990 + b"</row>"
# What each file is refused with
REFUSED = {
    "blanks.osm.gz": "TooLargeError: blanks.osm.gz holds far more than a file of its size should",
    "blanks.osm.bz2": "TooLargeError: blanks.osm.bz2 holds far more than a file of its size should",
    "nodes.osm.gz": "TooLargeError: nodes.osm.gz holds far more than a file of its size should",
    "deep.xlsx": "TooLargeError: deep.xlsx holds far more than a file of its size should",
    "empty-rows.xlsx": "TooLargeError: empty-rows.xlsx holds far more than a file of its size should",
    "far-column.xlsx": "TooLargeError: far-column.xlsx holds far more than a file of its size should",
    "large.xlsx": "TooLargeError: large.xlsx holds far more than a file of its size should",
    "lying.xlsx": "UnreadableFileError: lying.xlsx is not what it says of itself",
    "entities.xlsx": "UnreadableFileError: entities.xlsx is not what its name says",
    "utf-16.xlsx": "UnreadableFileError: utf-16.xlsx is not what its name says",
    "many.zip": "TooLargeError: many.zip holds 20000 files; at most 5000 are read",
    "outside.zip": "UnreadableFileError: outside.zip names files outside itself",
    "root.zip": "UnreadableFileError: root.zip names files outside itself",
    "large.zip": "TooLargeError: large.zip holds far more than a file of its size should",
    "entities.kml": "UnreadableFileError: entities.kml is not what its name says",
}


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, object]]:
    """Give what was said of each file, and what reading it cost."""
    folder = tmp_path_factory.mktemp("bombs")
    packed(folder / "blanks.osm.gz", b" " * (1 << 20), 300)
    packed(folder / "blanks.osm.bz2", b" " * (1 << 20), 300)
    packed(folder / "nodes.osm.gz", b"<node id='1' lat='39' lon='117'/>" * 10_000, 600)
    workbook(folder / "deep.xlsx", [b"<a>" * 3_000_000, b"</a>" * 3_000_000])
    workbook(folder / "empty-rows.xlsx", [WIDE, b"<row/>" * 1_000_000])
    far = [b'<row><c r="BXX%d"><v>1</v></c></row>' % row for row in range(2, 20_002)]
    workbook(folder / "far-column.xlsx", [_HEADINGS, *far])
    row = b"<row><c><v>117</v></c><c><v>39</v></c></row>"
    workbook(folder / "large.xlsx", [_HEADINGS, *[row * 20_000] * 100])
    workbook(folder / "lying.xlsx", [_HEADINGS, *[row * 20_000] * 10])
    lie(folder / "lying.xlsx", b"xl/worksheets/sheet1.xml")
    workbook(folder / "entities.xlsx", [_HEADINGS], head=b"<!DOCTYPE worksheet [" + _LAUGHS + b"]>")
    workbook(folder / "utf-16.xlsx", [_HEADINGS, row], encoding="utf-16-le")
    archive(folder / "many.zip", (f"{n}/a.shp" for n in range(20_000)))
    shapefile(tmp_path_factory.mktemp("a"), folder / "outside.zip", "../../")
    shapefile(tmp_path_factory.mktemp("b"), folder / "root.zip", "/")
    archive(folder / "large.zip", ["a.shp"], bytes(300 << 20))
    head = b"<!DOCTYPE kml [<!ENTITY a 'haha'>" + _LAUGHS + b"]>"
    (folder / "entities.kml").write_bytes(head + b"<kml><Placemark><name>&i;</name></Placemark></kml>")
    command = [sys.executable, "-m", "tests.layers.importing.bombs", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return {one["name"]: one for one in map(json.loads, done.stdout.splitlines())}


@pytest.mark.parametrize("name", list(REFUSED))
def test_a_bomb_is_refused_in_a_sentence_and_costs_little(
    told: dict[str, dict[str, object]], name: str
) -> None:
    assert told[name]["said"] == REFUSED[name]
    assert float(str(told[name]["grown_mb"])) < MOST_MB
    assert float(str(told[name]["seconds"])) < MOST_SECONDS


def test_honest_spreadsheets_and_archives_are_read(tmp_path: Path) -> None:
    row = b"<row><c><v>117</v></c><c><v>39</v></c></row>"
    workbook(tmp_path / "good.xlsx", [_HEADINGS, row * 10_000])
    assert len(opening.table(tmp_path / "good.xlsx", ImportOptions())) == 10_000
    shapefile(tmp_path, tmp_path / "good.zip", "folder.with..dots/")
    assert len(opening.table(tmp_path / "good.zip", ImportOptions())) == 1


def test_a_tag_that_is_cut_by_a_piece_is_counted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(archives, "_CHUNK", 7)
    workbook(tmp_path / "a.xlsx", [WIDE, b"<row/>" * 20_000])
    with pytest.raises(archives.TooLargeError):
        archives.require_modest(tmp_path / "a.xlsx")
