"""The records of the field one by one, for who may see them; see `layers.field.scope`."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import shapely
from sqlalchemy import select

from geo.crs import LonLat
from layers.errors import NotFoundError
from layers.field import checks, findings, photos, tracks
from layers.field.records import Finding
from layers.field.scope import sees, visible
from layers.people import Account, may
from layers.store import schema

if TYPE_CHECKING:
    from layers.site import Site


def finding(site: "Site", account: Account, uuid: str) -> Finding:
    """Return one finding; one of a colleague is answered as if it were not there."""
    found = findings.get(site, uuid)
    areas = [one.id for one in found.districts]
    if not sees(account, found.account_id, areas, (found.scheme, found.code)):
        raise NotFoundError("There is no finding %(uuid)s", uuid=uuid)
    return found


def track(site: "Site", account: Account, uuid: str) -> dict[str, Any]:
    """Return what is stored of one track; one of a colleague is answered as if it were not there."""
    found = tracks.get(site, uuid)
    # a track tells of a person: whose view is limited to findings of some areas does not see it
    everybodys = may(account, "originals") and not account.scope.is_limited
    if account.id != found["account_id"] and not everybodys:
        raise NotFoundError("There is no track %(uuid)s", uuid=uuid)
    return found


def check(site: "Site", account: Account, uuid: str) -> dict[str, Any]:
    """Return what is stored of one check; one of a colleague is answered as if it were not there.

    Desks and supervisors see those of their areas.
    """
    found = checks.get(site, uuid)
    if account.id != found["account_id"] and not _oversees(site, account, found["geom"]):
        raise NotFoundError("There is no check %(uuid)s", uuid=uuid)
    return found


def looks_after_checks(account: Account) -> bool:
    """Tell whether an account looks after others' checks, of its areas if it has some.

    A check is of every category: whose view is limited to a few does not see the others' checks.
    """
    return may(account, "originals") and not account.scope.categories


def _oversees(site: "Site", account: Account, place: shapely.Point) -> bool:
    """Tell whether an account looks after others' records there, whatever their category."""
    if not looks_after_checks(account):
        return False
    areas = set(account.scope.districts)
    at = LonLat(shapely.get_coordinates(place))
    return not areas or not areas.isdisjoint(site.districts.containing(at)[1])


def photo(site: "Site", account: Account, sha256: str, *, thumbnail: bool = False) -> Path:
    """Return the file of the clean copy of a photo that belongs to a finding that `account` may see."""
    shown = (
        select(schema.photo.c.id)
        .join(schema.finding, schema.photo.c.finding_id == schema.finding.c.fid)
        .where(schema.photo.c.sha256 == sha256, visible(account))
    )
    with site.store.read() as conn:
        known = conn.execute(shown.limit(1)).first()
    if known is None:
        raise NotFoundError("There is no such photo")
    return photos.open_public(site, sha256, thumbnail=thumbnail)
