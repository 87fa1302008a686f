"""Where findings lie: on which block, beside which key points, in which areas.

`derive` is pure: arrays in, columns out, no store. Intake calls it before any lock is taken; a new
network version calls it for the findings that are there, and adds its rows beside the old ones.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sqlalchemy import Connection, Select, and_, func, literal, or_, select

from geo.assign import COLUMNS, Evidence, Model, Track, sd_of
from geo.assign import candidates as every_candidate
from geo.crs import LonLat
from geo.datum import to_wgs84
from layers.city.districts import Districts
from layers.city.nearness import KeyPoints, Near
from layers.city.networks import Network
from layers.field import source_errors
from layers.field.corrections import Corrections
from layers.field.source_errors import Fitted
from layers.settings import Settings
from layers.store import frames
from layers.store.schema import finding, finding_district, finding_key_point, placement, track

if TYPE_CHECKING:
    from layers.site import Site

# Raised when the same position on the same blocks would be placed otherwise
METHOD_VERSION = "posterior-4"
CHUNK = 20_000
Progress = Callable[[int, int], None]
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Surroundings:
    """What a site knew of its city at one moment; findings are derived from it."""

    facts: Mapping[str, Any]
    settings: Settings
    network: Network | None
    key_points: KeyPoints | None
    districts: Districts
    corrections: Corrections

    def is_still(self, facts: Mapping[str, Any]) -> bool:
        """Tell whether streets, key points, districts and corrections are those of `facts`."""
        counters = ("network", "key_points", "districts", "datum")
        return all(self.facts[name] == facts[name] for name in counters)


@dataclass(frozen=True, slots=True, eq=False)
class Positions:
    """Positions of many findings, an item each in every array; degrees in WGS-84."""

    lonlat: LonLat
    sd_m: Floats
    offset_m: Floats
    offset_sd_m: Floats
    heading_deg: Floats
    speed_ms: Floats
    street_hint: list[str | None]

    def __len__(self) -> int:
        return len(self.lonlat)


@dataclass(frozen=True, slots=True, eq=False)
class Derived:
    """What was derived: a placement per finding (None without streets), pairs with key points and areas."""

    placement: Mapping[str, NDArray[Any]] | None
    near: Near
    district_row: NDArray[np.intp]
    district_id: NDArray[np.int64]


def surroundings(site: "Site", facts: Mapping[str, Any] | None = None) -> Surroundings:
    """Return what the site knows of its city, now or as of `facts`."""
    facts = site.facts() if facts is None else facts
    return Surroundings(
        facts,
        site.settings,
        site.network_or_none(facts),
        site.key_points_as_of(facts),
        site.districts_as_of(facts),
        site.corrections_as_of(facts),
    )


def lonlat_of(x: Sequence[float], y: Sequence[float], frame: Sequence[str]) -> LonLat:
    """Return positions in WGS-84, each from its own frame."""
    raw = np.column_stack([np.asarray(x, dtype=float), np.asarray(y, dtype=float)])
    frame_of = np.asarray(frame, dtype=object)
    out = np.empty_like(raw)
    for name in sorted(set(frame)):
        rows = frame_of == name
        out[rows] = to_wgs84(raw[rows], name)
    return LonLat(out)


def positions(
    settings: Settings, columns: Mapping[str, Sequence[Any]], lonlat: LonLat, fitted: Fitted | None = None
) -> Positions:
    """Return positions with their errors.

    Parameters
    ----------
    columns : mapping
        `accuracy_m`, `accuracy_kind`, `position_source`, `heading_deg`, `speed_ms`, `street_hint`,
        `import_run_id`.
    fitted : mapping, optional
        For a run of an import, the errors of sources that its file has taught; see `source_errors`.
    """
    by_run = fitted or {}
    errors = [
        by_run.get(run, {}).get(source, settings.source_errors[source])
        for run, source in zip(columns["import_run_id"], columns["position_source"], strict=True)
    ]
    usual = np.array([error.sd_m for error in errors], dtype=float)
    own = sd_of(_floats(columns["accuracy_m"]), list(columns["accuracy_kind"]))
    offset = [np.nan if error.offset_m is None else error.offset_m for error in errors]
    return Positions(
        lonlat=lonlat,
        sd_m=np.where(np.isnan(own), usual, own),
        offset_m=np.array(offset, dtype=float),
        offset_sd_m=np.array([error.offset_sd_m for error in errors], dtype=float),
        heading_deg=_floats(columns["heading_deg"]),
        speed_ms=_floats(columns["speed_ms"]),
        street_hint=list(columns["street_hint"]),
    )


def _floats(values: Sequence[Any]) -> Floats:
    return np.array(values, dtype=float)


def derive(around: Surroundings, of: Positions) -> Derived:
    """Return where each position lies; without streets, key points or areas there is just less."""
    placed = None
    if around.network is not None:
        placed = place(around.network, of, around.settings)
    near = Near.none()
    if around.key_points is not None:
        near = around.key_points.near(of.lonlat, of.sd_m, around.settings)
    row, district_id = around.districts.containing(of.lonlat)
    return Derived(placed, near, row, district_id)


def place(
    network: Network, of: Positions, settings: Settings, *, track: Track | None = None
) -> dict[str, NDArray[Any]]:
    """Return a placement for each position on one version of the streets, with the columns of the store."""
    placed = network.index.place(of.lonlat, of.sd_m, **_evidence(of, settings, track))
    # a frame of eighteen columns would cost a request more than the placement itself
    return {name: getattr(placed, name) for name in COLUMNS}


def _evidence(of: Positions, settings: Settings, track: Track | None) -> Evidence:
    return {
        "heading_deg": of.heading_deg,
        "speed_ms": of.speed_ms,
        "name_hint": of.street_hint,
        "offset_m": of.offset_m,
        "offset_sd_m": of.offset_sd_m,
        "track": track,
        "model": replace(Model(), outside_m=settings.outside_m),
    }


def candidates(
    conn: Connection, network: Network, settings: Settings, fid: int, *, track: Track | None = None
) -> pd.DataFrame:
    """Return all blocks that a stored finding may lie on, by the same evidence as its placement."""
    stored = _stored(conn, select(*(finding.c[name] for name in STORED)).where(finding.c.fid == fid))
    of = positions_of(conn, stored, settings)
    return every_candidate(network.index, of.lonlat, float(of.sd_m[0]), **_evidence(of, settings, track))


def insert(
    conn: Connection, derived: Derived, fids: Sequence[int], around: Surroundings, now: datetime
) -> None:
    """Write what was derived for findings that have just been inserted."""
    keys = np.asarray(fids, dtype=np.int64)
    if derived.placement is not None and around.network is not None:
        _insert_placements(conn, derived.placement, keys, around.network.version, now)
    insert_surroundings(conn, derived, keys)


def replace_all(
    conn: Connection, derived: Derived, fids: Sequence[int], around: Surroundings, now: datetime
) -> None:
    """Write what was derived anew for findings that are there; placements on older streets stay."""
    version = 0 if around.network is None else around.network.version
    conn.execute(
        placement.delete()
        .where(placement.c.finding_id.in_(fids), placement.c.network_version == version)
        .where(placement.c.method_version == METHOD_VERSION)
    )
    for pairs in (finding_key_point, finding_district):
        conn.execute(pairs.delete().where(pairs.c.finding_id.in_(fids)))
    insert(conn, derived, fids, around, now)


def _insert_placements(
    conn: Connection, placed: Mapping[str, NDArray[Any]], keys: NDArray[np.int64], version: int, now: datetime
) -> None:
    n = len(keys)
    fixed = {
        "finding_id": keys,
        "network_version": np.full(n, version),
        "method_version": [METHOD_VERSION] * n,
        "placed_at": [now] * n,
    }
    frames.insert_many(conn, placement, {**fixed, **placed})


def insert_surroundings(conn: Connection, derived: Derived, keys: NDArray[np.int64]) -> None:
    """Write the pairs of findings with key points and areas."""
    near = derived.near
    frames.insert_many(
        conn,
        finding_key_point,
        {
            "finding_id": keys[near.row],
            "key_point_id": near.key_point_id,
            "distance_m": near.distance_m,
            "measured_from": near.measured_from,
            "radius_m": near.radius_m,
            "p_inside": near.p_inside,
        },
    )
    frames.insert_many(
        conn,
        finding_district,
        {"finding_id": keys[derived.district_row], "district_id": derived.district_id},
    )


STORED = (
    "fid",
    "accuracy_m",
    "accuracy_kind",
    "position_source",
    "heading_deg",
    "speed_ms",
    "street_hint",
    "import_run_id",
    "geom",
)


def _stored(conn: Connection, chosen: Select[Any]) -> pd.DataFrame:
    return pd.DataFrame(frames.read(conn, chosen))


def positions_of(conn: Connection, stored: pd.DataFrame, settings: Settings) -> Positions:
    """Return the positions of findings from the columns `STORED` of the table."""
    fitted = source_errors.of_runs(conn, stored["import_run_id"].dropna().unique().tolist())
    lonlat = np.column_stack([[point.x for point in stored["geom"]], [point.y for point in stored["geom"]]])
    columns = {name: stored[name].tolist() for name in STORED if name not in ("fid", "geom")}
    return positions(settings, columns, LonLat(lonlat.reshape(-1, 2)), fitted)


def add_for(
    site: "Site", network_version: int, *, now: datetime, progress: Progress = lambda done, total: None
) -> int:
    """Place the findings that have no placement on a version of the streets; return how many.

    Rows of older versions stay as they are. Each chunk is a transaction of its own, so that it can be
    interrupted and taken up again, and intake goes on meanwhile.  What an older method placed by a track of
    which the fixes are dropped since holds on: nothing knows better.
    """
    network = site.network_of(network_version)
    with site.store.write() as conn:
        _hold_on(conn, network_version)
    with site.store.read() as conn:
        total = int(conn.execute(_missing(network_version, func.count(finding.c.fid))).scalar_one())
    done = 0
    while done < total:
        n = _add_chunk(site, network, now)
        if n == 0:
            break
        done += n
        progress(done, total)
    return done


def _missing(version: int, *what: Any) -> Select[Any]:
    there = and_(
        placement.c.finding_id == finding.c.fid,
        placement.c.network_version == version,
        placement.c.method_version == METHOD_VERSION,
    )
    return select(*what).where(~select(placement.c.finding_id).where(there).exists())


def _hold_on(conn: Connection, version: int) -> None:
    of = placement.alias("older")
    newer = placement.alias("newer")
    same = and_(newer.c.finding_id == of.c.finding_id, newer.c.network_version == version)
    # what was held on before is as old as what it was copied from
    twin = and_(newer.c.placed_at == of.c.placed_at, newer.c.method_version > of.c.method_version)
    later = or_(newer.c.method_version == METHOD_VERSION, newer.c.placed_at > of.c.placed_at, twin)
    held = (
        select(*(literal(METHOD_VERSION) if one.name == "method_version" else one for one in of.c))
        .join(track, track.c.fid == of.c.track_id)
        .where(of.c.network_version == version, track.c.dropped_at.is_not(None))
        .where(~select(newer.c.finding_id).where(same, later).exists())
    )
    conn.execute(placement.insert().from_select([one.name for one in of.c], held))


def _add_chunk(site: "Site", network: Network, now: datetime) -> int:
    lacking = _missing(network.version, *(finding.c[name] for name in STORED))
    with site.store.read() as conn:
        stored = _stored(conn, lacking.order_by(finding.c.fid).limit(CHUNK))
        of = positions_of(conn, stored, site.settings)
    if stored.empty:
        return 0
    placed = place(network, of, site.settings)
    keys = stored["fid"].to_numpy(np.int64)
    with site.store.write() as conn:
        _insert_placements(conn, placed, keys, network.version, now)
    return len(keys)


def refresh_surroundings(site: "Site", *, progress: Progress = lambda done, total: None) -> int:
    """Find key points and areas of all findings anew, after an import changed them; return how many."""
    around = surroundings(site)
    with site.store.read() as conn:
        last, total = conn.execute(select(func.max(finding.c.fid), func.count(finding.c.fid))).one()
    done, after = 0, 0
    while last is not None and after < last:
        after, n = _refresh_chunk(site, around, after, last)
        done += n
        progress(done, total)
    return done


def _refresh_chunk(site: "Site", around: Surroundings, after: int, last: int) -> tuple[int, int]:
    chosen = select(*(finding.c[name] for name in STORED)).where(finding.c.fid > after)
    with site.store.read() as conn:
        stored = _stored(conn, chosen.where(finding.c.fid <= last).order_by(finding.c.fid).limit(CHUNK))
        of = positions_of(conn, stored, site.settings)
    if stored.empty:
        return last, 0
    derived = derive(replace(around, network=None), of)
    keys = stored["fid"].to_numpy(np.int64)
    with site.store.write() as conn:
        for pairs in (finding_key_point, finding_district):
            conn.execute(pairs.delete().where(pairs.c.finding_id.between(int(keys[0]), int(keys[-1]))))
        insert_surroundings(conn, derived, keys)
    return int(keys[-1]), len(keys)
