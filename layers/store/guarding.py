"""The records are changed by this program alone: whatever else would edit them is refused by the store.

An edit in QGIS, by GDAL or in a console would bypass the history.  Triggers refuse it; on SQLite they call a
function that only our connections have, whose name is what the editor reads.  Whoever owns the file can take
triggers away: what was changed then is found by comparing records with the history
(layers/vouching.py).
"""

from sqlalchemy import Connection, Table, inspect

from layers.store.schema.metadata import metadata

PASS = "refused_because_records_are_edited_through_xuncha"  # noqa: S105  the name of a function
SETTING = "xuncha.writes"
_ACTS = ("INSERT", "UPDATE", "DELETE")
# Work in progress, of which no history tells
_FREE = frozenset({"job", "migration", "photo_band", "photo_turned", "photo_upload", "webhook_delivery"})


def guarded() -> list[Table]:
    """Return the tables that nobody else may change."""
    return [table for table in metadata.sorted_tables if table.name not in _FREE]


def names(table: Table, dialect: str) -> list[str]:
    """Return the names of the triggers that guard a table."""
    if dialect != "sqlite":
        return [f"guard_{table.name}"]
    return [f"guard_{table.name}_{act.lower()}" for act in _ACTS]


def guard(conn: Connection) -> None:
    """Let the store refuse what others do to the records."""
    make = _guard_sqlite if conn.dialect.name == "sqlite" else _guard_postgres
    if conn.dialect.name != "sqlite":
        conn.exec_driver_sql(
            "CREATE OR REPLACE FUNCTION refuse_edit() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
            f"RAISE EXCEPTION '{PASS.replace('_', ' ')}'; END $$"
        )
    for table in guarded():
        make(conn, table)


def _guard_sqlite(conn: Connection, table: Table) -> None:
    for act, name in zip(_ACTS, names(table, "sqlite"), strict=True):
        conn.exec_driver_sql(f"DROP TRIGGER IF EXISTS {name}")
        conn.exec_driver_sql(
            f"CREATE TRIGGER {name} BEFORE {act} ON {table.name} WHEN {PASS}() IS NOT 1 "
            f"BEGIN SELECT RAISE(ABORT, '{PASS.replace('_', ' ')}'); END"
        )


def _guard_postgres(conn: Connection, table: Table) -> None:
    (name,) = names(table, "postgresql")
    conn.exec_driver_sql(f"DROP TRIGGER IF EXISTS {name} ON {table.name}")
    conn.exec_driver_sql(
        f"CREATE TRIGGER {name} BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON {table.name} "
        f"FOR EACH STATEMENT WHEN (current_setting('{SETTING}', true) IS DISTINCT FROM 'on') "
        "EXECUTE FUNCTION refuse_edit()"
    )


def unguard(conn: Connection) -> None:
    """Let everybody change the records, as a step does that rebuilds tables."""
    sqlite = conn.dialect.name == "sqlite"
    for table in guarded():
        for name in names(table, conn.dialect.name) if inspect(conn).has_table(table.name) else []:
            conn.exec_driver_sql(f"DROP TRIGGER IF EXISTS {name}" + ("" if sqlite else f" ON {table.name}"))


def missing(conn: Connection) -> list[str]:
    """Return the tables whose guard, or a part of it, somebody took away or put to sleep."""
    if conn.dialect.name == "sqlite":
        asked = "SELECT name FROM sqlite_master WHERE type = 'trigger'"
    else:
        asked = (
            "SELECT t.tgname FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid "
            "JOIN pg_namespace n ON n.oid = c.relnamespace "
            "WHERE n.nspname = current_schema() AND t.tgenabled IN ('O', 'A')"
        )
    there = set(conn.exec_driver_sql(asked).scalars())
    return [one.name for one in guarded() if not there.issuperset(names(one, conn.dialect.name))]
