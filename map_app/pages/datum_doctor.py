"""The datum doctor: devices that are shifted with the evidence, what was corrected, and the way back."""

from datetime import date, datetime, time, timedelta
from typing import Any

import numpy as np
from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from geo.datum import to_wgs84
from layers.errors import InvalidError
from layers.field import datum, shifts
from layers.field.datum import Prescription
from layers.field.shifts import Shift
from layers.language import gettext
from map_app.maps import base
from map_app.maps import shifts as drawing
from map_app.pages import filters
from map_app.pages.gate import allow, visitor
from map_app.pages.maps import ground
from map_app.pages.service import analyst, now, site
from map_app.words import number

blueprint = Blueprint("datum_doctor", __name__)

FRAMES = {"wgs84": "WGS-84", "gcj02": "GCJ-02", "bd09": "BD-09"}
# A phone that was exchanged or set right long ago is no longer of interest
LOOK_BACK_DAYS = 90


@blueprint.get("/datum-doctor")
def page() -> ResponseReturnValue:
    """Show who is shifted, one device of them on the map, and the corrections there are."""
    allow("datum")
    found = _found() if site().network_or_none() else []
    chosen = _chosen(found)
    return render_template(
        "map_app/datum_doctor.html",
        days=LOOK_BACK_DAYS,
        proposals=found,
        chosen=chosen,
        words=_words(chosen) if chosen else [],
        first=chosen.first_at.astimezone(site().settings.zone).date() if chosen else None,
        parts=_map(chosen) if chosen else None,
        colours={"read": drawing.READ_COLOUR, "guess": drawing.GUESS_COLOUR},
        frames=FRAMES,
        busy=datum.is_being_derived(site()),
        applied=[{"row": one, "period": _period(one)} for one in datum.applied(site())],
    )


def _found() -> list[Shift]:
    # what came within the hour changes no mind, and millions of positions are not weighed at every click
    since, facts = _since(), site().facts()
    asked = {
        "since": since,
        "hour": now().replace(minute=0, second=0, microsecond=0),
        "network": facts["network"],
        "datum": facts["datum"],
    }
    return analyst().kept_of("shifts", asked, lambda: shifts.find(site(), since=since))


def _since() -> datetime:
    zone = site().settings.zone
    return _start_of(now().astimezone(zone).date() - timedelta(days=LOOK_BACK_DAYS))


def _start_of(day: date) -> datetime:
    return datetime.combine(day, time(), site().settings.zone)


def _chosen(found: list[Shift]) -> Shift | None:
    """Return the proposal that is asked for, else the surest."""
    device, frame = request.args.get("device"), request.args.get("frame")
    named = [one for one in found if one.device == device and one.frame == frame]
    return next(iter(named or found), None)


def _words(one: Shift) -> list[str]:
    """Return the evidence in sentences."""
    read, guess = FRAMES[one.read_in], FRAMES[one.guess]
    said = [
        gettext(
            "Of %(n)s positions %(read_share)s %% lie within 20 m of a street if read as %(read)s, "
            "%(guess_share)s %% if read as %(guess)s.",
            n=number(one.n_fixes),
            read_share=number(100 * one.near_share, 1),
            read=read,
            guess_share=number(100 * one.near_share_guess, 1),
            guess=guess,
        ),
        gettext(
            "On %(n_for)s of %(n)s days more positions lie near a street as %(guess)s.",
            n_for=one.n_days_for,
            n=one.n_days,
            guess=guess,
        ),
        gettext(
            "Log odds %(odds)s over %(places)s places on %(stretches)s stretches of street; "
            "%(z)s standard errors.",
            odds=number(one.log_odds),
            places=number(one.n_places),
            stretches=number(one.n_stretches),
            z=number(one.z, 1),
        ),
        gettext("The correction moves it by %(m)s m.", m=number(float(np.hypot(one.east_m, one.north_m)))),
    ]
    if one.n_references and one.reference_gap_m is not None and one.reference_gap_guess_m is not None:
        said.append(
            gettext(
                "%(n)s photos hold a position of their own: %(read_gap)s m away as %(read)s, "
                "%(guess_gap)s m as %(guess)s (medians).",
                n=number(one.n_references),
                read_gap=number(one.reference_gap_m),
                read=read,
                guess_gap=number(one.reference_gap_guess_m),
                guess=guess,
            )
        )
    return said


def _map(one: Shift) -> base.Parts:
    with site().store.read() as conn:
        fixes = shifts.positions(conn, site(), since=_since(), device=one.device)
    mine = fixes[(fixes["declared"] == one.frame) & (fixes["frame"] == one.read_in)]
    raw = mine[["lon", "lat"]].to_numpy(dtype=float)
    return base.parts(drawing.build(ground(), to_wgs84(raw, one.read_in), to_wgs84(raw, one.guess)))


def _period(one: Any) -> str:
    zone = site().settings.zone
    first = one.from_at.astimezone(zone).date().isoformat()
    if one.until_at is None:
        return gettext("from %(first)s on", first=first)
    last = (one.until_at.astimezone(zone) - timedelta(microseconds=1)).date()
    return f"{first} – {last.isoformat()}"


@blueprint.post("/datum-doctor")
def apply() -> ResponseReturnValue:
    """Apply a correction; the evidence of the moment is kept with it."""
    allow("datum")
    form = request.form
    first, last = (filters.day(request.form.get(name, ""), name) for name in ("from", "until"))
    if first is None:
        raise InvalidError("%(field)s is missing", field="from")
    device, frame, true_frame = (form.get(name, "") for name in ("device", "frame", "true_frame"))
    evidence = next(
        (
            one.evidence()
            for one in _found()
            if (one.device, one.frame, one.guess) == (device, frame, true_frame)
        ),
        None,
    )
    what = Prescription(
        device=device,
        frame=frame,
        true_frame=true_frame,
        from_at=_start_of(first),
        until_at=None if last is None else _start_of(last + timedelta(days=1)),
        evidence=evidence,
    )
    datum.apply(site(), visitor(), what, reason=form.get("reason", ""), now=now(), later=True)
    return redirect(url_for(".page"), 303)


@blueprint.post("/datum-doctor/<int:number>/take-back")
def take_back(number: int) -> ResponseReturnValue:
    """Take a correction back."""
    allow("datum")
    datum.withdraw(site(), visitor(), number, now=now(), later=True)
    return redirect(url_for(".page"), 303)


@blueprint.post("/datum-doctor/continue")
def finish() -> ResponseReturnValue:
    """Let a worker derive what was cut short."""
    allow("datum")
    datum.order_rest(site(), visitor(), now=now())
    return redirect(url_for(".page"), 303)
