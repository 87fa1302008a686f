"""How often each class of streets is to be inspected: what the site decided, else what is usual."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, func, insert, select

from layers import history
from layers.city import versions
from layers.errors import ConflictError, InvalidError
from layers.store.schema import account, inspection_target

# Longest time between two inspections, days, where the site has decided nothing
USUAL = {"primary": 3.0, "secondary": 7.0, "tertiary": 7.0, "residential": 14.0}
OTHERWISE = 30.0
FEWEST, MOST = 0.5, 3650.0


@dataclass(frozen=True, slots=True)
class Decision:
    """What was decided of a class: its days (None: no target), when and by whom."""

    street_class: str
    days: float | None
    set_at: datetime
    by: str | None


@dataclass(frozen=True, slots=True)
class Targets:
    """The targets in force; `version` rises with every decision."""

    version: int
    decided: Mapping[str, float | None]

    def of(self, street_class: str) -> float | None:
        """Return the days of a class; None where it has no target.

        >>> Targets(1, {"service": None}).of("service"), Targets(0, {}).of("primary")
        (None, 3.0)
        """
        if street_class in self.decided:
            return self.decided[street_class]
        return USUAL.get(street_class, OTHERWISE)


def in_force(conn: Connection) -> Targets:
    """Return the targets in force now."""
    table = inspection_target
    newest = select(func.max(table.c.id)).group_by(table.c.street_class)
    rows = conn.execute(select(table.c.street_class, table.c.days).where(table.c.id.in_(newest))).all()
    last = conn.execute(select(func.max(table.c.id))).scalar()
    return Targets(int(last or 0), {row.street_class: row.days for row in rows})


def decide(
    conn: Connection, wanted: Mapping[str, float | None], *, looked_at: int, now: datetime, by: int | None
) -> int:
    """Keep new days of classes, None for no target; return how many classes changed.

    Raises
    ------
    ConflictError
        Somebody has decided since version `looked_at`.
    """
    # two who decide at once take turns
    versions.read(conn, lock=True)
    known = in_force(conn)
    if known.version != looked_at:
        raise ConflictError("Somebody else has changed the targets meanwhile: look again")
    changed = {name: days for name, days in wanted.items() if days != known.of(name)}
    for name, days in changed.items():
        if days is not None and not FEWEST <= days <= MOST:
            raise InvalidError(
                "A target lies between %(fewest)s and %(most)s days", field=name, fewest=FEWEST, most=MOST
            )
        values = {"street_class": name, "days": days, "set_at": now, "account_id": by}
        conn.execute(insert(inspection_target).values(**values))
        history.append(
            conn,
            at=now,
            account_id=by,
            action="change",
            noun="target",
            noun_id=name,
            details={"days": days, "before": known.of(name)},
        )
    return len(changed)


def decisions(conn: Connection, most: int = 100) -> list[Decision]:
    """Return what was decided, the newest first."""
    table = inspection_target
    columns = (table.c.street_class, table.c.days, table.c.set_at, account.c.name)
    joined = select(*columns).outerjoin(account, account.c.id == table.c.account_id)
    rows = conn.execute(joined.order_by(table.c.id.desc()).limit(most)).all()
    return [Decision(row.street_class, row.days, row.set_at, row.name) for row in rows]
