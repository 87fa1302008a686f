"""Rasters of people that come over a page: kept, read by a worker, the newest in force."""

import secrets
import shutil
from datetime import datetime
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from layers import jobs, people
from layers.errors import ForbiddenError, UnreadableFileError
from layers.importing import uploads
from layers.importing.population import import_population
from layers.people import Account, demand
from layers.worker import Work

if TYPE_CHECKING:
    from layers.jobs import Job
    from layers.site import Site

KIND = "import population"
SUFFIXES = (".tif", ".tiff")
# Classic and big TIFF, of either byte order; no other reader of GDAL is let near what strangers made
_MAGIC = (b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+")
_LONGEST = 200


def take(
    site: "Site",
    by: Account,
    name: str,
    stream: IO[bytes],
    *,
    source: str,
    attribution: str,
    now: datetime,
) -> int:
    """Keep a GeoTIFF and let a worker read it; return the number of the job.

    Raises
    ------
    UnreadableFileError
        It is no TIFF.
    """
    demand(by, "accounts")
    if stream.read(4) not in _MAGIC:
        raise UnreadableFileError("%(file)s is no GeoTIFF", file=name[:80])
    stream.seek(0)
    key = secrets.token_hex(16)
    folder = site.settings.home / uploads.FOLDER / key
    folder.mkdir(parents=True)
    with (folder / "file.tif").open("wb") as kept:
        shutil.copyfileobj(stream, kept)
    payload = {
        "key": key,
        "name": Path(name).name[:_LONGEST],
        "source": source.strip()[:_LONGEST],
        "attribution": attribution.strip()[:_LONGEST],
        "account": by.id,
    }
    with site.store.write() as conn:
        return jobs.put(conn, KIND, payload, now=now, key=f"{KIND} {key}", account_id=by.id)


def bring(site: "Site", work: Work) -> dict[str, Any]:
    """Do the job: check size, reference system and reach, and keep what lies around the streets."""
    given = work.payload
    with site.store.read() as conn:
        account = people.by_id(conn, given["account"])
    if not people.may(account, "accounts"):
        raise ForbiddenError("This account may not do that")
    path = uploads.path_of(site, given["key"])
    done = import_population(
        site,
        path,
        now=work.clock(),
        source=given["source"] or Path(given["name"]).stem,
        attribution=given["attribution"] or None,
        account_id=account.id,
        progress=work.progress,
    )
    return {"cells": done.n_read, "people": done.facts["people"], "is_new": done.n_added > 0}


def newest(site: "Site") -> "Job | None":
    """Return the last raster that was handed in, whatever became of it."""
    known = jobs.newest(site, kind=KIND)
    return known[0] if known else None
