"""What is changed of a finding after it came: by version, each time with what was before in the history.

Where and when something was found is evidence and stays; what a person said of it can be corrected.  A
finding that should not count is withdrawn and stays.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

import pandas as pd
from sqlalchemy import Connection, select, update

from layers import history
from layers.city import versions
from layers.errors import BusyError, ConflictError, ForbiddenError, InvalidError
from layers.field import access, alongside, findings, placements, reports
from layers.field.records import Finding
from layers.field.scope import may_change
from layers.people import Account
from layers.store import frames
from layers.store.schema import finding, placement

if TYPE_CHECKING:
    from layers.site import Site

CHANGEABLE = ("note", "scheme", "code", "n_items", "street_hint", "channel")


def edit(
    site: "Site", account: Account, uuid: str, changes: Mapping[str, Any], *, version: int, now: datetime
) -> Finding:
    """Correct what was said of a finding; another street hint places it anew.

    Parameters
    ----------
    changes : mapping
        New values by names of `CHANGEABLE`; what is as it was changes nothing.
    version : int
        The version that was looked at.

    Raises
    ------
    NotFoundError, ForbiddenError
        No such finding for this account, or one that it may only see.
    ConflictError
        Changed or withdrawn meanwhile.
    """
    found = _changeable(site, account, uuid)
    if found.version != version or found.withdrawn_at is not None:
        raise _stale(found)
    for name in changes:
        if name not in CHANGEABLE:
            raise InvalidError("%(field)s cannot be changed", field=name)
    new = {name: value for name, value in changes.items() if value != getattr(found, name)}
    if not new:
        return found
    reports.check_said({name: getattr(found, name) for name in CHANGEABLE} | new, site.taxonomy)
    facts = site.facts()
    placed = _placed_anew(site, found.fid, new["street_hint"]) if "street_hint" in new else None
    with site.store.write() as conn:
        if placed and versions.read(conn, lock=True)["network"] != facts["network"]:
            raise BusyError("Streets or key points are being changed; try again later")
        _change(conn, found, new)
        if placed:
            _place(conn, found.fid, int(facts["network"]), placed, now)
        before = {name: getattr(found, name) for name in new}
        _note(conn, account, ("edit", found), {"before": before, "after": new}, now)
    return findings.get(site, uuid)


def withdraw(
    site: "Site", account: Account, uuid: str, *, version: int | None = None, now: datetime
) -> Finding:
    """Let a finding count no more; it stays, and withdrawing it again changes nothing."""
    found = _changeable(site, account, uuid)
    if found.withdrawn_at is not None:
        return found
    if version is not None and found.version != version:
        raise _stale(found)
    with site.store.write() as conn:
        _change(conn, found, {"withdrawn_at": now})
        _note(conn, account, ("withdraw", found), {}, now)
    return findings.get(site, uuid)


def _changeable(site: "Site", account: Account, uuid: str) -> Finding:
    """Return the finding; a stranger does not learn that it is there."""
    found = access.finding(site, account, uuid)
    if not may_change(account, found.account_id):
        raise ForbiddenError("This finding is somebody else's")
    return found


def _stale(found: Finding) -> ConflictError:
    if found.withdrawn_at is not None:
        return ConflictError("The finding %(uuid)s has been withdrawn", field="uuid", uuid=found.uuid)
    return ConflictError(
        "The finding has been changed meanwhile; it is at version %(version)s now",
        field="version",
        version=found.version,
    )


def _change(conn: Connection, found: Finding, values: Mapping[str, Any]) -> None:
    """Change the row if it is still the one that was looked at."""
    still = (finding.c.fid == found.fid, finding.c.version == found.version)
    changed = update(finding).where(*still, finding.c.withdrawn_at.is_(None))
    if conn.execute(changed.values(**values, version=found.version + 1)).rowcount != 1:
        raise ConflictError("The finding has been changed meanwhile; read it again", field="version")


def _placed_anew(site: "Site", fid: int, street_hint: str | None) -> dict[str, Any] | None:
    """Return the placement with another street hint; None while there are no streets."""
    network = site.network_or_none()
    if network is None:
        return None
    with site.store.read() as conn:
        stored = select(*(finding.c[name] for name in placements.STORED)).where(finding.c.fid == fid)
        one = pd.DataFrame(frames.read(conn, stored))
        one["street_hint"] = pd.Series([street_hint], dtype=object)
        of = placements.positions_of(conn, one, site.settings)
    answer = placements.place(network, of, site.settings, track=alongside.evidence_of(site, fid))
    values = pd.DataFrame(answer).astype(object)
    row = values.where(values.notna(), None).iloc[0]
    return {str(name): row[name] for name in values.columns}


def _place(conn: Connection, fid: int, version: int, placed: Mapping[str, Any], now: datetime) -> None:
    of_it = (
        placement.c.finding_id == fid,
        placement.c.network_version == version,
        placement.c.method_version == placements.METHOD_VERSION,
    )
    conn.execute(update(placement).where(*of_it).values(**placed, placed_at=now))


def _note(
    conn: Connection, account: Account, what: tuple[str, Finding], details: dict[str, Any], now: datetime
) -> None:
    action, found = what
    history.append(
        conn,
        at=now,
        account_id=account.id,
        action=action,
        noun="finding",
        noun_id=found.uuid,
        version=found.version + 1,
        details=details,
    )
