"""Findings and checks held against the history."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any

import shapely
from sqlalchemy import Connection, Row, Table, func, select, type_coerce
from sqlalchemy.types import NullType

from geo.errors import CoordinateError
from layers.field import checks, corrections, placements, reports
from layers.field.checks import Check
from layers.field.reports import Position, Report
from layers.importing.undoing import kept_as
from layers.store import blobs
from layers.store.schema import account, check_withdrawal, datum_correction, finding, street_check
from layers.store.types import to_millisecond
from layers.vouching.deviations import Deviation, compare, differing, lines, seal_of

_AT_ONCE = 5000
# A tenth of a metre: conversions of frames may change in the last digits
_SAME_PLACE_DEG = 1e-6
_OF_POSITION = tuple(one.name for one in fields(Position) if one.name not in {"x", "y", "source"})
_COLUMN_OF = {"x": "raw_x", "y": "raw_y", "source": "position_source"}


@dataclass(slots=True)
class _Told:
    """What the history says of one record: who brought it and when, its seal, what was changed since."""

    uuid: str
    account_id: int
    received_at: datetime
    seal: str | None
    version: int = 1
    withdrawn_at: datetime | None = None
    first: dict[str, Any] = field(default_factory=dict)
    last: dict[str, Any] = field(default_factory=dict)
    # what the lines about its changes said was erased: they vouch for nothing
    open: bool = False


def deviations(conn: Connection) -> Iterator[Deviation]:
    """Give the findings, checks and withdrawals that are not what the history says of them."""
    yield from _of(conn, "finding", finding, _findings(conn))
    yield from _of(conn, "check", street_check, _checks(conn))
    yield from _withdrawals(conn)


def _findings(conn: Connection) -> dict[str, _Told]:
    told: dict[str, _Told] = {}
    acts = ("create", "edit", "withdraw", "undo_import")
    for line in lines(conn, "finding", acts):
        if line.action == "create":
            told[line.noun_id] = _made(line)
        elif line.noun_id in told:
            _follow(told, line)
    return told


def _made(line: Row[Any]) -> _Told:
    return _Told(line.noun_id, line.account_id, to_millisecond(line.at), seal_of(line))


def _follow(told: dict[str, _Told], line: Row[Any]) -> None:
    """Let a later line change what is known of a finding."""
    one = told[line.noun_id]
    one.version += 1
    if line.action == "edit":
        before, after = line.details.get("before"), line.details.get("after")
        one.open |= before is None
        for name, value in (before or {}).items():
            one.first.setdefault(name, value)
            one.last[name] = value
        one.last |= after or dict.fromkeys(before or {}, Ellipsis)
        return
    one.withdrawn_at = to_millisecond(line.at)
    if line.action == "undo_import":
        run = line.details.get("import_run_id")
        if run is not None:
            told[kept_as(line.noun_id, run)] = told.pop(line.noun_id)


def _checks(conn: Connection) -> dict[str, _Told]:
    return {line.noun_id: _made(line) for line in lines(conn, "check", ("create",))}


def _withdrawals(conn: Connection) -> Iterator[Deviation]:
    """Give the withdrawals of checks that are not what the history says of them."""
    told = {line.noun_id: line for line in lines(conn, "check", ("withdraw",))}
    table = check_withdrawal
    rows = conn.execute(
        select(table, street_check.c.uuid).join(street_check, street_check.c.fid == table.c.check_id)
    )
    there = {row.uuid: row for row in rows}
    for uuid, row in there.items():
        line = told.get(uuid)
        if line is not None:
            held = {"account_id": row.account_id == line.account_id, "at": row.at == to_millisecond(line.at)}
            held["reason"] = line.erased_at is not None or row.reason == line.details.get("reason")
            yield from differing("check withdrawal", uuid, held)
    yield from compare("check withdrawal", there, told)


def _of(conn: Connection, noun: str, table: Table, told: Mapping[str, _Told]) -> Iterator[Deviation]:
    forgotten = set(conn.execute(select(account.c.id).where(account.c.erased_at.is_not(None))).scalars())
    pending = select(func.count()).where(datum_correction.c.derived_at.is_(None))
    frames = None if conn.execute(pending).scalar_one() else corrections.load(conn)
    there: dict[str, None] = {}
    # geometries as the store has them: somebody may have put there what is none
    raw = type_coerce(table.c.geom, NullType()).label("geom")
    columns = [raw if column.name == "geom" else column for column in table.c]
    chosen = select(*columns).order_by(table.c.fid).execution_options(yield_per=_AT_ONCE)
    for row in conn.execute(chosen):
        there[row.uuid] = None
        one = told.get(row.uuid)
        if one is not None:
            held = _held(noun, row, one, is_forgotten=row.account_id in forgotten)
            held["geom"] = frames is None or _lies_there(row, frames)
            yield from differing(noun, row.uuid, held)
    yield from compare(noun, there, told)


def _held(noun: str, row: Row[Any], one: _Told, *, is_forgotten: bool) -> dict[str, bool]:
    """Return for each thing that can be checked whether it holds."""
    held = {"account_id": row.account_id == one.account_id, "received_at": row.received_at == one.received_at}
    if noun == "finding":
        held["version"] = row.version == one.version
        held["withdrawn_at"] = row.withdrawn_at == one.withdrawn_at
        for name, value in one.last.items():
            held[name] = value is Ellipsis or getattr(row, name) == value
    if not (is_forgotten or one.open):
        # the devices of who was forgotten have other names
        held["report"] = _digest(noun, row, one) == (one.seal or row.content_hash)
    return held


def _digest(noun: str, row: Row[Any], one: _Told) -> str:
    """Return the hash of what was reported, before all that was corrected since."""
    position = Position(
        **{name: getattr(row, column) for name, column in _COLUMN_OF.items()},
        **{name: getattr(row, name) for name in _OF_POSITION},
    )
    said: dict[str, Any] = {"uuid": one.uuid, "position": position}
    if noun == "check":
        names = (part.name for part in fields(Check) if part.name not in said)
        return checks.content_hash(Check(**said, **{name: getattr(row, name) for name in names}))
    names = (part.name for part in fields(Report) if part.name not in said)
    return reports.content_hash(
        Report(**said, **{name: one.first.get(name, getattr(row, name)) for name in names})
    )


def _lies_there(row: Row[Any], frames: corrections.Corrections) -> bool:
    """Tell whether a point is where its raw position says, in the frame that holds for its device."""
    said = [[getattr(row, name)] for name in corrections.SAID]
    decode = blobs.decode if isinstance(row.geom, bytes) else blobs.from_wkb
    try:
        lonlat = placements.lonlat_of([row.raw_x], [row.raw_y], frames.frames(*said))[0]
        there = decode([row.geom])[0]
    except (CoordinateError, shapely.errors.GEOSException, TypeError, ValueError):
        return False
    return bool(shapely.Point(lonlat).distance(there) < _SAME_PLACE_DEG)
