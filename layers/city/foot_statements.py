"""What people say of crossings and barriers, one by one: what a walk around a school may rest on."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import shapely
from sqlalchemy import Connection, Row, func, insert, select

from layers import history
from layers.city import versions
from layers.errors import ConflictError, InvalidError
from layers.store.schema import account, foot_statement

USABLE, ABSENT, BARRIER = "usable", "absent", "barrier"
COMPLETE, WITHDRAWN = "complete", "withdrawn"
OF_A_WAY = (USABLE, ABSENT, BARRIER, WITHDRAWN)
OF_A_PLACE = (COMPLETE, WITHDRAWN)
_LONGEST_NOTE = 500


@dataclass(frozen=True, slots=True)
class Statement:
    """What holds of a way, a place or all; `at`: where a barrier stands, `by`: None where a command did."""

    id: int
    state: str
    network_version: int
    at: tuple[float, float] | None
    note: str | None
    set_at: datetime
    by: str | None


@dataclass(frozen=True, slots=True)
class Said:
    """What holds now: of ways by key, of places by fid, of all; `version` rises with every statement."""

    version: int
    ways: Mapping[str, Statement]
    places: Mapping[int, Statement]
    all: Statement | None

    def is_complete(self, fid: int | None, network_version: int) -> bool:
        """Tell whether somebody vouches that nothing is missing there on these streets."""
        of = self.all if fid is None else self.places.get(fid)
        return of is not None and (of.state, of.network_version) == (COMPLETE, network_version)


def in_force(conn: Connection) -> Said:
    """Return what holds now."""
    table = foot_statement
    newest = select(func.max(table.c.id)).group_by(table.c.way_key, table.c.key_point_id)
    chosen = select(table, account.c.name).outerjoin(account, account.c.id == table.c.account_id)
    ways: dict[str, Statement] = {}
    places: dict[int, Statement] = {}
    of_all = None
    for row in conn.execute(chosen.where(table.c.id.in_(newest))):
        one = _statement(row)
        if row.way_key is not None:
            ways[row.way_key] = one
        elif row.key_point_id is not None:
            places[row.key_point_id] = one
        else:
            of_all = one
    return Said(last(conn), ways, places, of_all)


def last(conn: Connection) -> int:
    """Return the number of the last statement: it rises with every one."""
    return int(conn.execute(select(func.max(foot_statement.c.id))).scalar() or 0)


def say(
    conn: Connection,
    keys: Iterable[str],
    state: str,
    *,
    network_version: int,
    now: datetime,
    by: int | None,
    looked_at: int | None = None,
    at: tuple[float, float] | None = None,
    note: str | None = None,
) -> int:
    """Keep what somebody found of ways; return of how many that is new.

    Parameters
    ----------
    looked_at : int, optional
        The `version` that was looked at: refused if something else was said of one of the ways since.
    at : (lon, lat), optional
        Where the barrier stands; its way ends there.  Without it nobody can walk along the whole way.
    """
    if state not in OF_A_WAY:
        raise InvalidError("%(given)s is nothing to say of a way", field="state", given=state[:40])
    if at is not None and not shapely.box(-180, -90, 180, 90).covers(shapely.Point(at)):
        raise InvalidError("This is no place on earth", field="lon")
    # two who decide at once take turns
    versions.read(conn, lock=True)
    known = in_force(conn).ways
    fresh = []
    for key in dict.fromkeys(keys):
        last = known.get(key)
        if looked_at is not None and last is not None and last.id > looked_at:
            raise ConflictError("Somebody else has said something of this way meanwhile: look again")
        if last is None and state == WITHDRAWN:
            continue
        if last is None or (last.state, last.at) != (state, at):
            fresh.append(key)
    rows: list[dict[str, object]] = [{"way_key": key, "key_point_id": None} for key in fresh]
    _add(conn, rows, state, network_version, at, note, now, by)
    return len(fresh)


def vouch(
    conn: Connection,
    fid: int | None,
    state: str,
    *,
    network_version: int,
    now: datetime,
    by: int | None,
) -> bool:
    """Keep that nothing is missing around a place (None: in the whole city), or take it back."""
    if state not in OF_A_PLACE:
        raise InvalidError("%(given)s is nothing to say of a place", field="state", given=state[:40])
    versions.read(conn, lock=True)
    held = in_force(conn).is_complete(fid, network_version)
    if held == (state == COMPLETE):
        return False
    _add(conn, [{"way_key": None, "key_point_id": fid}], state, network_version, None, None, now, by)
    return True


def of_way(conn: Connection, key: str) -> list[Statement]:
    """Return what was said of one way, the newest first."""
    table = foot_statement
    both = select(table, account.c.name).outerjoin(account, account.c.id == table.c.account_id)
    rows = conn.execute(both.where(table.c.way_key == key).order_by(table.c.id.desc())).all()
    return [_statement(row) for row in rows]


def _statement(row: Row[Any]) -> Statement:
    at = None if row.lon is None else (float(row.lon), float(row.lat))
    return Statement(row.id, row.state, row.network_version, at, row.note, row.set_at, row.name)


def _add(  # noqa: PLR0917
    conn: Connection,
    rows: list[dict[str, object]],
    state: str,
    network_version: int,
    at: tuple[float, float] | None,
    note: str | None,
    now: datetime,
    by: int | None,
) -> None:
    if not rows:
        return
    said = (note or "").strip()[:_LONGEST_NOTE] or None
    lon, lat = at or (None, None)
    fixed = {
        "network_version": network_version,
        "state": state,
        "lon": lon,
        "lat": lat,
        "note": said,
        "set_at": now,
        "account_id": by,
    }
    conn.execute(insert(foot_statement), [{**row, **fixed} for row in rows])
    place = {"lon": lon, "lat": lat} if at else {}
    details = {"state": state, "network_version": network_version, **place}
    ids = [str(row["way_key"] or row["key_point_id"] or "all") for row in rows]
    noun = "foot_way" if rows[0]["way_key"] is not None else "foot_place"
    history.append_many(
        conn,
        at=now,
        account_id=by,
        action="say",
        noun=noun,
        noun_ids=ids,
        details={**details, "note": said} if said else details,
    )
