"""Findings that are probably one thing, reported twice or come back: proposed, decided, counted once.

A decision is a row beside the two findings, which stay what they were.  *Merged*, the later one counts
with the first; *not the same* is remembered, and the pair is not proposed again.  Undoing is another fact
about the row.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import shapely
from sqlalchemy import ColumnElement, Connection, func, insert, or_, select, update

from geo import duplicates
from layers import history
from layers.errors import ConflictError, NotFoundError
from layers.field import closings as closings_of
from layers.field import findings, in_force, likeness
from layers.field.asking import FindingFilter
from layers.field.scope import visible
from layers.people import Account, demand
from layers.store.schema import account as account_table
from layers.store.schema import finding, finding_link, photo

if TYPE_CHECKING:
    from layers.site import Site

_ASKED = (
    *("fid", "uuid", "scheme", "code", "observed_at", "account_id"),
    *("block_id", "chainage_m", "side", "s_used_m"),
)
EVIDENCE = ("distance_m", "along_m", "hours", "photo_bits", "same_side")


@dataclass(frozen=True, slots=True)
class Extent:
    """How far things of a category reach (metres), and for how long they are reported again (days)."""

    radius_m: dict[str, float]
    window_days: dict[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """Two findings, in order of time, that are probably one thing, and what speaks for it."""

    first: str
    second: str
    relation: str
    p: float
    distance_m: float
    along_m: float | None
    hours: float
    photo_bits: int | None
    same_side: bool | None

    @property
    def evidence(self) -> dict[str, Any]:
        """Return what speaks for it, as it is kept with a decision."""
        return {name: value for name, value in asdict(self).items() if name in EVIDENCE}


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """What was decided of two findings."""

    id: int
    first: str
    second: str
    relation: str
    same: bool
    p: float
    decided_by: str
    at: datetime


@cache
def extent() -> Extent:
    """Return the shipped radius and window of each category.

    >>> extent().radius_m["gbt30428-2013-event.0406"]
    20
    """
    return Extent(**json.loads(files("data").joinpath("twins.json").read_text(encoding="utf-8")))


def proposals(
    site: "Site",
    wanted: FindingFilter,
    closings: pd.DataFrame | None = None,
    *,
    p_least: float = 0.5,
) -> list[Pair]:
    """Return the pairs among the chosen findings that nobody has decided yet, the most probable first.

    Parameters
    ----------
    closings : DataFrame, optional
        `uuid` of a finding and `closed_at` (aware), when it was closed; what is seen again after that is a
        relapse.  By default what the site knows itself, see `layers.field.closings`.
    """
    # what was merged may still be the first of another pair
    table = frame(site, replace(wanted, with_duplicates=True))
    pairs = compared(site, table, closings, p_least=p_least)
    with site.store.read() as conn:
        decided = _decided(conn)
        merged = set(conn.execute(in_force.merged(finding_link.c.second_id)).scalars())
    fresh = [
        pair[1] not in merged and frozenset(pair) not in decided
        for pair in pairs[["first_id", "second_id"]].itertuples(index=False, name=None)
    ]
    uuid_of = dict(zip(table["finding_id"], table["uuid"], strict=True))
    return [_pair(row, uuid_of) for row in pairs[np.array(fresh, dtype=bool)].itertuples()]


def compared(
    site: "Site",
    table: pd.DataFrame,
    closings: pd.DataFrame | None = None,
    *,
    p_least: float,
    window_days: Mapping[str, float] | None = None,
) -> pd.DataFrame:
    """Return the pairs of findings that are probably one thing, decided or not; see `geo.duplicates.likely`.

    Parameters
    ----------
    table : DataFrame
        Of `frame`.
    closings : DataFrame, optional
        As for `proposals`.
    window_days : mapping, optional
        Of categories that have no window of their own.
    """
    closed = closings_of.find(site, table) if closings is None else closings
    if len(closed):
        table = table.merge(closed[["uuid", "closed_at"]].drop_duplicates("uuid"), on="uuid", how="left")
    known = extent()
    window = {**(window_days or {}), **known.window_days}
    return duplicates.likely(table, radius_m=known.radius_m, window_days=window, p_least=p_least)


def frame(site: "Site", wanted: FindingFilter) -> pd.DataFrame:
    """Return the chosen findings as `geo.duplicates.likely` asks for them."""
    found = findings.frame(site, wanted, _ASKED)
    places = shapely.get_coordinates(found.geometry.to_numpy()) if len(found) else np.empty((0, 2))
    projection = site.projection
    metres = projection.to_metres(places) if projection and len(places) else places
    with site.store.read() as conn:
        hashes = _hashes(conn)
    return pd.DataFrame(
        {
            "finding_id": found["fid"].to_numpy(dtype=np.int64),
            "uuid": found["uuid"],
            "category": found["scheme"].astype(str) + "." + found["code"].astype(str),
            "x": metres[:, 0],
            "y": metres[:, 1],
            "observed_at": found["observed_at"],
            "s_m": found["s_used_m"].to_numpy(dtype=float),
            "block_id": found["block_id"],
            "chainage_m": found["chainage_m"].to_numpy(dtype=float),
            "side": found["side"],
            "reporter": found["account_id"],
            "photo_hash": pd.Series([hashes.get(fid) for fid in found["fid"]], found.index, dtype=object),
        }
    )


def _hashes(conn: Connection) -> dict[int, int]:
    """Return the hash of the first telling photo of each finding."""
    telling = photo.c.phash.is_not(None), photo.c.phash != likeness.PLAIN
    rows = conn.execute(select(photo.c.finding_id, photo.c.phash).where(*telling).order_by(photo.c.id.desc()))
    return {row.finding_id: int(row.phash, 16) for row in rows}


def kept_apart(site: "Site") -> set[frozenset[int]]:
    """Return the pairs of findings that somebody decided are two things."""
    with site.store.read() as conn:
        return _decided(conn, ~finding_link.c.same)


def _decided(conn: Connection, *such: ColumnElement[bool]) -> set[frozenset[int]]:
    made = finding_link.c
    rows = conn.execute(select(made.first_id, made.second_id).where(made.undone_at.is_(None), *such))
    return {frozenset((row.first_id, row.second_id)) for row in rows}


def _pair(row: Any, uuid_of: dict[int, str]) -> Pair:
    return Pair(
        first=uuid_of[row.first_id],
        second=uuid_of[row.second_id],
        relation=row.relation,
        p=float(row.p),
        distance_m=round(float(row.distance_m), 1),
        along_m=None if pd.isna(row.along_m) else round(float(row.along_m), 1),
        hours=round(float(row.hours), 2),
        photo_bits=None if pd.isna(row.photo_bits) else int(row.photo_bits),
        same_side=None if row.same_side is None else bool(row.same_side),
    )


def decide(site: "Site", account: Account, pair: Pair, *, same: bool, now: datetime) -> int:
    """Decide that two findings are one thing, or that they are not; return the decision's id.

    Raises
    ------
    ConflictError
        The pair has been decided already, or the later one is merged with another finding.
    """
    demand(account, "decide")
    with site.store.write() as conn:
        first, second = (_fid(conn, account, uuid) for uuid in (pair.first, pair.second))
        # the row of the later one is the lock: of two people who decide at once, one is told
        conn.execute(update(finding).where(finding.c.fid == second).values(version=finding.c.version))
        if frozenset((first, second)) in _decided(conn):
            raise ConflictError("These two findings have been decided already; undo that first")
        if same and pair.relation == "duplicate" and _is_merged(conn, second):
            raise ConflictError("The later finding is merged with another already; undo that first")
        values = {
            "first_id": first,
            "second_id": second,
            "relation": pair.relation,
            "same": same,
            "p": pair.p,
            "evidence": pair.evidence,
            "decided_by": account.id,
            "at": now,
        }
        done = conn.execute(insert(finding_link).values(**values))
        key = int(done.inserted_primary_key[0])  # type: ignore[index]
        action = "keep apart" if not same else "merge" if pair.relation == "duplicate" else "call a relapse"
        _note(conn, action, (pair.first, pair.second), (account, key), now)
    return key


def undo(site: "Site", account: Account, link_id: int, *, now: datetime) -> None:
    """Undo a decision; its row stays, both findings count by themselves again, and may be proposed."""
    demand(account, "decide")
    made = finding_link
    with site.store.write() as conn:
        seen = select(finding.c.fid).where(visible(account))
        done = conn.execute(
            update(made)
            .where(made.c.id == link_id, made.c.undone_at.is_(None))
            .where(made.c.first_id.in_(seen), made.c.second_id.in_(seen))
            .values(undone_at=now, undone_by=account.id)
        )
        if done.rowcount != 1:
            raise ConflictError("There is no such decision, or it has been undone already")
        pair = conn.execute(select(made.c.first_id, made.c.second_id).where(made.c.id == link_id)).one()
        named = select(finding.c.uuid).where(finding.c.fid.in_(tuple(pair))).order_by(finding.c.fid)
        _note(conn, "undo", conn.execute(named).scalars().all(), (account, link_id), now)


def links(site: "Site", uuid: str | None = None, *, most: int = 50) -> list[Link]:
    """Return the decisions that count, the newest first; of one finding if `uuid` is given."""
    made = finding_link.c
    first, second = finding.alias("first_finding"), finding.alias("second_finding")
    chosen = (
        select(
            *(made[name] for name in ("id", "relation", "same", "p", "at")),
            first.c.uuid.label("first"),
            second.c.uuid.label("second"),
            account_table.c.name.label("decided_by"),
        )
        .join(first, first.c.fid == made.first_id)
        .join(second, second.c.fid == made.second_id)
        .join(account_table, account_table.c.id == made.decided_by)
        .where(made.undone_at.is_(None))
        .order_by(made.id.desc())
        .limit(most)
    )
    if uuid is not None:
        chosen = chosen.where(or_(first.c.uuid == uuid, second.c.uuid == uuid))
    with site.store.read() as conn:
        return [Link(**row) for row in conn.execute(chosen).mappings()]


def n_links(site: "Site") -> int:
    """Return how many decisions count."""
    counted = select(func.count(finding_link.c.id)).where(finding_link.c.undone_at.is_(None))
    with site.store.read() as conn:
        return int(conn.execute(counted).scalar_one())


def _fid(conn: Connection, account: Account, uuid: str) -> int:
    fid = conn.execute(select(finding.c.fid).where(finding.c.uuid == uuid, visible(account))).scalar()
    if fid is None:
        raise NotFoundError("There is no finding %(uuid)s", uuid=uuid)
    return int(fid)


def _is_merged(conn: Connection, fid: int) -> bool:
    made = finding_link.c
    counts = select(made.id).where(made.second_id == fid, made.undone_at.is_(None), made.same)
    return conn.execute(counts.where(made.relation == "duplicate")).first() is not None


def _note(
    conn: Connection, action: str, pair: Sequence[str], whose: tuple[Account, int], now: datetime
) -> None:
    """Tell the history of both findings which decision of whose was made."""
    account, key = whose
    for uuid, other in zip(pair, pair[::-1], strict=True):
        history.append(
            conn,
            at=now,
            account_id=account.id,
            action=action,
            noun="finding",
            noun_id=uuid,
            details={"link": key, "other": other},
        )
