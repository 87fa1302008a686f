"""Streets, key points and areas from files into a site, each in one transaction."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import geopandas as gpd

from layers import checking
from layers.city import districts as district_store
from layers.city import kerbs as kerb_store
from layers.city import key_points as key_point_store
from layers.city import networks
from layers.city.layer import Changes
from layers.errors import InvalidError
from layers.field import alongside, coverage, datum, placements
from layers.importing import deriving, districts, kerbs, key_points, osm, runs, streets
from layers.importing.features import Layer
from layers.importing.options import ImportOptions
from layers.importing.osm_tags import AreaLevels
from layers.importing.progress import Progress, silent
from layers.importing.runs import Done
from layers.site import Site
from layers.worker import Work, Worker, ticking

OSM = "osm"
_READERS: dict[str, Callable[[Path, ImportOptions, Progress], Layer]] = {
    "streets": streets.read,
    "key_points": key_points.read,
    "districts": districts.read,
    "kerbs": kerbs.read,
}


def import_osm(
    site: Site,
    path: Path,
    *,
    now: datetime,
    levels: AreaLevels | None = None,
    language: str | None = None,
    account_id: int | None = None,
    progress: Progress = silent,
) -> list[Done]:
    """Import streets, key points with gates, and areas of an OpenStreetMap extract.

    A later extract replaces what came from an earlier one: new streets are a new version of the network,
    key points and areas that are gone get their date of removal.

    Returns
    -------
    list of Done
        Streets, key points, areas; what the extract left out is told with the streets.
    """
    extract = osm.read(path, levels=levels, language=language, progress=progress)
    if extract.streets.empty:
        raise InvalidError("%(file)s holds no streets", file=path.name)
    run = runs.begin(site, OSM, path, ImportOptions(language=language), account_id=account_id, now=now)
    progress("making street blocks", 0, None)
    added = networks.add(site, extract.streets, OSM, extract.attribution, now=now, account_id=account_id)
    roads = _of_network(site, extract.streets, *added)
    roads.skipped = extract.skipped
    roads.facts |= {"data_until": extract.data_until, "cut_areas": extract.cut_areas}
    progress("writing key points and areas", 0, None)
    changes = key_point_store.replace(
        site, OSM, extract.key_points, extract.gates, now=now, account_id=account_id
    )
    places = _of_changes("key_points", extract.key_points, changes)
    places.n_read += len(extract.gates)
    places.facts["n_gates"] = len(extract.gates)
    changes = district_store.replace(site, OSM, extract.districts, now=now, account_id=account_id)
    areas = _of_changes("districts", extract.districts, changes)
    derive_soon(
        site,
        now=now,
        progress=progress,
        account_id=account_id,
        streets=_is_new(roads),
        around=_is_new(places) or _is_new(areas),
    )
    runs.end(site, run, _sum([roads, places, areas]), now=now)
    return [roads, places, areas]


def import_layer(
    site: Site,
    kind: str,
    path: Path,
    options: ImportOptions,
    *,
    now: datetime,
    source: str | None = None,
    attribution: str | None = None,
    gates: Path | None = None,
    account_id: int | None = None,
    progress: Progress = silent,
) -> Done:
    """Import a file of `streets`, `key_points`, `districts` or `kerbs`.

    Parameters
    ----------
    source : str, optional
        What the rows belong to: the same source again replaces them.  The file's name without endings
        unless given.  Streets of any source are a new version of the whole network.
    gates : Path, optional
        Gates of the key points; without it the gates that are there stay.  Those that were refused are in
        `facts["gates"]`.
    """
    layer = read_layer(kind, path, options, progress)
    if layer.frame.empty:
        return layer_done(kind, layer)
    entries = read_gates(gates, options, layer, progress) if gates else None
    name = source_of(path, options, source)
    run = runs.begin(site, kind, path, options, account_id=account_id, now=now)
    if kind == "streets":
        progress("making street blocks", 0, None)
        added = networks.add(site, layer.frame, name, attribution, now=now, account_id=account_id)
        done = _of_network(site, layer.frame, *added)
    else:
        done = _of_changes(
            kind,
            layer.frame,
            _replace(site, kind, layer, entries, source=name, now=now, account_id=account_id, run=run),
        )
    done = layer_done(kind, layer, done, entries)
    is_streets = kind == "streets"
    derive_soon(
        site,
        now=now,
        progress=progress,
        account_id=account_id,
        streets=is_streets and _is_new(done),
        around=kind in ("key_points", "districts") and _is_new(done),
    )
    runs.end(site, run, done, now=now)
    return done


def read_layer(kind: str, path: Path, options: ImportOptions, progress: Progress = silent) -> Layer:
    """Read a file of `streets`, `key_points`, `districts` or `kerbs` and write nothing."""
    return _READERS[kind](path, options, progress)


def read_gates(path: Path, options: ImportOptions, places: Layer, progress: Progress = silent) -> Layer:
    """Read the gates of key points that were read, and write nothing."""
    return key_points.read_gates(path, options, places.frame["source_id"], progress)


def _replace(
    site: Site,
    kind: str,
    layer: Layer,
    gates: Layer | None,
    *,
    source: str,
    now: datetime,
    account_id: int | None,
    run: int,
) -> Changes:
    told: dict[str, Any] = {"now": now, "account_id": account_id, "run": run}
    if kind == "districts":
        return district_store.replace(site, source, layer.frame, **told)
    if kind == "kerbs":
        return kerb_store.replace(site, source, layer.frame, **told)
    of_places = gates.frame if gates else None
    return key_point_store.replace(site, source, layer.frame, of_places, **told)


def compare_layer(
    site: Site, kind: str, path: Path, options: ImportOptions, progress: Progress = silent
) -> tuple[Layer, Done]:
    """Read a file of `key_points`, `districts` or `kerbs`; return it and what its import would do."""
    layer = read_layer(kind, path, options, progress)
    store = {"districts": district_store, "kerbs": kerb_store, "key_points": key_point_store}[kind]
    if layer.frame.empty:
        return layer, layer_done(kind, layer)
    changes = store.compare(site, source_of(path, options), layer.frame)
    return layer, layer_done(kind, layer, _of_changes(kind, layer.frame, changes))


def source_of(path: Path, options: ImportOptions, said: str | None = None) -> str:
    """Return what the rows of a file belong to: as is said, else the file's name without endings."""
    return said or options.source_name or path.name.split(".")[0]


def layer_done(kind: str, layer: Layer, done: Done | None = None, gates: Layer | None = None) -> Done:
    """Return what is to be told of a layer that was read, and written if `done` is given."""
    done = done or Done(kind)
    done.n_read, done.refused = layer.n_read, layer.refused
    done.skipped, done.columns = layer.skipped, layer.columns
    done.facts["options"] = layer.options
    if gates is not None:
        done.n_read += len(gates.frame)
        done.facts["n_gates"] = len(gates.frame)
        done.facts["gates"] = Done("gates", n_read=gates.n_read, refused=gates.refused, columns=gates.columns)
    return done


def derive_soon(
    site: Site,
    *,
    now: datetime,
    progress: Progress = silent,
    account_id: int | None = None,
    streets: bool = True,
    around: bool = True,
) -> None:
    """Bring what is derived up to date, as a job: if this is cut short, a worker does the rest."""
    with site.store.write() as conn:
        job = deriving.order(conn, now=now, account_id=account_id, streets=streets, around=around)
    Worker(site, ticking(now)).do(job, progress)


def look(site: Site, *, now: datetime) -> None:
    """Order the job of deriving if a version of the program has come that reads positions otherwise."""
    version = int(site.facts()["network"])
    if version and (checking.n_unplaced(site) or coverage.n_unread(site, version)):
        with site.store.write() as conn:
            deriving.order(conn, now=now, account_id=None, streets=True, around=False)


def derive_again(site: Site, work: Work) -> None:
    """Do the job of deriving."""
    derive_anew(site, now=work.clock(), progress=work.progress, **work.payload)


def derive_anew(
    site: Site, *, now: datetime, progress: Progress = silent, streets: bool = True, around: bool = True
) -> None:
    """Bring what is derived up to date after the city changed.

    Parameters
    ----------
    streets : bool
        Read the passes of tracks along the newest streets.  Findings without a place on them get one in
        any case.
    around : bool
        Find key points and areas of all findings anew.
    """

    def placing(done: int, total: int) -> None:
        progress("placing findings on the new streets", done, total)

    def looking(done: int, total: int) -> None:
        progress("finding key points and areas of all findings", done, total)

    def passing(done: int, total: int) -> None:
        progress("reading tracks along the new streets", done, total)

    def following(done: int, total: int) -> None:
        progress("placing findings by the tracks on which they were made", done, total)

    def correcting(done: int, total: int) -> None:
        progress("reading a device's positions in their true frame", done, total)

    version = int(site.facts()["network"])
    # reading the whole network takes seconds: only where there is something to place on it
    if version and checking.n_unplaced(site):
        placements.add_for(site, version, now=now, progress=placing)
    if version and checking.count(site, "tracks"):
        coverage.derive(site, version, progress=passing)
        alongside.place_all(site, now=now, progress=following)
    datum.finish(site, now=now, progress=correcting)
    if around and checking.count(site, "findings"):
        placements.refresh_surroundings(site, progress=looking)


def _of_network(site: Site, frame: gpd.GeoDataFrame, version: int, is_new: bool) -> Done:
    n = len(frame)
    done = Done("streets", n_read=n, n_added=n if is_new else 0, n_same=0 if is_new else n)
    with site.store.read() as conn:
        facts = networks.facts(conn, version)
    done.facts = {"version": version, "n_blocks": facts["n_blocks"], "length_m": facts["length_m"]}
    done.facts["n_footways"] = n - facts["n_streets"]
    return done


def _of_changes(kind: str, frame: gpd.GeoDataFrame, changes: Changes) -> Done:
    return Done(
        kind,
        n_read=len(frame),
        n_added=changes.n_added,
        n_changed=changes.n_changed,
        n_removed=changes.n_removed,
        n_same=changes.n_same,
    )


def _is_new(done: Done) -> bool:
    return bool(done.n_added or done.n_changed or done.n_removed)


def _sum(parts: list[Done]) -> Done:
    names = ("n_read", "n_added", "n_changed", "n_removed", "n_same")
    return Done(OSM, **{name: sum(getattr(part, name) for part in parts) for name in names})
