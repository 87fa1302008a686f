"""Files that come over a page: looked at first, with every refusal and a map, then imported.

GDAL reads what strangers made, so a worker does it and never the process that answers.
"""

import json
import secrets
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from geo.errors import GeoError
from layers import jobs, people
from layers.errors import InvalidError, NotFoundError, TooLargeError, UnreadableFileError
from layers.importing import city, field, kinds, packed, previews, profiles, runs, sights
from layers.importing.kinds import Kind
from layers.importing.options import ImportOptions
from layers.importing.runs import Done
from layers.people import Account, demand
from layers.worker import Work

if TYPE_CHECKING:
    from layers.jobs import Job
    from layers.site import Site

LOOK, IMPORT = "look at import", "import"
FOLDER = "uploads"
KEPT = timedelta(days=1)
SUFFIXES = (".csv", ".tsv", ".xlsx", ".geojson", ".gpkg", ".gpx", ".kml", ".kmz", ".zip")
# These come several at once
TOGETHER = (*packed.SHAPEFILE, *packed.PHOTOS)


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
    """Let a worker look at a file (`LOOK`) or import it (`IMPORT`).

    `upload` is its `key` and `name`, and `what` it holds (a name of `kinds`) unless it shows that itself.
    """
    path_of(site, upload["key"])
    what = upload.get("what", "")
    demand(account, kinds.get(what).act if what else "jobs")
    kept = {name: value for name, value in asdict(options).items() if value}
    payload = {
        "key": upload["key"],
        "name": upload["name"][:200],
        "what": what,
        "options": kept,
        "account": account.id,
    }
    # looking twice in two ways is two jobs; importing is one whatever was clicked twice
    way = sha256(json.dumps([what, kept], sort_keys=True).encode()).hexdigest() if kind == LOOK else ""
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
    handed = _Handed(site, work)
    told: dict[str, Any] = {"known": []}
    try:
        kind = handed.kind
        told |= {"kind": kind.name, "earlier": runs.earlier(site, kind.name, handed.path)}
        if kind.has_columns(handed.path):
            told["layers"] = sights.layers(handed.path)
            told |= sights.sample(handed.path, handed.options)
            told["guessed"] = sights.guessed(kind.name, told["known"])
            told |= previews.of_file(handed.path, handed.options)
            told["fitting"] = previews.fitting_systems(site, handed.path, handed.options)
        told |= _LOOKS[kind.name](handed)
    except (InvalidError, UnreadableFileError, TooLargeError, GeoError) as error:
        # what is missing is said on the page, where it can be chosen
        told["error"] = {**jobs.told(error), "field": getattr(error, "field", None)}
    return told


def bring(site: "Site", work: Work) -> dict[str, Any]:
    """Do the job of importing; begun again it adds nothing twice."""
    handed = _Handed(site, work)
    return sights.told(_IMPORTS[handed.kind.name](handed))


class _Handed:
    """A file that somebody handed in, and how it is to be read."""

    def __init__(self, site: "Site", work: Work) -> None:
        self.site, self.work = site, work
        with site.store.read() as conn:
            self.account = people.by_id(conn, work.payload["account"])
        demand(self.account, "jobs")
        self.path = path_of(site, work.payload["key"])
        self.options = profiles.read(work.payload["options"])

    @cached_property
    def kind(self) -> Kind:
        """Return what the file holds, if this account may bring that."""
        found = kinds.of(self.path, self.work.payload.get("what"))
        demand(self.account, found.act)
        return found

    @property
    def named(self) -> Path:
        """Return the file under the name that the person knows: a run is listed under it."""
        path = self.path
        named = path.with_name(Path(self.work.payload["name"]).with_suffix(path.suffix).name or path.name)
        if named != path:
            named.unlink(missing_ok=True)
            named.hardlink_to(path)
        return named


def _import_rows(handed: _Handed, *, dry_run: bool = False) -> Done:
    importing = field.import_tracks if handed.kind is kinds.TRACKS else field.import_findings
    return importing(
        handed.site,
        handed.account,
        handed.path if dry_run else handed.named,
        handed.options,
        now=handed.work.clock(),
        dry_run=dry_run,
        progress=handed.work.progress,
    )


def _import_photos(handed: _Handed, *, dry_run: bool = False) -> Done:
    site = handed.site
    paths = packed.unpacked_photos(handed.path, most_bytes=site.settings.max_upload_bytes)
    return field.import_photos(
        site,
        handed.account,
        paths,
        handed.options,
        now=handed.work.clock(),
        dry_run=dry_run,
        progress=handed.work.progress,
    )


def _look_at_findings(handed: _Handed) -> dict[str, Any]:
    done = _import_rows(handed, dry_run=True)
    refused = {one.row for one in done.refused}
    shapes = sights.of_findings(handed.site, handed.path, handed.options, refused)
    first = previews.of_findings(handed.site, handed.path, handed.options, refused)
    return {**sights.told(done), "shapes": shapes, "first": first}


def _look_at_photos(handed: _Handed) -> dict[str, Any]:
    done = _import_photos(handed, dry_run=True)
    return {**sights.told(done), "shapes": {"points": sights.in_degrees(done.facts.get("places", []))}}


def _look_at_tracks(handed: _Handed) -> dict[str, Any]:
    done = _import_rows(handed, dry_run=True)
    walked = done.facts["tracks"]
    return {
        **sights.told(done),
        "shapes": sights.of_tracks(walked),
        "outings": sights.outings(handed.site, walked),
    }


def _look_at_layer(handed: _Handed) -> dict[str, Any]:
    layer, done = city.compare_layer(
        handed.site, handed.kind.name, handed.named, handed.options, handed.work.progress
    )
    source = city.source_of(handed.named, handed.options)
    return {
        **sights.told(done),
        "shapes": sights.of_layer(layer),
        "first": previews.of_layer(layer),
        "source_name": source,
    }


def _import_layer(handed: _Handed) -> Done:
    return city.import_layer(
        handed.site,
        handed.kind.name,
        handed.named,
        handed.options,
        now=handed.work.clock(),
        account_id=handed.account.id,
        progress=handed.work.progress,
    )


_LOOKS: Mapping[str, Callable[[_Handed], dict[str, Any]]] = {
    "findings": _look_at_findings,
    "photos": _look_at_photos,
    "tracks": _look_at_tracks,
    **dict.fromkeys(kinds.LAYERS, _look_at_layer),
}
_IMPORTS: Mapping[str, Callable[[_Handed], Done]] = {
    "findings": _import_rows,
    "photos": _import_photos,
    "tracks": _import_rows,
    **dict.fromkeys(kinds.LAYERS, _import_layer),
}


def forget_old(site: "Site", *, now: datetime) -> int:
    """Remove the files that came more than a day ago; return how many."""
    root = site.settings.home / FOLDER
    n = 0
    for folder in root.iterdir() if root.is_dir() else ():
        if folder.stat().st_mtime < (now - KEPT).timestamp():
            shutil.rmtree(folder, ignore_errors=True)
            n += 1
    return n
