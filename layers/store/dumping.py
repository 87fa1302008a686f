"""A whole store as one file, made while others write, and brought back.

A GeoPackage is copied by SQLite itself, as of one moment; a PostgreSQL database is dumped and restored by
PostgreSQL's own programs, for nobody else can read every version of it.
"""

import os
import shutil
import sqlite3
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

from sqlalchemy import URL, Connection, inspect, make_url, text

from layers.errors import ConflictError, SettingError, UnreadableFileError
from layers.store.connection import Store
from layers.store.schema import history

# Entries of a dump's table of contents that the database has already
_THERE_ALREADY = (" SCHEMA ", " COMMENT - SCHEMA ", " ACL - SCHEMA ")


def dump(store: Store, path: Path) -> None:
    """Write what the store holds at one moment to the file `path`; writers go on meanwhile."""
    with store.read() as conn:
        if store.is_geopackage:
            _copy_geopackage(conn, path)
            return
        schema = conn.exec_driver_sql("SELECT current_schema()").scalar_one()
    _run(store.engine.url, "pg_dump", "--format=custom", f"--schema={schema}", f"--file={path}")


def _copy_geopackage(conn: Connection, path: Path) -> None:
    path.unlink(missing_ok=True)
    target = sqlite3.connect(path)
    try:
        # all pages in one step: a copy in several begins again whenever somebody writes
        conn.connection.driver_connection.backup(target, pages=-1)  # type: ignore[union-attr]
    finally:
        target.close()


def require_empty(url: str) -> None:
    """Refuse a database that holds a site already."""
    store = Store.open(url)
    try:
        if inspect(store.engine).has_table(history.name):
            raise ConflictError("The database holds a site already; name an empty one with --store")
    finally:
        store.close()


def restore(path: Path, url: str) -> None:
    """Bring a dump back into an empty database."""
    with TemporaryDirectory() as folder:
        contents = Path(folder) / "contents"
        address = make_url(url)
        lines = _run(address, "pg_restore", "--list", str(path)).splitlines()
        kept = [line for line in lines if not any(part in line for part in _THERE_ALREADY)]
        contents.write_text("\n".join(kept) + "\n", encoding="utf-8")
        _prepare(url, lines)
        _run(
            address,
            "pg_restore",
            f"--use-list={contents}",
            "--no-owner",
            "--no-privileges",
            "--single-transaction",
            "--exit-on-error",
            f"--dbname={address.database}",
            str(path),
        )


def _prepare(url: str, lines: list[str]) -> None:
    """Make the schema that the dump names, and PostGIS."""
    store = Store.open(url)
    try:
        with store.write() as conn:
            quote = conn.dialect.identifier_preparer.quote
            for name in {line.split(" SCHEMA - ")[1].split()[0] for line in lines if " SCHEMA - " in line}:
                conn.execute(text(f"CREATE SCHEMA IF NOT EXISTS {quote(name)}"))
            conn.execute(text("CREATE EXTENSION IF NOT EXISTS postgis"))
    finally:
        store.close()


def _run(url: URL, program: str, *arguments: str) -> str:
    """Run one of PostgreSQL's programs; the password goes by the environment, where nobody lists it."""
    found = shutil.which(program)
    if found is None:
        raise SettingError(
            "%(program)s is missing: install PostgreSQL's client programs (apt install postgresql-client)",
            program=program,
        )
    done = subprocess.run(  # noqa: S603  our own words, no shell
        [found, *arguments], env=_environment(url), capture_output=True, text=True, check=False
    )
    if done.returncode:
        reason = " ".join(done.stderr.split())
        raise UnreadableFileError("%(program)s failed: %(reason)s", program=program, reason=reason)
    return done.stdout


def _environment(url: URL) -> dict[str, str]:
    own = {
        "PGHOST": url.host,
        "PGPORT": url.port,
        "PGUSER": url.username,
        "PGPASSWORD": url.password,
        "PGDATABASE": url.database,
        "PGOPTIONS": url.query.get("options"),
    }
    return {**os.environ, **{name: str(value) for name, value in own.items() if value is not None}}
