"""The tables, the same on GeoPackage and PostGIS.

Geometry is stored in longitude and latitude on WGS 84 (EPSG:4326); instants are aware and UTC.
Tables with a geometry carry an integer `fid`, as GeoPackage asks; what the world refers to is a `uuid`
or another id with a unique constraint.  Each further noun has a file of its own in this folder.
"""

from sqlalchemy import (
    JSON,
    Boolean,
    CheckConstraint,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    UniqueConstraint,
    false,
)

from layers.store.schema.coverage import coverage as coverage
from layers.store.schema.coverage import coverage_run as coverage_run
from layers.store.schema.metadata import metadata
from layers.store.types import Geometry, Instant, Key

# What is true of the site as a whole: its metric CRS, its time zone, its salt
site = Table(
    "site",
    metadata,
    Column("key", Text, primary_key=True),
    Column("value", JSON, nullable=False),
)

migration = Table(
    "migration",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("name", Text, nullable=False),
    Column("applied_at", Instant, nullable=False),
)

account = Table(
    "account",
    metadata,
    Column("id", Key, primary_key=True),
    Column("login", Text, nullable=False, unique=True),
    Column("name", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("password_hash", Text),
    Column("language", Text),
    Column("created_at", Instant, nullable=False),
    Column("disabled_at", Instant),
    # the password is somebody else's choice, good for choosing another
    Column("must_change", Boolean, nullable=False, server_default=false()),
    # sessions that began before have ended
    Column("sessions_since", Instant),
    # the person is forgotten, the records stay
    Column("erased_at", Instant),
    CheckConstraint(
        "role IN ('inspector', 'desk', 'supervisor', 'unit', 'viewer', 'admin')", name="role_known"
    ),
)

# A bearer token; only the digest is kept, the token itself is shown once
token = Table(
    "token",
    metadata,
    Column("id", Key, primary_key=True),
    Column("account_id", ForeignKey("account.id"), nullable=False, index=True),
    Column("digest", Text, nullable=False, unique=True),
    Column("label", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("last_used_at", Instant),
    Column("revoked_at", Instant),
    # requests that it is good for; the site's limit where there is none of its own
    Column("per_minute", Integer),
)

# Append-only and hash-chained, see layers/history.py: triggers refuse every change but the erasure of
# `details` and `salt`
history = Table(
    "history",
    metadata,
    Column("id", Key, primary_key=True),
    Column("at", Instant, nullable=False),
    Column("account_id", ForeignKey("account.id")),
    Column("action", Text, nullable=False),
    Column("noun", Text, nullable=False),
    Column("noun_id", Text, nullable=False),
    Column("version", Integer),
    Column("details", JSON, nullable=False),
    Column("salt", Text),
    Column("digest", Text, nullable=False, server_default=""),
    Column("chain", Text, nullable=False, server_default=""),
    Column("erased_at", Instant),
    Index("history_noun_noun_id", "noun", "noun_id"),
)

# One run of an import: what came, what of it went in
import_run = Table(
    "import_run",
    metadata,
    Column("id", Key, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("file_name", Text, nullable=False),
    Column("content_hash", Text, nullable=False, index=True),
    Column("options", JSON, nullable=False),
    Column("account_id", ForeignKey("account.id")),
    Column("started_at", Instant, nullable=False),
    Column("finished_at", Instant),
    Column("n_read", Integer, nullable=False),
    Column("n_added", Integer, nullable=False),
    Column("n_same", Integer, nullable=False),
    Column("n_refused", Integer, nullable=False),
    Column("undone_at", Instant),
    Column("undone_by", ForeignKey("account.id")),
    # for each source of positions what its own positions in this file say of their errors
    Column("source_errors", JSON(none_as_null=True)),
)

# Categories of this site: names of its own for shipped codes, or schemes of its own
category = Table(
    "category",
    metadata,
    Column("scheme", Text, primary_key=True),
    Column("code", Text, primary_key=True),
    Column("name_zh", Text, nullable=False),
    Column("name_en", Text, nullable=False),
    Column("kind", Text, nullable=False),
)

# A version of the street network; the newest is in force, results of older ones stay
network = Table(
    "network",
    metadata,
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("source", Text, nullable=False),
    Column("attribution", Text),
    Column("content_hash", Text, nullable=False, index=True),
    Column("method_version", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("n_streets", Integer, nullable=False),
    Column("n_blocks", Integer, nullable=False),
    Column("length_m", Double, nullable=False),
)

# `one_way` is 1 along the line, -1 against it, 0 both ways, here and on blocks.  A line with a `footway`
# (sidewalk, crossing, footbridge, path) is for walking only and becomes no block
street = Table(
    "street",
    metadata,
    Column("fid", Key, primary_key=True),
    Column("network_version", ForeignKey("network.version"), nullable=False, index=True),
    Column("source_id", Text),
    Column("name", Text),
    Column("class", Text),
    Column("one_way", Integer, nullable=False),
    Column("layer", Integer, nullable=False),
    Column("bridge", Boolean, nullable=False),
    Column("tunnel", Boolean, nullable=False),
    Column("width_m", Double),
    Column("lanes", Integer),
    Column("footway", Text),
    Column("geom", Geometry("LINESTRING"), nullable=False),
    sqlite_autoincrement=True,
)

block = Table(
    "block",
    metadata,
    Column("fid", Key, primary_key=True),
    Column("network_version", ForeignKey("network.version"), nullable=False),
    Column("block_id", Text, nullable=False),
    Column("street_id", Text, nullable=False),
    Column("corridor_id", Text),
    Column("name", Text),
    Column("class", Text),
    Column("one_way", Integer, nullable=False),
    Column("layer", Integer, nullable=False),
    Column("bridge", Boolean, nullable=False),
    Column("tunnel", Boolean, nullable=False),
    Column("width_m", Double),
    Column("lanes", Integer),
    Column("length_m", Double, nullable=False),
    Column("start_node", Text, nullable=False),
    Column("end_node", Text, nullable=False),
    Column("is_short", Boolean, nullable=False),
    Column("geom", Geometry("LINESTRING"), nullable=False),
    UniqueConstraint("network_version", "block_id"),
    Index("block_network_version_street_id", "network_version", "street_id"),
    sqlite_autoincrement=True,
)

# A place that matters: school, market, hospital, …; as a point or with its ground
key_point = Table(
    "key_point",
    metadata,
    Column("fid", Key, primary_key=True),
    Column("source", Text, nullable=False),
    Column("source_id", Text, nullable=False),
    Column("kind", Text, nullable=False, index=True),
    Column("name", Text),
    Column("removed_at", Instant),
    Column("geom", Geometry("GEOMETRY"), nullable=False),
    UniqueConstraint("source", "source_id"),
    sqlite_autoincrement=True,
)

# A way into a key point's ground: main, student, side, fire_exit, entrance
gate = Table(
    "gate",
    metadata,
    Column("fid", Key, primary_key=True),
    Column("key_point_id", ForeignKey("key_point.fid"), nullable=False, index=True),
    Column("source_id", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("name", Text),
    Column("removed_at", Instant),
    Column("geom", Geometry("POINT"), nullable=False),
    UniqueConstraint("key_point_id", "source_id"),
    sqlite_autoincrement=True,
)

# Areas of every level: city, district, subdistrict, community, grid, duty_area, neighbourhood, estate,
# village
district = Table(
    "district",
    metadata,
    Column("fid", Key, primary_key=True),
    Column("source", Text, nullable=False),
    Column("source_id", Text, nullable=False),
    Column("level", Text, nullable=False, index=True),
    Column("code", Text),
    Column("name", Text),
    Column("removed_at", Instant),
    Column("geom", Geometry("MULTIPOLYGON"), nullable=False),
    UniqueConstraint("source", "level", "source_id"),
    sqlite_autoincrement=True,
)

finding = Table(
    "finding",
    metadata,
    Column("fid", Key, primary_key=True),
    Column("uuid", Text, nullable=False, unique=True),
    Column("version", Integer, nullable=False),
    Column("content_hash", Text, nullable=False),
    Column("account_id", ForeignKey("account.id"), nullable=False, index=True),
    Column("import_run_id", ForeignKey("import_run.id"), index=True),
    Column("channel", Text, nullable=False),
    Column("scheme", Text, nullable=False),
    Column("code", Text, nullable=False),
    Column("observed_at", Instant, nullable=False, index=True),
    Column("received_at", Instant, nullable=False),
    Column("note", Text),
    Column("n_items", Integer),
    # the position as it came, kept for ever
    Column("raw_x", Double, nullable=False),
    Column("raw_y", Double, nullable=False),
    Column("frame", Text, nullable=False),
    Column("accuracy_m", Double),
    Column("accuracy_kind", Text, nullable=False),
    Column("position_source", Text, nullable=False),
    Column("fixed_at", Instant),
    Column("heading_deg", Double),
    Column("speed_ms", Double),
    Column("is_mock", Boolean, nullable=False),
    Column("device", Text),
    Column("street_hint", Text),
    Column("withdrawn_at", Instant),
    Column("geom", Geometry("POINT"), nullable=False),
    Index("finding_scheme_code", "scheme", "code"),
    sqlite_autoincrement=True,
)

# Where a finding lies on one version of the network, by one version of the method
placement = Table(
    "placement",
    metadata,
    Column("finding_id", ForeignKey("finding.fid"), primary_key=True),
    Column("network_version", ForeignKey("network.version"), primary_key=True),
    Column("method_version", Text, primary_key=True),
    Column("placed_at", Instant, nullable=False),
    Column("block_id", Text),
    Column("street_id", Text),
    Column("corridor_id", Text),
    Column("street_name", Text),
    Column("chainage_m", Double),
    Column("chainage_sd_m", Double),
    Column("distance_m", Double),
    Column("side", Text),
    Column("p_block", Double),
    Column("p_street", Double),
    Column("p_corridor", Double),
    Column("p_side", Double),
    Column("p_none", Double),
    Column("runner_up_block", Text),
    Column("runner_up_p", Double),
    Column("ambiguous", Boolean, nullable=False),
    Column("outside", Boolean, nullable=False),
    Column("s_used_m", Double),
    # the track whose course was used as evidence, if any
    Column("track_id", ForeignKey("track.fid")),
    Index("placement_network_version_block_id", "network_version", "block_id"),
    Index("placement_network_version_street_id", "network_version", "street_id"),
    Index("placement_network_version_street_name", "network_version", "street_name"),
)

finding_district = Table(
    "finding_district",
    metadata,
    Column("finding_id", ForeignKey("finding.fid"), primary_key=True),
    Column("district_id", ForeignKey("district.fid"), primary_key=True, index=True),
)

# Not exclusive: every key point within reach, with the chance that the finding lies inside its zone
finding_key_point = Table(
    "finding_key_point",
    metadata,
    Column("finding_id", ForeignKey("finding.fid"), primary_key=True),
    Column("key_point_id", ForeignKey("key_point.fid"), primary_key=True, index=True),
    Column("distance_m", Double, nullable=False),
    Column("measured_from", Text, nullable=False),
    Column("radius_m", Double, nullable=False),
    Column("p_inside", Double, nullable=False),
)

# An outing; `fixes` holds the raw columns lon, lat, unix time, accuracy (float64, zlib), as they came
track = Table(
    "track",
    metadata,
    Column("fid", Key, primary_key=True),
    Column("uuid", Text, nullable=False, unique=True),
    Column("content_hash", Text, nullable=False),
    Column("account_id", ForeignKey("account.id"), nullable=False, index=True),
    Column("import_run_id", ForeignKey("import_run.id"), index=True),
    Column("device", Text),
    Column("mode", Text),
    Column("frame", Text, nullable=False),
    Column("accuracy_kind", Text, nullable=False),
    Column("started_at", Instant, nullable=False, index=True),
    Column("ended_at", Instant, nullable=False),
    Column("received_at", Instant, nullable=False),
    Column("n_fixes", Integer, nullable=False),
    Column("fixes", LargeBinary, nullable=False),
    # since when fixes and line are empty: they were kept as long as the site says
    Column("dropped_at", Instant),
    Column("geom", Geometry("LINESTRING"), nullable=False),
    sqlite_autoincrement=True,
)

from layers.store.schema.account_scope import account_scope as account_scope  # noqa: E402
from layers.store.schema.check_withdrawal import check_withdrawal as check_withdrawal  # noqa: E402
from layers.store.schema.clearance_rule import clearance_rule as clearance_rule  # noqa: E402
from layers.store.schema.datum_correction import datum_correction as datum_correction  # noqa: E402
from layers.store.schema.ended_session import ended_session as ended_session  # noqa: E402
from layers.store.schema.finding_link import finding_link as finding_link  # noqa: E402
from layers.store.schema.foot_statement import foot_statement as foot_statement  # noqa: E402
from layers.store.schema.history_head import history_head as history_head  # noqa: E402
from layers.store.schema.import_profile import import_profile as import_profile  # noqa: E402
from layers.store.schema.inspection_target import inspection_target as inspection_target  # noqa: E402
from layers.store.schema.job import job as job  # noqa: E402
from layers.store.schema.kerb import kerb as kerb  # noqa: E402
from layers.store.schema.layer_before import layer_before as layer_before  # noqa: E402
from layers.store.schema.licence import licence as licence  # noqa: E402
from layers.store.schema.measure import measure as measure  # noqa: E402
from layers.store.schema.photo import photo as photo  # noqa: E402
from layers.store.schema.photo_band import photo_band as photo_band  # noqa: E402
from layers.store.schema.photo_turned import photo_turned as photo_turned  # noqa: E402
from layers.store.schema.photo_upload import photo_upload as photo_upload  # noqa: E402
from layers.store.schema.placement_decision import placement_decision as placement_decision  # noqa: E402
from layers.store.schema.population import population as population  # noqa: E402
from layers.store.schema.population_withdrawn import (  # noqa: E402
    population_withdrawn as population_withdrawn,
)
from layers.store.schema.reminder import reminder as reminder  # noqa: E402
from layers.store.schema.street_check import check_stretch as check_stretch  # noqa: E402
from layers.store.schema.street_check import street_check as street_check  # noqa: E402
from layers.store.schema.team_member import team_member as team_member  # noqa: E402
from layers.store.schema.team_walk import team_walk as team_walk  # noqa: E402
from layers.store.schema.webhook import webhook as webhook  # noqa: E402
from layers.store.schema.webhook import webhook_delivery as webhook_delivery  # noqa: E402
from layers.store.schema.words import category_word as category_word  # noqa: E402
from layers.store.schema.words import word as word  # noqa: E402
