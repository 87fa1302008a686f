"""What GDAL, and with it QGIS, makes of the live file.

GDAL always runs in a process of its own here: it carries another copy of SQLite, and two copies in one
process drop each other's file locks (https://www.sqlite.org/howtocorrupt.html, 2.2.1).
"""

import json
import shutil
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapely
from sqlalchemy import insert, select

from layers.store import Store, frames, guarding, schema
from layers.store import geopackage as format_
from layers.store.spatial import intersects_bbox
from tests.layers.store import rows

LAYERS = {
    "street": "LineString",
    "street_check": "Point",
    "block": "LineString",
    "kerb": "Unknown",
    "key_point": "Unknown",
    "gate": "Point",
    "district": "MultiPolygon",
    "finding": "Point",
    "track": "LineString",
    # a table without geometry: where the streets are from, and whom to name for them
    "network": None,
    # how QGIS draws them
    "layer_styles": None,
}
VIEWS = {
    "findings_view": "Point",
    "blocks_view": "LineString",
    "tracks_view": "LineString",
    "key_points_view": "Unknown",
    "districts_view": "MultiPolygon",
    "coverage_view": "LineString",
    "checks_view": "Point",
}


def gdal(path: Path, code: str) -> Any:
    """Run code that leaves its answer in `told`, with every warning of GDAL an error."""
    script = f"import json, sys, pyogrio\npath = sys.argv[1]\n{code}\nprint(json.dumps(told))"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", script, str(path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return json.loads(done.stdout)


@pytest.fixture
def path(geopackage: Store, tmp_path: Path) -> Path:
    with geopackage.write() as conn:
        x, y = np.linspace(117, 118, 50), np.linspace(39, 40, 50)
        frames.insert_many(conn, schema.finding, rows.findings(x, y))
        conn.execute(insert(schema.network).values(**rows.network(1)))
        line = shapely.LineString([(117, 39), (118, 40)])
        conn.execute(insert(schema.street).values(**rows.street(1, line)))
    return tmp_path / "site.gpkg"


def test_gdal_lists_the_layers_and_nothing_private(path: Path) -> None:
    assert dict(gdal(path, "told = pyogrio.list_layers(path).tolist()")) == LAYERS | VIEWS


def test_gdal_reads_every_layer_by_its_spatial_index_without_a_warning(path: Path) -> None:
    told = gdal(
        path,
        """
told = {}
for name in [name for name, kind in pyogrio.list_layers(path) if kind and not name.endswith("_view")]:
    info = pyogrio.read_info(path, layer=name)
    pyogrio.read_dataframe(path, layer=name)
    told[name] = [info["crs"], bool(info["capabilities"]["fast_spatial_filter"])]
""",
    )
    assert told == {name: ["EPSG:4326", True] for name, kind in LAYERS.items() if kind}


def test_gdal_reads_instants_and_filters_by_place(path: Path) -> None:
    told = gdal(
        path,
        """
box = pyogrio.read_dataframe(path, layer="finding", bbox=(117.0, 39.0, 117.1, 39.1))
told = [len(box), box["observed_at"].iloc[0].isoformat(), bool(box["is_mock"].iloc[0])]
""",
    )
    assert told == [5, "2026-08-23T12:00:00+00:00", False]


def test_the_gdal_of_the_system_has_nothing_to_complain_of(path: Path) -> None:
    ogrinfo = shutil.which("ogrinfo")
    if ogrinfo is None:
        pytest.skip("no ogrinfo on this machine")
    told = subprocess.run([ogrinfo, "-al", "-so", str(path)], capture_output=True, text=True, check=True)
    assert told.stderr == ""
    assert "Layer name: finding" in told.stdout


def let_everybody_in(store: Store) -> None:
    with store.write() as conn:
        guarding.unguard(conn)


def test_what_gdal_adds_is_found_by_our_index(path: Path, geopackage: Store) -> None:
    let_everybody_in(geopackage)
    gdal(
        path,
        """
import geopandas, shapely
one = pyogrio.read_dataframe(path, layer="finding", max_features=1)
there = geopandas.GeoSeries([shapely.Point(120.5, 30.5)], crs=4326)
one = one.assign(uuid="from outside").set_geometry(there)
pyogrio.write_dataframe(one, path, layer="finding", append=True)
told = None
""",
    )
    with geopackage.read() as conn:
        box = intersects_bbox(schema.finding, (120, 30, 121, 31))
        found = conn.execute(select(schema.finding.c.uuid, schema.finding.c.geom).where(box)).all()
    assert [(row.uuid, row.geom.wkt) for row in found] == [("from outside", "POINT (120.5 30.5)")]


def test_what_gdal_moves_and_deletes_is_moved_and_deleted_in_our_index(path: Path, geopackage: Store) -> None:
    ogrinfo = shutil.which("ogrinfo")
    if ogrinfo is None:
        pytest.skip("no ogrinfo on this machine")
    let_everybody_in(geopackage)
    moved = (
        "UPDATE finding SET geom = (SELECT geom FROM finding WHERE fid = 50) WHERE fid = 1",
        "DELETE FROM finding WHERE fid BETWEEN 2 AND 10",
    )
    for statement in moved:
        subprocess.run([ogrinfo, str(path), "-q", "-sql", statement], check=True, capture_output=True)
    with geopackage.read() as conn:
        kept = conn.execute(select(schema.finding.c.fid)).scalars().all()
        indexed = conn.exec_driver_sql("SELECT id FROM rtree_finding_geom ORDER BY id").scalars().all()
        corner = intersects_bbox(schema.finding, (118, 40, 118, 40))
        assert conn.execute(select(schema.finding.c.fid).where(corner)).scalars().all() == [1, 50]
    assert sorted(kept) == indexed == [1, *range(11, 51)]


def test_gdal_reads_whole_moments_of_the_file_while_the_server_writes(path: Path, geopackage: Store) -> None:
    ready, go_on, errors = threading.Event(), threading.Event(), []

    def serve() -> None:
        try:
            with geopackage.write() as conn:
                frames.insert_many(conn, schema.finding, rows.findings([100.0] * 500, [10.0] * 500, 1000))
                ready.set()
                go_on.wait(30)
            for number in range(5000, 5200):
                with geopackage.write() as conn:
                    conn.execute(insert(schema.finding).values(**rows.finding(number, 117, 39)))
        except Exception as error:  # noqa: BLE001  told to the test
            errors.append(error)

    server = threading.Thread(target=serve)
    server.start()
    ready.wait(30)
    count = "told = len(pyogrio.read_dataframe(path, layer='finding'))"
    assert gdal(path, count) == 50
    go_on.set()
    counts = gdal(path, "told = [len(pyogrio.read_dataframe(path, layer='finding')) for _ in range(20)]")
    server.join()
    assert errors == []
    assert counts == sorted(counts)
    assert gdal(path, count) == 750


def test_the_header_is_that_of_a_geopackage_before_anything_is_checkpointed(tmp_path: Path) -> None:
    path = tmp_path / "new.gpkg"
    format_.create(path)
    head = path.read_bytes()[:100]
    assert head[68:72] == b"GPKG"
    assert int.from_bytes(head[60:64], "big") == 10300
    connection = sqlite3.connect(path)
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert connection.execute("SELECT count(*) FROM gpkg_spatial_ref_sys").fetchone() == (3,)
    connection.close()
