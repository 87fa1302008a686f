"""How a site is: what it holds, and whether what it holds is sound."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, func, select, text

from layers.city import networks
from layers.errors import InvalidError, NotFoundError
from layers.field import photos, placements, shelf
from layers.site import Site
from layers.store import chaining, guarding
from layers.store.schema import (
    account,
    district,
    finding,
    gate,
    import_run,
    key_point,
    photo,
    placement,
    track,
)
from layers.vouching import CHANGED, Deviation, deviations

_COUNTED = {
    "findings": finding,
    "photos": photo,
    "tracks": track,
    "key_points": key_point,
    "gates": gate,
    "districts": district,
    "accounts": account,
}


@dataclass(frozen=True, slots=True)
class State:
    """What a site holds, in rows; `network` are the facts of the newest streets, None without any."""

    counts: dict[str, int]
    network: dict[str, Any] | None
    crs: str | None
    first_observed_at: datetime | None
    last_observed_at: datetime | None
    n_imports_cut_short: int


@dataclass(slots=True)
class Soundness:
    """What was looked at; everything that is not empty or zero is wrong."""

    store: list[str] = field(default_factory=list)
    n_unplaced: int = 0
    lost_photos: list[str] = field(default_factory=list)
    damaged_photos: list[str] = field(default_factory=list)
    history: list[chaining.Break] = field(default_factory=list)
    unguarded: list[str] = field(default_factory=list)
    deviations: list[Deviation] = field(default_factory=list)

    @property
    def is_sound(self) -> bool:
        """Tell whether nothing is wrong."""
        of_photos = (self.lost_photos, self.damaged_photos)
        wrong = (self.store, self.n_unplaced, *of_photos, self.history, self.unguarded, self.deviations)
        return not any(wrong)


def state(site: Site) -> State:
    """Return what a site holds."""
    with site.store.read() as conn:
        first, last = conn.execute(
            select(func.min(finding.c.observed_at), func.max(finding.c.observed_at))
        ).one()
        unfinished = select(func.count()).where(import_run.c.finished_at.is_(None))
        return State(
            counts={
                name: int(conn.execute(select(func.count()).select_from(table)).scalar_one())
                for name, table in _COUNTED.items()
            },
            network=_network(conn),
            crs=None if site.crs is None else site.crs.to_string(),
            first_observed_at=first,
            last_observed_at=last,
            n_imports_cut_short=int(conn.execute(unfinished).scalar_one()),
        )


def _network(conn: Connection) -> dict[str, Any] | None:
    try:
        return networks.facts(conn)
    except NotFoundError:
        return None


def soundness(site: Site) -> Soundness:
    """Look at the store's own integrity and guards, the chain of the history, placements, files of photos."""
    found = Soundness(n_unplaced=n_unplaced(site))
    with site.store.read() as conn:
        if site.store.is_geopackage:
            found.store = [row[0] for row in conn.execute(text("PRAGMA integrity_check")) if row[0] != "ok"]
            found.store += [
                f"{row[0]} {row[1]} → {row[2]}" for row in conn.execute(text("PRAGMA foreign_key_check"))
            ]
        found.history = list(chaining.breaks(conn))
        found.unguarded = guarding.missing(conn)
    found.deviations = list(deviations(site))
    _look_at_photos(site, found)
    return found


def guard_again(site: Site) -> None:
    """Let the store refuse edits by others again, where somebody took that away."""
    with site.store.write() as conn:
        guarding.guard(conn)


def n_unplaced(site: Site) -> int:
    """Return how many findings have no place on the newest streets."""
    version = int(site.facts()["network"])
    if not version:
        return 0
    with site.store.read() as conn:
        return int(conn.execute(_unplaced(version)).scalar_one())


def count(site: Site, name: str) -> int:
    """Return how many findings, photos, tracks, key_points, … there are."""
    with site.store.read() as conn:
        return int(conn.execute(select(func.count()).select_from(_COUNTED[name])).scalar_one())


def _unplaced(version: int) -> Any:
    there = select(placement.c.finding_id).where(
        placement.c.finding_id == finding.c.fid,
        placement.c.network_version == version,
        placement.c.method_version == placements.METHOD_VERSION,
    )
    return select(func.count()).select_from(finding).where(~there.exists())


def _look_at_photos(site: Site, found: Soundness) -> None:
    """Read every original: it is there, holds what its name says, and is as long as its row says."""
    with site.store.read() as conn:
        rows = conn.execute(select(photo.c.sha256, photo.c.n_bytes).distinct().order_by(photo.c.sha256)).all()
    lengths: dict[str, set[int]] = {}
    for row in rows:
        lengths.setdefault(row.sha256, set()).add(row.n_bytes)
    for sha256, said in lengths.items():
        try:
            path = shelf.find(photos.folder(site), photos.ORIGINAL, sha256)
        except (NotFoundError, InvalidError):
            found.lost_photos.append(sha256)
            continue
        if not shelf.is_whole(path):
            found.damaged_photos.append(sha256)
        elif said != {path.stat().st_size}:
            found.deviations.append(Deviation("photo", sha256, CHANGED, ("n_bytes",)))
