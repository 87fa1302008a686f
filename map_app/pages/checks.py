"""What was checked and found in order, check by check: one's own, or those of one's areas."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from layers.errors import NotFoundError
from layers.field import check_withdrawals
from layers.field.check_withdrawals import Wanted
from layers.language import gettext
from layers.people import may
from map_app.pages import filters
from map_app.pages.gate import allow, visitor
from map_app.pages.service import now, site

blueprint = Blueprint("checks", __name__)

_MOST = 200
_FIELDS = ("from", "until", "block", "check")


@dataclass(frozen=True, slots=True)
class Line:
    """One check as it is shown; `state` is counts, in_doubt or withdrawn."""

    uuid: str
    observed_at: datetime
    by: str
    where: str
    extent: str
    note: str
    state: str
    withdrawn_at: datetime | None
    withdrawn_by: str
    reason: str


@blueprint.get("/checks")
def listed() -> ResponseReturnValue:
    """List the checks that the visitor may see, the newest first."""
    allow("report")
    choice = filters.parse(request.args)
    wanted = Wanted(
        since=choice.wanted.observed_from,
        until=choice.wanted.observed_until,
        block_id=choice.wanted.block_id,
        uuid=request.args.get("check") or None,
    )
    rows = check_withdrawals.listed(site(), visitor(), wanted, most=_MOST)
    return render_template(
        "map_app/checks.html",
        lines=[_line(one) for one in rows.itertuples()],
        chosen=_kept(),
        sees_all=may(visitor(), "originals"),
        most=_MOST,
        reasons=reasons(),
    )


@blueprint.post("/checks/<uuid>/withdraw")
def withdraw(uuid: str) -> ResponseReturnValue:
    """Withdraw a check, and lead back to the list."""
    allow("report")
    try:
        known = str(UUID(uuid))
    except ValueError as error:
        raise NotFoundError("There is no check %(uuid)s", uuid=uuid[:40]) from error
    reason = request.form.get("reason", "")
    check_withdrawals.withdraw(site(), visitor(), known, reason=reason, now=now())
    return redirect(url_for(".listed", **_kept(), _anchor=f"check-{known}"), 303)


def reasons() -> list[str]:
    """Return what is said most when a check is withdrawn."""
    return [
        gettext("wrong street"),
        gettext("not all of it was looked at"),
        gettext("something was there after all"),
    ]


def _kept() -> dict[str, Any]:
    return {name: request.args[name] for name in _FIELDS if request.args.get(name)}


def _line(row: Any) -> Line:
    in_doubt = not isinstance(row.block_id, str)
    withdrawn = isinstance(row.withdrawn_by, str)
    return Line(
        uuid=row.uuid,
        observed_at=row.observed_at,
        by=row.name,
        where="" if in_doubt else _where(row),
        extent=gettext("the whole block") if row.extent == "block" else gettext("this place"),
        note=row.note or "",
        state="withdrawn" if withdrawn else "in_doubt" if in_doubt else "counts",
        withdrawn_at=row.withdrawn_at if withdrawn else None,
        withdrawn_by=row.withdrawn_by if withdrawn else "",
        reason=(row.withdrawn_reason or "") if withdrawn else "",
    )


def _where(row: Any) -> str:
    name = row.street_name if isinstance(row.street_name, str) and row.street_name else gettext("(no name)")
    return f"{name} · {(row.to_mm - row.from_mm) / 1000:.0f} m"
