"""Position errors that a file has taught, kept with its import.

Geocoders differ: some answer on the centre line, others a fixed distance beside it.  Whatever is derived from
the findings of an import later assumes the same as the first time, and a person can see what it was.
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING

from sqlalchemy import Connection, select, update

from geo.assign import SourceError
from layers.store.schema import import_run

if TYPE_CHECKING:
    from layers.site import Site

Fitted = Mapping[int, Mapping[str, SourceError]]


def keep(site: "Site", run: int, errors: Mapping[str, SourceError]) -> None:
    """Keep with a run what was fitted, before any of its findings is placed."""
    values = {source: asdict(error) for source, error in errors.items()}
    with site.store.write() as conn:
        conn.execute(update(import_run).where(import_run.c.id == run).values(source_errors=values))


def of_runs(conn: Connection, runs: Iterable[int | None]) -> Fitted:
    """Return what was fitted in these runs, those without anything left out."""
    asked = {int(run) for run in runs if run is not None}
    if not asked:
        return {}
    chosen = select(import_run.c.id, import_run.c.source_errors).where(import_run.c.id.in_(asked))
    return {row.id: read(row.source_errors) for row in conn.execute(chosen) if row.source_errors}


def read(kept: Mapping[str, Mapping[str, float]] | None) -> dict[str, SourceError]:
    """Return the errors as they were kept."""
    return {source: SourceError(**parts) for source, parts in (kept or {}).items()}
