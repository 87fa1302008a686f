"""Findings: taken once and for ever, then read one by one, by pages, or whole.

What can be derived is derived before any lock is taken; the transaction checks that the city is still the
one it was derived from, and inserts.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import shapely
from sqlalchemy import Connection, and_, bindparam, func, select

from layers import history
from layers.city import versions
from layers.errors import BusyError, ConflictError, InvalidError, NotFoundError, XunchaError
from layers.field import placements, records, source_errors, written
from layers.field.asking import FindingFilter, newest_network
from layers.field.corrections import SAID
from layers.field.placements import Derived, Surroundings
from layers.field.records import Finding
from layers.field.reports import Position, Report, check, content_hash, plain
from layers.field.source_errors import Fitted
from layers.people import Account, demand, may
from layers.store import frames
from layers.store.schema import finding, placement

if TYPE_CHECKING:
    from layers.site import Site

__all__ = [
    "Finding",
    "FindingFilter",
    "Outcome",
    "Page",
    "Position",
    "Report",
    "frame",
    "get",
    "page",
    "put",
    "put_many",
]

# How often intake derives anew because streets or key points changed under its hands
_ATTEMPTS = 5
_LARGEST_PAGE = 1000
_IDS_AT_ONCE = 5000
# Said once: a request would pay more for making a statement than for its answer
_THESE = select(finding.c.uuid, finding.c.content_hash, finding.c.account_id).where(
    finding.c.uuid.in_(bindparam("uuids", expanding=True))
)
Progress = Callable[[int, int], None]
Told = tuple["Outcome", str] | XunchaError


class Outcome(StrEnum):
    """What became of a finding that was sent."""

    CREATED = "created"
    SAME = "same"


@dataclass(frozen=True, slots=True)
class Page:
    """Findings in the order in which they came; `next` continues after the last, None at the end."""

    findings: list[Finding]
    next: str | None


def put(
    site: "Site",
    account: Account,
    report: Report,
    *,
    now: datetime,
    facts: Mapping[str, Any] | None = None,
) -> tuple[Outcome, Finding]:
    """Take one finding; the same again is answered the same.

    `facts` are those of a moment ago, where the caller has read them: it is then first tried as if it were
    new.

    Raises
    ------
    InvalidError
        Naming the field that cannot be true.
    ConflictError
        The id is known with other content, or belongs to somebody else.
    """
    demand(account, "report")
    seen = _look(site, [report], None) if facts is None else _Seen(facts)
    [told], batch, fids = _put_chunk(site, account, [report], now, seen)
    if isinstance(told, XunchaError):
        raise told
    outcome, uuid = told
    if batch is None:
        return outcome, get(site, uuid)
    return outcome, written.first_of(
        account, batch.columns, batch.derived, batch.around, fid=fids[0], now=now
    )


def put_many(
    site: "Site",
    account: Account,
    reports: Sequence[Report],
    *,
    now: datetime,
    import_run_id: int | None = None,
    progress: Progress = lambda done, total: None,
) -> list[Told]:
    """Take many findings, each by itself: a bad one does not keep the good ones out.

    They are derived and written in chunks, a transaction each, so that others can write in between; what
    was interrupted can be sent again as a whole.

    Returns
    -------
    list
        For each report its outcome and id, or why it was not taken.

    Raises
    ------
    ForbiddenError
        An account that may only read.
    """
    demand(account, "report")
    told: list[Told] = []
    for start in range(0, len(reports), placements.CHUNK):
        chunk = reports[start : start + placements.CHUNK]
        told += _put_chunk(site, account, chunk, now, _look(site, chunk, import_run_id))[0]
        progress(start + len(chunk), len(reports))
    return told


@dataclass(frozen=True, slots=True)
class _Seen:
    """What the store held: facts, what was fitted to the import, hash and owner of findings known already."""

    facts: Mapping[str, Any]
    run: int | None = None
    fitted: Fitted = field(default_factory=dict)
    known: Mapping[str, tuple[str, int]] = field(default_factory=dict)


def _put_chunk(
    site: "Site",
    account: Account,
    reports: Sequence[Report],
    now: datetime,
    seen: "_Seen",
) -> tuple[list[Told], "_Batch | None", list[int]]:
    """Return what each report is told, and what was written under which keys."""
    for _ in range(_ATTEMPTS):
        digests = _checked(site, seen.facts, reports, now)
        told, fresh = _sorted_out(account, reports, digests, seen.known)
        if not fresh:
            return told, None, []
        around = placements.surroundings(site, seen.facts)
        good = [(reports[row], str(digests[row])) for row in fresh]
        batch = _batch(around, account, good, seen)
        # a twin that came in between is a conflict
        with suppress(ConflictError):
            fids = _write(site, batch, now)
            if fids:
                return told, batch, fids
        seen = _look(site, reports, seen.run)
    raise BusyError("Streets or key points are being changed; try again later")


def look(
    site: "Site",
    account: Account,
    reports: Sequence[Report],
    before: dict[str, tuple[str, int]],
    *,
    now: datetime,
) -> list[Told]:
    """Return what each report would be told by `put_many`, and write nothing.

    `before` holds what was looked at earlier and would be there by now: hash and owner by id; it grows.
    """
    seen = _look(site, reports, None)
    digests = _checked(site, seen.facts, reports, now)
    told, fresh = _sorted_out(account, reports, digests, {**seen.known, **before})
    before.update({reports[row].uuid: (str(digests[row]), account.id) for row in fresh})
    return told


def _look(site: "Site", reports: Sequence[Report], run: int | None) -> _Seen:
    with site.store.read() as conn:
        known = _known(conn, [report.uuid for report in reports])
        return _Seen(versions.read(conn), run, source_errors.of_runs(conn, [run]), known)


def _checked(
    site: "Site", facts: Mapping[str, Any], reports: Sequence[Report], now: datetime
) -> list[str | XunchaError]:
    """Return for each report the hash of what it says, or why it cannot be true."""
    known, bounds = site.taxonomy_as_of(facts), site.bounds(facts)
    found: list[str | XunchaError] = []
    for report in reports:
        try:
            check(report, known, now=now, bounds=bounds)
            found.append(content_hash(report))
        except InvalidError as error:
            found.append(error)
    return found


def _known(conn: Connection, uuids: Sequence[str]) -> dict[str, tuple[str, int]]:
    """Return hash and owner of those findings that are there already."""
    found = {}
    for start in range(0, len(uuids), _IDS_AT_ONCE):
        some = list(uuids[start : start + _IDS_AT_ONCE])
        for row in conn.execute(_THESE, {"uuids": some}):
            found[row.uuid] = (row.content_hash, row.account_id)
    return found


def _sorted_out(
    account: Account,
    reports: Sequence[Report],
    digests: Sequence[str | XunchaError],
    known: Mapping[str, tuple[str, int]],
) -> tuple[list[Told], list[int]]:
    """Return what each report is told, and which are to be written."""
    told: list[Told] = []
    fresh: list[int] = []
    seen = dict(known)
    for row, (report, digest) in enumerate(zip(reports, digests, strict=True)):
        if isinstance(digest, XunchaError):
            told.append(digest)
        elif report.uuid not in seen:
            seen[report.uuid] = (digest, account.id)
            fresh.append(row)
            told.append((Outcome.CREATED, report.uuid))
        else:
            told.append(_again(account, report.uuid, digest, *seen[report.uuid]))
    return told, fresh


def _again(account: Account, uuid: str, digest: str, known_digest: str, owner: int) -> Told:
    mine = owner == account.id or may(account, "see all")
    if mine and digest == known_digest:
        return Outcome.SAME, uuid
    return ConflictError("The finding %(uuid)s is known with other content", field="uuid", uuid=uuid)


@dataclass(frozen=True, slots=True)
class _Batch:
    """Findings ready to be written: their columns, what was derived from them, and from what."""

    account: Account
    columns: dict[str, Any]
    derived: Derived
    around: Surroundings


def _batch(
    around: Surroundings,
    account: Account,
    fresh: Sequence[tuple[Report, str]],
    seen: _Seen,
) -> _Batch:
    columns = {**_columns([report for report, _ in fresh]), "import_run_id": [seen.run] * len(fresh)}
    said = [columns[name] for name in SAID]
    frame_of = around.corrections.frames(*said)
    lonlat = placements.lonlat_of(columns["raw_x"], columns["raw_y"], frame_of)
    of = placements.positions(around.settings, columns, lonlat, seen.fitted)
    n = len(fresh)
    own = {
        "geom": shapely.points(lonlat),
        "version": np.ones(n, dtype=int),
        "content_hash": [digest for _, digest in fresh],
        "account_id": np.full(n, account.id),
    }
    return _Batch(account, {**columns, **own}, placements.derive(around, of), around)


def _columns(reports: Sequence[Report]) -> dict[str, list[Any]]:
    """Return the columns of the table that are the reporter's own words."""
    said = ("uuid", "scheme", "code", "channel", "observed_at", "note", "n_items", "street_hint", "device")
    columns = {name: [getattr(report, name) for report in reports] for name in said}
    where = [report.position for report in reports]
    for name in ("frame", "accuracy_m", "accuracy_kind", "fixed_at", "heading_deg", "speed_ms", "is_mock"):
        columns[name] = [plain(getattr(position, name)) for position in where]
    columns["position_source"] = [position.source for position in where]
    columns["raw_x"] = [plain(position.x) for position in where]
    columns["raw_y"] = [plain(position.y) for position in where]
    return columns


def _write(site: "Site", batch: _Batch, now: datetime) -> list[int]:
    """Insert the findings and return their keys; none if the city is no more the one they derive from."""
    uuids = batch.columns["uuid"]
    with site.store.write() as conn:
        if not batch.around.is_still(versions.read(conn, lock=True)):
            return []
        fids = frames.reserve(conn, finding, len(uuids))
        frames.insert_many(conn, finding, {**batch.columns, "fid": fids, "received_at": [now] * len(uuids)})
        placements.insert(conn, batch.derived, fids, batch.around, now)
        run = batch.columns["import_run_id"][0]
        history.append_many(
            conn,
            at=now,
            account_id=batch.account.id,
            action="create",
            noun="finding",
            noun_ids=uuids,
            version=1,
            details={"import_run_id": run} if run is not None else None,
            contents=batch.columns["content_hash"],
        )
    return fids


def get(site: "Site", uuid: str) -> Finding:
    """Return one finding by its id."""
    with site.store.read() as conn:
        rows = conn.execute(records.chosen().where(finding.c.uuid == uuid)).all()
        if not rows:
            raise NotFoundError("There is no finding %(uuid)s", uuid=uuid)
        return records.assemble(conn, rows, site.settings)[0]


def page(site: "Site", wanted: FindingFilter, *, after: str | None = None, limit: int = 100) -> Page:
    """Return the next findings in the order in which they came.

    New findings join at the end, so that a page never shifts; `after` is what the page before called
    `next`.
    """
    if not 1 <= limit <= _LARGEST_PAGE:
        raise InvalidError("A page holds 1 to %(most)s findings", field="limit", most=_LARGEST_PAGE)
    last = _mark(after)
    chosen = records.chosen().where(*wanted.conditions(), finding.c.fid > last)
    with site.store.read() as conn:
        rows = conn.execute(chosen.order_by(finding.c.fid).limit(limit + 1)).all()
        found = records.assemble(conn, rows[:limit], site.settings)
    return Page(found, str(found[-1].fid) if len(rows) > limit else None)


def count(site: "Site", wanted: FindingFilter) -> int:
    """Return how many findings there are."""
    with site.store.read() as conn:
        n = conn.execute(select(func.count(finding.c.fid)).where(*wanted.conditions())).scalar_one()
    return int(n)


def _mark(after: str | None) -> int:
    if after is None:
        return 0
    if not (after.isascii() and after.isdigit() and len(after) <= 18):
        raise InvalidError("%(given)s is not the mark of a page", field="after", given=after[:60])
    return int(after)


COLUMNS = (
    *("fid", "uuid", "scheme", "code", "channel", "observed_at", "block_id", "street_id", "street_name"),
    *("side", "p_block", "ambiguous", "outside"),
)


def frame(site: "Site", wanted: FindingFilter, columns: Sequence[str] = COLUMNS) -> gpd.GeoDataFrame:
    """Return the findings as a frame in longitude and latitude, in the order in which they came.

    `columns` are columns of the tables finding and placement; those of the placement are of the newest
    streets, and null where a finding has not been placed on them yet.
    """
    both = finding.outerjoin(
        placement,
        and_(
            placement.c.finding_id == finding.c.fid,
            placement.c.network_version == newest_network(),
            placement.c.method_version == placements.METHOD_VERSION,
        ),
    )
    named = [
        finding.c[name] if name in finding.c else placement.c[name] for name in columns if name != "geom"
    ]
    chosen = select(*named, finding.c.geom).select_from(both).where(*wanted.conditions())
    with site.store.read() as conn:
        return frames.read(conn, chosen.order_by(finding.c.fid))
