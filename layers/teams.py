"""Teams: who was in which, and from when on."""

from datetime import datetime

import pandas as pd
from sqlalchemy import Connection, func, insert, select

from layers import history
from layers.errors import InvalidError
from layers.store import frames
from layers.store.schema import team_member

LONGEST = 100


def join(
    conn: Connection, account_id: int, team: str | None, *, since: datetime, now: datetime, by: int | None
) -> None:
    """Put an account into a team from `since` on, or into none; what it did before stays where it was."""
    name = (team or "").strip() or None
    if name is not None and len(name) > LONGEST:
        raise InvalidError("The name of a team has at most %(most)s characters", field="team", most=LONGEST)
    if of(conn, account_id, since) == name:
        return
    conn.execute(insert(team_member).values(account_id=account_id, team=name, since=since))
    history.append(
        conn,
        at=now,
        account_id=by or account_id,
        action="change",
        noun="account",
        noun_id=str(account_id),
        details={"team": name, "since": since.isoformat()},
    )


def of(conn: Connection, account_id: int, at: datetime) -> str | None:
    """Return the team that an account is in at an instant."""
    known = select(team_member.c.team).where(
        team_member.c.account_id == account_id, team_member.c.since <= at
    )
    newest = known.order_by(team_member.c.since.desc(), team_member.c.id.desc()).limit(1)
    return conn.execute(newest).scalar_one_or_none()


def members(conn: Connection) -> pd.DataFrame:
    """Return every joining and leaving: `account_id`, `team` (None: left), `since`, in the order of time."""
    columns = [team_member.c[name] for name in ("account_id", "team", "since")]
    return frames.read(conn, select(*columns).order_by(team_member.c.since, team_member.c.id))


def names(conn: Connection) -> list[str]:
    """Return the teams that anybody was ever in, by name."""
    known = select(team_member.c.team).where(team_member.c.team.is_not(None)).distinct()
    return sorted(conn.execute(known).scalars())


def version(conn: Connection) -> int:
    """Return a number that rises with every joining and leaving."""
    return int(conn.execute(select(func.max(team_member.c.id))).scalar() or 0)
