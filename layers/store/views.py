"""Views for people with QGIS: the records with the words, names and states that a map needs.

They are layers to look at, made anew whenever the store is brought up to date; nothing in the program reads
them.  `findings_view` tells what counts: the decision of a person before the placement, on the newest
streets.
"""

from sqlalchemy import Connection, inspect

from layers.store import blobs, styles

_NEWEST = "(SELECT max(version) FROM network)"
_STATUS = """CASE
    WHEN f.withdrawn_at IS NOT NULL THEN '{withdrawn}'
    WHEN l.id IS NOT NULL THEN '{duplicate}'
    WHEN d.id IS NOT NULL AND d.block_id IS NULL THEN '{outside}'
    WHEN d.id IS NOT NULL THEN '{decided}'
    WHEN p.finding_id IS NULL THEN '{unplaced}'
    WHEN p.outside THEN '{outside}'
    WHEN p.ambiguous THEN '{in_doubt}'
    ELSE '{placed}' END"""
# What each is called, and how QGIS draws it at first
STATUSES = {
    "placed": ("已定位", "#1b7837"),
    "decided": ("人工裁定", "#2166ac"),
    "in_doubt": ("待裁定", "#e08214"),
    "outside": ("不在道路上", "#b2182b"),
    "unplaced": ("尚未定位", "#762a83"),
    "duplicate": ("重复", "#878787"),
    "withdrawn": ("已撤回", "#bababa"),
}
_IN_CHINESE = {status: name for status, (name, _) in STATUSES.items()}

_FINDINGS = f"""
SELECT f.fid AS id, f.geom, f.uuid,
    {_STATUS.format(**{one: one for one in STATUSES})} AS status,
    {_STATUS.format(**_IN_CHINESE)} AS status_zh,
    coalesce(own.name_zh, w.name_zh, f.code) AS category_zh,
    coalesce(own.name_en, w.name_en, f.code) AS category_en,
    w.class_zh, w.class_en, f.scheme, f.code, f.observed_at, f.received_at, f.note, f.n_items, f.channel,
    CASE WHEN d.id IS NULL THEN p.street_name ELSE d.street_name END AS street,
    CASE WHEN d.id IS NULL THEN p.block_id ELSE d.block_id END AS block_id,
    CASE WHEN d.id IS NULL THEN p.side ELSE d.side END AS side,
    p.chainage_m, p.distance_m, p.p_block, b.class AS street_class, b.length_m AS block_length_m,
    (SELECT max(a.name) FROM finding_district fd JOIN district a ON a.fid = fd.district_id
      WHERE fd.finding_id = f.fid AND a.level = 'subdistrict') AS subdistrict,
    w.units_zh, w.units_en, w.limit_amount, w.limit_clock,
    d.at AS decided_at, judge.name AS decided_by, d.reason AS decision_reason,
    who.name AS reported_by, f.withdrawn_at, counts.uuid AS duplicate_of, f.accuracy_m, f.position_source,
    (SELECT CAST(count(*) AS INTEGER) FROM photo x WHERE x.finding_id = f.fid) AS n_photos,
    f.version
FROM finding f
JOIN account who ON who.id = f.account_id
LEFT JOIN category_word w ON w.scheme = f.scheme AND w.code = f.code
LEFT JOIN category own ON own.scheme = f.scheme AND own.code = f.code
LEFT JOIN placement p ON p.finding_id = f.fid AND p.network_version = {_NEWEST}
    AND p.method_version = (SELECT q.method_version FROM placement q
        WHERE q.finding_id = f.fid AND q.network_version = {_NEWEST}
        ORDER BY q.placed_at DESC, q.method_version DESC LIMIT 1)
LEFT JOIN placement_decision d ON d.id = (SELECT max(x.id) FROM placement_decision x
        WHERE x.finding_id = f.fid AND x.withdrawn_at IS NULL)
    AND (d.network_version = {_NEWEST} OR (d.block_id IS NOT NULL AND EXISTS (SELECT 1 FROM block s
        WHERE s.network_version = {_NEWEST} AND s.block_id = d.block_id)))
LEFT JOIN account judge ON judge.id = d.account_id
LEFT JOIN block b ON b.network_version = {_NEWEST}
    AND b.block_id = CASE WHEN d.id IS NULL THEN p.block_id ELSE d.block_id END
LEFT JOIN finding_link l ON l.second_id = f.fid AND l.undone_at IS NULL AND l.same
    AND l.relation = 'duplicate'
    AND (SELECT h.withdrawn_at FROM finding h WHERE h.fid = l.first_id) IS NULL
LEFT JOIN finding counts ON counts.fid = l.first_id
"""

_BLOCKS = f"""
SELECT b.fid AS id, b.geom, b.block_id, b.street_id, b.name AS street, b.class, b.length_m, b.one_way,
    b.lanes, b.width_m, b.bridge, b.tunnel, b.is_short,
    (SELECT CAST(count(*) AS INTEGER) FROM placement p JOIN finding f ON f.fid = p.finding_id
      WHERE p.network_version = b.network_version AND p.block_id = b.block_id
        AND f.withdrawn_at IS NULL) AS n_findings
FROM block b WHERE b.network_version = {_NEWEST}
"""

_TRACKS = """
SELECT t.fid AS id, t.geom, t.uuid, who.name AS inspector, t.mode, t.started_at, t.ended_at, t.n_fixes,
    t.device, t.received_at
FROM track t JOIN account who ON who.id = t.account_id
WHERE t.dropped_at IS NULL
"""

_KEY_POINTS = """
SELECT k.fid AS id, k.geom, k.kind, coalesce(w.zh, k.kind) AS kind_zh, coalesce(w.en, k.kind) AS kind_en,
    k.name, k.source, k.source_id
FROM key_point k LEFT JOIN word w ON w.topic = 'key_point' AND w.key = k.kind
WHERE k.removed_at IS NULL
"""

_DISTRICTS = """
SELECT a.fid AS id, a.geom, a.level, coalesce(w.zh, a.level) AS level_zh, coalesce(w.en, a.level) AS level_en,
    a.name, a.code, a.source
FROM district a LEFT JOIN word w ON w.topic = 'district' AND w.key = a.level
WHERE a.removed_at IS NULL
"""

# Checked, nothing found: what still counts, and what was withdrawn
_CHECKS = f"""
SELECT c.fid AS id, c.geom, c.uuid,
    CASE WHEN w.id IS NOT NULL THEN 'withdrawn' WHEN s.block_id IS NULL THEN 'in_doubt'
        ELSE 'counts' END AS status,
    CASE WHEN w.id IS NOT NULL THEN '已撤回' WHEN s.block_id IS NULL THEN '道路存疑，不计入'
        ELSE '计入巡查' END AS status_zh,
    who.name AS checked_by, c.observed_at, c.extent, s.street_name AS street, s.block_id,
    s.from_mm / 1000.0 AS from_m, s.to_mm / 1000.0 AS to_m, c.note,
    w.at AS withdrawn_at, by_whom.name AS withdrawn_by, w.reason AS withdrawn_reason
FROM street_check c
JOIN account who ON who.id = c.account_id
LEFT JOIN check_stretch s ON s.id = (SELECT max(x.id) FROM check_stretch x
    WHERE x.check_id = c.fid AND x.network_version = {_NEWEST})
LEFT JOIN check_withdrawal w ON w.check_id = c.fid
LEFT JOIN account by_whom ON by_whom.id = w.account_id
"""

# What of each side was inspected, and when last; the line is that of the whole block
_COVERAGE = f"""
SELECT b.fid AS id, b.geom, b.block_id, b.name AS street, b.class, b.length_m, c.side, c.last_inspected_at,
    c.n_passes
FROM block b JOIN (
    SELECT v.block_id, v.side, max(v.ended_at) AS last_inspected_at,
        CAST(count(DISTINCT v.run_id) AS INTEGER) AS n_passes
    FROM coverage v JOIN coverage_run r ON r.id = v.run_id
    WHERE r.network_version = {_NEWEST} AND v.state = 'inspected'
    GROUP BY v.block_id, v.side) c ON c.block_id = b.block_id
WHERE b.network_version = {_NEWEST}
"""

# The name of each view, the geometry of its rows, and where they come from; those that need others come later
VIEWS = {
    "findings_view": ("POINT", _FINDINGS),
    "blocks_view": ("LINESTRING", _BLOCKS),
    "tracks_view": ("LINESTRING", _TRACKS),
    "key_points_view": ("GEOMETRY", _KEY_POINTS),
    "districts_view": ("MULTIPOLYGON", _DISTRICTS),
    "coverage_view": ("LINESTRING", _COVERAGE),
    "checks_view": ("POINT", _CHECKS),
}


def create(conn: Connection) -> None:
    """Make every view, and announce it as a layer."""
    for name, (kind, select) in VIEWS.items():
        conn.exec_driver_sql(f"CREATE VIEW {name} AS {select}")
        if conn.dialect.name == "sqlite":
            _announce(conn, name, kind)
    styles.keep(conn, "findings_view", "status", STATUSES)


def _announce(conn: Connection, name: str, kind: str) -> None:
    conn.exec_driver_sql(
        "INSERT INTO gpkg_contents (table_name, data_type, identifier, srs_id) VALUES (?, 'features', ?, ?)",
        (name, name, blobs.WGS84),
    )
    conn.exec_driver_sql(
        "INSERT INTO gpkg_geometry_columns VALUES (?, 'geom', ?, ?, 0, 0)", (name, kind, blobs.WGS84)
    )


def drop(conn: Connection) -> None:
    """Take every view away: a table that a view reads cannot be rebuilt."""
    there = set(inspect(conn).get_view_names())
    for name in VIEWS:
        if conn.dialect.name == "sqlite":
            for table in ("gpkg_geometry_columns", "gpkg_contents"):
                conn.exec_driver_sql(f"DELETE FROM {table} WHERE table_name = ?", (name,))
        if name in there:
            conn.exec_driver_sql(f"DROP VIEW {name}")
