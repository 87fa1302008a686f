"""The larger store: PostgreSQL with PostGIS."""

from sqlalchemy import Connection, Table


def require(conn: Connection) -> None:
    """Make sure that PostGIS is there."""
    conn.exec_driver_sql("CREATE EXTENSION IF NOT EXISTS postgis")


def register(conn: Connection, table: Table) -> None:
    """Give a table with a geometry its spatial index."""
    conn.exec_driver_sql(f"CREATE INDEX {table.name}_geom ON {table.name} USING gist (geom)")


def protect_history(conn: Connection) -> None:
    """Refuse every update, delete and truncation of the history."""
    conn.exec_driver_sql(
        "CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'history is append-only'; END $$"
    )
    conn.exec_driver_sql(
        "CREATE TRIGGER history_no_change BEFORE UPDATE OR DELETE ON history "
        "FOR EACH ROW EXECUTE FUNCTION refuse_change()"
    )
    conn.exec_driver_sql(
        "CREATE TRIGGER history_no_truncate BEFORE TRUNCATE ON history "
        "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
    )
