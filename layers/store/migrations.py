"""Numbered changes of the schema, each in one transaction together with its row.

A new store is made from the schema as it stands and marked as having every number; an older one runs
what it lacks, in order.  A step that rebuilds a table with a geometry calls `rebuilt` afterwards:
the GeoPackage triggers went with the old table.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, MetaData, Table, func, insert, inspect, select, text

from layers.errors import MigrationError
from layers.store import chaining, geopackage, guarding, postgis, schema, views
from layers.store.schema.metadata import metadata as all_tables
from layers.store.types import Geometry

_ROLES_OF_1 = "('inspector', 'supervisor', 'admin')"


@dataclass(frozen=True, slots=True)
class Migration:
    """One step; `run` changes the schema of an existing store."""

    number: int
    name: str
    run: Callable[[Connection], None]


def layers_of(metadata: MetaData = all_tables) -> list[Table]:
    """Return the tables with a geometry, parents first."""
    return [table for table in metadata.sorted_tables if "geom" in table.c]


def create(conn: Connection) -> None:
    """Create every table, layer and trigger."""
    sqlite = conn.dialect.name == "sqlite"
    if not sqlite:
        postgis.require(conn)
    add_tables(conn, *all_tables.sorted_tables)
    if sqlite:
        geopackage.register_attributes(conn, schema.network)
    chaining.begin(conn)
    protect_history(conn)


def finish(conn: Connection) -> None:
    """Make the views and the guards of a store that is up to date."""
    views.create(conn)
    guarding.guard(conn)


def unprotect_history(conn: Connection) -> None:
    """Let the history be changed, by a step that changes its table."""
    keeper = geopackage if conn.dialect.name == "sqlite" else postgis
    keeper.unprotect_history(conn)


def protect_history(conn: Connection) -> None:
    """Let the store refuse every change of the history but an erasure."""
    keeper = geopackage if conn.dialect.name == "sqlite" else postgis
    erasable = ("details", "salt", "erased_at")
    keeper.protect_history(conn, [one.name for one in schema.history.c if one.name not in erasable])


def add_tables(conn: Connection, *tables: Table) -> None:
    """Create tables with their indexes; those with a geometry become layers."""
    all_tables.create_all(conn, tables=tables)
    register = geopackage.register if conn.dialect.name == "sqlite" else postgis.register
    for table in tables:
        if "geom" in table.c:
            register(conn, table)


def rebuilt(conn: Connection, table: Table) -> None:
    """Give a layer that a migration has made anew its index and triggers back."""
    if not isinstance(table.c.geom.type, Geometry):
        raise TypeError(f"{table.name} has no geometry")
    if conn.dialect.name == "sqlite":
        geopackage.fill_index(conn, table.name)
        geopackage.create_triggers(conn, table.name)
    else:
        postgis.register(conn, table)


def keep_footways(conn: Connection) -> None:
    """Let streets say that they are part of the foot network only."""
    conn.execute(text("ALTER TABLE street ADD COLUMN footway TEXT"))


def keep_clearance_rules(conn: Connection) -> None:
    """Let a site choose among distance rules, and change them."""
    add_tables(conn, schema.clearance_rule)


def keep_coverage(conn: Connection) -> None:
    """Make room for what tracks cover; it is derived when first asked for."""
    add_tables(conn, schema.coverage_run, schema.coverage)


def decide_placements(conn: Connection) -> None:
    """Let people decide where findings lie that the posterior leaves in doubt."""
    add_tables(conn, schema.placement_decision)


def place_along_tracks(conn: Connection) -> None:
    """Let a placement name the track whose course it used as evidence."""
    conn.execute(text("ALTER TABLE placement ADD COLUMN track_id INTEGER REFERENCES track(fid)"))


def link_findings(conn: Connection) -> None:
    """Let people link findings that are one thing, and photos be known again by what they show."""
    conn.execute(text("ALTER TABLE photo ADD COLUMN phash TEXT"))
    add_tables(conn, schema.finding_link, schema.photo_band)


def keep_jobs(conn: Connection) -> None:
    """Make room for the work that is done beside the answers."""
    add_tables(conn, schema.job)


def chain_history(conn: Connection) -> None:
    """Chain the history, so that a line changed, removed or moved is found."""
    sqlite = conn.dialect.name == "sqlite"
    unprotect_history(conn)
    for column in (
        "salt TEXT",
        "digest TEXT NOT NULL DEFAULT ''",
        "chain TEXT NOT NULL DEFAULT ''",
        f"erased_at {'DATETIME' if sqlite else 'TIMESTAMP WITH TIME ZONE'}",
    ):
        conn.execute(text(f"ALTER TABLE history ADD COLUMN {column}"))
    add_tables(conn, schema.history_head)
    chaining.begin(conn)
    chaining.chain_anew(conn)
    protect_history(conn)


def know_more_roles(conn: Connection) -> None:
    """Let accounts be of a desk, a responsible unit or a viewer, and limit them by area and category."""
    before, now = _ROLES_OF_1, "('inspector', 'desk', 'supervisor', 'unit', 'viewer', 'admin')"
    if conn.dialect.name == "sqlite":
        made = conn.exec_driver_sql("SELECT sql FROM sqlite_master WHERE name = 'account'").scalar_one()
        again = made.replace("TABLE account (", "TABLE account_new (").replace(before, now)
        conn.exec_driver_sql(again)
        conn.exec_driver_sql("INSERT INTO account_new SELECT * FROM account")
        conn.exec_driver_sql("DROP TABLE account")
        conn.exec_driver_sql("ALTER TABLE account_new RENAME TO account")
    else:
        conn.execute(text("ALTER TABLE account DROP CONSTRAINT account_role_known"))
        conn.execute(text(f"ALTER TABLE account ADD CONSTRAINT account_role_known CHECK (role IN {now})"))
    add_tables(conn, schema.account_scope)


def tell_others(conn: Connection) -> None:
    """Make room for the addresses that are told of every change."""
    add_tables(conn, schema.webhook, schema.webhook_delivery)


def undo_imports(conn: Connection) -> None:
    """Let whole imports be undone, and keep how their files are read."""
    kind = schema.import_run.c.undone_at.type.compile(conn.dialect)
    conn.execute(text(f"ALTER TABLE import_run ADD COLUMN undone_at {kind}"))
    conn.execute(text("ALTER TABLE import_run ADD COLUMN undone_by INTEGER REFERENCES account(id)"))
    add_tables(conn, schema.import_profile)


def correct_datums(conn: Connection) -> None:
    """Let people correct the frame of a device's positions; a counter tells that one was corrected."""
    add_tables(conn, schema.datum_correction)
    conn.execute(insert(schema.site).values(key="datum", value=0))


def keep_fitted_errors(conn: Connection) -> None:
    """Let an import keep how its addresses lie about the streets."""
    kind = schema.import_run.c.source_errors.type.compile(conn.dialect)
    conn.execute(text(f"ALTER TABLE import_run ADD COLUMN source_errors {kind}"))


def know_teams(conn: Connection) -> None:
    """Make room for who was in which team, and from when on."""
    add_tables(conn, schema.team_member)


def take_photos_in_parts(conn: Connection) -> None:
    """Make room for what is known of photos that are not whole yet."""
    add_tables(conn, schema.photo_upload)


def look_after_people(conn: Connection) -> None:
    """Let passwords be good once, sessions be ended, people be forgotten, and tokens have limits."""
    instant = schema.account.c.created_at.type.compile(conn.dialect)
    conn.execute(text("ALTER TABLE account ADD COLUMN must_change BOOLEAN NOT NULL DEFAULT FALSE"))
    for column in ("sessions_since", "erased_at"):
        conn.execute(text(f"ALTER TABLE account ADD COLUMN {column} {instant}"))
    conn.execute(text("ALTER TABLE token ADD COLUMN per_minute INTEGER"))


def forget_block_passes(conn: Connection) -> None:
    """Drop the runs of fixes along blocks: coverage is read by map matching since step 4."""
    conn.execute(text("DROP TABLE IF EXISTS block_pass"))


def keep_checks(conn: Connection) -> None:
    """Let people say that they looked and found nothing."""
    add_tables(conn, schema.street_check, schema.check_stretch)


def keep_targets(conn: Connection) -> None:
    """Let a site decide how often each class of streets is to be inspected."""
    add_tables(conn, schema.inspection_target)


def drop_old_tracks(conn: Connection) -> None:
    """Let raw tracks be dropped when they have been kept long enough."""
    kind = schema.track.c.dropped_at.type.compile(conn.dialect)
    conn.execute(text(f"ALTER TABLE track ADD COLUMN dropped_at {kind}"))


def know_people(conn: Connection) -> None:
    """Keep rasters of where people live."""
    add_tables(conn, schema.population)


def say_words(conn: Connection) -> None:
    """Keep what codes mean beside them, for the views; those and the guards are made after the last step."""
    add_tables(conn, schema.category_word, schema.word)


def keep_kerbs(conn: Connection) -> None:
    """Keep where vehicles may stand, and what was done on streets."""
    add_tables(conn, schema.kerb, schema.measure)


def know_licences(conn: Connection) -> None:
    """Keep since when premises are licensed, and until when."""
    add_tables(conn, schema.licence)


def give_walks(conn: Connection) -> None:
    """Keep the walks that teams were given."""
    add_tables(conn, schema.team_walk)


def remind(conn: Connection) -> None:
    """Remember of what it was said that it is late."""
    add_tables(conn, schema.reminder)


def verify_ways(conn: Connection) -> None:
    """Let people say of crossings and barriers what they found, one by one."""
    add_tables(conn, schema.foot_statement)


def take_populations_back(conn: Connection) -> None:
    """Let a raster of people be taken back."""
    add_tables(conn, schema.population_withdrawn)


def take_checks_back(conn: Connection) -> None:
    """Let a check be withdrawn."""
    add_tables(conn, schema.check_withdrawal)


def keep_layers_before(conn: Connection) -> None:
    """Let an import of a layer of the city be taken back."""
    add_tables(conn, schema.layer_before)


def end_sessions(conn: Connection) -> None:
    """Let one session be ended alone."""
    add_tables(conn, schema.ended_session)


def know_turned_photos(conn: Connection) -> None:
    """Let photos be known again that were mirrored or turned; the worker hashes those that are there."""
    conn.execute(text("ALTER TABLE photo ADD COLUMN turns TEXT"))
    add_tables(conn, schema.photo_turned)


# The first entry is the schema itself; later ones bring older stores up to it
MIGRATIONS: tuple[Migration, ...] = (
    Migration(1, "create", create),
    Migration(2, "footways", keep_footways),
    Migration(3, "clearance rules", keep_clearance_rules),
    Migration(4, "coverage", keep_coverage),
    Migration(5, "placement decisions", decide_placements),
    Migration(6, "placements along tracks", place_along_tracks),
    Migration(7, "links of findings", link_findings),
    Migration(8, "jobs", keep_jobs),
    Migration(9, "chained history", chain_history),
    Migration(10, "more roles", know_more_roles),
    Migration(11, "webhooks", tell_others),
    Migration(12, "undone imports", undo_imports),
    Migration(13, "datum corrections", correct_datums),
    Migration(14, "fitted errors", keep_fitted_errors),
    Migration(15, "teams", know_teams),
    Migration(16, "photos in parts", take_photos_in_parts),
    Migration(17, "looked after people", look_after_people),
    Migration(18, "no block passes", forget_block_passes),
    Migration(19, "checks", keep_checks),
    Migration(20, "targets", keep_targets),
    Migration(21, "dropped tracks", drop_old_tracks),
    Migration(22, "population", know_people),
    Migration(23, "words, views and guards", say_words),
    Migration(24, "kerbs and measures", keep_kerbs),
    Migration(25, "licences", know_licences),
    Migration(26, "walks of teams", give_walks),
    Migration(27, "reminders", remind),
    Migration(28, "verified ways", verify_ways),
    Migration(29, "populations taken back", take_populations_back),
    Migration(30, "checks withdrawn", take_checks_back),
    Migration(31, "layers before imports", keep_layers_before),
    Migration(32, "ended sessions", end_sessions),
    Migration(33, "turned photos", know_turned_photos),
)


def applied(conn: Connection) -> int | None:
    """Return the number of the last step a store has had; None for an empty store."""
    if not inspect(conn).has_table(schema.migration.name):
        return None
    return conn.execute(select(func.max(schema.migration.c.number))).scalar() or 0


def stamp(conn: Connection, step: Migration, now: datetime) -> None:
    """Note that a step has been applied."""
    conn.execute(insert(schema.migration).values(number=step.number, name=step.name, applied_at=now))


def pending(conn: Connection, steps: Sequence[Migration] = MIGRATIONS) -> list[Migration]:
    """Return the steps that a store lacks; refuse a store made by a later version of the program."""
    last = applied(conn) or 0
    if last > steps[-1].number:
        raise MigrationError(
            "The store is of version %(found)s; this program knows versions up to %(known)s",
            found=last,
            known=steps[-1].number,
        )
    return [step for step in steps if step.number > last]
