"""Exports that take longer than an answer: ordered as a job, fetched for a day."""

import hashlib
import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from layers import jobs
from layers.analysis import selection
from layers.errors import ConflictError, NotFoundError
from layers.exporting import files
from layers.exporting.files import FORMATS, Export
from layers.field import findings
from layers.field.asking import FindingFilter
from layers.jobs import Job
from layers.people import Account
from layers.site import Site
from layers.worker import Work

KIND, COVERAGE = "export", "export coverage"
FOLDER = "exports"
KEPT = timedelta(days=1)
# Up to so many findings a file is made while the asker waits
SHORT = 2000
_INSTANTS = ("observed_from", "observed_until")


def is_short(site: Site, export: Export) -> bool:
    """Tell whether an export can be answered at once."""
    return FORMATS[export.kind].streams or findings.count(site, export.wanted) <= SHORT


def order(site: Site, account: Account, export: Export, *, now: datetime) -> int:
    """Order an export and return its job; what was made of the same findings already is made only once.

    What is wanted has been narrowed to what the account may see.
    """
    with site.store.read() as conn:
        at = selection.data_version(conn)
    payload = {**asdict(export), "wanted": pack(export.wanted)}
    facts = [payload, at, int(site.facts()["network"] or 0), account.id]
    key = f"export {hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()}"
    made = jobs.done(site, key)
    if made is not None and has_file(site, made):
        return made.id
    with site.store.write() as conn:
        return jobs.put(conn, KIND, payload, now=now, key=key, account_id=account.id)


def make(site: Site, work: Work) -> dict[str, Any]:
    """Do the job of an export."""
    export = Export(**{**work.payload, "wanted": unpack(work.payload["wanted"])})
    path = place(site, work, files.LAYER, export.kind)
    n = files.write(site, export, path, work.progress)
    return {"file": path.name, "n": n, "n_bytes": path.stat().st_size}


def place(site: Site, work: Work, what: str, kind: str) -> Path:
    """Return where the file of an export is made: named by what it holds and the day."""
    folder = _folder(site, work.job.id)
    folder.mkdir(parents=True, exist_ok=True)
    day = work.clock().astimezone(site.settings.zone).date()
    return folder / f"{what}-{day}.{kind}"


def has_file(site: Site, job: Job) -> bool:
    """Tell whether the file of a job that is done is still kept."""
    return _file(site, job) is not None


def of(site: Site, account: Account, job_id: int) -> Job:
    """Return an export of this account; one of somebody else is answered as if it were not there."""
    job = jobs.get(site, job_id)
    if job.kind not in {KIND, COVERAGE} or job.account_id != account.id:
        raise NotFoundError("There is no such export")
    return job


def file_of(site: Site, account: Account, job_id: int) -> Path:
    """Return the file of an export that is done."""
    job = of(site, account, job_id)
    if job.finished_at is None:
        raise ConflictError("The export is not done yet")
    path = _file(site, job)
    if path is None:
        raise NotFoundError("The file was kept for a day and is gone; export again")
    return path


@contextmanager
def at_once(site: Site, export: Export) -> Iterator[Path]:
    """Give a file that is made now and gone after the block."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / f"{files.LAYER}.{export.kind}"
        files.write(site, export, path)
        yield path


def forget_old(site: Site, *, now: datetime) -> int:
    """Remove the files of exports that were made more than a day ago, or of no job; return how many."""
    root = site.settings.home / FOLDER
    n = 0
    for folder in root.iterdir() if root.is_dir() else ():
        if not folder.name.isdigit() or _is_old(site, int(folder.name), now):
            shutil.rmtree(folder, ignore_errors=True)
            n += 1
    return n


def _is_old(site: Site, job_id: int, now: datetime) -> bool:
    try:
        job = jobs.get(site, job_id)
    except NotFoundError:
        return True
    ended = job.finished_at or job.failed_at
    return ended is not None and ended < now - KEPT


def _folder(site: Site, job_id: int) -> Path:
    return site.settings.home / FOLDER / str(job_id)


def _file(site: Site, job: Job) -> Path | None:
    name = (job.result or {}).get("file")
    path = _folder(site, job.id) / str(name)
    return path if name and path.is_file() else None


def pack(wanted: FindingFilter) -> dict[str, Any]:
    """Return a filter as it is kept in a job."""
    kept = {name: value for name, value in asdict(wanted).items() if value not in (None, False)}
    return {name: value.isoformat() if name in _INSTANTS else value for name, value in kept.items()}


def unpack(kept: dict[str, Any]) -> FindingFilter:
    """Return the filter that was kept in a job.

    >>> chosen = FindingFilter(bbox=(1.0, 2.0, 3.0, 4.0), categories=(("a", "b"),), with_withdrawn=True)
    >>> unpack(json.loads(json.dumps(pack(chosen)))) == chosen
    True
    """
    given = {name: _tuples(value) for name, value in kept.items()}
    instants = {name: datetime.fromisoformat(given[name]) for name in _INSTANTS if name in given}
    return FindingFilter(**{**given, **instants})


def _tuples(value: Any) -> Any:
    return tuple(_tuples(each) for each in value) if isinstance(value, list | tuple) else value
