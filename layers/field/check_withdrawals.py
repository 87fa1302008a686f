"""Checks that should not count after all: withdrawn by who made them, or by who looks after their area.

A check stays as it came, and so does its withdrawal; who looks again says so with a new check.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import shapely
from sqlalchemy import Select, and_, insert, select

from geo.crs import LonLat
from layers import history
from layers.errors import ConflictError, ForbiddenError
from layers.field import access, checks
from layers.field.reports import LONGEST, check_text
from layers.people import Account, may
from layers.store import frames
from layers.store.schema import account, check_stretch, check_withdrawal, street_check

if TYPE_CHECKING:
    from layers.site import Site

_LISTED = ("uuid", "account_id", "observed_at", "received_at", "extent", "note", "geom")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which checks: made in [since, until), on one block of the newest streets; or one by its id."""

    since: datetime | None = None
    until: datetime | None = None
    block_id: str | None = None
    uuid: str | None = None


def withdraw(
    site: "Site", by: Account, uuid: str, *, reason: str | None = None, now: datetime
) -> dict[str, Any]:
    """Let a check count no more; it stays, and withdrawing it again changes nothing.

    Raises
    ------
    NotFoundError, ForbiddenError
        No such check for this account, or one of its own that it may not change any more.
    """
    found = access.check(site, by, uuid)
    if found["account_id"] == by.id and not (may(by, "report") or may(by, "decide")):
        raise ForbiddenError("This account may not do that")
    said = (reason or "").strip() or None
    check_text("reason", said, LONGEST["note"])
    if found["withdrawn_at"] is not None:
        return found
    try:
        with site.store.write() as conn:
            values = {"check_id": found["fid"], "account_id": by.id, "at": now, "reason": said}
            conn.execute(insert(check_withdrawal).values(**values))
            history.append(
                conn,
                at=now,
                account_id=by.id,
                action="withdraw",
                noun="check",
                noun_id=uuid,
                version=2,
                details={"reason": said},
            )
    except ConflictError:
        # somebody else withdrew it at the same moment: the first stays
        pass
    return checks.get(site, uuid)


def listed(site: "Site", asker: Account, wanted: Wanted, *, most: int) -> pd.DataFrame:
    """Return the checks that `asker` may see, the newest first, withdrawn or not.

    Returns
    -------
    DataFrame
        `uuid, account_id, name, observed_at, received_at, extent, note`; the stretch on the newest streets
        (`block_id, street_name, from_mm, to_mm`, missing where it is in doubt); and of a withdrawal
        `withdrawn_at, withdrawn_by, withdrawn_reason`.
    """
    checks.derive(site)
    facts = site.facts()
    of = checks.on_streets(int(facts["network"] or 0), int(facts["datum"]))
    stretch = and_(check_stretch.c.check_id == street_check.c.fid, of)
    there = (
        street_check.join(account, account.c.id == street_check.c.account_id)
        .outerjoin(check_stretch, stretch)
        .outerjoin(check_withdrawal, check_withdrawal.c.check_id == street_check.c.fid)
        .outerjoin(checks.withdrawer, checks.withdrawer.c.id == check_withdrawal.c.account_id)
    )
    chosen: Select[Any] = select(
        *(street_check.c[name] for name in _LISTED),
        account.c.name,
        *(check_stretch.c[name] for name in ("block_id", "street_name", "from_mm", "to_mm")),
        *checks.WITHDRAWN,
    ).select_from(there)
    everybodys = access.looks_after_checks(asker)
    if not everybodys:
        chosen = chosen.where(street_check.c.account_id == asker.id)
    chosen = _narrowed(chosen, wanted).order_by(street_check.c.observed_at.desc(), street_check.c.fid.desc())
    # of whose view is limited to areas the places have to be looked at
    limited = everybodys and bool(asker.scope.districts)
    with site.store.read() as conn:
        rows = pd.DataFrame(frames.read(conn, chosen if limited else chosen.limit(most)))
    if limited and len(rows):
        rows = rows[_seen(site, asker, rows)].head(most)
    return rows.drop(columns="geom").reset_index(drop=True)


def _narrowed(chosen: Select[Any], wanted: Wanted) -> Select[Any]:
    if wanted.since is not None:
        chosen = chosen.where(street_check.c.observed_at >= wanted.since)
    if wanted.until is not None:
        chosen = chosen.where(street_check.c.observed_at < wanted.until)
    if wanted.block_id is not None:
        chosen = chosen.where(check_stretch.c.block_id == wanted.block_id)
    if wanted.uuid is not None:
        chosen = chosen.where(street_check.c.uuid == wanted.uuid)
    return chosen


def _seen(site: "Site", asker: Account, rows: pd.DataFrame) -> Any:
    places = LonLat(shapely.get_coordinates(rows["geom"].to_numpy()))
    row, fid = site.districts.containing(places)
    inside = np.isin(np.arange(len(rows)), row[np.isin(fid, asker.scope.districts)])
    own = (rows["account_id"] == asker.id).to_numpy()
    return own | inside
