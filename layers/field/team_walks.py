"""Walks given to teams: each team opens its own, as it was given."""

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import Row, Select, insert, select, update

from layers import history, teams
from layers.errors import InvalidError, NotFoundError
from layers.people import Account, demand, may
from layers.store.schema import account, team_walk

if TYPE_CHECKING:
    from layers.site import Site


@dataclass(frozen=True, slots=True)
class TeamWalk:
    """A walk that a team was given, and by whom.

    `content`: `streets`, a dict per line of the sheet (`begins`, `name`, `metres`, `reasons`, `rechecks`);
    `legs`, dicts of `line` (degrees), `reason`, `begins_at`; `points`, the re-checks: `lon`, `lat`, `scheme`,
    `code`, `observed_at`; `lot`, how many blocks of what length could be drawn, and the share of time on
    those that were.
    """

    id: int
    team: str
    begins_at: datetime
    ends_at: datetime
    length_m: float
    content: dict[str, Any]
    given_by: str
    given_at: datetime


def give(
    site: "Site",
    by: Account,
    team: str,
    begins_at: datetime,
    ends_at: datetime,
    *,
    length_m: float,
    content: dict[str, Any],
    now: datetime,
) -> int:
    """Give a walk to a team; one that begins at the same time is replaced."""
    demand(by, "overview")
    with site.store.write() as conn:
        if team not in teams.names(conn):
            raise InvalidError("There is no team %(given)s", field="team", given=team[:40])
        same = (team_walk.c.team == team, team_walk.c.begins_at == begins_at)
        conn.execute(
            update(team_walk).where(*same, team_walk.c.taken_back_at.is_(None)).values(taken_back_at=now)
        )
        row = {
            "team": team,
            "begins_at": begins_at,
            "ends_at": ends_at,
            "length_m": length_m,
            "content": content,
            "given_by": by.id,
            "given_at": now,
        }
        number = int(conn.execute(insert(team_walk).values(row).returning(team_walk.c.id)).scalar_one())
        history.append(
            conn,
            at=now,
            account_id=by.id,
            action="give",
            noun="team walk",
            noun_id=str(number),
            details={"team": team, "begins_at": begins_at.isoformat()},
        )
    return number


def team_of(site: "Site", of: Account, now: datetime) -> str | None:
    """Return the team that somebody is in."""
    with site.store.read() as conn:
        return teams.of(conn, of.id, now)


def of_team(site: "Site", team: str, *, ending_after: datetime) -> list[TeamWalk]:
    """Return the walks of a team that end after an instant, the next first."""
    chosen = _chosen().where(team_walk.c.team == team, team_walk.c.ends_at >= ending_after)
    with site.store.read() as conn:
        return [_walk(row) for row in conn.execute(chosen.order_by(team_walk.c.begins_at))]


def given_since(site: "Site", since: datetime) -> list[TeamWalk]:
    """Return the walks of all teams that begin at or after an instant."""
    chosen = _chosen().where(team_walk.c.begins_at >= since)
    with site.store.read() as conn:
        return [_walk(row) for row in conn.execute(chosen.order_by(team_walk.c.begins_at, team_walk.c.team))]


def one(site: "Site", asking: Account, number: int, *, now: datetime) -> TeamWalk:
    """Return a walk of one's own team; who oversees the city may see each.

    Raises
    ------
    NotFoundError
        There is none, or it is another team's.
    """
    with site.store.read() as conn:
        row = conn.execute(_chosen().where(team_walk.c.id == number)).first()
        own = teams.of(conn, asking.id, now)
    if row is None or (row.team != own and not may(asking, "overview")):
        raise NotFoundError("There is no such walk")
    return _walk(row)


def _chosen() -> Select[Any]:
    columns = [team_walk.c[name] for name in ("id", "team", "begins_at", "ends_at", "length_m", "content")]
    return (
        select(*columns, account.c.name, team_walk.c.given_at)
        .join(account, account.c.id == team_walk.c.given_by)
        .where(team_walk.c.taken_back_at.is_(None))
    )


def _walk(row: Row[Any]) -> TeamWalk:
    return TeamWalk(
        id=row.id,
        team=row.team,
        begins_at=row.begins_at,
        ends_at=row.ends_at,
        length_m=row.length_m,
        content=row.content,
        given_by=row.name,
        given_at=row.given_at,
    )
