"""Who may see what of the field: inspectors their own findings and tracks, supervisors and admins all."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from layers.errors import NotFoundError
from layers.field import findings, photos, tracks
from layers.field.asking import FindingFilter
from layers.field.records import Finding
from layers.people import Account
from layers.store import schema

if TYPE_CHECKING:
    from layers.site import Site


def sees(account: Account, owner_id: int) -> bool:
    """Tell whether `account` may see the records of `owner_id`.

    >>> inspector = Account(1, "li", "李", "inspector")
    >>> sees(inspector, 1), sees(inspector, 2), sees(Account(3, "wang", "王", "supervisor"), 2)
    (True, False, True)
    """
    return account.role != "inspector" or account.id == owner_id


def may_change(account: Account, owner_id: int) -> bool:
    """Tell whether `account` may correct or withdraw what `owner_id` reported.

    >>> may_change(Account(1, "li", "李", "inspector"), 2), may_change(Account(3, "wang", "王", "admin"), 2)
    (False, True)
    """
    return account.id == owner_id or account.role in ("supervisor", "admin")


def seen_by(account: Account, wanted: FindingFilter) -> FindingFilter:
    """Return the filter, narrowed to what `account` may see."""
    return replace(wanted, account_id=account.id) if account.role == "inspector" else wanted


def finding(site: "Site", account: Account, uuid: str) -> Finding:
    """Return one finding; one of a colleague is answered as if it were not there."""
    found = findings.get(site, uuid)
    if not sees(account, found.account_id):
        raise NotFoundError("There is no finding %(uuid)s", uuid=uuid)
    return found


def track(site: "Site", account: Account, uuid: str) -> dict[str, Any]:
    """Return what is stored of one track; one of a colleague is answered as if it were not there."""
    found = tracks.get(site, uuid)
    if not sees(account, found["account_id"]):
        raise NotFoundError("There is no track %(uuid)s", uuid=uuid)
    return found


def photo(site: "Site", account: Account, sha256: str, *, thumbnail: bool = False) -> Path:
    """Return the file of the clean copy of a photo that belongs to a finding that `account` may see."""
    owners = (
        select(schema.finding.c.account_id)
        .join(schema.photo, schema.photo.c.finding_id == schema.finding.c.fid)
        .where(schema.photo.c.sha256 == sha256)
    )
    with site.store.read() as conn:
        known = conn.execute(owners).scalars().all()
    if not any(sees(account, owner) for owner in known):
        raise NotFoundError("There is no such photo")
    return photos.open_public(site, sha256, thumbnail=thumbnail)
