"""The larger store: PostgreSQL with PostGIS."""

from collections.abc import Sequence

from sqlalchemy import Connection, Table


def require(conn: Connection) -> None:
    """Make sure that PostGIS is there."""
    conn.exec_driver_sql("CREATE EXTENSION IF NOT EXISTS postgis")


def register(conn: Connection, table: Table) -> None:
    """Give a table with a geometry its spatial index."""
    conn.exec_driver_sql(f"CREATE INDEX {table.name}_geom ON {table.name} USING gist (geom)")


def protect_history(conn: Connection, kept: Sequence[str]) -> None:
    """Refuse every delete and update of the history, but for an erasure that leaves `kept` as it was."""
    same = " AND ".join(f"NEW.{name} IS NOT DISTINCT FROM OLD.{name}" for name in kept)
    conn.exec_driver_sql(
        "CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        "IF TG_OP = 'UPDATE' THEN "
        "IF OLD.erased_at IS NULL AND NEW.erased_at IS NOT NULL AND NEW.salt IS NULL "
        f"AND NEW.details::text = '{{}}' AND {same} THEN RETURN NEW; END IF; "
        "END IF; RAISE EXCEPTION 'history is append-only'; END $$"
    )
    conn.exec_driver_sql(
        "CREATE TRIGGER history_no_change BEFORE UPDATE OR DELETE ON history "
        "FOR EACH ROW EXECUTE FUNCTION refuse_change()"
    )
    conn.exec_driver_sql(
        "CREATE TRIGGER history_no_truncate BEFORE TRUNCATE ON history "
        "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
    )


def unprotect_history(conn: Connection) -> None:
    """Let a migration change the history."""
    for act in ("change", "truncate"):
        conn.exec_driver_sql(f"DROP TRIGGER IF EXISTS history_no_{act} ON history")
