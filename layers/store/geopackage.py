"""The embedded store: a GeoPackage 1.3 file (OGC 12-128r18) written with the standard library's SQLite.

The R-tree of each layer is kept by the format's own triggers; the five SQL functions that they call are
registered on every connection.

Never open the live file through GDAL (pyogrio, geopandas, rasterio) in a process that has it open here:
GDAL carries a copy of SQLite of its own, and two copies in one process drop each other's file locks
(https://www.sqlite.org/howtocorrupt.html, 2.2.1). Other processes may.
"""

import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path

from pyproj import CRS
from sqlalchemy import Connection, Table

from layers.store import blobs, guarding
from layers.store.faults import noticing

APPLICATION_ID = 0x47504B47  # "GPKG"
USER_VERSION = 10300

_CORE = """
CREATE TABLE gpkg_spatial_ref_sys (
  srs_name TEXT NOT NULL, srs_id INTEGER PRIMARY KEY, organization TEXT NOT NULL,
  organization_coordsys_id INTEGER NOT NULL, definition TEXT NOT NULL, description TEXT);
CREATE TABLE gpkg_contents (
  table_name TEXT NOT NULL PRIMARY KEY, data_type TEXT NOT NULL, identifier TEXT UNIQUE,
  description TEXT DEFAULT '',
  last_change DATETIME NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ','now')),
  min_x DOUBLE, min_y DOUBLE, max_x DOUBLE, max_y DOUBLE, srs_id INTEGER,
  CONSTRAINT fk_gc_r_srs_id FOREIGN KEY (srs_id) REFERENCES gpkg_spatial_ref_sys(srs_id));
CREATE TABLE gpkg_geometry_columns (
  table_name TEXT NOT NULL, column_name TEXT NOT NULL, geometry_type_name TEXT NOT NULL,
  srs_id INTEGER NOT NULL, z TINYINT NOT NULL, m TINYINT NOT NULL,
  CONSTRAINT pk_geom_cols PRIMARY KEY (table_name, column_name),
  CONSTRAINT uk_gc_table_name UNIQUE (table_name),
  CONSTRAINT fk_gc_tn FOREIGN KEY (table_name) REFERENCES gpkg_contents(table_name),
  CONSTRAINT fk_gc_srs FOREIGN KEY (srs_id) REFERENCES gpkg_spatial_ref_sys(srs_id));
CREATE TABLE gpkg_extensions (
  table_name TEXT, column_name TEXT, extension_name TEXT NOT NULL, definition TEXT NOT NULL,
  scope TEXT NOT NULL, CONSTRAINT ge_tce UNIQUE (table_name, column_name, extension_name));
"""

# The names and conditions are those of 12-128r18, annex F.3
_TRIGGERS = {
    "insert": """AFTER INSERT ON {t}
        WHEN (NEW.geom NOTNULL AND NOT ST_IsEmpty(NEW.geom))
        BEGIN INSERT OR REPLACE INTO {r} VALUES ({box}); END""",
    "update1": """AFTER UPDATE OF geom ON {t}
        WHEN OLD.fid = NEW.fid AND (NEW.geom NOTNULL AND NOT ST_IsEmpty(NEW.geom))
        BEGIN INSERT OR REPLACE INTO {r} VALUES ({box}); END""",
    "update2": """AFTER UPDATE OF geom ON {t}
        WHEN OLD.fid = NEW.fid AND (NEW.geom ISNULL OR ST_IsEmpty(NEW.geom))
        BEGIN DELETE FROM {r} WHERE id = OLD.fid; END""",
    "update3": """AFTER UPDATE ON {t}
        WHEN OLD.fid != NEW.fid AND (NEW.geom NOTNULL AND NOT ST_IsEmpty(NEW.geom))
        BEGIN DELETE FROM {r} WHERE id = OLD.fid; INSERT OR REPLACE INTO {r} VALUES ({box}); END""",
    "update4": """AFTER UPDATE ON {t}
        WHEN OLD.fid != NEW.fid AND (NEW.geom ISNULL OR ST_IsEmpty(NEW.geom))
        BEGIN DELETE FROM {r} WHERE id IN (OLD.fid, NEW.fid); END""",
    "delete": """AFTER DELETE ON {t}
        WHEN OLD.geom NOTNULL
        BEGIN DELETE FROM {r} WHERE id = OLD.fid; END""",
}
_BOX = "NEW.fid, ST_MinX(NEW.geom), ST_MaxX(NEW.geom), ST_MinY(NEW.geom), ST_MaxY(NEW.geom)"
_RTREE_SPECIFICATION = "http://www.geopackage.org/spec120/#extension_rtree"


def create(path: Path) -> None:
    """Make an empty GeoPackage; the header is written before the switch to WAL, or GDAL would miss it."""
    connection = sqlite3.connect(path, isolation_level=None)
    try:
        connection.execute("PRAGMA journal_mode = DELETE")
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {USER_VERSION}")
        connection.executescript("BEGIN;" + _CORE + "COMMIT;")
        connection.executemany("INSERT INTO gpkg_spatial_ref_sys VALUES (?, ?, ?, ?, ?, ?)", _systems())
        connection.execute("PRAGMA journal_mode = WAL")
    finally:
        connection.close()


def _systems() -> list[tuple[object, ...]]:
    wgs84 = CRS.from_epsg(blobs.WGS84).to_wkt("WKT1_GDAL")
    return [
        ("Undefined cartesian SRS", -1, "NONE", -1, "undefined", "undefined cartesian reference system"),
        ("Undefined geographic SRS", 0, "NONE", 0, "undefined", "undefined geographic reference system"),
        ("WGS 84 geodetic", 4326, "EPSG", 4326, wgs84, "longitude/latitude coordinates in decimal degrees"),
    ]


def prepare(connection: sqlite3.Connection) -> None:
    """Set up one connection: durable commits, foreign keys, and the functions that the triggers call."""
    connection.isolation_level = None  # transactions are begun by us, not guessed by the driver
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA cache_size = -65536")
    connection.execute("PRAGMA temp_store = MEMORY")
    connection.create_function("ST_IsEmpty", 1, noticing(_is_empty), deterministic=True)
    for number, name in enumerate(("ST_MinX", "ST_MaxX", "ST_MinY", "ST_MaxY")):
        connection.create_function(name, 1, noticing(_side(number)), deterministic=True)
    connection.create_function(guarding.PASS, 0, lambda: 1, deterministic=True)


def _is_empty(blob: bytes | None) -> int | None:
    return None if blob is None else int(blobs.is_empty(blob))


def _side(number: int) -> Callable[[bytes | None], float | None]:
    def side(blob: bytes | None) -> float | None:
        if blob is None:
            return None
        envelope = blobs.envelope(blob)
        return None if envelope is None else envelope[number]

    return side


def is_geopackage(path: Path) -> bool:
    """Tell whether the file carries the marks of SQLite and of GeoPackage in its header."""
    with path.open("rb") as file:
        head = file.read(72)
    return head[:15] == b"SQLite format 3" and head[68:72] == b"GPKG"


def register(conn: Connection, table: Table) -> None:
    """Announce a table with a geometry as a layer, with its spatial index."""
    name, kind = table.name, table.c.geom.type.kind  # type: ignore[attr-defined]
    conn.exec_driver_sql(
        "INSERT INTO gpkg_contents (table_name, data_type, identifier, srs_id) VALUES (?, 'features', ?, ?)",
        (name, name, blobs.WGS84),
    )
    conn.exec_driver_sql(
        "INSERT INTO gpkg_geometry_columns VALUES (?, 'geom', ?, ?, 0, 0)", (name, kind, blobs.WGS84)
    )
    conn.exec_driver_sql(
        "INSERT INTO gpkg_extensions VALUES (?, 'geom', 'gpkg_rtree_index', ?, 'write-only')",
        (name, _RTREE_SPECIFICATION),
    )
    conn.exec_driver_sql(f"CREATE VIRTUAL TABLE rtree_{name}_geom USING rtree(id, minx, maxx, miny, maxy)")
    fill_index(conn, name)
    create_triggers(conn, name)


def register_attributes(conn: Connection, table: Table) -> None:
    """Announce a table without geometry; once one is announced, GDAL hides those that are not."""
    conn.exec_driver_sql(
        "INSERT INTO gpkg_contents (table_name, data_type, identifier) VALUES (?, 'attributes', ?)",
        (table.name, table.name),
    )


def fill_index(conn: Connection, name: str) -> None:
    """Build the R-tree of a layer anew from its rows."""
    conn.exec_driver_sql(f"DELETE FROM rtree_{name}_geom")
    conn.exec_driver_sql(
        f"INSERT INTO rtree_{name}_geom SELECT {_BOX.replace('NEW.', '')} FROM {name} "
        "WHERE geom NOTNULL AND NOT ST_IsEmpty(geom)"
    )


def create_triggers(conn: Connection, name: str) -> None:
    """Create the triggers that keep the R-tree of a layer; a rebuilt table has lost them."""
    for part, body in _TRIGGERS.items():
        trigger = f"rtree_{name}_geom_{part}"
        conn.exec_driver_sql(f"DROP TRIGGER IF EXISTS {trigger}")
        conn.exec_driver_sql(
            f"CREATE TRIGGER {trigger} " + body.format(t=name, r=f"rtree_{name}_geom", box=_BOX)
        )


def protect_history(conn: Connection, kept: Sequence[str]) -> None:
    """Refuse every delete and update of the history, but for an erasure that leaves `kept` as it was."""
    same = " AND ".join(f"NEW.{name} IS OLD.{name}" for name in kept)
    conn.exec_driver_sql(
        "CREATE TRIGGER history_no_update BEFORE UPDATE ON history "
        "WHEN NOT (OLD.erased_at IS NULL AND NEW.erased_at IS NOT NULL AND NEW.salt IS NULL "
        f"AND NEW.details = '{{}}' AND {same}) "
        "BEGIN SELECT RAISE(ABORT, 'history is append-only'); END"
    )
    conn.exec_driver_sql(
        "CREATE TRIGGER history_no_delete BEFORE DELETE ON history "
        "BEGIN SELECT RAISE(ABORT, 'history is append-only'); END"
    )


def unprotect_history(conn: Connection) -> None:
    """Let a migration change the history."""
    for act in ("update", "delete"):
        conn.exec_driver_sql(f"DROP TRIGGER IF EXISTS history_no_{act}")
