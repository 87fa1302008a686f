"""What a run of an import did, told to the person and kept in the site."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import delete, insert, select, update

from layers.importing.options import ImportOptions
from layers.importing.refusals import Refusal
from layers.site import Site
from layers.store.schema import account, import_run

_BLOCK = 1 << 20


@dataclass(slots=True)
class Done:
    """What a run did with one kind of thing.

    `skipped` counts what was left out on purpose, by reason; `columns` tells which column of the file
    each field was read from; `facts` holds what else is worth telling.
    """

    kind: str
    n_read: int = 0
    n_added: int = 0
    n_changed: int = 0
    n_removed: int = 0
    n_same: int = 0
    refused: list[Refusal] = field(default_factory=list)
    skipped: dict[str, int] = field(default_factory=dict)
    columns: dict[str, str] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What is kept of a run."""

    id: int
    kind: str
    file_name: str
    account_name: str | None
    started_at: datetime
    finished_at: datetime | None
    n_read: int
    n_added: int
    n_same: int
    n_refused: int
    undone_at: datetime | None
    source_errors: Mapping[str, Mapping[str, float]] | None

    @classmethod
    def of(cls, row: Any) -> "Run":
        """Return the run of a row that has all these columns."""
        return cls(**{name: getattr(row, name) for name in cls.__slots__})


def digest_of(path: Path) -> str:
    """Return the SHA-256 of a file."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def earlier(site: Site, kind: str, path: Path) -> dict[str, Any] | None:
    """Return when the same file came before as this kind, and who brought it, unless that was undone."""
    same = (import_run.c.content_hash == digest_of(path), import_run.c.kind == kind)
    chosen = (
        select(import_run.c.started_at, import_run.c.file_name, account.c.name)
        .outerjoin(account, account.c.id == import_run.c.account_id)
        .where(*same, import_run.c.undone_at.is_(None))
    )
    with site.store.read() as conn:
        row = conn.execute(chosen.order_by(import_run.c.id.desc()).limit(1)).first()
    return row and {"at": row.started_at.isoformat(), "file": row.file_name, "by": row.name}


def begin(
    site: Site,
    kind: str,
    files: Path | Sequence[Path],
    options: ImportOptions,
    *,
    account_id: int | None,
    now: datetime,
) -> int:
    """Note that a run begins; return its id, which findings and tracks carry."""
    paths = [files] if isinstance(files, Path) else list(files)
    digests = [digest_of(path) for path in paths if path.is_file()]
    more = f" +{len(paths) - 1}" if len(paths) > 1 else ""
    row = {
        "kind": kind,
        "file_name": (paths[0].name if paths else "") + more,
        "content_hash": digests[0]
        if len(paths) == 1 and digests
        else hashlib.sha256("".join(digests).encode()).hexdigest(),
        "options": {name: value for name, value in asdict(options).items() if value},
        "account_id": account_id,
        "started_at": now,
        **dict.fromkeys(("n_read", "n_added", "n_same", "n_refused"), 0),
    }
    with site.store.write() as conn:
        key = conn.execute(insert(import_run).values(row)).inserted_primary_key
    return int(key[0]) if key else 0


def end(site: Site, run: int, done: Done, *, now: datetime | None) -> None:
    """Note what a run did, and when it ended unless it was cut short.

    One that changed nothing is forgotten.
    """
    with site.store.write() as conn:
        if not (done.n_added or done.n_changed or done.n_removed):
            conn.execute(delete(import_run).where(import_run.c.id == run))
            return
        conn.execute(
            update(import_run)
            .where(import_run.c.id == run)
            .values(
                finished_at=now,
                n_read=done.n_read,
                n_added=done.n_added + done.n_changed,
                n_same=done.n_same,
                n_refused=len(done.refused),
            )
        )
