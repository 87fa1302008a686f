"""Findings as they are answered: the report, and all that was derived from it."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, Select, bindparam, select

from layers.field import evidence, in_force, likeness
from layers.field.evidence import Claim
from layers.field.in_force import Decision
from layers.field.reports import Position
from layers.settings import Settings
from layers.store.schema import (
    account,
    district,
    finding,
    finding_district,
    finding_key_point,
    finding_link,
    key_point,
    photo,
    placement,
)

AnyRow = Row[Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """Where a finding lies on one version of the streets, with the probability of being right."""

    network_version: int
    method_version: str
    placed_at: datetime
    block_id: str | None
    street_id: str | None
    corridor_id: str | None
    street_name: str | None
    chainage_m: float | None
    chainage_sd_m: float | None
    distance_m: float | None
    side: str | None
    p_block: float | None
    p_street: float | None
    p_corridor: float | None
    p_side: float | None
    p_none: float | None
    runner_up_block: str | None
    runner_up_p: float | None
    ambiguous: bool
    outside: bool
    s_used_m: float | None
    track_id: int | None

    @property
    def by_track(self) -> bool:
        """Tell whether the course of a track was used as evidence."""
        return self.track_id is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class NearKeyPoint:
    """A key point within reach, and the chance that the finding lies inside its zone."""

    id: int
    kind: str
    name: str | None
    distance_m: float
    measured_from: str
    radius_m: float
    p_inside: float


@dataclass(frozen=True, slots=True, kw_only=True)
class InDistrict:
    """An area that the finding lies in."""

    id: int
    level: str
    code: str | None
    name: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Photo:
    """A photo of a finding; the file is found by its SHA-256.

    It is `reused` if another finding has the same or nearly the same.  `away_m`, `apart_s` and `doubts` hold
    it against the report; see `evidence`.
    """

    id: int
    sha256: str
    role: str
    media_type: str
    n_bytes: int
    width_px: int
    height_px: int
    taken_at: datetime | None
    exif_lon: float | None
    exif_lat: float | None
    phash: str | None
    received_at: datetime
    reused: bool
    away_m: float | None
    apart_s: float | None
    doubts: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A finding with its placement, its key points (nearest first), its areas and its photos.

    A person's `decision` counts before the placement, which stays the evidence that it was.  One that was
    merged is the `duplicate_of` the finding that counts for both.  `doubts` come from `evidence.of_report`.
    """

    fid: int
    uuid: str
    version: int
    account_id: int
    account_name: str
    import_run_id: int | None
    channel: str
    scheme: str
    code: str
    observed_at: datetime
    received_at: datetime
    note: str | None
    n_items: int | None
    street_hint: str | None
    device: str | None
    withdrawn_at: datetime | None
    position: Position
    lon: float
    lat: float
    placement: Placement | None
    decision: Decision | None
    key_points: tuple[NearKeyPoint, ...]
    districts: tuple[InDistrict, ...]
    photos: tuple[Photo, ...]
    doubts: tuple[str, ...]
    duplicate_of: str | None = None

    @property
    def street_name(self) -> str | None:
        """Return the name of the street on which it counts."""
        lies = self.decision or self.placement
        return None if lies is None else lies.street_name

    @property
    def in_doubt(self) -> bool:
        """Tell whether it may lie on several blocks, and nobody has decided."""
        return self.decision is None and self.placement is not None and self.placement.ambiguous

    @property
    def outside(self) -> bool:
        """Tell whether it counts as outside the streets."""
        if self.decision is not None:
            return self.decision.block_id is None
        return self.placement is not None and self.placement.outside


def chosen() -> Select[Any]:
    """Return the select that `assemble` takes rows of."""
    return select(finding, account.c.name.label("account_name")).join(
        account, account.c.id == finding.c.account_id
    )


def assemble(conn: Connection, rows: Sequence[AnyRow], settings: Settings) -> list[Finding]:
    """Return the findings of these rows with all that belongs to them, in their order."""
    fids = [row.fid for row in rows]
    placed, decided = _placements(conn, fids), in_force.of_findings(conn, fids)
    near, areas, pictures = _key_points(conn, fids), _districts(conn, fids), photos_of(conn, fids, settings)
    counted = _counted_for(conn, fids)
    return [
        Finding(
            **{name: getattr(row, name) for name in _SAME},
            position=_position(row),
            lon=row.geom.x,
            lat=row.geom.y,
            placement=placed.get(row.fid),
            decision=decided.get(row.fid),
            key_points=tuple(near[row.fid]),
            districts=tuple(areas[row.fid]),
            photos=tuple(pictures[row.fid]),
            doubts=_doubts(row, settings),
            duplicate_of=counted.get(row.fid),
        )
        for row in rows
    ]


_SAME = (
    "fid",
    "uuid",
    "version",
    "account_id",
    "account_name",
    "import_run_id",
    "channel",
    "scheme",
    "code",
    "observed_at",
    "received_at",
    "note",
    "n_items",
    "street_hint",
    "device",
    "withdrawn_at",
)


def _doubts(row: AnyRow, settings: Settings) -> tuple[str, ...]:
    is_imported = row.import_run_id is not None
    return evidence.of_report(row.observed_at, row.received_at, settings, is_imported=is_imported)


def _position(row: AnyRow) -> Position:
    return Position(
        x=row.raw_x,
        y=row.raw_y,
        frame=row.frame,
        accuracy_m=row.accuracy_m,
        accuracy_kind=row.accuracy_kind,
        source=row.position_source,
        fixed_at=row.fixed_at,
        heading_deg=row.heading_deg,
        speed_ms=row.speed_ms,
        is_mock=row.is_mock,
    )


_PLACEMENT_COLUMNS = tuple(Placement.__slots__)
_PLACED = (
    select(placement)
    .where(placement.c.finding_id.in_(bindparam("fids", expanding=True)))
    .order_by(placement.c.network_version, placement.c.placed_at)
)


def _placements(conn: Connection, fids: Sequence[int]) -> dict[int, Placement]:
    """Return the placement on the newest streets of each finding, by the newest method."""
    rows = conn.execute(_PLACED, {"fids": list(fids)})
    return {
        row.finding_id: Placement(**{name: getattr(row, name) for name in _PLACEMENT_COLUMNS}) for row in rows
    }


def _key_points(conn: Connection, fids: Sequence[int]) -> dict[int, list[NearKeyPoint]]:
    pair = finding_key_point
    rows = conn.execute(
        select(pair, key_point.c.kind, key_point.c.name)
        .join(key_point, key_point.c.fid == pair.c.key_point_id)
        .where(pair.c.finding_id.in_(fids))
        .order_by(pair.c.finding_id, pair.c.distance_m, pair.c.key_point_id)
    )
    found: dict[int, list[NearKeyPoint]] = defaultdict(list)
    for row in rows:
        found[row.finding_id].append(
            NearKeyPoint(
                id=row.key_point_id,
                kind=row.kind,
                name=row.name,
                distance_m=row.distance_m,
                measured_from=row.measured_from,
                radius_m=row.radius_m,
                p_inside=row.p_inside,
            )
        )
    return found


def _districts(conn: Connection, fids: Sequence[int]) -> dict[int, list[InDistrict]]:
    pair = finding_district
    rows = conn.execute(
        select(pair.c.finding_id, district.c.fid, district.c.level, district.c.code, district.c.name)
        .join(district, district.c.fid == pair.c.district_id)
        .where(pair.c.finding_id.in_(fids))
        .order_by(pair.c.finding_id, district.c.fid)
    )
    found: dict[int, list[InDistrict]] = defaultdict(list)
    for row in rows:
        found[row.finding_id].append(InDistrict(id=row.fid, level=row.level, code=row.code, name=row.name))
    return found


def _counted_for(conn: Connection, fids: Sequence[int]) -> dict[int, str]:
    """Return the finding that counts for each of those that were merged, the first of a chain."""
    made = finding_link.c
    head = {fid: fid for fid in fids}
    # each first was observed before its second: there is an end
    while True:
        rows = conn.execute(
            in_force.merged(made.second_id, made.first_id).where(made.second_id.in_(set(head.values())))
        )
        before = {row.second_id: row.first_id for row in rows}
        if not before:
            break
        head = {fid: before.get(at, at) for fid, at in head.items()}
    others = {fid: at for fid, at in head.items() if fid != at}
    named = select(finding.c.fid, finding.c.uuid).where(finding.c.fid.in_(set(others.values())))
    uuids = {row.fid: row.uuid for row in conn.execute(named)} if others else {}
    return {fid: uuids[at] for fid, at in others.items()}


_PHOTOS = (
    select(photo, finding.c.geom, finding.c.accuracy_m, finding.c.observed_at)
    .join(finding, finding.c.fid == photo.c.finding_id)
    .where(photo.c.finding_id.in_(bindparam("fids", expanding=True)))
    .order_by(photo.c.id)
)
_PHOTO = _PHOTOS.where(photo.c.sha256 == bindparam("sha256"))
_PHOTO_COLUMNS = tuple(name for name in Photo.__slots__ if name in photo.c)


def photos_of(conn: Connection, fids: Sequence[int], settings: Settings) -> dict[int, list[Photo]]:
    """Return the photos of findings, in the order in which they came."""
    rows = conn.execute(_PHOTOS, {"fids": list(fids)}).all()
    reused = likeness.reused(conn, [row.id for row in rows])
    found: dict[int, list[Photo]] = defaultdict(list)
    for row in rows:
        found[row.finding_id].append(_photo(row, settings, reused=row.id in reused))
    return found


def photo_of(conn: Connection, fid: int, sha256: str, settings: Settings) -> Photo | None:
    """Return one photo of a finding; None if it has none of this hash."""
    row = conn.execute(_PHOTO, {"fids": [fid], "sha256": sha256}).first()
    if row is None:
        return None
    return _photo(row, settings, reused=bool(likeness.reused(conn, [row.id])))


def _photo(row: AnyRow, settings: Settings, *, reused: bool) -> Photo:
    claim = Claim(lon=row.geom.x, lat=row.geom.y, accuracy_m=row.accuracy_m, observed_at=row.observed_at)
    place = None if row.exif_lon is None else (row.exif_lon, row.exif_lat)
    held = evidence.compare(claim, settings, place=place, taken_at=row.taken_at, role=row.role, reused=reused)
    known = {name: getattr(row, name) for name in _PHOTO_COLUMNS}
    return Photo(**known, reused=reused, away_m=held.away_m, apart_s=held.apart_s, doubts=held.doubts)
