"""Files of findings that come over a page: looked at first, with every refusal and a map, then imported.

GDAL reads what strangers made, so a worker does it and never the process that answers.
"""

import json
import secrets
import shutil
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from hashlib import sha256
from itertools import islice
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import pyogrio

from geo.errors import GeoError
from layers import jobs, people, unpacking
from layers.errors import ForbiddenError, InvalidError, NotFoundError, TooLargeError, UnreadableFileError
from layers.field import placements
from layers.importing import field, findings, opening, packed, profiles, refusals, tables
from layers.importing.options import ImportOptions
from layers.importing.refusals import Refusal
from layers.importing.runs import Done
from layers.people import Account
from layers.worker import Work

if TYPE_CHECKING:
    from layers.jobs import Job
    from layers.site import Site

LOOK, IMPORT = "look at import", "import"
FOLDER = "uploads"
KEPT = timedelta(days=1)
SUFFIXES = (".csv", ".tsv", ".xlsx", ".geojson", ".gpkg", ".gpx", ".kml", ".zip")
# These come several at once
TOGETHER = (*packed.SHAPEFILE, *packed.PHOTOS)
_REFUSED_SHOWN, _POINTS_SHOWN, _CELLS_SHOWN, _LONGEST_CELL = 100, 2000, 6, 60


def take(site: "Site", files: Sequence[tuple[str, IO[bytes]]]) -> str:
    """Keep what came; return the key under which it is read, which is no part of its name.

    Photos, and the parts of a shapefile, come together; anything else comes alone.
    """
    suffixes = [Path(name).suffix.lower() for name, _ in files]
    together = all(one in packed.SHAPEFILE for one in suffixes) or all(
        one in packed.PHOTOS for one in suffixes
    )
    if len(files) != 1 and not together:
        raise InvalidError("Only photos or the parts of one shapefile come together", field="file")
    suffix = suffixes[0]
    if suffix not in SUFFIXES and not together:
        raise InvalidError(
            "%(field)s: %(given)s is not known; known: %(known)s",
            field="file",
            given=suffix[:20] or "?",
            known=", ".join((*SUFFIXES, *TOGETHER)),
        )
    key = secrets.token_hex(16)
    folder = site.settings.home / FOLDER / key
    folder.mkdir(parents=True)
    if together:
        packed.pack(folder / "file.zip", files)
        return key
    with (folder / f"file{suffix}").open("wb") as kept:
        shutil.copyfileobj(files[0][1], kept)
    return key


def path_of(site: "Site", key: str) -> Path:
    """Return the file of a key."""
    folder = site.settings.home / FOLDER / key
    found = next(folder.glob("file.*"), None) if key.isalnum() and folder.is_dir() else None
    if found is None:
        raise NotFoundError("The file was kept for a day and is gone; send it again")
    return found


def order(
    site: "Site",
    account: Account,
    kind: str,
    upload: Mapping[str, str],
    options: ImportOptions,
    *,
    now: datetime,
) -> int:
    """Let a worker look at a file (`LOOK`) or import it (`IMPORT`); `upload` is its `key` and `name`."""
    path_of(site, upload["key"])
    kept = {name: value for name, value in asdict(options).items() if value}
    payload = {"key": upload["key"], "name": upload["name"][:200], "options": kept, "account": account.id}
    # looking twice in two ways is two jobs; importing is one whatever was clicked twice
    way = sha256(json.dumps(kept, sort_keys=True).encode()).hexdigest() if kind == LOOK else ""
    name = f"{kind} {upload['key']} {way}".rstrip()
    with site.store.write() as conn:
        return jobs.put(conn, kind, payload, now=now, key=name, account_id=account.id)


def of(site: "Site", account: Account, job_id: int) -> "Job":
    """Return such a job of this account."""
    job = jobs.get(site, job_id)
    if job.kind not in (LOOK, IMPORT) or job.account_id != account.id:
        raise NotFoundError("There is no such job")
    return job


def look(site: "Site", work: Work) -> dict[str, Any]:
    """Do the job of looking: read every row and write nothing."""
    account, path, options = _given(site, work)
    told: dict[str, Any] = {"known": []}
    try:
        if packed.holds_photos(path):
            return told | _look_at_photos(site, account, path, options, work)
        told["known"] = _columns(path, options)
        done = field.import_findings(
            site, account, path, options, now=work.clock(), dry_run=True, progress=work.progress
        )
        bad = {one.row for one in done.refused}
        told |= {**_told(done), "points": _points(site, path, options, bad)}
    except (InvalidError, UnreadableFileError, TooLargeError, GeoError) as error:
        # what is missing is said on the page, where it can be chosen
        told["error"] = jobs.told(error)
    return told


def _look_at_photos(
    site: "Site", account: Account, path: Path, options: ImportOptions, work: Work
) -> dict[str, Any]:
    paths = packed.unpacked_photos(path, most_bytes=site.settings.max_upload_bytes)
    done = field.import_photos(
        site, account, paths, options, now=work.clock(), dry_run=True, progress=work.progress
    )
    places = done.facts.get("places", [])[:_POINTS_SHOWN]
    return {**_told(done), "kind": done.kind, "points": _in_degrees(places)}


def bring(site: "Site", work: Work) -> dict[str, Any]:
    """Do the job of importing; begun again it adds nothing twice."""
    account, path, options = _given(site, work)
    if packed.holds_photos(path):
        paths = packed.unpacked_photos(path, most_bytes=site.settings.max_upload_bytes)
        done = field.import_photos(site, account, paths, options, now=work.clock(), progress=work.progress)
        return {**_told(done), "kind": done.kind}
    named = path.with_name(Path(work.payload["name"]).with_suffix(path.suffix).name or path.name)
    if named != path:
        # a run is listed under the name that the person knows
        named.unlink(missing_ok=True)
        named.hardlink_to(path)
    done = field.import_findings(site, account, named, options, now=work.clock(), progress=work.progress)
    return _told(done)


def _given(site: "Site", work: Work) -> tuple[Account, Path, ImportOptions]:
    with site.store.read() as conn:
        account = people.by_id(conn, work.payload["account"])
    if not people.may(account, "jobs"):
        raise ForbiddenError("This account may not do that")
    return account, path_of(site, work.payload["key"]), profiles.read(work.payload["options"])


def _columns(path: Path, options: ImportOptions) -> list[str]:
    if tables.is_text_table(path):
        chunk = next(iter(tables.chunks(path, encoding=options.encoding)), None)
        return [] if chunk is None else [str(name) for name in chunk.rows.columns]
    unpacking.require_plain(path)
    try:
        layer = opening.layer(path, options)
        return [str(name) for name in pyogrio.read_info(opening.address(path), layer=layer)["fields"]]
    except pyogrio.errors.DataSourceError:
        return []


def _told(done: Done) -> dict[str, Any]:
    return {
        "n_read": done.n_read,
        "n_added": done.n_added,
        "n_same": done.n_same,
        "n_refused": len(done.refused),
        "columns": done.columns,
        "source_errors": {name: asdict(error) for name, error in done.facts.get("fitted", {}).items()},
        "refused": [_refused(one) for one in done.refused[:_REFUSED_SHOWN]],
    }


def _refused(one: Refusal) -> dict[str, Any]:
    # of a photo its name, and not where it lies here
    shown = {k: Path(str(v)).name if k == "file" else v for k, v in one.values.items()}
    cells = [(str(k), str(v)[:_LONGEST_CELL]) for k, v in shown.items() if k not in refusals.OURS]
    return {
        "row": one.row,
        "field": one.field,
        "reason": jobs.told(one.reason),
        "cells": cells[:_CELLS_SHOWN],
    }


def _points(site: "Site", path: Path, options: ImportOptions, bad: Collection[int]) -> list[list[float]]:
    """Return where some of the good rows lie, in WGS 84."""
    return _in_degrees(list(islice(_places(site, path, options, bad), _POINTS_SHOWN)))


def _in_degrees(places: Sequence[tuple[float, float, str]]) -> list[list[float]]:
    if not places:
        return []
    x, y, frame = zip(*places, strict=True)
    found: list[list[float]] = placements.lonlat_of(x, y, frame).round(6).tolist()
    return found


def _places(
    site: "Site", path: Path, options: ImportOptions, bad: Collection[int]
) -> Iterator[tuple[float, float, str]]:
    for batch in findings.read(path, options, taxonomy=site.taxonomy, local=site.settings.zone):
        for row, report in zip(batch.rows.index, batch.reports, strict=True):
            if int(row) not in bad:
                yield report.position.x, report.position.y, report.position.frame


def forget_old(site: "Site", *, now: datetime) -> int:
    """Remove the files that came more than a day ago; return how many."""
    root = site.settings.home / FOLDER
    n = 0
    for folder in root.iterdir() if root.is_dir() else ():
        if folder.stat().st_mtime < (now - KEPT).timestamp():
            shutil.rmtree(folder, ignore_errors=True)
            n += 1
    return n
