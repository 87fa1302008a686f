"""Findings of a file that the site has already: the same ones brought back, or others under their ids.

What a site exports has rounded coordinates and not all that a phone said.  Brought back it is what was there,
unless somebody changed a cell; and an import changes nothing that is there.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import select

from layers.errors import ConflictError
from layers.field import placements
from layers.field.findings import Outcome, Told
from layers.field.reports import Report
from layers.field.scope import visible
from layers.people import Account
from layers.site import Site
from layers.store.schema import finding

# Exports write seven decimals of a degree and whole seconds
_SAME_DEG, _SAME_S = 1e-7, 1.0
_SAID = ("note", "n_items", "channel")
_IDS_AT_ONCE = 500


def told(site: Site, account: Account, reports: Sequence[Report]) -> list[Told]:
    """Return for each report whose id is known already that it is the same, or in what it differs.

    What `account` may not see differs in nothing that may be told.
    """
    there = _there(site, account, [report.uuid for report in reports])
    at = [report.position for report in reports]
    places = placements.lonlat_of([one.x for one in at], [one.y for one in at], [one.frame for one in at])
    return [
        _compared(report, place, there.get(report.uuid))
        for report, place in zip(reports, places, strict=True)
    ]


def _there(site: Site, account: Account, uuids: Sequence[str]) -> dict[str, Any]:
    columns = (finding.c[name] for name in ("uuid", "scheme", "code", "observed_at", "geom", *_SAID))
    asked = select(*columns).where(visible(account))
    found: dict[str, Any] = {}
    with site.store.read() as conn:
        for start in range(0, len(uuids), _IDS_AT_ONCE):
            some = finding.c.uuid.in_(uuids[start : start + _IDS_AT_ONCE])
            found |= {row.uuid: row for row in conn.execute(asked.where(some))}
    return found


def _compared(report: Report, place: NDArray[np.float64], there: Any) -> Told:
    if there is None:
        return ConflictError(
            "The finding %(uuid)s is known with other content", field="uuid", uuid=report.uuid
        )
    other = [name for name in _SAID if getattr(report, name) != getattr(there, name)]
    if (report.scheme, report.code) != (there.scheme, there.code):
        other.append("code")
    if abs((report.observed_at - there.observed_at).total_seconds()) >= _SAME_S:
        other.append("observed_at")
    if not np.allclose(place, (there.geom.x, there.geom.y), rtol=0.0, atol=_SAME_DEG):
        other.append("position")
    if not other:
        return Outcome.SAME, report.uuid
    return ConflictError(
        "The finding %(uuid)s is here with other content (%(fields)s); imports change no finding",
        field=other[0],
        uuid=report.uuid,
        fields=", ".join(other),
    )
